/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_BUFFER_H
#define FOREBAY_CLIENT_BUFFER_H

/* A buffer's handle from the inside, for who works on its memory. Thread: one at a time. */

#include <stddef.h>
#include <stdint.h>

#include "client/forebay.h"

struct forebay_pool;

struct forebay_buffer {
	const struct forebay_pool *pool;
	char id[FOREBAY_ID_BYTES];
	uint64_t offset; /* in the pool; the range is within what is mapped */
	size_t length;
	uint64_t *slot;	   /* its version word */
	uint64_t updating; /* the odd value of our update; 0: none is going on */
};

#endif
