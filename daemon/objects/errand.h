/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_ERRAND_H
#define FOREBAY_OBJECTS_ERRAND_H

/*
 * A piece of work with an answer: `run` on a thread that may wait, or at once where it is
 * short; then `done`, from the loop, never inside the call that started it. So whoever starts
 * an errand need not know how the engine answered. Embedded by its owner, whose memory must
 * stay until `done`. Cannot fail to start; an engine that is closing gives -ESHUTDOWN without
 * a run.
 *
 * Loop thread only, but for `run`.
 */

#include <event2/event_struct.h>

#include "daemon/io/io_engine.h"

struct registry;

struct errand {
	/* Set before the start. */
	const char *name;		   /* a constant */
	const char *path;		   /* for faults; may be NULL */
	uint64_t device;		   /* what it may wait for; 0: not known */
	int (*run)(struct errand *errand); /* NULL: nothing to do but to call done */
	void (*done)(struct errand *errand, int result);
	void *owner;

	/* The errand's own. */
	struct registry *registry;
	struct io_request request;
	struct event deferred;
};

/* `run` on a worker. */
void errand_start(struct registry *registry, struct errand *errand);

/* `run` here and now: what is short and does not wait. */
void errand_start_here(struct registry *registry, struct errand *errand);

#endif
