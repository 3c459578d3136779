#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pipe: from any source through steps into any sink, all of it in the daemon."""

import gzip
import hashlib
import os
import time

from harness import BUFFER, DAEMON, KIB, MIB, STREAM, VarlinkError, main, random_bytes, wait_until
from readable_test import (CELLS, GUNZIP, GZIP, SINKS, SOURCES, UNZSTD, ZSTD, PipeTest, fill, held,
                           waiting_bytes)

CONTENT = random_bytes(2 * MIB + 777)


class Equal(PipeTest):
    def test_compressed_and_back_is_the_same_at_every_size_and_mark(self):
        for size, mark in CELLS:
            with self.subTest(size=size, mark=mark):
                self.put("plain", CONTENT[:size])
                there = self.pipe("plain", steps=[GZIP], path="packed.gz", mark=mark)
                packed = self.read_stored("packed.gz")
                self.same(CONTENT[:size], gzip.decompress(packed))
                back = self.pipe("packed.gz", steps=[GUNZIP], path="again", mark=mark)
                self.same(CONTENT[:size], self.read_stored("again"))
                # Both count what they read and what they write.
                self.assertEqual((True, size, len(packed), size, len(packed), len(packed), size), (
                    there["done"], there["bytesRead"], there["bytesWritten"],
                    there["totalBytes"], back["bytesRead"], back["totalBytes"],
                    back["bytesWritten"]))
                self.assertEqual(str(self.daemon.file("again")), back["path"])
        self.no_temporaries()

    def test_every_source_goes_into_every_sink(self):
        content = CONTENT[:300_001]
        for source in SOURCES:
            for sink in SINKS:
                for steps in (None, [ZSTD, UNZSTD]):
                    with self.subTest(source=source, sink=sink, steps=steps):
                        into, found = self.sink(sink, len(content))
                        said = self.pipe(**self.source(source, content), **into, steps=steps,
                                         mark=10_000)
                        self.same(content, found())
                        self.assertEqual((True, len(content), len(content)), (
                            said["done"], said["bytesRead"], said["bytesWritten"]))
                        self.assertEqual(len(content), said.get("totalBytes"))

    def test_nothing_goes_into_every_sink(self):
        for source in SOURCES:
            for sink in SINKS:
                with self.subTest(source=source, sink=sink):
                    into, found = self.sink(sink, 0)
                    said = self.pipe(**self.source(source, b""), **into)
                    self.assertEqual((b"", True, 0, 0), (found(), said["done"], said["bytesRead"],
                                                         said["bytesWritten"]))

    def test_a_range_of_a_file_or_buffer(self):
        self.put("range", CONTENT[:10_000])
        buffer = self.make_buffer(CONTENT[:10_000])
        for place in ({"path": "range"}, {"buffer": buffer}):
            for offset, length in ((0, 1), (4095, 2), (9000, 1000), (10_000, 0), (77, 5000)):
                said = self.pipe({**place, "offset": offset, "length": length}, path="part")
                self.same(CONTENT[offset:offset + length], self.read_stored("part"))
                self.assertEqual((length, length), (said["bytesRead"], said["totalBytes"]))

    def test_a_passed_file_from_where_it_stands(self):
        fd = self.passed_file(CONTENT[:10_000])
        os.lseek(fd, 1234, os.SEEK_SET)
        self.assertEqual(8766, self.pipe(source_fd=fd, path="stands")["totalBytes"])
        self.same(CONTENT[1234:10_000], self.read_stored("stands"))

    def test_a_buffer_is_written_from_its_offset_on(self):
        self.put("ten", b"0123456789")
        buffer = self.make_buffer(b"." * 16)
        for offset, wanted in ((0, b"0123456789......"), (3, b"0120123456789..."),
                               (6, b"0120120123456789")):
            before = self.client.call(BUFFER + "Describe", {"id": buffer})["buffer"]["version"]
            said = self.pipe("ten", buffer=buffer, offset=offset)
            self.assertEqual(wanted, self.buffer_content(buffer))
            self.assertEqual((10, 10), (said["bytesRead"], said["bytesWritten"]))
            after = self.client.call(BUFFER + "Describe", {"id": buffer})["buffer"]
            self.assertEqual((0, 0), (after["pins"], after["version"] % 2))
            self.assertGreater(after["version"], before)

    def test_small_buffers_that_share_memory_are_two(self):
        # Both are parts of one slab; what is read is not what is written.
        made = [self.client.call(BUFFER + "From", {"pool": self.pool(), "data": text})["buffer"]
                for text in ("one", "two")]
        self.assertEqual(*[buffer["backing"] for buffer in made])
        one, two = (buffer["id"] for buffer in made)
        self.assertTrue(self.pipe({"buffer": one}, buffer=two)["done"])
        self.assertEqual(b"one", self.buffer_content(two))
        whole = self.make_buffer(b"0123456789")
        left, right = (self.client.call(BUFFER + "Slice", {"id": whole, **ends})["buffer"]["id"]
                       for ends in ({"end": 5}, {"start": 5}))
        self.pipe({"buffer": left}, buffer=right)
        self.assertEqual(b"0123401234", self.buffer_content(whole))

    def test_what_the_sink_is_told_holds(self):
        # All that Open takes: the mode, a digest, permissions, where to begin.
        self.put("source", CONTENT[:100_000])
        said = self.pipe("source", path="digested", checksum="sha256", mode="640", ack="published")
        self.assertEqual("sha256:" + hashlib.sha256(CONTENT[:100_000]).hexdigest(),
                         said["digest"])
        self.assertEqual(0o640, self.daemon.file("digested").stat().st_mode & 0o777)
        self.put("appended", b"before")
        self.pipe({"path": "source", "length": 10}, path="appended", open="append")
        self.assertEqual(b"before" + CONTENT[:10], self.read_stored("appended"))
        self.put("updated", b"0123456789")
        self.pipe({"path": "source", "length": 3}, path="updated", open="update", start=4)
        self.assertEqual(b"0123" + CONTENT[:3] + b"789", self.read_stored("updated"))
        with self.assertRaises(VarlinkError):
            self.pipe("source", path="updated", open="exclusive")
        self.assertEqual(b"0123" + CONTENT[:3] + b"789", self.read_stored("updated"))

    def test_a_file_may_replace_itself(self):
        # Replace reads the old one to its end and then puts the new one in its place.
        self.put("itself", CONTENT)
        self.pipe("itself", steps=[GZIP], path="itself")
        self.same(CONTENT, gzip.decompress(self.read_stored("itself")))
        self.pipe("itself", steps=[GUNZIP], path="itself", mark=1000)
        self.same(CONTENT, self.read_stored("itself"))

    def test_two_ends_of_one_pipe_make_a_chain(self):
        first, second = self.connect(), self.connect()
        reader, writer = self.make_pipe()
        self.put("plain", CONTENT)
        self.send_pipe(second, source_fd=reader, steps=[GUNZIP], path="chained", mark=4096)
        self.assertTrue(self.pipe("plain", first, steps=[GZIP], fd=writer, mark=1000)["done"])
        replies = [second.receive_for(STREAM + "Pipe")]
        while replies[-1].continues:
            replies.append(second.receive_for(STREAM + "Pipe"))
        self.assertEqual(len(CONTENT), replies[-1].parameters["bytesWritten"])
        self.same(CONTENT, self.read_stored("chained"))


