#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs of jobs: what each writes and tells, when they come, and what ends them early."""

import hashlib
import mmap
import os
import shutil
import tempfile
import threading
import time

from harness import BUFFER, JOB, KIB, MIB, POOL, STORE, VarlinkError, main, wait_until
from job_test import JobTest, now_usec

# proto/versions.h: bytes of the pool for each word, and which word of the header says where the
# first of those is.
BLOCK = 64 * KIB
BLOCKS_OFFSET = 4


class Runs(JobTest):
    def test_a_run_writes_the_buffer_and_tells_what_it_did(self):
        began = now_usec()
        job = self.create("deep/{job}/{run}-{host}-%Y", name="keeper", labels={"a": "b"})
        run = self.run_job("keeper")
        name = f"deep/keeper/1-{os.uname().nodename}-{time.strftime('%Y')}"
        self.assertEqual(str(self.daemon.file(name)), run["path"])
        self.assertEqual(b"what is to be kept", self.read_stored(name))
        self.assertEqual((1, "done", 18), (run["run"], run["result"], run["bytes"]))
        self.assertTrue(began <= run["startUSec"] <= run["endUSec"] <= now_usec())
        self.assertNotIn("scheduledUSec", run)
        self.assertEqual([run], self.history(job))
        told = self.job("Describe", job)
        self.assertEqual({"a": "b"}, told["context"]["labels"])
        runtime = told["runtime"]
        self.assertEqual(("waiting", 1, 0, 0, 1, "done"), tuple(runtime[name] for name in (
            "state", "runs", "failures", "skips", "lastRun", "lastResult")))
        self.assertEqual(run["path"], runtime["lastPath"])

    def test_a_part_of_a_buffer(self):
        job = self.create("part", offset=5, length=2)
        self.assertEqual(2, self.run_job(job)["bytes"])
        self.assertEqual(b"is", self.read_stored("part"))

    def test_steps_digest_and_side_file_are_those_of_streams(self):
        import zlib
        job = self.create("packed.gz", steps=[{"name": "gzip", "level": 9}], checksum="sha256",
                          sideFile=True, mode="0600")
        run = self.run_job(job)
        stored = self.read_stored("packed.gz")
        self.assertEqual(b"what is to be kept", zlib.decompress(stored, 31))
        self.assertEqual("sha256:" + hashlib.sha256(stored).hexdigest(), run["digest"])
        self.assertEqual(0o600, self.daemon.file("packed.gz").stat().st_mode & 0o777)
        self.assertIn(run["digest"][7:], self.read_stored("packed.gz.sha256").decode())
        self.assertTrue(self.client.call(STORE + "Verify", {"path": "packed.gz"})["intact"])

    def test_only_what_has_changed_is_written(self):
        job = self.create("changed-{run}", onlyIfChanged=True)
        self.assertEqual("done", self.run_job(job)["result"])
        self.assertEqual("skipped", self.run_job(job)["result"])
        self.write(b"WHAT")
        run = self.run_job(job)
        self.assertEqual(("done", 3), (run["result"], run["run"]))
        self.assertEqual(b"WHAT is to be kept", self.read_stored("changed-3"))
        self.daemon.file("changed-3").unlink()
        self.assertEqual("done", self.run_job(job)["result"])
        self.assertEqual(["done", "done", "skipped", "done"],
                         [run["result"] for run in self.history(job)])

    def test_save_is_one_run_and_leaves_nothing_behind(self):
        reply = self.client.call(JOB + "Save", {"context": {"buffer": self.buffer,
                                                            "path": "saved"}})
        self.assertEqual("done", reply["run"]["result"])
        self.assertEqual(b"what is to be kept", self.read_stored("saved"))
        self.assertEqual([{}], list(self.client.more(JOB + "List")))

    def test_a_save_that_fails_is_kept_until_it_is_dismissed(self):
        self.daemon.file("block").write_text("no directory")
        with self.fails(JOB + "RunFailed") as caught:
            self.client.call(JOB + "Save", {"context": {"buffer": self.buffer,
                                                        "path": "block/file"}})
        job = caught.exception.parameters["id"]
        run = caught.exception.parameters["run"]
        self.assertEqual(("failed", "ENOTDIR"), (run["result"], run["fault"]["errnoName"]))
        self.assertEqual("finished", self.state(job))
        self.assertEqual([run], self.history(job))
        self.job("Dismiss", job)
        self.assertIsNone(self.state(job))

    def test_progress_comes_with_more(self):
        replies = list(self.client.more(JOB + "Run", {"id": self.create("p")}))
        self.assertEqual("done", replies[-1]["run"]["result"])
        for reply in replies[:-1]:
            self.assertTrue(reply["progress"])
            self.assertLessEqual(reply["currentBytes"], reply["totalBytes"])

    def test_a_failed_run_is_told_with_its_fault_and_harms_no_other(self):
        self.daemon.file("file").write_text("no directory")
        job = self.create("file/{run}")
        with self.fails(JOB + "RunFailed") as caught:
            self.run_job(job)
        self.assertEqual("ENOTDIR", caught.exception.parameters["run"]["fault"]["errnoName"])
        runtime = self.runtime(job)
        self.assertEqual(("waiting", 1, "failed"), (runtime["state"], runtime["failures"],
                                                    runtime["lastResult"]))
        self.assertEqual("ENOTDIR", runtime["fault"]["errnoName"])
        self.daemon.file("file").unlink()
        self.assertEqual("done", self.run_job(job)["result"])
        self.assertNotIn("fault", self.runtime(job))

    def test_streams_of_jobs_do_not_push_out_those_of_the_user(self):
        stream = self.open("mine")
        stream.finish("x")
        job = self.create("many")
        for _ in range(70):
            self.run_job(job)
        self.assertEqual("finished", stream.state())

    def test_history_is_newest_first_and_limited(self):
        job = self.create("h")
        for _ in range(5):
            self.run_job(job)
        self.assertEqual([5, 4, 3, 2, 1], [run["run"] for run in self.history(job)])
        self.assertEqual([5, 4], [run["run"] for run in self.history(job, limit=2)])
        with self.fails_parameter("limit"):
            self.history(job, limit=0)

    def test_retention_takes_only_what_the_job_has_made(self):
        (self.daemon.file("r")).mkdir()
        self.daemon.file("r/0").write_text("somebody else's")
        job = self.create("r/{run}", retention={"keepLast": 1})
        self.run_job(job)
        os.replace(self.daemon.file("r/0"), self.daemon.file("r/1"))
        for _ in range(3):
            self.run_job(job)
        wait_until(lambda: not self.daemon.file("r/3").exists(), "the older one is gone")
        self.assertEqual("somebody else's", self.daemon.file("r/1").read_text())
        self.assertEqual(b"what is to be kept", self.read_stored("r/4"))
        self.assertFalse(self.daemon.file("r/2").exists())


