/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_SNAPSHOT_H
#define FOREBAY_OBJECTS_SNAPSHOT_H

/*
 * A private copy of a range of a buffer, made on workers, a piece at a time, while clients go
 * on writing. Either as one update left it (core/snapshot_plan says how), or `live`: the bytes
 * as they are when their turn comes. Its owner has pinned the buffer until the copy is whole,
 * and has charged the bytes of the range; nothing here is for two threads at once.
 *
 * The words by which it is known what has changed are not charged: two for each block, which
 * is a 4096th of the range (0.025 %) and 48 bytes at most. Limits are there for what users
 * choose the size of; who may have a copy has paid for nearly all of it, and a run that is at
 * its limit to the byte shall not fail for a part that nobody can see.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct buffer;
struct snapshot;

enum snapshot_step_outcome {
	SNAPSHOT_STEP_E_MORE = 1, /* go on, after those who wait for a worker too */
	SNAPSHOT_STEP_E_BUSY = 2, /* somebody writes: go on after snapshot_rest_ns() */
};

struct snapshot_range {
	const struct buffer *buffer;
	uint64_t offset; /* in the buffer */
	uint64_t bytes;
	bool live;
};

/* `memory` is where the range lies, as buffer_pin() gave it. Short. -ENOMEM. */
int must_check snapshot_new(const struct snapshot_range *range, const unsigned char *memory,
			    struct snapshot **ret_snapshot);
/* Gives the memory of the copy back, which takes time in proportion: for workers. */
struct snapshot *snapshot_free(struct snapshot *snapshot);

/*
 * On a worker, for some milliseconds at most but for the first time, which has the memory made.
 * 0: the copy is whole. -ENOMEM, ...: there will be none.
 */
int must_check snapshot_step(struct snapshot *snapshot);

/* After SNAPSHOT_STEP_E_BUSY. */
uint64_t snapshot_rest_ns(const struct snapshot *snapshot);
/* Whether an update was going on at the last look, and so perhaps will be for good. */
bool snapshot_is_held_up(const struct snapshot *snapshot);

/* Of a whole one: NULL where it has no bytes. */
const unsigned char *snapshot_bytes(const struct snapshot *snapshot);
/* Which of the buffer's versions it is; not of a live one. */
uint64_t snapshot_version(const struct snapshot *snapshot);

#endif
