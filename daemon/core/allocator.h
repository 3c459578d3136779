/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_ALLOCATOR_H
#define FOREBAY_CORE_ALLOCATOR_H

/*
 * Ranges of a pool. The table of free ranges lives in the caller's private memory, never in
 * the pool, so nothing that a client writes there can mislead it. Best fit; neighbours are
 * joined when a range comes back. Every range begins at a multiple of `alignment` and its
 * length is rounded up to one.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct allocator_range {
	uint64_t offset;
	uint64_t bytes;
};

struct allocator {
	uint64_t size_bytes;
	uint64_t free_bytes;
	uint64_t alignment;
	struct allocator_range *free_ranges; /* by offset, no two touch */
	size_t free_count;
	size_t free_capacity;
	size_t taken_count; /* ranges given out: there is room for what they become */
};

/* Outcome of allocator_take(): no free range is long enough. */
#define ALLOCATOR_E_FULL 1

/* `alignment` is a power of two and divides size_bytes. 0 or -ENOMEM. */
int must_check allocator_init(struct allocator *allocator, uint64_t size_bytes, uint64_t alignment);
void allocator_fini(struct allocator *allocator);

/* 0, ALLOCATOR_E_FULL, or -ENOMEM. `bytes` must not be 0. */
int must_check allocator_take(struct allocator *allocator, uint64_t bytes, uint64_t *ret_offset);

/* Gives back what allocator_take() gave for `bytes`; cannot fail. */
void allocator_give(struct allocator *allocator, uint64_t offset, uint64_t bytes);

uint64_t allocator_largest_free(const struct allocator *allocator);

/* What a range of `bytes` really takes. */
uint64_t allocator_rounded(const struct allocator *allocator, uint64_t bytes);

#endif
