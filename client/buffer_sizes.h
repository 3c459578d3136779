/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_BUFFER_SIZES_H
#define FOREBAY_CLIENT_BUFFER_SIZES_H

/*
 * How much each job saves: its own length, or what its buffer has from its offset on. The
 * buffers are asked for once, however many jobs there are.
 */

#include <stddef.h>

#include "client/verbs.h"

struct buffer_size;
struct cJSON;

struct buffer_sizes {
	struct buffer_size *items;	/* by their ids */
	size_t count;
	size_t capacity;
};

/* Asks the daemon. A failure has been reported, and leaves nothing to be freed. */
enum verb_status buffer_sizes_fetch(struct verb_call *call, struct buffer_sizes *ret_sizes);
void buffer_sizes_fini(struct buffer_sizes *sizes);

/*
 * Adds "size" to an object with the "context" of a job; a listing_prepare_fn. Nothing if the
 * buffer is gone. 0 or -ENOMEM.
 */
int buffer_sizes_add(struct cJSON *object, void *sizes);

#endif
