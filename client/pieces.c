/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/pieces.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

/*
 * A slab is either on the list of free ones, or the current one, or has pieces. The current one
 * may have none: then it is empty too, but on no list.
 */
struct piece_slab {
	uint32_t used_bytes;
	uint32_t count; /* pieces in it; of one that belongs to a larger piece 1 */
	uint32_t generation;
	uint32_t run;	   /* where a larger piece begins: its slabs; else 0 */
	uint32_t previous; /* on the list */
	uint32_t next;
};

/* The last slab may be a shorter one. */
static uint64_t capacity(const struct pieces *pieces, uint32_t slab)
{
	uint64_t rest = pieces->bytes - (uint64_t)slab * pieces->slab_bytes;

	return rest < pieces->slab_bytes ? rest : pieces->slab_bytes;
}

static void list_push(struct pieces *pieces, uint32_t slab)
{
	struct piece_slab *one = &pieces->slabs[slab];

	one->previous = PIECES_NO_SLAB;
	one->next = pieces->first_free;
	if (one->next != PIECES_NO_SLAB)
		pieces->slabs[one->next].previous = slab;
	pieces->first_free = slab;
}

static void list_remove(struct pieces *pieces, uint32_t slab)
{
	const struct piece_slab *one = &pieces->slabs[slab];

	if (one->previous == PIECES_NO_SLAB)
		pieces->first_free = one->next;
	else
		pieces->slabs[one->previous].next = one->next;
	if (one->next != PIECES_NO_SLAB)
		pieces->slabs[one->next].previous = one->previous;
}

int pieces_init(struct pieces *pieces, uint64_t bytes, uint32_t slab_bytes)
{
	uint64_t slab_count = (bytes + slab_bytes - 1) / slab_bytes;
	uint64_t units = bytes / PIECES_ALIGNMENT_BYTES;

	if (units == 0 || bytes > UINT64_MAX - slab_bytes || slab_count >= PIECES_NO_SLAB)
		return -EINVAL;
	*pieces = (struct pieces){
		.bytes = units * PIECES_ALIGNMENT_BYTES,
		.slab_bytes = slab_bytes,
		.first_free = PIECES_NO_SLAB,
		.current = PIECES_NO_SLAB,
	};
	pieces->slab_count = (uint32_t)((pieces->bytes + slab_bytes - 1) / slab_bytes);
	pieces->slabs = calloc(pieces->slab_count, sizeof(*pieces->slabs));
	pieces->live = calloc(units / 64 + 1, sizeof(*pieces->live));
	if (!pieces->slabs || !pieces->live) {
		pieces_fini(pieces);
		return -ENOMEM;
	}
	for (uint32_t slab = pieces->slab_count; slab-- > 0;) {
		pieces->slabs[slab].generation = 1;
		list_push(pieces, slab);
	}
	return 0;
}

void pieces_fini(struct pieces *pieces)
{
	free(pieces->slabs);
	free(pieces->live);
	pieces->slabs = NULL;
	pieces->live = NULL;
}

static bool is_live(const struct pieces *pieces, uint64_t offset)
{
	uint64_t unit = offset / PIECES_ALIGNMENT_BYTES;

	return pieces->live[unit / 64] >> (unit % 64) & 1;
}

static void flip_live(struct pieces *pieces, uint64_t offset)
{
	uint64_t unit = offset / PIECES_ALIGNMENT_BYTES;

	pieces->live[unit / 64] ^= UINT64_C(1) << (unit % 64);
}

/* The slab has no piece any more. */
static void empty_slab(struct pieces *pieces, uint32_t slab)
{
	struct piece_slab *one = &pieces->slabs[slab];

	pieces->held_bytes -= capacity(pieces, slab);
	one->used_bytes = 0;
	one->count = 0;
	one->run = 0;
	one->generation++;
	if (one->generation == 0)
		one->generation = 1;
	if (slab != pieces->current)
		list_push(pieces, slab);
}

/* What it has room for is there for everybody again, if nothing of it is in use. */
static void leave_current(struct pieces *pieces)
{
	uint32_t slab = pieces->current;

	pieces->current = PIECES_NO_SLAB;
	if (slab != PIECES_NO_SLAB && pieces->slabs[slab].count == 0)
		list_push(pieces, slab);
}

