/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/pool_memory.h"

#include <string.h>

#include "daemon/base/fd.h"
#include "daemon/io/memfd.h"
#include "daemon/objects/pools.h"
#include "proto/versions.h"

static uint64_t slot_count(const struct pool *pool)
{
	return pool->size_bytes / POOL_GRANULE_BYTES;
}

static uint64_t blocks_offset(const struct pool *pool)
{
	return pool_memory_slot_offset(0) + slot_count(pool) * sizeof(uint64_t);
}

static uint64_t block_count(const struct pool *pool)
{
	return (pool->size_bytes + FOREBAY_VERSIONS_BLOCK_BYTES - 1) / FOREBAY_VERSIONS_BLOCK_BYTES;
}

static uint64_t versions_size(const struct pool *pool)
{
	uint64_t bytes = blocks_offset(pool) + block_count(pool) * sizeof(uint64_t);

	return (bytes + POOL_GRANULE_BYTES - 1) / POOL_GRANULE_BYTES * POOL_GRANULE_BYTES;
}

static int make_one(const char *name, uint64_t size, unsigned int flags, int *ret_fd,
		    struct mapping *ret_mapping)
{
	int r = memfd_make(name, size, flags & MEMFD_MAP_HUGE ? MEMFD_HUGE : 0, ret_fd);

	if (r < 0)
		return r;
	return memfd_map(*ret_fd, size, flags, ret_mapping);
}

static void write_header(const struct pool *pool)
{
	struct forebay_versions_header header = {
		.magic = FOREBAY_VERSIONS_MAGIC,
		.version = FOREBAY_VERSIONS_VERSION,
		.slots_offset = pool_memory_slot_offset(0),
		.slots_count = slot_count(pool),
		.blocks_offset = blocks_offset(pool),
		.blocks_count = block_count(pool),
		.block_bytes = FOREBAY_VERSIONS_BLOCK_BYTES,
	};

	memcpy(pool->versions.bytes, &header, sizeof(header));
}

int pool_memory_make(struct pool *pool)
{
	unsigned int flags = pool->huge_pages ? MEMFD_MAP_HUGE : 0;
	int r;

	r = make_one("forebay-pool", pool->size_bytes, flags, &pool->memory_fd, &pool->memory);
	if (r == 0)
		r = make_one("forebay-versions", versions_size(pool), 0, &pool->version_fd,
			     &pool->versions);
	if (r < 0) {
		pool_memory_drop(pool);
		return r;
	}
	write_header(pool);
	return 0;
}

void pool_memory_drop(struct pool *pool)
{
	memfd_unmap(&pool->memory);
	memfd_unmap(&pool->versions);
	pool->memory_fd = fd_close(pool->memory_fd);
	pool->version_fd = fd_close(pool->version_fd);
}

uint32_t pool_memory_slot(uint64_t offset)
{
	return (uint32_t)(offset / POOL_GRANULE_BYTES);
}

uint64_t pool_memory_slot_offset(uint32_t slot)
{
	return forebay_versions_slot_offset(FOREBAY_VERSIONS_HEADER_BYTES, slot);
}

static uint64_t *slot_word(const struct pool *pool, uint32_t slot)
{
	return (uint64_t *)(void *)(pool->versions.bytes + pool_memory_slot_offset(slot));
}

uint64_t pool_memory_version(const struct pool *pool, uint32_t slot)
{
	return __atomic_load_n(slot_word(pool, slot), __ATOMIC_ACQUIRE);
}

void pool_memory_settle(struct pool *pool, uint32_t slot)
{
	uint64_t version = pool_memory_version(pool, slot);

	if (version & 1)
		(void)__atomic_compare_exchange_n(slot_word(pool, slot), &version, version + 1,
						  false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE);
}

bool pool_memory_begin(struct pool *pool, uint32_t slot, uint64_t *ret_version)
{
	uint64_t version = pool_memory_version(pool, slot);

	if (version & 1)
		return false;
	if (!__atomic_compare_exchange_n(slot_word(pool, slot), &version, version + 1, false,
					 __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return false;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	*ret_version = version + 1;
	return true;
}

static uint64_t *block_words(const struct pool *pool)
{
	return (uint64_t *)(void *)(pool->versions.bytes + blocks_offset(pool));
}

uint64_t pool_memory_block_count(uint64_t offset, uint64_t length)
{
	if (length == 0)
		return 0;
	return (offset + length - 1) / FOREBAY_VERSIONS_BLOCK_BYTES -
	       offset / FOREBAY_VERSIONS_BLOCK_BYTES + 1;
}

void pool_memory_read_blocks(const struct pool *pool, uint64_t offset, uint64_t length,
			     uint64_t *words)
{
	const uint64_t *from = block_words(pool) + offset / FOREBAY_VERSIONS_BLOCK_BYTES;
	uint64_t count = pool_memory_block_count(offset, length);

	for (uint64_t i = 0; i < count; i++)
		words[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
}

void pool_memory_touch(struct pool *pool, uint64_t offset, uint64_t length)
{
	uint64_t *words = block_words(pool);
	uint64_t last;

	if (length == 0)
		return;
	last = (offset + length - 1) / FOREBAY_VERSIONS_BLOCK_BYTES;
	for (uint64_t block = offset / FOREBAY_VERSIONS_BLOCK_BYTES; block <= last; block++)
		(void)__atomic_fetch_add(&words[block], 1, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void pool_memory_end(struct pool *pool, uint32_t slot, uint64_t version)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	/* Whoever took the buffer over meanwhile goes on with their own update. */
	(void)__atomic_compare_exchange_n(slot_word(pool, slot), &version, version + 1, false,
					  __ATOMIC_RELEASE, __ATOMIC_RELAXED);
}
