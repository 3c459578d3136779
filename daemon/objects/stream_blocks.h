/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_STREAM_BLOCKS_H
#define FOREBAY_OBJECTS_STREAM_BLOCKS_H

/*
 * Private memory between the worker that makes what is stored and the disk that takes it: a
 * few blocks in a row, each filled by the one, then closed, then handed in pieces to the other,
 * and used again when all of it is written. Their number bounds what a stream needs beyond its
 * producer's memory.
 *
 * Positions here are those of stored bytes. A block's bytes lie in their pages as they will in
 * the file's, so that whole pages can be written past the page cache.
 *
 * Loop thread; a worker may write behind `length` of the one block it was given.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

#define STREAM_BLOCKS 4
#define STREAM_BLOCK_BYTES (UINT64_C(1024) * 1024)

struct stream_block {
	unsigned char *memory; /* STREAM_BLOCK_BYTES; NULL until it is first used */
	unsigned char *bytes;  /* the first one, within `memory` */
	uint64_t position;     /* of it */
	uint64_t length;
	uint64_t planned;   /* from the start: handed to whoever writes */
	uint32_t in_flight; /* pieces of it that are being written, or wait to be */
	bool closed;	    /* nothing is added any more */
};

struct stream_blocks {
	struct stream_block block[STREAM_BLOCKS]; /* a circle of `count` from `first` */
	uint32_t first;
	uint32_t count;
	uint32_t made; /* blocks that have memory, in use or not */
};

void stream_blocks_fini(struct stream_blocks *blocks);

/*
 * The one that can be filled; where there is none, a new one for what is stored from
 * `position` on, at `file_offset`. 0 with NULL: all are in use. -ENOMEM.
 */
int stream_blocks_open(struct stream_blocks *blocks, uint64_t position, uint64_t file_offset,
		       struct stream_block **ret_block) must_check;

/* Whether that would take memory that it does not have yet. */
bool stream_blocks_need_memory(const struct stream_blocks *blocks);

uint64_t stream_block_room(const struct stream_block *block);

/* Of the closed ones, the first of which something is not planned; NULL: none. */
struct stream_block *stream_blocks_find_unplanned(struct stream_blocks *blocks);

/* Gives back those of which all is planned and nothing is in flight. */
void stream_blocks_release(struct stream_blocks *blocks);

/* As if nothing had ever been put in; nothing may be in flight. */
void stream_blocks_drop(struct stream_blocks *blocks);

#endif
