/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_BUFFER_WORK_H
#define FOREBAY_OBJECTS_BUFFER_WORK_H

/*
 * Operations on the bytes of backings: one at a time for each backing, in the order in which
 * they were asked for; on a worker where they are long. For the buffer_*.c files only. Loop
 * thread, but for `prepare` and `run`.
 *
 * One that needs several backings waits for its turn at each, and keeps those that it has
 * while it waits for the rest. It gets into all of the queues at once, so of any two operations
 * the same one is ahead in every queue where both are: the oldest of all has nothing to wait
 * for, and they cannot lock each other out.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/list.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/errand.h"

/* More than this is not done on the loop. */
#define BUFFER_WORK_HERE_BYTES (256 * 1024)

/* Result of a writer: a client is updating the backing. Other outcomes of `run` are above it. */
#define BUFFER_WORK_E_BUSY 1

struct buffer_work;

/* A place in a backing's queue. */
struct buffer_turn {
	struct list link;	  /* backing::waiting, until it has come */
	struct backing *backing;  /* set before, for buffer_work::others */
	struct buffer_work *work; /* NULL: the work has another turn at this backing */
};

/* Embedded by its owner, whose memory must stay until `done`. */
struct buffer_work {
	/* Set before. */
	const char *name; /* a constant */
	uint64_t bytes;	  /* how long it takes: above the bound it goes to a worker */
	uint64_t device;  /* what it may wait for there; 0: not known */
	const char *path; /* for faults; may be NULL */
	bool writes;	  /* takes the backing's version word for as long as it runs */
	/* Looks whether it can be done, before the word is taken; not 0: it is not. NULL: yes. */
	int (*prepare)(struct buffer_work *work);
	int (*run)(struct buffer_work *work);
	void (*done)(struct buffer_work *work, int result);
	void *owner;
	/* Backings that are read only; may be the same as each other, or as the first one. */
	struct buffer_turn *others;
	size_t others_count;

	/* Its own. */
	struct backing *backing;
	struct buffer_turn turn; /* at that one */
	size_t missing;		 /* turns that have not come */
	struct errand errand;
};

/*
 * Cannot fail. -EIO: a pool has lost memory. Backings and pools stay until it has run, this one
 * and its pool until after `done`.
 */
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
