/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/slab.h"

#include <assert.h>
#include <stddef.h>

enum slab_place slabs_choose(const struct slabs *slabs, uint64_t guess_bytes)
{
	const struct slab *current = slabs->current;

	if (guess_bytes == 0 || guess_bytes >= slabs->slab_bytes / 2)
		return SLAB_PLACE_OWN;
	if (!current || current->used_bytes > current->bytes ||
	    guess_bytes > current->bytes - current->used_bytes)
		return SLAB_PLACE_NEW;
	return SLAB_PLACE_CURRENT;
}

void slabs_begin(struct slabs *slabs, struct slab *slab)
{
	*slab = (struct slab){ .bytes = slabs->slab_bytes };
	slabs->current = slab;
}

uint64_t slabs_take(struct slabs *slabs, uint64_t bytes)
{
	struct slab *slab = slabs->current;
	uint64_t offset = slab->used_bytes;
	uint64_t end = offset + bytes;

	assert(end <= slab->bytes);
	slab->used_bytes = (end + SLAB_ALIGNMENT_BYTES - 1) & ~(uint64_t)(SLAB_ALIGNMENT_BYTES - 1);
	return offset;
}

void slabs_pass_over(struct slabs *slabs)
{
	slabs->current = NULL;
}

void slab_hold(struct slab *slab)
{
	slab->references++;
}

bool slabs_release(struct slabs *slabs, struct slab *slab)
{
	assert(slab->references > 0);
	if (--slab->references > 0)
		return false;
	if (slabs->current == slab)
		slabs->current = NULL;
	return true;
}
