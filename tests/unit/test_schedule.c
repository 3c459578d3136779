/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/schedule.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/calendar.h"
#include "daemon/core/zone.h"

#define MS INT64_C(1000)
#define SECOND INT64_C(1000000)
#define HOUR (3600 * SECOND)
#define DAY (24 * HOUR)
#define START (INT64_C(1767225600) * SECOND) /* 2026-01-01 00:00:00 UTC */
#define BOOT (50 * SECOND)

static struct calendar *make_calendar(const char *text)
{
	struct calendar_error error;
	struct calendar *calendar;

	ck_assert_int_eq(calendar_new(text, zone_utc, NULL, &calendar, &error), 0);
	return calendar;
}

/* A machine with two clocks and one job. */
struct machine {
	struct schedule schedule;
	struct schedule_state state;
	struct schedule_clocks clocks;
};

static struct machine make_machine(struct schedule schedule)
{
	struct machine machine = { .schedule = schedule, .clocks = { START, BOOT } };

	schedule_begin(&machine.schedule, &machine.clocks, 42, &machine.state);
	return machine;
}

static void pass(struct machine *machine, int64_t usec)
{
	machine->clocks.real_usec += usec;
	machine->clocks.boot_usec += usec;
}

static bool set_clock(struct machine *machine, int64_t by_usec)
{
	machine->clocks.real_usec += by_usec;
	return schedule_clock_set(&machine->schedule, &machine->state, &machine->clocks);
}

/* How long until it is due; -1: never. */
static int64_t wait_of(const struct machine *machine)
{
	struct schedule_due due;

	if (schedule_next(&machine->schedule, &machine->state, &machine->clocks, &due) != 0)
		return -1;
	ck_assert_int_eq(due.boot_usec - machine->clocks.boot_usec,
			 due.real_usec - machine->clocks.real_usec);
	return due.boot_usec - machine->clocks.boot_usec;
}

/* Runs until that much time has passed; returns how many runs there were. */
static unsigned int run_for(struct machine *machine, int64_t usec)
{
	unsigned int runs = 0;
	int64_t wait;

	while ((wait = wait_of(machine)) >= 0 && wait <= usec) {
		pass(machine, wait > 0 ? wait : 0);
		usec -= wait > 0 ? wait : 0;
		schedule_advance(&machine->schedule, &machine->state, &machine->clocks);
		runs++;
	}
	pass(machine, usec);
	return runs;
}

static struct schedule every(int64_t usec)
{
	struct schedule schedule = SCHEDULE_NONE;

	schedule.every_usec = usec;
	return schedule;
}

START_TEST(without_times_it_is_never_due)
{
	struct machine machine = make_machine((struct schedule)SCHEDULE_NONE);

	ck_assert_int_eq(wait_of(&machine), -1);
}
END_TEST

START_TEST(at_and_after_come_once)
{
	struct schedule schedule = SCHEDULE_NONE;
	struct machine machine;

	schedule.at_usec = START + 5 * SECOND;
	schedule.after_usec = 3 * SECOND;
	machine = make_machine(schedule);
	ck_assert_int_eq(wait_of(&machine), 3 * SECOND);
	ck_assert_uint_eq(run_for(&machine, 4 * SECOND), 1);
	ck_assert_int_eq(wait_of(&machine), SECOND);
	ck_assert_uint_eq(run_for(&machine, DAY), 1);
	ck_assert_int_eq(wait_of(&machine), -1);
}
END_TEST

START_TEST(every_does_not_drift)
{
	struct machine machine = make_machine(every(100 * MS));

	for (int i = 0; i < 6000; i++) {
		pass(&machine, wait_of(&machine));
		ck_assert_int_eq((machine.clocks.real_usec - START) % (100 * MS), 0);
		/* It is a little late each time. */
		pass(&machine, 7 * MS);
		schedule_advance(&machine.schedule, &machine.state, &machine.clocks);
		ck_assert_int_eq(wait_of(&machine), 93 * MS);
	}
}
END_TEST

START_TEST(times_that_pass_during_a_run_are_not_caught_up)
{
	struct machine machine = make_machine(every(100 * MS));

	pass(&machine, 1050 * MS);
	schedule_advance(&machine.schedule, &machine.state, &machine.clocks);
	ck_assert_int_eq(wait_of(&machine), 50 * MS);
}
END_TEST

