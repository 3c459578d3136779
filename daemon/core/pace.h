/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_PACE_H
#define FOREBAY_CORE_PACE_H

/*
 * A rate, kept by a bucket that fills with time and holds a tenth of a second's worth, so
 * that a pause is not made up for by a burst. The rate may change at any moment.
 */

#include <stdint.h>

struct pace {
	uint64_t bytes_per_second; /* 0: no bound */
	int64_t credit_bytes;	   /* may be negative: a write goes out whole */
	uint64_t filled_ns;
};

void pace_init(struct pace *pace, uint64_t bytes_per_second, uint64_t now_ns);
void pace_set_rate(struct pace *pace, uint64_t bytes_per_second, uint64_t now_ns);

/* When the next write may go out: 0 for now. */
uint64_t pace_next_ns(struct pace *pace, uint64_t now_ns);

/* A write went out. */
void pace_spend(struct pace *pace, uint64_t bytes);

/* The most that one write should take, so that a slow rate stays smooth. */
uint64_t pace_step_bytes(const struct pace *pace, uint64_t most_bytes);

#endif
