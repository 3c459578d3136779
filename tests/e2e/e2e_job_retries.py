#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs that failed are tried again, also where the daemon ends in between.

A job that comes back is paused, as its memory is gone; its retry is held until somebody makes
it again. Whether one is pending shows in what Create answers: nextUSec is that of the retry, or
else that of a schedule an hour away.
"""

import base64
import contextlib
import os
import time
import unittest

from catalogue_rows import Held
from harness import (BUFFER, DAEMON, JOB, MIB, POOL, Daemon, ForebayTest, VarlinkError, main,
                     wait_until)

CONTENT = b"what is to be kept"
SECOND = 1_000_000
HOUR = 3600 * SECOND
LATER = {"everyUSec": HOUR}
# A run at once, for which nobody has asked by hand, and no other of the schedule's.
AT_ONCE = {"afterUSec": 0, **LATER}
# Longer than a test takes.
LONG = 120 * SECOND


def now_usec():
    return time.time_ns() // 1000


class Made:
    """One job; for tests that have self.client and self.buffer."""

    def make_buffer(self, **parameters):
        return self.client.call(BUFFER + "From", {
            "data": base64.b64encode(CONTENT).decode(), "encoding": "base64",
            **parameters})["buffer"]["id"]

    def context(self, path="kept", schedule=None, **context):
        return {"replace": True, "context": {"name": "job", "buffer": self.buffer, "path": path,
                                             "schedule": schedule or LATER, **context}}

    def make(self, *arguments, **context):
        """What the job is then."""
        return self.client.call(JOB + "Create", self.context(*arguments, **context))["runtime"]

    def runtime(self):
        return self.client.call(JOB + "Describe", {"id": "job"})["runtime"]

    def history(self):
        """What the catalogue has, the newest run first."""
        return [reply["run"] for reply in self.client.more(JOB + "History", {"id": "job"})
                if reply]

    def verb(self, name):
        return self.client.call(JOB + name, {"id": "job"})

    def until_results(self, *results):
        return wait_until(lambda: (lambda runs: runs if [run.get("result") for run in runs]
                                   == list(results) else None)(self.history()),
                          f"history is {results}")


class Retries(Made, unittest.TestCase):
    engines = None
    engine = "auto"

    def start(self, faults):
        self.daemon = Daemon(engine=self.engine, faults=faults).start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.kill, remove=False)
        self.begin()

    def begin(self):
        self.client = self.daemon.client()
        self.addCleanup(self.client.close)
        self.buffer = self.make_buffer()

    def restart(self, stop=False, faults=None):
        """By SIGKILL, or as asked; the job is paused then, and says why."""
        if stop:
            self.daemon.stop(remove=False)
        else:
            self.daemon.kill(remove=False)
        self.daemon.faults = faults
        self.daemon.start()
        self.begin()
        runtime = self.runtime()
        self.assertEqual(("paused", "restore", "ENXIO"),
                         (runtime["state"], runtime["fault"]["operation"],
                          runtime["fault"]["errnoName"]))
        self.assertNotIn("nextUSec", runtime)
        self.assertEqual(0, runtime["skips"])

    def cut_off(self, retries, delay=LONG, **context):
        """A scheduled run without an end, and the daemon's; the record of it."""
        self.start("write(slow):hang")
        self.make("slow", AT_ONCE, retries=retries, retryDelayUSec=delay, **context)
        self.until_results(None)
        self.restart()
        (run,) = self.history()
        self.check_cut_off(run)
        return run

    def check_cut_off(self, run):
        self.assertEqual(("failed", "restart", "ECANCELED"),
                         (run["result"], run["fault"]["operation"], run["fault"]["errnoName"]))

    def failed(self, delay=LONG, faults="rename:EIO@1", path="kept", retries=1, then=()):
        """A scheduled run that failed; when it is to be tried again. `then`: how its retries go."""
        self.start(faults)
        self.make(path, AT_ONCE, retries=retries, retryDelayUSec=delay)
        run = self.until_results(*then, "failed")[-1]
        return run["endUSec"] + delay

    def no_retry(self, runtime, runs):
        self.assertGreater(runtime["nextUSec"], now_usec() + HOUR // 2)
        self.assertEqual(runs, runtime["runs"])
        self.assertEqual(runs, len(self.history()))

    # ---- what is tried again ----

    def test_a_run_that_was_cut_off_is_tried_again_once_there_is_memory(self):
        cut_off = self.cut_off(retries=1, delay=SECOND)
        runtime = self.runtime()
        self.assertEqual((1, 1, "failed"), (runtime["runs"], runtime["failures"],
                                            runtime["lastResult"]))
        self.make(retries=1, retryDelayUSec=SECOND)
        run, _ = self.until_results("done", "failed")
        self.assertEqual(cut_off["scheduledUSec"], run["scheduledUSec"])
        self.assertGreaterEqual(run["startUSec"], cut_off["endUSec"] + SECOND)
        self.assertEqual(CONTENT, self.daemon.file("kept").read_bytes())
        self.no_retry(self.runtime(), 2)

    def test_it_is_due_so_long_after_the_restart(self):
        cut_off = self.cut_off(retries=1)
        # The delay is that of the run that failed.
        runtime = self.make(retries=1, retryDelayUSec=0)
        self.assertEqual(cut_off["endUSec"] + LONG, runtime["nextUSec"])

    def test_a_retry_that_was_pending_keeps_its_time(self):
        due = self.failed()
        self.assertEqual(due, self.runtime()["nextUSec"])
        for stop in (False, True, False):
            self.restart(stop)
        self.assertEqual(due, self.make(retries=1, retryDelayUSec=0)["nextUSec"])
        # The job is made again with another delay, and this is still the same retry.
        self.restart()
        self.assertEqual(due, self.make(retries=1)["nextUSec"])

    def test_a_retry_that_was_pending_is_made_at_its_time(self):
        due = self.failed(delay=3 * SECOND)
        self.restart()
        self.make(retries=1)
        run, failed = self.until_results("done", "failed")
        self.assertEqual(failed["scheduledUSec"], run["scheduledUSec"])
        self.assertGreaterEqual(run["startUSec"], due)
        self.no_retry(self.runtime(), 2)

    def test_a_retry_whose_time_has_passed_is_made_at_once(self):
        # Long enough for the daemon to be gone by then.
        due = self.failed(delay=4 * SECOND)
        self.restart()
        wait_until(lambda: now_usec() > due, "its time has passed")
        self.assertEqual((1, "paused"), (self.runtime()["runs"], self.runtime()["state"]))
        before = now_usec()
        self.make(retries=1)
        run, failed = self.until_results("done", "failed")
        self.assertEqual(failed["scheduledUSec"], run["scheduledUSec"])
        self.assertGreaterEqual(run["startUSec"], before)
        self.assertEqual(0, self.runtime()["skips"])

    def test_the_total_of_retries_holds(self):
        """The first run fails, its retry is cut off, and the one after that fails."""
        self.failed(delay=0, faults="rename:EIO@1;write(slow):hang@2", path="slow", retries=2,
                    then=[None])
        self.restart(faults="rename:EIO@1+")
        self.make("slow", retries=2, retryDelayUSec=0)
        runs = self.until_results("failed", "failed", "failed")
        self.check_cut_off(runs[1])
        self.assertEqual(1, len({run["scheduledUSec"] for run in runs}))
        wait_until(lambda: self.runtime()["state"] == "waiting", "it is over")
        self.no_retry(self.runtime(), 3)

    def test_a_retry_outlives_a_run_by_hand(self):
        due = self.failed(faults="rename:EIO@1;write(slow):hang@2", path="slow")
        with self.daemon.client() as runner:
            runner.send(JOB + "Run", {"id": "job"})
            self.until_results(None, "failed")
            self.restart()
        self.assertIn("restart", self.history()[0]["fault"]["operation"])
        # Nothing comes of this one, as there is no memory yet.
        with self.assertRaises(VarlinkError):
            self.verb("Run")
        self.assertEqual("paused", self.runtime()["state"])
        self.assertEqual(due, self.make(retries=1)["nextUSec"])

    # ---- what is not ----

    def test_after_the_last_retry_there_is_none(self):
        self.start("rename:EIO@1+")
        self.make("kept", AT_ONCE, retries=1, retryDelayUSec=0)
        self.until_results("failed", "failed")
        self.restart()
        self.no_retry(self.make(retries=1), 2)

    def test_the_last_retry_cut_off_is_not_tried_again(self):
        self.failed(delay=0, faults="rename:EIO@1;write(slow):hang@2", path="slow", then=[None])
        self.restart()
        self.no_retry(self.make(retries=1), 2)

    def test_a_run_by_hand_is_not_tried_again(self):
        self.start("write(slow):hang")
        self.make("slow", retries=3, retryDelayUSec=0)
        with self.daemon.client() as runner:
            runner.send(JOB + "Run", {"id": "job"})
            self.until_results(None)
            self.restart()
        (run,) = self.history()
        self.check_cut_off(run)
        self.assertNotIn("scheduledUSec", run)
        self.no_retry(self.make(retries=3), 1)

    def test_without_retries_there_is_none(self):
        self.cut_off(retries=0)
        self.no_retry(self.make(retries=3), 1)

    def test_the_new_options_must_allow_it(self):
        for retries, pending in ((0, False), (1, True)):
            with self.subTest(retries=retries):
                cut_off = self.cut_off(retries=2)
                runtime = self.make(retries=retries)
                if pending:
                    self.assertEqual(cut_off["endUSec"] + LONG, runtime["nextUSec"])
                else:
                    self.no_retry(runtime, 1)

    def test_one_run_makes_up_for_a_missed_time_too(self):
        every = {"everyUSec": SECOND // 2}
        for before, after, made in (("once", "once", "regular"), ("once", "skip", "retry"),
                                    ("skip", "once", "retry")):
            with self.subTest(before=before, after=after):
                self.start("write(slow):hang")
                self.make("slow", every, missed=before, retries=1, retryDelayUSec=LONG)
                self.until_results(None)
                self.daemon.kill(remove=False)
                # So that the next of its times is missed for sure.
                time.sleep(0.6)
                self.daemon.faults = None
                self.daemon.start()
                self.begin()
                (cut_off,) = self.history()
                runtime = self.make(missed=after, retries=1)
                if made == "retry":
                    self.assertEqual(cut_off["endUSec"] + LONG, runtime["nextUSec"])
                    continue
                self.assertGreater(runtime["nextUSec"], cut_off["endUSec"] + LONG)
                run, _ = self.until_results("done", "failed")
                self.assertGreater(run["scheduledUSec"], cut_off["scheduledUSec"])
                self.no_retry(self.runtime(), 2)

    def test_what_was_paused_canceled_or_made_anew_is_not_tried_again(self):
        for wish in ("Pause", "Cancel", "replace"):
            with self.subTest(wish=wish):
                self.failed()
                if wish == "replace":
                    self.no_retry(self.make(retries=1), 1)
                else:
                    self.verb(wish)
                self.daemon.kill(remove=False)
                self.daemon.start()
                self.begin()
                self.no_retry(self.make(retries=1), 1)

    def test_nor_where_the_memory_was_taken_away(self):
        self.start("rename:EIO@1")
        self.client.call(POOL + "Create", {"context": {"name": "doomed", "sizeBytes": MIB}})
        self.buffer = self.make_buffer(pool="doomed")
        self.make("kept", AT_ONCE, retries=1, retryDelayUSec=LONG)
        self.until_results("failed")
        self.client.call(POOL + "Destroy", {"name": "doomed", "force": True})
        self.assertEqual("paused", self.runtime()["state"])
        self.buffer = self.make_buffer()
        self.no_retry(self.make(retries=1), 1)

    def test_nor_where_that_was_asked_for_while_it_ran(self):
        for wish in ("Pause", "Cancel", "replace"):
            with self.subTest(wish=wish):
                self.start("write(slow):hang")
                self.make("slow", AT_ONCE, retries=1, retryDelayUSec=LONG)
                self.until_results(None)
                if wish == "replace":
                    self.make("slow", retries=1, retryDelayUSec=LONG)
                else:
                    self.verb(wish)
                self.daemon.kill(remove=False)
                self.daemon.faults = None
                self.daemon.start()
                self.begin()
                self.check_cut_off(self.history()[0])
                self.no_retry(self.make(retries=1), 1)

    def test_who_resumes_without_memory_asks_for_the_times_that_come(self):
        self.failed()
        self.restart()
        self.verb("Resume")
        self.no_retry(self.runtime(), 1)
        self.no_retry(self.make(retries=1), 1)


class MadeAnew(Made, ForebayTest):
    """Which context a run has whose job is made anew before it has a file."""

    engines = ("auto",)
    daemon_options = {"faults": "write(slow):delay=600ms"}
    RUNS_AT_ONCE = 32

    @classmethod
    def warm_up(cls, client):
        buffer = client.call(BUFFER + "From", {"data": "x"})["buffer"]["id"]
        client.call(JOB + "Save", {"context": {"buffer": buffer, "path": "warm"}})
        client.call(BUFFER + "Free", {"id": buffer})

    def setUp(self):
        super().setUp()
        self.buffer = self.make_buffer()

    def tearDown(self):
        for reply in list(self.client.more(JOB + "List")):
            if not reply:
                continue
            job = {"id": reply["id"]}
            self.client.call(JOB + "Cancel", job)
            wait_until(lambda job=job: self.client.call(JOB + "Describe", job)
                       ["runtime"]["state"] == "finished", "it is over")
            self.client.call(JOB + "Dismiss", job)
        super().tearDown()

    def mode(self, path):
        return os.stat(self.daemon.file(path)).st_mode & 0o777

    def test_one_that_waits_for_its_turn_has_the_new_one(self):
        self.make("turn", mode="0600")
        with contextlib.ExitStack() as stack:
            for number in range(self.RUNS_AT_ONCE):
                slow = self.client.call(JOB + "Create", {"context": {
                    "buffer": self.buffer, "path": f"slow-{number}"}})["id"]
                stack.enter_context(self.daemon.client()).send(JOB + "Run", {"id": slow})
                wait_until(lambda slow=slow: self.client.call(JOB + "Describe", {"id": slow})
                           ["runtime"]["state"] != "waiting", "it runs")
            runner = stack.enter_context(self.daemon.client())
            runner.send(JOB + "Run", {"id": "job"})
            self.client.call(DAEMON + "Ping")
            self.make("turn", mode="0640", checksum="sha256")
            run = runner.receive().parameters["run"]
        self.assertEqual((1, "done", 0o640), (run["run"], run["result"], self.mode("turn")))
        self.assertTrue(run["digest"].startswith("sha256:"))

    def test_one_that_has_begun_has_its_own_though_its_file_is_not_open(self):
        # What is written in place is opened once the catalogue knows of the run.
        self.make("begun", mode="0600", open="truncate")
        with contextlib.ExitStack() as stack:
            held = stack.enter_context(Held(self.daemon))
            runner = stack.enter_context(self.daemon.client())
            runner.send(JOB + "Run", {"id": "job"})
            wait_until(lambda: self.runtime()["state"] == "running", "it runs")
            maker = stack.enter_context(self.daemon.client())
            maker.send(JOB + "Create", self.context("other", mode="0640", checksum="sha256"))
            wait_until(lambda: self.client.call(JOB + "Describe", {"id": "job"})
                       ["context"]["mode"] == "0640", "it is made anew")
            self.assertFalse(self.daemon.file("begun").exists())
            held.release()
            self.assertIsNone(maker.receive().error)
            run = runner.receive().parameters["run"]
        self.assertEqual((1, "done", 0o600), (run["run"], run["result"], self.mode("begun")))
        self.assertNotIn("digest", run)
        run = self.verb("Run")["run"]
        self.assertEqual((2, "done", 0o640), (run["run"], run["result"], self.mode("other")))
        self.assertTrue(run["digest"].startswith("sha256:"))


if __name__ == "__main__":
    main()
