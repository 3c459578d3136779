/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/flow.h"

#include <assert.h>
#include <stddef.h>

#include "daemon/core/flow_steps.h"

/*
 * The calls; what follows from them is in flow_steps.c.
 *
 * What always holds:
 *   - length is the sum of the bytes in `queue` and in the sink calls in hand;
 *   - an accepted write is on exactly one of queue, a sink call, now, deferred;
 *   - sink calls leave the circle oldest first, and only then change anything that is seen;
 *   - RELEASE is given when no sink call is in hand and no opening is under way.
 */

static void flow_pump(struct flow *flow, struct flow_action *action)
{
	struct flow_sink *sink =
		&flow->sinks[(flow->sinks_first + flow->sinks_count) % FLOW_SINKS_MAX];
	struct list *link = list_first(&flow->queue);

	list_init(&sink->writes);
	sink->count = 0;
	sink->bytes = 0;
	sink->error = 0;
	sink->done = false;
	sink->number = ++flow->sink_number;
	do {
		list_remove(link);
		list_append(&sink->writes, link);
		sink->count++;
		sink->bytes += write_of(link)->bytes;
		link = list_first(&flow->queue);
	} while (link && sink->count < flow->config.sink_writes &&
		 sink->bytes <= flow->config.sink_bytes &&
		 write_of(link)->bytes <= flow->config.sink_bytes - sink->bytes);

	flow->queued -= sink->count;
	flow->sinks_count++;
	flow->sink_in_call = sink;
	*action = (struct flow_action){ .what = FLOW_DO_SINK, .sink = sink };
}

static bool all_quiet(const struct list *writes)
{
	list_for_each(link, writes)
		if (!write_of(link)->quiet)
			return false;
	return true;
}

/*
 * Inside the sink call nothing may be told yet, so its answers are deferred, and so are those
 * of later calls while they stand there. Only writes that nobody waits for need not be,
 * unless a drain has to be decided for them.
 */
static void flow_place_group(struct flow *flow, struct list *writes, int error, bool in_call)
{
	struct list *to = &flow->now;
	bool decide = !error;

	list_for_each(link, writes)
		write_of(link)->error = error;
	if (in_call && !error && all_quiet(writes) &&
	    (flow->after_deferred || !flow_is_drained(flow))) {
		decide = false;
	} else if (in_call || flow->groups_deferred > 0) {
		to = &flow->deferred;
		flow->groups_deferred++;
		flow_take_ticket(flow, step_of(list_first(writes)));
		if (!error)
			flow->after_deferred = true;
	}
	write_of(list_first(writes))->first = decide;
	write_of(list_last(writes))->last = true;
	list_splice(to, writes);
}

/* Takes the sink calls that are over off the circle, as far as none is older than they. */
static void flow_retire(struct flow *flow, bool in_call)
{
	while (flow->sinks_count > 0 && flow->sinks[flow->sinks_first].done) {
		struct flow_sink *sink = &flow->sinks[flow->sinks_first];
		int error = sink->error ? sink->error : flow->sink_error;

		flow->sinks_first = (flow->sinks_first + 1) % FLOW_SINKS_MAX;
		flow->sinks_count--;
		flow->length -= sink->bytes;
		if (error && !flow->error)
			flow->error = error;
		if (error && flow->sink_stopped && !flow->sink_error)
			flow->sink_error = error;
		if (error && !in_call && !flow_is_destroyed(flow) && flow->phase != FLOW_FAILED)
			flow_set_phase(flow, FLOW_FAILED);
		flow_place_group(flow, &sink->writes, error, in_call);
	}
}

static void flow_sink_over(struct flow *flow, struct flow_sink *sink, int error)
{
	bool in_call = flow->sink_in_call == sink && flow->sinks_count == 1;

	assert(!sink->done);
	sink->done = true;
	sink->error = error;
	if (error && !(in_call && flow->config.sinks == 1))
		flow->sink_stopped = true;
	flow_retire(flow, in_call);
}

void flow_complete(struct flow *flow, struct flow_sink *sink)
{
	flow_sink_over(flow, sink, FLOW_ERROR_NONE);
}

void flow_fail(struct flow *flow, struct flow_sink *sink, int error)
{
	assert(error);
	flow_sink_over(flow, sink, error);
}

static void flow_end_mark(struct flow *flow)
{
	if (flow->judging)
		(void)flow_judge(flow);
	flow->end_stage = FLOW_END_WAITER;
	if (flow->end_error)
		return;
	if (!flow->error && !flow->ended) {
		flow->ended = true;
		if (flow->phase == FLOW_OPEN)
			flow_set_phase(flow, FLOW_ENDING);
		flow_finish_maybe(flow, true);
	} else if (flow->finished) {
		flow->end_error = FLOW_ERROR_ALREADY_FINISHED;
	} else if (flow_is_destroyed(flow)) {
		flow->end_error = FLOW_ERROR_DESTROYED;
	}
}

