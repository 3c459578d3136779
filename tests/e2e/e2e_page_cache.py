#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A large stream through the page cache does not fill it, and nothing depends on the hints.

The first direct write of each stream here is refused, as by a file system that cannot do it.
"""

import ctypes
import mmap
import subprocess

from harness import MIB, ForebayTest, main, random_bytes, wait_until

PLAN = ";".join([
    "write(large-written):EINVAL@1", "write(large-synced):EINVAL@1",
    "write(large-published):EINVAL@1", "write(small):EINVAL@1", "write(no-hints):EINVAL@1",
    "writeback(no-hints):EIO@1+", "drop(no-hints):EIO@1+",
])


def resident_bytes(path):
    with open(path, "r+b") as file:
        mapping = mmap.mmap(file.fileno(), 0)
        pages = (len(mapping) + mmap.PAGESIZE - 1) // mmap.PAGESIZE
        states = (ctypes.c_ubyte * pages)()
        first = ctypes.c_char.from_buffer(mapping)
        failed = ctypes.CDLL(None, use_errno=True).mincore(
            ctypes.c_void_p(ctypes.addressof(first)), ctypes.c_size_t(len(mapping)), states)
        if failed:
            raise OSError(ctypes.get_errno(), "mincore")
        del first
        mapping.close()
        return sum(state & 1 for state in states) * mmap.PAGESIZE


class PageCache(ForebayTest):
    daemon_options = {"faults": PLAN}

    def store(self, path, length, ack):
        part = random_bytes(4 * MIB)
        stream = self.open(path, ring_bytes=16 * MIB, ack=ack)
        for _ in range(length // len(part)):
            # In one piece at first, so that it would go past the page cache.
            stream.ring.write_all(part, chunk=MIB)
        stream.ring.end()
        stream.wait("finish")
        return part * (length // len(part))

    def check_resident(self, path, length, ack, most):
        kind = subprocess.run(["stat", "-f", "-c", "%T", self.daemon.store], check=True,
                              capture_output=True, text=True).stdout.strip()
        if kind in ("tmpfs", "ramfs"):
            self.skipTest("the store is in memory")
        self.store(path, length, ack)
        # Finish is told before the last is dropped.
        wait_until(lambda: resident_bytes(self.daemon.file(path)) <= most, path)

    def test_of_a_large_stream_little_stays(self):
        for ack in ("written", "synced", "published"):
            with self.subTest(ack=ack):
                self.check_resident(f"large-{ack}", 320 * MIB, ack, 128 * MIB)

    def test_a_small_stream_stays(self):
        self.store("small", 48 * MIB, "synced")
        # Less the ring: as much may have been on its way directly when the first was refused.
        self.assertGreaterEqual(resident_bytes(self.daemon.file("small")), 32 * MIB)

    def test_a_disk_that_takes_no_hints_stores_all_the_same(self):
        data = self.store("no-hints", 160 * MIB, "synced")
        self.assertEqual(data, self.daemon.file("no-hints").read_bytes())


if __name__ == "__main__":
    main()
