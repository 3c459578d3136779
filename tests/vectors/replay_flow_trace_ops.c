/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_flow_trace_run.h"

#include <stdlib.h>

#include <cjson/cJSON.h>

#include "tests/vectors/replay.h"

static const char *const kind_names[] = {
	[TRACE_READABLE] = "readable", [TRACE_TRANSFORM] = "transform", [TRACE_PIPE] = "pipe",
	[TRACE_PIPELINE] = "pipeline", [TRACE_FINISHED] = "finished",
};

#define KINDS_COUNT (sizeof(kind_names) / sizeof(kind_names[0]))

/* ---- the operations ---- */

static cJSON *number_or_null(const cJSON *op)
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(op, "n");

	return cJSON_IsNumber(n) ? cJSON_CreateNumber(n->valuedouble) : cJSON_CreateNull();
}

static cJSON *got_or_null(int got)
{
	return got >= 0 ? cJSON_CreateNumber(got) : cJSON_CreateNull();
}

static bool unshift(struct trace_run *run, uint64_t bytes)
{
	struct trace_chunk *chunk = trace_run_chunk(run, bytes);

	chunk->lent = read_flow_unshift(&run->parts[0].read, &chunk->pipe.read);
	pipe_flow_read(&run->pipe, 0);
	return chunk->lent || bytes == 0;
}

static void op_push(struct trace_run *run, const char *name, const cJSON *op)
{
	const cJSON *n = cJSON_GetObjectItemCaseSensitive(op, "n");
	bool taken = false;
	cJSON *entry;

	if (cJSON_IsNull(n)) {
		trace_run_push_end(run);
	} else {
		if (case_is(name, "push"))
			taken = trace_run_push(run, TRACE_SRC, (uint64_t)n->valueint);
		else
			taken = unshift(run, (uint64_t)n->valueint);
		trace_run_perform(run);
	}
	entry = trace_run_log(run, "op", name);
	cJSON_AddItemToObject(entry, "n", number_or_null(op));
	cJSON_AddBoolToObject(entry, "ret", taken && read_flow_wants(&run->parts[0].read));
	trace_run_add_source_length(run, entry);
}

static void op_read(struct trace_run *run, const cJSON *op)
{
	int got = trace_run_read(run, TRACE_SRC, op);
	cJSON *entry = trace_run_log(run, "op", "read");

	cJSON_AddItemToObject(entry, "n", number_or_null(op));
	cJSON_AddItemToObject(entry, "got", got_or_null(got));
	trace_run_add_source_length(run, entry);
}

static void op_pause(struct trace_run *run)
{
	read_flow_pause(&run->parts[0].read);
	pipe_flow_read(&run->pipe, 0);
	trace_run_perform(run);
}

static bool write(struct trace_run *run, enum trace_role role, const cJSON *op)
{
	struct trace_chunk *chunk = trace_run_chunk(run, (uint64_t)case_number(op, "n"));
	struct flow *flow = &trace_run_part(run, role)->write;

	chunk->lent = true;
	flow_write(flow, &chunk->pipe.write);
	pipe_flow_wrote(&run->pipe, trace_run_index(run, role));
	trace_run_perform(run);
	return flow_judge(flow);
}

static void op_write(struct trace_run *run, const cJSON *op, enum trace_role role)
{
	bool go_on = write(run, role, op);
	cJSON *entry = trace_run_log(run, "op", role == TRACE_TR ? "t_write" : "dst_write");

	cJSON_AddItemToObject(entry, "n", number_or_null(op));
	cJSON_AddBoolToObject(entry, "ret", go_on);
	if (role == TRACE_TR)
		trace_run_add_step_lengths(run, entry);
	else
		trace_run_add_sink_length(run, entry);
}

static void op_end(struct trace_run *run, enum trace_role role)
{
	flow_end(&trace_run_part(run, role)->write, NULL, NULL);
	pipe_flow_wrote(&run->pipe, trace_run_index(run, role));
	trace_run_perform(run);
	if (role == TRACE_TR)
		trace_run_log(run, "op", "t_end");
}

static void op_sink_over(struct trace_run *run, const char *name, const char *error)
{
	struct flow_sink *sink = run->sink_in_hand;
	cJSON *entry;

	run->sink_in_hand = NULL;
	if (sink) {
		pipe_flow_complete(&run->pipe, trace_run_index(run, TRACE_DST), sink,
				   case_error_number(&run->errors, error));
		trace_run_perform(run);
	}
	entry = trace_run_log(run, "op", name);
	cJSON_AddBoolToObject(entry, "had", sink != NULL);
	if (!error)
		trace_run_add_sink_length(run, entry);
}

static void op_step_over(struct trace_run *run, const cJSON *op)
{
	struct flow_sink *sink = run->step_in_hand;
	cJSON *entry;

	run->step_in_hand = NULL;
	if (sink)
		trace_run_step_over(run, sink, case_has(op, "n") ? case_number(op, "n") : -1,
				    case_text(op, "err"));
	entry = trace_run_log(run, "op", "t_done");
	cJSON_AddBoolToObject(entry, "had", sink != NULL);
	trace_run_add_step_lengths(run, entry);
}

