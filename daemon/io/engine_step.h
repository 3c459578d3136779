/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_ENGINE_STEP_H
#define FOREBAY_IO_ENGINE_STEP_H

/*
 * One request may take several kernel calls: a write that came back short, an interrupted
 * call. A step is one of these calls. The same code decides for every engine how a request
 * goes on, so that they cannot differ.
 *
 *	step_prepare()			once; 0, or a request that makes no sense
 *	do {
 *		step_begin()		what to ask the kernel for
 *		...			what it said
 *	} while (step_end())		true: once more
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct io_request;

int step_prepare(struct io_request *request) must_check;

/* Nothing to do for the kernel: the result is set. */
bool step_is_empty(struct io_request *request);

/* Fills request->step. Its iovec must stay as it is until step_end(). */
void step_begin(struct io_request *request);

/* `result` is the kernel's: bytes or 0, or negative errno. */
bool step_end(struct io_request *request, int64_t result) must_check;

/* All of it here and now, waiting for the disk. On a worker. */
void step_perform(struct io_request *request);

#endif
