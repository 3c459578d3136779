/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/read_flow_steps.h"

#include <assert.h>
#include <stdbool.h>

#include "daemon/core/read_flow.h"

void read_flow_frame_push(struct read_flow *flow, enum read_flow_frame_kind kind, uint64_t count)
{
	assert(flow->depth < READ_FLOW_FRAMES_MAX);
	flow->frames[flow->depth++] = (struct read_flow_frame){ .kind = kind, .count = count };
}

static struct read_flow_frame *top(struct read_flow *flow)
{
	return &flow->frames[flow->depth - 1];
}

void read_flow_defer(struct read_flow *flow, unsigned int from, unsigned int to)
{
	while (from < to && !list_is_empty(&flow->steps[from].link))
		from++;
	if (!list_is_empty(&flow->steps[from].link))
		return;
	if (flow->config.tickets)
		flow->steps[from].ticket = (*flow->config.tickets)++;
	list_append(&flow->deferred, &flow->steps[from].link);
}

void read_flow_say_readable(struct read_flow *flow)
{
	flow->need_readable = false;
	if (flow->readable_due)
		return;
	flow->readable_due = true;
	read_flow_defer(flow, READ_FLOW_STEP_READABLE, READ_FLOW_STEP_READABLE_LAST);
}

void read_flow_more(struct read_flow *flow)
{
	if (flow->more_due)
		return;
	flow->more_due = true;
	read_flow_defer(flow, READ_FLOW_STEP_MORE, READ_FLOW_STEP_MORE);
}

void read_flow_give_up(struct read_flow *flow, int error)
{
	if (flow->destroyed)
		return;
	flow->destroyed = true;
	flow->terminal_error = error;
	if (!flow->error)
		flow->error = error;
	read_flow_frame_push(flow, READ_FLOW_FRAME_RELEASE, 0);
}

static void end_later(struct read_flow *flow)
{
	if (flow->end_said)
		return;
	flow->ended = true;
	read_flow_defer(flow, READ_FLOW_STEP_END, READ_FLOW_STEP_END_LAST);
}

/* ---- one read ---- */

static uint64_t how_much(const struct read_flow *flow, uint64_t asked)
{
	const struct list *first = list_first(&flow->chunks);

	if (asked == 0 || flow->length == 0)
		return 0;
	if (asked == READ_FLOW_ALL) {
		const struct read_chunk *chunk = container_of(first, struct read_chunk, link);

		return flow->mode == READ_FLOW_FLOWING ? chunk->bytes - chunk->used : flow->length;
	}
	if (asked <= flow->length)
		return asked;
	return flow->ended ? flow->length : 0;
}

static void raise_mark(struct read_flow *flow, uint64_t bytes)
{
	uint64_t mark = 1;

	while (mark < bytes)
		mark <<= 1;
	flow->config.high_water_mark = mark;
}

/* A read that is only to see that the source is read, but there is enough to be told. */
static bool only_tells(const struct read_flow *flow, uint64_t asked)
{
	uint64_t mark = flow->config.high_water_mark;
	bool enough = mark > 0 ? flow->length >= mark : flow->length > 0;

	return asked == 0 && flow->need_readable && (enough || flow->ended);
}

/* The read is over with `bytes` (0: with nothing), which are to be delivered. */
static void read_take(struct read_flow *flow, uint64_t asked, uint64_t bytes)
{
	flow->depth--;
	if (bytes > flow->length)
		bytes = flow->length;
	if (bytes == 0 && flow->length <= flow->config.high_water_mark)
		flow->need_readable = true;
	flow->length -= bytes;
	if (flow->length == 0) {
		if (!flow->ended)
			flow->need_readable = true;
		else if (asked != bytes)
			end_later(flow);
	}
	if (bytes == 0)
		return;
	if (flow->depth > 0)
		top(flow)->got = true;
	read_flow_frame_push(flow, READ_FLOW_FRAME_PIECES, bytes);
}

static bool run_read(struct read_flow *flow, uint64_t asked, struct read_flow_action *action)
{
	bool needed = flow->need_readable;
	uint64_t bytes;

	if (asked != READ_FLOW_ALL && asked > flow->config.high_water_mark)
		raise_mark(flow, asked);
	if (asked != 0)
		flow->readable_due = false;
	if (only_tells(flow, asked)) {
		flow->depth--;
		if (flow->length == 0 && flow->ended)
			end_later(flow);
		else
			read_flow_say_readable(flow);
		return false;
	}
	bytes = how_much(flow, asked);
	if (bytes == 0 && flow->ended) {
		flow->depth--;
		if (flow->length == 0)
			end_later(flow);
		return false;
	}
	if (flow->length == 0 || flow->length - bytes < flow->config.high_water_mark)
		needed = true;
	if (!needed || flow->reading || flow->ended || flow->destroyed || flow->error) {
		read_take(flow, asked, bytes);
		return false;
	}
	flow->reading = true;
	flow->sync = true;
	if (flow->length == 0)
		flow->need_readable = true;
	top(flow)->kind = READ_FLOW_FRAME_READ_BACK;
	top(flow)->got = bytes > 0;
	action->what = READ_FLOW_DO_READ;
	action->bytes = flow->config.high_water_mark;
	return true;
}