class Replies(PipeTest):
    engines = ("auto",)

    def test_without_more_there_is_exactly_one_reply(self):
        self.put("one", CONTENT)
        for interval in (None, 1):
            said = self.pipe("one", path="copy", interval=interval)     # fails if it continues
            self.assertTrue(said["done"])
            # The next reply is the next call's.
            self.assertEqual({}, self.client.call(DAEMON + "Ping"))

    def test_with_more_it_is_told_how_far_it_is(self):
        self.put("source", CONTENT)
        client = self.connect()
        replies = [self.start_pipe(client, "source", path="slow", interval=20_000,
                                   rateBytesPerSecond=8 * MIB)]
        started = time.monotonic()
        while replies[-1].continues:
            replies.append(client.receive_for(STREAM + "Pipe"))
        took = time.monotonic() - started
        said = [reply.parameters for reply in replies]
        self.assertEqual([False] * (len(said) - 1) + [True], [one["done"] for one in said])
        # About so many, and not one a piece.
        self.assertGreaterEqual(len(said), 4)
        self.assertLessEqual(len(said), took / 0.02 + 5)
        for earlier, later in zip(said, said[1:]):
            self.assertLessEqual(earlier["bytesRead"], later["bytesRead"])
            self.assertLessEqual(earlier["bytesWritten"], later["bytesWritten"])
        self.assertEqual(1, len({one["id"] for one in said[:-1]}))
        self.assertEqual({len(CONTENT)}, {one["totalBytes"] for one in said})
        self.assertEqual((len(CONTENT), len(CONTENT)), (said[-1]["bytesRead"],
                                                        said[-1]["bytesWritten"]))
        self.assertGreater(len({one["bytesWritten"] for one in said}), 3)
        self.same(CONTENT, self.read_stored("slow"))

    def test_the_first_reply_comes_at_once(self):
        # Nothing can be read yet, and the interval is long.
        client = self.connect()
        stream, writer = self.stuck(client, path="first", interval=60_000_000)
        self.assertTrue(stream)
        listed = {reply["id"]: reply["runtime"]["state"]
                  for reply in self.client.more(STREAM + "List") if reply.get("id")}
        self.assertEqual("open", listed[stream])
        writer.write(b"now")
        writer.close()
        last = client.receive_for(STREAM + "Pipe")
        self.assertEqual((True, False, 3), (last.parameters["done"], last.continues,
                                            last.parameters["bytesWritten"]))
        self.assertEqual(b"now", self.read_stored("first"))

    def test_progress_comes_while_nothing_moves(self):
        client = self.connect()
        _, writer = self.stuck(client, path="idle", interval=10_000)
        for _ in range(3):
            reply = client.receive_for(STREAM + "Pipe")
            self.assertEqual((True, False, 0), (reply.continues, reply.parameters["done"],
                                                reply.parameters["bytesWritten"]))
        writer.close()
        while client.receive_for(STREAM + "Pipe").continues:
            pass

    def test_into_a_buffer_has_progress_too(self):
        client = self.connect()
        buffer = self.make_buffer(length=10)
        _, writer = self.stuck(client, buffer=buffer, interval=10_000)
        self.assertEqual(1, self.pins(buffer))
        self.assertFalse(client.receive_for(STREAM + "Pipe").parameters["done"])
        writer.write(b"0123456789")
        writer.close()
        replies = [client.receive_for(STREAM + "Pipe")]
        while replies[-1].continues:
            replies.append(client.receive_for(STREAM + "Pipe"))
        self.assertEqual((True, 10), (replies[-1].parameters["done"],
                                      replies[-1].parameters["bytesWritten"]))
        self.assertEqual((b"0123456789", 0), (self.buffer_content(buffer), self.pins(buffer)))

    def test_done_is_said_when_it_is_in_place(self):
        self.put("source", b"content")
        for ack in ("written", "synced", "published"):
            self.pipe("source", path=f"placed-{ack}", ack=ack)
            self.assertEqual(b"content", self.read_stored(f"placed-{ack}"))
        self.no_temporaries()

    def test_the_rate_may_be_set_while_it_runs(self):
        self.put("source", CONTENT)
        client = self.connect()
        started = time.monotonic()
        first = self.start_pipe(client, "source", path="rated", interval=20_000,
                                rateBytesPerSecond=64 * KIB)
        stream = first.parameters["id"]
        for _ in range(10):
            reply = client.receive_for(STREAM + "Pipe").parameters
        self.assertFalse(reply["done"])
        # Half a minute's bytes at that rate: the most is still to come.
        self.assertLess(reply["bytesWritten"], 64 * KIB * (time.monotonic() - started + 2))
        self.client.call(STREAM + "SetRate", {"id": stream, "rateBytesPerSecond": 0})
        while not reply["done"]:
            reply = client.receive_for(STREAM + "Pipe").parameters
        self.assertLess(time.monotonic() - started, 15)
        self.same(CONTENT, self.read_stored("rated"))

    def test_calls_after_it_wait_for_their_turn(self):
        self.put("source", CONTENT)
        parameters, _ = self.pipe_call("source", path="turn")
        self.client.send(STREAM + "Pipe", parameters)
        self.client.send(DAEMON + "Ping")
        self.assertTrue(self.client.receive_for(STREAM + "Pipe").parameters["done"])
        self.assertEqual({}, self.client.receive_for(DAEMON + "Ping").parameters)

    def test_oneway_is_carried_out_in_silence(self):
        self.put("source", CONTENT)
        parameters, _ = self.pipe_call("source", path="oneway")
        self.client.oneway(STREAM + "Pipe", parameters)
        self.assertEqual({}, self.client.call(DAEMON + "Ping"))
        wait_until(lambda: self.daemon.file("oneway").exists(), "it was carried out")
        self.same(CONTENT, self.read_stored("oneway"))


