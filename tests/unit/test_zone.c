/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/zone.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/core/zone_rule.h"

static char file[ZONE_FILE_BYTES_MAX];

/* Skips the test, by NULL, where the system has no such zone. */
static struct zone *load(const char *name)
{
	struct zone *zone;
	char path[256];
	size_t length;
	FILE *stream;

	(void)snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", name);
	stream = fopen(path, "r");
	if (!stream)
		return NULL;
	length = fread(file, 1, sizeof(file), stream);
	(void)fclose(stream);
	ck_assert_int_eq(zone_new(file, length, &zone), 0);
	return zone;
}

/* ---- files made here ---- */

struct maker {
	char bytes[2048];
	size_t length;
};

static void put_32(struct maker *maker, uint32_t number)
{
	for (int shift = 24; shift >= 0; shift -= 8)
		maker->bytes[maker->length++] = (char)(number >> shift);
}

static void put_header(struct maker *maker, char version, uint32_t leaps, uint32_t times,
		       uint32_t types)
{
	memcpy(maker->bytes + maker->length, "TZif", 4);
	maker->bytes[maker->length + 4] = version;
	memset(maker->bytes + maker->length + 5, 0, 15);
	maker->length += 20;
	put_32(maker, 0);
	put_32(maker, 0);
	put_32(maker, leaps);
	put_32(maker, times);
	put_32(maker, types);
	put_32(maker, 8);
}

/* Two types, AAA and an hour more BBB; from 1000 s on the second one. */
static void put_body(struct maker *maker, bool wide)
{
	if (wide)
		put_32(maker, 0);
	put_32(maker, 1000);
	maker->bytes[maker->length++] = 1;
	put_32(maker, 0);
	memcpy(maker->bytes + maker->length, "\0\0", 2);
	maker->length += 2;
	put_32(maker, 3600);
	memcpy(maker->bytes + maker->length, "\1\4", 2);
	maker->length += 2;
	memcpy(maker->bytes + maker->length, "AAA\0BBB\0", 8);
	maker->length += 8;
}

static struct maker make_file(char version, const char *footer)
{
	struct maker maker = { .length = 0 };

	put_header(&maker, version, 0, 1, 2);
	put_body(&maker, false);
	if (version != '\0') {
		put_header(&maker, version, 0, 1, 2);
		put_body(&maker, true);
		memcpy(maker.bytes + maker.length, footer, strlen(footer));
		maker.length += strlen(footer);
	}
	return maker;
}

static int64_t offset_of(const struct zone *zone, int64_t utc_sec)
{
	struct zone_memory memory;
	struct zone_local local;

	zone_to_local(zone, utc_sec, &local, &memory);
	return memory.offset_sec;
}

START_TEST(files_of_the_first_version_end_with_their_last_type)
{
	struct maker maker = make_file('\0', "");
	struct zone *zone;

	ck_assert_int_eq(zone_new(maker.bytes, maker.length, &zone), 0);
	ck_assert_int_eq(offset_of(zone, 999), 0);
	ck_assert_int_eq(offset_of(zone, 1000), 3600);
	ck_assert_int_eq(offset_of(zone, INT64_C(5000000000)), 3600);
	ck_assert_str_eq(zone_abbreviation(zone, false), "AAA");
	ck_assert_str_eq(zone_abbreviation(zone, true), "BBB");
	(void)zone_free(zone);
}
END_TEST

START_TEST(after_the_last_transition_the_rule_holds)
{
	struct maker maker = make_file('2', "\nXXX-2YYY,J60/0,J300/0\n");
	struct zone *zone;

	ck_assert_int_eq(zone_new(maker.bytes, maker.length, &zone), 0);
	ck_assert_int_eq(offset_of(zone, 999), 0);
	/* 2024-02-29 and 2024-03-01, which J60 is in every year. */
	ck_assert_int_eq(offset_of(zone, 1709208000), 7200);
	ck_assert_int_eq(offset_of(zone, 1709294400), 10800);
	(void)zone_free(zone);
}
END_TEST

