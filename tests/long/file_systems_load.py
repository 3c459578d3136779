#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""For file_systems.sh: one engine on one file system.

	file_systems_load.py ENGINE DIRECTORY NAME HUGE_BYTES

A cell is a way to hand bytes over, a size, and where they go. Every stored file is read back
with nothing of it in the page cache. Prints the number of cells, and fails if one did not run
or was not equal.
"""

import base64
import itertools
import os
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import BUFFER, KIB, MIB, POOL, Daemon, VarlinkError, random_bytes  # noqa: E402
from e2e_equal_sizes import chunks_of  # noqa: E402

BLOCK = 4096
SIZES = (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, MIB - 1, MIB, MIB + 1)
WAYS = ("ring", "buffer", "inline")
STARTS = (0, 1, BLOCK - 1, BLOCK, BLOCK + 1)
ENDS = (1, BLOCK - 1, BLOCK, BLOCK + 1, MIB + 77)
PLACES = ([("replace", 0)] + [("update", start) for start in STARTS] +
          [("append", end) for end in ENDS])
# A compressed file is no place to update.
STEP_PLACES = [("replace", 0), ("append", 1), ("append", MIB + 77)]
STEPS = {"gzip": ("gzip", "-dc"), "zstd": ("zstd", "-dc")}
CONTENT = random_bytes(MIB + 1, 3)
# What was there before: longer than any update.
OLD = random_bytes(2 * MIB, 4)
HUGE_PIECE = 16 * MIB


class Cells:
    def __init__(self, daemon, client):
        self.daemon, self.client = daemon, client
        self.listed = self.equal = 0
        client.call(POOL + "Create", {"context": {"name": "cells", "sizeBytes": 2 * MIB}})
        self.buffer = client.call(BUFFER + "Alloc", {"length": len(CONTENT),
                                                     "pool": "cells"})["buffer"]["id"]
        for at in range(0, len(CONTENT), 512 * KIB):
            client.call(BUFFER + "Write", {
                "id": self.buffer, "offset": at, "encoding": "base64",
                "data": base64.b64encode(CONTENT[at:at + 512 * KIB]).decode()})

    def put(self, way, size, **context):
        """The first `size` bytes of CONTENT, by one stream from Open to finish."""
        ring_bytes = 4 * MIB if way == "ring" else None
        if way != "ring":
            context["highWaterMark"] = 4 * MIB
        stream = self.client.open_stream("cell", ring_bytes=ring_bytes, **context)
        if way == "buffer":
            if size > 0:
                stream.write_buffer(self.buffer, offset=0, length=size)
        else:
            for chunk in chunks_of(CONTENT[:size], size):
                if way == "ring":
                    stream.ring.write_all(chunk, chunk=MIB)
                else:
                    for at in range(0, len(chunk), 512 * KIB):
                        stream.write(chunk[at:at + 512 * KIB])
        stream.finish()
        if stream.ring:
            stream.ring.close()

    def stored(self):
        fd = os.open(self.daemon.file("cell"), os.O_RDONLY)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        with open(fd, "rb") as file:
            return file.read()

    def judge(self, name, got, wanted):
        if got == wanted:
            self.equal += 1
        else:
            print(f"{name}: {len(got)} bytes, not the {len(wanted)} that were written")
        self.daemon.file("cell").unlink()

    def plain(self, way, size, mode, at):
        path = self.daemon.file("cell")
        if mode == "update":
            path.write_bytes(OLD)
            self.put(way, size, open=mode, start=at)
            wanted = OLD[:at] + CONTENT[:size] + OLD[at + size:]
        elif mode == "append":
            path.write_bytes(OLD[:at])
            self.put(way, size, open=mode)
            wanted = OLD[:at] + CONTENT[:size]
        else:
            path.write_bytes(OLD)
            self.put(way, size, open=mode)
            wanted = CONTENT[:size]
        self.judge(f"{way} {size} {mode} {at}", self.stored(), wanted)

    def stepped(self, step, way, size, mode, at):
        steps = [{"name": step}]
        if mode == "append":
            self.put("ring", at, steps=steps)
        self.put(way, size, open=mode, steps=steps)
        wanted = CONTENT[:size] if mode == "replace" else CONTENT[:at] + CONTENT[:size]
        undone = subprocess.run(STEPS[step], input=self.stored(), capture_output=True)
        if undone.returncode != 0:
            print(f"{step}: {undone.stderr.decode().strip()}")
        self.judge(f"{step} {way} {size} {mode} {at}", undone.stdout, wanted)

    def huge(self, size):
        """One piece again and again, each time with its number at its start."""
        piece = bytearray(random_bytes(HUGE_PIECE, 5))
        stream = self.client.open_stream("cell", ring_bytes=64 * MIB)
        for number in range(size // HUGE_PIECE):
            piece[:8] = number.to_bytes(8, "little")
            stream.ring.write_all(piece, chunk=MIB, timeout=120)
        stream.ring.end()
        self.client.call("io.forebay.stream.Wait", {"id": stream.id, "level": "finish"},
                         timeout=300)
        stream.ring.close()
        path = self.daemon.file("cell")
        right = path.stat().st_size == size
        with open(path, "rb") as file:
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            for number in range(size // HUGE_PIECE):
                piece[:8] = number.to_bytes(8, "little")
                if file.read(HUGE_PIECE) != piece:
                    print(f"differs in the {HUGE_PIECE} bytes from {number * HUGE_PIECE} on")
                    right = False
                    break
        self.equal += right
        path.unlink()

    def accepts(self, step):
        try:
            stream = self.client.open_stream("cell", steps=[{"name": step}])
        except VarlinkError as error:
            if not error.name.endswith("InvalidParameter"):
                raise
            return False
        stream.abort()
        return True

    def run(self, cells, what):
        cells = list(cells)
        self.listed += len(cells)
        for cell in cells:
            try:
                what(*cell)
            except (VarlinkError, OSError) as error:
                print(f"{what.__name__} {cell}: {error}")


def main():
    engine, directory, name, huge = sys.argv[1:]
    with Daemon(engine=engine, store=f"{directory}/{engine}") as daemon, \
            daemon.client() as client:
        cells = Cells(daemon, client)
        cells.run(((way, size, *place) for way, size, place
                   in itertools.product(WAYS, SIZES, PLACES)), cells.plain)
        for step in STEPS:
            if cells.accepts(step):
                cells.run(((step, way, size, *place) for way, size, place
                           in itertools.product(WAYS, SIZES, STEP_PLACES)), cells.stepped)
            else:
                print(f"{name}, {engine}: {step} is not accepted, its column is left out")
        if int(huge) > 0:
            cells.run([(int(huge),)], cells.huge)
    print(f"{name}, {engine}: {cells.listed} cells, {cells.equal} equal")
    sys.exit(cells.listed == 0 or cells.equal != cells.listed)


main()