class Backpressure(PipeTest):
    def test_a_sink_that_is_full_holds_the_source_back(self):
        for steps, parts in ((None, 2), ([GZIP, GUNZIP], 3)):
            for mark in (1000, 65536):
                with self.subTest(steps=steps, mark=mark):
                    client = self.connect()
                    reader, writer = self.make_pipe(4096)
                    into, out = self.make_pipe(4096)
                    self.start_pipe(client, source_fd=reader, fd=out, steps=steps, mark=mark,
                                    interval=60_000_000)
                    total = 0

                    def full():
                        nonlocal total
                        # What cannot be made smaller.
                        total += fill(writer, CONTENT, total)
                        return total, waiting_bytes(into)
                    written, waiting = self.until_still(full)
                    # zlib keeps what is not worth a block yet: as much as its window.
                    packer = 256 * KIB if steps else 0
                    self.assertLessEqual(written, 2 * 4096 + held(parts, mark) + packer)
                    if not steps:
                        self.assertGreater(waiting, 0)
                    os.set_blocking(writer.fileno(), True)
                    gathered = self.gather(into)
                    writer.write(b"last")
                    writer.close()
                    reply = client.receive_for(STREAM + "Pipe")
                    gathered.join(30)
                    self.same(CONTENT[:written] + b"last", gathered.content)
                    self.assertEqual((True, written + 4), (reply.parameters["done"],
                                                           reply.parameters["bytesRead"]))

    def test_a_sink_that_is_paused_holds_the_source_back(self):
        client = self.connect()
        stream, writer = self.stuck(client, path="paused", mark=4096, interval=60_000_000)
        self.client.call(STREAM + "Pause", {"id": stream})
        total = 0

        def full():
            nonlocal total
            total += fill(writer)
            return total
        written = self.until_still(full)
        self.assertLess(written, MIB)
        self.client.call(STREAM + "Resume", {"id": stream})
        os.set_blocking(writer.fileno(), True)
        writer.close()
        while (reply := client.receive_for(STREAM + "Pipe")).continues:
            pass
        self.assertEqual(written, reply.parameters["bytesWritten"])
        self.assertEqual(written, self.daemon.file("paused").stat().st_size)

    def test_a_bomb_goes_off_a_piece_at_a_time(self):
        self.put("bomb.gz", gzip.compress(bytes(64 * MIB), 6))
        client = self.connect()
        into, out = self.make_pipe()
        before = self.daemon.memory_kib()
        self.start_pipe(client, "bomb.gz", steps=[GUNZIP], fd=out, interval=60_000_000)
        self.until_still(lambda: waiting_bytes(into))
        self.check_memory(before, 16 * 1024)
        got = 0
        while got < 8 * MIB:
            got += len(into.read(MIB))
        self.check_memory(before, 16 * 1024)
        client.close()
        into.close()

    def test_one_that_is_stuck_stalls_itself_alone(self):
        for _ in range(20):
            client = self.connect()
            into, out = self.make_pipe(4096)
            self.put("source", CONTENT)
            self.start_pipe(client, "source", fd=out, interval=60_000_000)
        self.assertTrue(self.pipe("source", path="beside")["done"])
        self.same(CONTENT, self.read_stored("beside"))
        about = self.client.call(DAEMON + "Describe")
        self.assertLess(about["loopLongestUSec"], 1_000_000)


if __name__ == "__main__":
    main()
