#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example producer without libforebay: client/examples/ring_writer.py, as it is."""

import subprocess
import sys
import unittest

from harness import KIB, MIB, SOURCE, ForebayTest, main, random_bytes

EXAMPLE = SOURCE / "client/examples/ring_writer.py"


@unittest.skipUnless(EXAMPLE.exists(), "client/examples/ring_writer.py is not there yet")
class RingWriter(ForebayTest):
    def run_example(self, path, content):
        # -I -S: nothing but what Python itself brings can be imported.
        done = subprocess.run([sys.executable, "-B", "-I", "-S", str(EXAMPLE),
                               self.daemon.path, path], input=content,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=60)
        self.assertEqual(0, done.returncode, done.stdout.decode())

    def test_stdin_becomes_the_file(self):
        for length in (0, 1, 64 * KIB, 5 * MIB + 123):
            content = random_bytes(length)
            self.run_example(f"example{length}", content)
            self.assertEqual(content, self.read_stored(f"example{length}"))


if __name__ == "__main__":
    main()
