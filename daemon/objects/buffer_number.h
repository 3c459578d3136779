/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_BUFFER_NUMBER_H
#define FOREBAY_OBJECTS_BUFFER_NUMBER_H

/*
 * Numbers in buffers, got and set as exact texts (proto/number.h), several in a row if asked.
 * Positions need no alignment. In order per backing, many of them on a worker. Loop thread
 * only.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/objects/buffer_bytes.h"
#include "proto/number.h"

struct buffer;
struct refusal;

/* `texts` is malloc'd, and the callback's to free. */
typedef void (*buffer_texts_fn)(void *data, int result, char (*texts)[NUMBER_TEXT_BYTES],
				size_t count, const struct refusal *refusal);

struct buffer_numbers {
	enum number_type type;
	int64_t offset;
	int64_t count;
	int64_t count_max;	  /* to get: as many as the answer can carry */
	const char *const *texts; /* to set */
};

/*
 * OUT_OF_RANGE: the first number does not lie in the buffer ("offset"; a maximum below the
 * minimum where the buffer is too short for any), or not all do, or they are more than
 * count_max ("count").
 */
int must_check buffer_get_numbers(struct buffer *buffer, const struct buffer_numbers *numbers,
				  buffer_texts_fn done, void *data, struct refusal *refusal);

/*
 * Value: the position behind the last. The texts, `count` of them, are copied before this
 * returns. What does not fit the type wraps or is clamped, as it does in Node's views.
 * OUT_OF_RANGE as above ("offset", "texts"); REFUSAL_PARAMETER "texts[2]": that is no number;
 * BUFFER_BUSY. Then none of them is set.
 */
int must_check buffer_set_numbers(struct buffer *buffer, const struct buffer_numbers *numbers,
				  buffer_value_fn done, void *data, struct refusal *refusal);

#endif