static void run_read_back(struct read_flow *flow, uint64_t asked)
{
	flow->sync = false;
	/* Without an answer it stays as it was seen before: nothing was added meanwhile. */
	if (flow->reading && !top(flow)->got)
		read_take(flow, asked, 0);
	else
		read_take(flow, asked, how_much(flow, asked));
}

static bool run_pieces(struct read_flow *flow, struct read_flow_action *action)
{
	struct read_chunk *chunk = container_of(list_first(&flow->chunks), struct read_chunk, link);
	uint64_t bytes = chunk->bytes - chunk->used;

	if (bytes > top(flow)->count)
		bytes = top(flow)->count;
	action->what = READ_FLOW_DO_DELIVER;
	action->chunk = chunk;
	action->offset = chunk->used;
	action->bytes = bytes;
	action->unheard = flow->error_said || flow->close_said;
	chunk->used += bytes;
	action->returned = chunk->used == chunk->bytes;
	if (action->returned)
		list_remove(&chunk->link);
	top(flow)->count -= bytes;
	action->last = top(flow)->count == 0;
	if (action->last)
		flow->depth--;
	return true;
}

/* ---- what goes on by itself ---- */

static void run_flow(struct read_flow *flow)
{
	if (flow->mode != READ_FLOW_FLOWING) {
		flow->depth--;
		return;
	}
	top(flow)->kind = READ_FLOW_FRAME_FLOW_BACK;
	top(flow)->got = false;
	read_flow_frame_push(flow, READ_FLOW_FRAME_READ, READ_FLOW_ALL);
}

static void run_flow_back(struct read_flow *flow)
{
	if (top(flow)->got)
		top(flow)->kind = READ_FLOW_FRAME_FLOW;
	else
		flow->depth--;
}

static bool run_readable(struct read_flow *flow, struct read_flow_action *action)
{
	bool say = !flow->destroyed && !flow->error && (flow->length > 0 || flow->ended);

	top(flow)->kind = READ_FLOW_FRAME_READABLE_SAID;
	top(flow)->count = say;
	action->what = READ_FLOW_DO_READABLE;
	return say && flow->watched;
}

static void run_readable_said(struct read_flow *flow)
{
	if (top(flow)->count)
		flow->readable_due = false;
	if (flow->mode != READ_FLOW_FLOWING && !flow->ended &&
	    flow->length <= flow->config.high_water_mark)
		flow->need_readable = true;
	top(flow)->kind = READ_FLOW_FRAME_FLOW;
}

static bool run_resume_say(struct read_flow *flow, struct read_flow_action *action)
{
	flow->resume_due = false;
	top(flow)->kind = READ_FLOW_FRAME_RESUME_FLOW;
	action->what = READ_FLOW_DO_RESUME;
	return true;
}

/* Makes the frame the next one, and runs another one first. */
static void run_first(struct read_flow *flow, enum read_flow_frame_kind next,
		      enum read_flow_frame_kind first)
{
	top(flow)->kind = next;
	read_flow_frame_push(flow, first, 0);
}

static void run_resume(struct read_flow *flow)
{
	if (flow->reading)
		top(flow)->kind = READ_FLOW_FRAME_RESUME_SAY;
	else
		run_first(flow, READ_FLOW_FRAME_RESUME_SAY, READ_FLOW_FRAME_READ);
}

static void run_resume_read(struct read_flow *flow)
{
	flow->depth--;
	if (flow->mode == READ_FLOW_FLOWING && !flow->reading)
		read_flow_frame_push(flow, READ_FLOW_FRAME_READ, 0);
}

static void run_more(struct read_flow *flow)
{
	bool hungry = flow->length < flow->config.high_water_mark ||
		      (flow->mode == READ_FLOW_FLOWING && flow->length == 0);

	if (flow->reading || flow->ended || !hungry) {
		flow->more_due = false;
		flow->depth--;
		return;
	}
	top(flow)->count = flow->length;
	run_first(flow, READ_FLOW_FRAME_MORE_BACK, READ_FLOW_FRAME_READ);
}

static void run_more_back(struct read_flow *flow)
{
	if (top(flow)->count != flow->length) {
		top(flow)->kind = READ_FLOW_FRAME_MORE;
		return;
	}
	flow->more_due = false;
	flow->depth--;
}

/* ---- the end ---- */

static bool run_end(struct read_flow *flow, struct read_flow_action *action)
{
	if (flow->error || flow->close_said || flow->end_said || flow->length > 0) {
		flow->depth--;
		return false;
	}
	flow->end_said = true;
	top(flow)->kind = READ_FLOW_FRAME_END_SAID;
	action->what = READ_FLOW_DO_END;
	return true;
}

