/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/buffer_place.h"

#include <errno.h>

#include "daemon/objects/buffer_work.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/registry.h"

static void drop_own_pool(struct pool *pool)
{
	if (pool->own_for_buffer && list_is_empty(&pool->buffers))
		pool_drop(pool);
}

static int take_memory(struct pool *pool, struct buffer_placing *placing,
		       struct buffer **ret_buffer)
{
	uint64_t length = placing->length;
	struct backing *backing;
	int r;

	if (placing->may_share)
		r = backing_for_small(pool, length, &backing, &placing->refusal);
	else
		r = backing_new(pool, length, &backing, &placing->refusal);
	if (r != 0)
		return r;
	backing_use(backing);
	r = buffer_new(backing, 0, length, ret_buffer, &placing->refusal);
	/* Not before: a place is not given back while others are in the slab. */
	if (r == 0 && pool->slabs.current == &backing->slab)
		(*ret_buffer)->offset = slabs_take(&pool->slabs, length);
	backing_unuse(backing);
	return r;
}

static void on_pool(void *data, int result, struct pool *pool, const struct refusal *refusal)
{
	struct buffer_placing *placing = data;
	struct buffer *buffer = NULL;

	if (result == REFUSED)
		placing->refusal = *refusal;
	if (result == 0) {
		result = take_memory(pool, placing, &buffer);
		if (result != 0)
			drop_own_pool(pool);
	}
	placing->done(placing, result, buffer);
}

int buffer_place(struct buffer_placing *placing)
{
	struct holder *holder = placing->holder;
	struct pool_request own = {
		.size_bytes = placing->length,
		.own_for_buffer = true,
		.lifetime = POOL_LIFETIME_DAEMON,
	};

	if (!placing->pool && placing->length > holder->user->registry->default_pool_bytes / 2)
		return pool_create(holder, &own, on_pool, placing, &placing->refusal);
	return pool_get(holder, placing->pool, on_pool, placing, &placing->refusal);
}

void buffer_take_back(struct buffer *buffer)
{
	struct pool *pool = buffer->pool;

	buffer_drop(buffer);
	drop_own_pool(pool);
}

int buffer_settle(struct buffer *buffer, const struct holder *holder, struct refusal *refusal)
{
	if (holder->gone)
		return -ECANCELED;
	if (buffer->pool->destroyed)
		return refuse_text(refusal, REFUSAL_NO_SUCH_POOL, buffer->pool->name);
	return buffer_announce(buffer);
}