START_TEST(damaged_files_are_refused)
{
	struct maker good = make_file('2', "\nXXX-2YYY,J60/0,J300/0\n");
	struct zone *zone;

	for (size_t length = 0; length < good.length; length++) {
		/* A copy of its own, so that reading on is noticed. */
		char *copy = malloc(length + 1);

		memcpy(copy, good.bytes, length);
		ck_assert_int_eq(zone_new(copy, length, &zone), ZONE_E_BAD);
		free(copy);
	}
	for (size_t i = 0; i < good.length; i++) {
		struct maker bad = good;

		bad.bytes[i] ^= 0x5a;
		if (zone_new(bad.bytes, bad.length, &zone) == 0)
			(void)zone_free(zone);
	}
}
END_TEST

START_TEST(leap_seconds_are_refused)
{
	struct maker maker = { .length = 0 };
	struct zone *zone;

	put_header(&maker, '\0', 1, 1, 2);
	put_body(&maker, false);
	put_32(&maker, 0);
	put_32(&maker, 1);
	ck_assert_int_eq(zone_new(maker.bytes, maker.length, &zone), ZONE_E_BAD);
}
END_TEST

START_TEST(a_bad_rule_is_no_rule)
{
	static const char *const texts[] = { "X",
					     "CET",
					     "CET-1CEST",
					     "CET-1CEST,M3.5.0",
					     "CET-25",
					     "CET-1CEST,M13.5.0,M10.5.0",
					     "CET-1CEST,M3.6.0,M10.5.0",
					     "CET-1CEST,M3.5.7,M10.5.0",
					     "CET-1CEST,J0,J5",
					     "CET-1CEST,J366,J5",
					     "CET-1CEST,366,5",
					     "CET-1CEST,M3.5.0/168,M10.5.0",
					     "CET-1,M3.5.0,M10.5.0",
					     "<+01-1",
					     "CET-1 " };
	struct zone_rule rule;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		ck_assert_msg(!zone_rule_parse(texts[i], strlen(texts[i]), &rule), "%s", texts[i]);
}
END_TEST

START_TEST(days_and_dates_are_each_others_inverse)
{
	for (int64_t days = -800000; days < 800000; days += 37) {
		int year, month, day;

		zone_date(days, &year, &month, &day);
		ck_assert_int_ge(month, 1);
		ck_assert_int_le(month, 12);
		ck_assert_int_ge(day, 1);
		ck_assert_int_le(day, 31);
		ck_assert_int_eq(zone_days(year, month, day), days);
	}
	ck_assert_int_eq(zone_days(1970, 1, 1), 0);
	ck_assert_int_eq(zone_days(2000, 3, 1), 11017);
	ck_assert_int_eq(zone_weekday(0), 4);
	ck_assert_int_eq(zone_weekday(-5), 6);
}
END_TEST

