# SPDX-License-Identifier: LGPL-2.1-or-later
"""For tests of forebayctl: running it, and what holds of whatever it prints."""

import json
import os
import subprocess

from harness import FOREBAYCTL, ForebayTest

DONE, FAILED, USAGE, NO_DAEMON, REFUSED, TIMED_OUT = range(6)


class CtlTest(ForebayTest):
    engines = ("auto",)

    def run_ctl(self, *words, status=DONE, data=b"", socket_path=None, cwd=None, **more):
        environment = {**os.environ, "FOREBAY_SOCKET": socket_path or self.daemon.path,
                       **more}
        done = subprocess.run([FOREBAYCTL, *words], input=data, capture_output=True, timeout=60,
                              env=environment, cwd=cwd)
        self.assertEqual(status, done.returncode,
                         f"{words}: {done.stdout[-2000:]!r} {done.stderr!r}")
        self.error_text = done.stderr.decode()
        if status == DONE:
            # Not a terminal: neither colour nor bar.
            self.assertNotIn("\033", self.error_text)
            # What is not text of its own may be anything.
            if "read" not in words and "-" not in words:
                self.assertNotIn(b"\033", done.stdout)
        else:
            self.assertTrue(self.error_text, f"{words}: nothing is said about the failure")
        return done.stdout

    def json_lines(self, *words, **options):
        text = self.run_ctl(*words, "--json", **options).decode()
        return [json.loads(line) for line in text.splitlines()]

    def on_a_terminal(self, *words, data=(), status=DONE, **environment):
        """What forebayctl shows on a terminal (its standard error), as text."""
        master, slave = os.openpty()
        process = subprocess.Popen(
            [FOREBAYCTL, *words], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=slave,
            env={**os.environ, "FOREBAY_SOCKET": self.daemon.path, "TERM": "xterm", **environment})
        os.close(slave)
        for piece in data:
            process.stdin.write(piece)
            process.stdin.flush()
        process.stdin.close()
        shown = bytearray()
        try:
            while piece := os.read(master, 65536):
                shown += piece
        except OSError:
            pass                    # EIO: nobody has the terminal open any more
        os.close(master)
        self.assertEqual(status, process.wait(), shown)
        return shown.decode()
