#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""forebayctl save and job: what people see of jobs, what programs do, and the exit statuses."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

from ctl import FAILED, NO_DAEMON, REFUSED, TIMED_OUT, USAGE, CtlTest
from harness import BUFFER, FOREBAYCTL, JOB, main, wait_until

FAR = "2099-01-02 03:04:05"
FAR_USEC = 4071006245000000


class CtlJobsTest(CtlTest):
    @classmethod
    def warm_up(cls, client):
        buffer = client.call(BUFFER + "Alloc", {"length": 4096})["buffer"]["id"]
        client.call(JOB + "Save", {"context": {"buffer": buffer, "path": "warm"}})
        client.call(BUFFER + "Free", {"id": buffer})
        cls.daemon.file("warm").unlink()

    def setUp(self):
        super().setUp()
        self.buffer = self.text("buffer", "from", "--text", "what is to be kept")

    def tearDown(self):
        for job in [reply["id"] for reply in self.client.more(JOB + "List") if reply]:
            if self.shown(job)["runtime"]["state"] != "finished":
                self.client.call(JOB + "Cancel", {"id": job})
                wait_until(lambda: self.shown(job)["runtime"]["state"] == "finished", "finished")
            self.client.call(JOB + "Dismiss", {"id": job})
        super().tearDown()

    def text(self, *words, **options):
        """What is printed, in UTC."""
        return self.run_ctl(*words, TZ="UTC", LC_ALL="C", **options).decode().strip()

    def add(self, path="kept", *words, **options):
        return self.text("job", "add", self.buffer, path, *words, **options)

    def shown(self, job):
        return self.client.call(JOB + "Describe", {"id": job})

    def table(self, *words):
        """The rows of a table, each by its headings."""
        lines = self.text(*words).splitlines()
        names = re.split(r"  +", lines[0].strip())
        rows = [re.split(r"  +", line.strip()) for line in lines[1:]]
        for row in rows:
            self.assertEqual(len(names), len(row), lines)
        return [dict(zip(names, row)) for row in rows]

    def lines(self, job):
        """What `job show` has, by its labels."""
        return dict(re.match(r"(.{10}) (.*)", line).groups()
                    for line in self.text("job", "show", job).splitlines())

    def line(self, job, label):
        return self.lines(job).get(f"{label:10}")