START_TEST(every_that_begins_later_begins_then)
{
	struct schedule schedule = every(10 * SECOND);
	struct machine machine;

	schedule.at_usec = START + 25 * SECOND;
	machine = make_machine(schedule);
	ck_assert_int_eq(wait_of(&machine), 25 * SECOND);
	/* The beginning is both; it is one run. */
	ck_assert_uint_eq(run_for(&machine, 25 * SECOND), 1);
	ck_assert_int_eq(wait_of(&machine), 10 * SECOND);
	schedule.at_usec = START - 25 * SECOND;
	machine = make_machine(schedule);
	ck_assert_int_eq(wait_of(&machine), 5 * SECOND);
}
END_TEST

START_TEST(a_clock_set_back_and_forth_makes_no_pause_and_no_burst)
{
	struct machine machine = make_machine(every(100 * MS));
	unsigned int runs = 0;

	for (int i = 0; i < 10; i++) {
		runs += run_for(&machine, 30 * SECOND);
		ck_assert(!set_clock(&machine, -HOUR));
		runs += run_for(&machine, 30 * SECOND);
		ck_assert(!set_clock(&machine, HOUR));
	}
	ck_assert_uint_eq(runs, 6000);
	/* By no multiple either. */
	set_clock(&machine, -12345678);
	ck_assert_int_gt(wait_of(&machine), 0);
	ck_assert_int_le(wait_of(&machine), 100 * MS);
	runs = run_for(&machine, 60 * SECOND);
	ck_assert_uint_ge(runs, 599);
	ck_assert_uint_le(runs, 600);
}
END_TEST

START_TEST(after_does_not_care_for_the_wall_clock)
{
	struct schedule schedule = SCHEDULE_NONE;
	struct machine machine;

	schedule.after_usec = 10 * SECOND;
	machine = make_machine(schedule);
	set_clock(&machine, DAY);
	ck_assert_int_eq(wait_of(&machine), 10 * SECOND);
	set_clock(&machine, -3 * DAY);
	ck_assert_int_eq(wait_of(&machine), 10 * SECOND);
}
END_TEST

START_TEST(a_calendar_that_the_clock_jumps_over_runs_once_or_is_skipped)
{
	struct calendar *calendar = make_calendar("hourly");
	struct schedule schedule = SCHEDULE_NONE;
	struct machine machine;

	schedule.calendar = calendar;
	machine = make_machine(schedule);
	ck_assert_int_eq(wait_of(&machine), HOUR);
	ck_assert(!set_clock(&machine, 5 * HOUR + 600 * SECOND));
	ck_assert_int_le(wait_of(&machine), 0);
	schedule_advance(&machine.schedule, &machine.state, &machine.clocks);
	ck_assert_int_eq(wait_of(&machine), HOUR - 600 * SECOND);

	schedule.missed = SCHEDULE_MISSED_SKIP;
	machine = make_machine(schedule);
	ck_assert(set_clock(&machine, 5 * HOUR + 600 * SECOND));
	ck_assert_int_eq(wait_of(&machine), HOUR - 600 * SECOND);
	(void)calendar_free(calendar);
}
END_TEST

START_TEST(a_calendar_is_not_run_again_when_the_clock_goes_back)
{
	struct calendar *calendar = make_calendar("hourly");
	struct schedule schedule = SCHEDULE_NONE;
	struct machine machine;

	schedule.calendar = calendar;
	machine = make_machine(schedule);
	ck_assert_uint_eq(run_for(&machine, 3 * HOUR + SECOND), 3);
	set_clock(&machine, -2 * HOUR);
	ck_assert_int_eq(wait_of(&machine), 3 * HOUR - SECOND);
	/* By so much that the time before must have been wrong. */
	set_clock(&machine, -30 * DAY);
	ck_assert_int_eq(wait_of(&machine), HOUR - SECOND);
	(void)calendar_free(calendar);
}
END_TEST

