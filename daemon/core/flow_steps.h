/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_FLOW_STEPS_H
#define FOREBAY_CORE_FLOW_STEPS_H

/*
 * Private to flow.c and flow_steps.c: what a flow does in consequence of a call. A call
 * changes the counts at once and leaves steps behind. flow::now holds the steps of the
 * present call, flow::deferred those for after it: what Node does inside the call, and what
 * it hands to process.nextTick.
 */

#include <stdbool.h>

#include "daemon/core/flow.h"

static inline struct flow_step *step_of(struct list *link)
{
	return container_of(link, struct flow_step, link);
}

static inline struct flow_write *write_of(struct list *link)
{
	return container_of(step_of(link), struct flow_write, step);
}

static inline struct flow_end *end_of(struct list *link)
{
	return container_of(step_of(link), struct flow_end, step);
}

/* The only writer of flow::phase. */
void flow_set_phase(struct flow *flow, enum flow_phase to);

/* Appends one of the flow's own steps to flow::now or flow::deferred. */
void flow_push(struct flow *flow, struct list *list, enum flow_step_kind kind);

/* What is about to go to the end of flow::deferred takes its place. */
void flow_take_ticket(struct flow *flow, struct flow_step *step);

bool flow_can_pump(const struct flow *flow);   /* a sink call is to be made */
bool flow_may_finish(const struct flow *flow); /* ended, and nothing is left to write */
bool flow_is_drained(const struct flow *flow); /* told to stop, and low enough to go on */
bool flow_drain_due(const struct flow *flow);  /* and there is somebody to tell */

/* Answers everybody who waits for the end. */
void flow_answer_ends(struct flow *flow, int error);

/* Becomes destroyed, once. */
void flow_give_up(struct flow *flow, int error);

/* Fails: becomes destroyed, or without config.release FAILED, with the error said by `say`. */
void flow_fail_stream(struct flow *flow, int error, struct list *say);

/* Takes the next of FINAL and FINISH if everything before it is done. */
void flow_finish_maybe(struct flow *flow, bool defer);

/* Runs a step that was taken off its list; whether it gave an action. */
bool flow_run(struct flow *flow, struct list *link, struct flow_action *ret_action);

#endif
