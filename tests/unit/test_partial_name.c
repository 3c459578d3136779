/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/partial_name.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

START_TEST(suffix_stands_behind_the_name)
{
	char partial[PARTIAL_NAME_BYTES];

	partial_name("a.tar", partial);
	ck_assert_str_eq(partial, "a.tar.partial");
}
END_TEST

START_TEST(longest_name_is_cut_so_that_the_suffix_fits)
{
	char name[256], partial[PARTIAL_NAME_BYTES];

	memset(name, 'x', 255);
	name[255] = '\0';
	partial_name(name, partial);
	ck_assert_uint_eq(strlen(partial), 255);
	ck_assert_str_eq(partial + 247, ".partial");

	name[247] = '\0';
	partial_name(name, partial);
	ck_assert_uint_eq(strlen(partial), 255);
	ck_assert_int_eq(strncmp(partial, name, 247), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("partial_name");
	TCase *tcase = tcase_create("partial_name");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, suffix_stands_behind_the_name);
	tcase_add_test(tcase, longest_name_is_cut_so_that_the_suffix_fits);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
