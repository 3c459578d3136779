/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/zone_rule.h"

#include <ctype.h>

#define MONTHS 12
#define HOUR_SEC 3600
#define OFFSET_HOURS_MAX 24
#define TIME_HOURS_MAX 167 /* a week, which is how rules say "the day before the last Sunday" */

/* ---- days ---- */

static int64_t floor_div(int64_t number, int64_t by)
{
	return number / by - (number % by < 0);
}

/*
 * Years are counted from March on, so that the day which comes and goes is the last one, and
 * in cycles of 400, after which everything repeats.
 */
#define CYCLE_YEARS 400
#define CYCLE_DAYS 146097
#define EPOCH_DAYS 719468 /* from March of the year 0 to 1970-01-01 */

int64_t zone_days(int64_t year, int month, int64_t day)
{
	int64_t from_march = month > 2 ? month - 3 : month + 9;
	int64_t march_year = year - (month <= 2);
	int64_t cycle = floor_div(march_year, CYCLE_YEARS);
	int64_t in_cycle = march_year - cycle * CYCLE_YEARS;

	return cycle * CYCLE_DAYS + in_cycle * 365 + in_cycle / 4 - in_cycle / 100 +
	       (153 * from_march + 2) / 5 + day - 1 - EPOCH_DAYS;
}

void zone_date(int64_t days, int *ret_year, int *ret_month, int *ret_day)
{
	int64_t cycle, in_cycle, year, in_year, from_march;

	days += EPOCH_DAYS;
	cycle = floor_div(days, CYCLE_DAYS);
	in_cycle = days - cycle * CYCLE_DAYS;
	year = (in_cycle - in_cycle / 1460 + in_cycle / 36524 - in_cycle / 146096) / 365;
	in_year = in_cycle - (365 * year + year / 4 - year / 100);
	from_march = (5 * in_year + 2) / 153;
	*ret_day = (int)(in_year - (153 * from_march + 2) / 5 + 1);
	*ret_month = (int)(from_march < 10 ? from_march + 3 : from_march - 9);
	*ret_year = (int)(year + cycle * CYCLE_YEARS) + (*ret_month <= 2);
}

int zone_weekday(int64_t days)
{
	/* 1970-01-01 was a Thursday. */
	int64_t weekday = (days + 4) % 7;

	return (int)(weekday < 0 ? weekday + 7 : weekday);
}

