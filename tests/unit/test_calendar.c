/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/calendar.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/zone.h"

#define SECOND INT64_C(1000000)
#define START (INT64_C(1767225600) * SECOND) /* 2026-01-01 00:00:00, a Thursday */

static struct calendar *make(const char *text)
{
	struct calendar_error error = { 0 };
	struct calendar *calendar = NULL;
	int r = calendar_new(text, zone_utc, NULL, &calendar, &error);

	ck_assert_msg(r == 0, "%s: %s", text, error.reason);
	return calendar;
}

static void check_form(const char *text, const char *wanted)
{
	struct calendar *calendar = make(text);
	char form[1024], again[1024];

	ck_assert_uint_eq(calendar_format(calendar, form, sizeof(form)), strlen(wanted));
	ck_assert_str_eq(form, wanted);
	calendar = calendar_free(calendar);
	/* The normal form of the normal form is itself. */
	calendar = make(form);
	(void)calendar_format(calendar, again, sizeof(again));
	ck_assert_str_eq(again, form);
	(void)calendar_free(calendar);
}

START_TEST(shorthands_stand_for_expressions)
{
	check_form("minutely", "*-*-* *:*:00");
	check_form("hourly", "*-*-* *:00:00");
	check_form("daily", "*-*-* 00:00:00");
	check_form("WEEKLY", "Mon *-*-* 00:00:00");
	check_form("monthly", "*-*-01 00:00:00");
	check_form("quarterly", "*-01,04,07,10-01 00:00:00");
	check_form("semiannually", "*-01,07-01 00:00:00");
	check_form("yearly", "*-01-01 00:00:00");
	check_form("annually UTC", "*-01-01 00:00:00 UTC");
}
END_TEST

START_TEST(the_normal_form_is_sorted_and_complete)
{
	check_form("Sat,Thu,Mon..Wed,Sat..Sun", "Mon..Thu,Sat,Sun *-*-* 00:00:00");
	check_form("Mon-Sun 1:2", "*-*-* 01:02:00");
	check_form("friday", "Fri *-*-* 00:00:00");
	check_form("2-1 5:0", "*-02-01 05:00:00");
	check_form("26-2-1", "2026-02-01 00:00:00");
	check_form("89/4-1-1", "1989/4-01-01 00:00:00");
	check_form("*:5,3,5,1..9/2", "*-*-* *:01..09/2,03,05:00");
	check_form("*-*~3", "*-*~03 00:00:00");
	check_form("2~1..3", "*-02~01..03 00:00:00");
	check_form("*-*~*", "*-*-* 00:00:00");
	check_form("0:0:0.5", "*-*-* 00:00:00.500000");
	check_form("0:0:1.25/2.5", "*-*-* 00:00:01.250000/2.500000");
	check_form("*:*:*", "*-*-* *:*:*");
	check_form("*:*:0..51", "*-*-* *:*:00..51");
	check_form("*:*:5,0/1,16/24", "*-*-* *:*:*");
	check_form("*:0/1,5:0", "*-*-* *:00/1,05:00");
	check_form("*:0..1", "*-*-* *:00..01:00");
	check_form("*:5..5", "*-*-* *:05:00");
	check_form("*:5..9/5", "*-*-* *:05:00");
	check_form("@1767225600", "2026-01-01 00:00:00 UTC");
	check_form("daily utc", "*-*-* 00:00:00 UTC");
}
END_TEST

START_TEST(what_does_not_fit_is_cut_off_and_counted)
{
	struct calendar *calendar = make("daily");
	char small[5];

	ck_assert_uint_eq(calendar_format(calendar, NULL, 0), strlen("*-*-* 00:00:00"));
	ck_assert_uint_eq(calendar_format(calendar, small, sizeof(small)),
			  strlen("*-*-* 00:00:00"));
	ck_assert_str_eq(small, "*-*-");
	(void)calendar_free(calendar);
}
END_TEST