class Versions(JobTest):
    """Two bytes' worth of consistency: the word of the buffer is what counts."""

    def setUp(self):
        super().setUp()
        reply = self.client.call_reply(POOL + "Acquire", {"name": "default"})
        about = self.client.call(BUFFER + "Describe", {"id": self.buffer})["buffer"]
        maps = [self.cleanup.enter_context(mmap.mmap(reply.fds[reply.parameters[name]], 0))
                for name in ("fileDescriptorIndex", "versionFileDescriptorIndex")]
        for fd in reply.fds:
            os.close(fd)
        self.memory, words = maps
        view = memoryview(words).cast("Q")
        self.cleanup.callback(view.release)
        self.words = view
        self.word = about["versionOffset"] // 8
        self.offset = about["offset"]

    def test_an_update_that_goes_on_is_waited_for(self):
        job = self.create("even")
        self.words[self.word] += 1
        waiting = self.connect()
        waiting.send(JOB + "Run", {"id": job})
        self.until_state(job, "running")
        self.memory[self.offset:self.offset + 4] = b"half"
        time.sleep(0.05)
        self.memory[self.offset:self.offset + 4] = b"WHAT"
        self.words[self.word] += 1
        self.assertEqual("done", waiting.receive().parameters["run"]["result"])
        self.assertEqual(b"WHAT is to be kept", self.read_stored("even"))

    def test_an_update_that_never_ends_fails_the_runs_until_the_next(self):
        job = self.create("odd", timeoutUSec=60_000)
        self.words[self.word] += 1
        with self.fails(JOB + "RunFailed") as caught:
            self.run_job(job)
        run = caught.exception.parameters["run"]
        self.assertEqual(("failed", "snapshot", "EBUSY"), (
            run["result"], run["fault"]["operation"], run["fault"]["errnoName"]))
        self.assertFalse(self.daemon.file("odd").exists())
        live = self.create("live", consistency="live")
        self.assertEqual("done", self.run_job(live)["result"])
        self.words[self.word] += 1
        self.assertEqual("done", self.run_job(job)["result"])

    def test_a_writer_without_a_gap_never_makes_a_torn_file(self):
        big = self.client.call(BUFFER + "Alloc", {"length": 4 * MIB})["buffer"]["id"]
        about = self.client.call(BUFFER + "Describe", {"id": big})["buffer"]
        word, stop = about["versionOffset"] // 8, threading.Event()
        first = (self.words[BLOCKS_OFFSET] + about["offset"] // BLOCK * 8) // 8
        blocks = range(first, first + (about["offset"] % BLOCK + 4 * MIB - 1) // BLOCK + 1)

        def write():
            number = 0
            while not stop.is_set():
                number = (number + 1) % 256
                self.words[word] += 1
                for block in blocks:
                    self.words[block] += 1
                self.memory[about["offset"]:about["offset"] + 4 * MIB] = bytes([number]) * 4 * MIB
                self.words[word] += 1
        writer = threading.Thread(target=write)
        job = self.create("torn/{run}", buffer=big, timeoutUSec=300_000)
        writer.start()
        try:
            for _ in range(8):
                try:
                    self.run_job(job)
                except VarlinkError as error:
                    # The last of its time may also go to the writing of the file.
                    self.assertIn(error.parameters["run"]["fault"]["operation"],
                                  ("snapshot", "timeout"))
        finally:
            stop.set()
            writer.join()
        for name in self.daemon.files():
            if name.startswith("torn/"):
                self.assertEqual(1, len(set(self.read_stored(name))), name)

    def test_staging_is_charged_and_given_back(self):
        self.run_job(self.create("charged"))
        usage = self.client.call("io.forebay.daemon.Describe")["usage"]
        self.assertEqual(0, usage["stagingBytes"])


class WhileRunning(JobTest):
    """Runs that take half a second, and what is asked of their jobs meanwhile."""

    daemon_options = {"faults": "write(slow):delay=500ms"}

    def test_a_run_that_takes_too_long_is_stopped(self):
        job = self.create("slow-timeout", timeoutUSec=50_000)
        with self.fails(JOB + "RunFailed") as caught:
            self.run_job(job)
        run = caught.exception.parameters["run"]
        self.assertEqual(("timeout", "ETIMEDOUT"), (run["result"], run["fault"]["errnoName"]))
        self.assertFalse(self.daemon.file("slow-timeout").exists())
        self.no_temporaries()

    def test_what_is_due_while_a_run_goes_on_is_counted_and_made_up_for_by_rule(self):
        for missed, most in (("once", 3), ("skip", 2)):
            with self.subTest(missed=missed):
                job = self.create(f"slow-{missed}", missed=missed,
                                  schedule={"everyUSec": 200_000})
                runtime = wait_until(lambda: (lambda told: told if told["runs"] > 2 else None)(
                    self.runtime(job)), "two runs")
                self.assertGreaterEqual(runtime["skips"], 1)
                self.job("Pause", job)
                self.until_state(job, "paused")
                runs = self.history(job)
                for later, earlier in zip(runs, runs[1:]):
                    self.assertGreaterEqual(later["startUSec"], earlier["endUSec"])
                if missed == "skip":
                    self.assertTrue(all((later["scheduledUSec"] - earlier["scheduledUSec"])
                                        % 200_000 == 0 for later, earlier in zip(runs, runs[1:])))

    def test_a_pool_destroyed_with_force_stops_the_run(self):
        self.client.call(POOL + "Create", {"context": {"name": "doomed", "sizeBytes": MIB}})
        job = self.create("slow-doomed", buffer=self.make_buffer(b"x", pool="doomed"))
        waiting = self.connect()
        waiting.send(JOB + "Run", {"id": job})
        self.until_state(job, "running")
        self.client.call(POOL + "Destroy", {"name": "doomed", "force": True})
        reply = waiting.receive()
        self.assertEqual(JOB + "RunFailed", reply.error)
        self.assertEqual(("failed", "destroy"), (reply.parameters["run"]["result"],
                                                 reply.parameters["run"]["fault"]["operation"]))
        self.assertEqual("paused", self.state(job))
        self.assertFalse(self.daemon.file("slow-doomed").exists())

    def test_a_caller_that_goes_leaves_the_run_alone(self):
        job = self.create("slow-alone")
        with self.daemon.client() as client:
            client.send(JOB + "Run", {"id": job})
            self.until_state(job, "running")
        self.until_runs(job, 1)
        self.assertEqual("done", self.runtime(job)["lastResult"])


class Schedules(JobTest):
    engines = ("auto",)

    def test_every_is_on_time_and_counts(self):
        job = self.create("e/{run}", schedule={"everyUSec": 200_000}, retention={"keepLast": 2})
        runtime = self.until_runs(job, 4)
        self.assertGreater(runtime["nextUSec"], now_usec() - 200_000)
        self.job("Cancel", job)
        runs = self.history(job)
        times = [run["scheduledUSec"] for run in runs]
        self.assertEqual([0], list({(a - b) % 200_000 for a, b in zip(times, times[1:])}))
        for run in runs:
            self.assertGreaterEqual(run["startUSec"], run["scheduledUSec"])
        kept = wait_until(lambda: (lambda names: names if len(names) <= 2 else None)(
            [name for name in self.daemon.files() if name.startswith("e/")]), "two are kept")
        self.assertEqual(2, len(kept))

    def test_at_and_after_run_once_and_the_job_is_finished(self):
        for name, value in (("afterUSec", lambda: 1_000_000),
                            ("atUSec", lambda: now_usec() + 1_000_000)):
            with self.subTest(schedule=name):
                job = self.create("once", schedule={name: value()})
                self.assertEqual("waiting", self.state(job))
                self.until_runs(job, 1, "finished")
                self.assertEqual("done", self.runtime(job)["lastResult"])
                self.job("Dismiss", job)

    def test_a_calendar_is_due(self):
        job = self.create("c", schedule={"calendar": "*:*:*"})
        self.until_runs(job, 2)
        self.assertEqual([0, 0], [run["scheduledUSec"] % 1_000_000
                                  for run in self.history(job)][:2])

    def test_what_has_changed_is_kept(self):
        job = self.create("on-change", schedule={"onChange": True}, settleUSec=20_000)
        time.sleep(0.2)
        self.assertEqual(0, self.runtime(job)["runs"])
        self.write(b"THIS")
        self.until_runs(job, 1)
        self.assertEqual(b"THIS is to be kept", self.read_stored("on-change"))

    def test_a_paused_job_has_no_next_time(self):
        job = self.create("paused", schedule={"everyUSec": 50_000})
        self.until_runs(job, 1)
        self.job("Pause", job)
        self.until_state(job, "paused")
        before = self.runtime(job)
        self.assertNotIn("nextUSec", before)
        time.sleep(0.2)
        self.assertEqual(before, self.runtime(job))
        self.job("Resume", job)
        self.until_runs(job, before["runs"] + 1)

    def test_failed_runs_are_tried_again_and_no_more_often_than_asked(self):
        self.daemon.file("wall").write_text("no directory")
        job = self.create("wall/x", schedule={"afterUSec": 0}, retries=2, retryDelayUSec=50_000)
        self.until_runs(job, 3, "finished")
        time.sleep(0.2)
        runtime = self.runtime(job)
        self.assertEqual((3, 3, "failed"), (runtime["runs"], runtime["failures"],
                                            runtime["lastResult"]))
        runs = self.history(job)
        self.assertEqual(1, len({run["scheduledUSec"] for run in runs}))
        for later, earlier in zip(runs, runs[1:]):
            self.assertGreaterEqual(later["startUSec"], earlier["endUSec"] + 49_000)


class DueAtOnce(JobTest):
    """A thousand jobs of two users, for the same moment."""

    engines = ("auto",)
    EACH, CONNECTIONS = 500, 10

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            cls.skipTest(cls, "needs root")
        cls.shared = tempfile.mkdtemp(prefix="j", dir=os.environ.get("TMPDIR", "/tmp"))
        os.chmod(cls.shared, 0o755)
        cls.daemon_options = {"config": f"[store users]\npath = {cls.shared}\nperUser = yes\n"}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.shared, ignore_errors=True)

    @classmethod
    def warm_up(cls, client):
        super().warm_up(client)
        with cls.daemon.client(65534) as other:
            buffer = other.call(BUFFER + "Alloc", {"length": 4096})["buffer"]["id"]
            other.call(BUFFER + "Free", {"id": buffer})

    def begin(self, uid, at):
        """Asks for the jobs of one user, over a few connections; they answer later."""
        clients = [self.connect(uid) if uid else self.connect() for _ in range(self.CONNECTIONS)]
        buffer = self.make_buffer(b"kept", clients[0])
        for index, client in enumerate(clients):
            client.send_raw(b"".join(client.encode(JOB + "Create", {"context": {
                "buffer": buffer, "store": "users", "path": f"many/{number}",
                "schedule": {"atUSec": at}}})
                for number in range(index, self.EACH, self.CONNECTIONS)))
        return clients

    def test_all_run_once_and_users_take_turns(self):
        at = now_usec() + (12 if self.daemon.is_sanitized() else 4) * 1_000_000
        asked = {uid: self.begin(uid, at) for uid in (0, 65534)}
        jobs = {client.receive_for(JOB + "Create").parameters["id"]: uid
                for uid, clients in asked.items() for client in clients
                for _ in range(self.EACH // self.CONNECTIONS)}
        self.assertEqual(2 * self.EACH, len(jobs))

        def all_over():
            told = {reply["id"]: reply["runtime"] for reply in self.client.more(JOB + "List")
                    if reply}
            return told if all(told[job]["state"] == "finished" for job in jobs) else None
        told = wait_until(all_over, "all are finished")
        self.assertEqual({(1, "done")},
                         {(told[job]["runs"], told[job]["lastResult"]) for job in jobs})
        order = [jobs[job] for job in sorted(jobs, key=lambda job: told[job]["lastStartUSec"])]
        # Nobody's wait for all of the other's: of the first half each has nearly half.
        self.assertLess(abs(order[:self.EACH].count(0) - self.EACH // 2), self.EACH // 10)
        for index, client in enumerate(asked[0]):
            client.send_raw(b"".join(client.encode(JOB + "Dismiss", {"id": job})
                                     for job in list(jobs)[index::self.CONNECTIONS]))
        for index, client in enumerate(asked[0]):
            for _ in list(jobs)[index::self.CONNECTIONS]:
                client.receive_for(JOB + "Dismiss")


if __name__ == "__main__":
    main()
