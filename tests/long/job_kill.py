#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Kills the daemon at random moments under fifty busy jobs, and looks at what is left.

	job_kill.py [KILLS [SEED]]	of each engine; a hundred, from seed 1, if not said otherwise

Every job is due each 10 to 50 ms, while five clients make, run, pause, resume, cancel, dismiss
and rewrite. What was answered before the kill holds after it; no run is there twice or not at
all; no file is torn, each is where history says that it is, and no temporary is left. What goes
on when differs each time, but what is asked for follows from the seed, which is printed.
"""

import base64
import contextlib
import hashlib
import pathlib
import random
import sys
import threading
import time
import unittest
import zlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from catalogue_rows import read_rows, row_id  # noqa: E402
from harness import (BUFFER, JOB, KIB, Closed, Daemon, VarlinkError, main,  # noqa: E402
                     wait_until)

KILLS, SEED = 100, 1
JOBS = 50
DRIVERS = 5
KEPT = 3                # of the files of a job with retention
RUNS_LOOKED_AT = 150    # more than one round can have; all of them in the last
RUNS_ALL = 900
MARK = b"a record of job %4d"

KINDS = {
    "replaced": {"path": "{job}/file", "checksum": "sha256"},
    "packed": {"path": "{job}/{run}", "checksum": "sha256", "steps": [{"name": "gzip"}],
               "retention": {"keepLast": KEPT}},
    "changed": {"path": "{job}/{run}", "checksum": "sha256", "onlyIfChanged": True,
                "retention": {"keepLast": KEPT}},
    "exclusive": {"path": "{job}/{run}", "checksum": "sha256", "open": "exclusive",
                  "retention": {"keepLast": KEPT}, "missed": "skip"},
    "appended": {"path": "{job}/log", "open": "append"},
}


def make_content(number, size, dice):
    body = MARK % number + dice.randbytes(size - 32 - len(MARK % number))
    return body + hashlib.sha256(body).digest()


def is_whole(content):
    return hashlib.sha256(content[:-32]).digest() == content[-32:]


class Job:
    """What one job has to be after the next kill."""

    def __init__(self, number, life):
        self.number = number
        self.kind = list(KINDS)[number % len(KINDS)]
        self.name = f"job{number}-{life}"
        self.size = (2 + number) * KIB if self.kind != "appended" else 4 * KIB
        self.every = 10_000 + 1000 * (7 * number % 41)
        self.id = None          # None: Create was not answered
        self.stamps = set()     # those of the Create that may be in force
        self.states = set()     # that its row may have
        self.gone = "no"        # or "asked", "answered"
        self.answered = {}      # records of runs, by number
        self.seen = {}          # the same, found in history before

    def asked(self, *states):
        self.states.update(states)

    def told(self, *states):
        self.states = set(states)


class Driver(threading.Thread):
    """One client, and the jobs that are its own."""

    def __init__(self, test, number, seed):
        super().__init__()
        self.test = test
        self.dice = random.Random(seed)
        self.jobs = [job for job in test.jobs if job.number % DRIVERS == number]
        self.buffers = {}
        self.saving = False
        self.error = None
        self.path = f"saved/{number}"

    def run(self):
        try:
            with self.test.daemon.client() as self.client:
                for job in self.jobs:
                    self.create(job)
                while True:
                    self.step()
        except (Closed, OSError):
            pass                # the kill
        except BaseException as error:  # told by the test
            self.error = error

    def encoded(self, job):
        content = make_content(job.number, job.size, self.dice)
        return {"data": base64.b64encode(content).decode(), "encoding": "base64"}

    def ask(self, verb, job):
        """False: not in this state."""
        try:
            return self.client.call(JOB + verb, {"id": job.id})
        except VarlinkError as error:
            if error.name != JOB + "WrongState":
                raise
            return False

    def create(self, job):
        if job.number not in self.buffers:
            self.buffers[job.number] = self.client.call(
                BUFFER + "From", self.encoded(job))["buffer"]["id"]
        self.test.stamp += 1
        stamp = str(self.test.stamp)
        job.stamps.add(stamp)
        job.asked("waiting", "running")
        made = self.client.call(JOB + "Create", {"replace": True, "context": {
            "name": job.name, "buffer": self.buffers[job.number], "labels": {"stamp": stamp},
            "schedule": {"everyUSec": job.every}, **KINDS[job.kind]}})
        if job.id and made["id"] != job.id:
            raise AssertionError(f"{job.name} was {job.id} and is {made['id']}")
        job.id, job.stamps = made["id"], {stamp}
        job.told("waiting", "running")

    def step(self):
        job = self.dice.choice(self.jobs)
        what = self.dice.choices(
            (self.rewrite, self.once, self.pause, self.resume, self.create, self.save, self.end),
            (4, 4, 3, 3, 1, 2, 1))[0]
        what(job)
        time.sleep(self.dice.uniform(0, 0.003))

    def rewrite(self, job):
        self.client.call(BUFFER + "Write", {"id": self.buffers[job.number],
                                            **self.encoded(job)})

    def once(self, job):
        told = self.ask("Run", job)
        if told:
            job.answered[told["run"]["run"]] = told["run"]

    def pause(self, job):
        job.asked("paused")
        if self.ask("Pause", job) is not False:
            job.told("paused")

    def resume(self, job):
        job.asked("waiting", "running")
        self.ask("Resume", job)         # of one that runs: nothing, and it may become paused

    def save(self, job):
        self.saving = True
        self.client.call(JOB + "Save", {"context": {
            "buffer": self.buffers[job.number], "path": self.path}})
        self.saving = False
        if not is_whole(self.test.daemon.file(self.path).read_bytes()):
            raise AssertionError(f"{self.path} is torn")

    def end(self, job):
        job.asked("finished")
        self.ask("Cancel", job)
        job.told("finished")
        job.gone = "asked"
        while self.ask("Dismiss", job) is False:
            time.sleep(0.001)
        job.gone = "answered"
        again = self.test.new_life(job)
        self.jobs[self.jobs.index(job)] = again
        self.create(again)


class JobKill(unittest.TestCase):
    engines = None
    engine = "auto"

    def setUp(self):
        self.daemon = Daemon(engine=self.engine)
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.kill, remove=False)
        self.stamp = 0
        self.lives = [0] * JOBS
        self.jobs = [Job(number, 0) for number in range(JOBS)]
        self.kills = self.runs_seen = self.cut_off_seen = self.ended = 0

    def new_life(self, job):
        self.lives[job.number] += 1
        again = Job(job.number, self.lives[job.number])
        self.jobs.append(again)
        return again

    def test_kill_at_random_moments(self):
        dice = random.Random(SEED)
        print(f"seed {SEED}", end=" ", flush=True)
        self.daemon.start()
        while self.kills < KILLS:
            self.one_round(dice, self.kills + 1 >= KILLS)
        print(f"kills {self.kills} runs {self.runs_seen} cut off {self.cut_off_seen} "
              f"dismissed {self.ended}", end=" ", flush=True)
        # There was something to kill: a hundred each, but a tenth of it with sanitizers and load.
        self.assertGreater(self.runs_seen, 5 * KILLS)
        self.daemon.stop(remove=False)

    def one_round(self, dice, last):
        drivers = [Driver(self, number, dice.random()) for number in range(DRIVERS)]
        for driver in drivers:
            driver.start()
        time.sleep(dice.uniform(0.02, 0.45))
        self.kill()
        for driver in drivers:
            driver.join()
        for driver in drivers:
            if driver.error:
                raise driver.error
        self.check_rows()
        self.daemon.start()
        if dice.random() < 0.25:
            # While it still writes down what it has found.
            time.sleep(dice.uniform(0, 0.01))
            self.kill()
            self.daemon.start()
        wait_until(lambda: not list(pathlib.Path(self.daemon.store).rglob(".forebay-*")),
                   "the temporaries are swept")
        with self.daemon.client() as client:
            self.check(client, sum(driver.saving for driver in drivers),
                       RUNS_ALL if last else RUNS_LOOKED_AT)

    def kill(self):
        self.daemon.kill(remove=False)
        self.kills += 1

    def check_rows(self):
        """What was answered is what the row says."""
        rows = dict(read_rows(self.daemon, "SELECT id, state FROM job"))
        for job in self.jobs:
            if job.gone == "answered":
                self.assertNotIn(row_id(job.id), rows, job.name)
            elif job.id and job.gone == "no":
                self.assertIn(rows.get(row_id(job.id)), job.states, job.name)

    def check(self, client, saving, limit):
        told = [reply for reply in client.more(JOB + "List") if reply]
        by_name = {reply["context"].get("name", reply["id"]): reply for reply in told}
        self.assertEqual(len(told), len(by_name), "a name is there twice")
        for job in self.jobs:
            reply = by_name.pop(job.name, None)
            if reply:
                self.check_job(client, job, reply, limit)
            elif job.gone == "no" and job.id:
                self.fail(f"{job.name} is lost")
        # Only Save makes jobs without a name; those that were going on are finished.
        self.assertLessEqual(len(by_name), saving, by_name)
        for reply in by_name.values():
            self.assertNotIn("name", reply["context"])
            self.assertEqual("finished", reply["runtime"]["state"])
            client.call(JOB + "Dismiss", {"id": reply["id"]})
        saved = pathlib.Path(self.daemon.store, "saved")
        for path in saved.iterdir() if saved.exists() else ():
            self.assertTrue(is_whole(path.read_bytes()), path)
        self.forget_the_gone(client)

    def forget_the_gone(self, client):
        for job in list(self.jobs):
            if job.gone == "no":
                continue
            if job.gone == "asked":
                # It was not answered: both are right. A job that is over is not run again.
                with contextlib.suppress(VarlinkError):
                    client.call(JOB + "Dismiss", {"id": job.id})
                if self.lives[job.number] == int(job.name.split("-")[1]):
                    self.new_life(job)
            self.ended += 1
            self.jobs.remove(job)

    def check_job(self, client, job, reply, limit):
        self.assertNotEqual("answered", job.gone, f"{job.name} came back")
        runtime = reply["runtime"]
        job.id = job.id or reply["id"]
        self.assertEqual(job.id, reply["id"])
        stamp = reply["context"]["labels"]["stamp"]
        self.assertIn(stamp, job.stamps, job.name)
        job.stamps = {stamp}
        if runtime["state"] == "finished":
            self.assertIn("finished", job.states)
        else:
            self.assertEqual(("paused", "restore"), (runtime["state"],
                                                     runtime["fault"]["operation"]))
        history = [one["run"] for one in client.more(JOB + "History", {
            "id": job.id, "limit": limit}) if one]
        self.check_history(job, runtime, history)
        self.check_files(job, {run["run"]: run for run in history}, limit)
        job.states = {runtime["state"]}

    def check_history(self, job, runtime, history):
        numbers = [run["run"] for run in history]
        first = runtime["runs"]
        self.assertEqual(list(range(first, first - len(numbers), -1)), numbers, job.name)
        found = dict(zip(numbers, history))
        # More of them is looked at in the end than before.
        looked_at = max(job.seen, default=0)
        cut_off = 0
        for number, run in found.items():
            self.assertIn("result", run, f"{job.name}: not closed")
            if number in job.seen:
                self.assertEqual(job.seen[number], run, f"{job.name}: rewritten")
                continue
            self.runs_seen += number > looked_at
            self.assertLessEqual(run["startUSec"], run["endUSec"])
            if run["result"] == "failed":
                cut_off += number > looked_at
                self.assertEqual(("restart", "ECANCELED"), (run["fault"]["operation"],
                                                            run["fault"]["errnoName"]), run)
        self.assertLessEqual(cut_off, 1, f"{job.name}: one run goes on at a time")
        self.cut_off_seen += cut_off
        for number, run in job.answered.items():
            self.assertEqual(run, found.get(number), f"{job.name}: not what was answered")
        for number in job.seen:
            self.assertTrue(number in found or number <= first - len(numbers), job.name)
        job.answered = {}
        job.seen = found
        if len(numbers) == first:
            failed = sum(run["result"] in ("failed", "timeout") for run in history)
            self.assertEqual(failed, runtime["failures"], job.name)

    def check_files(self, job, found, limit):
        folder = pathlib.Path(self.daemon.store, job.name)
        files = {path.name: path.read_bytes() for path in folder.iterdir()
                 } if folder.exists() else {}
        done = {number: run for number, run in found.items() if run["result"] == "done"}
        if job.kind == "appended":
            self.check_log(job, files, found, done, limit)
        elif job.kind == "replaced":
            self.check_replaced(job, files, found, done)
        else:
            self.check_numbered(job, files, found, done)

    @staticmethod
    def lost_since(found, number):
        """Runs behind that one of which nobody saw the end: they may have made their file."""
        return sum(run["result"] == "failed" and later > number for later, run in found.items())

    def check_replaced(self, job, files, found, done):
        if not files:
            self.assertEqual({}, done)
            return
        (content,) = files.values()
        self.assertTrue(is_whole(content), f"{job.name} is torn")
        newest = max(done, default=0)
        if newest and done[newest]["digest"] != "sha256:" + hashlib.sha256(content).hexdigest():
            self.assertGreater(self.lost_since(found, newest), 0, f"{job.name}: another file")

    def check_numbered(self, job, files, found, done):
        for name, content in files.items():
            run = found.get(int(name))
            plain = zlib.decompress(content, 31) if job.kind == "packed" else content
            self.assertTrue(is_whole(plain), f"{job.name}/{name} is torn")
            if run is None:
                # Longer ago than was looked at: nobody but a cut-off run leaves a file behind.
                self.assertLess(int(name), min(found))
            elif run["result"] == "done":
                self.assertEqual("sha256:" + hashlib.sha256(content).hexdigest(), run["digest"])
                self.assertEqual(len(plain), run["bytes"])
            else:
                self.assertEqual("failed", run["result"], f"{job.name}/{name} by nobody")
        for number, run in done.items():
            self.assertEqual(str(self.daemon.file(f"{job.name}/{number}")), run["path"])
            if str(number) not in files:
                newer = sum(later > number for later in done) + self.lost_since(found, number)
                self.assertGreaterEqual(newer, KEPT, f"{job.name}/{number} is missing")

    def check_log(self, job, files, found, done, limit):
        """Whole records, but for those of runs that were cut off; and one for each that is done."""
        content = files.get("log", b"")
        whole = torn = 0
        at = 0
        while at < len(content):
            if is_whole(content[at:at + job.size]) and len(content) - at >= job.size:
                whole, at = whole + 1, at + job.size
            else:
                torn += 1
                after = content.find(MARK % job.number, at + 1)
                at = after if after > 0 else len(content)
        if limit < RUNS_ALL and len(found) >= RUNS_LOOKED_AT:
            return
        lost = self.lost_since(found, 0)
        self.assertLessEqual(torn, lost, f"{job.name} is torn")
        self.assertTrue(len(done) <= whole <= len(done) + lost, f"{job.name}: {whole} records of "
                        f"{len(done)} runs done and {lost} cut off")


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].isdigit():
        KILLS = int(sys.argv.pop(1))
    if sys.argv[1:2] and sys.argv[1].isdigit():
        SEED = int(sys.argv.pop(1))
    main()
