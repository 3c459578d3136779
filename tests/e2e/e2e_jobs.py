#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Jobs themselves: whose they are, what is refused, what is told of them, and what comes back."""

import base64
import unittest

from harness import BUFFER, JOB, MIB, POOL, SERVICE, STORE, Daemon, main, wait_until
from job_test import DAY, HOUR, JobTest, now_usec


class Named(JobTest):
    """Whose a job is, and what it holds."""

    engines = ("auto",)

    def test_by_id_or_name_and_nobody_elses(self):
        job = self.create("named", name="a name")
        self.assertEqual(self.runtime(job), self.runtime("a name"))
        for text in ("j0123456789abcdef", "nobody", "", "s0123456789abcdef"):
            with self.fails(JOB + "NoSuchJob", id=text):
                self.runtime(text)
        self.root_only()
        other = self.connect(uid=65534)
        for text in (job, "a name"):
            with self.fails(JOB + "NoSuchJob"):
                other.call(JOB + "Describe", {"id": text})
        self.assertEqual([{}], list(other.more(JOB + "List")))

    def test_auto_dismiss(self):
        job = self.create("auto", autoDismiss=True)
        self.job("Cancel", job)
        self.assertIsNone(self.state(job))

    def test_a_buffer_that_a_job_names_is_not_freed(self):
        job = self.create("pinned")
        with self.fails(BUFFER + "BufferPinned", id=self.buffer, pins=1):
            self.client.call(BUFFER + "Free", {"id": self.buffer})
        self.job("Cancel", job)
        self.client.call(BUFFER + "Free", {"id": self.buffer})

    def test_a_pool_destroyed_with_force_pauses_its_jobs_and_no_other(self):
        self.client.call(POOL + "Create", {"context": {"name": "doomed", "sizeBytes": MIB}})
        buffer = self.make_buffer(b"gone soon", pool="doomed")
        job, other = self.create("doomed", buffer=buffer), self.create("other")
        with self.fails(POOL + "PoolBusy"):
            self.client.call(POOL + "Destroy", {"name": "doomed"})
        self.client.call(POOL + "Destroy", {"name": "doomed", "force": True})
        runtime = self.runtime(job)
        self.assertEqual(("paused", "destroy", "ECANCELED"),
                         (runtime["state"], runtime["fault"]["operation"],
                          runtime["fault"]["errnoName"]))
        with self.fails(JOB + "RunFailed"):
            self.run_job(job)
        self.assertEqual("paused", self.state(job))
        self.assertEqual("done", self.run_job(other)["result"])

    def test_a_connections_pool_lingers_for_its_jobs(self):
        with self.daemon.client() as client:
            client.call(POOL + "Create", {"context": {"name": "linger", "sizeBytes": MIB}})
            buffer = self.make_buffer(b"still there", client, pool="linger")
            job = self.create("lingers", buffer=buffer, client=client)
        self.wait_until_one_connection()
        self.assertEqual("done", self.run_job(job)["result"])
        self.assertEqual(b"still there", self.read_stored("lingers"))
        self.job("Cancel", job)
        wait_until(lambda: not any(reply.get("context", {}).get("name") == "linger"
                                   for reply in self.client.more(POOL + "List")),
                   "the pool is gone")

    def wait_until_one_connection(self):
        wait_until(lambda: self.client.call("io.forebay.daemon.Describe")["usage"]["connections"]
                   == 1, "the other connection is gone")


