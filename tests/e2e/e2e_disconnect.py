#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What becomes of a stream whose producer is gone: finish, salvage, abort, detach; Attach."""

import os
import select
import signal
import socket

import ring as rings
from harness import (KIB, SERVICE, STREAM, ForebayTest, main, random_bytes, wait_until)


class Disconnect(ForebayTest):
    def left(self, path, data=b"taken", ring_bytes=None, **context):
        """A stream whose producer wrote this and hung up."""
        client = self.daemon.client()
        stream = client.open_stream(path, ring_bytes=ring_bytes, **context)
        if data and stream.ring:
            stream.ring.write(data)
        elif data:
            stream.write(data)
        if stream.ring:
            stream.ring.close()
        client.close()
        return stream

    def runtime(self, stream):
        return self.client.call(STREAM + "Describe", {"id": stream.id})["runtime"]

    def over(self, stream):
        return wait_until(lambda: (runtime := self.runtime(stream))["state"] in (
            "finished", "aborted", "failed") and runtime, "the stream is over")

    def test_finish_publishes_what_was_taken(self):
        for ring_bytes in (None, 64 * KIB):
            stream = self.left("finished", ring_bytes=ring_bytes, onDisconnect="finish")
            runtime = self.over(stream)
            self.assertEqual(("finished", 5), (runtime["state"], runtime["bytesAccepted"]))
            self.assertEqual(b"taken", self.read_stored("finished"))
            self.daemon.file("finished").unlink()

    def test_salvage_keeps_the_old_file_and_a_partial(self):
        for ring_bytes in (None, 64 * KIB):
            for mode in ("replace", "exclusive"):
                with self.subTest(ring_bytes=ring_bytes, mode=mode):
                    name = f"salvaged-{mode}"
                    if mode == "replace":
                        self.daemon.file(name).write_text("old")
                    runtime = self.over(self.left(name, ring_bytes=ring_bytes, open=mode))
                    self.assertEqual(b"taken", self.read_stored(name + ".partial"))
                    self.assertEqual(str(self.daemon.file(name + ".partial")), runtime["path"])
                    if mode == "replace":
                        self.assertEqual(b"old", self.read_stored(name))
                    else:
                        self.assertFalse(self.daemon.file(name).exists())
        self.no_temporaries()

    def test_a_newer_partial_replaces_an_older_one(self):
        self.over(self.left("again", b"first, longer"))
        self.over(self.left("again", b"second"))
        self.assertEqual(b"second", self.read_stored("again.partial"))

    def test_nothing_taken_makes_no_partial(self):
        self.over(self.left("nothing", b""))
        self.assertFalse(self.daemon.file("nothing.partial").exists())
        self.no_temporaries()

    def test_the_terminal_event_names_the_partial(self):
        events = self.connect()
        events.send(STREAM + "SubscribeEvents", {}, more=True)
        events.receive_for(STREAM + "SubscribeEvents")
        stream = self.left("told")
        while True:
            event = events.receive_for(STREAM + "SubscribeEvents").parameters
            if event.get("id") == stream.id and event["event"] in ("finish", "abort", "error"):
                break
        self.assertEqual(str(self.daemon.file("told.partial")), event["runtime"]["path"])
        self.over(stream)

    def test_abort_leaves_nothing(self):
        for ring_bytes in (None, 64 * KIB):
            self.daemon.file("aborted").write_text("old")
            runtime = self.over(self.left("aborted", ring_bytes=ring_bytes, onDisconnect="abort"))
            self.assertEqual("aborted", runtime["state"])
            self.assertEqual(b"old", self.read_stored("aborted"))
            self.assertFalse(self.daemon.file("aborted.partial").exists())
        self.no_temporaries()

    def test_in_place_modes_finish_by_default(self):
        self.daemon.file("log").write_text("old ")
        self.assertEqual("finished", self.over(self.left("log", open="append"))["state"])
        self.assertEqual(b"old taken", self.read_stored("log"))
        for mode in ("append", "truncate", "update"):
            with self.fails_parameter("onDisconnect"):
                self.open("log", open=mode, onDisconnect="salvage")

    def test_end_before_the_hang_up_is_an_end(self):
        for ring_bytes in (None, 64 * KIB):
            for rule in ("salvage", "abort", "finish", "detach"):
                with self.subTest(ring_bytes=ring_bytes, rule=rule):
                    client = self.daemon.client()
                    stream = client.open_stream("ended", ring_bytes=ring_bytes, onDisconnect=rule)
                    if stream.ring:
                        stream.ring.write(b"whole")
                        stream.ring.words[rings.W_ENDED] = 1          # and no byte is sent
                        stream.ring.close()
                    else:
                        client.oneway(STREAM + "Write", {"id": stream.id, "data": "whole"})
                        client.oneway(STREAM + "End", {"id": stream.id})
                    client.close()
                    self.assertEqual("finished", self.over(stream)["state"])
                    self.assertEqual(b"whole", self.read_stored("ended"))
                    self.daemon.file("ended").unlink()

    def test_what_stands_in_the_ring_at_the_hang_up_counts(self):
        client = self.daemon.client()
        stream = client.open_stream("unsignalled", ring_bytes=64 * KIB, onDisconnect="finish")
        stream.ring.copy_in(0, b"never signalled")
        stream.ring.words[rings.W_HEAD] = 15
        stream.ring.close()
        client.close()
        self.over(stream)
        self.assertEqual(b"never signalled", self.read_stored("unsignalled"))

    def test_corks_lapse_with_the_connection(self):
        client = self.daemon.client()
        stream = client.open_stream("corked", onDisconnect="finish")
        client.call(STREAM + "Cork", {"id": stream.id})
        stream.write("corked")
        client.close()
        self.assertEqual("finished", self.over(stream)["state"])
        self.assertEqual(b"corked", self.read_stored("corked"))

    def test_detach_lives_on_for_anybody_of_the_user(self):
        stream = self.left("detached", onDisconnect="detach")
        wait_until(lambda: not self.runtime(stream)["attached"], "detached")
        self.client.call(STREAM + "Write", {"id": stream.id, "data": " and more"})
        with self.daemon.client() as third:
            third.call(STREAM + "End", {"id": stream.id, "data": ", all of it"})
        runtime = self.client.call(STREAM + "Wait", {"id": stream.id, "level": "finish"})["runtime"]
        self.assertEqual("finished", runtime["state"])
        self.assertEqual(b"taken and more, all of it", self.read_stored("detached"))

    def test_detach_ends_after_its_time(self):
        stream = self.left("timed", onDisconnect="detach", attachTimeoutUSec=200_000)
        self.over(stream)
        self.assertFalse(self.daemon.file("timed").exists())

    def test_only_the_holder_writes(self):
        stream = self.open("held")
        other = self.connect()
        for method, parameters in (("Write", {"data": "x"}), ("Cork", {}), ("Uncork", {}),
                                   ("End", {})):
            with self.fails(SERVICE + "PermissionDenied"):
                other.call(STREAM + method, {"id": stream.id, **parameters})
        other.call(STREAM + "Describe", {"id": stream.id})
        other.call(STREAM + "Wait", {"id": stream.id})
        stream.finish("mine")
        self.assertEqual(b"mine", self.read_stored("held"))

    def test_attach_needs_the_token(self):
        stream = self.left("token", onDisconnect="detach")
        for token in ("", "x", stream.token[:-1], stream.token + "0",
                      stream.token[:-1] + ("0" if stream.token[-1] != "0" else "1")):
            with self.fails(SERVICE + "PermissionDenied"):
                self.client.call(STREAM + "Attach", {"id": stream.id, "token": token})
        self.client.attach(stream.id, stream.token).finish()

    def test_attach_takes_over_a_detached_stream(self):
        stream = self.left("attached", onDisconnect="detach")
        wait_until(lambda: not self.runtime(stream)["attached"], "detached")
        again = self.client.attach(stream.id, stream.token)
        self.assertEqual((True, 5), (again.runtime["attached"], again.runtime["bytesAccepted"]))
        again.finish(" back")
        self.assertEqual(b"taken back", self.read_stored("attached"))

    def test_attach_takes_over_from_a_living_holder(self):
        stream = self.open("contested")
        stream.write("first ")
        other = self.connect()
        taken = other.attach(stream.id, stream.token)
        with self.fails(SERVICE + "PermissionDenied"):
            stream.write("too late")
        taken.finish("second")
        self.assertEqual(b"first second", self.read_stored("contested"))

    def test_the_hang_up_of_a_former_holder_means_nothing(self):
        first = self.daemon.client()
        stream = first.open_stream("former", onDisconnect="abort")
        taken = self.client.attach(stream.id, stream.token)
        first.close()
        self.client.call("io.forebay.daemon.Ping")
        taken.finish("alive")
        self.assertEqual(b"alive", self.read_stored("former"))

    def test_attach_to_a_ring_goes_on_where_it_was(self):
        content = random_bytes(200_000)
        client = self.daemon.client()
        stream = client.open_stream("ring", ring_bytes=64 * KIB, onDisconnect="detach")
        stream.ring.write_all(content[:90_000], 7000)
        stream.ring.close()
        client.close()
        wait_until(lambda: not self.runtime(stream)["attached"], "detached")
        again = self.client.attach(stream.id, stream.token)
        self.cleanup.callback(again.ring.close)
        self.assertEqual(90_000, again.runtime["bytesAccepted"])
        self.assertEqual(90_000, again.ring.head)
        again.ring.write_all(content[90_000:], 7000)
        again.ring.end()
        self.assertEqual("finished", again.wait("finish")["state"])
        self.assertEqual(content, self.read_stored("ring"))

    def test_attach_to_what_is_over_or_unknown(self):
        stream = self.open("over")
        stream.finish()
        with self.fails(STREAM + "WrongState", id=stream.id, state="finished"):
            self.client.call(STREAM + "Attach", {"id": stream.id, "token": stream.token})

    def test_half_closed_is_not_gone(self):
        client = self.connect()
        stream = client.open_stream("half", onDisconnect="abort")
        client.send(STREAM + "Write", {"id": stream.id, "data": "half "})
        client.send(STREAM + "End", {"id": stream.id, "data": "closed"})
        client.send(STREAM + "Wait", {"id": stream.id, "level": "finish"})
        client.socket.shutdown(socket.SHUT_WR)
        client.receive_for(STREAM + "Write")
        client.receive_for(STREAM + "End")
        self.assertEqual("finished",
                         client.receive_for(STREAM + "Wait").parameters["runtime"]["state"])
        self.assertEqual(b"half closed", self.read_stored("half"))

    def test_a_hang_up_right_behind_a_call_is_seen(self):
        # With a reply unread the kernel tells of an error, not of an end.
        for number, (member, flags) in enumerate((("Wait", {}), ("Cork", {"oneway": True}))):
            with self.daemon.client() as client:
                stream = client.open_stream(f"behind{number}", onDisconnect="finish")
                client.send(STREAM + "Write", {"id": stream.id, "data": "x"})
                select.select([client.socket], [], [])
                os.kill(self.daemon.pid, signal.SIGSTOP)
                try:
                    client.send(STREAM + member, {"id": stream.id}, **flags)
                    client.close()
                finally:
                    os.kill(self.daemon.pid, signal.SIGCONT)
            self.over(stream)
            self.assertEqual(b"x", self.read_stored(f"behind{number}"))

    def test_producers_that_vanish_by_the_dozen(self):
        streams = []
        for number in range(40):
            ring_bytes = 64 * KIB if number % 2 else None
            rule = ("finish", "salvage", "abort", "salvage")[number % 4]
            streams.append((rule, f"dozen/{number}", self.left(
                f"dozen/{number}", f"content {number}".encode(), ring_bytes, onDisconnect=rule)))
        for rule, path, stream in streams:
            self.over(stream)
            wanted = {"finish": path, "salvage": path + ".partial"}.get(rule)
            content = f"content {path[6:]}".encode()
            if wanted:
                self.assertEqual(content, self.read_stored(wanted))
            else:
                self.assertFalse(self.daemon.file(path).exists())
        self.no_temporaries()


if __name__ == "__main__":
    main()