static void flow_defer(struct flow *flow, struct flow_step *step)
{
	flow_take_ticket(flow, step);
	list_append(&flow->deferred, &step->link);
}

static void flow_end_wait(struct flow *flow)
{
	struct flow_end *waiter = flow->end_waiter;

	flow->end_stage = FLOW_END_NONE;
	flow->end_waiter = NULL;
	if (!waiter)
		return;
	waiter->error = flow->end_error ? flow->end_error : flow->error;
	if (waiter->error || flow->finished)
		flow_defer(flow, &waiter->step);
	else
		list_append(&flow->ends, &waiter->step.link);
}

/* A caller that did not take the actions of flow_end() must not lose its waiter. */
static void flow_end_settle(struct flow *flow)
{
	if (flow->end_stage == FLOW_END_MARK)
		flow_end_mark(flow);
	if (flow->end_stage == FLOW_END_WAITER)
		flow_end_wait(flow);
}

void flow_end(struct flow *flow, struct flow_write *last, struct flow_end *waiter)
{
	flow_end_settle(flow);
	flow->end_error = FLOW_ERROR_NONE;
	if (last) {
		if (!flow_write(flow, last))
			flow->end_error = last->error;
		else if (!flow_can_pump(flow))
			(void)flow_judge(flow);
	}
	if (waiter) {
		list_init(&waiter->step.link);
		waiter->step.kind = FLOW_STEP_END;
		waiter->error = FLOW_ERROR_NONE;
	}
	flow->corked = 0;
	flow->end_waiter = waiter;
	flow->end_stage = FLOW_END_MARK;
}

void flow_final_done(struct flow *flow, int error)
{
	struct list *say = flow->final_in_call ? &flow->deferred : &flow->now;

	flow->pending--;
	if (error) {
		flow_answer_ends(flow, error);
		flow_fail_stream(flow, error, say);
	} else if (flow_may_finish(flow)) {
		flow->pending++;
		flow_push(flow, &flow->deferred, FLOW_STEP_FINISH);
	}
}

void flow_destroy(struct flow *flow, int error)
{
	flow_end_settle(flow);
	flow_give_up(flow, error);
}

void flow_released(struct flow *flow, int error)
{
	if (error)
		flow->terminal_error = error;
	if (!flow->error)
		flow->error = flow->terminal_error;
	flow_set_phase(flow, FLOW_CLOSED);
	flow_push(flow, &flow->deferred, FLOW_STEP_CLOSE);
}

static int flow_refusal(const struct flow *flow)
{
	if (flow->ended)
		return FLOW_ERROR_WRITE_AFTER_END;
	if (flow_is_destroyed(flow))
		return FLOW_ERROR_DESTROYED;
	return flow->error;
}

bool flow_write(struct flow *flow, struct flow_write *write)
{
	flow_end_settle(flow);
	list_init(&write->step.link);
	write->step.kind = FLOW_STEP_WRITE;
	write->first = false;
	write->last = false;
	write->error = flow_refusal(flow);
	write->accepted = write->error == FLOW_ERROR_NONE;
	if (!write->accepted) {
		flow_defer(flow, &write->step);
		return false;
	}
	list_append(&flow->queue, &write->step.link);
	flow->queued++;
	flow->pending++;
	flow->length += write->bytes;
	flow->judging = true;
	return true;
}

bool flow_judge(struct flow *flow)
{
	bool room = flow->length < flow->config.high_water_mark || flow->length == 0;

	if (flow->judging && !room)
		flow->need = true;
	flow->judging = false;
	return room && flow_is_writable(flow);
}

uint64_t flow_grow(struct flow *flow, uint64_t bytes)
{
	struct list *link = list_last(&flow->queue);
	struct flow_write *write;
	uint64_t room;

	if (!link || flow_refusal(flow))
		return 0;
	write = write_of(link);
	if (write->bytes >= flow->config.sink_bytes)
		return 0;
	room = flow->config.sink_bytes - write->bytes;
	if (bytes > room)
		bytes = room;
	write->bytes += bytes;
	flow->length += bytes;
	return bytes;
}

void flow_cork(struct flow *flow)
{
	flow->corked++;
}

void flow_uncork(struct flow *flow)
{
	if (flow->corked > 0)
		flow->corked--;
}

void flow_hold(struct flow *flow, bool held)
{
	flow->held = held;
}

void flow_want_drain(struct flow *flow, uint64_t limit)
{
	flow->need = true;
	flow->drain_limit = limit;
	flow->wanted = flow_drain_due(flow);
}

