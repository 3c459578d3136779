/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_BUFFER_PLACE_H
#define FOREBAY_OBJECTS_BUFFER_PLACE_H

/*
 * Memory for a new buffer: in the pool that was named, or in the default one, or, where the
 * buffer is large and none was named, in a pool of its own that goes with it. One that may
 * share its backing lies at buffer::offset of that, others at its start. Nobody can find
 * the buffer until it has its content and is settled; until then it can be taken back. For
 * the buffer_*.c files only. Loop thread only.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/objects/refusal.h"

struct buffer;
struct holder;

/* Embedded by its owner, whose memory must stay until `done`. */
struct buffer_placing {
	/* Set before. */
	struct holder *holder;
	const char *pool; /* NULL: not named; borrowed until `done` */
	uint64_t length;
	bool may_share; /* a small one goes into a slab */
	/* The memory has whatever was there; `refusal` below says why not, where REFUSED. */
	void (*done)(struct buffer_placing *placing, int result, struct buffer *buffer);
	void *owner;

	struct refusal refusal;
};

/* 0: `done` is called, from the loop; otherwise it is not, and nothing was made. */
int must_check buffer_place(struct buffer_placing *placing);

/* Of one that is not settled: with a pool that was made for it alone. */
void buffer_take_back(struct buffer *buffer);

/*
 * Now it has its content and can be found. Refused, where the pool was ended meanwhile;
 * -ECANCELED, where the client is gone; -ENOMEM. Then it is still to be taken back.
 */
int must_check buffer_settle(struct buffer *buffer, const struct holder *holder,
			     struct refusal *refusal);

#endif
