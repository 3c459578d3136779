/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include <check.h>

#include "daemon/core/job_state.h"

/* Row: from. Column: to. Both in the order waiting, running, paused, finished. */
static const char *const moves[JOB_STATES] = { ".+++", "+.++", "++.+", "+..." };

/* Row: verb. Column: state. x refused, - nothing to do, + done. */
static const char *const answers[JOB_VERBS] = {
	[JOB_VERB_RUN] = "+x+x",    [JOB_VERB_PAUSE] = "++-x",	    [JOB_VERB_RESUME] = "--+x",
	[JOB_VERB_CANCEL] = "+++x", [JOB_VERB_CANCEL_RUN] = "x+xx", [JOB_VERB_DISMISS] = "xxx+",
};

START_TEST(every_move_is_made_or_not_as_the_table_says)
{
	enum job_state from = (enum job_state)(_i / JOB_STATES);
	enum job_state to = (enum job_state)(_i % JOB_STATES);
	enum job_state state = from;
	bool may = moves[from][to] == '+';

	ck_assert_int_eq(job_state_set(&state, to), may);
	ck_assert_int_eq(state, may ? to : from);
}
END_TEST

START_TEST(every_verb_is_judged_in_every_state_as_the_table_says)
{
	static const char signs[] = {
		[JOB_ANSWER_REFUSE] = 'x', [JOB_ANSWER_NOTHING] = '-', [JOB_ANSWER_DO] = '+'
	};
	int verb = _i / JOB_STATES, state = _i % JOB_STATES;

	ck_assert_int_eq(signs[job_state_judge((enum job_state)state, (enum job_verb)verb)],
			 answers[verb][state]);
}
END_TEST

START_TEST(names_are_those_of_the_wire_and_are_read_again)
{
	static const char *const states[] = { "waiting", "running", "paused", "finished" };
	static const char *const results[] = { "done", "canceled", "timeout", "failed", "skipped" };

	for (int i = 0; i < JOB_STATES; i++) {
		ck_assert_str_eq(job_state_name((enum job_state)i), states[i]);
		ck_assert_int_eq(job_state_parse(states[i]), i);
	}
	for (int i = 0; i < JOB_RESULTS; i++) {
		ck_assert_str_eq(job_result_name((enum job_result)i), results[i]);
		ck_assert_int_eq(job_result_parse(results[i]), i);
	}
	ck_assert_int_eq(job_state_parse("done"), -1);
	ck_assert_int_eq(job_result_parse(""), -1);
}
END_TEST

START_TEST(what_failed_or_took_too_long_is_tried_again)
{
	bool expected = _i == JOB_RESULT_FAILED || _i == JOB_RESULT_TIMEOUT;

	ck_assert_int_eq(job_result_is_failure((enum job_result)_i), expected);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("job_state");
	TCase *tests = tcase_create("job_state");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tests, every_move_is_made_or_not_as_the_table_says, 0,
			    JOB_STATES * JOB_STATES);
	tcase_add_loop_test(tests, every_verb_is_judged_in_every_state_as_the_table_says, 0,
			    JOB_VERBS * JOB_STATES);
	tcase_add_test(tests, names_are_those_of_the_wire_and_are_read_again);
	tcase_add_loop_test(tests, what_failed_or_took_too_long_is_tried_again, 0, JOB_RESULTS);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
