#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""TestSchedule: calendars against systemd-analyze, and all that is not a calendar.

FOREBAY_SCHEDULE_CASES and FOREBAY_SCHEDULE_MOVED: how many expressions are made up, and how
many of them at least meet a gap or a fold; FOREBAY_SCHEDULE_SEED: which.
"""

import os
import re
import subprocess
import time

import calendar_oracle as oracle
from harness import FOREBAYCTL, JOB, ForebayTest, main

SECOND = 1_000_000
CASES = int(os.environ.get("FOREBAY_SCHEDULE_CASES", "1000"))
MOVED = int(os.environ.get("FOREBAY_SCHEDULE_MOVED", "250"))
SEED = int(os.environ.get("FOREBAY_SCHEDULE_SEED", "1"))


class ScheduleTest(ForebayTest):
    engines = ("auto",)

    def ask(self, count=oracle.COUNT, start=None, **schedule):
        parameters = {"schedule": schedule, "count": count}
        if start is not None:
            parameters["fromUSec"] = start
        return self.client.call(JOB + "TestSchedule", parameters)

    def times(self, start, count=oracle.COUNT, **schedule):
        return self.ask(count, start, **schedule)["nextUSec"]

    def refused(self, parameter, **schedule):
        with self.fails(JOB + "BadSchedule", parameter="schedule." + parameter) as caught:
            self.ask(**schedule)
        return caught.exception.parameters["reason"]


class Calendar(ScheduleTest):
    def compare(self, cases):
        """How many agreed, and how many of those met a gap or a fold."""
        if not oracle.find_tool():
            self.skipTest("systemd-analyze is not there")
        moves = {zone: oracle.transitions(zone) for zone in oracle.ZONES}
        agreed = met = 0
        for case, answer in zip(cases, oracle.ask(cases)):
            zone, start, expression = case
            if answer is oracle.REFUSED_IT:
                self.refused("calendar", calendar=oracle.with_zone(expression, zone))
                agreed += 1
                continue
            reply = self.ask(start=start * SECOND, calendar=oracle.with_zone(expression, zone))
            got = [usec // SECOND for usec in reply["nextUSec"]]
            self.assertEqual(sorted(set(reply["nextUSec"])), reply["nextUSec"], case)
            self.assertTrue(all(usec > start * SECOND for usec in reply["nextUSec"]), case)
            if (oracle.went_wrong(start, answer)
                    or oracle.hangs_on_what_came_before(moves[zone], start)):
                continue
            normalized, times = answer
            self.assertEqual(oracle.with_zone(normalized, zone), reply["normalized"], case)
            self.assertEqual(times, got, case)
            agreed += 1
            met += oracle.meets(moves[zone], start, times)
        return agreed, met

    def test_made_up_expressions_are_as_in_systemd(self):
        print(f"seed {SEED}", flush=True)
        # A few more: those where systemd's own search goes wrong do not count.
        cases = oracle.Generator(SEED).cases(CASES + CASES // 50 + 10, MOVED)
        agreed, met = self.compare(cases)
        print(f"{agreed} of {len(cases)} compared, {met} met a gap or a fold", flush=True)
        self.assertGreaterEqual(agreed, CASES)
        self.assertGreaterEqual(met, MOVED // 2)

    def test_hand_picked_expressions_are_as_in_systemd(self):
        agreed, _ = self.compare(oracle.HAND_PICKED)
        self.assertEqual(len(oracle.HAND_PICKED), agreed)

    def test_what_systemd_refuses_is_refused_with_a_reason(self):
        for expression in oracle.REFUSED:
            self.assertTrue(self.refused("calendar", calendar=expression), expression)
        if oracle.find_tool():
            cases = [("UTC", 0, expression) for expression in oracle.REFUSED if expression]
            self.assertEqual({oracle.REFUSED_IT}, set(oracle.ask(cases)))

    def test_the_reason_says_where(self):
        self.assertEqual("a range has two ends, at character 6",
                         self.refused("calendar", calendar="Mon..")[:99])
        self.assertEqual("there is no such time zone, at character 7",
                         self.refused("calendar", calendar="12:00 Mars/Olympus"))
        self.assertEqual("an hour that is not 0..23", self.refused("calendar", calendar="24:00"))

    def test_names_of_zones_do_not_lead_out_of_their_directory(self):
        for name in ("../../../etc/localtime", "/etc/localtime", "Europe", "zone.tab", "..",
                     "Europe//Berlin", "x" * 200, "posix/../UTC"):
            self.refused("calendar", calendar=f"12:00 {name}")

    def test_a_fraction_of_a_second_is_exact(self):
        self.assertEqual([500_000, 1_500_000, 2_500_000],
                         self.times(0, 3, calendar="*:*:0.5/1 UTC"))
        self.assertEqual([1_234_568], self.times(0, 1, calendar="*:*:1.2345678 UTC"))

    def test_an_expression_without_a_further_time_has_none(self):
        for expression in ("2020-01-01 UTC", "*-02-30 UTC", "Mon *-02-31"):
            self.assertEqual([], self.times(oracle.at("2026-01-01 00:00:00") * SECOND,
                                            calendar=expression))

    def test_the_longest_expression_is_answered(self):
        expression = "*:" + ",".join(["0..59/7", "1/3", "5"] * 60) + ":0"
        self.assertEqual(10, len(self.times(0, calendar=expression + " UTC")))
        self.assertIn("too long", self.refused("calendar", calendar="*:0," * 2000))


class Others(ScheduleTest):
    start = 1_700_000_000 * SECOND

    def test_at_comes_once(self):
        self.assertEqual([self.start + 5], self.times(self.start, atUSec=self.start + 5))
        self.assertEqual([], self.times(self.start, atUSec=self.start))

    def test_after_comes_once(self):
        self.assertEqual([self.start + 7], self.times(self.start, afterUSec=7))

    def test_every_counts_from_its_start(self):
        self.assertEqual([self.start + k * 10_000 for k in range(1, 11)],
                         self.times(self.start, everyUSec=10_000))

    def test_every_counts_from_at_where_there_is_one(self):
        at = self.start - 25 * SECOND
        self.assertEqual([at + 30 * SECOND, at + 40 * SECOND],
                         self.times(self.start, 2, atUSec=at, everyUSec=10 * SECOND))
        at = self.start + 5 * SECOND
        self.assertEqual([at, at + 10 * SECOND],
                         self.times(self.start, 2, atUSec=at, everyUSec=10 * SECOND))

    def test_several_together_come_in_order_each_once(self):
        got = self.times(self.start, 6, atUSec=self.start + 3 * SECOND, afterUSec=15 * SECOND,
                         everyUSec=10 * SECOND, calendar="*:*:0/20 UTC", onChange=True)
        # The start is at second 20 of its minute.
        self.assertEqual([3, 13, 15, 20, 23, 33], [(usec - self.start) // SECOND for usec in got])

    def test_without_any_there_is_none(self):
        self.assertEqual({"nextUSec": []}, self.ask())
        self.assertEqual({"nextUSec": []}, self.ask(onChange=True))

    def test_impossible_numbers_are_refused_by_name(self):
        for name, value in (("atUSec", -1), ("atUSec", 1 << 62), ("afterUSec", -5),
                            ("afterUSec", 1 << 62), ("everyUSec", 0), ("everyUSec", 9_999),
                            ("everyUSec", -10_000), ("everyUSec", 1 << 62)):
            self.refused(name, **{name: str(value) if value > 1 << 53 else value})

    def test_count_and_start_have_bounds(self):
        for count in (0, -1, 101):
            with self.fails_parameter("count"):
                self.ask(count, everyUSec=10_000)
        with self.fails_parameter("fromUSec"):
            self.ask(start=-1, everyUSec=10_000)
        self.assertEqual(100, len(self.times(self.start, 100, everyUSec=10_000)))
        self.assertEqual([], self.times("9000000000000000000", everyUSec=10_000,
                                        calendar="daily", afterUSec=1))

    def test_without_a_start_it_is_now(self):
        before = time.time_ns() // 1000
        got = self.client.call(JOB + "TestSchedule", {"schedule": {"everyUSec": SECOND}})
        after = time.time_ns() // 1000
        self.assertEqual(10, len(got["nextUSec"]))
        self.assertTrue(before + SECOND <= got["nextUSec"][0] <= after + SECOND)


class OwnZone(ScheduleTest):
    daemon_options = {"environment": {"TZ": "America/New_York"}}

    def test_an_expression_is_in_the_daemons_zone(self):
        start = oracle.at("2026-03-07 12:00:00")
        cases = [("America/New_York", start, expression)
                 for expression in ("02:30", "daily", "*:0/30", "12:00 EST", "12:00 edt",
                                    "*-07-01 12:00 EST", "Sun 01:30 EDT", "1:30 UTC")]
        for (_, _, expression), (normalized, times) in zip(cases, oracle.ask(cases)):
            reply = self.ask(start=start * SECOND, calendar=expression)
            self.assertEqual((normalized, times),
                             (reply["normalized"], [usec // SECOND for usec in reply["nextUSec"]]))


class Command(ScheduleTest):
    def ctl(self, *words, zone="Europe/Berlin"):
        return subprocess.run([FOREBAYCTL, "job", "test-schedule", *words], capture_output=True,
                              text=True, timeout=60,
                              env={**os.environ, "FOREBAY_SOCKET": self.daemon.path, "TZ": zone})

    def test_a_table_for_people(self):
        done = self.ctl("Mon..Fri 9:00 Europe/Berlin", "--count", "2", "--from",
                        "2026-10-23 12:00")
        self.assertEqual((0, ""), (done.returncode, done.stderr))
        lines = done.stdout.splitlines()
        self.assertEqual("normal form: Mon..Fri *-*-* 09:00:00 Europe/Berlin", lines[0])
        self.assertEqual(["LOCAL", "TIME", "UTC", "WHEN"], lines[1].split())
        self.assertTrue(lines[2].startswith("Mon 2026-10-26 09:00:00 CET  2026-10-26 08:00:00"))
        self.assertTrue(lines[3].startswith("Tue 2026-10-27 09:00:00 CET  2026-10-27 08:00:00"))
        self.assertEqual(4, len(lines))

    def test_how_far_away(self):
        done = self.ctl("*:*:*")
        self.assertRegex(done.stdout.splitlines()[-1], r"  in \d+s$")
        done = self.ctl("2031-01-01", "--from", "2030-01-01")
        self.assertRegex(done.stdout.splitlines()[-1], r"  (in .+|.+ ago)$")

    def test_json_is_the_answer(self):
        done = self.ctl("daily UTC", "--json", "--count=1", "--from=@86399")
        self.assertEqual('{"normalized":"*-*-* 00:00:00 UTC","nextUSec":[86400000000]}\n',
                         done.stdout)

    def test_never(self):
        done = self.ctl("*-02-30")
        self.assertEqual((0, "normal form: *-02-30 00:00:00\nnever\n"),
                         (done.returncode, done.stdout))

    def test_refusals(self):
        done = self.ctl("25:00")
        self.assertEqual((4, ""), (done.returncode, done.stdout))
        self.assertIn("schedule.calendar", done.stderr)
        self.assertIn("an hour that is not 0..23", done.stderr)
        done = self.ctl("daily", "--from", "yesterday")
        self.assertEqual((2, ""), (done.returncode, done.stdout))
        self.assertEqual(4, self.ctl("daily", "--count", "0").returncode)
        self.assertEqual(2, self.ctl().returncode)


main()
