/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_BUFFER_BYTES_H
#define FOREBAY_OBJECTS_BUFFER_BYTES_H

/*
 * What is done with the bytes of buffers beside reading and writing them, with Node's answers.
 * As with those: what is long goes to a worker, in order per backing; texts are copied before
 * the call returns; whatever changes a buffer is an update of it, and BUFFER_BUSY while a
 * client is at one; what is refused has changed nothing. A stream that holds a range is in
 * nobody's way: what it writes are the bytes that are there at the time.
 *
 * 0: the callback comes, from the loop. Otherwise it does not. Loop thread only.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "proto/encoding.h"

struct buffer;
struct refusal;

/* `value`: see each. */
typedef void (*buffer_value_fn)(void *data, int result, int64_t value,
				const struct refusal *refusal);

struct buffer_fill {
	uint64_t offset;
	uint64_t end; /* UINT64_MAX: the buffer's */
	const char *text;
	enum encoding encoding;
};

/*
 * The text's bytes again and again, cut at the end; no text means zeroes. Value: how many
 * bytes were written. OUT_OF_RANGE: a position outside of the buffer. REFUSAL_PARAMETER
 * "value": a text that gives no bytes, where there is something to fill.
 */
int must_check buffer_fill(struct buffer *buffer, const struct buffer_fill *fill,
			   buffer_value_fn done, void *data, struct refusal *refusal);

/* Positions that are not given: 0, 0 and INT64_MAX. */
struct buffer_copy {
	int64_t target_start;
	int64_t source_start;
	int64_t source_end;
};

/*
 * Between two buffers or within one, where the ranges may overlap. Value: how many bytes were
 * copied, as many as both ranges have; a start behind the target's end leaves none.
 * OUT_OF_RANGE: a negative position, or the source's start behind its end.
 */
int must_check buffer_copy(struct buffer *source, struct buffer *target,
			   const struct buffer_copy *copy, buffer_value_fn done, void *data,
			   struct refusal *refusal);

/* Value: -1, 0, 1; of two that begin alike the shorter one is first. */
int must_check buffer_compare(struct buffer *source, struct buffer *target, buffer_value_fn done,
			      void *data);

struct buffer_find_request {
	int64_t offset; /* negative: from the end; outside is the nearer end */
	const char *text;
	enum encoding encoding; /* utf16le is found at even positions only */
	bool last;
};

/* Value: where, or -1. The first at or behind the offset, or the last at or before it. */
int must_check buffer_index_of(struct buffer *buffer, const struct buffer_find_request *request,
			       buffer_value_fn done, void *data);

/*
 * Turns round each `width` bytes: 2, 4 or 8, else REFUSAL_PARAMETER "width", as for a length
 * that is no multiple. Value: nothing.
 */
int must_check buffer_swap(struct buffer *buffer, int64_t width, buffer_value_fn done, void *data,
			   struct refusal *refusal);

#endif