START_TEST(jitter_puts_off_by_the_same_each_time_it_is_asked)
{
	struct schedule schedule = every(SECOND);
	int64_t least = SECOND, most = 0;
	struct machine machine;

	schedule.jitter_usec = 500 * MS;
	machine = make_machine(schedule);
	for (int i = 1; i <= 200; i++) {
		int64_t wait = wait_of(&machine), delay;

		ck_assert_int_eq(wait, wait_of(&machine));
		pass(&machine, wait);
		delay = machine.clocks.real_usec - START - i * SECOND;
		ck_assert_int_ge(delay, 0);
		ck_assert_int_le(delay, 500 * MS);
		least = delay < least ? delay : least;
		most = delay > most ? delay : most;
		schedule_advance(&machine.schedule, &machine.state, &machine.clocks);
	}
	ck_assert_int_lt(least, 50 * MS);
	ck_assert_int_gt(most, 450 * MS);
}
END_TEST

/* The daemon was away from START + 10 s to START + `hours`. */
static bool restore(struct machine *machine, int64_t hours, struct schedule_past past)
{
	machine->clocks = (struct schedule_clocks){ START + hours * HOUR, 5 * SECOND };
	return schedule_restore(&machine->schedule, &past, &machine->clocks, &machine->state);
}

START_TEST(what_was_missed_runs_once_after_a_restart)
{
	struct schedule_past past = { START, -1, -1, 42, false, false };
	struct machine machine = make_machine(every(600 * SECOND));
	struct schedule_due due;

	machine.schedule.at_usec = START - 60 * SECOND;
	ck_assert(!restore(&machine, 2, past));
	ck_assert_int_eq(schedule_next(&machine.schedule, &machine.state, &machine.clocks, &due),
			 0);
	/* The latest of those that passed. */
	ck_assert_int_eq(due.scheduled_usec, START + 2 * HOUR - 60 * SECOND);
	ck_assert_int_le(due.boot_usec, machine.clocks.boot_usec);
	schedule_advance(&machine.schedule, &machine.state, &machine.clocks);
	ck_assert_int_eq(wait_of(&machine), 540 * SECOND);

	/* What has had its turn is not missed. */
	past.handled_usec = due.scheduled_usec;
	ck_assert(!restore(&machine, 2, past));
	ck_assert_int_eq(wait_of(&machine), 540 * SECOND);
}
END_TEST

START_TEST(what_was_missed_is_skipped_by_rule)
{
	struct schedule_past past = { START, -1, -1, 42, false, false };
	struct calendar *calendar = make_calendar("*:0/40");
	struct machine machine = make_machine(every(2700 * SECOND));

	machine.schedule.at_usec = START + HOUR;
	machine.schedule.after_usec = HOUR;
	machine.schedule.calendar = calendar;
	machine.schedule.missed = SCHEDULE_MISSED_SKIP;
	ck_assert(restore(&machine, 2, past));
	/* every: 01:00, 01:45, 02:30; calendar: 02:40; at and after are over. */
	ck_assert_int_eq(wait_of(&machine), 1800 * SECOND);
	ck_assert_uint_eq(run_for(&machine, 2400 * SECOND), 2);
	(void)calendar_free(calendar);
}
END_TEST

START_TEST(at_and_after_outlive_a_restart)
{
	struct schedule_past past = { START, -1, -1, 42, false, false };
	struct machine machine = make_machine((struct schedule)SCHEDULE_NONE);

	machine.schedule.at_usec = START + 5 * HOUR;
	machine.schedule.after_usec = 3 * HOUR;
	ck_assert(!restore(&machine, 2, past));
	ck_assert_int_eq(wait_of(&machine), HOUR);
	/* In the same boot the clock that counts is still there. */
	past.after_boot_usec = 25 * SECOND;
	ck_assert(!restore(&machine, 2, past));
	ck_assert_int_eq(wait_of(&machine), 20 * SECOND);
	past.after_done = true;
	ck_assert(!restore(&machine, 2, past));
	ck_assert_int_eq(wait_of(&machine), 3 * HOUR);
	past.at_done = true;
	ck_assert(!restore(&machine, 2, past));
	ck_assert_int_eq(wait_of(&machine), -1);
}
END_TEST

static void check_bad(struct schedule schedule, const char *wanted)
{
	const char *parameter = "", *reason = "";

	ck_assert_int_eq(schedule_check(&schedule, &parameter, &reason),
			 wanted ? SCHEDULE_E_BAD : 0);
	ck_assert_str_eq(parameter, wanted ? wanted : "");
}

