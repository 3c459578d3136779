/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_POOL_H
#define FOREBAY_CLIENT_POOL_H

/* A pool as it is mapped here: what pool.c and buffer.c share. Thread: one at a time. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct forebay_versions_header;

struct forebay_pool {
	char *name;
	unsigned char *memory;
	size_t memory_bytes;
	struct forebay_versions_header *versions;
	size_t versions_bytes;
	bool read_only;
};

/* The word at this offset of the version memfd; NULL if it is not one of the slots. */
uint64_t *pool_version_slot(const struct forebay_pool *pool, uint64_t version_offset);

/* The words of the blocks that a range of the pool lies in; the range must be within the pool. */
void pool_touch_blocks(const struct forebay_pool *pool, uint64_t offset, uint64_t length);

#endif
