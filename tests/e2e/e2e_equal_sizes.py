#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is stored equals what was written, at the sizes where a disk's blocks begin and end.

On a disk and on tmpfs, which knows no direct writes. Whatever was reserved ahead of the writer
is given back: no blocks stay behind the end of a file.
"""

import base64
import itertools
import random
import tempfile
import threading

from harness import (BUFFER, KIB, MIB, POOL, Daemon, ForebayTest, main, random_bytes,
                     wait_until)

BLOCK = 4096
SIZES = (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, MIB - 1, MIB, MIB + 1, 8 * MIB + 5)
CONTENT = random_bytes(24 * MIB + 7)


def chunks_of(content, seed):
    """Cut at random: some lengths are odd, some are whole blocks."""
    chance = random.Random(seed)
    at = 0
    while at < len(content):
        length = chance.choice((1, 100, BLOCK, 70_001, 65536, 512 * KIB, MIB, 1_000_003))
        yield content[at:at + length]
        at += length


class EqualOnDisk(ForebayTest):
    engines = None

    def put(self, name, content):
        path = self.daemon.file(name)
        path.write_bytes(content)
        return path

    def write_ring(self, stream, content, seed):
        for chunk in chunks_of(content, seed):
            stream.ring.write_all(chunk, chunk=MIB)
        stream.finish()

    def check(self, name, wanted):
        """The bytes, and no more blocks than they need."""
        path = self.daemon.file(name)
        stored = path.read_bytes()
        # Millions of bytes in a message help nobody.
        self.assertEqual(len(wanted), len(stored))
        self.assertTrue(stored == wanted, f"{name} differs")
        facts = path.stat()
        self.assertLessEqual(facts.st_blocks * 512, (len(wanted) // BLOCK + 1) * BLOCK + 64 * KIB)
        path.unlink()

    def test_new_files_of_every_size_by_ring(self):
        for mode, ring, size in itertools.product(("replace", "exclusive", "truncate", "append"),
                                                  (64 * KIB, 4 * MIB), SIZES):
            with self.subTest(mode=mode, ring=ring, size=size):
                stream = self.open("new", open=mode, ring_bytes=ring)
                self.write_ring(stream, CONTENT[:size], size)
                stream.ring.close()
                self.check("new", CONTENT[:size])

    def test_append_goes_on_after_any_end(self):
        for before, size in itertools.product((1, BLOCK - 1, BLOCK, 5000, MIB + 77), SIZES):
            with self.subTest(before=before, size=size):
                self.put("appended", CONTENT[-before:])
                for part in (CONTENT[:size], CONTENT[size:2 * size]):
                    stream = self.open("appended", open="append", ring_bytes=4 * MIB)
                    self.write_ring(stream, part, before)
                    stream.ring.close()
                self.check("appended", CONTENT[-before:] + CONTENT[:2 * size])

    def test_update_changes_its_own_bytes_only(self):
        old = bytes(reversed(CONTENT[:12 * MIB + 9]))
        for start, size in itertools.product((0, 1, BLOCK - 1, BLOCK, 5000, 12 * MIB + 9), SIZES):
            with self.subTest(start=start, size=size):
                path = self.put("updated", old)
                path.read_bytes()
                stream = self.open("updated", open="update", start=start, ring_bytes=4 * MIB)
                self.write_ring(stream, CONTENT[:size], start)
                stream.ring.close()
                self.check("updated", old[:start] + CONTENT[:size] + old[start + size:])

    def test_somebody_reads_the_file_all_the_while(self):
        path = self.put("read", bytes(len(CONTENT)))
        over = threading.Event()

        def read():
            while not over.is_set():
                path.read_bytes()

        reader = threading.Thread(target=read)
        reader.start()
        try:
            stream = self.open("read", open="update", start=3, ring_bytes=MIB)
            self.write_ring(stream, CONTENT[3:], 5)
        finally:
            over.set()
            reader.join()
        self.check("read", bytes(3) + CONTENT[3:])

    def test_drops_and_floods_take_turns(self):
        """Each drop is synced by itself and ends inside of a block; a flood follows."""
        for mode in ("replace", "append"):
            stream = self.open("turns", open=mode, ring_bytes=4 * MIB)
            at = 0
            for flood in (MIB + 1, 3 * MIB, 2 * MIB - 7, BLOCK, 6 * MIB):
                stream.ring.write_all(CONTENT[at:at + 1])
                stream.wait("synced")
                stream.ring.write_all(CONTENT[at + 1:at + flood], chunk=MIB)
                at += flood
                stream.wait("synced")
                self.assertEqual(at, stream.describe()["bytesSynced"])
            stream.finish()
            self.check("turns", CONTENT[:at])

    def test_a_hint_that_promised_too_much_leaves_nothing_allocated(self):
        for size in (0, 1, BLOCK, 3 * MIB + 5, len(CONTENT)):
            stream = self.open("hinted", sizeHint=64 * MIB, ring_bytes=4 * MIB)
            self.write_ring(stream, CONTENT[:size], size)
            self.check("hinted", CONTENT[:size])

    def test_nothing_stays_allocated_behind_a_long_stream(self):
        for mode in ("replace", "append"):
            stream = self.open("long", open=mode, ring_bytes=8 * MIB)
            self.write_ring(stream, CONTENT, 1)
            self.check("long", CONTENT)

    def test_a_salvaged_stream_leaves_what_was_taken_and_no_more(self):
        client = self.daemon.client()
        stream = client.open_stream("salvaged", ring_bytes=8 * MIB)
        self.cleanup.callback(stream.ring.close)
        for chunk in chunks_of(CONTENT, 2):
            stream.ring.write_all(chunk, chunk=MIB)
        client.close()
        wait_until(lambda: self.daemon.file("salvaged.partial").exists(), "a partial is there")
        self.check("salvaged.partial", CONTENT)

    def test_what_a_killed_daemon_leaves_is_a_prefix(self):
        """No zeros where something was reserved, or where one write came before another."""
        odd = b"".join(bytes([n % 251 + 1]) * 70_001 for n in range(600))
        for moment in (3 * MIB, 9 * MIB, 17 * MIB, 30 * MIB):
            daemon = Daemon(engine=self.engine, **self.daemon_options)
            with daemon:
                stream = daemon.client().open_stream("killed", ring_bytes=64 * MIB)
                for at in range(0, moment, 70_001):
                    stream.ring.write_all(odd[at:at + 70_001])
                synced = stream.ring.progress
                daemon.kill(remove=False)
                stream.ring.close()
                daemon.start()
                partial = daemon.file("killed.partial")
                wait_until(lambda: not [name for name in daemon.files() if ".forebay-" in name],
                           "the temporary was dealt with")
                if partial.exists():
                    left = partial.read_bytes()
                    self.assertTrue(odd.startswith(left), f"{len(left)} bytes are no prefix")
                    self.assertLessEqual(partial.stat().st_blocks * 512, len(left) + 64 * KIB)
                    self.assertLessEqual(synced, len(left))
                    partial.unlink()
                else:
                    self.assertEqual(0, synced)

    def test_buffers_at_odd_and_even_places(self):
        self.client.call(POOL + "Create", {"context": {"name": "sizes", "sizeBytes": 16 * MIB}})
        buffer = self.client.call(BUFFER + "Alloc", {"length": 8 * MIB,
                                                     "pool": "sizes"})["buffer"]["id"]
        text = CONTENT[:8 * MIB]
        for at in range(0, len(text), 512 * KIB):
            self.client.call(BUFFER + "Write", {
                "id": buffer, "offset": at, "encoding": "base64",
                "data": base64.b64encode(text[at:at + 512 * KIB]).decode()})
        ranges = ((0, MIB), (MIB, 2 * MIB), (5, 100), (BLOCK, MIB), (3, MIB + 4093),
                  (2 * MIB, 6 * MIB), (0, BLOCK), (7, 8 * MIB - 7))
        for start in range(len(ranges)):
            stream = self.open("buffers", highWaterMark=64 * MIB)
            wanted = b""
            for offset, length in ranges[start:] + ranges[:start]:
                stream.write_buffer(buffer, offset=offset, length=length)
                wanted += text[offset:offset + length]
            stream.finish()
            self.check("buffers", wanted)
        self.client.call(POOL + "Destroy", {"name": "sizes", "force": True})

    def test_a_passed_file_is_written_from_where_it_stands(self):
        for start, size in itertools.product((0, 1, BLOCK, 5000), SIZES):
            path = self.put("passed", CONTENT[-start:] if start else b"")
            with open(path, "r+b") as passed:
                passed.seek(start)
                stream = self.open(fd=passed.fileno(), ring_bytes=4 * MIB)
                self.write_ring(stream, CONTENT[:size], start)
                stream.ring.close()
            self.check("passed", (CONTENT[-start:] if start else b"") + CONTENT[:size])


class EqualInMemory(EqualOnDisk):
    """tmpfs takes no direct writes: the same, all of it through the page cache."""

    @classmethod
    def setUpClass(cls):
        cls.memory = tempfile.TemporaryDirectory(dir="/dev/shm")
        cls.daemon_options = {"store": cls.memory.name + "/store"}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.memory.cleanup()


if __name__ == "__main__":
    main()
