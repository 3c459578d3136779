/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_PIPE_H
#define FOREBAY_OBJECTS_PIPE_H

/*
 * A pipe: bytes from a source through steps into a sink, all of it in the daemon. The sink is a
 * stream of the caller's, made for it, or a buffer. It ends when everything is where it should
 * be, or by the first thing that fails, or when it is given up; then all its parts have ended.
 * Loop thread only.
 *
 *	pipe.c			begins and ends it
 *	pipe_stream_sink.c	the sink that is a stream
 *	pipe_buffer_sink.c	the sink that is a buffer
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/objects/conduit.h"
#include "daemon/objects/streams.h"

struct holder;
struct pipe;

struct pipe_request {
	struct conduit_request source;
	struct stream_request sink; /* not looked at with a buffer */
	bool sink_given;	    /* something of it was */
	uint64_t buffer;	    /* 0: none */
	int64_t offset;		    /* in it; OPTION_UNSET: 0 */
};

struct pipe_progress {
	uint64_t stream; /* 0: a buffer is written */
	uint64_t read_bytes;
	uint64_t written_bytes;
	uint64_t total_bytes; /* of the source; UINT64_MAX: not known */
	const char *path;     /* of what was written; NULL: none, or not known yet */
	const char *digest;   /* NULL: none */
};

struct pipe_hooks {
	void (*begun)(void *data, struct pipe *pipe);
	/* Once; the pipe is gone after it. A failure is STREAM_FAILED. */
	void (*done)(void *data, int result, const struct pipe_progress *progress,
		     const struct refusal *refusal);
	void *data;
};

/*
 * On 0 `done` is called, later, and before that, once it is open, `begun`; descriptors and labels of the request were taken. Else what
 * conduit_open() and stream_open() refuse; PARAMETER for sinks that do not fit together.
 */
int must_check pipe_start(struct holder *holder, struct pipe_request *request,
			  const struct pipe_hooks *hooks, struct refusal *refusal);

void pipe_get_progress(const struct pipe *pipe, struct pipe_progress *ret_progress);

/* Nobody waits for it any more: no hook is called after this. Once it has begun. */
void pipe_give_up(struct pipe *pipe);

/* For pools: fails those that read or write a buffer of this pool. */
struct pool;
void pipe_fail_users_of(struct registry *registry, const struct pool *pool);

#endif
