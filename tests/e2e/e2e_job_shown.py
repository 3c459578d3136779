#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What Describe, List and new subscribers are shown of runs whose rows are not written yet."""

import contextlib

from catalogue_rows import Held
from harness import JOB, main, wait_until
from job_test import JobTest


class ShownTest(JobTest):
    engines = ("auto",)
    daemon_arguments = ("--log-level", "info")

    def ended(self, job, run):
        """Whether the daemon has done with it; nobody else may know."""
        return any("run ended" in line and f"id={job} run={run} " in line
                   for line in self.daemon.log().splitlines())

    def until_ended(self, job, run):
        wait_until(lambda: self.ended(job, run), f"run {run} is over")

    def start_run(self, stack, job):
        asking = stack.enter_context(self.daemon.client())
        asking.send(JOB + "Run", {"id": job})
        return asking

    def subscribe(self, stack, job=None):
        client = stack.enter_context(self.daemon.client())
        client.send(JOB + "SubscribeEvents", {"id": job} if job else {}, more=True)
        return client, client.receive_for(JOB + "SubscribeEvents").parameters

    def listed(self, job):
        return next(reply["runtime"] for reply in self.client.more(JOB + "List")
                    if reply["id"] == job)

    def make(self, result):
        """A job with one run done, whose next ends so, and without a file."""
        if result == "skipped":
            job = self.create(onlyIfChanged=True)
        else:
            job = self.create(open="exclusive")
        self.assertEqual("done", self.run_job(job)["result"])
        return job

    def clear(self):
        for path in self.daemon.files():
            self.daemon.file(path).unlink()

    def assert_running(self, before, runtime, run):
        """As it was, but for the run that is going on."""
        now = {name: value for name, value in runtime.items()
               if name not in ("currentRun", "currentBytes", "totalBytes")}
        self.assertEqual({**before, "state": "running", "runs": run}, now)
        self.assertEqual(run, runtime["currentRun"])


class Shown(ShownTest):
    def test_a_run_goes_on_until_its_row_is_written(self):
        for result in ("skipped", "failed"):
            with self.subTest(result=result), contextlib.ExitStack() as stack:
                job = self.make(result)
                before = self.runtime(job)
                held = stack.enter_context(Held(self.daemon))
                asking = self.start_run(stack, job)
                self.until_ended(job, 2)
                self.assert_running(before, self.runtime(job), 2)
                self.assert_running(before, self.listed(job), 2)
                watching, first = self.subscribe(stack, job)
                self.assert_running(before, first["runtime"], 2)
                held.release()
                reply = asking.receive()
                self.assertEqual(result, reply.parameters["run"]["result"])
                after = self.runtime(job)
                self.assertEqual(("waiting", 2, result), (
                    after["state"], after["lastRun"], after["lastResult"]))
                self.assertEqual(result == "failed", "fault" in after)
                self.assertEqual(after, self.listed(job))
                self.clear()

    def test_who_subscribes_meanwhile_hears_what_became_of_it(self):
        with contextlib.ExitStack() as stack:
            job = self.make("skipped")
            self.create(path="other")
            held = stack.enter_context(Held(self.daemon))
            asking = self.start_run(stack, job)
            self.until_ended(job, 2)
            watching = [self.subscribe(stack, job)[0], self.subscribe(stack)[0]]
            for client in watching:
                with self.assertRaises(TimeoutError):
                    client.receive(0.2)
            held.release()
            asking.receive()
            for client in watching:
                event = client.receive_for(JOB + "SubscribeEvents").parameters
                self.assertEqual(("state", job, self.runtime(job)),
                                 (event["event"], event["id"], event["runtime"]))
            # Once, and of nothing else.
            self.job("Pause", job)
            for client in watching:
                event = client.receive_for(JOB + "SubscribeEvents").parameters
                self.assertEqual((job, "paused"), (event["id"], event["runtime"]["state"]))

    def test_each_of_several_runs_goes_on_until_its_row_is_written(self):
        with contextlib.ExitStack() as stack:
            job = self.make("skipped")
            before = self.runtime(job)
            held = stack.enter_context(Held(self.daemon))
            asking = []
            for run in (2, 3, 4):
                asking.append(self.start_run(stack, job))
                self.until_ended(job, run)
            self.assert_running(before, self.runtime(job), 2)
            watching, first = self.subscribe(stack, job)
            self.assert_running(before, first["runtime"], 2)
            held.release()
            for run, client in enumerate(asking, 2):
                self.assertEqual(run, client.receive().parameters["run"]["run"])
            after = self.runtime(job)
            self.assertEqual(("waiting", 4, "skipped"), (
                after["state"], after["lastRun"], after["lastResult"]))
            event = watching.receive_for(JOB + "SubscribeEvents").parameters
            self.assertEqual(("state", after), (event["event"], event["runtime"]))

    def test_a_job_that_is_dismissed_meanwhile_is_gone(self):
        with contextlib.ExitStack() as stack:
            job = self.make("skipped")
            held = stack.enter_context(Held(self.daemon))
            asking = [self.start_run(stack, job)]
            self.until_ended(job, 2)
            for member in ("Cancel", "Dismiss"):
                client = stack.enter_context(self.daemon.client())
                client.send(JOB + member, {"id": job})
                with self.assertRaises(TimeoutError):
                    client.receive(0.2)
                asking.append(client)
            held.release()
            for client in asking:
                self.assertIsNone(client.receive().error)
            self.assertIsNone(self.state(job))


class Killed(ShownTest):
    def test_what_was_shown_is_not_taken_back_by_a_kill(self):
        with contextlib.ExitStack() as stack:
            job = self.make("skipped")
            stack.enter_context(Held(self.daemon))
            self.start_run(stack, job)
            self.until_ended(job, 2)
            shown = self.runtime(job)
            self.daemon.kill(remove=False)
        self.daemon.start()
        self.wait_until_alone()
        self.before = self.daemon.descriptors()
        self.client = self.connect()
        self.assertEqual((1, "done"), (shown["lastRun"], shown["lastResult"]))
        # It may have been cut off, or not have begun: nobody was told that it was over.
        self.assertNotIn("skipped", [run.get("result") for run in self.history(job)])
        self.assertNotEqual("skipped", self.runtime(job)["lastResult"])


if __name__ == "__main__":
    main()
