/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_PIECES_H
#define FOREBAY_CLIENT_PIECES_H

/*
 * Where in a lease its pieces are: places only, in bytes from its start, and all that is known
 * of them lies in private memory, where no other process can spoil it.
 *
 * The lease is cut into slabs. A piece below half a slab lies behind the last one in the current
 * slab, if there is room, else at the start of a free one, which is then the current one; what
 * is left of the old one is not used. A larger piece has whole slabs, in a row. The last piece of
 * a slab to be given back frees it, and gives it a new generation. Until then no place in it is
 * used twice: place and generation name one piece for good, so that giving it back a second
 * time is always seen. (A generation comes again after 2^32.)
 *
 * A small piece takes the same few steps whatever the size of the lease; the search for slabs
 * in a row looks at all of them. Thread: one at a time.
 */

#include <stdint.h>

#include "proto/must_check.h"

#define PIECES_ALIGNMENT_BYTES 8

struct piece_slab;

struct pieces {
	uint64_t bytes; /* a multiple of 8 */
	uint32_t slab_bytes;
	uint32_t slab_count;
	struct piece_slab *slabs;
	uint64_t *live;	     /* a bit for each 8 bytes: a piece begins there */
	uint32_t first_free; /* slab, or PIECES_NO_SLAB */
	uint32_t current;    /* slab, or PIECES_NO_SLAB */
	uint64_t piece_count;
	uint64_t held_bytes; /* of the slabs that have pieces */
};

#define PIECES_NO_SLAB UINT32_MAX

struct piece {
	uint64_t offset;
	uint32_t generation; /* never 0 */
};

/* slab_bytes is a multiple of 16. -EINVAL: less than 8 bytes, or too many slabs; -ENOMEM. */
int pieces_init(struct pieces *pieces, uint64_t bytes, uint32_t slab_bytes) must_check;
void pieces_fini(struct pieces *pieces);

/* A piece of no bytes has a place of its own too. -ENOSPC: there is no room. */
int pieces_take(struct pieces *pieces, uint64_t bytes, struct piece *ret_piece) must_check;

/* -EINVAL: it is none that was taken and not given back; nothing has changed. */
int pieces_give(struct pieces *pieces, struct piece piece) must_check;

#endif
