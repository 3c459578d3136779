#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Readable streams: how far ahead they read, what steps make of it, and how they end."""

import gzip
import os
import signal
import socket
import unittest

from harness import (BUFFER, DAEMON, KIB, MIB, POOL, SERVICE, STREAM, Daemon, VarlinkError, main,
                     random_bytes, wait_until)
from readable_test import (CELLS, GUNZIP, GZIP, MARKS, UNZSTD, ZSTD, Readable,
                           ReadableTest, fill, held, waiting_bytes)

CONTENT = random_bytes(MIB + 77)
ENOUGH = 8 * MIB


class Ahead(ReadableTest):
    """What is not taken is not read."""

    engines = ("auto",)

    def test_the_mark_bounds_what_is_read_ahead(self):
        self.put("large", bytes(ENOUGH))
        for mark in (*MARKS, MIB):
            with self.subTest(mark=mark):
                readable = self.open_readable("large", mark=mark)
                for taken in (0, min(mark, 1000), 3):
                    if taken:
                        readable.read(taken)
                    now = self.settled(readable)
                    ahead = now["bytesRead"] - now["bytesTaken"]
                    self.assertLessEqual(ahead, held(2, mark))
                    self.assertEqual(ahead, now["readableLength"])
                readable.abort()

    def test_a_bomb_goes_off_a_piece_at_a_time(self):
        bomb = gzip.compress(bytes(64 * MIB), 6)
        self.put("bomb", bomb)
        before = self.daemon.memory_kib()
        readable = self.open_readable("bomb", steps=[GUNZIP], mark=16 * KIB)
        now = self.settled(readable)
        self.assertLessEqual(now["readableLength"], held(3, 16 * KIB))
        self.assertLess(now["bytesRead"], len(bomb))
        self.check_memory(before, 16 * 1024)
        taken = sum(len(readable.read()[0]) for _ in range(10))
        self.assertEqual(taken, readable.describe()["bytesTaken"])
        self.check_memory(before, 16 * 1024)
        readable.abort()

    def test_who_writes_to_a_passed_pipe_is_held_back(self):
        for kind in ("pipe", "socket"):
            for mark in (100, 65536):
                with self.subTest(kind=kind, mark=mark):
                    reader, writer = self.make_flow(kind)
                    readable = self.open_readable(fd=reader, mark=mark)
                    written = 0

                    def full():
                        nonlocal written
                        written += fill(writer)
                        return written, readable.describe()["bytesRead"]
                    written, read = self.until_still(full)
                    self.assertLessEqual(read, held(2, mark))
                    if kind == "pipe":
                        wait_until(lambda: written == readable.describe()["bytesRead"]
                                   + waiting_bytes(writer), "the rest is in the pipe")
                    # Taking lets it go on, by about as much: a page is let go as a whole.
                    goal = 5000 if mark == 100 else written
                    got = 0
                    while got < goal:
                        got += len(readable.read()[0])
                    again = wait_until(lambda: fill(writer), "the writer goes on")
                    os.set_blocking(writer.fileno(), True)
                    writer.close()
                    rest = len(readable.read_all())
                    self.assertEqual(written + again, got + rest)

    def test_a_readable_that_nobody_reads_stalls_itself_alone(self):
        self.put("large", bytes(ENOUGH))
        idle = [self.open_readable("large", mark=MIB) for _ in range(5)]
        self.assertEqual(ENOUGH, len(self.open_readable("large").read_all()))
        self.open("beside").finish("x")
        self.assertEqual(b"x", self.read_stored("beside"))
        for readable in idle:
            self.assertEqual("open", readable.state())

    def test_a_pause_stops_the_source_and_resume_goes_on(self):
        reader, writer = self.make_pipe()
        readable = self.open_readable(fd=reader, mark=4096)
        self.assertEqual({}, readable.pause())
        self.assertEqual("paused", readable.state())

        def full():
            full.written += fill(writer)
            return full.written, readable.describe()["bytesRead"]
        full.written = 0
        written, read = self.until_still(full)
        self.assertLessEqual(read, held(2, 4096))
        with self.fails(STREAM + "TimedOut", id=readable.id):
            readable.read(timeoutUSec=50_000)
        self.assertEqual({}, readable.pause())
        self.assertEqual({}, readable.resume())
        self.assertEqual("open", readable.state())
        os.set_blocking(writer.fileno(), True)
        writer.close()
        self.assertEqual(written, len(readable.read_all()))

    def test_the_end_comes_while_it_is_paused(self):
        for content in (b"", b"last"):
            reader, writer = self.make_pipe()
            readable = self.open_readable(fd=reader)
            writer.write(content)
            readable.pause()
            writer.close()
            with self.fails(STREAM + "TimedOut", id=readable.id):
                readable.read(timeoutUSec=100_000)
            self.assertEqual("paused", readable.state())
            readable.resume()
            self.assertEqual(content, readable.read_all())
            self.assertEqual("finished", readable.state())

    def test_one_that_was_read_to_its_end_can_be_paused(self):
        self.put("short", b"short")
        readable = self.open_readable("short")
        wait_until(lambda: readable.state() == "ending", "its source has ended")
        readable.pause()
        self.assertEqual("paused", readable.state())
        with self.fails(STREAM + "TimedOut", id=readable.id):
            readable.read(timeoutUSec=50_000)
        readable.resume()
        self.assertIn(readable.state(), ("open", "ending"))
        self.assertEqual(b"short", readable.read_all())

    def test_a_read_that_waits_is_answered_at_resume(self):
        self.put("waits", b"bytes")
        readable = self.open_readable("waits")
        readable.pause()
        other = self.connect()
        self.client.send(STREAM + "Read", {"id": readable.id, "encoding": "utf8"})
        with self.assertRaises(TimeoutError):
            self.client.receive(timeout=0.1)
        other.call(STREAM + "Resume", {"id": readable.id})
        self.assertEqual("bytes", self.client.receive_for(STREAM + "Read").parameters["data"])


