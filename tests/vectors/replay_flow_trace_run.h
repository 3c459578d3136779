/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_FLOW_TRACE_RUN_H
#define FOREBAY_TESTS_VECTORS_REPLAY_FLOW_TRACE_RUN_H

/*
 * One scenario being run: a row of parts with a simulated source, step and sink, which writes
 * a log in Node's words. It checks what may never happen as it goes; `broken` says the first
 * of it.
 */

#include <stdbool.h>

#include "daemon/core/pipe_flow.h"
#include "tests/vectors/replay_case.h"

struct cJSON;

/* Bytes on their way: made when they are pushed or written, freed when they come back. */
struct trace_chunk {
	struct pipe_flow_chunk pipe;
	struct trace_chunk *next; /* trace_run::chunks */
	bool lent;
};

enum trace_kind { TRACE_READABLE, TRACE_TRANSFORM, TRACE_PIPE, TRACE_PIPELINE, TRACE_FINISHED };

enum trace_role { TRACE_SRC, TRACE_TR, TRACE_DST, TRACE_ROLES };

/* What was told of one part. */
struct trace_told {
	unsigned int ends;
	unsigned int finishes;
	unsigned int errors;
	unsigned int closes;
	unsigned int releases;
};

struct trace_run {
	const struct cJSON *scenario;
	enum trace_kind kind;
	struct pipe_flow pipe;
	struct pipe_flow_part parts[TRACE_ROLES];
	int index[TRACE_ROLES]; /* of the part in this role; -1: there is none */
	enum trace_role roles[TRACE_ROLES];
	struct trace_told told[TRACE_ROLES];
	struct case_errors errors;
	const struct cJSON *next_read; /* of a source that pushes by itself */
	bool by_itself;
	const char *manner; /* of the step */
	const char *flush;  /* of the step; NULL: it has none */
	bool sync;	    /* the sink completes in the call */
	bool no_end;
	struct flow_sink *sink_in_hand;
	struct flow_sink *step_in_hand;
	unsigned int on_data;
	unsigned int on_readable;
	const struct cJSON *drain_readable; /* the op: the source is read whenever it can be */
	int pieces;			    /* bytes of the delivery under way */
	int got;			    /* by the last read; -1: nothing */
	struct trace_chunk *chunks;
	struct cJSON *log;   /* of the present turn */
	const char *outcome; /* of the pipeline; "" for none */
	unsigned int outcomes;
	const char *broken;
};

/* False, with a complaint, for what is no scenario of this kind. */
bool trace_run_init(struct trace_run *run, const struct cJSON *scenario);
void trace_run_fini(struct trace_run *run);

/* Links the parts: it belongs to the first turn. One operation; what is deferred behind all. */
void trace_run_begin(struct trace_run *run);
void trace_run_op(struct trace_run *run, const struct cJSON *op);
void trace_run_deferred(struct trace_run *run);

/* Destroys and completes what is left, and sees to it that everything came back. */
void trace_run_wind_up(struct trace_run *run);

struct cJSON *trace_run_state(struct trace_run *run);

/* Between the two files of it: what is done, and what an operation asks for. */

struct pipe_flow_part *trace_run_part(struct trace_run *run, enum trace_role role);

static inline unsigned int trace_run_index(const struct trace_run *run, enum trace_role role)
{
	return (unsigned int)run->index[role];
}

/* Notes something that may never happen. */
void trace_run_break(struct trace_run *run, const char *what);

/* Appends {name: value} to trace_run::log and returns it. */
struct cJSON *trace_run_log(struct trace_run *run, const char *name, const char *value);
void trace_run_add_source_length(struct trace_run *run, struct cJSON *entry);
void trace_run_add_sink_length(struct trace_run *run, struct cJSON *entry);
void trace_run_add_step_lengths(struct trace_run *run, struct cJSON *entry);

/* Performs what the present call left behind. */
void trace_run_perform(struct trace_run *run);

struct trace_chunk *trace_run_chunk(struct trace_run *run, uint64_t bytes);

/* False: it was refused. trace_run_perform() is the caller's. */
bool trace_run_push(struct trace_run *run, enum trace_role role, uint64_t bytes);
void trace_run_push_end(struct trace_run *run);
void trace_run_destroy(struct trace_run *run, enum trace_role role, const char *error);

/* The step is done with a write: `bytes` come out (-1: not even none). */
void trace_run_step_over(struct trace_run *run, struct flow_sink *sink, int64_t bytes,
			 const char *error);

/* Bytes read; -1: none. */
int trace_run_read(struct trace_run *run, enum trace_role role, const struct cJSON *op);

#endif