START_TEST(refusals_say_where_and_why)
{
	static const struct {
		const char *text;
		size_t position;
		const char *reason;
	} rows[] = {
		{ "", CALENDAR_NOWHERE, "an expression is missing" },
		{ "Mon..", 5, "a range has two ends" },
		{ "Mon..Tue..Wed", 8, "a range has two ends" },
		{ "Fri..Mon", 5, "the range goes backwards" },
		{ "Mon.Tue", 3, "a range is written with two points" },
		{ "Monx", 3, "this cannot follow a weekday" },
		{ "Mon,x", 4, "a weekday should stand here" },
		{ "noon", 0, "a number should stand here" },
		{ "12", 2, "\":\" should stand here" },
		{ "1:2:3:4", 5, "nothing but a time zone can follow here" },
		{ "1:2:3.", 6, "a digit must follow the point" },
		{ "*:0/0", 4, "a repetition of 0" },
		{ "*:*:5..5", 8, "a range of less than a second" },
		{ "2~1-1", 3, "\"~\" stands before the day only" },
		{ "*:0 Mars", 4, "there is no such time zone" },
		{ "99999999999:0", 0, "the number is too large" },
		{ "24:00", CALENDAR_NOWHERE, "an hour that is not 0..23" },
		{ "*-*~29", CALENDAR_NOWHERE, "a day that not every month has, from its end" },
		{ "*:30/30", CALENDAR_NOWHERE, "a repetition that has no room before the end" },
		{ "*:9..3", CALENDAR_NOWHERE, "a range that goes backwards" },
		{ "2200-1-1", CALENDAR_NOWHERE, "a year that is not 1970..2199" },
		{ "@99999999999", 0, "after the year 2199" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct calendar_error error = { 0 };
		struct calendar *calendar;

		ck_assert_msg(calendar_new(rows[i].text, zone_utc, NULL, &calendar, &error) ==
				      CALENDAR_E_SYNTAX,
			      "%s", rows[i].text);
		ck_assert_str_eq(error.reason, rows[i].reason);
		ck_assert_msg(error.position == rows[i].position, "%s: %zu", rows[i].text,
			      error.position);
	}
}
END_TEST

START_TEST(the_name_of_a_zone_is_found)
{
	ck_assert_str_eq(calendar_zone_name("daily Europe/Berlin", zone_utc), "Europe/Berlin");
	ck_assert_str_eq(calendar_zone_name("1:00 CET", zone_utc), "CET");
	ck_assert_ptr_null(calendar_zone_name("daily UTC", zone_utc));
	ck_assert_ptr_null(calendar_zone_name("daily", zone_utc));
	ck_assert_ptr_null(calendar_zone_name("Mon 12:00", zone_utc));
	ck_assert_ptr_null(calendar_zone_name("Mon 2026-01-01", zone_utc));
	ck_assert_ptr_null(calendar_zone_name("1:00 ../x", zone_utc));
}
END_TEST

/* Seconds after START of the first times; -1 ends them where there are no more. */
static void check_next(const char *text, const int64_t *wanted_sec, size_t count)
{
	struct calendar *calendar = make(text);
	int64_t now_usec = START, next_usec;

	for (size_t i = 0; i < count; i++) {
		if (wanted_sec[i] < 0) {
			ck_assert_int_eq(calendar_next(calendar, now_usec, &next_usec),
					 CALENDAR_E_NEVER);
			break;
		}
		ck_assert_int_eq(calendar_next(calendar, now_usec, &next_usec), 0);
		ck_assert_msg(next_usec == START + wanted_sec[i] * SECOND, "%s: %ld", text,
			      (long)((next_usec - START) / SECOND));
		now_usec = next_usec;
	}
	(void)calendar_free(calendar);
}

#define CHECK_NEXT(text, ...)                                                                      \
	do {                                                                                       \
		static const int64_t wanted_[] = { __VA_ARGS__ };                                  \
		check_next(text, wanted_, sizeof(wanted_) / sizeof(wanted_[0]));                   \
	} while (0)

#define DAY INT64_C(86400)

START_TEST(times_come_strictly_after)
{
	CHECK_NEXT("daily", DAY, 2 * DAY);
	CHECK_NEXT("*:*:*", 1, 2, 3);
	CHECK_NEXT("*:0/20", 1200, 2400, 3600);
	CHECK_NEXT("Sat 6:00", 2 * DAY + 21600, 9 * DAY + 21600);
	CHECK_NEXT("2026-1-1 0:0:1", 1, -1);
	CHECK_NEXT("*-*~1", 30 * DAY, 58 * DAY);
	CHECK_NEXT("*-2-29", 789 * DAY, 2250 * DAY);
	CHECK_NEXT("2020-1-1", -1);
	CHECK_NEXT("*-2-30", -1);
}
END_TEST

START_TEST(fractions_of_seconds_count)
{
	struct calendar *calendar = make("*:*:0.25/0.5");
	int64_t next_usec;

	ck_assert_int_eq(calendar_next(calendar, START, &next_usec), 0);
	ck_assert_int_eq(next_usec, START + 250000);
	ck_assert_int_eq(calendar_next(calendar, START + 249999, &next_usec), 0);
	ck_assert_int_eq(next_usec, START + 250000);
	ck_assert_int_eq(calendar_next(calendar, START + 250000, &next_usec), 0);
	ck_assert_int_eq(next_usec, START + 750000);
	(void)calendar_free(calendar);
}
END_TEST

START_TEST(at_both_ends_of_time_there_is_an_answer)
{
	struct calendar *calendar = make("daily");
	int64_t next_usec;

	ck_assert_int_eq(calendar_next(calendar, INT64_MIN, &next_usec), 0);
	ck_assert_int_eq(next_usec, 0);
	ck_assert_int_eq(calendar_next(calendar, INT64_MAX, &next_usec), CALENDAR_E_NEVER);
	ck_assert_int_eq(calendar_next(calendar, CALENDAR_END_USEC - 1, &next_usec),
			 CALENDAR_E_NEVER);
	(void)calendar_free(calendar);
}
END_TEST

/* Skips nothing, repeats nothing, wherever it starts: with a zone that the system has. */
START_TEST(in_a_fold_it_never_goes_back)
{
	static char bytes[ZONE_FILE_BYTES_MAX];
	FILE *stream = fopen("/usr/share/zoneinfo/Europe/Berlin", "r");
	struct calendar_error error;
	struct calendar *calendar;
	int64_t next_usec, now_usec;
	struct zone *zone;

	if (!stream)
		return;
	ck_assert_int_eq(zone_new(bytes, fread(bytes, 1, sizeof(bytes), stream), &zone), 0);
	(void)fclose(stream);
	ck_assert_int_eq(calendar_new("*-10~01..28/1 *:*", zone, NULL, &calendar, &error), 0);
	/* 2026-10-25 02:00:30 CEST, for two hours, each pass of the fold once. */
	now_usec = INT64_C(1792886430) * SECOND;
	for (int i = 0; i < 240; i++, now_usec += 30 * SECOND) {
		ck_assert_int_eq(calendar_next(calendar, now_usec, &next_usec), 0);
		ck_assert_int_gt(next_usec, now_usec);
		ck_assert_int_le(next_usec, now_usec + 3660 * SECOND);
	}
	(void)calendar_free(calendar);
	(void)zone_free(zone);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("calendar");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, all);
	tcase_add_test(all, shorthands_stand_for_expressions);
	tcase_add_test(all, the_normal_form_is_sorted_and_complete);
	tcase_add_test(all, what_does_not_fit_is_cut_off_and_counted);
	tcase_add_test(all, refusals_say_where_and_why);
	tcase_add_test(all, the_name_of_a_zone_is_found);
	tcase_add_test(all, times_come_strictly_after);
	tcase_add_test(all, fractions_of_seconds_count);
	tcase_add_test(all, at_both_ends_of_time_there_is_an_answer);
	tcase_add_test(all, in_a_fold_it_never_goes_back);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
