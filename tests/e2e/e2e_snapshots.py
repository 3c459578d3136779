#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Jobs that save a buffer while it is being written to, and never a torn file.

The writer is snapshot_writer, whose buffer carries its own checksum. FOREBAY_SNAPSHOT_MIB is
the size of the buffer; FOREBAY_SNAPSHOT_RUNS has the job run so many times, a second apart, and
asks for five in six to be done in their second, as the long test does.
"""

import mmap
import os
import select
import subprocess
import time

from harness import (BUFFER, BUILD, JOB, KIB, MIB, POOL, ForebayTest, VarlinkError, main,
                     wait_until)

WRITER = str(BUILD / "tests" / "e2e" / "snapshot_writer")
BYTES = int(os.environ.get("FOREBAY_SNAPSHOT_MIB", "64")) * MIB
RUNS = int(os.environ.get("FOREBAY_SNAPSHOT_RUNS", "0"))
SHORT_RUNS = 6
UPDATES_PER_SECOND = 100
UPDATE_BYTES = MIB
SECOND_USEC = 1_000_000

# What begin_update, touch and end_update take at most is a thousandth of a second, and no test
# asserts more than ten times a bound.
CALL_NS = 10_000_000

TORN = 3


class Writer:
    """snapshot_writer, which has a pool of its own."""

    def __init__(self, test, per_second, update_bytes=UPDATE_BYTES):
        self.pool = f"written-{per_second}"
        self.process = subprocess.Popen(
            [WRITER, "write", test.daemon.path, self.pool, str(BYTES), str(per_second),
             str(update_bytes)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        test.cleanup.callback(self.kill)
        self.buffer = self.process.stdout.readline().strip()
        test.assertTrue(self.buffer)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()

    def die(self):
        self.process.stdin.write("die\n")
        self.process.stdin.flush()
        self.process.wait()

    def end(self):
        """What it measured."""
        self.process.stdin.close()
        figures = dict(line.split() for line in self.process.stdout)
        if self.process.wait() != 0:
            raise AssertionError(f"the writer ended with {self.process.returncode}")
        return {name: int(value) for name, value in figures.items()}


class Snapshots(ForebayTest):
    engines = ("auto",)

    def setUp(self):
        super().setUp()
        self.jobs = []

    def tearDown(self):
        # Before the writer, whose pool goes with it unless a job names it.
        for job in self.jobs:
            self.client.call(JOB + "Cancel", {"id": job})
            wait_until(lambda job=job: self.describe(job)["state"] == "finished", "no run")
            self.client.call(JOB + "Dismiss", {"id": job})
        for name in self.daemon.files():
            self.daemon.file(name).unlink()
        super().tearDown()

    def create(self, buffer, **context):
        job = self.client.call(JOB + "Create", {"context": {
            "buffer": buffer, "path": "{job}/{run}", **context}})["id"]
        self.jobs.append(job)
        return job

    def describe(self, job):
        return self.client.call(JOB + "Describe", {"id": job})["runtime"]

    def run_job(self, job):
        """The record, and whether the file that it names is whole."""
        try:
            run = self.client.call(JOB + "Run", {"id": job})["run"]
        except VarlinkError as error:
            self.assertEqual(JOB + "RunFailed", error.name)
            return error.parameters["run"]
        self.assertEqual("done", run["result"])
        return run

    def is_whole(self, run):
        """Looks at the file and takes it away."""
        done = subprocess.run([WRITER, "check", run["path"]], stdout=subprocess.PIPE, text=True)
        self.assertIn(done.returncode, (0, TORN))
        self.assertEqual(BYTES, os.stat(run["path"]).st_size)
        os.unlink(run["path"])
        self.number = int(done.stdout)
        return done.returncode == 0

    def results(self, job):
        """Each run as it ends."""
        client = self.connect()
        client.send(JOB + "SubscribeEvents", {"id": job}, more=True)
        while True:
            event = client.receive_for(JOB + "SubscribeEvents", timeout=60).parameters
            if event.get("event") == "result":
                yield event["run"]

    def update_bytes(self):
        """In a build of that kind the writer would have no gap with more."""
        return 64 * KIB if self.daemon.is_sanitized() else UPDATE_BYTES

    def check_calls(self, figures):
        print(figures, end=" ", flush=True)
        self.assertEqual(0, figures["slept"])
        for name in ("begin_ns", "touch_ns", "end_ns"):
            self.assertLess(figures[name], CALL_NS, name)

    def test_a_busy_writer_is_saved_every_second(self):
        writer = Writer(self, UPDATES_PER_SECOND, self.update_bytes())
        begin = time.monotonic()
        job = self.create(writer.buffer, schedule={"everyUSec": SECOND_USEC})
        done, last = 0, -1
        for run in self.results(job):
            self.assertEqual("done", run["result"], run)
            self.assertTrue(self.is_whole(run), run)
            self.assertGreater(self.number, last)
            done, last = done + 1, self.number
            if time.monotonic() - begin >= RUNS if RUNS else done == SHORT_RUNS:
                break
        figures = writer.end()
        seconds = time.monotonic() - begin
        self.check_calls(figures)
        if RUNS:
            print(f"{done} runs done", end=" ", flush=True)
            self.assertGreaterEqual(done, RUNS * 5 // 6)
            self.assertGreaterEqual(figures["updates"], 0.9 * UPDATES_PER_SECOND * seconds)

    def test_a_writer_without_a_gap_fails_the_runs_and_tears_no_file(self):
        writer = Writer(self, 0)
        job = self.create(writer.buffer, timeoutUSec=SECOND_USEC)
        failed = 0
        for _ in range(4):
            run = self.run_job(job)
            if run["result"] == "done":
                self.assertTrue(self.is_whole(run), run)
                continue
            self.assertIn(run["fault"]["operation"], ("snapshot", "timeout"))
            failed += run["result"] == "failed"
        self.assertGreater(failed, 0)
        self.assertEqual([], self.daemon.files())
        usage = self.client.call("io.forebay.daemon.Describe")["usage"]
        self.assertEqual(0, usage["stagingBytes"])

    def test_the_same_writer_tears_a_live_file(self):
        writer = Writer(self, 0)
        job = self.create(writer.buffer, consistency="live")
        self.assertTrue(any(not self.is_whole(self.run_job(job)) for _ in range(20)))

    def test_a_writer_that_dies_in_an_update_fails_the_runs_until_the_next(self):
        writer = Writer(self, UPDATES_PER_SECOND, self.update_bytes())
        patient = self.create(writer.buffer)
        hasty = self.create(writer.buffer, timeoutUSec=SECOND_USEC // 4)
        live = self.create(writer.buffer, consistency="live")
        writer.die()
        run = self.run_job(hasty)
        self.assertEqual(("failed", "snapshot", "EBUSY"), (
            run["result"], run["fault"]["operation"], run["fault"]["errnoName"]))
        self.assertFalse(self.is_whole(self.run_job(live)))
        self.complete_for(writer)
        self.assertTrue(self.is_whole(self.run_job(patient)))

    def test_a_run_that_waits_for_a_writer_can_be_stopped(self):
        writer = Writer(self, UPDATES_PER_SECOND, self.update_bytes())
        job = self.create(writer.buffer)
        writer.die()
        other = self.connect()
        for stop, parameters, state, result in (
                (JOB + "Cancel", {"id": job, "runOnly": True}, "waiting", "canceled"),
                (POOL + "Destroy", {"name": writer.pool, "force": True}, "paused", "failed")):
            other.send(JOB + "Run", {"id": job})
            wait_until(lambda: self.describe(job)["state"] == "running", "a run")
            self.client.call(stop, parameters)
            with self.assertRaises(VarlinkError) as caught:
                other.receive_for(JOB + "Run")
            self.assertEqual(result, caught.exception.parameters["run"]["result"])
            self.assertEqual(state, self.describe(job)["state"])

    def complete_for(self, writer):
        """As a successor who knows of the death; zeroes have the right sum."""
        reply = self.client.call_reply(POOL + "Acquire", {"name": writer.pool})
        about = self.client.call(BUFFER + "Describe", {"id": writer.buffer})["buffer"]
        memory, words = (mmap.mmap(reply.fds[reply.parameters[name]], 0) for name in (
            "fileDescriptorIndex", "versionFileDescriptorIndex"))
        for fd in reply.fds:
            os.close(fd)
        with memory, words, memoryview(words).cast("Q") as view:
            slot, blocks, count = about["versionOffset"] // 8, view[4] // 8, view[5]
            self.assertEqual(1, view[slot] % 2)
            view[slot] += 2
            for block in range(blocks, blocks + count):
                view[block] += 1
            memory[:] = bytes(len(memory))
            view[slot] += 1

    def test_writes_through_the_daemon_are_updates_too(self):
        """The first word and the last are written in turn: the last is never ahead."""
        self.client.call(POOL + "Create", {"context": {"name": "asked", "sizeBytes": BYTES}})
        buffer = self.client.call(BUFFER + "Alloc", {"pool": "asked", "length": BYTES})[
            "buffer"]["id"]
        job = self.create(buffer)
        other = self.connect()
        number = 0
        for _ in range(4):
            other.send(JOB + "Run", {"id": job})
            deadline = time.monotonic() + 30
            while not select.select([other.socket], [], [], 0)[0]:
                self.assertLess(time.monotonic(), deadline)
                number += 1
                for offset in (0, BYTES - 8):
                    self.client.call(BUFFER + "Write", {
                        "id": buffer, "offset": offset, "encoding": "hex",
                        "data": number.to_bytes(8, "big").hex()})
            run = other.receive_for(JOB + "Run").parameters["run"]
            with open(run["path"], "rb") as file:
                ends = [int.from_bytes(file.read(8), "big")]
                file.seek(-8, os.SEEK_END)
                ends.append(int.from_bytes(file.read(8), "big"))
            os.unlink(run["path"])
            self.assertIn(ends[0] - ends[1], (0, 1), ends)


main()
