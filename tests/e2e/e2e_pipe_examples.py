#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples of readable streams and pipes, as they are: client/examples/duplex.py,
custom_writable.py and read_file."""

import gzip
import os
import pathlib
import re
import subprocess
import sys
import zlib

from harness import BUILD, KIB, MIB, SOURCE, STREAM, ForebayTest, main, random_bytes

# No more than this is read ahead: the mark in each part and a piece, and what a pipe holds.
AHEAD_BYTES_MAX = MIB


class Examples(ForebayTest):
    @classmethod
    def warm_up(cls, client):
        super().warm_up(client)
        pathlib.Path(cls.daemon.store).mkdir(exist_ok=True)
        cls.daemon.file("warm").write_bytes(b"x")
        client.call(STREAM + "Pipe", {"source": {"path": "warm"}, "steps": [{"name": "gzip"}],
                                      "context": {"path": "warm.gz"}})

    def run_program(self, *words, data=b"", status=0):
        done = subprocess.run(words, input=data, capture_output=True, timeout=60,
                              env={**os.environ, "FOREBAY_SOCKET": self.daemon.path})
        self.assertEqual(status, done.returncode, done.stderr.decode())
        self.error_text = done.stderr.decode()
        return done.stdout

    def python(self, name, *words, **options):
        # -I -S: nothing but what Python itself brings can be imported.
        return self.run_program(sys.executable, "-B", "-I", "-S",
                                str(SOURCE / "client/examples" / name), self.daemon.path, *words,
                                **options)

    def same(self, wanted, got):
        self.assertTrue(wanted == got, f"{len(got)} bytes, and not the {len(wanted)} wanted")

    def test_a_duplex_gives_back_what_goes_in(self):
        for length in (0, 1, 64 * KIB, 5 * MIB + 123):
            content = random_bytes(length)
            packed = self.python("duplex.py", data=content)
            self.assertEqual(f"{length} bytes in, {len(packed)} out\n", self.error_text)
            self.same(content, gzip.decompress(packed) if packed else b"")
            self.same(content, self.python("duplex.py", "zstd", "unzstd", data=content))

    def test_a_duplex_that_fails_says_why(self):
        self.python("duplex.py", "gunzip", data=b"garbage", status=1)
        self.assertIn("io.forebay.stream.StreamFailed", self.error_text)
        self.python("duplex.py", "lz4", status=1)
        self.assertIn("InvalidParameter", self.error_text)

    def test_a_writable_of_one_s_own_holds_up_the_source(self):
        content = random_bytes(16 * MIB)
        self.daemon.file("large").write_bytes(content)
        told = self.python("custom_writable.py", "large").decode()
        found = re.fullmatch(r"(\d+) of (\d+) bytes taken, crc32 (\w+), at most (\d+) read ahead\n",
                             told)
        self.assertTrue(found, told)
        self.assertEqual((str(len(content)), str(len(content)), f"{zlib.crc32(content):08x}"),
                         found.groups()[:3])
        self.assertLessEqual(int(found[4]), AHEAD_BYTES_MAX)
        self.assertGreater(int(found[4]), 0)
        self.python("custom_writable.py", "none", status=1)
        self.assertIn("NoSuchFile", self.error_text)

    def test_a_file_is_read_back_by_the_library(self):
        program = str(BUILD / "client/examples/read_file")
        for length in (0, 1, 64 * KIB, 5 * MIB + 123):
            content = random_bytes(length)
            self.daemon.file("back").write_bytes(content)
            self.daemon.file("back.gz").write_bytes(gzip.compress(content, 1))
            self.same(content, self.run_program(program, "back"))
            self.same(content, self.run_program(program, "back.gz", "gunzip"))
        self.daemon.file("short.gz").write_bytes(gzip.compress(content, 1)[:-5])
        # What the daemon has not handed over when the error comes is gone.
        got = self.run_program(program, "short.gz", "gunzip", status=1)
        self.same(content[:len(got)], got)
        self.assertGreater(len(got), len(content) - MIB)
        self.assertIn("read: ", self.error_text)
        self.run_program(program, "none", status=1)
        self.assertIn("NoSuchFile", self.error_text)
        self.run_program(program, status=2)


if __name__ == "__main__":
    main()
