#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""client/examples/checkpoint.c, as it is: an application whose state outlives whatever dies."""

import mmap
import os
import signal
import struct
import subprocess
import unittest

from harness import BUFFER, BUILD, JOB, POOL, Daemon, main, wait_until

PROGRAM = BUILD / "client/examples/checkpoint"
NAME = "lines"


class Application:
    """One that runs; what it says is asked for line by line."""

    def __init__(self, daemon, seconds="1000"):
        self.process = subprocess.Popen(
            [PROGRAM, NAME, seconds], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "FOREBAY_SOCKET": daemon.path})

    def says(self):
        return self.process.stdout.readline().rstrip("\n")

    def feed(self, count):
        self.process.stdin.write("a line\n" * count)
        self.process.stdin.flush()

    def kill(self):
        self.process.kill()
        self.process.communicate()

    def wait(self):
        """Its exit status, and all that it still said."""
        said = self.process.communicate(timeout=60)[0]
        return self.process.returncode, said.split("\n")[:-1]


class Checkpoint(unittest.TestCase):
    engines = ("auto",)
    engine = "auto"

    def setUp(self):
        self.daemon = Daemon(engine=self.engine)
        self.addCleanup(self.daemon.remove)
        self.daemon.start()
        self.addCleanup(lambda: self.daemon.process and self.daemon.kill())

    def start(self, said, seconds="1000"):
        application = Application(self.daemon, seconds)
        self.addCleanup(application.kill)
        self.assertEqual(said, application.says())
        return application

    def count(self, application, lines, said):
        application.feed(lines)
        self.assertEqual(str(said), application.says())

    def job(self):
        with self.daemon.client() as client:
            return client.call(JOB + "Describe", {"id": NAME})

    def job_id(self):
        with self.daemon.client() as client:
            (job,) = client.more(JOB + "List")
            return job["id"]

    def history(self):
        with self.daemon.client() as client:
            return [reply["run"] for reply in client.more(JOB + "History",
                                                          {"id": NAME, "limit": 1000})]

    def saved(self):
        """The lines that the file has; None: there is no file."""
        path = self.daemon.file(NAME)
        return struct.unpack("=QQ", path.read_bytes())[0] if path.exists() else None

    def kill_daemon(self):
        self.daemon.kill(remove=False)

    def test_it_saves_by_the_clock_and_at_its_end(self):
        application = self.start("new: 0", "0.05")
        self.count(application, 3, 3)
        wait_until(lambda: self.saved() == 3, "it is saved by its schedule")
        application.feed(2)
        application.process.stdin.close()
        application.process.stdin = None
        self.assertEqual((0, ["5", "saved"]), application.wait())
        self.assertEqual(5, self.saved())

    def test_a_signal_is_an_end_like_any_other(self):
        application = self.start("new: 0")
        self.count(application, 4, 4)
        self.assertIsNone(self.saved())
        application.process.send_signal(signal.SIGTERM)
        self.assertEqual((0, ["saved"]), application.wait())
        self.assertEqual(4, self.saved())

    def test_killed_it_goes_on_from_the_last_line(self):
        application = self.start("new: 0")
        self.count(application, 3, 3)
        job = self.job_id()
        application.kill()
        self.assertIsNone(self.saved())
        application = self.start("in memory: 3")
        self.count(application, 1, 4)
        self.assertEqual(job, self.job_id())

    def test_killed_within_an_update_it_goes_on_from_the_last_file(self):
        application = self.start("new: 0")
        self.count(application, 3, 3)
        with self.daemon.client() as client:
            client.call(JOB + "Run", {"id": NAME})
        self.count(application, 1, 4)
        application.kill()
        torn = self.make_odd()
        application = self.start("from the last file: 3")
        self.assertNotEqual(torn, self.job()["context"]["buffer"])
        with self.daemon.client() as client:
            left = [reply["buffer"]["id"] for reply in client.more(BUFFER + "List") if reply]
        self.assertEqual([self.job()["context"]["buffer"]], left)
        self.count(application, 1, 4)

    def make_odd(self):
        """What an update that was begun leaves behind; the buffer's id."""
        with self.daemon.client() as client:
            buffer = self.job()["context"]["buffer"]
            place = client.call(BUFFER + "Describe", {"id": buffer})["buffer"]["versionOffset"]
            reply = client.call_reply(POOL + "Acquire", {"name": "default"})
            with mmap.mmap(reply.fds[reply.parameters["versionFileDescriptorIndex"]], 0) as words:
                (word,) = struct.unpack_from("=Q", words, place)
                struct.pack_into("=Q", words, place, word + 1)
            for fd in reply.fds:
                os.close(fd)
        return buffer

    def test_after_the_daemon_was_killed_it_goes_on_from_the_last_file(self):
        application = self.start("new: 0")
        self.count(application, 5, 5)
        application.process.stdin.close()
        application.process.stdin = None
        self.assertEqual((0, ["saved"]), application.wait())
        job, told = self.job_id(), self.history()
        self.assertEqual([(1, "done")], [(run["run"], run["result"]) for run in told])
        self.kill_daemon()
        self.daemon.start()
        self.assertEqual("paused", self.job()["runtime"]["state"])
        application = self.start("from the last file: 5", "0.05")
        self.assertEqual(job, self.job_id())
        self.assertEqual("waiting", self.job()["runtime"]["state"])
        self.count(application, 1, 6)
        wait_until(lambda: self.saved() == 6, "it is saved again")
        self.assertEqual(told, self.history()[-1:])

    def test_a_daemon_killed_beneath_it_gets_the_state_back(self):
        application = self.start("new: 0", "0.05")
        for lines in (3, 6, 9):
            self.count(application, 3, lines)
            self.kill_daemon()
            self.assertEqual("the daemon is gone", application.says())
            self.daemon.start()
            self.assertEqual(f"known: {lines}", application.says())
        wait_until(lambda: self.saved() == 9, "it is saved again")
        application.process.send_signal(signal.SIGTERM)
        self.assertEqual((0, ["saved"]), application.wait())
        self.assertEqual(9, self.saved())

    def test_without_a_daemon_it_says_so(self):
        self.kill_daemon()
        done = subprocess.run([PROGRAM, NAME], input=b"", capture_output=True,
                              env={**os.environ, "FOREBAY_SOCKET": self.daemon.path})
        self.assertEqual(1, done.returncode)
        self.assertIn(b"checkpoint: ", done.stderr)


if __name__ == "__main__":
    main()