static bool has_room(const struct pieces *pieces, uint32_t slab, uint64_t bytes)
{
	return slab != PIECES_NO_SLAB &&
	       capacity(pieces, slab) - pieces->slabs[slab].used_bytes >= bytes;
}

/* A free slab, of which only one may be too short, becomes the current one. */
static bool begin_slab(struct pieces *pieces, uint64_t bytes)
{
	uint32_t slab = pieces->first_free;

	if (slab != PIECES_NO_SLAB && !has_room(pieces, slab, bytes))
		slab = pieces->slabs[slab].next;
	if (slab == PIECES_NO_SLAB)
		return false;
	list_remove(pieces, slab);
	leave_current(pieces);
	pieces->current = slab;
	return true;
}

static int take_small(struct pieces *pieces, uint64_t bytes, struct piece *ret_piece)
{
	struct piece_slab *one;

	if (!has_room(pieces, pieces->current, bytes) && !begin_slab(pieces, bytes))
		return -ENOSPC;
	one = &pieces->slabs[pieces->current];
	ret_piece->offset = (uint64_t)pieces->current * pieces->slab_bytes + one->used_bytes;
	ret_piece->generation = one->generation;
	one->used_bytes += (uint32_t)bytes;
	if (one->count++ == 0)
		pieces->held_bytes += capacity(pieces, pieces->current);
	return 0;
}

/* The first slabs in a row that are free and together large enough; how many: ret_run. */
static uint32_t find_run(const struct pieces *pieces, uint64_t bytes, uint32_t *ret_run)
{
	uint32_t first = 0;
	uint64_t room = 0;

	for (uint32_t slab = 0; slab < pieces->slab_count; slab++) {
		if (pieces->slabs[slab].count > 0) {
			first = slab + 1;
			room = 0;
			continue;
		}
		room += capacity(pieces, slab);
		if (room >= bytes) {
			*ret_run = slab - first + 1;
			return first;
		}
	}
	return PIECES_NO_SLAB;
}

static int take_large(struct pieces *pieces, uint64_t bytes, struct piece *ret_piece)
{
	uint32_t first, run;

	if (pieces->current != PIECES_NO_SLAB && pieces->slabs[pieces->current].count == 0)
		leave_current(pieces);
	first = find_run(pieces, bytes, &run);
	if (first == PIECES_NO_SLAB)
		return -ENOSPC;
	for (uint32_t slab = first; slab < first + run; slab++) {
		list_remove(pieces, slab);
		pieces->slabs[slab].count = 1;
		pieces->held_bytes += capacity(pieces, slab);
	}
	pieces->slabs[first].run = run;
	ret_piece->offset = (uint64_t)first * pieces->slab_bytes;
	ret_piece->generation = pieces->slabs[first].generation;
	return 0;
}

int pieces_take(struct pieces *pieces, uint64_t bytes, struct piece *ret_piece)
{
	const uint64_t mask = PIECES_ALIGNMENT_BYTES - 1;
	uint64_t place_bytes;
	int r;

	if (bytes > pieces->bytes)
		return -ENOSPC;
	place_bytes = bytes == 0 ? PIECES_ALIGNMENT_BYTES : (bytes + mask) & ~mask;
	if (bytes < pieces->slab_bytes / 2)
		r = take_small(pieces, place_bytes, ret_piece);
	else
		r = take_large(pieces, place_bytes, ret_piece);
	if (r)
		return r;
	flip_live(pieces, ret_piece->offset);
	pieces->piece_count++;
	return 0;
}

int pieces_give(struct pieces *pieces, struct piece piece)
{
	uint32_t slab, run;

	if (piece.offset >= pieces->bytes || piece.offset % PIECES_ALIGNMENT_BYTES != 0)
		return -EINVAL;
	slab = (uint32_t)(piece.offset / pieces->slab_bytes);
	if (pieces->slabs[slab].generation != piece.generation || !is_live(pieces, piece.offset))
		return -EINVAL;
	flip_live(pieces, piece.offset);
	pieces->piece_count--;
	run = pieces->slabs[slab].run;
	if (run == 0) {
		if (--pieces->slabs[slab].count == 0)
			empty_slab(pieces, slab);
		return 0;
	}
	while (run-- > 0)
		empty_slab(pieces, slab + run);
	return 0;
}