class BadInput(JobTest):
    engines = ("auto",)

    def refused(self, parameter, error=SERVICE + "InvalidParameter", **context):
        with self.subTest(context=context), self.fails(error) as caught:
            self.create(**context)
        if parameter:
            self.assertEqual(parameter, caught.exception.parameters["parameter"])
        return caught

    def test_parameters_are_named(self):
        for parameter, context in (
                ("context.name", {"name": ""}),
                ("context.name", {"name": "a/b"}),
                ("context.name", {"name": "j0123456789abcdef"}),
                ("context.mode", {"mode": "0999"}),
                ("context.settleUSec", {"settleUSec": 0}),
                ("context.jitterUSec", {"jitterUSec": -1}),
                ("context.timeoutUSec", {"timeoutUSec": -1}),
                ("context.retries", {"retries": -1}),
                ("context.retryDelayUSec", {"retryDelayUSec": -1}),
                ("context.retention.keepLast", {"retention": {"keepLast": 0}}),
                ("context.retention.keepUSec", {"retention": {"keepUSec": -5}}),
                ("context.retention.maximumBytes", {"retention": {"maximumBytes": 17}}),
                ("context.retention.minimumFreeBytes", {"retention": {"minimumFreeBytes": 0}}),
                ("context.retention", {"retention": {"keepLast": 1}, "open": "append"}),
                ("context.checksum", {"checksum": "sha256", "open": "append"}),
                ("context.steps", {"steps": [{"name": "gzip", "level": 99}]})):
            self.refused(parameter, **context)

    def test_schedules_that_can_never_fire(self):
        for parameter, context in (
                ("context.schedule.everyUSec", {"schedule": {"everyUSec": 9_999}}),
                ("context.schedule.everyUSec", {"schedule": {"everyUSec": -1}}),
                ("context.schedule.afterUSec", {"schedule": {"afterUSec": -2}}),
                ("context.schedule.atUSec", {"schedule": {"atUSec": now_usec() - 1}}),
                ("context.schedule.atUSec", {"schedule": {"atUSec": -5}}),
                ("context.schedule.calendar", {"schedule": {"calendar": "no such day"}}),
                ("context.schedule.calendar", {"schedule": {"calendar": "2001-01-01"}}),
                ("context.schedule.calendar", {"schedule": {"calendar": "*-02-30"}}),
                ("context.jitterUSec", {"schedule": {"everyUSec": HOUR},
                                        "jitterUSec": 2 * HOUR})):
            self.refused(parameter, JOB + "BadSchedule", **context)
        with self.fails_parameter("schedule"):
            self.client.call(JOB + "Save", {"context": {
                "buffer": self.buffer, "path": "x", "schedule": {"everyUSec": HOUR}}})

    def test_paths_that_leave_the_store_or_collide(self):
        for path in ("../x", "/x", "a/../b", "", "{n}", "{nothing}", "%Q", "x" * 300,
                     ".forebay-x"):
            self.refused(None, STORE + "PathRefused", path=path)
        self.refused(None, STORE + "NoSuchStore", store="nowhere")
        for path in ("same", "{job}/same", "%H%M%S"):
            self.refused(None, STORE + "PathRefused", path=path, open="exclusive",
                         schedule={"everyUSec": DAY})
        for path in ("{run}", "%Y-%m-%d"):
            self.create(path, open="exclusive", schedule={"everyUSec": DAY})

    def test_buffers_that_are_none_or_somebody_elses(self):
        for buffer in ("b0123456789abcdef", "nonsense"):
            with self.fails(BUFFER + "NoSuchBuffer", id=buffer):
                self.create(buffer=buffer)
        for context in ({"offset": 19}, {"offset": -1}, {"length": 19}, {"length": -1},
                        {"offset": 10, "length": 9}):
            with self.subTest(context=context), self.fails(BUFFER + "OutOfRange"):
                self.create(**context)
        self.root_only()
        with self.fails(BUFFER + "NoSuchBuffer", id=self.buffer):
            self.create(client=self.connect(uid=65534))

    def test_a_job_stays_as_it_is_where_its_replacement_is_refused(self):
        job = self.create(name="stays", schedule={"calendar": "2099-01-01"}, labels={"a": "b"})
        before = self.job("Describe", job)
        for error, context in (
                (JOB + "BadSchedule", {"schedule": {"calendar": "2001-01-01"}}),
                (JOB + "BadSchedule", {"schedule": {"calendar": "no such day"}}),
                (JOB + "BadSchedule", {"schedule": {"everyUSec": 1}}),
                (STORE + "PathRefused", {"path": "../x"}),
                (STORE + "NoSuchStore", {"store": "nowhere"}),
                (BUFFER + "NoSuchBuffer", {"buffer": "b0123456789abcdef"}),
                (BUFFER + "OutOfRange", {"offset": 19}),
                (SERVICE + "InvalidParameter", {"retention": {"keepLast": 0}})):
            with self.subTest(context=context):
                with self.fails(error):
                    self.create(name="stays", replace=True, **context)
                self.assertEqual(before, self.job("Describe", job))

    def test_names_that_exist(self):
        job = self.create(name="taken")
        with self.fails(JOB + "JobExists", name="taken"):
            self.create(name="taken")
        self.run_job(job)
        self.assertEqual(job, self.create("other", name="taken", replace=True))
        self.assertEqual(1, self.runtime(job)["runs"])
        self.assertEqual("other", self.job("Describe", job)["context"]["path"])
        self.assertEqual(2, self.run_job(job)["run"])
        self.job("Cancel", job)
        self.assertEqual(job, self.create("third", name="taken", replace=True))
        self.assertEqual("waiting", self.state(job))


