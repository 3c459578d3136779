/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_MOMENT_H
#define FOREBAY_CLIENT_MOMENT_H

/*
 * Moments as people write and read them, in microseconds since 1970.
 *
 * Written: "now", "@1700000000", "2026-10-25", "2026-10-25 02:30", "2026-10-25 02:30:15", the
 * last three in local time or, with " UTC" at the end, in UTC.
 */

#include <stdint.h>

#include "proto/must_check.h"
#include "proto/units.h"

/* 0 or -EINVAL. */
int moment_parse(const char *text, int64_t now_usec, int64_t *ret_usec) must_check;

/* "in 2d 3h", "5min ago", "now": the two largest units that say something. Returns text. */
const char *moment_format_distance(int64_t usec, int64_t now_usec,
				   char text[static UNITS_TEXT_BYTES + 8]);

/* A span, rounded down to the two largest units that say something, and no finer than 1 ms. */
uint64_t moment_round_span(uint64_t usec);

/*
 * The same as the distance where a reader wants the day: "in 5min 3s" and "5min ago" up to twelve hours away,
 * then "today 21:00", "tomorrow 09:00", "yesterday 09:00", "Fri 09:00" within the six days ahead,
 * and "2026-10-25 09:00", in local time. Returns text.
 */
const char *moment_format_when(int64_t usec, int64_t now_usec,
			       char text[static UNITS_TEXT_BYTES + 8]);

/* The wall clock. */
int64_t moment_now_usec(void);

#endif
