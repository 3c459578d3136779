#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Readable, gzip, file, gunzip, readable: the same bytes again, and never many of them held.

	pipe_memory.py [BYTES]	1 GiB if not said otherwise

The daemon's resident memory, at its peak, is at most what it was before, the marks of the
three parts of a row, and 8 MiB.
"""

import hashlib
import os
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import KIB, MIB, main  # noqa: E402
from readable_test import GUNZIP, ReadableTest  # noqa: E402

BYTES = 1024 * MIB
LARGEST_ROW = 3         # source, steps, consumer or sink
BESIDE = 8 * MIB
BLOCK = 256 * KIB


class Peak:
    """How far the daemon's resident memory goes above where it stands now."""

    def __init__(self, daemon):
        self.daemon = daemon
        pathlib.Path(f"/proc/{daemon.pid}/clear_refs").write_text("5")
        self.before_kib = daemon.memory_kib("VmHWM")

    def bytes(self):
        return (self.daemon.memory_kib("VmHWM") - self.before_kib) * KIB


class PipeMemory(ReadableTest):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Two thirds of it are random; no block is like another.
        chance = random.Random(7)
        digest = hashlib.sha256()
        with open(cls.daemon.file("source"), "wb") as file:
            for at in range(0, BYTES, BLOCK):
                length = min(BLOCK, BYTES - at)
                block = (chance.randbytes(length * 2 // 3) + bytes(length))[:length]
                digest.update(block)
                file.write(block)
        cls.digest = digest.hexdigest()

    def check_peak(self, peak, mark, what):
        grown = peak.bytes()
        print(f"{what}: {grown // KIB} KiB", end=" ", flush=True)
        if not self.daemon.is_sanitized():
            self.assertLessEqual(grown, LARGEST_ROW * mark + BESIDE, what)

    def run_with(self, mark):
        peak = Peak(self.daemon)
        packed = self.pipe("source", steps=[{"name": "gzip", "level": 1}], path="packed.gz",
                           mark=mark, timeout=1200)
        self.assertEqual((BYTES, self.daemon.file("packed.gz").stat().st_size),
                         (packed["bytesRead"], packed["bytesWritten"]))
        self.check_peak(peak, mark, "gzip")

        peak = Peak(self.daemon)
        again = self.pipe("packed.gz", steps=[GUNZIP], path="again", mark=mark, checksum="sha256",
                          timeout=1200)
        self.assertEqual((BYTES, f"sha256:{self.digest}"), (again["bytesWritten"],
                                                            again["digest"]))
        self.check_peak(peak, mark, "gunzip")
        os.unlink(self.daemon.file("again"))

        peak = Peak(self.daemon)
        readable = self.open_readable("packed.gz", steps=[GUNZIP], mark=mark,
                                      ring_bytes=max(mark, 64 * KIB))
        digest = hashlib.sha256()
        for piece in readable.ring.pieces(timeout=300):
            digest.update(piece)
        self.assertEqual((BYTES, self.digest), (readable.ring.tail, digest.hexdigest()))
        self.check_peak(peak, mark, "readable")

    def test_marks_of_16_kib(self):
        self.run_with(16 * KIB)

    def test_marks_of_1_mib(self):
        self.run_with(MIB)


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].isdigit():
        BYTES = int(sys.argv.pop(1))
    main()
