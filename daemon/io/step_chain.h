/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_STEP_CHAIN_H
#define FOREBAY_IO_STEP_CHAIN_H

/*
 * Steps in a row, with a little memory between each two: what the first gives out, the second
 * takes, as if it were one step. No steps at all copy. Results and rules are those of
 * step_run(); one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/err.h"
#include "daemon/io/step.h"

/* Between two steps. */
#define STEP_CHAIN_LINK_BYTES ((size_t)64 * 1024)

struct step_chain;

/* At most STREAM_STEPS_MAX, else -EINVAL; -ENOMEM. */
int step_chain_new(const struct stream_step *steps, size_t count,
		   struct step_chain **ret_chain) must_check;
struct step_chain *step_chain_free(struct step_chain *chain);

/* STEP_END_FRAME ends the frame of every step, in order, each with all that came before it. */
int step_chain_run(struct step_chain *chain, struct step_data *data,
		   enum step_flush flush) must_check;

/*
 * What is stored of a stream that had no byte: the empty frame of the first step that
 * compresses, as the steps behind it make of it; nothing where none compresses. 0 or
 * STEP_E_FULL, and then once more until 0; or it fails as step_chain_run() does. Only on a
 * chain that is as new.
 */
int step_chain_end_empty(struct step_chain *chain, struct step_data *data) must_check;

/* No frame is half done in any step, and no byte is still on its way. */
bool step_chain_is_at_boundary(const struct step_chain *chain);

/* A decompressing step has had the beginning of a frame and not its end. */
bool step_chain_expects_more(const struct step_chain *chain);

/*
 * "gunzip": the step that failed, or else the one that expects more. NULL: none. A constant.
 */
const char *step_chain_failed_name(const struct step_chain *chain);

/* As new, also after a failure. */
void step_chain_reset(struct step_chain *chain);

#endif