class Verbs(CtlJobsTest):
    def test_from_the_first_to_the_last(self):
        path = self.text("save", self.buffer, "saved", "--checksum", "sha256")
        self.assertEqual("what is to be kept", pathlib.Path(path).read_text())
        job = self.add("{job}/{run}", "--name", "keeper", "--every", "1d", "--keep", "2",
                       "--label", "a=b")
        self.assertEqual(job, self.add("{job}/{run}", "--name", "keeper", "--replace"))
        self.assertEqual(str(self.daemon.file("keeper/1")), self.text("job", "run", "keeper"))
        self.assertEqual("", self.error_text)
        self.assertEqual("", self.text("job", "pause", job))
        self.assertEqual("paused", self.json_lines("job", "show", job)[0]["runtime"]["state"])
        self.text("job", "resume", job)
        self.assertEqual("done", self.table("job", "history", job, "--limit", "1")[0]["RESULT"])
        self.text("job", "cancel", job, "--run-only", status=REFUSED)
        self.assertIn("WrongState", self.error_text)
        self.text("job", "dismiss", job, status=REFUSED)
        self.text("job", "cancel", job)
        self.text("job", "dismiss", job)
        self.text("job", "show", job, status=REFUSED)

    def test_nobody_has_that_job_and_nobody_is_there(self):
        for verb in ("show", "run", "pause", "resume", "cancel", "dismiss", "history"):
            with self.subTest(verb=verb):
                self.text("job", verb, "nobody", status=REFUSED)
                self.assertIn("NoSuchJob: id nobody", self.error_text)
                self.text("job", verb, "nobody", status=NO_DAEMON,
                          socket_path=f"{self.daemon.directory}/none")
                self.text("job", verb, status=USAGE)
        self.assertEqual("", self.text("job", "list"))
        self.text("job", "history", self.add(), "--limit", "0", status=REFUSED)

    def test_what_cannot_be_is_refused_with_its_name(self):
        for words, status, part in (
                (("--calendar", "no such day"), REFUSED, "context.schedule.calendar"),
                (("--every", "1ms"), REFUSED, "context.schedule.everyUSec"),
                (("--keep", "0"), REFUSED, "context.retention.keepLast"),
                (("--at", "yesterday"), USAGE, '--at: "yesterday" is no time'),
                (("--missed", "twice"), USAGE, "--missed"),
                (("--every", "often"), USAGE, "--every")):
            with self.subTest(words=words):
                self.add("kept", *words, status=status)
                self.assertIn(part, self.error_text)
        self.text("save", self.buffer, "../outside", status=REFUSED)
        self.assertIn("PathRefused", self.error_text)
        self.text("save", self.buffer, "x", "--every", "1d", status=USAGE)

    def test_every_field_has_its_flag(self):
        job = self.add("all-{run}", "--offset", "5", "--length", "2", "--store", "default",
                       "--open", "exclusive", "--mode", "0600", "--ack", "synced",
                       "--at", FAR + " UTC", "--after-usec", "7200000000",
                       "--every-usec", "3600000000", "--calendar", "daily", "--on-change",
                       "--jitter-usec", "1000000", "--settle-usec", "20000", "--missed", "skip",
                       "--consistency", "live", "--only-if-changed", "--steps", "gzip:3,zstd",
                       "--checksum", "sha256", "--side-file", "--keep-last", "4",
                       "--keep-usec", "5000000", "--maximum-bytes", "6000",
                       "--minimum-free-bytes", "7000", "--timeout-usec", "9000000",
                       "--retries", "3", "--retry-delay-usec", "4000000", "--auto-dismiss",
                       "--label", "a=b")
        context = self.shown(job)["context"]
        self.assertEqual(
            {"buffer": self.buffer, "offset": 5, "length": 2, "store": "default",
             "path": "all-{run}", "open": "exclusive", "mode": "0600", "ack": "synced",
             "schedule": {"atUSec": FAR_USEC, "afterUSec": 7200000000,
                          "everyUSec": 3600000000, "calendar": "daily", "onChange": True},
             "jitterUSec": 1000000, "settleUSec": 20000, "missed": "skip",
             "consistency": "live", "onlyIfChanged": True,
             "steps": [{"name": "gzip", "level": 3}, {"name": "zstd", "level": 3}],
             "checksum": "sha256", "sideFile": True,
             "retention": {"keepLast": 4, "keepUSec": 5000000, "maximumBytes": 6000,
                           "minimumFreeBytes": 7000},
             "timeoutUSec": 9000000, "retries": 3, "retryDelayUSec": 4000000,
             "autoDismiss": True, "labels": {"a": "b"}}, context)
        self.text("job", "cancel", job)
        short = self.add("short", "--after", "2h", "--every", "1h", "--jitter", "1s", "--settle",
                         "20ms", "--keep", "4", "--keep-for", "5s", "--keep-bytes", "6000",
                         "--keep-free", "7000", "--timeout", "9s", "--retry-delay", "4s",
                         "--compress", "gzip:3", "--at-usec", str(FAR_USEC))
        same = self.shown(short)["context"]
        for name in ("jitterUSec", "settleUSec", "retention", "timeoutUSec", "retryDelayUSec"):
            self.assertEqual(context[name], same[name])
        self.assertEqual({"atUSec": FAR_USEC, "afterUSec": 7200000000, "everyUSec": 3600000000},
                         same["schedule"])

    def test_what_has_not_changed_is_in_the_last_file(self):
        self.add("same-{run}", "--name", "same", "--only-if-changed")
        first = self.text("job", "run", "same")
        self.assertEqual(first, self.text("job", "run", "same"))
        self.assertEqual("skipped", self.json_lines("job", "run", "same")[0]["run"]["result"])

    def test_as_json_there_is_one_object_a_line_and_no_progress(self):
        (saved,) = self.json_lines("save", self.buffer, "saved")
        self.assertEqual(("done", 18), (saved["run"]["result"], saved["run"]["bytes"]))
        (made,) = self.json_lines("job", "add", self.buffer, "j", "--name", "j")
        (run,) = self.json_lines("job", "run", "j")
        self.assertEqual(str(self.daemon.file("j")), run["run"]["path"])
        self.assertEqual([made["id"]], [line["id"] for line in self.json_lines("job", "list")])
        self.assertEqual([run], self.json_lines("job", "history", "j"))
        self.assertEqual({"wasRunning": False}, self.json_lines("job", "cancel", "j")[0])
        self.run_ctl("job", "show", "none", "--json", status=REFUSED)
        self.assertEqual({"error": JOB + "NoSuchJob", "parameters": {"id": "none"}},
                         json.loads(self.error_text))

    def test_events_of_a_job_until_it_is_gone(self):
        job = self.add("watched")
        process = subprocess.Popen([FOREBAYCTL, "events", "--job", job], stdout=subprocess.PIPE,
                                   env={**os.environ, "FOREBAY_SOCKET": self.daemon.path})
        self.assertEqual(f"ready  {job}  waiting\n", process.stdout.readline().decode())
        self.text("job", "run", job)
        self.text("job", "cancel", job)
        self.text("job", "dismiss", job)
        out = process.communicate(timeout=60)[0].decode()
        self.assertEqual(0, process.returncode)
        self.assertIn(f"state  {job}  running", out)
        self.assertRegex(out, f"result  {job}  .*run 1  done  {self.daemon.file('watched')}")
        self.text("events", "--job", job, "--stream", "x", status=USAGE)

    def test_completion_knows_verbs_options_and_choices(self):
        def complete(*words):
            return self.run_ctl("--complete", *words).decode().split()
        self.assertEqual({"add", "list", "show", "run", "pause", "resume", "cancel", "dismiss",
                          "history", "test-schedule"}, set(complete("job", "")))
        self.assertEqual(["--keep", "--keep-last", "--keep-for", "--keep-usec", "--keep-bytes",
                          "--keep-free"], complete("job", "add", "--keep"))
        self.assertEqual(["skip", "once"], complete("job", "add", "--missed", ""))
        self.assertIn("save", complete("sa"))
        self.assertEqual(["--run-only"], complete("job", "cancel", "--run"))

    def test_completion_knows_jobs_by_their_names_or_else_their_ids(self):
        def complete(*words, **more):
            return self.run_ctl("--complete", *words, **more).decode().splitlines()
        for name in ("keep-a", "keep-b", "other", "a name", "$(id)", "-x", "a'b"):
            self.add("x", "--name", name)
        ids = {job["id"] for job in self.json_lines("job", "list")
               if job["context"]["name"] not in ("keep-a", "keep-b", "other")}
        ids.add(self.add("nameless"))
        self.assertEqual(5, len(ids))
        for verb in ("show", "run", "pause", "resume", "cancel", "dismiss", "history"):
            self.assertEqual({"keep-a", "keep-b", "other"} | ids, set(complete("job", verb, "")))
            self.assertEqual({"keep-a", "keep-b"}, set(complete("job", verb, "keep")))
        self.assertEqual(["other"], complete("events", "--job", "o"))
        self.assertEqual(["other"], complete("job", "history", "--limit", "3", "o"))
        self.assertEqual([], complete("job", "test-schedule", "o"))
        self.assertEqual([], complete("job", "show", "nothing"))
        nowhere = str(self.daemon.file("no-socket"))
        self.assertEqual([], complete("job", "show", "", socket_path=nowhere))
        for option in (("--socket", self.daemon.path), ("--socket=" + self.daemon.path,)):
            self.assertEqual(["other"], complete("job", "show", *option, "o",
                                                 socket_path=nowhere))


