/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_ZONE_RULE_H
#define FOREBAY_CORE_ZONE_RULE_H

/*
 * The last line of a TZif file: the rule for all times after those that are listed, in the
 * notation of POSIX's TZ ("CET-1CEST,M3.5.0,M10.5.0/3"). And the counting of days, which
 * zones are made of. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ZONE_DAY_SEC 86400

struct zone_rule_day {
	enum {
		ZONE_DAY_WEEKDAY, /* the `week`th `weekday` of `month`; 5 is the last one */
		ZONE_DAY_OF_365,  /* `day` from 1 on, February 29 is never counted */
		ZONE_DAY_OF_YEAR, /* `day` from 0 on */
	} kind;
	int month;
	int week;
	int weekday; /* 0: Sunday */
	int day;
	int32_t time_sec; /* local time, from the day's beginning on; may be negative */
};

struct zone_rule {
	int32_t offset_sec; /* to the east, without daylight saving */
	bool has_daylight;
	int32_t daylight_offset_sec;
	struct zone_rule_day begin; /* of daylight saving */
	struct zone_rule_day end;
};

/* False: not in this notation. */
bool zone_rule_parse(const char *text, size_t length, struct zone_rule *ret_rule);

/* The offset that the rule gives, and whether that is daylight saving. */
int32_t zone_rule_offset(const struct zone_rule *rule, int64_t utc_sec, bool *ret_daylight);

/* Days since 1970-01-01; `month` 1..12, `day` may be anything. */
int64_t zone_days(int64_t year, int month, int64_t day);

/* The other way round. */
void zone_date(int64_t days, int *ret_year, int *ret_month, int *ret_day);

/* 0: Sunday. */
int zone_weekday(int64_t days);

#endif