class Events(JobTest):
    engines = ("auto",)
    daemon_options = {"config": "[limits]\neventQueueBytes = 64K\n"}

    def subscribe(self, job=None):
        client = self.connect()
        client.send(JOB + "SubscribeEvents", {"id": job} if job else {}, more=True)
        self.assertTrue(client.receive_for(JOB + "SubscribeEvents").parameters["ready"])
        return client

    def next_event(self, client):
        while True:
            reply = client.receive_for(JOB + "SubscribeEvents")
            if reply.parameters["event"] != "progress":
                return reply

    def test_a_run_is_told_from_its_beginning_to_its_result(self):
        job, other = self.create("told"), self.create("other")
        client = self.subscribe(job)
        self.run_job(other)
        run = self.run_job(job)
        told = [self.next_event(client).parameters for _ in range(3)]
        self.assertEqual(["state", "result", "state"], [event["event"] for event in told])
        self.assertEqual(["running", "running", "waiting"],
                         [event["runtime"]["state"] for event in told])
        self.assertEqual(run, told[1]["run"])
        self.assertEqual({job}, {event["id"] for event in told})

    def test_a_dismissed_job_ends_its_subscription(self):
        job = self.create("ends")
        one, every = self.subscribe(job), self.subscribe()
        self.job("Cancel", job)
        self.job("Dismiss", job)
        replies = [self.next_event(one) for _ in range(2)]
        self.assertEqual([True, False], [reply.continues for reply in replies])
        self.assertTrue(all(self.next_event(every).continues for _ in range(2)))

    def test_more_is_needed_and_nobody_elses_are_told(self):
        with self.fails(SERVICE + "ExpectedMore"):
            self.client.call(JOB + "SubscribeEvents")
        self.root_only()
        other = self.connect(uid=65534)
        other.send(JOB + "SubscribeEvents", {}, more=True)
        other.receive_for(JOB + "SubscribeEvents")
        self.run_job(self.create("secret"))
        with self.assertRaises(TimeoutError):
            other.receive(0.1)

    def test_who_does_not_read_hears_how_much_is_missing(self):
        job = self.create("overflow")
        client = self.subscribe()
        for _ in range(1500):
            self.job("Pause", job)
            self.job("Resume", job)
        lost = told = 0
        while told + lost < 3000:
            event = self.next_event(client).parameters
            told += event["event"] == "state"
            lost += event.get("lost", 0)
        self.assertEqual(3000, told + lost)
        self.assertGreater(lost, 0)


class Restart(unittest.TestCase):
    engines = None
    engine = "auto"

    def start(self):
        daemon = Daemon(engine=self.engine)
        self.addCleanup(daemon.remove)
        return daemon.start()

    def make(self, client, number, content, **context):
        pool = f"pool{number}"
        client.call(POOL + "Create", {"context": {"name": pool, "sizeBytes": 2 * len(content),
                                                  "lifetime": "daemon"}})
        buffer = client.call(BUFFER + "From", {
            "data": base64.b64encode(content).decode(), "encoding": "base64",
            "pool": pool})["buffer"]["id"]
        return client.call(JOB + "Create", {"replace": True, "context": {
            "name": f"job{number}", "buffer": buffer, "path": f"{number}/{{run}}",
            "checksum": "sha256", **context}})

    def test_jobs_counters_and_history_come_back(self):
        daemon = self.start()
        with daemon.client() as client:
            job = self.make(client, 1, b"content", schedule={"everyUSec": DAY}, retries=3,
                            labels={"k": "v", "": "empty"}, steps=[{"name": "zstd"}],
                            retention={"keepLast": 4, "maximumBytes": MIB})
            client.call(JOB + "Run", {"id": job["id"]})
            before = client.call(JOB + "Describe", {"id": job["id"]})
            history = list(client.more(JOB + "History", {"id": job["id"]}))
        for stop in (lambda: daemon.kill(remove=False), lambda: daemon.stop(remove=False)):
            stop()
            daemon.start()
            with daemon.client() as client:
                after = client.call(JOB + "Describe", {"id": "job1"})
                self.assertEqual(before["context"], after["context"])
                runtime = after["runtime"]
                self.assertEqual(("paused", "restore", "ENXIO"),
                                 (runtime["state"], runtime["fault"]["operation"],
                                  runtime["fault"]["errnoName"]))
                for name in ("runs", "failures", "skips", "lastRun", "lastResult", "lastPath"):
                    self.assertEqual(before["runtime"][name], runtime[name], name)
                self.assertEqual(history, list(client.more(JOB + "History",
                                                           {"id": job["id"]})))
        with daemon.client() as client:
            again = self.make(client, 1, b"CONTENT", schedule={"everyUSec": DAY})
            self.assertEqual(job["id"], again["id"])
            self.assertEqual("waiting", again["runtime"]["state"])
            self.assertEqual(2, client.call(JOB + "Run", {"id": "job1"})["run"]["run"])
        daemon.stop()

    def test_a_dismissed_job_does_not_come_back(self):
        daemon = self.start()
        with daemon.client() as client:
            job = self.make(client, 1, b"content")
            client.call(JOB + "Cancel", {"id": job["id"]})
            client.call(JOB + "Dismiss", {"id": job["id"]})
        daemon.stop(remove=False)
        daemon.start()
        with daemon.client() as client:
            self.assertEqual([{}], list(client.more(JOB + "List")))
        daemon.stop()


if __name__ == "__main__":
    main()
