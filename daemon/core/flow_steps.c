/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/flow_steps.h"

#include <assert.h>

/*
 * Sink calls are no steps. They come before every step, whenever the queue may move, which is
 * what keeps the sink busy while the producer is being told.
 */

#define BIT(phase) (1u << FLOW_##phase)

static const uint8_t allowed[] = {
	[FLOW_OPENING] = BIT(OPEN) | BIT(ENDING) | BIT(FAILED) | BIT(DESTROYED),
	[FLOW_OPEN] = BIT(ENDING) | BIT(FAILED) | BIT(DESTROYED),
	[FLOW_ENDING] = BIT(FINISHED) | BIT(FAILED) | BIT(DESTROYED),
	[FLOW_FINISHED] = BIT(DESTROYED),
	[FLOW_FAILED] = BIT(DESTROYED),
	[FLOW_DESTROYED] = BIT(CLOSED),
	[FLOW_CLOSED] = 0,
};

void flow_set_phase(struct flow *flow, enum flow_phase to)
{
	assert(allowed[flow->phase] & (1u << to));
	flow->phase = to;
}

void flow_push(struct flow *flow, struct list *list, enum flow_step_kind kind)
{
	struct flow_step *step = &flow->own[kind];

	step->kind = kind;
	if (list == &flow->deferred)
		flow_take_ticket(flow, step);
	list_append(list, &step->link);
}

void flow_take_ticket(struct flow *flow, struct flow_step *step)
{
	if (flow->config.tickets)
		step->ticket = (*flow->config.tickets)++;
}

bool flow_can_pump(const struct flow *flow)
{
	return !list_is_empty(&flow->queue) && flow->corked == 0 && !flow->held &&
	       !flow->sink_stopped && flow->sinks_count < flow->config.sinks &&
	       (flow->phase == FLOW_OPEN || flow->phase == FLOW_ENDING);
}

bool flow_may_finish(const struct flow *flow)
{
	return flow->phase == FLOW_ENDING && !flow->error && flow->sinks_count == 0 &&
	       list_is_empty(&flow->queue);
}

bool flow_is_drained(const struct flow *flow)
{
	uint64_t mark = flow->config.low_water_mark;

	if (flow->drain_limit < mark)
		mark = flow->drain_limit;
	return flow->need && flow->length <= mark;
}

bool flow_drain_due(const struct flow *flow)
{
	return flow_is_drained(flow) && !flow->ended && !flow_is_destroyed(flow);
}

void flow_answer_ends(struct flow *flow, int error)
{
	list_for_each(link, &flow->ends)
		end_of(link)->error = error;
	list_splice(&flow->now, &flow->ends);
}

static void flow_fail_rest(struct flow *flow)
{
	int error = flow->error ? flow->error : FLOW_ERROR_DESTROYED;

	list_for_each(link, &flow->queue) {
		flow->length -= write_of(link)->bytes;
		write_of(link)->error = error;
	}
	flow->queued = 0;
	list_splice(&flow->now, &flow->queue);
	flow_answer_ends(flow, error);
}

void flow_give_up(struct flow *flow, int error)
{
	if (flow_is_destroyed(flow))
		return;
	if (flow->sinks_count == 0 && !(list_is_empty(&flow->queue) && list_is_empty(&flow->ends)))
		flow_push(flow, &flow->deferred, FLOW_STEP_FAIL_REST);
	if (!flow->error)
		flow->error = error;
	/* A failure whose answers are still to be given came first. */
	if (flow->config.release && flow->phase == FLOW_FAILED)
		flow->terminal_error = flow->error;
	else if (!flow->sink_failed)
		flow->terminal_error = error;
	flow->sink_failed = false;
	flow_set_phase(flow, FLOW_DESTROYED);
	if (flow->opening)
		return;
	if (flow->sinks_count == 0)
		flow_push(flow, &flow->now, FLOW_STEP_RELEASE);
	else
		flow->release_due = true;
}

void flow_fail_stream(struct flow *flow, int error, struct list *say)
{
	if (flow_is_destroyed(flow))
		return;
	if (flow->config.release) {
		flow_give_up(flow, error);
		return;
	}
	if (!flow->error)
		flow->error = error;
	flow->failure = error;
	if (flow->phase != FLOW_FAILED)
		flow_set_phase(flow, FLOW_FAILED);
	flow_push(flow, say, FLOW_STEP_ERROR);
}

static void flow_finish(struct flow *flow)
{
	flow->finished = true;
	if (flow->phase == FLOW_ENDING)
		flow_set_phase(flow, FLOW_FINISHED);
	flow_answer_ends(flow, FLOW_ERROR_NONE);
	flow_push(flow, &flow->now, FLOW_STEP_FINISH_SAY);
}

void flow_finish_maybe(struct flow *flow, bool defer)
{
	if (!flow_may_finish(flow))
		return;
	if (!flow->final_asked && flow->config.final) {
		flow->pending++;
		flow_push(flow, &flow->now, FLOW_STEP_FINAL);
	}
	flow->final_asked = true;
	if (flow->pending > 0)
		return;
	if (!defer) {
		flow_finish(flow);
		return;
	}
	flow->pending++;
	flow_push(flow, &flow->deferred, FLOW_STEP_FINISH);
}

