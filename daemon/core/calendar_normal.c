/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/calendar_parts.h"

#include <stdlib.h>

/* From what was written to the normal form, and whether that makes sense. */

static int compare_parts(const void *first, const void *second)
{
	const struct calendar_part *a = first, *b = second;

	if (a->start != b->start)
		return a->start < b->start ? -1 : 1;
	if (a->stop != b->stop)
		return a->stop < b->stop ? -1 : 1;
	return (a->repeat > b->repeat) - (a->repeat < b->repeat);
}

static void normalize_chain(struct calendar_chain *chain, struct calendar_part *parts)
{
	size_t kept = 0;

	for (size_t i = 0; i < chain->count; i++) {
		struct calendar_part *part = &parts[i];

		if (part->stop > part->start && part->repeat > 0)
			part->stop -= (part->stop - part->start) % part->repeat;
		/* A repetition that comes to nothing. */
		if (part->start == part->stop || (part->stop > part->start && part->repeat > 0 &&
						  part->start + part->repeat > part->stop))
			*part = (struct calendar_part){ part->start, -1, 0 };
	}
	qsort(parts, chain->count, sizeof(*parts), compare_parts);
	for (size_t i = 0; i < chain->count; i++)
		if (i == 0 || compare_parts(&parts[i], &parts[kept - 1]) != 0)
			parts[kept++] = parts[i];
	chain->count = kept;
}

/* 12 is 2012, 89 is 1989. */
static int full_year(int year)
{
	if (year < 0 || year >= 100)
		return year;
	return year + (year < 70 ? 2000 : 1900);
}

void calendar_draft_normalize(struct calendar_draft *draft)
{
	struct calendar *head = &draft->head;

	if (head->weekdays == CALENDAR_WEEKDAYS_ALL)
		head->weekdays = 0;
	if (head->chains[CALENDAR_DAY].count == 0)
		head->end_of_month = false;
	for (size_t i = 0; i < head->chains[CALENDAR_YEAR].count; i++) {
		struct calendar_part *part = &draft->parts[CALENDAR_YEAR][i];

		part->start = full_year(part->start);
		part->stop = full_year(part->stop);
	}
	for (size_t i = 0; i < CALENDAR_FIELDS; i++)
		normalize_chain(&head->chains[i], draft->parts[i]);
}

static const struct range {
	int from;
	int to;
	const char *reason;
} ranges[] = {
	[CALENDAR_YEAR] = { CALENDAR_YEAR_MIN, CALENDAR_YEAR_MAX, "a year that is not 1970..2199" },
	[CALENDAR_MONTH] = { 1, 12, "a month that is not 1..12" },
	[CALENDAR_DAY] = { 1, 31, "a day that is not 1..31" },
	[CALENDAR_HOUR] = { 0, 23, "an hour that is not 0..23" },
	[CALENDAR_MINUTE] = { 0, 59, "a minute that is not 0..59" },
	[CALENDAR_USEC] = { 0, 60 * CALENDAR_USEC_PER_SEC - 1, "a second that is not below 60" },
};

static const char *find_fault_in(const struct calendar_part *part, const struct range *range,
				 bool end_of_month)
{
	static const char no_room[] = "a repetition that has no room before the end";

	if (part->start < range->from || part->start > range->to)
		return range->reason;
	if (part->repeat > range->to - range->from)
		return no_room;
	if (part->stop >= 0) {
		if (part->stop < range->from || part->stop > range->to)
			return range->reason;
		return part->start + part->repeat > part->stop ? "a range that goes backwards" :
								 NULL;
	}
	if (end_of_month)
		return part->start - part->repeat < range->from ? no_room : NULL;
	return part->start + part->repeat > range->to ? no_room : NULL;
}

const char *calendar_draft_find_fault(const struct calendar_draft *draft)
{
	for (size_t i = 0; i < CALENDAR_FIELDS; i++) {
		bool end_of_month = draft->head.end_of_month && i == CALENDAR_DAY;
		struct range range = ranges[i];

		for (size_t k = 0; k < draft->head.chains[i].count; k++) {
			const char *fault;

			/*
			 * Every month has 28 days to count back. systemd takes three off
			 * again for each further part, and so it has to be here.
			 */
			if (end_of_month) {
				range.to -= 3;
				range.reason = "a day that not every month has, from its end";
			}
			fault = find_fault_in(&draft->parts[i][k], &range, end_of_month);
			if (fault)
				return fault;
		}
	}
	return NULL;
}
