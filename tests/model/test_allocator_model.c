/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 * A long random run of the allocator against the most naive model there is: one owner for
 * each unit of the pool. FOREBAY_SEED sets the seed, which is printed, so that a failure can
 * be had again.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "daemon/core/allocator.h"

#define UNIT 64
#define UNITS 512
#define RANGES 400
#define STEPS 200000

struct taken {
	uint64_t offset;
	uint64_t bytes; /* 0: none */
};

static struct taken taken[RANGES];
static bool used[UNITS];
static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static uint64_t units_of(uint64_t bytes)
{
	return (bytes + UNIT - 1) / UNIT;
}

static bool is_sound(const char *what, bool holds)
{
	if (!holds)
		(void)fprintf(stderr, "allocator: %s\n", what);
	return holds;
}

/* Marks the range; false if any of it belongs to somebody else. */
static bool mark(const struct taken *range, bool as)
{
	for (uint64_t i = 0; i < units_of(range->bytes); i++) {
		uint64_t unit = range->offset / UNIT + i;

		if (unit >= UNITS || used[unit] == as)
			return false;
		used[unit] = as;
	}
	return true;
}

static bool check_totals(const struct allocator *allocator)
{
	uint64_t run = 0, longest = 0, free_units = 0;
	size_t runs = 0;

	for (int i = 0; i < UNITS; i++) {
		if (!used[i] && run == 0)
			runs++;
		run = used[i] ? 0 : run + 1;
		free_units += !used[i];
		longest = run > longest ? run : longest;
	}
	return is_sound("free bytes differ", allocator->free_bytes == free_units * UNIT) &&
	       is_sound("largest differs", allocator_largest_free(allocator) == longest * UNIT) &&
	       is_sound("free ranges are not joined", allocator->free_count == runs);
}

static bool take_one(struct allocator *allocator, struct taken *range)
{
	uint64_t most = next_random() % 8 == 0 ? 64 : 4;
	uint64_t bytes = next_random() % (most * UNIT) + 1;
	uint64_t largest = allocator_largest_free(allocator);
	int r = allocator_take(allocator, bytes, &range->offset);

	if (units_of(bytes) * UNIT > largest)
		return is_sound("took what does not fit", r == ALLOCATOR_E_FULL);
	range->bytes = bytes;
	return is_sound("refused what fits", r == 0) &&
	       is_sound("unaligned", range->offset % UNIT == 0) &&
	       is_sound("gave a range twice", mark(range, true));
}

static bool step(struct allocator *allocator)
{
	struct taken *range = &taken[next_random() % RANGES];

	if (range->bytes == 0) {
		if (!take_one(allocator, range))
			return false;
	} else {
		if (!is_sound("the model lost a range", mark(range, false)))
			return false;
		allocator_give(allocator, range->offset, range->bytes);
		range->bytes = 0;
	}
	return check_totals(allocator);
}

int main(void)
{
	const char *text = getenv("FOREBAY_SEED");
	struct allocator allocator;
	uint64_t seed;

	if (text)
		seed = strtoull(text, NULL, 0);
	else if (getrandom(&seed, sizeof(seed), 0) != sizeof(seed))
		return 99;
	random_state = seed | 1;
	(void)printf("FOREBAY_SEED=%" PRIu64 "\n", seed);
	(void)fflush(stdout);

	if (allocator_init(&allocator, UNITS * UNIT, UNIT) < 0)
		return 99;
	for (int i = 0; i < STEPS; i++) {
		if (step(&allocator))
			continue;
		(void)fprintf(stderr, "failed at step %d\n", i);
		return EXIT_FAILURE;
	}
	for (int i = 0; i < RANGES; i++)
		if (taken[i].bytes > 0)
			allocator_give(&allocator, taken[i].offset, taken[i].bytes);
	if (allocator.free_count != 1 || allocator.free_bytes != UNITS * UNIT)
		return EXIT_FAILURE;
	allocator_fini(&allocator);
	return EXIT_SUCCESS;
}
