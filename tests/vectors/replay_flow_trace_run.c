/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_flow_trace_run.h"

#include <stdlib.h>

#include <cjson/cJSON.h>

#include "tests/vectors/replay.h"

#define FLUSH_BYTES 3

static const char *const role_names[] = {
	[TRACE_SRC] = "src",
	[TRACE_TR] = "tr",
	[TRACE_DST] = "dst",
};

/* What Node's sink and source functions are called in the log. */
static const char *const maker_names[] = {
	[TRACE_SRC] = "src",
	[TRACE_TR] = "tr",
	[TRACE_DST] = "sink",
};

void trace_run_break(struct trace_run *run, const char *what)
{
	if (!run->broken)
		run->broken = what;
}

struct pipe_flow_part *trace_run_part(struct trace_run *run, enum trace_role role)
{
	return &run->parts[run->index[role]];
}

/* ---- the log ---- */

cJSON *trace_run_log(struct trace_run *run, const char *name, const char *value)
{
	cJSON *entry = cJSON_CreateObject();

	cJSON_AddStringToObject(entry, name, value);
	cJSON_AddItemToArray(run->log, entry);
	return entry;
}

static void add_count(cJSON *entry, const char *name, uint64_t count)
{
	cJSON_AddNumberToObject(entry, name, (double)count);
}

void trace_run_add_source_length(struct trace_run *run, cJSON *entry)
{
	add_count(entry, "len", read_flow_length(&trace_run_part(run, TRACE_SRC)->read));
}

void trace_run_add_sink_length(struct trace_run *run, cJSON *entry)
{
	add_count(entry, "len", flow_length(&trace_run_part(run, TRACE_DST)->write));
}

void trace_run_add_step_lengths(struct trace_run *run, cJSON *entry)
{
	add_count(entry, "wlen", flow_length(&trace_run_part(run, TRACE_TR)->write));
	add_count(entry, "rlen", read_flow_length(&trace_run_part(run, TRACE_TR)->read));
}

/* ---- chunks ---- */

struct trace_chunk *trace_run_chunk(struct trace_run *run, uint64_t bytes)
{
	struct trace_chunk *chunk = calloc(1, sizeof(*chunk));

	if (!chunk)
		abort();
	chunk->pipe.read.bytes = bytes;
	chunk->pipe.write.bytes = bytes;
	chunk->pipe.write.quiet = true;
	chunk->next = run->chunks;
	run->chunks = chunk;
	return chunk;
}

static void chunk_back(struct trace_run *run, struct pipe_flow_chunk *pipe)
{
	struct trace_chunk *chunk = container_of(pipe, struct trace_chunk, pipe);

	if (!chunk->lent)
		trace_run_break(run, "a chunk came back twice");
	chunk->lent = false;
}

/* ---- performing ---- */

static void perform(struct trace_run *run, const struct pipe_flow_action *action);

void trace_run_perform(struct trace_run *run)
{
	struct pipe_flow_action action;

	while (pipe_flow_next(&run->pipe, &action))
		perform(run, &action);
}

void trace_run_deferred(struct trace_run *run)
{
	struct pipe_flow_action action;

	while (pipe_flow_next_deferred(&run->pipe, &action))
		perform(run, &action);
}

bool trace_run_push(struct trace_run *run, enum trace_role role, uint64_t bytes)
{
	struct trace_chunk *chunk = trace_run_chunk(run, bytes);

	chunk->lent = read_flow_push(&trace_run_part(run, role)->read, &chunk->pipe.read);
	pipe_flow_read(&run->pipe, trace_run_index(run, role));
	return chunk->lent || bytes == 0;
}

void trace_run_push_end(struct trace_run *run)
{
	read_flow_push_end(&trace_run_part(run, TRACE_SRC)->read);
	pipe_flow_read(&run->pipe, trace_run_index(run, TRACE_SRC));
	trace_run_perform(run);
}

void trace_run_destroy(struct trace_run *run, enum trace_role role, const char *error)
{
	pipe_flow_destroy(&run->pipe, trace_run_index(run, role),
			  case_error_number(&run->errors, error));
	trace_run_perform(run);
}

static void do_read(struct trace_run *run, uint64_t bytes)
{
	const cJSON *next = run->next_read;

	add_count(trace_run_log(run, "src", "read"), "size", bytes);
	if (!run->by_itself)
		return;
	if (!next) {
		trace_run_push_end(run);
		return;
	}
	run->next_read = next->next;
	if (cJSON_IsString(next)) {
		trace_run_destroy(run, TRACE_SRC, "SRC");
		return;
	}
	trace_run_push(run, TRACE_SRC, (uint64_t)next->valueint);
	trace_run_perform(run);
}

