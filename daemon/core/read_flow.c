/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/read_flow.h"

#include <assert.h>
#include <stddef.h>

#include "daemon/core/flow.h"
#include "daemon/core/read_flow_steps.h"

/*
 * The calls; what follows from them is in read_flow_steps.c.
 *
 * What always holds:
 *   - length is the sum of what is not yet delivered of `chunks`, but for the chunk that is
 *     delivered as it is pushed;
 *   - READ is not asked for again before a push (an empty one too), or the end, answered it.
 */

#define BIT(mode) (1u << READ_FLOW_##mode)

static const uint8_t allowed[] = {
	[READ_FLOW_IDLE] = BIT(FLOWING) | BIT(PAUSED),
	[READ_FLOW_FLOWING] = BIT(PAUSED),
	[READ_FLOW_PAUSED] = BIT(FLOWING) | BIT(PAUSED),
};

static void set_mode(struct read_flow *flow, enum read_flow_mode to)
{
	assert(allowed[flow->mode] & (1u << to));
	flow->mode = to;
}

/* A call from within another one: its loop ends where the other goes on. */
static void enter(struct read_flow *flow)
{
	if (flow->depth > 0)
		read_flow_frame_push(flow, READ_FLOW_FRAME_CALL, 0);
}

void read_flow_init(struct read_flow *flow, const struct read_flow_config *config)
{
	*flow = (struct read_flow){
		.config = *config,
		.sync = !config->other_side,
	};
	list_init(&flow->chunks);
	list_init(&flow->deferred);
	for (unsigned int i = 0; i < READ_FLOW_STEP_COUNT; i++)
		list_init(&flow->steps[i].link);
}

static void misuse(struct read_flow *flow, int error)
{
	if (!flow->config.other_side)
		read_flow_give_up(flow, error);
}

static void add(struct read_flow *flow, struct read_chunk *chunk, bool in_front)
{
	bool straight = flow->mode == READ_FLOW_FLOWING && flow->consumed && !flow->sync &&
			flow->length == 0;

	chunk->used = 0;
	if (in_front)
		list_prepend(&flow->chunks, &chunk->link);
	else
		list_append(&flow->chunks, &chunk->link);
	if (straight) {
		/* Whoever takes it may defer something, which comes before reading on. */
		read_flow_frame_push(flow, READ_FLOW_FRAME_MORE_LATER, 0);
		read_flow_frame_push(flow, READ_FLOW_FRAME_PIECES, chunk->bytes);
		return;
	}
	flow->length += chunk->bytes;
	if (flow->need_readable)
		read_flow_say_readable(flow);
	read_flow_more(flow);
}

bool read_flow_push(struct read_flow *flow, struct read_chunk *chunk)
{
	enter(flow);
	list_init(&chunk->link);
	if (chunk->bytes == 0) {
		flow->reading = false;
		read_flow_more(flow);
		return false;
	}
	if (flow->ended)
		misuse(flow, FLOW_ERROR_PUSH_AFTER_END);
	if (flow->ended || flow->destroyed || flow->error)
		return false;
	flow->reading = false;
	add(flow, chunk, false);
	return true;
}

void read_flow_push_end(struct read_flow *flow)
{
	enter(flow);
	flow->reading = false;
	if (flow->ended)
		return;
	flow->ended = true;
	if (flow->sync) {
		read_flow_say_readable(flow);
		return;
	}
	flow->need_readable = false;
	flow->readable_due = true;
	read_flow_frame_push(flow, READ_FLOW_FRAME_READABLE, 0);
}

bool read_flow_unshift(struct read_flow *flow, struct read_chunk *chunk)
{
	enter(flow);
	list_init(&chunk->link);
	if (chunk->bytes == 0)
		return false;
	if (flow->end_said)
		misuse(flow, FLOW_ERROR_UNSHIFT_AFTER_END);
	if (flow->end_said || flow->destroyed || flow->error)
		return false;
	add(flow, chunk, true);
	return true;
}

