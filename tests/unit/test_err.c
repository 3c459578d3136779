/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "daemon/base/err.h"

START_TEST(an_error_has_its_name_with_either_sign)
{
	ck_assert_str_eq(err_name(ENOSPC), "ENOSPC");
	ck_assert_str_eq(err_name(-ENOSPC), "ENOSPC");
	ck_assert_str_eq(err_name(-ENOTRECOVERABLE), "ENOTRECOVERABLE");
}
END_TEST

START_TEST(a_number_without_a_name_is_still_told)
{
	ck_assert_str_eq(err_name(0), "E0");
	ck_assert_str_eq(err_name(-4000), "E4000");
	ck_assert_str_eq(err_name(INT_MAX), "E2147483647");
	ck_assert_str_eq(err_name(INT_MIN), "E2147483648");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("err");
	TCase *names = tcase_create("names");
	SRunner *runner;
	int failed;

	tcase_add_test(names, an_error_has_its_name_with_either_sign);
	tcase_add_test(names, a_number_without_a_name_is_still_told);
	suite_add_tcase(suite, names);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
