/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 * A long random run over a lease against the most naive model: an owner for each byte of it.
 * Each piece is filled with a byte of its own when it is taken, and must hold it in every byte
 * when it goes; a piece that went must be refused whenever it is given back again; and a lease
 * says that it is full only when so much of it is in use as the rule of slabs can explain.
 * FOREBAY_SEED sets the seed, which is printed and otherwise always the same.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/buffer.h"
#include "client/forebay_memory.h"
#include "client/lease.h"
#include "client/pool.h"

#define SLAB ((size_t)LEASE_SLAB_BYTES)
#define LEASE_BYTES (40 * SLAB + 1234)
#define PIECES 600
#define STEPS 1000000
#define SEED UINT64_C(20090527)

static unsigned char memory[LEASE_BYTES];
static uint16_t owners[LEASE_BYTES]; /* of each byte: a piece's place in `pieces`, and 1; 0: none */
static struct forebay_pool pool = { .memory = memory, .memory_bytes = sizeof(memory) };

static struct piece_of_model {
	struct forebay_view view;
	struct forebay_view gone; /* the view that was given back last */
	unsigned char content;
	bool taken;
	bool was_taken;
} pieces[PIECES];

static size_t taken_count;
static uint64_t refusals;
static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static bool is_sound(const char *what, bool holds)
{
	if (!holds)
		(void)fprintf(stderr, "lease: %s\n", what);
	return holds;
}

static size_t random_bytes(void)
{
	uint64_t kind = next_random() % 100;

	if (kind < 85)
		return next_random() % 300;
	if (kind < 97)
		return next_random() % 4096;
	return 4096 + next_random() % (3 * SLAB);
}

/* Whoever had a byte of it before must be the one named. */
static bool mark(const struct forebay_view *view, uint16_t from, uint16_t to)
{
	for (size_t i = 0; i < view->bytes; i++) {
		if (owners[view->offset + i] != from)
			return false;
		owners[view->offset + i] = to;
	}
	return true;
}

/* The longest row of slabs that no piece is in. */
static size_t longest_free_bytes(void)
{
	bool held[LEASE_BYTES / SLAB + 1] = { false };
	size_t room = 0, longest = 0;

	for (size_t i = 0; i < PIECES; i++)
		for (size_t at = 0; pieces[i].taken && (at == 0 || at < pieces[i].view.bytes);
		     at += SLAB)
			held[(pieces[i].view.offset + at) / SLAB] = true;
	for (size_t slab = 0; slab * SLAB < LEASE_BYTES; slab++) {
		size_t rest = LEASE_BYTES / 8 * 8 - slab * SLAB;

		room = held[slab] ? 0 : room + (rest < SLAB ? rest : SLAB);
		longest = room > longest ? room : longest;
	}
	return longest;
}

static bool take_one(struct forebay_lease *lease, struct piece_of_model *piece)
{
	uint16_t owner = (uint16_t)(piece - pieces + 1);
	size_t bytes = random_bytes();
	int r = forebay_lease_alloc(lease, bytes, &piece->view);

	if (r) {
		refusals++;
		return is_sound("failed otherwise", r == -ENOSPC) &&
		       is_sound("refused what fits a free slab",
				longest_free_bytes() < (bytes > 0 ? bytes : 1));
	}
	piece->taken = true;
	taken_count++;
	piece->content = (unsigned char)next_random();
	if (!is_sound("another size", piece->view.bytes == bytes) ||
	    !is_sound("unaligned", piece->view.offset % 8 == 0) ||
	    !is_sound("outside", piece->view.offset <= LEASE_BYTES - bytes) ||
	    !is_sound("another place", piece->view.memory == memory + piece->view.offset) ||
	    !is_sound("gave a byte twice", mark(&piece->view, 0, owner)))
		return false;
	memset(piece->view.memory, piece->content, bytes);
	return true;
}

static bool give_one(struct forebay_lease *lease, struct piece_of_model *piece)
{
	uint16_t owner = (uint16_t)(piece - pieces + 1);

	for (size_t i = 0; i < piece->view.bytes; i++)
		if (!is_sound("content differs", piece->view.memory[i] == piece->content))
			return false;
	piece->gone = piece->view;
	piece->taken = false;
	piece->was_taken = true;
	taken_count--;
	return is_sound("the model lost a piece", mark(&piece->view, owner, 0)) &&
	       is_sound("refused a piece", forebay_lease_free(lease, &piece->view) == 0);
}

static bool step(struct forebay_lease *lease)
{
	struct piece_of_model *piece = &pieces[next_random() % PIECES];
	struct forebay_lease_numbers numbers;

	if (piece->was_taken && next_random() % 8 == 0 &&
	    !is_sound("took a piece back twice",
		      forebay_lease_free(lease, &piece->gone) == -EINVAL))
		return false;
	if (piece->taken ? !give_one(lease, piece) : !take_one(lease, piece))
		return false;
	forebay_lease_get_numbers(lease, &numbers, sizeof(numbers));
	return is_sound("count differs", numbers.pieces == taken_count) &&
	       is_sound("nothing is held, or all is",
			(numbers.held_bytes == 0) == (taken_count == 0) &&
				numbers.held_bytes <= LEASE_BYTES);
}

static bool end(struct forebay_lease *lease)
{
	struct forebay_lease_numbers numbers;
	struct forebay_view view;

	for (size_t i = 0; i < PIECES; i++)
		if (pieces[i].taken && !give_one(lease, &pieces[i]))
			return false;
	forebay_lease_get_numbers(lease, &numbers, sizeof(numbers));
	return is_sound("a leak", numbers.pieces == 0 && numbers.held_bytes == 0) &&
	       is_sound("not one whole again",
			forebay_lease_alloc(lease, LEASE_BYTES / 8 * 8, &view) == 0) &&
	       is_sound("was never full", refusals > 0);
}

int main(void)
{
	const char *text = getenv("FOREBAY_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : SEED;
	struct forebay_buffer *buffer = calloc(1, sizeof(*buffer));
	struct forebay_lease *lease;
	bool sound = true;

	random_state = seed | 1;
	(void)printf("FOREBAY_SEED=%" PRIu64 "\n", seed);
	(void)fflush(stdout);
	if (!buffer)
		return 99;
	buffer->pool = &pool;
	buffer->length = LEASE_BYTES;
	if (lease_new(buffer, &lease))
		return 99;
	for (int i = 0; sound && i < STEPS; i++) {
		sound = step(lease);
		if (!sound)
			(void)fprintf(stderr, "failed at step %d\n", i);
	}
	sound = sound && end(lease);
	(void)printf("%d steps, full %" PRIu64 " times\n", STEPS, refusals);
	forebay_lease_release(lease);
	return sound ? EXIT_SUCCESS : EXIT_FAILURE;
}
