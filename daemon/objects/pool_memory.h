/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_POOL_MEMORY_H
#define FOREBAY_OBJECTS_POOL_MEMORY_H

/*
 * The two memfds of a pool and the words in the second one (proto/versions.h). The words are
 * shared with clients, who may write anything there at any moment: they are hints about
 * content, and nothing here trusts them further than that.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct pool;

/*
 * Makes and maps both, from pool::size_bytes. For worker threads. -ENOMEM, -EMFILE, ...; then
 * nothing is left behind.
 */
int must_check pool_memory_make(struct pool *pool);

/* Unmaps and closes both. May take long: for worker threads. */
void pool_memory_drop(struct pool *pool);

/* One slot for each granule: that of the backing's first one is the backing's. */
uint32_t pool_memory_slot(uint64_t offset);
uint64_t pool_memory_slot_offset(uint32_t slot);

/* The value of a slot's word. Any thread, as all below. */
uint64_t pool_memory_version(const struct pool *pool, uint32_t slot);

/*
 * The words of the blocks that the range lies in, as many as pool_memory_block_count() says,
 * each read once. What a client does meanwhile may be in some of them and not in others.
 */
void pool_memory_read_blocks(const struct pool *pool, uint64_t offset, uint64_t length,
			     uint64_t *words);
uint64_t pool_memory_block_count(uint64_t offset, uint64_t length);

/* Ends an update that the last owner of the memory left behind. */
void pool_memory_settle(struct pool *pool, uint32_t slot);

/*
 * The three steps of an update, as every writer takes them. begin: false while somebody else
 * is at it; *ret_version is for end.
 */
bool must_check pool_memory_begin(struct pool *pool, uint32_t slot, uint64_t *ret_version);
void pool_memory_touch(struct pool *pool, uint64_t offset, uint64_t length);
void pool_memory_end(struct pool *pool, uint32_t slot, uint64_t version);

#endif
