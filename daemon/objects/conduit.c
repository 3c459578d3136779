/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/conduit.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "daemon/objects/conduit_source.h"
#include "daemon/objects/conduit_steps.h"
#include "daemon/objects/registry.h"

/* ---- chunks ---- */

struct conduit_chunk *conduit_chunk_new(struct conduit *conduit, enum conduit_part part,
					size_t bytes)
{
	struct conduit_chunk *chunk = malloc(sizeof(*chunk) + bytes);

	if (!chunk)
		return NULL;
	conduit->chunks[part]++;
	chunk->part = part;
	chunk->flow = (struct pipe_flow_chunk){ .read.bytes = bytes };
	list_init(&chunk->flow.read.link);
	list_init(&chunk->flow.write.step.link);
	return chunk;
}

void conduit_chunk_free(struct conduit *conduit, struct conduit_chunk *chunk)
{
	if (!chunk)
		return;
	conduit->chunks[chunk->part]--;
	free(chunk);
}

struct conduit_chunk *conduit_chunk_cut(struct conduit_chunk *chunk, size_t bytes)
{
	/* Not on any list yet, so it may move. */
	struct conduit_chunk *smaller = realloc(chunk, sizeof(*chunk) + bytes);

	if (smaller)
		chunk = smaller;
	list_init(&chunk->flow.read.link);
	list_init(&chunk->flow.write.step.link);
	chunk->flow.read.bytes = bytes;
	return chunk;
}

struct conduit_chunk *conduit_chunk_of_write(struct list *link)
{
	return container_of(link, struct conduit_chunk, flow.write.step.link);
}

/* ---- what the flow says ---- */

static unsigned int sink_part(const struct conduit *conduit)
{
	return conduit->flow.count - 1;
}

static bool is_steps(const struct conduit *conduit, unsigned int part)
{
	return part == CONDUIT_STEPS && conduit->steps;
}

static void release(struct conduit *conduit, unsigned int part, int error)
{
	if (part == CONDUIT_SOURCE)
		conduit_source_release(conduit);
	else if (is_steps(conduit, part))
		conduit_steps_release(conduit);
	else
		conduit->sink->release(conduit, error);
}

static void write_on(struct conduit *conduit, const struct pipe_flow_action *action)
{
	if (is_steps(conduit, action->part)) {
		conduit_steps_write(conduit, action->sink);
		return;
	}
	conduit->sink_in_hand = action->sink;
	conduit->sink->write(conduit, action->sink);
}

static void perform(struct conduit *conduit, const struct pipe_flow_action *action)
{
	switch (action->what) {
	case PIPE_FLOW_DO_READ:
		conduit_source_read(conduit, action->bytes);
		break;
	case PIPE_FLOW_DO_WRITE:
		write_on(conduit, action);
		break;
	case PIPE_FLOW_DO_FINAL:
		if (is_steps(conduit, action->part))
			conduit_steps_final(conduit);
		else
			conduit->sink->final(conduit);
		break;
	case PIPE_FLOW_DO_RELEASE:
		release(conduit, action->part, action->error);
		break;
	case PIPE_FLOW_DO_RETURN:
		conduit_chunk_free(conduit,
				   container_of(action->chunk, struct conduit_chunk, flow));
		break;
	case PIPE_FLOW_DO_DONE:
		conduit->over = true;
		/* The flow's own reasons are above 0; none but this one is left when all is closed. */
		conduit->outcome = action->error > 0 ? -ECANCELED : action->error;
		break;
	case PIPE_FLOW_DO_DELIVER:
		/* To nobody: it was given up. */
		if (action->read.returned)
			conduit_chunk_free(conduit,
					   container_of(action->chunk, struct conduit_chunk, flow));
		break;
	case PIPE_FLOW_DO_TELL:
	case PIPE_FLOW_DO_FINISHED:
		break;
	}
}

void conduit_settle(struct conduit *conduit)
{
	struct pipe_flow_action action;
	bool running = conduit->running;

	conduit->running = true;
	while (pipe_flow_next(&conduit->flow, &action))
		perform(conduit, &action);
	conduit->running = running;
}

