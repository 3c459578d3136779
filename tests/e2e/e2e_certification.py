#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The public conformance test, by our own client and by the one in Go; our files, by Go."""

import os
import shutil
import subprocess
import sys
import unittest

from harness import INTERFACES, SERVICE, SOURCE, ForebayTest, main

FOREIGN = "org.varlink.certification"


class Certification(ForebayTest):
    engines = ("auto",)
    daemon_arguments = ("--certification",)

    def run_client(self, *words):
        done = subprocess.run(words, capture_output=True, text=True, timeout=60)
        self.assertEqual(0, done.returncode, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def test_our_own_client_passes(self):
        self.assertIn("certification passed", self.run_client(
            sys.executable, "-B", str(SOURCE / "tests/e2e/certification.py"), self.daemon.path))

    @unittest.skipUnless(shutil.which("varlink-go-certification"), "needs varlink-go")
    def test_the_client_in_go_passes(self):
        for _ in range(3):
            text = self.run_client("varlink-go-certification", "-client", "-varlink",
                                   f"unix:{self.daemon.path}")
            self.assertNotIn("rror", text)

    def test_it_is_listed_and_described(self):
        self.assertIn(FOREIGN, self.client.call(SERVICE + "GetInfo")["interfaces"])
        text = self.client.call(SERVICE + "GetInterfaceDescription",
                                {"interface": FOREIGN})["description"]
        self.assertIn("method Test11", text)

    def test_clients_that_never_end_are_forgotten_in_time(self):
        first = self.client.call(FOREIGN + ".Start")["client_id"]
        for _ in range(2000):
            last = self.client.call(FOREIGN + ".Start")["client_id"]
        self.assertNotEqual(first, last)
        self.client.call(FOREIGN + ".Test01", {"client_id": last})


class Files(unittest.TestCase):
    @unittest.skipUnless(shutil.which("varlink-go-interface-generator"), "needs varlink-go")
    def test_every_interface_passes_the_generator(self):
        folder = os.environ.get("TMPDIR", "/tmp")
        for name in INTERFACES:
            with self.subTest(interface=name):
                # The generator writes beside its input.
                copy = shutil.copy(SOURCE / "proto" / f"{name}.varlink", folder)
                done = subprocess.run(["varlink-go-interface-generator", copy],
                                      capture_output=True, text=True, cwd=folder)
                self.assertEqual((0, ""), (done.returncode, done.stderr))


if __name__ == "__main__":
    main()
