#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon killed again and again under fifty busy jobs, and what is there afterwards.

	job_kill.py [KILLS [SEED]]	a hundred, from seed 1, if not said otherwise

Whatever was answered must hold: a job that was made is there under its id, a run that was told
as done is in history as done and its file is right, a job that was finished or dismissed is.
History is the truth about the files, no file is torn, and no temporary stays.
"""

import base64
import gzip
import hashlib
import pathlib
import random
import re
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from harness import BUFFER, JOB, Closed, ForebayTest, VarlinkError, main, wait_until  # noqa: E402

KILLS, SEED = 100, 1
JOBS = 50

# How a call ends whose daemon is killed.
GONE = (Closed, OSError)
KINDS = ("replace", "gzip", "numbered", "changed", "append", "crowded")


def content(job, version):
    """Says what it is, and carries its own checksum."""
    body = f"{job} {version} ".encode() * 400
    return body + hashlib.sha256(body).hexdigest().encode()


def version_of(job, data):
    """Which version it is; an error if it is none, whole and of this job."""
    found = re.match(rb"(\S+) (\d+) ", data)
    assert found and found[1].decode() == job and data == content(job, int(found[2])), (
        f"{job} has a torn file of {len(data)} bytes: {data[:40]!r}")
    return int(found[2])


class Known:
    """What the daemon has said of one job."""

    def __init__(self, name, kind):
        self.name, self.kind = name, kind
        self.id = None
        self.version = 0
        self.done = {}          # run: its record as it was told
        self.most_runs = 0

    def context(self, buffer):
        context = {"name": self.name, "buffer": buffer, "path": f"{self.name}/file",
                   "schedule": {"everyUSec": 20_000}, "checksum": "sha256",
                   "retries": 2, "retryDelayUSec": 10_000}
        if self.kind == "gzip":
            context["steps"] = [{"name": "gzip"}]
        elif self.kind == "numbered":
            context.update(path=f"{self.name}/{{run}}", open="exclusive")
        elif self.kind == "changed":
            context["onlyIfChanged"] = True
        elif self.kind == "append":
            context.update(open="append", checksum="none")
        elif self.kind == "crowded":
            context.update(path=f"{self.name}/{{run}}", retention={"keepLast": 3})
        return context


class Kills(ForebayTest):
    def setUp(self):
        super().setUp()
        self.random = random.Random(SEED)
        self.jobs = [Known(f"job{number:02}", KINDS[number % len(KINDS)])
                     for number in range(JOBS)]
        self.root = pathlib.Path(self.daemon.store)
        self.failures = []

    # ---- before the kill

    def put(self, client, known):
        """A buffer with the next version, and the job that keeps it: made, or taken over."""
        known.version += 1
        buffer = client.call(BUFFER + "From", {
            "data": base64.b64encode(content(known.name, known.version)).decode(),
            "encoding": "base64"})["buffer"]["id"]
        made = client.call(JOB + "Create", {"context": known.context(buffer), "replace": True})
        if known.id is not None:
            assert made["id"] == known.id, f"{known.name} was {known.id} and is {made['id']}"
        known.id = made["id"]

    def ask(self, known, choice):
        """Verbs and runs, until the daemon is gone; what is answered is kept."""
        try:
            with self.daemon.client() as client:
                while True:
                    what = choice.random()
                    if what < 0.6:
                        try:
                            run = client.call(JOB + "Run", {"id": known.id})["run"]
                            known.done[run["run"]] = run
                        except VarlinkError as error:
                            assert error.name in (JOB + "RunFailed", JOB + "WrongState"), error
                    elif what < 0.8:
                        client.call(JOB + "Pause", {"id": known.id})
                        time.sleep(choice.random() * 0.02)
                    else:
                        client.call(JOB + "Resume", {"id": known.id})
        except GONE:
            pass
        except BaseException as error:
            self.failures.append(error)

    def kill_once(self):
        with self.daemon.client() as client:
            for known in self.jobs:
                self.put(client, known)
        askers = [threading.Thread(target=self.ask, args=(known, random.Random(self.random.random())))
                  for known in self.random.sample(self.jobs, 6)]
        for asker in askers:
            asker.start()
        time.sleep(self.random.random() * 0.25)
        self.daemon.kill(remove=False)
        for asker in askers:
            asker.join()
        if self.failures:
            raise self.failures[0]
        self.daemon.start()
        wait_until(lambda: not [name for name in self.daemon.files() if ".forebay" in name],
                   "temporaries are swept")
        with self.daemon.client() as client:
            for known in self.jobs:
                self.check(client, known)

    # ---- after it

    def check(self, client, known):
        told = client.call(JOB + "Describe", {"id": known.name})
        runtime = told["runtime"]
        # Its memory is gone.
        assert runtime["state"] == "paused", (known.name, runtime)
        assert runtime["runs"] >= known.most_runs, f"{known.name} counts backwards"
        known.most_runs = runtime["runs"]
        history = [reply["run"] for reply in client.more(
            JOB + "History", {"id": known.name, "limit": 1000}) if reply]
        numbers = [run["run"] for run in history]
        assert numbers == sorted(set(numbers), reverse=True), f"{known.name}: {numbers}"
        assert not numbers or numbers[0] <= runtime["runs"], (known.name, numbers[0], runtime)
        records = {run["run"]: run for run in history}
        for number, run in known.done.items():
            if number in records:
                assert records[number] == run, (known.name, run, records[number])
            else:
                assert len(history) == 1000, f"{known.name} has lost its run {number}"
        for run in history:
            assert run.get("result"), f"{known.name}: run {run['run']} has no end"
            if run["result"] == "failed":
                assert run["fault"]["operation"] == "restart", run
        self.check_files(known, history)

    def check_files(self, known, history):
        folder = self.root / known.name
        files = {path: path.read_bytes() for path in folder.iterdir()} if folder.exists() else {}
        done = [run for run in history if run["result"] == "done"]
        unseen = {run["run"] for run in history if run["result"] == "failed"}
        if known.kind == "append":
            self.check_appended(known, b"".join(files.values()), done, unseen)
            return
        for path, data in files.items():
            version_of(known.name, gzip.decompress(data) if known.kind == "gzip" else data)
        if known.kind in ("numbered", "crowded"):
            there = {int(path.name) for path in files}
            # A file whose run nobody saw the end of is one that was cut off.
            assert there <= {run["run"] for run in done} | unseen, (known.name, there)
            kept = done if known.kind == "numbered" else done[:1]
            for run in kept:
                assert run["run"] in there, f"{known.name}: the file of run {run['run']} is gone"
                data = files[folder / str(run["run"])]
                assert run["digest"] == "sha256:" + hashlib.sha256(data).hexdigest(), run
        elif done:
            newest = done[0]
            digests = {"sha256:" + hashlib.sha256(data).hexdigest() for data in files.values()}
            later = [number for number in unseen if number > newest["run"]]
            assert newest["digest"] in digests or later, (known.name, newest, digests)

    def check_appended(self, known, data, done, unseen):
        """One piece after the other; those of runs that were cut off may be, too."""
        whole = 0
        for version in range(1, known.version + 1):
            piece = content(known.name, version)
            whole += data.count(piece)
            data = data.replace(piece, b"\0")
        assert whole >= len(done), f"{known.name}: {whole} pieces of {len(done)} runs"
        cut = [piece for piece in data.split(b"\0") if piece]
        assert len(cut) <= len(unseen), f"{known.name}: {len(cut)} pieces are torn"

    def test_what_was_answered_holds_after_any_kill(self):
        print(f"seed {SEED} ", end="", flush=True)
        for _ in range(KILLS):
            self.kill_once()
        runs = sum(known.most_runs for known in self.jobs)
        answered = sum(len(known.done) for known in self.jobs)
        print(f"{KILLS} kills, {runs} runs, {answered} of them answered ", end="", flush=True)
        self.assertGreater(answered, KILLS)

    def test_what_ended_just_before_a_kill_has_ended(self):
        dismissed, finished = self.jobs[:2]
        with self.daemon.client() as client:
            for known in (dismissed, finished):
                self.put(client, known)
                client.call(JOB + "Cancel", {"id": known.name})
            client.call(JOB + "Dismiss", {"id": dismissed.name})
        self.daemon.kill(remove=False)
        self.daemon.start()
        with self.daemon.client() as client:
            with self.fails(JOB + "NoSuchJob"):
                client.call(JOB + "Describe", {"id": dismissed.name})
            state = client.call(JOB + "Describe", {"id": finished.name})["runtime"]["state"]
            self.assertEqual("finished", state)
            client.call(JOB + "Dismiss", {"id": finished.name})


if __name__ == "__main__":
    if sys.argv[1:2] and sys.argv[1].isdigit():
        KILLS = int(sys.argv.pop(1))
    if sys.argv[1:2] and sys.argv[1].isdigit():
        SEED = int(sys.argv.pop(1))
    main()