static bool take_turns(struct conduit *conduit)
{
	bool moved = conduit->steps && conduit_steps_turn(conduit);

	conduit_source_turn(conduit);
	return (conduit->sink->turn && conduit->sink->turn(conduit)) || moved;
}

void conduit_run(struct conduit *conduit)
{
	struct pipe_flow_action action;

	if (conduit->running) {
		conduit_settle(conduit);
		return;
	}
	if (conduit->over)
		return;
	conduit->running = true;
	do {
		while (pipe_flow_next_deferred(&conduit->flow, &action))
			perform(conduit, &action);
	} while (!conduit->over && take_turns(conduit));
	conduit->running = false;
	if (conduit->over)
		conduit->done(conduit);
}

static void on_wake(evutil_socket_t unused_fd, short unused_events, void *data)
{
	(void)unused_fd;
	(void)unused_events;
	conduit_run(data);
}

void conduit_schedule(struct conduit *conduit)
{
	event_active(conduit->wake, EV_TIMEOUT, 0);
}

/* ---- for the sink ---- */

void conduit_wrote(struct conduit *conduit, int error)
{
	struct flow_sink *sink = conduit->sink_in_hand;

	assert(sink);
	conduit->sink_in_hand = NULL;
	pipe_flow_complete(&conduit->flow, sink_part(conduit), sink, error);
	conduit_run(conduit);
}

void conduit_finished(struct conduit *conduit, int error)
{
	pipe_flow_final_done(&conduit->flow, sink_part(conduit), error);
	conduit_run(conduit);
}

void conduit_released(struct conduit *conduit)
{
	pipe_flow_released(&conduit->flow, sink_part(conduit), 0);
	conduit_run(conduit);
}

void conduit_note_fault(struct conduit *conduit, const char *operation, int error, const char *path,
			int64_t offset)
{
	if (!fault_is_set(&conduit->fault))
		fault_set(&conduit->fault, operation, error < 0 ? -error : error, path, offset);
}

/* ---- beginning and end ---- */

static int charge(struct conduit *conduit, const struct conduit_request *request,
		  struct refusal *refusal)
{
	uint64_t piece = conduit->mark < CONDUIT_PIECE_BYTES ? conduit->mark : CONDUIT_PIECE_BYTES;
	uint64_t chunks = CONDUIT_CHUNKS_MAX * sizeof(struct conduit_chunk);
	uint64_t bytes = 2 * (conduit->mark + piece) + chunks;
	int r;

	if (request->steps.steps_count > 0)
		bytes += 2 * (conduit->mark + piece) + chunks +
			 conduit_steps_memory_bytes(&request->steps);
	r = user_charge(conduit->user, QUOTA_STAGING_BYTES, bytes, refusal);
	if (r == 0)
		conduit->charged_bytes = bytes;
	return r;
}

static int check_request(struct conduit_request *request, struct refusal *refusal)
{
	if (request->mark != OPTION_UNSET &&
	    (request->mark < 1 || request->mark > CONDUIT_MARK_MAXIMUM))
		return refuse_text(refusal, REFUSAL_PARAMETER, "highWaterMark");
	if (request->offset != OPTION_UNSET && request->offset < 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, "source.offset");
	if (request->length != OPTION_UNSET && request->length < 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, "source.length");
	return stream_options_resolve_steps(&request->steps) ?
		       0 :
		       refuse_text(refusal, REFUSAL_PARAMETER, "steps");
}

static int set_up(struct conduit *conduit, struct holder *holder, struct conduit_request *request,
		  conduit_open_fn opened, struct refusal *refusal)
{
	int r = charge(conduit, request, refusal);

	if (r != 0)
		return r;
	conduit->wake = event_new(conduit->registry->base, -1, EV_TIMEOUT, on_wake, conduit);
	if (!conduit->wake)
		return -ENOMEM;
	if (request->steps.steps_count > 0) {
		r = conduit_steps_new(conduit, &request->steps, &conduit->steps);
		if (r < 0)
			return r;
	}
	return conduit_source_open(conduit, holder, request, opened, refusal);
}

