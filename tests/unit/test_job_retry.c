/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include <check.h>

#include "daemon/core/job_options.h"
#include "daemon/core/job_retry.h"

#define SCHEDULED INT64_C(1700000000000000)
#define END (SCHEDULED + 5000)
#define DELAY 300

static struct job_options options;
static struct job_retry retry;

static void set_up(void)
{
	const char *wrong;

	job_options_init(&options);
	options.retries = 2;
	options.retry_delay_usec = DELAY;
	ck_assert_int_eq(job_options_resolve(&options, &wrong), 0);
	job_retry_clear(&retry);
}

static struct job_retry_run run_that(enum job_result result)
{
	return (struct job_retry_run){
		.result = result,
		.scheduled_usec = SCHEDULED,
		.end_usec = END,
	};
}

/* Of a run that was scheduled. */
static void follow(enum job_result result)
{
	const struct job_retry_run run = run_that(result);

	ck_assert(job_retry_follow(&retry, &options, &run));
}

static void check_none(void)
{
	ck_assert(!job_retry_is_pending(&retry));
	ck_assert_int_eq(retry.attempts, 0);
	ck_assert_int_eq(retry.scheduled_usec, OPTION_UNSET);
}

START_TEST(a_failed_run_is_tried_again_after_the_delay)
{
	static const enum job_result failures[] = { JOB_RESULT_FAILED, JOB_RESULT_TIMEOUT };

	follow(failures[_i]);
	ck_assert(job_retry_is_pending(&retry));
	ck_assert_int_eq(retry.attempts, 1);
	ck_assert_int_eq(retry.due_usec, END + DELAY);
	ck_assert_int_eq(retry.scheduled_usec, SCHEDULED);
}
END_TEST

START_TEST(so_often_as_asked_and_no_more)
{
	for (int i = 1; i <= 2; i++) {
		follow(JOB_RESULT_FAILED);
		ck_assert_int_eq(retry.attempts, i);
		job_retry_make(&retry);
		ck_assert(!job_retry_is_pending(&retry));
		ck_assert_int_eq(retry.attempts, i);
	}
	follow(JOB_RESULT_FAILED);
	check_none();
	/* The next of its times has all of them again. */
	follow(JOB_RESULT_FAILED);
	ck_assert_int_eq(retry.attempts, 1);
}
END_TEST

START_TEST(nothing_but_a_failure_is_tried_again)
{
	static const enum job_result others[] = { JOB_RESULT_DONE, JOB_RESULT_CANCELED,
						  JOB_RESULT_SKIPPED };

	follow(JOB_RESULT_FAILED);
	follow(others[_i]);
	check_none();
}
END_TEST

START_TEST(without_retries_there_is_none)
{
	options.retries = 0;
	follow(JOB_RESULT_FAILED);
	check_none();
}
END_TEST

START_TEST(the_last_run_before_a_pause_or_the_end_is_not_tried_again)
{
	struct job_retry_run run = run_that(JOB_RESULT_FAILED);

	run.last = true;
	follow(JOB_RESULT_FAILED);
	ck_assert(job_retry_follow(&retry, &options, &run));
	check_none();
}
END_TEST

START_TEST(a_run_by_hand_changes_nothing)
{
	struct job_retry_run run = run_that(_i == 0 ? JOB_RESULT_FAILED : JOB_RESULT_DONE);

	run.scheduled_usec = OPTION_UNSET;
	ck_assert(!job_retry_follow(&retry, &options, &run));
	check_none();
	follow(JOB_RESULT_FAILED);
	run.end_usec++;
	ck_assert(!job_retry_follow(&retry, &options, &run));
	ck_assert_int_eq(retry.attempts, 1);
	ck_assert_int_eq(retry.due_usec, END + DELAY);
}
END_TEST

START_TEST(other_options_allow_what_was_granted_or_not)
{
	ck_assert(!job_retry_is_allowed(&retry, &options));
	follow(JOB_RESULT_FAILED);
	job_retry_make(&retry);
	follow(JOB_RESULT_FAILED);
	ck_assert(job_retry_is_allowed(&retry, &options));
	options.retries = 1;
	ck_assert(!job_retry_is_allowed(&retry, &options));
	options.retries = 3;
	ck_assert(job_retry_is_allowed(&retry, &options));
}
END_TEST

START_TEST(it_is_waited_for_until_its_time_and_no_longer_than_it_was_planned_for)
{
	static const struct {
		int64_t now_usec;
		int64_t wait_usec;
	} cases[] = {
		{ END, DELAY },
		{ END + 100, DELAY - 100 },
		{ END + DELAY, 0 },
		{ END + DELAY + 1, 0 },
		{ INT64_MAX, 0 },
		/* The clock was set back. */
		{ END - 1, DELAY },
		{ 1, DELAY },
	};

	follow(JOB_RESULT_FAILED);
	/* Whatever is asked for later. */
	options.retry_delay_usec = 0;
	ck_assert_int_eq(job_retry_wait_usec(&retry, END, cases[_i].now_usec), cases[_i].wait_usec);
}
END_TEST

START_TEST(a_time_that_cannot_be_harms_nothing)
{
	retry.due_usec = INT64_MIN + 1;
	ck_assert_int_eq(job_retry_wait_usec(&retry, OPTION_UNSET, END), 0);
	retry.due_usec = INT64_MAX;
	ck_assert_int_eq(job_retry_wait_usec(&retry, OPTION_UNSET, END), JOB_SPAN_USEC_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("job_retry");
	TCase *tests = tcase_create("job_retry");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, set_up, NULL);
	tcase_add_loop_test(tests, a_failed_run_is_tried_again_after_the_delay, 0, 2);
	tcase_add_test(tests, so_often_as_asked_and_no_more);
	tcase_add_loop_test(tests, nothing_but_a_failure_is_tried_again, 0, 3);
	tcase_add_test(tests, without_retries_there_is_none);
	tcase_add_test(tests, the_last_run_before_a_pause_or_the_end_is_not_tried_again);
	tcase_add_loop_test(tests, a_run_by_hand_changes_nothing, 0, 2);
	tcase_add_test(tests, other_options_allow_what_was_granted_or_not);
	tcase_add_loop_test(
		tests, it_is_waited_for_until_its_time_and_no_longer_than_it_was_planned_for, 0, 7);
	tcase_add_test(tests, a_time_that_cannot_be_harms_nothing);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
