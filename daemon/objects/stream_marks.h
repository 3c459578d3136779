/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_STREAM_MARKS_H
#define FOREBAY_OBJECTS_STREAM_MARKS_H

/*
 * Where positions in a stream and in what is stored of it meet: up to a mark nothing is half
 * done, and what is stored can be read without what follows. The marks behind the base are in
 * the order in which they were made; the base is the last one that was passed, and where a
 * stream can go back to. Each keeps the digest of what is stored up to it.
 *
 * Loop thread; a worker may write into the one digest that it was given as a snapshot.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/core/stream_options.h"

struct digest;

#define STREAM_MARKS_MAX 256

struct stream_mark {
	uint64_t position;
	uint64_t stored;
	bool boundary;	       /* the steps can begin anew from here */
	struct digest *digest; /* NULL: none is taken, or never was in this place */
};

struct stream_marks {
	enum stream_checksum checksum;
	struct stream_mark base;
	struct stream_mark mark[STREAM_MARKS_MAX]; /* a circle of `count` from `first` */
	uint32_t first;
	uint32_t count;
};

/* On zeroed memory; the base is the beginning. -ENOMEM; fini is good also then. */
int stream_marks_init(struct stream_marks *marks, enum stream_checksum checksum) must_check;
void stream_marks_fini(struct stream_marks *marks);

bool stream_marks_are_full(const struct stream_marks *marks);

/* The base where there is none. */
const struct stream_mark *stream_marks_last(const struct stream_marks *marks);

/* Where the digest of the next mark is to be put; NULL where none is taken. -ENOMEM. */
int stream_marks_snapshot(struct stream_marks *marks, struct digest **ret_digest) must_check;
/* They must not be full; its digest has been put there before. */
void stream_marks_add(struct stream_marks *marks, uint64_t position, uint64_t stored,
		      bool boundary);

/* The position of the last mark up to this stored position; `written` where there is none. */
uint64_t stream_marks_reached(const struct stream_marks *marks, uint64_t stored_end,
			      uint64_t written);

/* Those up to this position are behind us. */
void stream_marks_pass(struct stream_marks *marks, uint64_t position);
/* Back to the base. */
void stream_marks_drop(struct stream_marks *marks);

#endif