int conduit_open(struct conduit *conduit, struct holder *holder, struct conduit_request *request,
		 conduit_open_fn opened, struct refusal *refusal)
{
	struct registry *registry = holder->user->registry;
	int r;

	if (registry->lifecycle != LIFECYCLE_SERVING)
		return refuse(refusal, REFUSAL_SHUTTING_DOWN);
	r = check_request(request, refusal);
	if (r != 0)
		return r;
	*conduit = (struct conduit){
		.registry = registry,
		.user = user_acquire(registry, holder->user->uid),
		.mark = (uint64_t)(request->mark == OPTION_UNSET ? CONDUIT_MARK_DEFAULT :
								   request->mark),
	};
	if (!conduit->user)
		return -ENOMEM;
	r = set_up(conduit, holder, request, opened, refusal);
	if (r != 0)
		conduit_fini(conduit);
	return r;
}

void conduit_begin(struct conduit *conduit)
{
	struct flow_config write = conduit->sink->flow;
	/* One write at a time: a step is not asked for two outputs at once. */
	struct flow_config step_write = {
		.high_water_mark = conduit->mark,
		.sink_bytes = UINT64_MAX,
		.sink_writes = 1,
		.sinks = 1,
		.final = true,
	};
	struct pipe_flow_part_config configs[CONDUIT_PARTS_MAX] = {
		{ .reads = true, .read_high_water_mark = conduit->mark },
		{ .reads = true,
		  .read_high_water_mark = conduit->mark,
		  .writes = true,
		  .write = &step_write },
	};
	unsigned int last = conduit->steps ? 2 : 1;

	write.high_water_mark = conduit->mark;
	configs[last] = (struct pipe_flow_part_config){ .writes = true, .write = &write };
	pipe_flow_init(&conduit->flow, conduit->parts, configs, last + 1);
	conduit->begun = true;
	pipe_flow_guard(&conduit->flow);
	conduit_run(conduit);
}

void conduit_give_up(struct conduit *conduit, int error)
{
	if (conduit->over)
		return;
	/* Each by itself: a sink that hangs must not keep the source. */
	for (unsigned int i = 0; i < conduit->flow.count; i++) {
		pipe_flow_destroy(&conduit->flow, i, error);
		conduit_settle(conduit);
	}
	conduit_run(conduit);
}

/* What was read and not written when it was given up. */
static void drop_chunks(struct conduit *conduit)
{
	struct read_chunk *chunk;

	for (unsigned int i = 0; i < conduit->flow.count; i++)
		while (conduit->parts[i].reads &&
		       (chunk = read_flow_take_back(&conduit->parts[i].read)))
			conduit_chunk_free(conduit,
					   container_of(chunk, struct conduit_chunk, flow.read));
}

void conduit_fini(struct conduit *conduit)
{
	if (!conduit->user)
		return;
	if (conduit->begun) {
		drop_chunks(conduit);
		pipe_flow_fini(&conduit->flow);
	}
	conduit->begun = false;
	conduit->source = conduit_source_free(conduit->source);
	conduit->steps = conduit_steps_free(conduit->steps);
	if (conduit->wake)
		event_free(conduit->wake);
	conduit->wake = NULL;
	user_discharge(conduit->user, QUOTA_STAGING_BYTES, conduit->charged_bytes);
	user_release(conduit->user);
	conduit->user = NULL;
}

/* ---- looked at ---- */

uint64_t conduit_read_bytes(const struct conduit *conduit)
{
	return conduit_source_read_bytes(conduit->source);
}

uint64_t conduit_total_bytes(const struct conduit *conduit)
{
	return conduit_source_total_bytes(conduit->source);
}

const char *conduit_source_path(const struct conduit *conduit)
{
	return conduit_source_absolute_path(conduit->source);
}

bool conduit_source_is_at_end(const struct conduit *conduit)
{
	return conduit_source_has_ended(conduit->source);
}

uint64_t conduit_held_bytes(const struct conduit *conduit)
{
	uint64_t bytes = 0;

	if (!conduit->begun)
		return 0;
	for (unsigned int i = 0; i < conduit->flow.count; i++) {
		const struct pipe_flow_part *part = &conduit->parts[i];

		if (part->reads)
			bytes += read_flow_length(&part->read);
		if (part->writes)
			bytes += flow_length(&part->write);
	}
	return bytes;
}
