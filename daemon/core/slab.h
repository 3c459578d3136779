/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_SLAB_H
#define FOREBAY_CORE_SLAB_H

/*
 * Slabs: small buffers lie in one piece of memory, one behind the other, as Node's pool has
 * them. Here is decided where a buffer goes; the memory is the caller's, who embeds a struct
 * slab in what describes it.
 *
 *	1 .. half - 1	in the current slab, if what it has left is enough, else at the start
 *			of a new one, which is then the current one; the rest of the old one is
 *			never used
 *	0, half ..	memory of its own
 *
 * Places begin at multiples of 8. Nothing is returned to a slab, and in that it is as Node's.
 * But references are counted, and the memory is the caller's again with the last of them, be
 * the slab the current one or not: Node leaves that to its collector.
 *
 * Who makes a buffer of a text may not know its length yet: room is chosen by a guess, and
 * then the true length taken. Where it is known, guess and length are the same. Nothing here
 * fails or keeps memory. One thread at a time.
 */

#include <stdbool.h>
#include <stdint.h>

#define SLAB_ALIGNMENT_BYTES 8

/* One piece of memory. A zeroed one, of which no slabs know, only counts references. */
struct slab {
	uint64_t bytes;
	uint64_t used_bytes; /* from its start; past the end, if bytes is no multiple of 8 */
	uint32_t references;
};

/* Those of one pool, which never go to another. */
struct slabs {
	uint64_t slab_bytes;  /* of the next new one; may be changed at any time. 0, 1: none */
	struct slab *current; /* NULL: none */
};

enum slab_place {
	SLAB_PLACE_OWN,
	SLAB_PLACE_CURRENT,
	SLAB_PLACE_NEW,
};

/* Changes nothing. */
enum slab_place slabs_choose(const struct slabs *slabs, uint64_t guess_bytes);

/* A new slab of slabs::slab_bytes becomes the current one: empty, without a reference. */
void slabs_begin(struct slabs *slabs, struct slab *slab);

/*
 * The next place of the current slab, for at most the guess that slabs_choose() was asked
 * about: its offset there. The place's user holds the slab, by slab_hold().
 */
uint64_t slabs_take(struct slabs *slabs, uint64_t bytes);

/* The current slab gets no more buffers; it stays for those that it has. */
void slabs_pass_over(struct slabs *slabs);

void slab_hold(struct slab *slab);

/* True: that was the last reference, and the slabs know it no more. */
bool slabs_release(struct slabs *slabs, struct slab *slab);

#endif
