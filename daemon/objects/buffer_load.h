/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_BUFFER_LOAD_H
#define FOREBAY_OBJECTS_BUFFER_LOAD_H

/*
 * A stored file, or a part of it, into a new buffer: steps undone, held against a digest. The
 * work is done on workers, a piece at a time; it ends between two pieces when the client is
 * gone, its pool is, or the daemon is to end, and takes back what it made. Loop thread only.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/core/stream_options.h"
#include "daemon/objects/refusal.h"

struct buffer;
struct fault;
struct holder;
struct store;

/* To the end. */
#define BUFFER_LOAD_REST UINT64_MAX

/* Texts are borrowed until buffer_load() returns. */
struct buffer_load_request {
	const struct store *store;
	const char *path;
	const char *pool; /* NULL: default, or a pool of its own for a large one */
	uint64_t offset;  /* of what comes out of the steps, like `length` */
	uint64_t length;
	struct stream_step steps[STREAM_STEPS_MAX]; /* what undoes those that were done */
	uint32_t steps_count;			    /* as given: may be too many */
	const char
		*digest; /* "kind:hex" of what is stored; NULL: what is recorded, if all is read */
};

/* Result beside 0, REFUSED and negative errnos: it was begun, and then failed. */
#define BUFFER_LOAD_E_FAILED 2

struct buffer_loaded {
	struct buffer *buffer; /* NULL, if it failed */
	const char *digest;    /* of what is stored; NULL: none was taken */

	/* If it failed. */
	const struct fault *fault;
	const char *absolute_path; /* NULL: it could not be opened */
	int64_t start_usec;	   /* wall clock, like the next */
	int64_t end_usec;
	uint64_t read_bytes;
};

struct buffer_load_hooks {
	/* Of the file; where it is read twice, both times count. May be NULL. */
	void (*progress)(void *data, uint64_t current_bytes, uint64_t total_bytes);
	void (*done)(void *data, int result, const struct buffer_loaded *loaded,
		     const struct refusal *refusal);
	void *data;
};

/*
 * 0: hooks.done is called once, from the loop. PARAMETER ("steps", "digest"), PATH_REFUSED,
 * LIMIT, SHUTTING_DOWN; later also OUT_OF_RANGE ("offset", "length"), NO_SUCH_FILE,
 * DIGEST_MISMATCH, and whatever a new buffer can be refused for.
 */
int must_check buffer_load(struct holder *holder, const struct buffer_load_request *request,
			   const struct buffer_load_hooks *hooks, struct refusal *refusal);

#endif
