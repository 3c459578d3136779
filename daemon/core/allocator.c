/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/allocator.h"

/*
 * Invariants: free_ranges are sorted by offset, none is empty, no two touch or overlap;
 * free_bytes is their sum; free_capacity > taken_count, so that allocator_give() always has
 * room: between any two free ranges lies at least one that is taken.
 */

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int reserve(struct allocator *allocator, size_t count)
{
	struct allocator_range *ranges;
	size_t capacity = allocator->free_capacity ? allocator->free_capacity : 8;

	while (capacity < count)
		capacity *= 2;
	if (capacity == allocator->free_capacity)
		return 0;
	ranges = reallocarray(allocator->free_ranges, capacity, sizeof(*ranges));
	if (!ranges)
		return -ENOMEM;
	allocator->free_ranges = ranges;
	allocator->free_capacity = capacity;
	return 0;
}

int allocator_init(struct allocator *allocator, uint64_t size_bytes, uint64_t alignment)
{
	*allocator = (struct allocator){
		.size_bytes = size_bytes,
		.free_bytes = size_bytes,
		.alignment = alignment,
	};
	if (reserve(allocator, 1) < 0)
		return -ENOMEM;
	if (size_bytes > 0)
		allocator->free_ranges[allocator->free_count++] =
			(struct allocator_range){ 0, size_bytes };
	return 0;
}

void allocator_fini(struct allocator *allocator)
{
	free(allocator->free_ranges);
	*allocator = (struct allocator){ 0 };
}

uint64_t allocator_rounded(const struct allocator *allocator, uint64_t bytes)
{
	uint64_t mask = allocator->alignment - 1;

	/* What cannot be rounded up is longer than any pool. */
	return bytes > UINT64_MAX - mask ? UINT64_MAX : (bytes + mask) & ~mask;
}

static void remove_range(struct allocator *allocator, size_t index)
{
	struct allocator_range *range = &allocator->free_ranges[index];

	allocator->free_count--;
	memmove(range, range + 1, (allocator->free_count - index) * sizeof(*range));
}

/* The shortest free range that is long enough, the first of several; free_count: none. */
static size_t find_best(const struct allocator *allocator, uint64_t bytes)
{
	size_t best = allocator->free_count;

	for (size_t i = 0; i < allocator->free_count; i++) {
		const struct allocator_range *range = &allocator->free_ranges[i];

		if (range->bytes < bytes)
			continue;
		if (best == allocator->free_count ||
		    range->bytes < allocator->free_ranges[best].bytes)
			best = i;
	}
	return best;
}

int allocator_take(struct allocator *allocator, uint64_t bytes, uint64_t *ret_offset)
{
	uint64_t taken = allocator_rounded(allocator, bytes);
	size_t best = find_best(allocator, taken);
	struct allocator_range *range;

	assert(bytes > 0);
	if (best == allocator->free_count)
		return ALLOCATOR_E_FULL;
	if (reserve(allocator, allocator->taken_count + 2) < 0)
		return -ENOMEM;

	range = &allocator->free_ranges[best];
	*ret_offset = range->offset;
	range->offset += taken;
	range->bytes -= taken;
	if (range->bytes == 0)
		remove_range(allocator, best);
	allocator->free_bytes -= taken;
	allocator->taken_count++;
	return 0;
}

/* How many free ranges lie before `offset`. */
static size_t count_before(const struct allocator *allocator, uint64_t offset)
{
	size_t low = 0, high = allocator->free_count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (allocator->free_ranges[middle].offset < offset)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void allocator_give(struct allocator *allocator, uint64_t offset, uint64_t bytes)
{
	uint64_t given = allocator_rounded(allocator, bytes);
	size_t index = count_before(allocator, offset);
	struct allocator_range *next = &allocator->free_ranges[index];
	struct allocator_range *previous = index > 0 ? next - 1 : NULL;
	bool joins_next = index < allocator->free_count && offset + given == next->offset;
	bool joins_previous = previous && previous->offset + previous->bytes == offset;

	assert(allocator->taken_count > 0);
	assert(!previous || previous->offset + previous->bytes <= offset);
	assert(index == allocator->free_count || offset + given <= next->offset);

	allocator->free_bytes += given;
	allocator->taken_count--;
	if (joins_previous) {
		previous->bytes += given;
		if (joins_next) {
			previous->bytes += next->bytes;
			remove_range(allocator, index);
		}
	} else if (joins_next) {
		next->offset = offset;
		next->bytes += given;
	} else {
		memmove(next + 1, next, (allocator->free_count - index) * sizeof(*next));
		*next = (struct allocator_range){ offset, given };
		allocator->free_count++;
	}
}

uint64_t allocator_largest_free(const struct allocator *allocator)
{
	uint64_t largest = 0;

	for (size_t i = 0; i < allocator->free_count; i++)
		if (allocator->free_ranges[i].bytes > largest)
			largest = allocator->free_ranges[i].bytes;
	return largest;
}
