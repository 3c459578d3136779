/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_ENGINE_BACKEND_H
#define FOREBAY_IO_ENGINE_BACKEND_H

/*
 * What an engine is made of, for the files that implement one. io_engine.c checks requests,
 * counts what is in flight and wakes those who wait for room; a backend carries requests
 * out. What backends share about one write that takes several kernel calls is in
 * engine_step.h.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/io/lanes.h"
#include "daemon/io/room.h"
#include "daemon/io/shared_syncs.h"

struct event;
struct event_base;
struct io_engine;
struct io_request;

struct io_engine_ops {
	const char *name;
	/* Takes the request; engine_complete() comes later. There is room for it. */
	void (*start)(struct io_engine *engine, struct io_request *request);
	/* If set: is asked before, and true means ENGINE_DONE or, with *ret_busy, ENGINE_BUSY. */
	bool (*refuse)(struct io_engine *engine, struct io_request *request, bool *ret_busy);
	/* If set: a request that this engine had passed to an inner one is over. */
	void (*inner_done)(struct io_engine *engine, struct io_request *request);
	/* Waits until all is completed, then frees the engine. */
	void (*close)(struct io_engine *engine);
};

/* Embedded in every engine as its first member. */
struct io_engine {
	const struct io_engine_ops *ops;
	const char *name;
	struct event *room_event;
	struct room room; /* who waits */
	struct lanes lanes;
	struct shared_syncs syncs;
	uint32_t depth;
	uint32_t transfers;	/* in flight, of `depth` */
	uint32_t runs;		/* IO_RUN in flight */
	uint32_t sharing;	/* syncs that another one answers, or will */
	uint64_t completed;
	uint64_t bytes_written;
	bool closing;
};

int engine_init(struct io_engine *engine, const struct io_engine_ops *ops, struct event_base *base,
		uint32_t depth) must_check;
void engine_fini(struct io_engine *engine);

/* result and bytes_done are set. On the loop thread, not inside start(). */
void engine_complete(struct io_engine *engine, struct io_request *request);

#endif
