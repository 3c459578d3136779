/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_STREAM_TRANSFORM_H
#define FOREBAY_OBJECTS_STREAM_TRANSFORM_H

/*
 * For stream_transform.c, which feeds the worker, and stream_stored.c, which has what it made.
 *
 * Streams whose stored bytes are not simply those that were written: they go through steps
 * (compression, decompression), or a digest is taken of them. Either way a worker copies them
 * into blocks of private memory, which go to the disk; so the digest agrees with the file even
 * if the producer scribbles in its memory meanwhile.
 *
 * There are two counts of bytes then: the position in the stream, of which everything else
 * speaks, and the position in what is stored. A mark is where the two meet: up to it nothing is
 * half done, and what is stored can be read without what follows. The end of a gzip member or
 * zstd frame is one; without steps each job of the worker ends at one. So
 *
 *	fed ≥ last mark ≥ written ≥ synced, which is the base: the mark that the last sync covered
 *
 * A frame ends when somebody waits for what is in it, or when a sync is due; until then
 * compression goes on over the producer's writes, which may be small.
 *
 * One job is under way at a time, and it takes from one batch. A batch counts as planned when
 * it was fed, and is completed like any other when `written` or `synced` has passed its end.
 *
 * After a data sync that failed, the stream goes back to the base: steps and digest as they
 * were there, and the bytes behind it, which are all still held, are fed again.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "daemon/objects/errand.h"
#include "daemon/objects/stream_blocks.h"
#include "daemon/objects/stream_marks.h"

struct digest;
struct list;
struct step_chain;
struct stream;
struct stream_batch;

#define STREAM_TRANSFORM_IOV 64

/* What a worker is given and what it found. */
struct stream_transform_job {
	struct errand errand;
	bool busy;
	struct stream_batch *batch; /* that is fed; NULL: only a frame is ended */
	struct list *cursor;	    /* of it, as it was before */
	uint64_t cursor_bytes;
	uint64_t planned_bytes;
	struct iovec in[STREAM_TRANSFORM_IOV];
	uint32_t in_count;
	uint64_t in_bytes;
	struct stream_block *block;
	struct digest *snapshot; /* of the mark that this may make; the loop moves the marks on */
	bool end_frame;

	uint64_t consumed;
	uint64_t produced;
	bool full;
	bool marked;
};

struct stream_transform {
	struct stream *stream;
	struct step_chain *chain;
	struct digest *digest; /* NULL: none */
	unsigned char *copy;   /* a worker's; NULL: no steps */
	struct stream_transform_job job;
	struct stream_blocks blocks;

	struct stream_marks marks;

	uint64_t fed;	      /* position */
	uint64_t fed_ns;      /* when the first byte behind the last mark was */
	bool frame_wanted;    /* the next job ends it */
	bool frame_ending;    /* the last one began to, and had no room */
	uint64_t stored;      /* position of stored bytes: made */
	uint64_t planned;     /* the same: handed to transfers or the outlet */
	uint64_t stored_end;  /* the same: at the destination, without a gap */
	uint64_t stored_most; /* the same: handed over before the last rewind */
};

/* Something was fed behind the last mark. */
static inline bool stream_transform_frame_is_open(const struct stream_transform *transform)
{
	return transform->fed > stream_marks_last(&transform->marks)->position;
}

#endif
