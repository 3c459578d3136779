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

#endif
