/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "daemon/core/stream_state.h"

#define STATES (STREAM_STATE_FAILED + 1)

/* Row: from. Column: to. Both in the order of the enum. */
static const char *const moves[STATES] = {
	[STREAM_STATE_OPENING] = ".+...++",  [STREAM_STATE_OPEN] = "..++.++",
	[STREAM_STATE_PAUSED] = ".+.+.++",   [STREAM_STATE_ENDING] = "..+.+++",
	[STREAM_STATE_FINISHED] = ".......", [STREAM_STATE_ABORTED] = ".......",
	[STREAM_STATE_FAILED] = ".......",
};

START_TEST(every_pair_is_allowed_or_not_as_the_table_says)
{
	int from = _i / STATES, to = _i % STATES;

	ck_assert_msg(stream_state_may_follow(from, to) == (moves[from][to] == '+'), "%s to %s",
		      stream_state_name(from), stream_state_name(to));
}
END_TEST

START_TEST(nothing_follows_a_terminal_state_and_something_any_other)
{
	ck_assert_int_eq(stream_state_is_terminal(_i), strchr(moves[_i], '+') == NULL);
}
END_TEST

START_TEST(the_names_are_those_of_the_wire)
{
	static const char *const names[STATES] = { "opening",  "open",	  "paused", "ending",
						   "finished", "aborted", "failed" };

	for (int i = 0; i < STATES; i++)
		ck_assert_str_eq(stream_state_name(i), names[i]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream_state");
	TCase *tests = tcase_create("stream_state");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tests, every_pair_is_allowed_or_not_as_the_table_says, 0,
			    STATES * STATES);
	tcase_add_loop_test(tests, nothing_follows_a_terminal_state_and_something_any_other, 0,
			    STATES);
	tcase_add_test(tests, the_names_are_those_of_the_wire);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