START_TEST(impossible_values_are_refused_by_name)
{
	struct schedule schedule = SCHEDULE_NONE;

	check_bad(schedule, NULL);
	check_bad(every(10 * MS), NULL);
	check_bad(every(10 * MS - 1), "everyUSec");
	check_bad(every(0), "everyUSec");
	check_bad(every(-1), "everyUSec");
	check_bad(every(INT64_MAX), "everyUSec");
	schedule.at_usec = -1;
	check_bad(schedule, "atUSec");
	schedule.at_usec = INT64_MAX;
	check_bad(schedule, "atUSec");
	schedule.at_usec = 0;
	schedule.after_usec = -1;
	check_bad(schedule, "afterUSec");
	schedule = every(SECOND);
	schedule.jitter_usec = SECOND;
	check_bad(schedule, "jitterUSec");
	schedule.jitter_usec = SECOND - 1;
	check_bad(schedule, NULL);
}
END_TEST

static void check_ahead(const struct schedule *schedule, const char *wanted)
{
	const char *parameter = "", *reason = "";

	ck_assert_int_eq(schedule_check_ahead(schedule, START, &parameter, &reason),
			 wanted ? SCHEDULE_E_BAD : 0);
	ck_assert_str_eq(parameter, wanted ? wanted : "");
}

START_TEST(a_schedule_that_is_never_due_is_refused_by_name)
{
	struct calendar *past = make_calendar("2020-1-1");
	struct schedule schedule = SCHEDULE_NONE;

	check_ahead(&schedule, NULL);
	schedule.at_usec = START;
	check_ahead(&schedule, "atUSec");
	schedule.calendar = past;
	check_ahead(&schedule, "calendar");
	schedule.every_usec = SECOND;
	check_ahead(&schedule, NULL);
	schedule = (struct schedule)SCHEDULE_NONE;
	schedule.after_usec = 0;
	schedule.at_usec = START - 1;
	check_ahead(&schedule, NULL);
	(void)calendar_free(past);
}
END_TEST

START_TEST(a_preview_is_sorted_and_has_each_time_once)
{
	struct calendar *calendar = make_calendar("*:*:0/20");
	struct schedule schedule = every(10 * SECOND);
	int64_t times[8];

	schedule.calendar = calendar;
	schedule.after_usec = 15 * SECOND;
	schedule.jitter_usec = SECOND;
	ck_assert_uint_eq(schedule_preview(&schedule, START, times, 5), 5);
	ck_assert_int_eq(times[0], START + 10 * SECOND);
	ck_assert_int_eq(times[1], START + 15 * SECOND);
	ck_assert_int_eq(times[2], START + 20 * SECOND);
	ck_assert_int_eq(times[3], START + 30 * SECOND);
	ck_assert_int_eq(times[4], START + 40 * SECOND);
	/* At the end of time there is no more. */
	ck_assert_uint_eq(schedule_preview(&schedule, CALENDAR_END_USEC, times, 5), 0);
	(void)calendar_free(calendar);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("schedule");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, all);
	tcase_add_test(all, without_times_it_is_never_due);
	tcase_add_test(all, at_and_after_come_once);
	tcase_add_test(all, every_does_not_drift);
	tcase_add_test(all, times_that_pass_during_a_run_are_not_caught_up);
	tcase_add_test(all, every_that_begins_later_begins_then);
	tcase_add_test(all, a_clock_set_back_and_forth_makes_no_pause_and_no_burst);
	tcase_add_test(all, after_does_not_care_for_the_wall_clock);
	tcase_add_test(all, a_calendar_that_the_clock_jumps_over_runs_once_or_is_skipped);
	tcase_add_test(all, a_calendar_is_not_run_again_when_the_clock_goes_back);
	tcase_add_test(all, jitter_puts_off_by_the_same_each_time_it_is_asked);
	tcase_add_test(all, what_was_missed_runs_once_after_a_restart);
	tcase_add_test(all, what_was_missed_is_skipped_by_rule);
	tcase_add_test(all, at_and_after_outlive_a_restart);
	tcase_add_test(all, impossible_values_are_refused_by_name);
	tcase_add_test(all, a_schedule_that_is_never_due_is_refused_by_name);
	tcase_add_test(all, a_preview_is_sorted_and_has_each_time_once);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