void trace_run_step_over(struct trace_run *run, struct flow_sink *sink, int64_t bytes,
			 const char *error)
{
	if (bytes >= 0) {
		trace_run_push(run, TRACE_TR, (uint64_t)bytes);
		trace_run_perform(run);
	}
	pipe_flow_complete(&run->pipe, trace_run_index(run, TRACE_TR), sink,
			   case_error_number(&run->errors, error));
	trace_run_perform(run);
}

static void do_transform(struct trace_run *run, struct flow_sink *sink)
{
	int64_t bytes = (int64_t)sink->bytes;

	add_count(trace_run_log(run, "tr", "transform"), "n", sink->bytes);
	if (case_is(run->manner, "manual"))
		run->step_in_hand = sink;
	else if (case_is(run->manner, "pass"))
		trace_run_step_over(run, sink, bytes, NULL);
	else if (case_is(run->manner, "double"))
		trace_run_step_over(run, sink, 2 * bytes, NULL);
	else if (case_is(run->manner, "drop"))
		trace_run_step_over(run, sink, -1, NULL);
	else
		trace_run_step_over(run, sink, -1, "TRANS");
}

static void do_write(struct trace_run *run, enum trace_role role, struct flow_sink *sink)
{
	if (sink->count != 1)
		trace_run_break(run, "more than one write went to the sink");
	if (role == TRACE_TR) {
		do_transform(run, sink);
		return;
	}
	add_count(trace_run_log(run, "sink", "write"), "n", sink->bytes);
	if (run->sink_in_hand)
		trace_run_break(run, "two sink calls at once");
	if (!run->sync) {
		run->sink_in_hand = sink;
		return;
	}
	pipe_flow_complete(&run->pipe, trace_run_index(run, role), sink, 0);
	trace_run_perform(run);
}

static void do_final(struct trace_run *run, enum trace_role role)
{
	const char *error = NULL;

	if (run->flush)
		trace_run_log(run, "tr", "flush");
	if (case_is(run->flush, "fail")) {
		error = "FLUSH";
	} else if (run->flush) {
		trace_run_push(run, role, FLUSH_BYTES);
		trace_run_perform(run);
	}
	pipe_flow_final_done(&run->pipe, trace_run_index(run, role),
			     case_error_number(&run->errors, error));
	trace_run_perform(run);
}

static void do_release(struct trace_run *run, enum trace_role role, int error)
{
	cJSON *entry = trace_run_log(run, maker_names[role], "destroy");

	case_add_error(&run->errors, entry, "err", error);
	if (run->told[role].releases++ > 0)
		trace_run_break(run, "released twice");
	if (role == TRACE_DST && run->sink_in_hand)
		trace_run_break(run, "released with a sink call in hand");
	pipe_flow_released(&run->pipe, trace_run_index(run, role), 0);
	trace_run_perform(run);
}

static void do_deliver(struct trace_run *run, const struct pipe_flow_action *action)
{
	run->pieces += (int)action->bytes;
	if (action->read.returned)
		chunk_back(run, action->chunk);
	if (!action->read.last)
		return;
	run->got = run->pieces;
	run->pieces = 0;
	for (unsigned int i = 0; i < run->on_data && !action->read.unheard; i++) {
		cJSON *entry = trace_run_log(run, "ev", "data");

		cJSON_AddNumberToObject(entry, "n", run->got);
		trace_run_add_source_length(run, entry);
	}
}

/* Bytes read; -1: none. */
int trace_run_read(struct trace_run *run, enum trace_role role, const cJSON *op)
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(op, "n");

	run->got = -1;
	read_flow_read(&trace_run_part(run, role)->read,
		       cJSON_IsNumber(n) ? (uint64_t)n->valueint : READ_FLOW_ALL);
	pipe_flow_read(&run->pipe, trace_run_index(run, role));
	trace_run_perform(run);
	return run->got;
}

static void drain_readable(struct trace_run *run)
{
	int got = trace_run_read(run, TRACE_SRC, run->drain_readable);

	for (; got >= 0; got = trace_run_read(run, TRACE_SRC, run->drain_readable)) {
		cJSON *entry = trace_run_log(run, "ev", "got");

		cJSON_AddNumberToObject(entry, "n", got);
		trace_run_add_source_length(run, entry);
	}
}