START_TEST(names_that_lead_elsewhere_are_none)
{
	static const char *const good[] = { "UTC", "Europe/Berlin", "Etc/GMT+5",
					    "America/Argentina/La_Rioja" };
	static const char *const bad[] = { "",	   "/UTC", "Europe/", "../x",	 "a/../b",
					   "a//b", "a b",  "a.tab",   "\xc3\xa4" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(zone_name_is_valid(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!zone_name_is_valid(bad[i]), "%s", bad[i]);
}
END_TEST

START_TEST(utc_needs_no_file)
{
	struct zone_local local = { 2024, 14, 0, 24, 60, 61, -1 };
	struct zone_memory memory = { 0 };
	int64_t utc_sec;

	ck_assert(zone_to_utc(zone_utc, &local, &memory, &utc_sec));
	/* The month after December 2024 is January; day 0 is the one before February. */
	ck_assert_int_eq(local.year, 2025);
	ck_assert_int_eq(local.month, 2);
	ck_assert_int_eq(local.day, 1);
	ck_assert_int_eq(local.hour, 1);
	ck_assert_int_eq(local.minute, 1);
	ck_assert_int_eq(local.second, 1);
	ck_assert_int_eq(utc_sec, 1738371661);
	ck_assert_str_eq(zone_abbreviation(zone_utc, true), "UTC");
}
END_TEST

/* The same time with the C library, which remembers the offset of last time as well. */
static void compare(const struct zone *zone, struct tm *broken, struct zone_memory *memory,
		    const char *name)
{
	struct zone_local local = { broken->tm_year + 1900, broken->tm_mon + 1, broken->tm_mday,
				    broken->tm_hour,	    broken->tm_min,	broken->tm_sec,
				    broken->tm_isdst };
	struct tm asked = *broken;
	time_t expected = mktime(broken);
	int64_t utc_sec = -1;

	(void)zone_to_utc(zone, &local, memory, &utc_sec);
	ck_assert_msg(utc_sec == expected, "%s %d-%d-%d %d:%d:%d (%d): %ld, not %ld", name,
		      asked.tm_year + 1900, asked.tm_mon + 1, asked.tm_mday, asked.tm_hour,
		      asked.tm_min, asked.tm_sec, asked.tm_isdst, (long)utc_sec, (long)expected);
	ck_assert_int_eq(local.hour, broken->tm_hour);
	ck_assert_int_eq(local.day, broken->tm_mday);
	ck_assert_int_eq(local.daylight, broken->tm_isdst);
}

/* On to the next time the clock is moved, and a little around it. */
static time_t near_transition(time_t start)
{
	struct tm now, later;
	time_t low = start, high;

	(void)localtime_r(&low, &now);
	for (int week = 0; week < 60; week++) {
		high = low + 604800;
		(void)localtime_r(&high, &later);
		if (later.tm_gmtoff != now.tm_gmtoff)
			break;
		low = high;
	}
	while (high - low > 1) {
		time_t middle = low + (high - low) / 2;

		(void)localtime_r(&middle, &later);
		if (later.tm_gmtoff == now.tm_gmtoff)
			low = middle;
		else
			high = middle;
	}
	return high + random() % 14400 - 7200;
}

START_TEST(local_times_are_those_of_the_c_library_in_gaps_and_folds_too)
{
	static const char *const names[] = { "Europe/Berlin",	    "America/New_York",
					     "Australia/Lord_Howe", "Africa/Casablanca",
					     "Europe/Dublin",	    "Pacific/Apia",
					     "Asia/Kolkata" };
	struct zone_memory memory = { 0 };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		struct zone *zone = load(names[i]);

		if (!zone)
			continue;
		ck_assert_int_eq(setenv("TZ", names[i], 1), 0);
		tzset();
		ck_assert_str_eq(zone_abbreviation(zone, false), tzname[0]);
		ck_assert_str_eq(zone_abbreviation(zone, true), tzname[1]);
		for (int round = 0; round < 600; round++) {
			time_t start = 31536000 + random() * 3 % 7000000000;
			struct tm broken;

			start = near_transition(start);
			(void)localtime_r(&start, &broken);
			broken.tm_hour += (int)(random() % 5) - 2;
			broken.tm_min += (int)(random() % 90) - 10;
			broken.tm_sec += (int)(random() % 90) - 10;
			broken.tm_isdst = random() % 2 ? -1 : (int)(random() % 2);
			compare(zone, &broken, &memory, names[i]);
		}
		(void)zone_free(zone);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("zone");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, all);
	tcase_set_timeout(all, 60);
	tcase_add_test(all, files_of_the_first_version_end_with_their_last_type);
	tcase_add_test(all, after_the_last_transition_the_rule_holds);
	tcase_add_test(all, damaged_files_are_refused);
	tcase_add_test(all, leap_seconds_are_refused);
	tcase_add_test(all, a_bad_rule_is_no_rule);
	tcase_add_test(all, days_and_dates_are_each_others_inverse);
	tcase_add_test(all, names_that_lead_elsewhere_are_none);
	tcase_add_test(all, utc_needs_no_file);
	tcase_add_test(all, local_times_are_those_of_the_c_library_in_gaps_and_folds_too);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