class Steps(ReadableTest):
    engines = ("auto",)

    def test_what_was_compressed_is_read_as_it_was(self):
        for (size, mark), (name, step) in [(cell, step) for cell in CELLS for step in (
                ("gzip", GUNZIP), ("zstd", UNZSTD)) if cell[1] in (7, 65536)]:
            with self.subTest(size=size, mark=mark, step=name):
                stored = self.open("stored", steps=[{"name": name}])
                stored.finish(CONTENT[:size])
                readable = self.open_readable("stored", steps=[step], mark=mark)
                self.same(CONTENT[:size], readable.read_all())
                about = readable.describe()
                self.assertEqual((size, self.daemon.file("stored").stat().st_size), (
                    about["bytesTaken"], about["bytesRead"]))
                self.assertEqual(about["bytesRead"], about["totalBytes"])

    def test_what_is_read_is_compressed_on_the_way(self):
        for size in (0, 1, 65537, MIB):
            self.put("plain", CONTENT[:size])
            buffer = self.make_buffer(CONTENT[:size])
            for source in ("plain", {"buffer": buffer}):
                packed = self.open_readable(source, steps=[GZIP]).read_all()
                self.same(CONTENT[:size], gzip.decompress(packed))
        reader, writer = self.make_pipe()
        readable = self.open_readable(fd=reader, steps=[ZSTD, GZIP, GUNZIP, UNZSTD], mark=4096)
        self.feed(writer, CONTENT[:200_000])
        self.same(CONTENT[:200_000], readable.read_all())

    def test_gzip_of_python_is_undone(self):
        for level in (0, 1, 9):
            self.put("by.gz", gzip.compress(CONTENT, level))
            self.same(CONTENT, self.open_readable("by.gz", steps=[GUNZIP]).read_all())
        # Members one behind the other are one text.
        self.put("by.gz", b"".join(gzip.compress(part) for part in (b"one ", b"", b"two")))
        for mark in (1, 65536):
            self.assertEqual(b"one two", self.open_readable(
                "by.gz", steps=[GUNZIP], mark=mark).read_all())

    def test_input_that_is_damaged_or_cut_fails(self):
        packed = gzip.compress(CONTENT, 1)
        damaged = bytearray(packed)
        damaged[-6] ^= 0x40                     # its checksum
        upset = bytearray(packed)
        upset[len(packed) // 2:len(packed) // 2 + 1000] = bytes(1000)
        for name, content in (("no gzip", CONTENT), ("damaged", bytes(damaged)),
                              ("upset", bytes(upset)), ("cut", packed[:-1]),
                              ("half", packed[:len(packed) // 2]), ("a header", packed[:5])):
            for mark in (4096, 65536):
                with self.subTest(name, mark=mark):
                    self.put("wrong.gz", content)
                    readable = self.open_readable("wrong.gz", steps=[GUNZIP], mark=mark)
                    got, error = readable.read_until_error()
                    self.assertEqual((STREAM + "StreamFailed", readable.id), (
                        error.name, error.parameters.get("id")))
                    self.check_fault(error.parameters["fault"])
                    # What was not looked at yet is not known to be wrong.
                    self.assertTrue(CONTENT.startswith(got) or name == "upset")
                    about = readable.describe()
                    self.assertEqual("failed", about["state"])
                    self.assertEqual(error.parameters["fault"], about["fault"])
                    # Once failed, failed for good.
                    with self.fails(STREAM + "StreamFailed", id=readable.id):
                        readable.read()

    def test_an_unknown_step_is_refused(self):
        self.put("step", b"x")
        for steps in ([{"name": "brotli"}], [{}], [{"name": "gzip", "level": "nine"}], {}, [3]):
            with self.subTest(steps=steps), self.fails(SERVICE + "InvalidParameter"):
                self.open_readable("step", steps=steps)


class Ends(ReadableTest):
    """Abort, faults of the source, and consumers that are gone."""

    def test_abort_drops_what_was_read_ahead(self):
        self.put("aborted", CONTENT)
        for pause in (False, True):
            buffer = self.make_buffer(CONTENT)
            for source in ("aborted", {"buffer": buffer}):
                readable = self.open_readable(source, mark=1000)
                readable.read(10)
                if pause:
                    readable.pause()
                ahead = self.settled(readable)["readableLength"]
                self.assertEqual({"discardedBytes": ahead}, readable.abort())
                self.assertTrue(self.gone(readable.id))
                with self.assertRaises(VarlinkError) as caught:
                    readable.read(timeoutUSec=1_000_000)
                self.assertIn(caught.exception.name, (STREAM + "WrongState",
                                                      STREAM + "StreamFailed"))
            wait_until(lambda: self.pins(buffer) == 0, "the buffer is free")
            self.client.call(BUFFER + "Free", {"id": buffer})

    def test_what_has_ended_is_not_aborted(self):
        self.put("over", b"over")
        readable = self.open_readable("over")
        readable.read_all()
        for method in ("Abort", "Pause", "Resume"):
            with self.subTest(method), self.fails(STREAM + "WrongState", id=readable.id,
                                                  state="finished"):
                readable._call(method)

    def test_abort_answers_a_read_that_waits(self):
        reader, writer = self.make_pipe()
        readable = self.open_readable(fd=reader)
        self.client.send(STREAM + "Read", {"id": readable.id, "timeoutUSec": 0})
        with self.assertRaises(TimeoutError):
            self.client.receive(timeout=0.1)
        self.connect().call(STREAM + "Abort", {"id": readable.id})
        with self.assertRaises(VarlinkError) as caught:
            self.client.receive_for(STREAM + "Read", timeout=10)
        self.assertIn(caught.exception.name, (STREAM + "WrongState", STREAM + "NoSuchStream",
                                              STREAM + "StreamFailed"))
        # The daemon has let go of the pipe: nobody reads from it any more.
        with self.assertRaises(BrokenPipeError):
            wait_until(lambda: writer.write(b"x") and False, "the pipe is closed", 10)

    def test_a_pipe_is_let_go_of_when_its_consumer_is_gone(self):
        for state in ("idle", "waiting", "paused", "full"):
            with self.subTest(state), self.daemon.client() as client:
                reader, writer = self.make_pipe()
                readable = self.open_readable(client=client, fd=reader)
                if state == "waiting":
                    client.send(STREAM + "Read", {"id": readable.id, "timeoutUSec": 0})
                elif state == "paused":
                    readable.pause()
                elif state == "full":
                    fill(writer)
            with self.assertRaises(BrokenPipeError):
                wait_until(lambda: writer.write(b"x") and False, "the pipe is closed", 10)
            wait_until(lambda: self.gone(readable.id), "the readable is gone")

    def test_it_goes_while_another_connection_asks(self):
        self.put("short", b"short")
        for state in ("finished", "aborted", "open"):
            for first in ("read", "hang-up"):
                with self.subTest(state=state, first=first):
                    client, other = self.daemon.client(), self.connect()
                    readable = self.open_readable("short", client, mark=1)
                    if state == "finished":
                        readable.read_all()
                    elif state == "aborted":
                        readable.abort()
                    # Both come in one turn of its loop.
                    os.kill(self.daemon.pid, signal.SIGSTOP)
                    if first == "hang-up":
                        client.close()
                    other.send(STREAM + "Read", {"id": readable.id})
                    client.close()
                    os.kill(self.daemon.pid, signal.SIGCONT)
                    # Whatever it is told, it is told something.
                    other.receive(timeout=10)
                    self.assertEqual({}, other.call(DAEMON + "Ping"))

    def test_a_file_that_is_cut_meanwhile_fails(self):
        for left in (0, 5000):
            path = self.put("cut", CONTENT)
            readable = self.open_readable("cut", mark=4096)
            got, _ = readable.read(10)
            self.settled(readable)
            os.truncate(path, left)
            more, error = readable.read_until_error()
            self.assertEqual((STREAM + "StreamFailed", readable.id), (
                error.name, error.parameters.get("id")))
            fault = error.parameters["fault"]
            self.check_fault(fault, operations=("read",))
            self.assertTrue(CONTENT.startswith(got + more))
            self.assertEqual(("failed", fault), (readable.state(), readable.describe()["fault"]))

    def test_a_socket_that_is_reset_fails(self):
        for mine in (b"", b"before"):
            ours, theirs = socket.socketpair()
            fd = self.end_of(os.dup(ours.fileno()), "rb")
            ours.send(b"never read")        # by `theirs`: its close is a reset then
            readable = self.open_readable(fd=fd)
            if mine:
                theirs.send(mine)
                self.assertEqual((mine, False), readable.read())
            theirs.close()
            got, error = readable.read_until_error()
            self.assertEqual((b"", STREAM + "StreamFailed"), (got, error.name))
            self.check_fault(error.parameters["fault"], ("read",), ("ECONNRESET",))
            ours.close()

    def test_one_that_fails_leaves_the_others_alone(self):
        self.put("good", CONTENT)
        self.put("bad", b"this is no gzip")
        good = self.open_readable("good", mark=4096)
        first, _ = good.read()
        bad = self.open_readable("bad", steps=[GUNZIP])
        bad.read_until_error()
        self.same(CONTENT, first + good.read_all())
        self.assertEqual("finished", good.state())

    def test_a_buffer_is_pinned_while_it_is_read(self):
        buffer = self.make_buffer(bytes(200_000))
        readable = self.open_readable({"buffer": buffer}, mark=100)
        self.assertEqual(1, self.pins(buffer))
        with self.fails(BUFFER + "BufferPinned", id=buffer):
            self.client.call(BUFFER + "Free", {"id": buffer})
        readable.abort()
        wait_until(lambda: self.pins(buffer) == 0, "it is not pinned")
        self.client.call(BUFFER + "Free", {"id": buffer})

    def test_a_pool_destroyed_with_force_fails_its_readers(self):
        self.client.call(POOL + "Create", {"context": {"name": "doomed", "sizeBytes": MIB}})
        buffer = self.client.call(BUFFER + "Alloc", {"pool": "doomed", "length": 500_000})[
            "buffer"]["id"]
        readable = self.open_readable({"buffer": buffer}, mark=100)
        readable.read(10)
        self.client.call(POOL + "Destroy", {"name": "doomed", "force": True})
        got, error = readable.read_until_error()
        self.assertIn(error.name, (STREAM + "StreamFailed", STREAM + "NoSuchStream"))
        self.assertLess(len(got), 500_000)


class Freed(ReadableTest):
    """What a connection held is the user's again when it is gone, however often."""

    engines = ("auto",)
    LIMIT = 4
    ROUNDS = 200
    daemon_options = {"config": f"[limits]\nstreams = {LIMIT}\nringBytes = {LIMIT * 64}K\n"}

    def usage(self):
        usage = self.client.call(DAEMON + "Describe")["usage"]
        return {name: usage[name] for name in ("streams", "ringBytes", "stagingBytes")}

    def test_the_number_of_readables_is_limited(self):
        self.put("limit", b"x")
        made = [self.open_readable("limit") for _ in range(self.LIMIT)]
        with self.fails(DAEMON + "LimitExceeded", limit="streams", maximum=self.LIMIT):
            self.open_readable("limit")
        made[0].abort()
        wait_until(lambda: self.usage()["streams"] < self.LIMIT, "one was given back")
        self.open_readable("limit")

    def test_what_has_ended_counts_no_more(self):
        self.put("many", b"x")
        ids = set()
        for _ in range(10 * self.LIMIT):
            readable = self.open_readable("many")
            self.assertEqual(b"x", readable.read_all())
            ring = self.open_readable("many", ring_bytes=self.LIMIT * 64 * KIB).ring
            self.assertEqual(b"x", ring.read_all())
            aborted = self.open_readable("many")
            aborted.abort()
            ids |= {readable.id, aborted.id}
        wait_until(lambda: self.usage()["streams"] == self.usage()["ringBytes"] == 0,
                   "all is given back")
        # How the last one ended is known all the same, but not of all.
        self.assertLessEqual(len(self.readables()), 64)
        self.assertEqual("aborted", aborted.state())
        self.assertEqual(20 * self.LIMIT, len(ids))

    def test_the_bytes_of_rings_are_limited(self):
        self.put("limit", b"x")
        with self.fails(DAEMON + "LimitExceeded", limit="ringBytes"):
            self.open_readable("limit", ring_bytes=MIB)
        made = [self.open_readable("limit", ring_bytes=64 * KIB) for _ in range(self.LIMIT - 1)]
        with self.fails(DAEMON + "LimitExceeded", limit="ringBytes"):
            self.open_readable("limit", ring_bytes=128 * KIB)
        for readable in made:
            self.assertEqual(b"x", readable.ring.read_all())

    def test_a_connection_that_is_lost_gives_everything_back(self):
        before = self.usage()
        self.put("lost", CONTENT)
        buffer = self.make_buffer(CONTENT)
        before_descriptors = self.known_descriptors()
        for number in range(self.ROUNDS):
            reader, writer = self.make_pipe()
            with self.daemon.client() as client:
                self.open_readable("lost", client, mark=1 + number * 100)
                self.open_readable({"buffer": buffer}, client, ring_bytes=64 * KIB)
                waiting = self.open_readable(client=client, fd=reader, steps=[GZIP])
                packed = self.open_readable({"buffer": buffer}, client, ring_bytes=64 * KIB,
                                            steps=[GZIP])
                packed.ring.close()
                if number % 2:
                    client.send(STREAM + "Read", {"id": waiting.id, "timeoutUSec": 0})
            writer.close()
            wait_until(lambda: self.usage() == before, f"all is given back: {before}")
        self.assertEqual(0, self.pins(buffer))
        self.assertEqual({}, self.readables())
        self.check_descriptors(before_descriptors)


class Faulty(ReadableTest):
    """A disk that answers with errors, or late."""

    daemon_options = {"faults": "read(unread):EIO@1+;read(third):EIO@3;read(slow):delay=300ms"}

    def test_a_disk_that_cannot_be_read_fails_the_readable(self):
        for name in ("unread", "third"):
            self.put(name, CONTENT)
            readable = self.open_readable(name, mark=4096)
            got, error = readable.read_until_error()
            self.assertEqual(STREAM + "StreamFailed", error.name)
            fault = error.parameters["fault"]
            self.check_fault(fault, ("read",), ("EIO",))
            self.assertEqual(str(self.daemon.file(name)), fault["path"])
            self.assertTrue(CONTENT.startswith(got))
            self.assertLess(len(got), 100_000)

    def test_a_slow_disk_keeps_nobody_else_waiting(self):
        self.put("slow", CONTENT[:10])
        self.put("fast", CONTENT)
        slow = self.open_readable("slow")
        self.client.send(STREAM + "Read", {"id": slow.id, "encoding": "hex"})
        other = self.connect()
        self.same(CONTENT, self.open_readable("fast", other).read_all())
        self.assertEqual(CONTENT[:10].hex(),
                         self.client.receive_for(STREAM + "Read").parameters["data"])

    def test_abort_while_the_disk_is_asked(self):
        before = self.known_descriptors()
        self.put("slow", CONTENT)
        for _ in range(3):
            with self.daemon.client() as client:
                self.open_readable("slow", client)
            self.open_readable("slow").abort()
        self.check_descriptors(before)


class Stopping(unittest.TestCase):
    engines = ("auto",)
    engine = "auto"

    def test_sigterm_does_not_wait_for_ever_for_who_reads(self):
        daemon = Daemon(config="[daemon]\ndrainTimeout = 2s\n")
        self.addCleanup(daemon.kill)
        daemon.start()
        daemon.file("read").write_bytes(CONTENT)
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        with daemon.client() as client:
            idle = Readable(client, client.call_reply(STREAM + "OpenReadable", {
                "source": {"path": "read"}, "highWaterMark": 1000}))
            idle.read(10)
            client.call_reply(STREAM + "OpenReadable", {
                "source": {}, "fileDescriptorIndex": 0}, [reader])
            os.close(reader)
            daemon.process.send_signal(signal.SIGTERM)
            self.assertEqual(0, daemon.wait_exit(20))


if __name__ == "__main__":
    main()
