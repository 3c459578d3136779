/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/inline_store.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "daemon/base/fd.h"
#include "daemon/objects/registry.h"

#define BLOCK_BYTES ((size_t)64 * 1024)

void inline_store_init(struct inline_store *store)
{
	list_init(&store->blocks);
}

static void block_free(struct inline_block *block, struct user *user)
{
	user_discharge(user, QUOTA_STAGING_BYTES, block->mapping.length);
	list_remove(&block->link);
	memfd_unmap(&block->mapping);
	fd_close(block->memory_fd);
	free(block);
}

void inline_store_fini(struct inline_store *store, struct user *user)
{
	list_for_each(link, &store->blocks)
		block_free(container_of(link, struct inline_block, link), user);
}

static int block_new(struct inline_store *store, size_t bytes)
{
	struct inline_block *block = calloc(1, sizeof(*block));
	int r;

	if (!block)
		return -ENOMEM;
	r = memfd_make("forebay-inline", bytes, 0, &block->memory_fd);
	if (r < 0) {
		free(block);
		return r;
	}
	r = memfd_map(block->memory_fd, bytes, 0, &block->mapping);
	if (r < 0) {
		fd_close(block->memory_fd);
		free(block);
		return r;
	}
	list_append(&store->blocks, &block->link);
	return 0;
}

int inline_store_reserve(struct inline_store *store, struct user *user, size_t bytes,
			 struct inline_block **ret_block, unsigned char **ret_address,
			 struct refusal *refusal)
{
	struct list *last = list_last(&store->blocks);
	struct inline_block *block;

	block = last ? container_of(last, struct inline_block, link) : NULL;
	if (!block || block->mapping.length - block->filled < bytes) {
		size_t size = (bytes + BLOCK_BYTES - 1) / BLOCK_BYTES * BLOCK_BYTES;
		int r = user_charge(user, QUOTA_STAGING_BYTES, size, refusal);

		if (r != 0)
			return r;
		/* The one that was kept would be last no more, and nothing would release it. */
		if (block && block->uses == 0)
			block_free(block, user);
		r = block_new(store, size);
		if (r < 0) {
			user_discharge(user, QUOTA_STAGING_BYTES, size);
			return r;
		}
		block = container_of(list_last(&store->blocks), struct inline_block, link);
	}
	*ret_block = block;
	*ret_address = block->mapping.bytes + block->filled;
	block->filled += bytes;
	block->uses++;
	return 0;
}

void inline_store_release(struct inline_store *store, struct user *user, struct inline_block *block)
{
	assert(block->uses > 0);
	if (--block->uses > 0)
		return;
	/* The last ordinary block is kept for the next write: most streams have only that. */
	if (&block->link == list_last(&store->blocks) && block->mapping.length == BLOCK_BYTES)
		block->filled = 0;
	else
		block_free(block, user);
}