/* The last write of a sink call is being answered. */
static void flow_after_group(struct flow *flow, int error)
{
	if (error && !flow->sink_failed && !flow_is_destroyed(flow)) {
		flow->sink_failed = true;
		flow->terminal_error = error;
	}
	if (flow->sinks_count == 0 && (flow->sink_failed || flow_is_destroyed(flow)))
		flow_fail_rest(flow);
	if (flow->sinks_count == 0 && flow->sink_failed) {
		flow->sink_failed = false;
		flow_fail_stream(flow, flow->terminal_error, &flow->now);
	}
	if (flow->sinks_count == 0 && flow->release_due) {
		flow->release_due = false;
		flow_push(flow, &flow->now, FLOW_STEP_RELEASE);
	}
	if (flow->ended)
		flow_finish_maybe(flow, true);
}

static bool flow_run_write(struct flow *flow, struct flow_write *write, struct flow_action *action)
{
	if (write->first) {
		write->first = false;
		flow->after_deferred = false;
		if (flow_drain_due(flow)) {
			/* Drain comes before the answer: this step is run once more. */
			list_prepend(&flow->now, &write->step.link);
			flow->need = false;
			flow->drain_limit = UINT64_MAX;
			action->what = FLOW_DO_DRAIN;
			return true;
		}
	}
	if (write->accepted)
		flow->pending--;
	action->what = FLOW_DO_ANSWER_WRITE;
	action->write = write;
	action->error = write->error;
	if (write->last)
		flow_after_group(flow, write->error);
	return true;
}

static bool flow_run_end(struct flow_end *end, struct flow_action *action)
{
	action->what = FLOW_DO_ANSWER_END;
	action->end = end;
	action->error = end->error;
	return true;
}

static bool flow_run_opened(struct flow *flow)
{
	flow->opening = false;
	if (flow_is_destroyed(flow)) {
		if (!flow->terminal_error)
			flow->terminal_error = flow->open_error;
		flow_push(flow, &flow->now, FLOW_STEP_RELEASE);
	} else if (flow->open_error) {
		flow_fail_stream(flow, flow->open_error, &flow->deferred);
	} else {
		flow_set_phase(flow, flow->ended ? FLOW_ENDING : FLOW_OPEN);
		flow_push(flow, &flow->now, FLOW_STEP_CHECK);
	}
	return false;
}

static bool flow_run_finish(struct flow *flow)
{
	flow->pending--;
	if (flow->config.final || flow_may_finish(flow))
		flow_finish(flow);
	return false;
}

static bool flow_run_error(struct flow *flow, int error, struct flow_action *action)
{
	if (flow->error_said || !error)
		return false;
	flow->error_said = true;
	action->what = FLOW_DO_ERROR;
	action->error = error;
	return true;
}

static bool flow_run_close(struct flow *flow, struct flow_action *action)
{
	if (flow_run_error(flow, flow->terminal_error, action)) {
		flow_push(flow, &flow->now, FLOW_STEP_CLOSE);
		return true;
	}
	action->what = FLOW_DO_CLOSE;
	return flow->config.announce_close;
}

static bool flow_run_own(struct flow *flow, enum flow_step_kind kind, struct flow_action *action)
{
	switch (kind) {
	case FLOW_STEP_OPENED:
		return flow_run_opened(flow);
	case FLOW_STEP_CHECK:
		flow_finish_maybe(flow, false);
		return false;
	case FLOW_STEP_FINAL:
		flow->final_in_call = true;
		action->what = FLOW_DO_FINAL;
		return true;
	case FLOW_STEP_FINISH:
		return flow_run_finish(flow);
	case FLOW_STEP_FINISH_SAY:
		action->what = FLOW_DO_FINISH;
		if (flow->config.release && !flow->config.other_side)
			flow_give_up(flow, FLOW_ERROR_NONE);
		return true;
	case FLOW_STEP_FAIL_REST:
		flow_fail_rest(flow);
		return false;
	case FLOW_STEP_ERROR:
		return flow_run_error(flow, flow->failure, action);
	case FLOW_STEP_RELEASE:
		action->what = FLOW_DO_RELEASE;
		action->error = flow->terminal_error;
		return true;
	default:
		return flow_run_close(flow, action);
	}
}

bool flow_run(struct flow *flow, struct list *link, struct flow_action *action)
{
	struct flow_step *step = step_of(link);

	*action = (struct flow_action){ 0 };
	if (step->kind == FLOW_STEP_WRITE)
		return flow_run_write(flow, write_of(link), action);
	if (step->kind == FLOW_STEP_END)
		return flow_run_end(end_of(link), action);
	return flow_run_own(flow, step->kind, action);
}

#define NAME_ROW(name, text) text,

static const char *const phase_names[] = { FLOW_PHASE_LIST(NAME_ROW) };

const char *flow_phase_name(enum flow_phase phase)
{
	return phase_names[phase];
}