static void tell_readable(struct trace_run *run, enum trace_role role)
{
	cJSON *entry;

	if (role == TRACE_TR) {
		entry = trace_run_log(run, "ev", "readable");
		cJSON_AddStringToObject(entry, "of", "tr");
		add_count(entry, "len", read_flow_length(&trace_run_part(run, role)->read));
		return;
	}
	for (unsigned int i = 0; i < run->on_readable; i++)
		trace_run_add_source_length(run, trace_run_log(run, "ev", "readable"));
	if (run->drain_readable)
		drain_readable(run);
}

static void note(struct trace_run *run, enum trace_role role, enum pipe_flow_event event)
{
	struct trace_told *told = &run->told[role];

	if (told->closes > 0 && event != PIPE_FLOW_EVENT_PAUSE && event != PIPE_FLOW_EVENT_RESUME &&
	    event != PIPE_FLOW_EVENT_UNLINK)
		trace_run_break(run, "something was told after close");
	switch (event) {
	case PIPE_FLOW_EVENT_FINISH:
		told->finishes++;
		break;
	case PIPE_FLOW_EVENT_END:
		told->ends++;
		break;
	case PIPE_FLOW_EVENT_ERROR:
		told->errors++;
		break;
	case PIPE_FLOW_EVENT_CLOSE:
		told->closes++;
		break;
	default:
		break;
	}
	if (told->finishes > 1 || told->ends > 1 || told->errors > 1)
		trace_run_break(run, "something was told twice");
}

static void do_tell(struct trace_run *run, enum trace_role role,
		    const struct pipe_flow_action *action)
{
	static const char *const names[] = {
		[PIPE_FLOW_EVENT_PAUSE] = "pause",   [PIPE_FLOW_EVENT_RESUME] = "resume",
		[PIPE_FLOW_EVENT_UNLINK] = "unpipe", [PIPE_FLOW_EVENT_DRAIN] = "drain",
		[PIPE_FLOW_EVENT_FINISH] = "finish", [PIPE_FLOW_EVENT_END] = "end",
		[PIPE_FLOW_EVENT_ERROR] = "error",   [PIPE_FLOW_EVENT_CLOSE] = "close",
	};
	bool of_flowing =
		action->event == PIPE_FLOW_EVENT_PAUSE || action->event == PIPE_FLOW_EVENT_RESUME;
	cJSON *entry;

	note(run, role, action->event);
	if (action->event == PIPE_FLOW_EVENT_READABLE) {
		tell_readable(run, role);
		return;
	}
	/* Nobody listened to these of a step. */
	if (role == TRACE_TR && (of_flowing || action->event == PIPE_FLOW_EVENT_UNLINK))
		return;
	entry = trace_run_log(run, "ev", names[action->event]);
	cJSON_AddStringToObject(entry, "of", role_names[role]);
	if (action->event == PIPE_FLOW_EVENT_ERROR)
		case_add_error(&run->errors, entry, "err", action->error);
}

static void do_outcome(struct trace_run *run, const char *what, int error)
{
	cJSON *entry = trace_run_log(run, "cb", what);

	case_add_error(&run->errors, entry, "err", error);
	run->outcome = case_error_name(&run->errors, error);
	run->outcomes++;
	for (unsigned int i = 0; i < run->pipe.count; i++)
		if (run->kind == TRACE_PIPELINE && run->told[run->roles[i]].closes == 0)
			trace_run_break(run, "the pipeline was over before its parts were closed");
}

static void perform(struct trace_run *run, const struct pipe_flow_action *action)
{
	enum trace_role role = run->roles[action->part];

	switch (action->what) {
	case PIPE_FLOW_DO_READ:
		do_read(run, action->bytes);
		break;
	case PIPE_FLOW_DO_DELIVER:
		do_deliver(run, action);
		break;
	case PIPE_FLOW_DO_WRITE:
		do_write(run, role, action->sink);
		break;
	case PIPE_FLOW_DO_FINAL:
		do_final(run, role);
		break;
	case PIPE_FLOW_DO_RELEASE:
		do_release(run, role, action->error);
		break;
	case PIPE_FLOW_DO_RETURN:
		chunk_back(run, action->chunk);
		break;
	case PIPE_FLOW_DO_TELL:
		do_tell(run, role, action);
		break;
	case PIPE_FLOW_DO_FINISHED:
		do_outcome(run, "finished", action->error);
		break;
	case PIPE_FLOW_DO_DONE:
		do_outcome(run, "pipeline", action->error);
		break;
	}
}