class OthersJobs(CtlJobsTest):
    """What root sees of them."""

    @classmethod
    def setUpClass(cls):
        if os.geteuid() != 0:
            cls.skipTest(cls, "needs root")
        cls.shared = tempfile.mkdtemp()
        os.chmod(cls.shared, 0o711)
        cls.daemon_options = {
            "config": f"[store users]\npath = {cls.shared}/users\nperUser = yes\n"}
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        shutil.rmtree(cls.shared, ignore_errors=True)

    @classmethod
    def warm_up(cls, client):
        super().warm_up(client)
        with cls.daemon.client(uid=65534) as other:
            buffer = other.call(BUFFER + "From", {"data": "warm"})["buffer"]["id"]
            other.call(BUFFER + "Free", {"id": buffer})

    def test_completion_has_them_by_their_ids_whatever_they_are_called(self):
        other = self.connect(uid=65534)
        buffer = other.call(BUFFER + "From", {"data": "theirs"})["buffer"]["id"]
        job = other.call(JOB + "Create", {"context": {
            "buffer": buffer, "path": "x", "store": "users", "name": "theirs"}})["id"]
        self.add("x", "--name", "mine")
        self.assertEqual({job, "mine"}, set(self.text("--complete", "job", "show",
                                                      "").splitlines()))
        self.client.call(JOB + "Cancel", {"id": job})
        other.call(BUFFER + "Free", {"id": buffer})


