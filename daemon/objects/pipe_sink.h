/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_PIPE_SINK_H
#define FOREBAY_OBJECTS_PIPE_SINK_H

/* What a pipe is made of; for the pipe*.c files only. */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/io/digest.h"
#include "daemon/objects/buffer_work.h"
#include "daemon/objects/pipe.h"

struct buffer;

/* One sink call at a time, which may gather so many bytes, and so many pieces. */
#define PIPE_SINK_BYTES (UINT64_C(8) * 1024 * 1024)
#define PIPE_SINK_WRITES 1024
#define PIPE_SINK_FLOW                                                                             \
	{                                                                                          \
		.sink_bytes = PIPE_SINK_BYTES, .sink_writes = PIPE_SINK_WRITES, .sinks = 1,        \
		.final = true,                                                                     \
	}

struct pipe {
	struct list registry_link; /* registry::pipes */
	struct conduit conduit;
	struct holder *holder; /* until it is given up, or over */
	struct pipe_hooks hooks;
	bool given_up;
	struct refusal refusal;

	/* A stream. */
	struct stream_request request; /* until it is opened; texts are the pipe's own */
	char *store;
	char *path;
	struct stream *stream; /* until it has closed; NULL: none */
	uint64_t stream_id;
	struct stream_observer observer;
	struct stream_wait wait;
	bool waiting;
	bool finishing; /* `final` is under way */
	bool releasing; /* it is answered when the stream has closed */
	bool aborted;
	bool published;	  /* what to wait for at the end */
	int error;	  /* of the stream: told when it has closed */
	uint64_t written; /* by a stream that has closed */
	char *absolute_path;
	char digest[DIGEST_TEXT_BYTES];

	/* A buffer. */
	struct buffer *buffer; /* pinned */
	struct buffer_work work;
	struct flow_sink *sink;
	uint64_t position;
	bool busy;
};

extern const struct conduit_sink pipe_stream_sink;
extern const struct conduit_sink pipe_buffer_sink;

/* Opens the stream; pipe_opened() follows on 0. */
int must_check pipe_stream_open(struct pipe *pipe, struct refusal *refusal);
/* Lets go of it, where it is still there. */
void pipe_stream_fini(struct pipe *pipe);
/* The sink is there, or could not be had: `result`, and the pipe's refusal. */
void pipe_opened(struct pipe *pipe, int result);

static inline struct pipe *pipe_of(struct conduit *conduit)
{
	return container_of(conduit, struct pipe, conduit);
}

#endif