static bool is_leap(int64_t year)
{
	return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

/* ---- the notation ---- */

struct reader {
	const char *at;
	const char *end;
};

static bool take(struct reader *reader, char character)
{
	if (reader->at == reader->end || *reader->at != character)
		return false;
	reader->at++;
	return true;
}

static bool read_number(struct reader *reader, int minimum, int maximum, int *ret_number)
{
	const char *start = reader->at;
	int number = 0;

	while (reader->at < reader->end && isdigit((unsigned char)*reader->at) && number < 1000)
		number = number * 10 + (*reader->at++ - '0');
	if (reader->at == start || number < minimum || number > maximum)
		return false;
	*ret_number = number;
	return true;
}

/* "+5:30", "-3", "2:00:00" */
static bool read_time(struct reader *reader, int hours_max, int32_t *ret_sec)
{
	bool negative = take(reader, '-');
	int hours, minutes = 0, seconds = 0;

	if (!negative)
		(void)take(reader, '+');
	if (!read_number(reader, 0, hours_max, &hours))
		return false;
	if (take(reader, ':')) {
		if (!read_number(reader, 0, 59, &minutes))
			return false;
		if (take(reader, ':') && !read_number(reader, 0, 59, &seconds))
			return false;
	}
	*ret_sec = (int32_t)(hours * HOUR_SEC + minutes * 60 + seconds);
	if (negative)
		*ret_sec = -*ret_sec;
	return true;
}

/* Abbreviations stand in the table of the file as well; here they are passed over. */
static bool skip_name(struct reader *reader)
{
	const char *start = reader->at;

	if (take(reader, '<')) {
		while (reader->at < reader->end && *reader->at != '>')
			reader->at++;
		return take(reader, '>');
	}
	while (reader->at < reader->end && isalpha((unsigned char)*reader->at))
		reader->at++;
	return reader->at - start >= 3;
}

static bool read_day(struct reader *reader, struct zone_rule_day *day)
{
	day->time_sec = 2 * HOUR_SEC;
	if (take(reader, 'M')) {
		day->kind = ZONE_DAY_WEEKDAY;
		if (!read_number(reader, 1, MONTHS, &day->month) || !take(reader, '.') ||
		    !read_number(reader, 1, 5, &day->week) || !take(reader, '.') ||
		    !read_number(reader, 0, 6, &day->weekday))
			return false;
	} else if (take(reader, 'J')) {
		day->kind = ZONE_DAY_OF_365;
		if (!read_number(reader, 1, 365, &day->day))
			return false;
	} else {
		day->kind = ZONE_DAY_OF_YEAR;
		if (!read_number(reader, 0, 365, &day->day))
			return false;
	}
	return !take(reader, '/') || read_time(reader, TIME_HOURS_MAX, &day->time_sec);
}

/* An offset is written as what is to be added to local time; we keep what local time is ahead. */
static bool read_offset(struct reader *reader, int32_t *ret_offset_sec)
{
	if (!read_time(reader, OFFSET_HOURS_MAX, ret_offset_sec))
		return false;
	*ret_offset_sec = -*ret_offset_sec;
	return true;
}

bool zone_rule_parse(const char *text, size_t length, struct zone_rule *ret_rule)
{
	struct reader reader = { text, text + length };
	struct zone_rule rule = { 0 };

	if (!skip_name(&reader) || !read_offset(&reader, &rule.offset_sec))
		return false;
	if (reader.at < reader.end) {
		rule.has_daylight = true;
		rule.daylight_offset_sec = rule.offset_sec + HOUR_SEC;
		if (!skip_name(&reader))
			return false;
		if (reader.at < reader.end && *reader.at != ',' &&
		    !read_offset(&reader, &rule.daylight_offset_sec))
			return false;
		if (!take(&reader, ',') || !read_day(&reader, &rule.begin) || !take(&reader, ',') ||
		    !read_day(&reader, &rule.end))
			return false;
	}
	if (reader.at < reader.end)
		return false;
	*ret_rule = rule;
	return true;
}

/* ---- the rule at work ---- */

static int64_t find_weekday(int64_t year, const struct zone_rule_day *day)
{
	int64_t first = zone_days(year, day->month, 1);
	int64_t next_month = day->month == MONTHS ? zone_days(year + 1, 1, 1) :
						    zone_days(year, day->month + 1, 1);
	int64_t found = first + (day->weekday - zone_weekday(first) + 7) % 7 + (day->week - 1) * 7;

	while (found >= next_month)
		found -= 7;
	return found;
}

/* In seconds since 1970 of a clock that shows local time. */
static int64_t day_begin(int64_t year, const struct zone_rule_day *day)
{
	int64_t days;

	switch (day->kind) {
	case ZONE_DAY_WEEKDAY:
		days = find_weekday(year, day);
		break;
	case ZONE_DAY_OF_365:
		days = zone_days(year, 1, day->day) + (is_leap(year) && day->day >= 60);
		break;
	default:
		days = zone_days(year, 1, 1 + day->day);
		break;
	}
	return days * ZONE_DAY_SEC + day->time_sec;
}

int32_t zone_rule_offset(const struct zone_rule *rule, int64_t utc_sec, bool *ret_daylight)
{
	int64_t begin_sec, end_sec;
	int year, month, day;

	*ret_daylight = false;
	if (!rule->has_daylight)
		return rule->offset_sec;
	zone_date(floor_div(utc_sec, ZONE_DAY_SEC), &year, &month, &day);
	begin_sec = day_begin(year, &rule->begin) - rule->offset_sec;
	end_sec = day_begin(year, &rule->end) - rule->daylight_offset_sec;
	/* South of the equator it is summer at both ends of the year. */
	if (begin_sec > end_sec)
		*ret_daylight = utc_sec < end_sec || utc_sec >= begin_sec;
	else
		*ret_daylight = utc_sec >= begin_sec && utc_sec < end_sec;
	return *ret_daylight ? rule->daylight_offset_sec : rule->offset_sec;
}
