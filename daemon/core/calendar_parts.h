/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_CALENDAR_PARTS_H
#define FOREBAY_CORE_CALENDAR_PARTS_H

/* What a calendar is made of, for the files that read, write and search one. */

#include <stdbool.h>
#include <stddef.h>

#include "daemon/core/zone.h"

#define CALENDAR_USEC_PER_SEC 1000000
#define CALENDAR_YEAR_MIN 1970
#define CALENDAR_YEAR_MAX 2199
#define CALENDAR_WEEKDAYS_ALL 127

/* From the largest to the smallest: the search goes from one to the next. */
enum calendar_field {
	CALENDAR_YEAR,
	CALENDAR_MONTH,
	CALENDAR_DAY,
	CALENDAR_HOUR,
	CALENDAR_MINUTE,
	CALENDAR_USEC, /* seconds, in microseconds */
};
#define CALENDAR_FIELDS (CALENDAR_USEC + 1)

/* One of those between commas: "5", "5/2", "5..9", "5..9/2". */
struct calendar_part {
	int start;
	int stop;   /* -1: none */
	int repeat; /* 0: not */
};

/* No parts: any value does. */
struct calendar_chain {
	size_t first; /* of calendar::parts */
	size_t count;
};

struct calendar {
	unsigned int weekdays; /* bit 0: Monday; 0: all */
	bool end_of_month;     /* days are counted from the last one back */
	bool utc;
	int daylight; /* asked for by an abbreviation; -1: not */
	char zone_name[ZONE_NAME_BYTES];
	const struct zone *zone;
	struct calendar_chain chains[CALENDAR_FIELDS];
	struct calendar_part parts[];
};

/* More than anybody writes between two separators; systemd draws the line here. */
#define CALENDAR_CHAIN_PARTS_MAX 241

/* A calendar while it is read. Its chains begin at 0, each in an array of its own. */
struct calendar_draft {
	struct calendar_part parts[CALENDAR_FIELDS][CALENDAR_CHAIN_PARTS_MAX];
	struct calendar head; /* its own parts are not used: last, because their number is open */
};

/* Sorts, drops what stands there twice, fills in centuries. */
void calendar_draft_normalize(struct calendar_draft *draft);

/* For a draft in normal form: why there can be no such calendar, a constant text; or NULL. */
const char *calendar_draft_find_fault(const struct calendar_draft *draft);

#endif