static void op_step_read(struct trace_run *run, const cJSON *op)
{
	int got = trace_run_read(run, TRACE_TR, op);
	cJSON *entry = trace_run_log(run, "op", "t_read");

	cJSON_AddItemToObject(entry, "got", got_or_null(got));
	trace_run_add_step_lengths(run, entry);
}

static bool source_op(struct trace_run *run, const char *name, const cJSON *op)
{
	if (case_is(name, "push") || case_is(name, "unshift"))
		op_push(run, name, op);
	else if (case_is(name, "read"))
		op_read(run, op);
	else if (case_is(name, "pause"))
		op_pause(run);
	else if (case_is(name, "src_destroy"))
		trace_run_destroy(run, TRACE_SRC, case_text(op, "err"));
	else if (case_is(name, "resume"))
		read_flow_resume(&run->parts[0].read);
	else if (case_is(name, "on_data")) {
		run->on_data++;
		read_flow_consume(&run->parts[0].read);
	} else if (case_is(name, "on_readable")) {
		run->on_readable++;
		read_flow_watch(&run->parts[0].read);
	} else if (case_is(name, "drain_readable")) {
		run->drain_readable = op;
		read_flow_watch(&run->parts[0].read);
	} else {
		return false;
	}
	return true;
}

static bool other_op(struct trace_run *run, const char *name, const cJSON *op)
{
	if (case_is(name, "complete"))
		op_sink_over(run, name, NULL);
	else if (case_is(name, "fail"))
		op_sink_over(run, name, case_text(op, "err"));
	else if (case_is(name, "dst_write"))
		op_write(run, op, TRACE_DST);
	else if (case_is(name, "dst_end"))
		op_end(run, TRACE_DST);
	else if (case_is(name, "dst_destroy"))
		trace_run_destroy(run, TRACE_DST, case_text(op, "err"));
	else if (case_is(name, "unpipe"))
		pipe_flow_unlink(&run->pipe, 0);
	else if (case_is(name, "repipe") && !run->parts[0].linked)
		/* Node was asked for this one without options. */
		pipe_flow_link(&run->pipe, 0, true);
	else if (case_is(name, "t_write"))
		op_write(run, op, TRACE_TR);
	else if (case_is(name, "t_end"))
		op_end(run, TRACE_TR);
	else if (case_is(name, "t_read"))
		op_step_read(run, op);
	else if (case_is(name, "t_done"))
		op_step_over(run, op);
	else if (case_is(name, "t_destroy"))
		trace_run_destroy(run, TRACE_TR, case_text(op, "err"));
	else
		return false;
	return true;
}

void trace_run_op(struct trace_run *run, const cJSON *op)
{
	const char *name = case_text(op, "op");

	if (!source_op(run, name, op) && !other_op(run, name, op))
		trace_run_break(run, "an operation of another kind");
	trace_run_perform(run);
}

void trace_run_begin(struct trace_run *run)
{
	switch (run->kind) {
	case TRACE_READABLE:
		break;
	case TRACE_TRANSFORM:
		read_flow_watch(&run->parts[0].read);
		break;
	case TRACE_PIPE:
		pipe_flow_link(&run->pipe, 0, !run->no_end);
		break;
	case TRACE_PIPELINE:
		pipe_flow_guard(&run->pipe);
		break;
	case TRACE_FINISHED:
		pipe_flow_watch(&run->pipe, 0);
		break;
	}
	trace_run_perform(run);
}

/* ---- the state ---- */

static void add_mode(cJSON *state, const struct read_flow *read)
{
	if (read_flow_mode(read) == READ_FLOW_IDLE)
		cJSON_AddNullToObject(state, "flowing");
	else
		cJSON_AddBoolToObject(state, "flowing", read_flow_mode(read) == READ_FLOW_FLOWING);
}

static cJSON *part_state(struct trace_run *run, enum trace_role role)
{
	const struct pipe_flow_part *part = trace_run_part(run, role);
	cJSON *state = cJSON_CreateObject();

	if (role == TRACE_TR)
		trace_run_add_step_lengths(run, state);
	else if (role == TRACE_DST)
		trace_run_add_sink_length(run, state);
	else
		trace_run_add_source_length(run, state);
	if (role == TRACE_SRC)
		add_mode(state, &part->read);
	else
		cJSON_AddBoolToObject(state, "need", flow_needs_drain(&part->write));
	if (role != TRACE_SRC)
		cJSON_AddBoolToObject(state, "finished", flow_is_finished(&part->write));
	cJSON_AddBoolToObject(state, "ended",
			      role == TRACE_DST ? flow_is_ended(&part->write) :
						  read_flow_is_ended(&part->read));
	cJSON_AddBoolToObject(state, "destroyed", pipe_flow_is_destroyed(part));
	case_add_error(&run->errors, state, "errored", pipe_flow_errored(part));
	return state;
}

