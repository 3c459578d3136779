/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_STEP_H
#define FOREBAY_IO_STEP_H

/*
 * One step that bytes go through on their way to where they are stored: gzip and zstd, and
 * what undoes them. Memory in, memory out, in pieces of any size; no descriptor.
 *
 * A compressing step gives out frames (a gzip member, a zstd frame) that stand for themselves:
 * whatever follows or is lost behind one, it can be read. It begins with the first byte of
 * input and ends when the caller says so. A decompressing step takes such frames one after
 * another, and nothing else between or behind them.
 *
 * A step belongs to one thread at a time. Nobody may write to its input while it runs: zstd
 * reads what it decompresses more than once, and relies on what it saw. Its memory is bounded: a
 * compressing one holds up to 300 KiB (gzip) or, at the highest level, some 90 MiB (zstd);
 * gunzip 50 KiB; unzstd as much as the frame asks for, up to 128 MiB, and a frame that asks for
 * more is refused, as `zstd -d` does too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/core/stream_options.h"

struct step;

/* Both are moved on by the call: in by what was taken, out by what was given. */
struct step_data {
	const unsigned char *in;
	size_t in_bytes;
	unsigned char *out;
	size_t out_bytes;
};

enum step_flush {
	STEP_RUN,	/* give out what comes, keep what compresses better with more */
	STEP_END_FRAME, /* give out all of it, and end the frame */
};

/* out is full: call again, with room and the same flush. */
#define STEP_E_FULL 1

/* level: OPTION_UNSET for the library's default, and for a decompressing step. -ENOMEM. */
int step_new(enum stream_step_kind kind, int64_t level, struct step **ret_step) must_check;
struct step *step_free(struct step *step);

/*
 * 0: all input was taken, and with STEP_END_FRAME the frame has ended and all its bytes were
 * given out. STEP_END_FRAME with no frame begun gives nothing; to a decompressing step, which
 * cannot choose where its frames end, it says to give out everything that the input so far
 * allows.
 *
 * STEP_E_FULL. -EBADMSG: the input is not in this format, or damaged. -ENOMEM. After a failure
 * each call fails in the same way, until step_reset().
 */
int step_run(struct step *step, struct step_data *data, enum step_flush flush) must_check;

/*
 * A whole frame with nothing in it, which is what an empty stream is stored as; nothing at all
 * from a decompressing step. Only at a boundary. 0 or STEP_E_FULL, and then once more until 0.
 */
int step_end_empty(struct step *step, struct step_data *data) must_check;

/* No frame is half done, and no byte of one is still to be given out. */
bool step_is_at_boundary(const struct step *step);

/* As new. */
void step_reset(struct step *step);

enum stream_step_kind step_kind(const struct step *step);

/* What such a step may hold at most, for those who count memory; level as for step_new(). */
uint64_t step_memory_bytes(enum stream_step_kind kind, int64_t level);

#endif