class Tables(CtlJobsTest):
    def test_the_list_says_when_next_and_how_it_went(self):
        job = self.add("{run}", "--name", "keeper", "--at", FAR + " UTC")
        part = self.add("part", "--offset", "5", "--length", "2")
        rest = self.add("rest", "--offset", "5")
        self.text("job", "run", "keeper")
        self.text("job", "pause", part)
        rows = {row["ID"]: row for row in self.table("job", "list")}
        ended = rows[job].pop("ENDED")
        self.assertRegex(ended, r"^(now|\d+(ms|s) ago|.*min.* ago)$")
        uid = str(os.getuid())
        self.assertEqual({"ID": job, "NAME": "keeper", "STATE": "waiting",
                          "NEXT": "2099-01-02 03:04", "LAST": "done", "RUNS": "1", "FAILED": "0",
                          "SKIPPED": "0", "SIZE": "18", "UID": uid, "PATH": "{run}"}, rows[job])
        self.assertEqual({"ID": part, "NAME": "-", "STATE": "paused", "NEXT": "-", "LAST": "-",
                          "ENDED": "-", "RUNS": "0", "FAILED": "0", "SKIPPED": "0", "SIZE": "2",
                          "UID": uid, "PATH": "part"}, rows[part])
        self.assertEqual("13", rows[rest]["SIZE"])

    def test_the_next_run_is_told_in_words(self):
        self.add("soon", "--name", "soon", "--after", "3h 30min")
        (row,) = self.table("job", "list")
        self.assertIn(row["NEXT"], ("in 3h 30min", "in 3h 29min"))

    def test_the_history_says_what_each_run_came_to(self):
        self.daemon.file("block").write_text("no directory")
        self.add("block/{run}", "--name", "blocked")
        self.text("job", "run", "blocked", status=FAILED)
        self.assertEqual("forebayctl: RunFailed: open: Not a directory\n", self.error_text)
        self.daemon.file("block").unlink()
        self.text("job", "run", "blocked")
        second, first = self.table("job", "history", "blocked")
        self.assertEqual(("2", "done", "18", "-", str(self.daemon.file("block/2"))),
                         tuple(second[name] for name in ("RUN", "RESULT", "BYTES", "FAULT",
                                                         "PATH")))
        self.assertEqual(("1", "failed", "0", "Not a directory", "-"),
                         tuple(first[name] for name in ("RUN", "RESULT", "BYTES", "FAULT",
                                                        "PATH")))
        self.assertRegex(second["BEGAN"], r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$")
        self.assertRegex(second["TOOK"], r"^(0|(\d+min )?(\d+s ?)?(\d+ms)?)$")

    def test_a_job_is_shown_by_lines(self):
        job = self.add("world/{run}", "--name", "world", "--at", FAR + " UTC", "--every", "1d",
                       "--offset", "5", "--only-if-changed", "--compress", "gzip:3",
                       "--checksum", "sha256", "--side-file", "--keep", "3", "--keep-for", "1d",
                       "--keep-bytes", "1G", "--keep-free", "2G", "--retries", "2", "--label",
                       "a=b", "--label", "c=d", "--jitter", "1min")
        self.text("job", "run", "world")
        lines = {label.strip(): text for label, text in self.lines("world").items()}
        self.assertRegex(lines.pop("last run"), r"^1, done, (now|\d.* ago)(, took \d.*)?$")
        self.assertRegex(lines.pop("state"), r"^waiting, next run 2099-01-02 03:0[45], 2099-01-02 ")
        self.assertEqual({
            "job": f"world, {job}",
            "saves": f"{self.buffer}, 13, from byte 5, versioned, only if it has changed",
            "to": "world/{run}, store default",
            "file": "replace, mode 0640, published, gzip:3, checksum sha256, side file",
            "schedule": "at 2099-01-02 03:04:05, every 1d, put off by up to 1min, "
                        "missed times: once",
            "a run": "at most 5min, 2 retries, 10s apart",
            "keeps": "the last 3, for 1d, no more than 1G, 2G left free",
            "labels": "a=b c=d",
            "runs": "1, 0 failed, 0 skipped",
            "last file": str(self.daemon.file("world/1")),
        }, lines)
        self.assertEqual("when asked", self.line(self.add("plain"), "schedule"))

    def test_texts_of_others_steer_no_terminal(self):
        job = self.add("kept", "--label", "k=\033[31m")
        self.assertEqual("k=?[31m", self.line(job, "labels"))


class Slow(CtlJobsTest):
    """Runs that take half a second."""

    daemon_options = {"faults": "write(slow):delay=500ms"}

    def test_a_terminal_sees_how_far_it_is_and_a_file_does_not(self):
        self.add("slow-bar", "--name", "bar")
        for words in (("job", "run", "bar"), ("save", self.buffer, "slow-save")):
            shown = self.on_a_terminal(*words)
            self.assertGreater(shown.count("\r"), 1, shown)
            self.assertIn("[####################] 18 of 18", shown)
            self.assertNotIn("ring", shown)
        self.assertNotRegex(self.on_a_terminal("job", "run", "bar", NO_COLOR="1"),
                            "\033\\[[0-9;]*m")
        self.assertEqual("", self.on_a_terminal("job", "run", "bar", TERM="dumb"))
        self.text("job", "run", "bar")
        self.assertEqual("", self.error_text)

    def test_a_run_that_takes_too_long_has_its_own_status(self):
        self.add("slow-late", "--name", "late", "--timeout", "50ms")
        self.text("job", "run", "late", status=TIMED_OUT)
        self.assertIn("RunFailed", self.error_text)
        self.assertEqual("timeout", self.table("job", "history", "late")[0]["RESULT"])
        self.text("save", self.buffer, "slow-later", "--timeout", "50ms", status=TIMED_OUT)


class Slower(CtlJobsTest):
    """Runs that leave time for a look at them."""

    daemon_options = {"faults": "write(slow):delay=3s"}

    def test_a_run_that_is_stopped_from_elsewhere(self):
        self.add("slow-stop", "--name", "stop")
        process = subprocess.Popen([FOREBAYCTL, "job", "run", "stop"], stderr=subprocess.PIPE,
                                   env={**os.environ, "FOREBAY_SOCKET": self.daemon.path})
        wait_until(lambda: self.shown("stop")["runtime"]["state"] == "running", "it runs")
        (row,) = self.table("job", "list")
        self.assertEqual("running", row["STATE"])
        self.assertRegex(self.line("stop", "running"), r"^run 1, .* done, 18 in all$")
        self.assertEqual("running", self.table("job", "history", "stop")[0]["RESULT"])
        self.text("job", "cancel", "stop", "--run-only")
        error = process.communicate(timeout=60)[1].decode()
        self.assertEqual(FAILED, process.returncode)
        self.assertRegex(error, "^forebayctl: RunFailed: .*(canceled)\n$")
        self.assertEqual("waiting", self.shown("stop")["runtime"]["state"])


if __name__ == "__main__":
    main()