bool read_flow_wants(const struct read_flow *flow)
{
	return !flow->ended && (flow->length < flow->config.high_water_mark || flow->length == 0);
}

bool read_flow_read(struct read_flow *flow, uint64_t bytes)
{
	if (bytes != READ_FLOW_ALL && bytes > READ_FLOW_READ_MAX &&
	    bytes > flow->config.high_water_mark)
		return false;
	enter(flow);
	read_flow_frame_push(flow, READ_FLOW_FRAME_READ, bytes);
	return true;
}

void read_flow_pause(struct read_flow *flow)
{
	enter(flow);
	if (flow->mode == READ_FLOW_PAUSED)
		return;
	set_mode(flow, READ_FLOW_PAUSED);
	read_flow_frame_push(flow, READ_FLOW_FRAME_PAUSED, 0);
}

void read_flow_resume(struct read_flow *flow)
{
	if (flow->mode == READ_FLOW_FLOWING)
		return;
	set_mode(flow, flow->watched ? READ_FLOW_PAUSED : READ_FLOW_FLOWING);
	if (flow->resume_due)
		return;
	flow->resume_due = true;
	read_flow_defer(flow, READ_FLOW_STEP_RESUME, READ_FLOW_STEP_RESUME);
}

void read_flow_consume(struct read_flow *flow)
{
	flow->consumed = true;
	if (flow->mode != READ_FLOW_PAUSED)
		read_flow_resume(flow);
}

void read_flow_leave(struct read_flow *flow)
{
	flow->consumed = false;
}

void read_flow_watch(struct read_flow *flow)
{
	if (flow->end_said || flow->watched)
		return;
	flow->watched = true;
	flow->need_readable = true;
	flow->readable_due = false;
	set_mode(flow, READ_FLOW_PAUSED);
	if (flow->length > 0)
		read_flow_say_readable(flow);
	else if (!flow->reading)
		read_flow_defer(flow, READ_FLOW_STEP_FIRST, READ_FLOW_STEP_FIRST);
}

void read_flow_destroy(struct read_flow *flow, int error)
{
	enter(flow);
	read_flow_give_up(flow, error);
}

void read_flow_released(struct read_flow *flow, int error)
{
	if (error)
		flow->terminal_error = error;
	if (!flow->error)
		flow->error = flow->terminal_error;
	flow->released = true;
	read_flow_defer(flow, READ_FLOW_STEP_CLOSE, READ_FLOW_STEP_CLOSE);
}

void read_flow_follow(struct read_flow *flow, int error, bool destroyed, bool told)
{
	if (!flow->error)
		flow->error = error;
	flow->destroyed = flow->destroyed || destroyed;
	flow->close_said = flow->close_said || told;
}

struct read_chunk *read_flow_take_back(struct read_flow *flow)
{
	struct list *link = list_take_first(&flow->chunks);
	struct read_chunk *chunk;

	if (!link)
		return NULL;
	chunk = container_of(link, struct read_chunk, link);
	flow->length -= chunk->bytes - chunk->used;
	return chunk;
}

bool read_flow_next_deferred(struct read_flow *flow, struct read_flow_action *ret_action)
{
	do {
		if (read_flow_next(flow, ret_action))
			return true;
	} while (read_flow_begin_deferred(flow));
	return false;
}

uint64_t read_flow_length(const struct read_flow *flow)
{
	return flow->length;
}

enum read_flow_mode read_flow_mode(const struct read_flow *flow)
{
	return flow->mode;
}

bool read_flow_is_consumed(const struct read_flow *flow)
{
	return flow->consumed;
}

bool read_flow_is_ended(const struct read_flow *flow)
{
	return flow->end_said;
}

bool read_flow_is_destroyed(const struct read_flow *flow)
{
	return flow->destroyed;
}

bool read_flow_is_closed(const struct read_flow *flow)
{
	return flow->released;
}

int read_flow_errored(const struct read_flow *flow)
{
	return flow->error;
}
