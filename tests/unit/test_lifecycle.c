/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include <check.h>

#include "daemon/core/lifecycle.h"

#define STATES (LIFECYCLE_STOPPED + 1)

START_TEST(it_only_moves_on)
{
	enum lifecycle from = _i / STATES, next = _i % STATES;
	enum lifecycle lifecycle = from;

	lifecycle_advance(&lifecycle, next);
	ck_assert_int_eq(lifecycle, next > from ? next : from);
}
END_TEST

START_TEST(the_names_are_those_of_the_wire)
{
	ck_assert_str_eq(lifecycle_name(LIFECYCLE_STARTING), "starting");
	ck_assert_str_eq(lifecycle_name(LIFECYCLE_SERVING), "serving");
	ck_assert_str_eq(lifecycle_name(LIFECYCLE_DRAINING), "draining");
	ck_assert_str_eq(lifecycle_name(LIFECYCLE_STOPPED), "stopped");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("lifecycle");
	TCase *tests = tcase_create("lifecycle");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tests, it_only_moves_on, 0, STATES * STATES);
	tcase_add_test(tests, the_names_are_those_of_the_wire);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