static void run_end_said(struct read_flow *flow)
{
	flow->depth--;
	if (!flow->config.other_side)
		read_flow_give_up(flow, 0);
}

static bool run_release(struct read_flow *flow, struct read_flow_action *action)
{
	flow->depth--;
	action->what = READ_FLOW_DO_RELEASE;
	action->error = flow->terminal_error;
	return true;
}

static bool run_error(struct read_flow *flow, struct read_flow_action *action)
{
	top(flow)->kind = READ_FLOW_FRAME_CLOSE;
	if (!flow->terminal_error)
		return false;
	flow->error_said = true;
	action->what = READ_FLOW_DO_ERROR;
	action->error = flow->terminal_error;
	return true;
}

static bool run_close(struct read_flow *flow, struct read_flow_action *action)
{
	flow->depth--;
	flow->close_said = true;
	action->what = READ_FLOW_DO_CLOSE;
	return true;
}

static void run_silent(struct read_flow *flow)
{
	switch (top(flow)->kind) {
	case READ_FLOW_FRAME_READ_BACK:
		run_read_back(flow, top(flow)->count);
		break;
	case READ_FLOW_FRAME_FLOW:
		run_flow(flow);
		break;
	case READ_FLOW_FRAME_FLOW_BACK:
		run_flow_back(flow);
		break;
	case READ_FLOW_FRAME_READABLE_SAID:
		run_readable_said(flow);
		break;
	case READ_FLOW_FRAME_RESUME:
		run_resume(flow);
		break;
	case READ_FLOW_FRAME_RESUME_FLOW:
		run_first(flow, READ_FLOW_FRAME_RESUME_READ, READ_FLOW_FRAME_FLOW);
		break;
	case READ_FLOW_FRAME_RESUME_READ:
		run_resume_read(flow);
		break;
	case READ_FLOW_FRAME_MORE:
		run_more(flow);
		break;
	case READ_FLOW_FRAME_MORE_BACK:
		run_more_back(flow);
		break;
	case READ_FLOW_FRAME_MORE_LATER:
		flow->depth--;
		read_flow_more(flow);
		break;
	default:
		run_end_said(flow);
		break;
	}
}

static bool run(struct read_flow *flow, struct read_flow_action *action)
{
	*action = (struct read_flow_action){ 0 };
	switch (top(flow)->kind) {
	case READ_FLOW_FRAME_READ:
		return run_read(flow, top(flow)->count, action);
	case READ_FLOW_FRAME_PIECES:
		return run_pieces(flow, action);
	case READ_FLOW_FRAME_READABLE:
		return run_readable(flow, action);
	case READ_FLOW_FRAME_RESUME_SAY:
		return run_resume_say(flow, action);
	case READ_FLOW_FRAME_PAUSED:
		flow->depth--;
		action->what = READ_FLOW_DO_PAUSE;
		return true;
	case READ_FLOW_FRAME_END:
		return run_end(flow, action);
	case READ_FLOW_FRAME_RELEASE:
		return run_release(flow, action);
	case READ_FLOW_FRAME_ERROR:
		return run_error(flow, action);
	case READ_FLOW_FRAME_CLOSE:
		return run_close(flow, action);
	default:
		run_silent(flow);
		return false;
	}
}

bool read_flow_next(struct read_flow *flow, struct read_flow_action *ret_action)
{
	while (flow->depth > 0) {
		if (top(flow)->kind == READ_FLOW_FRAME_CALL) {
			flow->depth--;
			return false;
		}
		if (run(flow, ret_action))
			return true;
	}
	return false;
}

bool read_flow_ticket(const struct read_flow *flow, uint32_t *ret_ticket)
{
	const struct list *link = list_first(&flow->deferred);

	if (link)
		*ret_ticket = container_of(link, struct read_flow_step, link)->ticket;
	return link != NULL;
}

static enum read_flow_frame_kind frame_of(unsigned int kind)
{
	if (kind <= READ_FLOW_STEP_READABLE_LAST)
		return READ_FLOW_FRAME_READABLE;
	if (kind <= READ_FLOW_STEP_END_LAST)
		return READ_FLOW_FRAME_END;
	switch (kind) {
	case READ_FLOW_STEP_RESUME:
		return READ_FLOW_FRAME_RESUME;
	case READ_FLOW_STEP_MORE:
		return READ_FLOW_FRAME_MORE;
	case READ_FLOW_STEP_FIRST:
		return READ_FLOW_FRAME_READ;
	default:
		return READ_FLOW_FRAME_ERROR;
	}
}

bool read_flow_begin_deferred(struct read_flow *flow)
{
	struct list *link = list_take_first(&flow->deferred);
	struct read_flow_step *step;

	if (!link)
		return false;
	step = container_of(link, struct read_flow_step, link);
	read_flow_frame_push(flow, frame_of((unsigned int)(step - flow->steps)), 0);
	return true;
}
