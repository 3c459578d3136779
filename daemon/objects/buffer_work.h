/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_BUFFER_WORK_H
#define FOREBAY_OBJECTS_BUFFER_WORK_H

/*
 * Operations on the bytes of a backing: one at a time, in the order in which they were asked
 * for; on a worker where they are long. For the buffer_*.c files only. Loop thread, but for
 * `run`.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/list.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/errand.h"

/* More than this is not done on the loop. */
#define BUFFER_WORK_HERE_BYTES (256 * 1024)

/* Result of a writer: a client is updating the backing. Other outcomes of `run` are above it. */
#define BUFFER_WORK_E_BUSY 1

/* Embedded by its owner, whose memory must stay until `done`. */
struct buffer_work {
	/* Set before. */
	const char *name; /* a constant */
	uint64_t bytes;	  /* how long it takes: above the bound it goes to a worker */
	uint64_t device;  /* what it may wait for there; 0: not known */
	const char *path; /* for faults; may be NULL */
	bool writes;	  /* takes the backing's version word for as long as it runs */
	int (*run)(struct buffer_work *work);
	void (*done)(struct buffer_work *work, int result);
	void *owner;

	/* Its own. */
	struct list link; /* backing::waiting */
	struct backing *backing;
	struct errand errand;
};

/* Cannot fail. -EIO: the pool has lost memory. Backing and pool stay until after `done`. */
void buffer_work_submit(struct backing *backing, struct buffer_work *work);

/* Takes memory of the pool; the backing is freed again with its last buffer or use. */
int must_check backing_new(struct pool *pool, uint64_t length, struct backing **ret_backing,
			   struct refusal *refusal);
/* The same for a buffer that may share it: of a small one, the pool's current slab. */
int must_check backing_for_small(struct pool *pool, uint64_t length, struct backing **ret_backing,
				 struct refusal *refusal);
void backing_use(struct backing *backing);
void backing_unuse(struct backing *backing);

/* Its address; the bytes are the client's to scribble on. */
unsigned char *backing_address(const struct backing *backing);

/* A buffer over a part of the backing, charged to its owner, that nobody can find yet. */
int must_check buffer_new(struct backing *backing, uint64_t offset, uint64_t length,
			  struct buffer **ret_buffer, struct refusal *refusal);
/* From now on it can be found. -ENOMEM. */
int must_check buffer_announce(struct buffer *buffer);
/* Without looking at pins. */
void buffer_drop(struct buffer *buffer);

#endif
