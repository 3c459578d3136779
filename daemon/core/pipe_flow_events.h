/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_PIPE_FLOW_EVENTS_H
#define FOREBAY_CORE_PIPE_FLOW_EVENTS_H

/*
 * Private to pipe_flow.c and pipe_flow_events.c: what follows from what a part says. What
 * Node does on its call stack stands on one of frames: the top one is run until it has an
 * action to give, or is over.
 */

#include <stdbool.h>

#include "daemon/core/pipe_flow.h"

enum pipe_flow_frame_kind {
	PIPE_FLOW_FRAME_CALL,	/* below it stands what was under way when a call came */
	PIPE_FLOW_FRAME_READ,	/* the reading side of `part` is run */
	PIPE_FLOW_FRAME_WRITE,	/* its written side */
	PIPE_FLOW_FRAME_WROTE,	/* what it read was written to the next part */
	PIPE_FLOW_FRAME_UNLINK, /* from the next part */
	PIPE_FLOW_FRAME_FINAL,	/* its final step is done, with `error` */
	PIPE_FLOW_FRAME_DRAIN,	/* from here on: `part` says so */
	PIPE_FLOW_FRAME_FINISH,
	PIPE_FLOW_FRAME_END,
	PIPE_FLOW_FRAME_ERROR,
	PIPE_FLOW_FRAME_CLOSE,
	PIPE_FLOW_FRAME_GIVE_UP, /* stage: the part whose turn it is */
};

enum pipe_flow_step_kind {
	PIPE_FLOW_STEP_END,
	PIPE_FLOW_STEP_FINISHED,
	PIPE_FLOW_STEP_DONE,
};

struct pipe_flow_frame *pipe_flow_frame_push(struct pipe_flow *pipe, enum pipe_flow_frame_kind kind,
					     unsigned int part);

void pipe_flow_set_phase(struct pipe_flow *pipe, enum pipe_flow_phase to);

void pipe_flow_defer(struct pipe_flow *pipe, struct pipe_flow_step *step,
		     enum pipe_flow_step_kind kind, unsigned int part);

/* A step's reading side learns how its written side stands. */
bool pipe_flow_settle(struct pipe_flow_part *part);

/* Has the consumer of the part paused until the next part drains. */
void pipe_flow_hold(struct pipe_flow *pipe, unsigned int part);

/* Unless it is destroyed. */
void pipe_flow_give_up(struct pipe_flow *pipe, unsigned int part, int error);

/* Why a part that is closed was closed too early, else 0. */
int pipe_flow_outcome(const struct pipe_flow_part *part);

/* Runs the top frame, which is no CALL; whether it gave an action. */
bool pipe_flow_run(struct pipe_flow *pipe, struct pipe_flow_action *action);

/* Runs a step that was taken off pipe_flow::deferred; whether it gave an action. */
bool pipe_flow_run_step(struct pipe_flow *pipe, const struct pipe_flow_step *step,
			struct pipe_flow_action *action);

#endif
