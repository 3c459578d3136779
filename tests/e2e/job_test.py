# SPDX-License-Identifier: LGPL-2.1-or-later
"""What tests of jobs have in common: a buffer, jobs that are looked at, and none left over."""

import base64
import time

from harness import BUFFER, JOB, ForebayTest, VarlinkError, wait_until

DAY = 86_400_000_000
HOUR = 3_600_000_000


def now_usec():
    return time.time_ns() // 1000


class JobTest(ForebayTest):
    @classmethod
    def warm_up(cls, client):
        buffer = client.call(BUFFER + "Alloc", {"length": 4096})["buffer"]["id"]
        client.call(JOB + "Save", {"context": {"buffer": buffer, "path": "warm"}})
        client.call(BUFFER + "Free", {"id": buffer})
        cls.daemon.file("warm").unlink()

    def setUp(self):
        super().setUp()
        self.buffer = self.make_buffer(b"what is to be kept")

    def tearDown(self):
        for job in list(self.client.more(JOB + "List")):
            if not job:
                continue
            if job["runtime"]["state"] != "finished":
                self.job("Cancel", job["id"])
            self.until_state(job["id"], "finished", None)
            if self.state(job["id"]):
                self.job("Dismiss", job["id"])
        super().tearDown()

    def make_buffer(self, content, client=None, **parameters):
        return (client or self.client).call(BUFFER + "From", {
            "data": base64.b64encode(content).decode(), "encoding": "base64",
            **parameters})["buffer"]["id"]

    def write(self, content):
        self.client.call(BUFFER + "Write", {
            "id": self.buffer, "data": base64.b64encode(content).decode(),
            "encoding": "base64"})

    def create(self, path="kept", client=None, replace=None, **context):
        parameters = {"context": {"buffer": self.buffer, "path": path, **context}}
        if replace is not None:
            parameters["replace"] = replace
        return (client or self.client).call(JOB + "Create", parameters)["id"]

    def job(self, member, job, **parameters):
        return self.client.call(JOB + member, {"id": job, **parameters})

    def run_job(self, job):
        return self.job("Run", job)["run"]

    def runtime(self, job):
        return self.job("Describe", job)["runtime"]

    def state(self, job):
        try:
            return self.runtime(job)["state"]
        except VarlinkError as error:
            self.assertEqual(JOB + "NoSuchJob", error.name)
            return None

    def until_state(self, job, *states):
        wait_until(lambda: self.state(job) in states, f"{job} is {states}")

    def history(self, job, **parameters):
        return [reply["run"] for reply in self.client.more(JOB + "History",
                                                           {"id": job, **parameters}) if reply]

    def until_runs(self, job, count, state=None):
        """The runtime once so many runs are over."""
        def look():
            runtime = self.runtime(job)
            if runtime["runs"] >= count and "currentRun" not in runtime:
                return runtime if state in (None, runtime["state"]) else None
            return None
        return wait_until(look, f"{count} runs")
