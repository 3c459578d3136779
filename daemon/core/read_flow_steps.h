/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_READ_FLOW_STEPS_H
#define FOREBAY_CORE_READ_FLOW_STEPS_H

/*
 * Private to read_flow.c and read_flow_steps.c: what a read flow does in consequence of a
 * call. What Node does on its call stack stands here on one of its own, of frames: the top
 * one is run until it has an action to give, or is over. What Node hands to process.nextTick
 * is a step on read_flow::deferred.
 */

#include <stdint.h>

struct read_flow;

enum read_flow_frame_kind {
	READ_FLOW_FRAME_CALL, /* below it stands what was under way when a call came */
	READ_FLOW_FRAME_READ, /* count: bytes asked for */
	READ_FLOW_FRAME_READ_BACK,
	READ_FLOW_FRAME_PIECES, /* count: bytes left to deliver */
	READ_FLOW_FRAME_FLOW,
	READ_FLOW_FRAME_FLOW_BACK, /* got: the read gave something */
	READ_FLOW_FRAME_READABLE,
	READ_FLOW_FRAME_READABLE_SAID,
	READ_FLOW_FRAME_RESUME,
	READ_FLOW_FRAME_RESUME_SAY,
	READ_FLOW_FRAME_RESUME_FLOW,
	READ_FLOW_FRAME_RESUME_READ,
	READ_FLOW_FRAME_MORE,
	READ_FLOW_FRAME_MORE_BACK, /* count: the length before the read */
	READ_FLOW_FRAME_MORE_LATER,
	READ_FLOW_FRAME_PAUSED,
	READ_FLOW_FRAME_END,
	READ_FLOW_FRAME_END_SAID,
	READ_FLOW_FRAME_RELEASE,
	READ_FLOW_FRAME_ERROR,
	READ_FLOW_FRAME_CLOSE,
};

void read_flow_frame_push(struct read_flow *flow, enum read_flow_frame_kind kind, uint64_t count);

/* Defers the first of the steps `from`..`to` that is not deferred yet; none: it is enough. */
void read_flow_defer(struct read_flow *flow, unsigned int from, unsigned int to);

/* READABLE is to be told, unless it is about to be. */
void read_flow_say_readable(struct read_flow *flow);

/* Looks later whether to read on. */
void read_flow_more(struct read_flow *flow);

/* Becomes destroyed, once. */
void read_flow_give_up(struct read_flow *flow, int error);

#endif
