/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/moment.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#define SECOND INT64_C(1000000)

static void check_moment(const char *text, int64_t wanted_sec)
{
	int64_t usec;

	ck_assert_msg(moment_parse(text, 77 * SECOND, &usec) == 0, "%s", text);
	ck_assert_msg(usec == wanted_sec * SECOND, "%s: %ld", text, (long)(usec / SECOND));
}

START_TEST(moments_are_read_in_local_time_and_in_utc)
{
	ck_assert_int_eq(setenv("TZ", "XXX-2", 1), 0);
	tzset();
	check_moment("now", 77);
	check_moment("@1700000000", 1700000000);
	check_moment("2026-01-01", 1767225600 - 7200);
	check_moment("2026-01-01 03:04", 1767225600 + 11040 - 7200);
	check_moment("2026-01-01 03:04:05", 1767225600 + 11045 - 7200);
	check_moment("2026-01-01 UTC", 1767225600);
	check_moment("2026-01-01 03:04:05 UTC", 1767225600 + 11045);
}
END_TEST

START_TEST(other_texts_are_no_moments)
{
	static const char *const texts[] = { "",
					     "@",
					     "@-1",
					     "@12x",
					     "@999999999999",
					     "yesterday",
					     "2026-02-30",
					     "2026-13-01",
					     "2026-01-01 25:00",
					     "2026-01-01 3:4 CET",
					     "12:00" };
	int64_t usec;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(moment_parse(texts[i], 0, &usec) == -EINVAL, "%s", texts[i]);
}
END_TEST

static void check_distance(int64_t usec, const char *wanted)
{
	char text[UNITS_TEXT_BYTES + 8];

	ck_assert_str_eq(moment_format_distance(usec, 0, text), wanted);
}

START_TEST(distances_have_two_units)
{
	check_distance(0, "now");
	check_distance(999, "now");
	check_distance(1500, "in 1ms");
	check_distance(59 * SECOND + 999999, "in 59s");
	check_distance(3661 * SECOND, "in 1h 1min");
	check_distance(90061 * SECOND, "in 1d 1h");
	check_distance(-125 * SECOND, "2min 5s ago");
	check_distance(8 * 86400 * SECOND + 5 * SECOND, "in 1w 1d");
}
END_TEST

static void check_when(const char *then, const char *now, const char *wanted)
{
	char text[UNITS_TEXT_BYTES + 8];
	int64_t then_usec, now_usec;

	ck_assert_int_eq(moment_parse(then, 0, &then_usec), 0);
	ck_assert_int_eq(moment_parse(now, 0, &now_usec), 0);
	ck_assert_str_eq(moment_format_when(then_usec, now_usec, text), wanted);
}

START_TEST(what_is_near_has_a_distance_and_what_is_far_a_day)
{
	ck_assert_int_eq(setenv("TZ", "XXX-2", 1), 0);
	tzset();
	check_when("2026-10-25 09:00", "2026-10-25 09:00", "now");
	check_when("2026-10-25 09:05", "2026-10-25 09:00", "in 5min");
	check_when("2026-10-25 09:00", "2026-10-25 09:05:20", "5min 20s ago");
	check_when("2026-10-26 09:00", "2026-10-25 22:00", "in 11h");
	check_when("2026-10-25 21:00", "2026-10-25 09:00", "today 21:00");
	check_when("2026-10-26 00:00", "2026-10-25 09:00", "tomorrow 00:00");
	check_when("2026-10-24 12:00", "2026-10-25 09:00", "yesterday 12:00");
	check_when("2026-10-27 09:00", "2026-10-25 23:59", "Tue 09:00");
	check_when("2026-10-31 09:00", "2026-10-25 09:00", "Sat 09:00");
	check_when("2026-11-01 09:00", "2026-10-25 09:00", "2026-11-01 09:00");
	check_when("2026-10-23 23:00", "2026-10-25 09:00", "2026-10-23 23:00");
	check_when("2027-01-01 09:00", "2026-12-31 09:00", "tomorrow 09:00");
}
END_TEST

START_TEST(spans_are_rounded_down_to_what_says_something)
{
	ck_assert_uint_eq(moment_round_span(999), 0);
	ck_assert_uint_eq(moment_round_span(115573), 115000);
	ck_assert_uint_eq(moment_round_span(5 * SECOND + 300000), 5 * SECOND);
	ck_assert_uint_eq(moment_round_span(3725 * SECOND), 3720 * SECOND);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client_moment");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, all);
	tcase_add_test(all, moments_are_read_in_local_time_and_in_utc);
	tcase_add_test(all, other_texts_are_no_moments);
	tcase_add_test(all, distances_have_two_units);
	tcase_add_test(all, what_is_near_has_a_distance_and_what_is_far_a_day);
	tcase_add_test(all, spans_are_rounded_down_to_what_says_something);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
