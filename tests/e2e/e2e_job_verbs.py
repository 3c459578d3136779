#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What may be asked of a job in each of its states, what comes of it, and that an answer holds.

TABLE is the test's own copy of the table of verbs and states. Each of its cells is looked at
three times: what is answered and what the job becomes; that the answer waits until the
catalogue has it; and that it holds after a SIGKILL that follows the answer at once.
"""

import base64
import contextlib
import os
import pathlib
import shutil
import tempfile
import unittest

from catalogue_rows import Held, open_catalogue, read_rows, row_id
from harness import (BUFFER, DAEMON, JOB, MIB, POOL, Daemon, ForebayTest, VarlinkError, main,
                     wait_until)

CONTENT = b"what is to be kept"
STATES = ("waiting", "running", "paused", "finished")
REFUSED = "WrongState"

# What the job is in the end, in each state that it can be in when it is asked.
TABLE = {
    #              waiting     running     paused      finished
    "Run":        ("waiting",  REFUSED,    "paused",   REFUSED),
    "Pause":      ("paused",   "paused",   "paused",   REFUSED),
    "Resume":     ("waiting",  "waiting",  "waiting",  REFUSED),
    "Cancel":     ("finished", "finished", "finished", REFUSED),
    "CancelRun":  (REFUSED,    "waiting",  REFUSED,    REFUSED),
    "Dismiss":    (REFUSED,    REFUSED,    REFUSED,    "gone"),
}
CELLS = [(verb, state, after) for verb, row in TABLE.items() for state, after in zip(STATES, row)]

# What a row says at once where the run goes on: what the job will be.
PROMISED = {"Pause": "paused", "Cancel": "finished"}


def encode(verb, job):
    if verb == "CancelRun":
        return JOB + "Cancel", {"id": job, "runOnly": True}
    return JOB + verb, {"id": job}


def call_verb(client, verb, job):
    return client.call(*encode(verb, job))


class Asked:
    """Jobs in a wanted state; for tests that have self.client."""

    made = 0

    def make_buffer(self, client):
        return client.call(BUFFER + "From", {"data": base64.b64encode(CONTENT).decode(),
                                             "encoding": "base64"})["buffer"]["id"]

    def create(self, path="quick", **context):
        Asked.made += 1
        return self.client.call(JOB + "Create", {"context": {
            "buffer": self.buffer, "path": f"{path}-{Asked.made}", **context}})["id"]

    def state(self, job, client=None):
        try:
            return (client or self.client).call(JOB + "Describe", {"id": job})["runtime"]["state"]
        except VarlinkError as error:
            self.assertEqual(JOB + "NoSuchJob", error.name)
            return "gone"

    def history(self, job):
        return [reply["run"] for reply in self.client.more(JOB + "History", {"id": job}) if reply]

    def in_state(self, state, stack, **context):
        """A job, and the connection that waits for its run."""
        context.setdefault("path", "slow" if state == "running" else "quick")
        job = self.create(**context)
        runner = None
        if state == "running":
            runner = stack.enter_context(self.daemon.client())
            runner.send(JOB + "Run", {"id": job})
            wait_until(lambda: self.state(job) == "running", "it runs")
        elif state != "waiting":
            call_verb(self.client, "Pause" if state == "paused" else "Cancel", job)
        self.assertEqual(state, self.state(job))
        return job, runner


class SlowTest(Asked, ForebayTest):
    """Runs that take a while; no job is left by a test."""

    engines = ("auto",)

    @classmethod
    def warm_up(cls, client):
        buffer = Asked().make_buffer(client)
        client.call(JOB + "Save", {"context": {"buffer": buffer, "path": "warm"}})
        client.call(BUFFER + "Free", {"id": buffer})
        if os.geteuid() == 0:
            with cls.daemon.client(uid=65534) as other:
                other.call(BUFFER + "Free", {"id": Asked().make_buffer(other)})

    def setUp(self):
        super().setUp()
        self.buffer = self.make_buffer(self.client)

    def tearDown(self):
        for reply in list(self.client.more(JOB + "List")):
            if not reply:
                continue
            job = reply["id"]
            if self.state(job) != "finished":
                call_verb(self.client, "Cancel", job)
            wait_until(lambda job=job: self.state(job) == "finished", "it is over")
            call_verb(self.client, "Dismiss", job)
        super().tearDown()


class Verbs(SlowTest):
    @classmethod
    def setUpClass(cls):
        cls.shared = tempfile.mkdtemp()
        os.chmod(cls.shared, 0o711)
        cls.daemon_options = {
            "faults": "write(slow):delay=400ms",
            "config": f"[store users]\npath = {cls.shared}/users\nperUser = yes\n"}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.shared, ignore_errors=True)

    @contextlib.contextmanager
    def cell(self, verb, state, **context):
        with self.subTest(verb=verb, state=state), contextlib.ExitStack() as stack:
            job, runner = self.in_state(state, stack, **context)
            yield job, runner
        self.no_temporaries()

    def check_run(self, verb, job, runner):
        """How the run ended that went on when it was asked."""
        reply = runner.receive()
        run = reply.parameters["run"]
        if verb in ("Cancel", "CancelRun"):
            self.assertEqual((JOB + "RunFailed", "canceled"), (reply.error, run["result"]))
            self.assertFalse(pathlib.Path(run.get("path", "/nowhere")).exists())
        else:
            self.assertEqual((None, "done"), (reply.error, run["result"]))
            self.assertEqual(CONTENT, pathlib.Path(run["path"]).read_bytes())
        return run

    def check_cell(self, verb, state, after, job, runner):
        runs = 1 if state == "running" else 0
        if after == REFUSED:
            with self.fails(JOB + REFUSED, id=job, state=state):
                call_verb(self.client, verb, job)
            after = "waiting" if state == "running" else state
            reply = None
        else:
            reply = call_verb(self.client, verb, job)
        if verb == "Run" and reply:
            runs += 1
            self.assertEqual((1, "done"), (reply["run"]["run"], reply["run"]["result"]))
        elif reply is not None:
            wanted = {"wasRunning": state == "running"} if verb.startswith("Cancel") else {}
            self.assertEqual(wanted, reply)
        if runner:
            run = self.check_run(verb, job, runner)
            self.assertEqual(1, run["run"])
        wait_until(lambda: self.state(job) == after, f"it is {after} in the end")
        if after == "gone":
            self.assertEqual([{}], list(self.client.more(JOB + "List")))
            return
        runtime = self.client.call(JOB + "Describe", {"id": job})["runtime"]
        self.assertEqual(runs, runtime["runs"])
        self.assertEqual([runs] if runs else [], [run["run"] for run in self.history(job)])
        if after == "finished" and runs:
            self.assertEqual("canceled", runtime["lastResult"])
        self.assertNotIn("fault", runtime)
        call_verb(self.client, "Dismiss" if after == "finished" else "Cancel", job)
        if after != "finished":
            call_verb(self.client, "Dismiss", job)

    def test_each_verb_in_each_state(self):
        self.assertEqual(24, len(CELLS))
        for verb, state, after in CELLS:
            with self.cell(verb, state) as (job, runner):
                self.check_cell(verb, state, after, job, runner)

    def test_a_job_that_runs_obeys_the_last_wish(self):
        for verbs, after in ((("Pause", "Cancel"), "finished"), (("Pause", "CancelRun"), "paused"),
                             (("Pause", "Resume"), "paused"), (("Cancel", "Pause"), "finished"),
                             (("CancelRun", "Cancel"), "finished")):
            with self.cell(" ".join(verbs), "running") as (job, runner):
                for verb in verbs:
                    # The run may be over by then, and the job finished with it.
                    with contextlib.suppress(VarlinkError):
                        call_verb(self.client, verb, job)
                runner.receive()
                wait_until(lambda: self.state(job) == after, f"it is {after} in the end")

    def test_a_run_of_a_paused_job_can_be_steered_too(self):
        for verb, after in (("Cancel", "finished"), ("CancelRun", "paused"), ("Pause", "paused"),
                            ("Resume", "paused")):
            with self.cell(verb, "paused", path="slow") as (job, _):
                with self.daemon.client() as runner:
                    runner.send(JOB + "Run", {"id": job})
                    wait_until(lambda: self.state(job) == "running", "it runs")
                    call_verb(self.client, verb, job)
                    self.check_run(verb, job, runner)
                wait_until(lambda: self.state(job) == after, f"it is {after} in the end")

    def test_nobody_else_may_ask_and_root_may(self):
        self.root_only()
        other = self.connect(uid=65534)
        buffer = self.make_buffer(other)
        for verb, state, after in CELLS:
            with self.cell(verb, state, name="mine") as (job, runner):
                for text in (job, "mine"):
                    with self.fails(JOB + "NoSuchJob", id=text):
                        call_verb(other, verb, text)
                self.assertEqual(state, self.state(job))
                call_verb(self.client, "Dismiss" if state == "finished" else "Cancel", job)
                if runner:
                    runner.receive()
                if state != "finished":
                    wait_until(lambda: self.state(job) == "finished", "it is over")
                    call_verb(self.client, "Dismiss", job)
        theirs = other.call(JOB + "Create", {"context": {
            "buffer": buffer, "path": "theirs", "store": "users", "name": "theirs"}})["id"]
        with self.fails(JOB + "NoSuchJob", id="theirs"):
            call_verb(self.client, "Pause", "theirs")
        run = call_verb(self.client, "Run", theirs)["run"]
        self.assertEqual("done", run["result"])
        self.assertEqual(65534, os.stat(run["path"]).st_uid)
        for verb, after in (("Pause", "paused"), ("Resume", "waiting"), ("Cancel", "finished"),
                            ("Dismiss", "gone")):
            call_verb(self.client, verb, theirs)
            self.assertEqual(after, self.state(theirs, other))
        other.call(BUFFER + "Free", {"id": buffer})


class MadeAnew(SlowTest):
    """Create with replace, or the end of its memory, while a job runs or waits for its turn."""

    daemon_options = {"faults": "write(slow):delay=600ms"}
    RUNS_AT_ONCE = 32

    def replace(self, **context):
        return self.client.call(JOB + "Create", {"replace": True, "context": {
            "buffer": self.buffer, "name": "anew", **context}})["id"]

    def test_a_run_ends_by_the_context_that_it_began_with(self):
        job = self.replace(path="slow-before", onlyIfChanged=True, mode="0600")
        with self.daemon.client() as runner:
            runner.send(JOB + "Run", {"id": job})
            wait_until(lambda: self.state(job) == "running", "it runs")
            self.assertEqual(job, self.replace(path="after", onlyIfChanged=True, open="exclusive"))
            self.assertEqual("running", self.state(job))
            run = runner.receive().parameters["run"]
        self.assertEqual((1, str(self.daemon.file("slow-before"))), (run["run"], run["path"]))
        self.assertEqual(0o600, self.daemon.file("slow-before").stat().st_mode & 0o777)
        # The new one has no file yet, whatever the old one wrote.
        run = call_verb(self.client, "Run", job)["run"]
        self.assertEqual((2, "done", str(self.daemon.file("after"))),
                         (run["run"], run["result"], run["path"]))

    def test_runs_do_not_overlap_where_one_was_missed_meanwhile(self):
        schedule = {"everyUSec": 50_000}
        job = self.replace(path="slow-{run}", schedule=schedule)
        for _ in range(3):
            wait_until(lambda: self.state(job) == "running", "it runs")
            skips = self.describe(job)["skips"]
            wait_until(lambda: self.describe(job)["skips"] > skips, "a time was missed")
            self.replace(path="slow-{run}", schedule=schedule)
            wait_until(lambda runs=self.describe(job)["runs"]: self.describe(job)["runs"] > runs,
                       "the next run")
        call_verb(self.client, "Pause", job)
        wait_until(lambda: self.state(job) == "paused", "it is paused")
        runs = self.history(job)
        self.assertEqual(list(range(len(runs), 0, -1)), [run["run"] for run in runs])
        for later, earlier in zip(runs, runs[1:]):
            self.assertGreaterEqual(later["startUSec"], earlier["endUSec"])

    def describe(self, job):
        return self.client.call(JOB + "Describe", {"id": job})["runtime"]

    def waiting_for_its_turn(self, stack, job):
        """The connection that has asked for a run, with as many going on as there may be."""
        others = [self.create("slow") for _ in range(self.RUNS_AT_ONCE)]
        for other in others:
            stack.enter_context(self.daemon.client()).send(JOB + "Run", {"id": other})
        wait_until(lambda: self.state(others[-1]) == "running", "all run")
        runner = stack.enter_context(self.daemon.client())
        runner.send(JOB + "Run", {"id": job})
        return runner

    def test_who_waits_for_its_turn_gets_a_run_of_the_new_context(self):
        job = self.replace(path="old")
        with contextlib.ExitStack() as stack:
            runner = self.waiting_for_its_turn(stack, job)
            self.client.call(DAEMON + "Ping")
            self.replace(path="new")
            run = runner.receive().parameters["run"]
        self.assertEqual(("done", str(self.daemon.file("new"))), (run["result"], run["path"]))

    def test_who_waits_for_its_turn_hears_that_the_memory_is_gone(self):
        self.client.call(POOL + "Create", {"context": {"name": "doomed", "sizeBytes": MIB}})
        buffer = self.client.call(BUFFER + "From", {"data": "x", "pool": "doomed"})["buffer"]["id"]
        job = self.replace(path="doomed", buffer=buffer)
        with contextlib.ExitStack() as stack:
            runner = self.waiting_for_its_turn(stack, job)
            self.client.call(DAEMON + "Ping")
            self.client.call(POOL + "Destroy", {"name": "doomed", "force": True})
            self.assertEqual(JOB + "RunFailed", runner.receive().error)
        self.assertEqual("paused", self.state(job))


class Answers(Asked, unittest.TestCase):
    """Nothing that was answered is lost."""

    engines = None
    engine = "auto"

    def setUp(self):
        self.daemon = Daemon(engine=self.engine, faults="write(slow):delay=400ms").start()
        self.addCleanup(self.daemon.remove)
        self.addCleanup(self.daemon.kill, remove=False)
        self.begin()

    def begin(self):
        self.client = self.daemon.client()
        self.addCleanup(self.client.close)
        self.buffer = self.make_buffer(self.client)

    def row_state(self, job):
        rows = read_rows(self.daemon, "SELECT state FROM job WHERE id = ?", row_id(job))
        return rows[0][0] if rows else "gone"

    def test_an_answer_waits_for_its_row(self):
        changes = [(verb, state) for verb, state, after in CELLS
                   if after not in (REFUSED, state) and (verb, state) != ("Resume", "running")]
        changes.append(("Run", "waiting"))
        for verb, state in changes:
            with self.subTest(verb=verb, state=state), contextlib.ExitStack() as stack:
                job, runner = self.in_state(state, stack)
                held = stack.enter_context(Held(self.daemon))
                asking = stack.enter_context(self.daemon.client())
                asking.send(*encode(verb, job))
                if verb == "CancelRun":
                    # It promises nothing that a row has to say.
                    self.assertEqual({"wasRunning": True}, asking.receive(5).parameters)
                else:
                    with self.assertRaises(TimeoutError):
                        asking.receive(0.25)
                if runner:
                    with self.assertRaises(TimeoutError):
                        runner.receive(0.25)
                # The loop serves everybody else meanwhile.
                self.client.call(DAEMON + "Ping", timeout=5)
                held.release()
                if verb != "CancelRun":
                    self.assertIsNone(asking.receive().error)
                if runner:
                    runner.receive()

    def test_a_run_that_writes_nothing_waits_for_its_row_too(self):
        job = self.create(onlyIfChanged=True)
        self.assertEqual("done", call_verb(self.client, "Run", job)["run"]["result"])
        with self.daemon.client() as asking:
            with Held(self.daemon):
                asking.send(*encode("Run", job))
                with self.assertRaises(TimeoutError):
                    asking.receive(0.25)
            run = asking.receive().parameters["run"]
        self.assertEqual((2, "skipped"), (run["run"], run["result"]))
        self.daemon.kill(remove=False)
        self.daemon.start()
        self.begin()
        self.assertEqual(run, self.history(job)[0])

    def subscribe(self, job=None):
        client = self.daemon.client()
        self.addCleanup(client.close)
        client.send(JOB + "SubscribeEvents", {"id": job} if job else {}, more=True)
        self.assertTrue(client.receive().parameters["ready"])
        return client

    @staticmethod
    def next_events(watching, count):
        """The next ones that are no progress."""
        events = []
        while len(events) < count:
            event = watching.receive().parameters
            if event["event"] != "progress":
                events.append(event)
        return events

    def test_a_result_is_told_with_its_row_and_not_before(self):
        job = self.create(path="at-once", onlyIfChanged=True)
        run = call_verb(self.client, "Run", job)["run"]
        for result in ("skipped", "done"):
            with self.subTest(result=result), contextlib.ExitStack() as stack:
                if result == "done":
                    pathlib.Path(run["path"]).unlink()
                watching = [self.subscribe(job), self.subscribe()]
                held = stack.enter_context(Held(self.daemon))
                asking = stack.enter_context(self.daemon.client())
                asking.send(*encode("Run", job))
                for client in watching:
                    (event,) = self.next_events(client, 1)
                    self.assertEqual(("state", "running"),
                                     (event["event"], event["runtime"]["state"]))
                    with self.assertRaises(TimeoutError):
                        client.receive(0.25)
                self.client.call(DAEMON + "Ping", timeout=5)
                held.release()
                told = asking.receive().parameters["run"]
                self.assertEqual(result, told["result"])
                for client in watching:
                    over, after = self.next_events(client, 2)
                    self.assertEqual(("result", told, "running"), (
                        over["event"], over["run"], over["runtime"]["state"]))
                    self.assertEqual(("state", "waiting", told["run"]), (
                        after["event"], after["runtime"]["state"], after["runtime"]["lastRun"]))

    def begins_a_run(self, job):
        with self.daemon.client() as asking:
            asking.send(*encode("Run", job))
            for _ in range(2):
                self.client.call(DAEMON + "Ping")   # a refusal is on its way by then
            try:
                reply = asking.receive(0.05)
            except TimeoutError:
                return True                 # it waits for its row
            self.assertEqual(JOB + "WrongState", reply.error)
            return False

    def test_results_that_waited_together_are_told_in_their_order(self):
        job = self.create(onlyIfChanged=True)
        call_verb(self.client, "Run", job)
        watching = self.subscribe(job)
        with Held(self.daemon):
            for _ in range(3):
                # Nobody is told that a run is over; but then another begins.
                wait_until(lambda: self.begins_a_run(job), "the one before is over")
        told = [(event["event"], event["runtime"]["state"], event.get("run", {}).get("run"))
                for event in self.next_events(watching, 9)]
        self.assertEqual([row for number in (2, 3, 4) for row in (
            ("state", "running", None), ("result", "running", number),
            ("state", "waiting", None))], told)

    def test_a_result_that_was_told_holds_after_a_kill(self):
        for _ in range(5):
            job = self.create()
            watching = self.subscribe(job)
            with self.daemon.client() as asking:
                asking.send(*encode("Run", job))
                run = self.next_events(watching, 2)[1]["run"]
                self.daemon.kill(remove=False)
            self.daemon.start()
            self.begin()
            self.assertEqual([run], self.history(job))
        watching = self.subscribe()
        # Its row is gone by then: that of its result is its removal.
        self.client.send(JOB + "Save", {"context": {"buffer": self.buffer, "path": "saved"}})
        while self.next_events(watching, 1)[0]["event"] != "result":
            pass
        before = len(read_rows(self.daemon, "SELECT id FROM job"))
        self.daemon.kill(remove=False)
        self.assertEqual((5, 5), (before, len(read_rows(self.daemon, "SELECT id FROM job"))))
        self.assertEqual(CONTENT, self.daemon.file("saved").read_bytes())
        self.daemon.start()

    def test_a_file_that_is_written_in_place_waits_for_the_row_of_its_run(self):
        for mode in ("append", "truncate"):
            with self.subTest(open=mode), contextlib.ExitStack() as stack:
                job = self.create(path=mode, open=mode)
                path = self.client.call(JOB + "Describe", {"id": job})["context"]["path"]
                held = stack.enter_context(Held(self.daemon))
                asking = stack.enter_context(self.daemon.client())
                asking.send(JOB + "Run", {"id": job})
                with self.assertRaises(TimeoutError):
                    asking.receive(0.3)
                self.assertFalse(self.daemon.file(path).exists())
                # It can be stopped meanwhile, and then nothing is written.
                if mode == "truncate":
                    stack.enter_context(self.daemon.client()).send(*encode("CancelRun", job))
                    wait_until(lambda job=job: self.state(job) == "running", "it is still there")
                held.release()
                reply = asking.receive()
                self.assertEqual("done" if mode == "append" else "canceled",
                                 reply.parameters["run"]["result"])
                self.assertEqual(mode == "append", self.daemon.file(path).exists())

    def test_who_leaves_while_the_catalogue_is_slow_changes_nothing(self):
        for verb, state, after in (("Pause", "waiting", "paused"), ("Cancel", "waiting", "finished"),
                                   ("Dismiss", "finished", "gone"), ("Run", "waiting", "waiting")):
            with self.subTest(verb=verb), contextlib.ExitStack() as stack:
                job, _ = self.in_state(state, stack)
                with Held(self.daemon):
                    with self.daemon.client() as asking:
                        asking.send(*encode(verb, job))
                        with self.assertRaises(TimeoutError):
                            asking.receive(0.1)
                wait_until(lambda: self.client.call(DAEMON + "Describe")["usage"]["connections"]
                           == 1, "the daemon knows that it has gone")
                wait_until(lambda: self.state(job) == after, after)
                if verb == "Run":
                    wait_until(lambda: [run.get("result") for run in self.history(job)]
                               == ["done"], "history has its run")

    def test_what_was_answered_holds_after_a_kill(self):
        for verb, state, after in CELLS:
            if after == REFUSED:
                continue
            with self.subTest(verb=verb, state=state), contextlib.ExitStack() as stack:
                job, runner = self.in_state(state, stack, name="kept")
                reply = call_verb(self.client, verb, job)
                self.daemon.kill(remove=False)
                if runner and verb in PROMISED:
                    after = PROMISED[verb]
                elif runner:
                    # What it was, unless the run was over before the kill.
                    after = "running" if self.row_state(job) == "running" else after
                self.assertEqual(after, self.row_state(job))
                self.daemon.start()
                self.begin()
                # Without its memory what could run again is paused.
                self.assertEqual(after if after in ("finished", "gone") else "paused",
                                 self.state(job))
                if after == "gone":
                    self.assertEqual([], read_rows(self.daemon, "SELECT * FROM run"))
                    continue
                self.check_history(verb, job, runner, reply)
                if after != "finished":
                    call_verb(self.client, "Cancel", job)
                call_verb(self.client, "Dismiss", job)

    def check_history(self, verb, job, runner, reply):
        history = self.history(job)
        if verb == "Run":
            self.assertEqual([reply["run"]], history)
            self.assertEqual(CONTENT, pathlib.Path(reply["run"]["path"]).read_bytes())
        elif not runner:
            self.assertEqual([], history)
        elif not history:
            # Nobody was told of that run; what these answer asks nothing of the catalogue.
            self.assertIn(verb, ("Resume", "CancelRun"))
        else:
            (run,) = history
            self.assertIn(run["result"], ("failed", "canceled", "done"))
            if run["result"] == "failed":
                self.assertEqual(("restart", "ECANCELED"), (run["fault"]["operation"],
                                                            run["fault"]["errnoName"]))

    def test_a_save_that_was_answered_leaves_no_job_and_one_cut_off_a_finished_one(self):
        for _ in range(5):
            self.client.call(JOB + "Save", {"context": {"buffer": self.buffer, "path": "saved"}})
            self.daemon.kill(remove=False)
            self.assertEqual([], read_rows(self.daemon, "SELECT id FROM job"))
            self.assertEqual(CONTENT, self.daemon.file("saved").read_bytes())
            self.daemon.start()
            self.begin()
        self.client.send(JOB + "Save", {"context": {"buffer": self.buffer, "path": "slow"}})
        # There is a temporary once the row of its run is there.
        wait_until(lambda: any(".forebay-" in name for name in self.daemon.files()), "it runs")
        with self.daemon.client() as other:
            (job,) = [reply["id"] for reply in other.more(JOB + "List")]
        self.daemon.kill(remove=False)
        self.daemon.start()
        self.begin()
        self.assertEqual("finished", self.state(job))
        self.assertEqual(["failed"], [run["result"] for run in self.history(job)])
        call_verb(self.client, "Dismiss", job)

    def refused_by_the_catalogue(self, method, parameters):
        self.client.send(method, parameters)
        reply = self.client.receive()
        self.assertEqual(("io.systemd.System", "EEXIST"),
                         (reply.error, reply.parameters.get("errnoName")))

    def test_a_catalogue_that_cannot_be_written_is_told_and_nothing_hangs(self):
        jobs = {verb: self.create() for verb in ("Pause", "Resume", "Cancel", "Dismiss", "Run")}
        call_verb(self.client, "Pause", jobs["Resume"])
        call_verb(self.client, "Cancel", jobs["Dismiss"])
        watching = self.subscribe(jobs["Run"])
        with contextlib.closing(open_catalogue(self.daemon)) as database:
            for move in ("INSERT", "UPDATE", "DELETE"):
                database.execute(f"CREATE TRIGGER full_{move} BEFORE {move} ON job BEGIN "
                                 "SELECT RAISE(ABORT, 'no room'); END")
            for verb, job in jobs.items():
                with self.subTest(verb=verb):
                    if verb == "Run":
                        # The file is there, and safe; that history lacks it is logged.
                        self.assertEqual("done", call_verb(self.client, verb, job)
                                         ["run"]["result"])
                        self.assertEqual(["state", "result", "state"], [
                            event["event"] for event in self.next_events(watching, 3)])
                        continue
                    self.refused_by_the_catalogue(*encode(verb, job))
            self.refused_by_the_catalogue(JOB + "Create", {"context": {
                "buffer": self.buffer, "path": "new", "name": "new"}})
            self.assertEqual("gone", self.state("new"))
            for move in ("INSERT", "UPDATE", "DELETE"):
                database.execute(f"DROP TRIGGER full_{move}")
        self.assertIn("a run is not in the catalogue", self.daemon.log())
        # What comes later is written, and what was asked for meanwhile with it.
        self.assertEqual("paused", self.state(jobs["Pause"]))
        call_verb(self.client, "Run", jobs["Pause"])
        self.daemon.kill(remove=False)
        self.assertEqual("paused", self.row_state(jobs["Pause"]))


if __name__ == "__main__":
    main()
