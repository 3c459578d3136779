/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_CONDUIT_H
#define FOREBAY_OBJECTS_CONDUIT_H

/*
 * Bytes on their way through the daemon: a source, the steps that they go through, and a sink.
 * What each part may do when, and what becomes of all when one fails, is the rule of
 * core/pipe_flow; this carries out what it says. A readable stream is a conduit whose sink is
 * its consumer (objects/readable.h), a pipe is one that writes a stream or a buffer
 * (objects/pipe.h).
 *
 *	conduit.c		the object itself: carries out what the flow says
 *	conduit_source.c	files, buffers, and what a client passed, read to a mark
 *	conduit_steps.c		steps, on workers, a piece of output at a time
 *
 * Memory: each part holds at most the mark and one piece (CONDUIT_PIECE_BYTES at most), and
 * what the steps need; that is what is charged to the user. Loop thread only, but for what
 * runs on workers.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/core/fault.h"
#include "daemon/core/pipe_flow.h"
#include "daemon/core/stream_options.h"
#include "daemon/objects/refusal.h"

struct conduit;
struct conduit_source;
struct conduit_steps;
struct event;
struct holder;
struct registry;
struct user;

#define CONDUIT_MARK_DEFAULT INT64_C(65536)
#define CONDUIT_MARK_MAXIMUM (INT64_C(8) * 1024 * 1024)

/* What is read, or made by the steps, at once. */
#define CONDUIT_PIECE_BYTES ((size_t)1024 * 1024)

/* So many chunks of one part at most, however little is in each. */
#define CONDUIT_CHUNKS_MAX 1024

enum conduit_part {
	CONDUIT_SOURCE,
	CONDUIT_STEPS, /* where there are any; else the sink */
	CONDUIT_PARTS_MAX = 3,
};

/* Some bytes on their way. */
struct conduit_chunk {
	struct pipe_flow_chunk flow;
	enum conduit_part part; /* that made it */
	unsigned char bytes[];
};

/* Room for so many. NULL: no memory. */
struct conduit_chunk *conduit_chunk_new(struct conduit *conduit, enum conduit_part part,
					size_t bytes);
void conduit_chunk_free(struct conduit *conduit, struct conduit_chunk *chunk);
/* Holds no more than its first `bytes`, of which there is at least one. Never fails. */
struct conduit_chunk *conduit_chunk_cut(struct conduit_chunk *chunk, size_t bytes);

/* What is written in one sink call. */
struct conduit_chunk *conduit_chunk_of_write(struct list *link);

/* Where the bytes come from: a path in a store, a buffer, or a descriptor. */
struct conduit_request {
	const char *store;	  /* NULL: default */
	const char *path;	  /* NULL: none */
	uint64_t buffer;	  /* 0: none */
	int fd;			  /* -1: none; taken on success */
	const char *fd_parameter; /* what a refusal calls it; a constant */
	int64_t offset;		  /* OPTION_UNSET: 0 */
	int64_t length;		  /* OPTION_UNSET: to the end */
	int64_t mark;		  /* OPTION_UNSET: the default */

	struct stream_options steps; /* nothing but its steps is looked at */
};

/*
 * The last part. `write` is given a sink call, which the sink ends with conduit_wrote(), later
 * or from `turn`. `final` comes after the last one and is answered by conduit_finished();
 * `release` lets go of what is held, also when `final` is not over, and is answered by
 * conduit_released(): both at once or later. `turn` is called whenever something has happened;
 * true: it has answered something.
 */
struct conduit_sink {
	struct flow_config flow; /* high_water_mark is the conduit's */
	void (*write)(struct conduit *conduit, struct flow_sink *sink);
	void (*final)(struct conduit *conduit);
	void (*release)(struct conduit *conduit, int error);
	bool (*turn)(struct conduit *conduit); /* NULL: nothing to do */
};

/* Embedded by what it belongs to. */
struct conduit {
	struct registry *registry;
	struct user *user; /* has a reference */
	const struct conduit_sink *sink;
	/* Once, after everything was let go; outcome and fault are set. It may free the conduit. */
	void (*done)(struct conduit *conduit);

	uint64_t mark;
	struct pipe_flow flow;
	struct pipe_flow_part parts[CONDUIT_PARTS_MAX];
	struct conduit_source *source;
	struct conduit_steps *steps; /* NULL: none */
	struct event *wake;
	uint32_t chunks[CONDUIT_STEPS + 1]; /* that the part has made, and are not free again */
	uint64_t charged_bytes;
	struct flow_sink *sink_in_hand;
	bool begun;
	bool running;
	bool over;

	int outcome; /* 0: all of it went through; else negative errno */
	struct fault fault;
};

/* `done` gets 0, or REFUSED by rule, or a negative errno with the conduit's fault. */
typedef void (*conduit_open_fn)(struct conduit *conduit, int result, const struct refusal *refusal);

/*
 * Opens the source. On 0 `opened` is called later, and then conduit_fini() is due in any case.
 * PARAMETER, OUT_OF_RANGE, NO_SUCH_BUFFER, NO_SUCH_STORE, NO_SUCH_FILE, PATH_REFUSED, LIMIT.
 */
int must_check conduit_open(struct conduit *conduit, struct holder *holder,
			    struct conduit_request *request, conduit_open_fn opened,
			    struct refusal *refusal);

/* Bytes begin to flow: sink and done are set. */
void conduit_begin(struct conduit *conduit);

/* Gives everything up; `done` follows, now or later. Once begun, and again does nothing. */
void conduit_give_up(struct conduit *conduit, int error);

/* Only before conduit_begin(), or from `done` on. */
void conduit_fini(struct conduit *conduit);

/* For the sink; error: 0 or a negative errno. */
void conduit_wrote(struct conduit *conduit, int error);
void conduit_finished(struct conduit *conduit, int error);
void conduit_released(struct conduit *conduit);

/* Keeps what went wrong; the first fault stays. `operation` is a constant. */
void conduit_note_fault(struct conduit *conduit, const char *operation, int error, const char *path,
			int64_t offset);

/* Has the parts looked at again, by the loop. */
void conduit_schedule(struct conduit *conduit);

/* For the parts, after each call of the flow: carries out what is due within it, */
void conduit_settle(struct conduit *conduit);
/* or all that is due, after which the conduit may be gone; from within an action, the same. */
void conduit_run(struct conduit *conduit);

uint64_t conduit_read_bytes(const struct conduit *conduit);
/* That there are in all; UINT64_MAX: not known. */
uint64_t conduit_total_bytes(const struct conduit *conduit);
/* Read and not yet written by the sink, nor in its hand. */
uint64_t conduit_held_bytes(const struct conduit *conduit);
/* Of the source, where it has one; NULL: none. */
const char *conduit_source_path(const struct conduit *conduit);
/* Everything was read. */
bool conduit_source_is_at_end(const struct conduit *conduit);

#endif
