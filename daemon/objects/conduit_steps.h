/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_CONDUIT_STEPS_H
#define FOREBAY_OBJECTS_CONDUIT_STEPS_H

/*
 * The middle part of a conduit, where there are steps; for the conduit_*.c files only. All
 * steps are one part. What one write makes can be a thousand times as long as what was written:
 * so it is made a piece at a time, and the next piece only when the last ones were read.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct conduit;
struct conduit_steps;
struct flow_sink;
struct stream_options;

/* -ENOMEM. */
int must_check conduit_steps_new(struct conduit *conduit, const struct stream_options *options,
				 struct conduit_steps **ret_steps);
/* Only when nothing is under way. Takes NULL. */
struct conduit_steps *conduit_steps_free(struct conduit_steps *steps);

/* What they hold at most. */
uint64_t conduit_steps_memory_bytes(const struct stream_options *options);

/* PIPE_FLOW_DO_WRITE, _FINAL and _RELEASE of it. */
void conduit_steps_write(struct conduit *conduit, struct flow_sink *sink);
void conduit_steps_final(struct conduit *conduit);
void conduit_steps_release(struct conduit *conduit);

/* Goes on if there is room for output now. True: something was answered. */
bool conduit_steps_turn(struct conduit *conduit);

#endif
