/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/moment.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define USEC_PER_SEC INT64_C(1000000)
#define NEAR_USEC (12 * 3600 * USEC_PER_SEC)
#define WEEK_DAYS 7
#define SECONDS_MAX INT64_C(253402300799) /* the end of the year 9999 */

static int parse_seconds(const char *text, int64_t *ret_usec)
{
	int64_t seconds = 0;

	if (*text == '\0')
		return -EINVAL;
	for (; *text != '\0'; text++) {
		if (!isdigit((unsigned char)*text))
			return -EINVAL;
		seconds = seconds * 10 + (*text - '0');
		if (seconds > SECONDS_MAX)
			return -EINVAL;
	}
	*ret_usec = seconds * USEC_PER_SEC;
	return 0;
}

/* The text behind what was read, or NULL. */
static const char *parse_date(const char *text, struct tm *ret_time)
{
	static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d" };

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		const char *end;

		*ret_time = (struct tm){ .tm_isdst = -1 };
		end = strptime(text, formats[i], ret_time);
		if (end && (*end == '\0' || strcmp(end, " UTC") == 0))
			return end;
	}
	return NULL;
}

int moment_parse(const char *text, int64_t now_usec, int64_t *ret_usec)
{
	struct tm broken, wanted;
	const char *end;
	time_t seconds;

	if (strcmp(text, "now") == 0) {
		*ret_usec = now_usec;
		return 0;
	}
	if (text[0] == '@')
		return parse_seconds(text + 1, ret_usec);
	end = parse_date(text, &broken);
	if (!end)
		return -EINVAL;
	wanted = broken;
	seconds = *end == '\0' ? mktime(&broken) : timegm(&broken);
	/* February 30 is no March 2 here. */
	if (seconds < 0 || broken.tm_mday != wanted.tm_mday)
		return -EINVAL;
	*ret_usec = (int64_t)seconds * USEC_PER_SEC;
	return 0;
}

/* What is smaller than the second unit says nothing to a reader. */
uint64_t moment_round_span(uint64_t usec)
{
	static const uint64_t units_sec[] = { 31557600, 2629800, 604800, 86400, 3600, 60, 1 };
	size_t count = sizeof(units_sec) / sizeof(units_sec[0]);

	for (size_t i = 0; i + 1 < count; i++)
		if (usec >= units_sec[i] * USEC_PER_SEC) {
			uint64_t rest = usec % (units_sec[i] * USEC_PER_SEC);

			return usec - rest % (units_sec[i + 1] * USEC_PER_SEC);
		}
	return usec >= USEC_PER_SEC ? usec - usec % USEC_PER_SEC : usec - usec % 1000;
}

const char *moment_format_distance(int64_t usec, int64_t now_usec,
				   char text[static UNITS_TEXT_BYTES + 8])
{
	char span[UNITS_TEXT_BYTES];
	bool ahead = usec > now_usec;
	uint64_t distance =
		ahead ? (uint64_t)usec - (uint64_t)now_usec : (uint64_t)now_usec - (uint64_t)usec;

	distance = moment_round_span(distance);
	if (distance == 0)
		(void)snprintf(text, UNITS_TEXT_BYTES + 8, "now");
	else
		(void)snprintf(text, UNITS_TEXT_BYTES + 8, ahead ? "in %s" : "%s ago",
			       units_format_span(distance, span));
	return text;
}

/* How many days lie between two dates, by the calendar. */
static int64_t count_days(const struct tm *from, const struct tm *to)
{
	struct tm first = { .tm_year = from->tm_year, .tm_mon = from->tm_mon };
	struct tm last = { .tm_year = to->tm_year, .tm_mon = to->tm_mon };

	first.tm_mday = from->tm_mday;
	last.tm_mday = to->tm_mday;
	return ((int64_t)timegm(&last) - (int64_t)timegm(&first)) / 86400;
}

static const char *format_of_day(int64_t days)
{
	if (days == 0)
		return "today %H:%M";
	if (days == 1)
		return "tomorrow %H:%M";
	if (days == -1)
		return "yesterday %H:%M";
	return days > 0 && days < WEEK_DAYS ? "%a %H:%M" : "%Y-%m-%d %H:%M";
}

const char *moment_format_when(int64_t usec, int64_t now_usec,
			       char text[static UNITS_TEXT_BYTES + 8])
{
	time_t then = (time_t)(usec / USEC_PER_SEC), now = (time_t)(now_usec / USEC_PER_SEC);
	struct tm broken, today;

	if ((usec > now_usec ? usec - now_usec : now_usec - usec) < NEAR_USEC ||
	    !localtime_r(&then, &broken) || !localtime_r(&now, &today) ||
	    strftime(text, UNITS_TEXT_BYTES, format_of_day(count_days(&today, &broken)), &broken) ==
		    0)
		return moment_format_distance(usec, now_usec, text);
	return text;
}

int64_t moment_now_usec(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	return (int64_t)now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
}
