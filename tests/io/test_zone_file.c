/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/zone_file.h"

#include <check.h>
#include <stdlib.h>

#include "daemon/core/zone.h"

START_TEST(a_zone_is_read_by_its_name)
{
	struct zone *zone;

	ck_assert_int_eq(zone_file_read("Europe/Berlin", &zone), 0);
	ck_assert_str_eq(zone_abbreviation(zone, true), "CEST");
	(void)zone_free(zone);
}
END_TEST

START_TEST(what_is_no_zone_is_none)
{
	static const char *const names[] = { "Mars/Olympus", "Europe",	    "zone.tab", "../passwd",
					     "/etc/passwd",  "iso3166.tab", "",		"UTC/x" };
	struct zone *zone;

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		ck_assert_msg(zone_file_read(names[i], &zone) == ZONE_FILE_E_NONE, "%s", names[i]);
}
END_TEST

START_TEST(the_own_zone_is_that_of_the_environment)
{
	struct zone *zone;

	ck_assert_int_eq(setenv("TZ", ":America/New_York", 1), 0);
	ck_assert_int_eq(zone_file_read_own(&zone), 0);
	ck_assert_str_eq(zone_abbreviation(zone, false), "EST");
	(void)zone_free(zone);
	ck_assert_int_eq(setenv("TZ", "Asia/Kolkata", 1), 0);
	ck_assert_int_eq(zone_file_read_own(&zone), 0);
	ck_assert_str_eq(zone_abbreviation(zone, false), "IST");
	(void)zone_free(zone);
}
END_TEST

START_TEST(there_is_always_an_own_zone)
{
	struct zone *zone;

	ck_assert_int_eq(setenv("TZ", "../../etc/passwd", 1), 0);
	ck_assert_int_eq(zone_file_read_own(&zone), 0);
	(void)zone_free(zone);
	ck_assert_int_eq(unsetenv("TZ"), 0);
	ck_assert_int_eq(zone_file_read_own(&zone), 0);
	(void)zone_free(zone);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("zone_file");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, all);
	tcase_add_test(all, a_zone_is_read_by_its_name);
	tcase_add_test(all, what_is_no_zone_is_none);
	tcase_add_test(all, the_own_zone_is_that_of_the_environment);
	tcase_add_test(all, there_is_always_an_own_zone);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
