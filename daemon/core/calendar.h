/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_CALENDAR_H
#define FOREBAY_CORE_CALENDAR_H

/*
 * Calendar expressions as systemd.time(7) has them (OnCalendar=), with systemd's answers:
 * what is taken, the normal form, and the next time, in gaps and folds of the clock too.
 *
 *	Mon..Fri *-*-* 09:00,17:30
 *	*-02~03 12:00			the third last day of February
 *	*:0/15:30.5 Europe/Berlin
 *	weekly
 *	@1700000000
 *
 * Pure. A calendar does not change once it is made; it borrows its zones.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct zone;

/* Longer ones are refused: nobody writes them. */
#define CALENDAR_TEXT_BYTES_MAX 4096

/* No time is at or after this one: the year 2199 is over, wherever it was. */
#define CALENDAR_END_USEC (INT64_C(7258291200) * 1000000)

enum calendar_outcome {
	CALENDAR_E_SYNTAX = 1,
	CALENDAR_E_NEVER,
};

#define CALENDAR_NOWHERE SIZE_MAX

/* Why an expression was refused, and where it stopped making sense. */
struct calendar_error {
	size_t position;    /* of the byte, from 0 on, where it stopped making sense */
	const char *reason; /* a constant */
};

struct calendar;

/*
 * The word at the end of the text where it looks like the name of a zone other than UTC or an
 * abbreviation of `own_zone`: what calendar_new() must be given the zone of. Or NULL.
 */
const char *calendar_zone_name(const char *text, const struct zone *own_zone);

/*
 * `own_zone` is for texts that name none. `named_zone`: the one of calendar_zone_name(); NULL
 * where there is none of that name, which is then what the error says. 0, CALENDAR_E_SYNTAX
 * with the error, -ENOMEM.
 */
int must_check calendar_new(const char *text, const struct zone *own_zone,
			    const struct zone *named_zone, struct calendar **ret_calendar,
			    struct calendar_error *ret_error);
/* Takes NULL; returns NULL. */
struct calendar *calendar_free(struct calendar *calendar);

/*
 * The normal form, as much of it as fits, with a NUL. Returns the length of the whole, like
 * snprintf().
 */
size_t calendar_format(const struct calendar *calendar, char *text, size_t text_bytes);

/*
 * The first time after `after_usec` (since 1970, UTC). 0 or CALENDAR_E_NEVER: none before the
 * year 2200, or none that systemd's search would find. It never takes long: the search is
 * given up after a fixed number of steps.
 */
int must_check calendar_next(const struct calendar *calendar, int64_t after_usec,
			     int64_t *ret_usec);

#endif
