/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_BUFFER_LOADING_H
#define FOREBAY_OBJECTS_BUFFER_LOADING_H

/*
 * What buffer_load.c, which does the first two of these, shares with buffer_loading.c:
 *
 *	open	the file, by a worker; from now on it is that one, whatever takes its name
 *	recall	the digest that the catalogue has of it, if all of it will be read
 *	count	what comes out of the steps, where that decides how long the buffer is
 *	place	the buffer's memory
 *	fill	it, and take the digest
 *	settle	the digest and the lengths agree: the buffer can be found
 *
 * A buffer cannot grow, and what a compressed file says of its length may be a lie: so its
 * bytes are counted before they get memory, no further than a buffer may be long.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/core/fault.h"
#include "daemon/core/stream_options.h"
#include "daemon/io/catalogue_file.h"
#include "daemon/io/file_pass.h"
#include "daemon/objects/buffer_load.h"
#include "daemon/objects/buffer_place.h"
#include "daemon/objects/buffer_work.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/refusal.h"
#include "daemon/objects/store_access.h"

struct buffer;
struct holder;
struct registry;
struct store;

struct buffer_loading {
	struct registry *registry;
	struct holder *holder; /* until it is answered */
	struct buffer_load_hooks hooks;
	struct errand errand;
	struct catalogue_find find;
	struct buffer_placing placing;
	struct buffer_work work;

	const struct store *store;
	char *path;
	const char *reason; /* a constant, for ROOT_E_REFUSED */
	char *pool;	    /* NULL: not named */
	uint64_t offset;
	uint64_t length;
	struct stream_step steps[STREAM_STEPS_MAX];
	uint32_t steps_count;
	char *expected;	 /* NULL: nothing is */
	bool must_agree; /* or else it is another file that is expected to be like that */
	uint64_t charged_bytes;

	/* A worker's while one is at work. */
	struct store_opened file;
	struct file_pass pass;
	bool touched;

	uint64_t passes;       /* over the whole of it */
	uint64_t passed_bytes; /* by those before this one */
	uint64_t told_ns;
	struct buffer *buffer; /* not settled */
	int64_t start_usec;
	struct fault fault;
	struct refusal refusal;
};

/* The file is open, and what is expected of it is known: does the rest, up to the answer. */
void buffer_loading_begin(struct buffer_loading *loading);

/* Answers with this result, takes back what was made and frees it all. */
void buffer_loading_end(struct buffer_loading *loading, int result);

/* Keeps what failed and gives BUFFER_LOAD_E_FAILED. `error` is a negative errno. */
int must_check buffer_loading_fail(struct buffer_loading *loading, const char *operation,
				   int error);

/* Without an answer, and without giving back what was charged. */
void buffer_loading_free(struct buffer_loading *loading);

static inline bool buffer_loading_goes_to_end(const struct buffer_loading *loading)
{
	return loading->length == BUFFER_LOAD_REST;
}

#endif