cJSON *trace_run_state(struct trace_run *run)
{
	static const char *const names[] = { "src", "tr", "dst" };
	cJSON *state = cJSON_CreateObject();

	for (int role = 0; role < TRACE_ROLES; role++)
		if (run->index[role] >= 0)
			cJSON_AddItemToObject(state, names[role],
					      part_state(run, (enum trace_role)role));
	return state;
}

/* ---- beginning and end ---- */

static uint64_t mark_of(const cJSON *opts, const char *name)
{
	return (uint64_t)case_number(opts, name);
}

static void rows_init(struct trace_run *run, const cJSON *opts, const bool has[TRACE_ROLES])
{
	struct flow_config write = { .sinks = 1, .sink_writes = 1, .sink_bytes = UINT64_MAX };
	struct flow_config step = write;
	const struct pipe_flow_part_config all[TRACE_ROLES] = {
		[TRACE_SRC] = { .reads = true, .read_high_water_mark = mark_of(opts, "rhwm") },
		[TRACE_TR] = { .reads = true,
			       .writes = true,
			       .read_high_water_mark = mark_of(opts, "trhwm"),
			       .write = &step },
		[TRACE_DST] = { .writes = true, .write = &write },
	};
	struct pipe_flow_part_config configs[TRACE_ROLES];
	unsigned int count = 0;

	write.high_water_mark = mark_of(opts, "whwm");
	step.high_water_mark = mark_of(opts, "twhwm");
	for (int role = 0; role < TRACE_ROLES; role++) {
		run->index[role] = has[role] ? (int)count : -1;
		if (!has[role])
			continue;
		run->roles[count] = (enum trace_role)role;
		configs[count++] = all[role];
	}
	pipe_flow_init(&run->pipe, run->parts, configs, count);
}

bool trace_run_init(struct trace_run *run, const cJSON *scenario)
{
	const cJSON *opts = cJSON_GetObjectItemCaseSensitive(scenario, "opts");
	const cJSON *src = cJSON_GetObjectItemCaseSensitive(opts, "src");
	const char *kind = case_text(scenario, "kind");
	unsigned int number = 0;
	bool has[TRACE_ROLES];

	*run = (struct trace_run){ .scenario = scenario, .outcome = "" };
	while (number < KINDS_COUNT && !case_is(kind, kind_names[number]))
		number++;
	if (number == KINDS_COUNT || !opts ||
	    !cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(scenario, "turns"))) {
		replay_complain(scenario, "not a scenario of this kind");
		return false;
	}
	run->kind = (enum trace_kind)number;
	run->by_itself = cJSON_IsArray(src);
	run->next_read = run->by_itself ? src->child : NULL;
	run->manner = case_text(opts, "tr");
	run->flush = case_text(opts, "flush");
	run->sync = case_is(case_text(opts, "sink"), "sync");
	run->no_end = case_truth(opts, "noEnd");
	has[TRACE_SRC] = case_has(opts, "rhwm");
	has[TRACE_TR] = case_has(opts, "twhwm");
	has[TRACE_DST] = case_has(opts, "whwm");
	rows_init(run, opts, has);
	return true;
}

void trace_run_fini(struct trace_run *run)
{
	pipe_flow_fini(&run->pipe);
	while (run->chunks) {
		struct trace_chunk *chunk = run->chunks;

		run->chunks = chunk->next;
		free(chunk);
	}
}

static void take_back(struct trace_run *run, struct pipe_flow_part *part)
{
	struct read_chunk *chunk;

	if (!part->reads)
		return;
	for (chunk = read_flow_take_back(&part->read); chunk;
	     chunk = read_flow_take_back(&part->read))
		container_of(chunk, struct trace_chunk, pipe.read)->lent = false;
	if (read_flow_length(&part->read) != 0)
		trace_run_break(run, "bytes are left in what was read");
}

void trace_run_wind_up(struct trace_run *run)
{
	run->log = cJSON_CreateArray();
	for (int role = 0; role < TRACE_ROLES; role++)
		if (run->index[role] >= 0)
			trace_run_destroy(run, (enum trace_role)role, NULL);
	trace_run_deferred(run);
	if (run->step_in_hand)
		trace_run_step_over(run, run->step_in_hand, 1, NULL);
	if (run->sink_in_hand)
		op_sink_over(run, "complete", NULL);
	trace_run_deferred(run);
	for (unsigned int i = 0; i < run->pipe.count; i++) {
		struct pipe_flow_part *part = &run->parts[i];

		take_back(run, part);
		if (part->writes && flow_length(&part->write) != 0)
			trace_run_break(run, "bytes are left in what was written");
		if (run->told[run->roles[i]].closes != 1)
			trace_run_break(run, "a part was not closed exactly once");
	}
	for (const struct trace_chunk *chunk = run->chunks; chunk; chunk = chunk->next)
		if (chunk->lent)
			trace_run_break(run, "a chunk did not come back");
	if ((run->kind == TRACE_PIPELINE || run->kind == TRACE_FINISHED) && run->outcomes != 1)
		trace_run_break(run, "the outcome was not told exactly once");
	cJSON_Delete(run->log);
}
