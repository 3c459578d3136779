#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Streams whose bytes come through a ring: layout, wake-ups, drain, and rings gone wrong."""

import fcntl
import os
import select
import socket
import time

import ring as rings
from harness import (F_GET_SEALS, KIB, MIB, SEAL_GROW, SEAL_SEAL, SEAL_SHRINK, SERVICE, STREAM,
                     ForebayTest, VarlinkError, main, random_bytes, wait_until)


class Rings(ForebayTest):
    def finished(self, stream):
        stream.ring.end()
        return stream.wait("finish")

    def ended(self, stream, *states):
        return wait_until(lambda: (runtime := stream.describe())["state"] in states and runtime,
                          f"the stream is {states}")

    def test_the_ring_is_laid_out_sealed_and_told_of(self):
        for asked, made in ((64 * KIB, 64 * KIB), (100_000, 128 * KIB),
                            (MIB, MIB)):
            stream = self.open("layout", ring_bytes=asked)
            ring = stream.ring
            self.assertEqual(made, ring.ring_bytes)
            self.assertEqual(4096 + made, ring.size)
            self.assertEqual((made // 2, made // 4), (ring.high, ring.low))
            self.assertEqual((ring.high, ring.low), (stream.context["highWaterMark"],
                                                     stream.context["lowWaterMark"]))
            self.assertEqual((0, 0, 0, rings.OPEN), (ring.head, ring.tail, ring.need, ring.state))
            self.assertLess(ring.phase, made)
            wanted = SEAL_SEAL | SEAL_SHRINK | SEAL_GROW
            self.assertEqual(wanted, fcntl.fcntl(ring.memory_fd, F_GET_SEALS) & wanted)
            self.assertEqual(0o600, os.fstat(ring.memory_fd).st_mode & 0o777)
            with self.assertRaises(PermissionError):
                os.ftruncate(ring.memory_fd, 0)
            stream.abort()
        with self.fails_parameter("highWaterMark"):
            self.open("layout", ring_bytes=64 * KIB, highWaterMark=64 * KIB + 1)

    def test_bytes_through_the_ring_are_the_file(self):
        content = random_bytes(3 * MIB + 12345)
        for ring_bytes, chunk in ((64 * KIB, 1000), (64 * KIB, 64 * KIB), (MIB, 300_001)):
            with self.subTest(ring_bytes=ring_bytes, chunk=chunk):
                stream = self.open("through", ring_bytes=ring_bytes)
                stream.ring.write_all(content, chunk)
                runtime = self.finished(stream)
                self.assertEqual(("finished", len(content), len(content)), (
                    runtime["state"], runtime["bytesAccepted"], runtime["bytesSynced"]))
                self.assertEqual(content, self.read_stored("through"))
                self.assertEqual(rings.FINISHED, stream.ring.state)
                self.assertEqual(len(content), stream.ring.tail)
                self.assertEqual(len(content), stream.ring.progress)

    def test_single_bytes_pass(self):
        stream = self.open("bytes", ring_bytes=64 * KIB, highWaterMark=1)
        for byte in b"one at a time":
            self.assertFalse(stream.ring.write(bytes([byte])))
            stream.ring.wait_drain()
        self.finished(stream)
        self.assertEqual(b"one at a time", self.read_stored("bytes"))

    def test_a_producer_below_the_mark_is_not_told_to_stop_and_not_answered(self):
        stream = self.open("below", ring_bytes=64 * KIB)
        for _ in range(10):
            self.assertTrue(stream.ring.write(b"small"))
        stream.wait("synced")
        self.assertEqual(50, stream.ring.tail)
        stream.ring.wait_readable(0)            # that the stream is open now may be told
        self.assertTrue(stream.ring.write(b""))
        self.assertEqual(b"", stream.ring.wait_readable(0.1))
        self.assertEqual(0, stream.describe()["drains"])
        self.finished(stream)

    def test_told_to_stop_is_answered_once(self):
        stream = self.open("once", ring_bytes=64 * KIB, highWaterMark=32 * KIB, lowWaterMark=0)
        for round_number in range(1, 6):
            self.assertFalse(stream.ring.write(bytes(32 * KIB)))
            stream.ring.wait_drain()
            self.assertEqual(0, stream.ring.length)
            stream.wait("synced")
            stream.ring.wait_readable(0)            # the byte, where tail was seen before it
            self.assertEqual(b"", stream.ring.wait_readable(0.05))
            self.assertEqual(round_number, stream.describe()["drains"])
        self.finished(stream)

    def test_a_mark_of_one_byte_drains_soon(self):
        # A due drain makes the sync happen: nobody waits for an interval of a minute.
        stream = self.open("impatient", ring_bytes=64 * KIB, highWaterMark=1,
                           syncIntervalUSec=60_000_000)
        started = time.monotonic()
        for _ in range(5):
            self.assertFalse(stream.ring.write(b"x"))
            stream.ring.wait_drain()
        self.assertLess(time.monotonic() - started, 10)
        self.finished(stream)

    def test_no_drain_before_the_low_mark(self):
        stream = self.open("low", ring_bytes=64 * KIB, highWaterMark=60 * KIB, lowWaterMark=1000)
        self.client.call(STREAM + "Pause", {"id": stream.id})
        stream.ring.wait_readable(0)            # that it is paused
        self.assertFalse(stream.ring.write(bytes(60 * KIB)))
        self.assertEqual(b"", stream.ring.wait_readable(0.2))
        runtime = stream.describe()
        self.assertTrue(runtime["needDrain"])
        self.assertGreater(runtime["blockedUSec"], 100_000)
        self.client.call(STREAM + "Resume", {"id": stream.id})
        stream.ring.wait_drain()
        self.assertLessEqual(stream.ring.length, 1000)
        self.finished(stream)

    def test_room_for_a_chunk_is_waited_for(self):
        stream = self.open("room", ring_bytes=64 * KIB, highWaterMark=64 * KIB,
                           lowWaterMark=64 * KIB - 1)
        self.client.call(STREAM + "Pause", {"id": stream.id})
        self.assertTrue(stream.ring.write(b"a" * 60 * KIB))
        self.assertIsNone(stream.ring.write(b"b" * 10 * KIB))       # nothing taken
        self.assertEqual(60 * KIB, stream.ring.head)
        # The low mark holds already; the room that is wanted does not.
        stream.ring.wait_readable(0)
        self.assertEqual(b"", stream.ring.wait_readable(0.2))
        self.client.call(STREAM + "Resume", {"id": stream.id})
        stream.ring.wait_drain()
        self.assertTrue(stream.ring.write(b"b" * 10 * KIB))
        self.finished(stream)
        self.assertEqual(b"a" * 60 * KIB + b"b" * 10 * KIB, self.read_stored("room"))

    def test_the_daemon_sleeps_and_one_byte_wakes_it(self):
        stream = self.open("sleepy", ring_bytes=64 * KIB, ack="written")
        wait_until(lambda: stream.ring.words[rings.W_SLEEPING] == 1, "the daemon sleeps")
        for number in range(20):
            stream.ring.write(b"wake")
            wait_until(lambda: stream.ring.tail == 4 * (number + 1), "the bytes are taken")
        self.finished(stream)

    def test_bytes_written_before_the_byte_came_are_seen(self):
        # A fenceless client may store head and send nothing for a while: nothing is lost.
        stream = self.open("late", ring_bytes=64 * KIB)
        stream.ring.copy_in(0, b"late")
        stream.ring.words[rings.W_HEAD] = 4
        stream.ring.poke()
        self.assertEqual(4, wait_until(lambda: stream.ring.tail, "tail"))
        for _ in range(1000):
            stream.ring.poke()                      # bytes that mean nothing
        self.finished(stream)
        self.assertEqual(b"late", self.read_stored("late"))

    def test_wait_and_describe_see_what_is_in_the_ring(self):
        stream = self.open("seen", ring_bytes=64 * KIB)
        stream.ring.write(b"0123456789")
        self.assertEqual(10, stream.wait("synced")["bytesSynced"])
        self.assertEqual(10, stream.describe()["bytesAccepted"])
        self.finished(stream)

    def test_the_ended_word_ends_and_nothing_after_it_is_looked_at(self):
        stream = self.open("word", ring_bytes=64 * KIB)
        stream.ring.write(b"all")
        stream.ring.end()
        self.assertEqual("finished", stream.wait("finish")["state"])
        stream.ring.words[rings.W_HEAD] = 3 + 100
        stream.ring.poke()
        self.client.call("io.forebay.daemon.Ping")
        self.assertEqual(b"all", self.read_stored("word"))
        with self.assertRaises(rings.Stopped):
            stream.ring.write(b"x")

    def test_end_as_a_call_means_the_same(self):
        stream = self.open("call", ring_bytes=64 * KIB)
        stream.ring.write(b"by call")
        stream.end()
        self.assertEqual(7, stream.wait("finish")["bytesAccepted"])
        self.assertEqual(b"by call", self.read_stored("call"))

    def test_calls_with_data_are_refused(self):
        stream = self.open("refused", ring_bytes=64 * KIB)
        stream.ring.write(b"ring")
        for method, parameters in (("Write", {"data": "x"}), ("End", {"data": "x"}), ("Cork", {})):
            with self.assertRaises(VarlinkError) as caught:
                self.client.call(STREAM + method, {"id": stream.id, **parameters})
            self.assertEqual(SERVICE + "InvalidParameter", caught.exception.name)
        self.finished(stream)
        self.assertEqual(b"ring", self.read_stored("refused"))

    def test_a_head_that_runs_past_fails_its_stream_alone(self):
        for name, head in (("past", 64 * KIB + 5), ("far", 2 ** 63), ("last", 2 ** 64 - 1)):
            with self.subTest(head=head):
                other = self.open("innocent", ring_bytes=64 * KIB)
                other.ring.write(b"innocent")
                stream = self.open(name, ring_bytes=64 * KIB)
                stream.ring.write(b"good")
                wait_until(lambda: stream.ring.tail == 4 or stream.wait("synced"), "taken")
                stream.ring.words[rings.W_HEAD] = head
                stream.ring.poke()
                runtime = self.ended(stream, "failed")
                self.assertEqual(rings.FAILED, stream.ring.state)
                self.assertTrue(runtime["fault"]["operation"])
                self.assertFalse(self.daemon.file(name).exists())
                # onDisconnect decides over the bytes up to the last good head: salvage.
                self.assertEqual(b"good", self.read_stored(name + ".partial"))
                with self.fails(STREAM + "StreamFailed", id=stream.id):
                    stream.wait("finish")
                self.finished(other)
                self.assertEqual(b"innocent", self.read_stored("innocent"))

    def test_a_broken_ring_is_no_end_and_cannot_be_taken_over(self):
        for member in ("End", "Attach"):
            self.open("broken").finish("old")
            stream = self.open("broken", ring_bytes=64 * KIB)
            stream.ring.write(b"good")
            stream.wait("synced")
            stream.ring.words[rings.W_HEAD] = 1 << 40
            if member == "End":
                stream.end()
            else:
                with self.fails(STREAM + "WrongState", id=stream.id):
                    self.connect().attach(stream.id, stream.token)
            with self.fails(STREAM + "StreamFailed", id=stream.id):
                stream.wait("finish")
            self.assertEqual(b"old", self.read_stored("broken"))
            self.assertEqual(b"good", self.read_stored("broken.partial"))

    def test_a_head_that_moves_back_fails_its_stream(self):
        stream = self.open("back", ring_bytes=64 * KIB, onDisconnect="abort")
        stream.ring.write(b"0123456789")
        stream.wait("synced")
        stream.ring.words[rings.W_HEAD] = 5
        stream.ring.poke()
        self.ended(stream, "failed", "aborted")
        self.assertEqual([], [name for name in self.daemon.files() if name.startswith("back")])

    def test_the_daemons_own_words_are_not_believed(self):
        stream = self.open("scribbled", ring_bytes=64 * KIB)
        content = random_bytes(40_000)
        for index in (rings.W_TAIL, rings.W_STATE, rings.W_SLEEPING, rings.W_PROGRESS,
                      rings.W_MAGIC, rings.W_BYTES, rings.W_PHASE, rings.W_HIGH, rings.W_LOW):
            stream.ring.words[index] = 2 ** 64 - 1 - index
        stream.ring.copy_in(0, content)
        stream.ring.words[rings.W_HEAD] = len(content)
        stream.ring.words[rings.W_WANTED] = 2 ** 64 - 1
        stream.ring.words[rings.W_NEED] = 2 ** 64 - 1
        stream.ring.words[rings.W_ENDED] = 1
        stream.ring.poke()
        stream.wait("finish")
        self.assertEqual(content, self.read_stored("scribbled"))

    def test_a_signal_that_hangs_up_is_a_producer_that_is_gone(self):
        for name, write_end, state in (("gone", False, None), ("gone-ended", True, "finished")):
            stream = self.open(name, ring_bytes=64 * KIB)
            stream.ring.write(b"before death")
            if write_end:
                stream.ring.words[rings.W_ENDED] = 1
            stream.ring.signal.shutdown(socket.SHUT_RDWR)
            stream.ring.close()
            if state:
                self.ended(stream, state)
                self.assertEqual(b"before death", self.read_stored(name))
            else:
                self.ended(stream, "aborted", "failed", "finished")
                self.assertFalse(self.daemon.file(name).exists())
                self.assertEqual(b"before death", self.read_stored(name + ".partial"))

    def test_a_failure_wakes_a_producer_that_waits(self):
        stream = self.open("waker", ring_bytes=64 * KIB)
        self.client.call(STREAM + "Pause", {"id": stream.id})
        self.assertFalse(stream.ring.write(bytes(64 * KIB)))
        stream.abort()
        with self.assertRaises(rings.Stopped) as caught:
            stream.ring.wait_drain()
        self.assertEqual(rings.ABORTED, caught.exception.args[0])

    def test_pause_shows_in_the_ring(self):
        stream = self.open("paused", ring_bytes=64 * KIB)
        self.client.call(STREAM + "Pause", {"id": stream.id})
        self.assertEqual(rings.PAUSED, stream.ring.state)
        self.assertTrue(stream.ring.write(b"held"))
        self.client.call(STREAM + "Resume", {"id": stream.id})
        self.assertEqual(rings.OPEN, stream.ring.state)
        self.finished(stream)

    def test_a_paused_ring_that_was_ended_takes_no_more(self):
        stream = self.open("paused-ended", ring_bytes=64 * KIB)
        self.client.call(STREAM + "Pause", {"id": stream.id})
        stream.ring.write(b"all")
        stream.end()
        self.assertEqual(("paused", rings.ENDING), (stream.state(), stream.ring.state))
        with self.assertRaises(rings.Stopped):
            stream.ring.write(b"late")
        self.client.call(STREAM + "Resume", {"id": stream.id})
        stream.wait("finish")
        self.assertEqual(b"all", self.read_stored("paused-ended"))

    def test_a_ring_to_a_pipe(self):
        reader, writer = os.pipe()
        self.cleanup.callback(os.close, reader)
        stream = self.open(fd=writer, ring_bytes=64 * KIB)
        os.close(writer)
        content = random_bytes(300_000)
        got = bytearray()
        at = 0
        while at < len(content):
            # This one thread is both sides: it writes while told to go on, else it reads.
            said = stream.ring.write(content[at:at + 8192])
            at += 8192 if said is not None else 0
            while said is not True and not stream.ring.may_go_on():
                ready, _, _ = select.select([reader, stream.ring.signal], [], [], 30)
                self.assertTrue(ready, "neither bytes nor drain")
                if reader in ready:
                    got += os.read(reader, 65536)
                else:
                    stream.ring.wait_readable(0)
        stream.ring.end()
        while piece := os.read(reader, 65536):
            got += piece
        self.assertEqual(content, bytes(got))
        self.assertEqual("finished", stream.wait("finish")["state"])

    def test_appending_goes_on_at_any_offset(self):
        # phase makes the ring and an unaligned file agree.
        content = random_bytes(200_000)
        for length in (1, 511, 4095, 4097):
            self.open("appended", open="truncate").finish(bytes(length))
            stream = self.open("appended", open="append", ring_bytes=64 * KIB)
            stream.ring.write_all(content, 10_000)
            self.finished(stream)
            self.assertEqual(bytes(length) + content, self.read_stored("appended"))


if __name__ == "__main__":
    main()
