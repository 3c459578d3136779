#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Readable streams through a ring: layout, wake-ups, pause, ends, and consumers gone wrong."""

import fcntl
import gzip
import os
import random
import socket

from harness import (F_GET_SEALS, KIB, MIB, SEAL_GROW, SEAL_SEAL, SEAL_SHRINK, STREAM,
                     VarlinkError, main, random_bytes, wait_until)
from read_ring import BROKEN, CUT, ENDED, GOING
from readable_test import CELLS, GUNZIP, GZIP, ReadableTest, fill, held
from ring import OPEN, W_HEAD, W_NEED, W_STATE, W_TAIL

CONTENT = random_bytes(3 * MIB + 12345)


class Rings(ReadableTest):
    def ring_of(self, name="ring", content=CONTENT, ring_bytes=64 * KIB, **parameters):
        self.put(name, content)
        return self.open_readable(name, ring_bytes=ring_bytes, **parameters)

    def ended(self, readable, *states):
        return wait_until(lambda: (about := readable.describe())["state"] in states and about,
                          f"the readable is {states}")

    def test_the_ring_is_laid_out_and_sealed(self):
        for asked, made in ((64 * KIB, 64 * KIB), (100_000, 128 * KIB), (MIB, MIB)):
            readable = self.ring_of(ring_bytes=asked, mark=4096)
            ring = readable.ring
            self.assertEqual((made, 4096 + made), (ring.ring_bytes, ring.size))
            self.assertEqual((0, 0, OPEN), (ring.phase, ring.tail, ring.state))
            self.assertEqual(4096, ring.high)
            wanted = SEAL_SEAL | SEAL_SHRINK | SEAL_GROW
            self.assertEqual(wanted, fcntl.fcntl(ring.memory_fd, F_GET_SEALS) & wanted)
            self.assertEqual(0o600, os.fstat(ring.memory_fd).st_mode & 0o777)
            with self.assertRaises(PermissionError):
                os.ftruncate(ring.memory_fd, 0)
            readable.abort()

    def test_what_comes_through_the_ring_is_the_file(self):
        for size, mark in CELLS:
            with self.subTest(size=size, mark=mark):
                readable = self.ring_of(content=CONTENT[:size], mark=mark)
                self.same(CONTENT[:size], readable.ring.read_all())
                self.assertEqual((ENDED, size), (readable.ring.ended, readable.ring.head))
                about = self.ended(readable, "finished")
                self.assertEqual((size, size, 0), (about["bytesRead"], about["bytesTaken"],
                                                   about["readableLength"]))
                readable.ring.close()

    def test_it_goes_round_many_times_in_pieces_of_any_size(self):
        buffer = self.make_buffer(CONTENT)
        for ring_bytes, mark, most in ((64 * KIB, 65536, 1000), (64 * KIB, 65536, None),
                                       (64 * KIB, 10_000, 9999), (MIB, 300_001, 70_001),
                                       (64 * KIB, 8 * MIB, None)):
            with self.subTest(ring_bytes=ring_bytes, mark=mark, most=most):
                readable = self.open_readable({"buffer": buffer}, ring_bytes=ring_bytes,
                                              mark=mark)
                self.same(CONTENT, readable.ring.read_all(most))
                readable.ring.close()
        wait_until(lambda: self.pins(buffer) == 0, "the buffer is free")

    def test_a_byte_is_owed_only_when_need_moved(self):
        # The rule to the letter: fence, then look at need, then perhaps one byte.
        for mark in (1000, 65536):
            readable = self.ring_of(mark=mark, always_poke=False)
            # Where less is taken than it waits for, it has to say again that it waits.
            self.same(CONTENT, readable.ring.read_all(777 if mark == 65536 else None))
            readable.ring.close()

    def test_random_pieces_and_pauses_lose_no_wake_up(self):
        chance = random.Random(5)
        for always_poke in (False, True):
            readable = self.ring_of(mark=4096, always_poke=always_poke, steps=[GZIP, GUNZIP])
            got = bytearray()
            for piece in readable.ring.pieces(chance.choice((1000, 5000, 65536))):
                got += piece
                if chance.random() < 0.05:
                    readable.ring.pause()
                    if chance.random() < 0.5:
                        self.client.call("io.forebay.daemon.Ping")
                    readable.ring.resume()
            self.same(CONTENT, bytes(got))
            readable.ring.close()

    def test_a_pipe_wakes_a_consumer_that_sleeps(self):
        for kind in ("pipe", "socket"):
            reader, writer = self.make_flow(kind)
            readable = self.open_readable(fd=reader, ring_bytes=64 * KIB)
            for number in range(50):
                self.assertEqual(0, readable.ring.length)
                writer.write(b"%d" % number)
                readable.ring.wait()
                self.assertEqual(b"%d" % number, readable.ring.take())
            writer.close()
            self.assertEqual(b"", readable.ring.read_all())
            self.assertEqual(ENDED, readable.ring.ended)

    def test_what_is_not_taken_is_not_read(self):
        for mark, ring_bytes in ((1, 64 * KIB), (4096, 64 * KIB), (65536, 64 * KIB), (MIB, MIB),
                                 (4096, MIB)):
            with self.subTest(mark=mark, ring_bytes=ring_bytes):
                readable = self.ring_of(content=bytes(8 * MIB), mark=mark, ring_bytes=ring_bytes)
                now = self.settled(readable)
                self.assertEqual(0, now["bytesTaken"])
                # The ring is the client's own; it is filled whatever the mark is.
                self.assertLessEqual(now["bytesRead"], ring_bytes + held(2, mark))
                self.assertLessEqual(readable.ring.length, ring_bytes)
                self.assertEqual(now["bytesRead"], now["readableLength"])
                readable.ring.close()

    def test_what_is_taken_is_told(self):
        readable = self.ring_of(content=CONTENT[:100_000])
        readable.ring.wait()
        self.assertEqual(CONTENT[:1000], readable.ring.take(1000))
        self.assertEqual(1000, wait_until(lambda: readable.describe()["bytesTaken"], "taken"))
        about = self.until_still(readable.describe)
        self.assertEqual(about["bytesRead"] - 1000, about["readableLength"])
        self.assertIn(about["state"], ("open", "ending"))

    def test_who_writes_to_a_passed_pipe_is_held_back(self):
        reader, writer = self.make_pipe(4096)
        readable = self.open_readable(fd=reader, ring_bytes=64 * KIB, mark=4096)
        total = 0

        def full():
            nonlocal total
            total += fill(writer)
            return total, readable.ring.head
        written, head = self.until_still(full)
        self.assertLessEqual(head, 64 * KIB)
        self.assertLessEqual(written, 4096 + 64 * KIB + held(2, 4096))
        os.set_blocking(writer.fileno(), True)
        self.feed(writer, CONTENT[:200_000])
        self.same(bytes(written) + CONTENT[:200_000], readable.ring.read_all(1000))

    def test_pause_by_the_state_word(self):
        reader, writer = self.make_pipe()
        readable = self.open_readable(fd=reader, ring_bytes=64 * KIB, mark=4096)
        readable.ring.pause()
        wait_until(lambda: readable.state() == "paused", "paused")
        total = 0

        def full():
            nonlocal total
            total += fill(writer)
            return total, readable.describe()["bytesRead"], readable.ring.head
        written, read, head = self.until_still(full)
        self.assertEqual(0, head)
        self.assertLessEqual(read, held(2, 4096))
        readable.ring.resume()
        wait_until(lambda: readable.state() == "open", "open")
        os.set_blocking(writer.fileno(), True)
        writer.close()
        self.assertEqual(written, len(readable.ring.read_all()))

    def test_pause_by_a_call(self):
        readable = self.ring_of(mark=4096)
        readable.pause()
        self.assertEqual("paused", readable.state())
        head = self.until_still(lambda: readable.ring.head)
        readable.ring.take()
        self.assertEqual(head, self.until_still(lambda: readable.ring.head))
        readable.resume()
        self.assertEqual("open", readable.state())
        self.same(CONTENT[head:], readable.ring.read_all())

    def test_abort_cuts_it(self):
        for wait in (False, True):
            reader, writer = self.make_pipe()
            readable = self.open_readable(fd=reader, ring_bytes=64 * KIB)
            writer.write(b"good")
            readable.ring.wait()
            if wait:
                self.assertEqual(b"good", readable.ring.take())
            readable.abort()
            # It wakes who waits; what is before the head is good.
            self.assertEqual(b"" if wait else b"good", readable.ring.read_all())
            self.assertEqual(CUT, readable.ring.ended)
            wait_until(lambda: self.gone(readable.id), "it is gone")

    def test_a_fault_breaks_it_and_is_told(self):
        packed = gzip.compress(CONTENT, 1)
        readable = self.ring_of(content=packed[:len(packed) // 2], steps=[GUNZIP])
        got = readable.ring.read_all()
        self.assertEqual(BROKEN, readable.ring.ended)
        self.assertTrue(CONTENT.startswith(got))
        self.assertGreater(len(got), MIB)
        about = readable.describe()
        self.assertEqual("failed", about["state"])
        self.check_fault(about["fault"])

    def test_a_file_that_is_cut_meanwhile_breaks_it(self):
        readable = self.ring_of(name="cut", mark=4096)
        self.settled(readable)
        os.truncate(self.daemon.file("cut"), 0)
        got = readable.ring.read_all()
        self.assertEqual(BROKEN, readable.ring.ended)
        self.assertTrue(CONTENT.startswith(got))
        self.check_fault(readable.describe()["fault"], ("read",))


class Wrong(ReadableTest):
    """What the client may write in the ring is looked at once, and not believed."""

    engines = ("auto",)

    def ring_of(self, mark=4096):
        self.put("wrong", CONTENT)
        return self.open_readable("wrong", ring_bytes=64 * KIB, mark=mark)

    def check_failed(self, readable, other):
        about = wait_until(lambda: (now := readable.describe())["state"] == "failed" and now,
                           "it failed")
        self.check_fault(about["fault"])
        self.assertEqual(BROKEN, readable.ring.ended)
        # The other one does not know of it.
        self.assertEqual("open", other.state())

    def test_a_tail_past_the_head_or_back_fails_that_stream_alone(self):
        other = self.ring_of()
        for tail in ("past", "far", 2 ** 63, 2 ** 64 - 1, "back", "back to 0"):
            with self.subTest(tail=tail):
                readable = self.ring_of()
                readable.ring.wait()
                if str(tail).startswith("back"):
                    readable.ring.take(1000)
                    wait_until(lambda: readable.describe()["bytesTaken"] == 1000, "taken")
                    wrong = 999 if tail == "back" else 0
                else:
                    head = self.until_still(lambda: readable.ring.head)
                    wrong = {"past": head + 1, "far": head + MIB}.get(tail, tail)
                readable.ring.words[W_TAIL] = wrong
                readable.ring.poke()
                self.check_failed(readable, other)
                readable.ring.close()
        self.same(CONTENT, other.ring.read_all())

    def test_a_state_that_is_none_harms_nobody(self):
        other = self.ring_of()
        for state in (0, 3, 4, 6, 7, 2 ** 64 - 1):
            readable = self.ring_of()
            readable.ring.set_state(state)
            self.client.call("io.forebay.daemon.Ping")
            # Either it fails for that, or the word means nothing.
            about = self.until_still(readable.describe)
            self.assertIn(about["state"], ("open", "failed"))
            readable.ring.close()
        self.same(CONTENT, other.ring.read_all())

    def test_the_daemons_own_words_are_not_believed(self):
        readable = self.ring_of(mark=65536)
        head = self.until_still(lambda: readable.ring.head)
        for index in (*range(7), 1152 // 8, 1408 // 8, W_NEED, W_HEAD):
            readable.ring.words[index] = 2 ** 64 - 1 - index
        # It knows itself how far it is.
        wanted, got = CONTENT, bytearray(readable.ring.copy_out(0, head))
        readable.ring.give_back(head)
        while len(got) < len(wanted):
            now = wait_until(lambda: (head := readable.ring.head) < 2 ** 32
                             and head > len(got) and head, "it goes on")
            got += readable.ring.copy_out(len(got), now - len(got))
            readable.ring.give_back(now)
        self.same(wanted, bytes(got))
        wait_until(lambda: readable.state() == "finished", "finished")

    def test_a_signal_that_is_closed_gives_up(self):
        buffer = self.make_buffer(CONTENT)
        for how in ("close", "shutdown"):
            for pause in (False, True):
                readable = self.open_readable({"buffer": buffer}, ring_bytes=64 * KIB, mark=4096)
                readable.ring.wait()
                if pause:
                    readable.ring.pause()
                if how == "shutdown":
                    readable.ring.signal.shutdown(socket.SHUT_RDWR)
                else:
                    readable.ring.close()
                wait_until(lambda: self.gone(readable.id), "it is gone")
                wait_until(lambda: self.pins(buffer) == 0, "the buffer is free")
                if how == "shutdown":
                    self.assertEqual(CUT, readable.ring.ended)
        # That of one which has ended takes nothing back.
        self.put("short", b"short")
        readable = self.open_readable("short", ring_bytes=64 * KIB)
        self.assertEqual(b"short", readable.ring.read_all())
        wait_until(lambda: readable.state() == "finished", "finished")
        readable.ring.close()
        self.client.call("io.forebay.daemon.Ping")

    def test_a_connection_that_is_lost_ends_the_ring(self):
        for ended in (False, True):
            with self.daemon.client() as client:
                self.put("lost", b"lost" if ended else CONTENT)
                readable = self.open_readable("lost", client, ring_bytes=64 * KIB, mark=4096)
                readable.ring.wait()
                if ended:
                    wait_until(lambda: readable.ring.ended, "it has ended")
            # Who only looks at the ring hears of it.
            if ended:
                # All of it is there, though it was given up before it was taken.
                self.assertEqual(b"lost", readable.ring.read_all())
                self.assertIn(readable.ring.ended, (ENDED, CUT))
            else:
                wait_until(lambda: readable.ring.ended == CUT, "it is cut")
            wait_until(lambda: self.gone(readable.id), "it is gone")

    def test_a_flood_of_bytes_means_nothing(self):
        readable = self.ring_of()
        for _ in range(5000):
            readable.ring.poke()
        self.assertEqual(GOING, readable.ring.ended)
        self.same(CONTENT, readable.ring.read_all())

    def test_state_and_tail_scribbled_over_at_random(self):
        chance = random.Random(11)
        other = self.ring_of()
        for _ in range(100):
            readable = self.ring_of()
            for _ in range(chance.randrange(1, 5)):
                readable.ring.words[chance.choice((W_TAIL, W_STATE))] = chance.choice((
                    0, 1, 2, 4096, chance.randrange(70_000), chance.randrange(2 ** 64)))
                readable.ring.poke()
            try:
                readable.abort()
            except VarlinkError as error:
                self.assertEqual((STREAM + "WrongState", "failed"), (
                    error.name, error.parameters["state"]))
            readable.ring.close()
        self.assertEqual("open", other.state())
        self.same(CONTENT, other.ring.read_all())


if __name__ == "__main__":
    main()
