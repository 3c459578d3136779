/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_TIMEKEEPER_H
#define FOREBAY_IO_TIMEKEEPER_H

/*
 * One time to be woken at, on the clock that goes on while the machine sleeps, and word of the
 * wall clock being set. Both clocks run alike, to the adjustments of NTP; what sets the wall
 * clock is told. So times of either can be waited for on the one. Loop thread only.
 */

#include <stdint.h>

#include "daemon/base/err.h"

struct event_base;
struct timekeeper;

struct timekeeper_owner {
	void (*due)(void *data);       /* the time has come; none is set any more */
	void (*clock_set)(void *data); /* the wall clock shows another time than before */
	void *data;
};

/* -ENOMEM, -EMFILE, ... */
int must_check timekeeper_new(struct event_base *base, const struct timekeeper_owner *owner,
			      struct timekeeper **ret_timekeeper);
/* Takes NULL; returns NULL. */
struct timekeeper *timekeeper_free(struct timekeeper *timekeeper);

#define TIMEKEEPER_NEVER UINT64_MAX

/* Instead of the one before. A time that is over is due at once, from the loop. */
void timekeeper_set(struct timekeeper *timekeeper, uint64_t boot_ns);

#endif