void flow_opened(struct flow *flow)
{
	flow_open_failed(flow, FLOW_ERROR_NONE);
}

void flow_open_failed(struct flow *flow, int error)
{
	assert(flow->opening);
	flow->open_error = error;
	flow_push(flow, &flow->deferred, FLOW_STEP_OPENED);
}

bool flow_next(struct flow *flow, struct flow_action *ret_action)
{
	struct list *link;

	flow->sink_in_call = NULL;
	flow->final_in_call = false;
	for (;;) {
		if (flow_can_pump(flow)) {
			flow_pump(flow, ret_action);
			return true;
		}
		if (flow->end_stage == FLOW_END_MARK)
			flow_end_mark(flow);
		if (flow->judging)
			return false;
		link = list_take_first(&flow->now);
		if (!link)
			break;
		if (flow_run(flow, link, ret_action))
			return true;
	}
	flow_end_settle(flow);
	return false;
}

bool flow_ticket(const struct flow *flow, uint32_t *ret_ticket)
{
	struct list *link = list_first(&flow->deferred);

	if (link)
		*ret_ticket = step_of(link)->ticket;
	return link != NULL;
}

/* One step, or all writes of one sink call: nothing comes between those. */
bool flow_begin_deferred(struct flow *flow)
{
	struct list *link = list_take_first(&flow->deferred);

	if (!link)
		return false;
	list_append(&flow->now, link);
	if (step_of(link)->kind != FLOW_STEP_WRITE || !write_of(link)->accepted)
		return true;
	flow->groups_deferred--;
	while (!write_of(link)->last) {
		link = list_take_first(&flow->deferred);
		list_append(&flow->now, link);
	}
	return true;
}

bool flow_next_deferred(struct flow *flow, struct flow_action *ret_action)
{
	if (flow->judging)
		(void)flow_judge(flow);
	do {
		if (flow_next(flow, ret_action))
			return true;
	} while (flow_begin_deferred(flow));

	if (!flow->wanted)
		return false;
	flow->wanted = false;
	if (!flow_drain_due(flow))
		return false;
	flow->need = false;
	flow->drain_limit = UINT64_MAX;
	*ret_action = (struct flow_action){ .what = FLOW_DO_DRAIN };
	return true;
}

void flow_init(struct flow *flow, const struct flow_config *config)
{
	assert(config->sinks >= 1 && config->sinks <= FLOW_SINKS_MAX && config->sink_writes >= 1);
	assert(config->low_water_mark == 0 || config->low_water_mark < config->high_water_mark);
	*flow = (struct flow){
		.config = *config,
		.phase = config->opening ? FLOW_OPENING : FLOW_OPEN,
		.opening = config->opening,
		.drain_limit = UINT64_MAX,
	};
	list_init(&flow->queue);
	list_init(&flow->ends);
	list_init(&flow->now);
	list_init(&flow->deferred);
	for (unsigned int i = 0; i < FLOW_SINKS_MAX; i++)
		list_init(&flow->sinks[i].writes);
	for (unsigned int i = 0; i < FLOW_STEP_OWN_COUNT; i++)
		list_init(&flow->own[i].link);
}

static void flow_drop(struct list *list)
{
	while (list_take_first(list))
		;
}

void flow_fini(struct flow *flow)
{
	if (!flow)
		return;
	flow_drop(&flow->queue);
	flow_drop(&flow->ends);
	flow_drop(&flow->now);
	flow_drop(&flow->deferred);
	for (unsigned int i = 0; i < FLOW_SINKS_MAX; i++)
		flow_drop(&flow->sinks[i].writes);
}

enum flow_phase flow_phase(const struct flow *flow)
{
	return flow->phase;
}

uint64_t flow_length(const struct flow *flow)
{
	return flow->length;
}

uint32_t flow_queued(const struct flow *flow)
{
	return flow->queued;
}

uint32_t flow_corked(const struct flow *flow)
{
	return flow->corked;
}

bool flow_needs_drain(const struct flow *flow)
{
	return flow->need && !flow->ended && !flow_is_destroyed(flow);
}

bool flow_is_writable(const struct flow *flow)
{
	return !flow->ended && !flow_is_destroyed(flow) && !flow->error;
}

bool flow_is_ended(const struct flow *flow)
{
	return flow->ended;
}

bool flow_is_finished(const struct flow *flow)
{
	return flow->finished;
}

bool flow_is_destroyed(const struct flow *flow)
{
	return flow->phase == FLOW_DESTROYED || flow->phase == FLOW_CLOSED;
}

bool flow_is_closed(const struct flow *flow)
{
	return flow->phase == FLOW_CLOSED;
}

int flow_errored(const struct flow *flow)
{
	return flow->error;
}
