#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams whose bytes come in the calls: Open, Write, Cork, End, Describe, List, Abort, rate."""

import os
import time

from harness import (DAEMON, KIB, MIB, SERVICE, STREAM, ForebayTest, VarlinkError, main,
                     random_bytes, wait_until)

NOBODY = 65534


class Inline(ForebayTest):
    def test_what_is_written_is_in_the_file(self):
        content = random_bytes(500_000)
        stream = self.open("file")
        sequence = 0
        for at in range(0, len(content), 40_000):
            said = stream.write(content[at:at + 40_000])
            sequence += 1
            self.assertEqual(sequence, said["sequence"])
            if not said["writable"]:
                stream.wait("drain")
        stream.end()
        runtime = stream.wait("finish")
        self.assertEqual(("finished", len(content), len(content), len(content), 0), (
            runtime["state"], runtime["bytesAccepted"], runtime["bytesWritten"],
            runtime["bytesSynced"], runtime["writableLength"]))
        self.assertEqual((sequence, sequence), (runtime["sequence"], runtime["doneSequence"]))
        self.assertEqual(str(self.daemon.file("file")), runtime["path"])
        self.assertEqual(content, self.read_stored("file"))
        self.no_temporaries()

    def test_open_tells_the_context_in_force(self):
        context = self.open("defaults").context
        for field, value in (("open", "replace"), ("ack", "synced"), ("mode", "0640"),
                             ("onError", "fail"), ("onDisconnect", "salvage"),
                             ("highWaterMark", 65536), ("lowWaterMark", 0),
                             ("syncIntervalUSec", 1_000_000), ("maximumLength", MIB),
                             ("path", "defaults")):
            self.assertEqual(value, context.get(field), field)
        for mode in ("append", "truncate"):
            self.assertEqual("finish", self.open(mode, open=mode).context["onDisconnect"])
        large = self.open("large", highWaterMark=2 * MIB)
        self.assertEqual(8 * MIB, large.context["maximumLength"])
        given = {"open": "exclusive", "ack": "written", "mode": "0600", "highWaterMark": 10,
                 "lowWaterMark": 5, "maximumLength": 100, "syncIntervalUSec": 5000,
                 "onDisconnect": "abort", "onError": "pause", "sizeHint": 12345,
                 "attachTimeoutUSec": 77, "rateBytesPerSecond": 10 ** 9, "labels": {"who": "test"}}
        context = self.open("given", **given).context
        for field, value in given.items():
            self.assertEqual(value, context.get(field), field)

    def test_impossible_contexts_are_refused(self):
        for context, wrong in (
                ({"highWaterMark": -1}, "highWaterMark"), ({"lowWaterMark": -1}, "lowWaterMark"),
                ({"highWaterMark": 10, "lowWaterMark": 10}, "lowWaterMark"),
                ({"highWaterMark": 10, "lowWaterMark": 11}, "lowWaterMark"),
                ({"maximumLength": -1}, "maximumLength"), ({"mode": "rw"}, "mode"),
                ({"mode": "9"}, "mode"), ({"mode": "01777"}, "mode"), ({"start": -1}, "start"),
                ({"start": 5}, "start"), ({"start": 5, "open": "append"}, "start"),
                ({"syncIntervalUSec": -1}, "syncIntervalUSec"), ({"sizeHint": -1}, "sizeHint"),
                ({"rateBytesPerSecond": -1}, "rateBytesPerSecond"),
                ({"attachTimeoutUSec": -1}, "attachTimeoutUSec"),
                ({"open": "append", "onDisconnect": "salvage"}, "onDisconnect"),
                ({"store": 7}, "store")):
            with self.subTest(context=context), self.assertRaises(VarlinkError) as caught:
                self.open("impossible", **context)
            self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)
            self.assertIn(wrong, caught.exception.parameters["parameter"])
        for ring in (-1, 1, 64 * KIB - 1, 2 ** 30 + 1, 2 ** 53):
            with self.fails_parameter("ringBytes"):
                self.open("impossible", ring_bytes=ring)
        with self.assertRaises(VarlinkError) as caught:
            self.client.call(STREAM + "Open", {"context": {}})
        self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)
        with self.fails(STREAM + "NoSuchStore", store="none"):
            self.open("x", store="none")
        self.assertEqual([], [name for name in self.daemon.files() if "impossible" in name])

    def test_each_encoding_of_data(self):
        stream = self.open("encodings")
        for data, encoding in (("grüße", None), (" 日本 ", "utf8"), ("00ff", "hex"),
                               ("AP8=", "base64"), ("", None)):
            parameters = {"id": stream.id, "data": data}
            if encoding:
                parameters["encoding"] = encoding
            self.client.call(STREAM + "Write", parameters)
        stream.finish("end")
        self.assertEqual("grüße 日本 ".encode() + b"\0\xff\0\xff" + b"end",
                         self.read_stored("encodings"))

    def test_a_write_needs_exactly_one_source(self):
        stream = self.open("sources")
        for parameters in ({}, {"data": "x", "buffer": "b0000000000000000"},
                           {"data": "x", "encoding": "latin1"}):
            with self.subTest(parameters=parameters), self.assertRaises(VarlinkError) as caught:
                self.client.call(STREAM + "Write", {"id": stream.id, **parameters})
            self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)
        self.assertEqual(0, stream.finish()["bytesAccepted"])

    def test_an_empty_stream_makes_an_empty_file(self):
        self.open("empty").finish()
        self.assertEqual(b"", self.read_stored("empty"))

    def test_nothing_stands_under_the_name_before_the_end(self):
        stream = self.open("hidden", ack="published")
        stream.write("content")
        stream.wait("synced")
        self.assertFalse(self.daemon.file("hidden").exists())
        self.assertEqual(1, len([name for name in self.daemon.files() if ".forebay-" in name]))
        stream.finish()
        self.assertTrue(self.daemon.file("hidden").exists())
        self.no_temporaries()

    def test_the_mode_is_that_of_the_context(self):
        os.umask(0o077)
        for mode, bits in (("0640", 0o640), ("0604", 0o604), ("777", 0o777)):
            self.open("mode" + mode, mode=mode).finish("x")
            self.assertEqual(bits, self.daemon.file("mode" + mode).stat().st_mode & 0o7777)

    def test_end_with_a_last_chunk_and_nothing_after(self):
        stream = self.open("ended")
        stream.write("first ")
        stream.end("last")
        for _ in range(3):
            with self.fails(STREAM + "WriteAfterEnd", id=stream.id):
                stream.write("late")
            with self.fails(STREAM + "WriteAfterEnd", id=stream.id):
                stream.end("later")
        self.assertEqual("finished", stream.wait("finish")["state"])
        with self.fails(STREAM + "WriteAfterEnd", id=stream.id):
            stream.write("far too late")
        self.assertEqual(b"first last", self.read_stored("ended"))

    def test_ended_streams_can_be_described(self):
        stream = self.open("described", labels={"kept": "yes"})
        stream.finish("content")
        about = self.client.call(STREAM + "Describe", {"id": stream.id})
        self.assertEqual({"kept": "yes"}, about["context"]["labels"])
        self.assertEqual("finished", about["runtime"]["state"])
        self.assertEqual("finished", stream.wait("finish")["state"])

    def test_at_most_64_ended_streams_are_kept(self):
        first = self.open("kept0")
        first.finish()
        for number in range(1, 65):
            last = self.open(f"kept{number % 4}")
            last.finish()

        def forgotten():
            try:
                first.describe()
            except VarlinkError as error:
                return error.name == STREAM + "NoSuchStream"
        wait_until(forgotten, "the oldest is forgotten")
        last.describe()

    def test_a_producer_can_ask_for_its_own_last_stream_among_many(self):
        producers = [self.connect() for _ in range(80)]
        opened = [self.open(f"crowd{number}", client) for number, client in enumerate(producers)]
        for stream in opened:
            stream.end("x")
        for stream in opened:
            self.assertEqual("finished", stream.wait("finish", 0)["state"])

    def test_unknown_streams(self):
        for text in ("", "s", "s0", "b" + "0" * 16, "x" * 1000):
            for method, parameters in (("Describe", {}), ("Write", {"data": "x"}), ("End", {}),
                                       ("Wait", {}), ("Cork", {}), ("Abort", {}), ("Pause", {}),
                                       ("Resume", {}), ("SetRate", {"rateBytesPerSecond": 1}),
                                       ("Attach", {"token": "x"})):
                with self.fails(STREAM + "NoSuchStream"):
                    self.client.call(STREAM + method, {"id": text, **parameters})

    def test_abort_leaves_nothing(self):
        self.open("kept").finish("old")
        stream = self.open("kept")
        stream.write("new")
        self.assertGreaterEqual(stream.abort("changed my mind")["discardedBytes"], 0)
        wait_until(lambda: stream.state() == "aborted", "aborted")
        self.assertEqual(b"old", self.read_stored("kept"))
        self.no_temporaries()
        self.assertNotIn("kept.partial", self.daemon.files())
        with self.fails(STREAM + "WrongState", id=stream.id, state="aborted"):
            stream.write("x")
        with self.fails(STREAM + "WrongState", id=stream.id, state="aborted"):
            stream.end()

    def test_pause_holds_bytes_back_and_resume_lets_them_go(self):
        stream = self.open("paused", ack="written")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        self.assertEqual("paused", stream.state())
        stream.write("held")
        with self.fails(STREAM + "TimedOut", id=stream.id):
            stream.wait("written", timeout_usec=100_000)
        self.assertEqual((4, 0), (stream.describe()["writableLength"],
                                  stream.describe()["bytesWritten"]))
        self.client.call(STREAM + "Resume", {"id": stream.id})
        self.assertEqual(4, stream.wait("written")["bytesWritten"])
        stream.finish()
        self.assertEqual(b"held", self.read_stored("paused"))

    def test_a_paused_stream_that_is_ended_ends_when_resumed(self):
        for written in (b"", b"done before"):
            stream = self.open("paused-end", ack="written")
            if written:
                stream.write(written)
                stream.wait("written")
            self.client.call(STREAM + "Pause", {"id": stream.id})
            stream.end()
            with self.fails(STREAM + "TimedOut"):
                stream.wait("finish", timeout_usec=100_000)
            self.assertEqual("paused", stream.state())
            self.client.call(STREAM + "Resume", {"id": stream.id})
            self.assertEqual("finished", stream.wait("finish")["state"])
            self.assertEqual(written, self.read_stored("paused-end"))
        stream = self.open("paused-abort")
        self.client.call(STREAM + "Pause", {"id": stream.id})
        stream.end()
        stream.abort()
        wait_until(lambda: stream.state() == "aborted", "aborted")
        self.no_temporaries()

    def test_what_comes_right_behind_the_end_is_too_late(self):
        reader, writer = os.pipe()
        self.cleanup.callback(os.close, reader)
        self.cleanup.callback(os.close, writer)
        for member in ("Abort", "Pause"):
            for context in ({"path": "late", "ack": "written"}, {"path": "late"}, {"fd": writer}):
                stream = self.open(**context)
                self.client.send_raw(self.client.encode(STREAM + "End", {"id": stream.id}) +
                                     self.client.encode(STREAM + member, {"id": stream.id}))
                self.client.receive_for(STREAM + "End")
                with self.fails(STREAM + "WrongState", id=stream.id):
                    self.client.receive_for(STREAM + member)
                self.assertEqual("finished", stream.wait("finish")["state"])
        self.no_temporaries()

    def test_memory_of_inline_data_is_used_again(self):
        stream = self.open("again")
        for _ in range(20):
            stream.write(bytes(128 * KIB))
            stream.write("small")
            stream.wait("synced")
        held = [name for name in self.daemon.descriptors() if "inline" in name]
        self.assertLess(len(held), 3)
        stream.finish()

    def test_corks_upon_corks_lapse_as_one(self):
        stream = self.open("corked-again", ack="written")
        stream.client.call(STREAM + "Cork", {"id": stream.id})
        stream.write("x")
        for _ in range(7):
            time.sleep(0.25)
            stream.client.call(STREAM + "Cork", {"id": stream.id})
        self.assertEqual(1, stream.describe()["bytesWritten"])
        stream.finish()

    def test_cork_holds_writes_together(self):
        stream = self.open("corked", ack="written")
        self.assertEqual({"corked": 1}, stream._call("Cork"))
        self.assertEqual({"corked": 2}, stream._call("Cork"))
        stream.write("a")
        stream.write("b")
        runtime = stream.describe()
        self.assertEqual((2, 2, 0), (runtime["corked"], runtime["writableLength"],
                                     runtime["bytesWritten"]))
        with self.assertRaises(VarlinkError) as caught:
            stream.wait("written")
        self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)
        self.assertEqual({"corked": 1}, stream._call("Uncork"))
        self.assertEqual({"corked": 0}, stream._call("Uncork"))
        self.assertEqual({"corked": 0}, stream._call("Uncork"))
        self.assertEqual(2, stream.wait("written")["bytesWritten"])
        stream.finish()

    def test_corks_lapse_after_a_second_and_at_the_end(self):
        stream = self.open("lapsing", ack="written")
        stream._call("Cork")
        stream.write("a")
        wait_until(lambda: stream.describe()["bytesWritten"] == 1, "the cork lapses", 5)
        self.assertEqual(0, stream.describe()["corked"])
        stream._call("Cork")
        stream.write("b")
        stream.finish("c")
        self.assertEqual(b"abc", self.read_stored("lapsing"))

    def test_the_rate_is_kept_and_can_be_changed(self):
        stream = self.open("slow", ack="written", rateBytesPerSecond=64 * KIB,
                           highWaterMark=256 * KIB)
        started = time.monotonic()
        stream.write(bytes(192 * KIB))
        with self.fails(STREAM + "TimedOut"):
            stream.wait("written", timeout_usec=300_000)
        self.assertLess(stream.describe()["bytesWritten"], 192 * KIB)
        self.client.call(STREAM + "SetRate", {"id": stream.id, "rateBytesPerSecond": 0})
        self.assertEqual(192 * KIB, stream.wait("written")["bytesWritten"])
        self.assertLess(time.monotonic() - started, 2.5)
        stream.finish()

    def test_list_shows_own_streams(self):
        made = {self.open(f"listed{number}").id for number in range(3)}
        listed = {reply["id"]: reply for reply in self.client.more(STREAM + "List")}
        self.assertLessEqual(made, set(listed))
        for stream in made:
            self.assertEqual("open", listed[stream]["runtime"]["state"])
            self.assertTrue(listed[stream]["runtime"]["attached"])

    def test_usage_and_limits_count_streams(self):
        before = self.client.call(DAEMON + "Describe")["usage"]["streams"]
        stream = self.open("counted")
        self.assertEqual(before + 1, self.client.call(DAEMON + "Describe")["usage"]["streams"])
        stream.finish()
        wait_until(lambda: self.client.call(DAEMON + "Describe")["usage"]["streams"] == before,
                   "it is no longer counted")

    def test_the_last_publish_wins(self):
        first, second = self.open("raced"), self.open("raced")
        first.write("first")
        second.finish("second")
        self.assertEqual(b"second", self.read_stored("raced"))
        first.finish()
        self.assertEqual(b"first", self.read_stored("raced"))

    def test_many_streams_at_once(self):
        streams = [self.open(f"many/{number}") for number in range(50)]
        for number, stream in enumerate(streams):
            stream.write(f"{number} " * 1000)
        for stream in streams:
            stream.end()
        for number, stream in enumerate(streams):
            stream.wait("finish")
            self.assertEqual(f"{number} ".encode() * 1000, self.read_stored(f"many/{number}"))

    def test_other_users_see_nothing(self):
        self.root_only()
        stream = self.open("secret")
        other = self.connect(uid=NOBODY)
        for method, parameters in (("Describe", {}), ("Write", {"data": "x"}), ("End", {}),
                                   ("Wait", {}), ("Abort", {}), ("Pause", {}),
                                   ("Attach", {"token": stream.token}),
                                   ("SubscribeEvents", {})):
            with self.fails(STREAM + "NoSuchStream", id=stream.id):
                parameters = {"id": stream.id, **parameters}
                if method == "SubscribeEvents":
                    list(other.more(STREAM + method, parameters))
                other.call(STREAM + method, parameters)
        self.assertEqual([], [reply for reply in other.more(STREAM + "List") if reply.get("id")])
        # A store that is not perUser serves the daemon's own user and root alone.
        with self.fails(STREAM + "PathRefused"):
            self.open("theirs", client=other)


if __name__ == "__main__":
    main()
