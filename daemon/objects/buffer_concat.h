/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_BUFFER_CONCAT_H
#define FOREBAY_OBJECTS_BUFFER_CONCAT_H

/*
 * A new buffer with the bytes of others one behind the other, in the caller's default pool, or
 * in a pool of its own if it is large. Loop thread only.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/objects/buffers.h"

struct holder;
struct refusal;

struct buffer_concat {
	struct buffer *const *sources; /* the same one may come again */
	size_t count;
	uint64_t total_length; /* cuts, or fills with zeroes; UINT64_MAX: all of them */
};

/* 0: the callback comes, from the loop; the sources may be freed meanwhile. */
int must_check buffer_concat(struct holder *holder, const struct buffer_concat *concat,
			     buffer_done_fn done, void *data, struct refusal *refusal);

#endif
