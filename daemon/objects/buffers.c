/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/buffers.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/core/allocator.h"
#include "daemon/objects/buffer_work.h"
#include "daemon/objects/jobs.h"
#include "daemon/objects/pool_memory.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/registry.h"

/* Backings */

int backing_new(struct pool *pool, uint64_t length, struct backing **ret_backing,
		struct refusal *refusal)
{
	struct backing *backing = calloc(1, sizeof(*backing));
	int r;

	if (!backing)
		return -ENOMEM;
	/* One of no bytes has a place, and so a version word, too. */
	r = allocator_take(&pool->allocator, length ? length : 1, &backing->offset);
	if (r != 0) {
		free(backing);
		if (r != ALLOCATOR_E_FULL)
			return r;
		(void)refuse_text(refusal, REFUSAL_POOL_FULL, pool->name);
		refusal->first = (int64_t)length;
		refusal->second = (int64_t)allocator_largest_free(&pool->allocator);
		return REFUSED;
	}
	backing->pool = pool;
	backing->length = length;
	backing->version_slot = pool_memory_slot(backing->offset);
	list_init(&backing->waiting);
	pool_memory_settle(pool, backing->version_slot);
	pool->used_bytes = pool->size_bytes - pool->allocator.free_bytes;
	if (pool->used_bytes > pool->peak_bytes)
		pool->peak_bytes = pool->used_bytes;
	*ret_backing = backing;
	return 0;
}

static bool is_being_updated(const struct backing *backing)
{
	return pool_memory_version(backing->pool, backing->version_slot) & 1;
}

int backing_for_small(struct pool *pool, uint64_t length, struct backing **ret_backing,
		      struct refusal *refusal)
{
	struct slabs *slabs = &pool->slabs;
	enum slab_place place;
	int r;

	/* Its writer may be dead, and then nobody could write to what comes into it. */
	if (slabs->current && is_being_updated(container_of(slabs->current, struct backing, slab)))
		slabs_pass_over(slabs);
	place = pool->own_for_buffer ? SLAB_PLACE_OWN : slabs_choose(slabs, length);
	if (place == SLAB_PLACE_CURRENT) {
		*ret_backing = container_of(slabs->current, struct backing, slab);
		return 0;
	}
	if (place == SLAB_PLACE_NEW) {
		r = backing_new(pool, slabs->slab_bytes, ret_backing, refusal);
		if (r == 0)
			slabs_begin(slabs, &(*ret_backing)->slab);
		if (r != REFUSED)
			return r;
		/* One that fits is not refused for what others might need later. */
	}
	return backing_new(pool, length, ret_backing, refusal);
}

static void release(struct backing *backing)
{
	struct pool *pool = backing->pool;

	if (!slabs_release(&pool->slabs, &backing->slab))
		return;
	allocator_give(&pool->allocator, backing->offset, backing->length ? backing->length : 1);
	pool->used_bytes = pool->size_bytes - pool->allocator.free_bytes;
	free(backing);
}

void backing_use(struct backing *backing)
{
	slab_hold(&backing->slab);
}

void backing_unuse(struct backing *backing)
{
	release(backing);
}

unsigned char *backing_address(const struct backing *backing)
{
	return backing->pool->memory.bytes + backing->offset;
}

/* Buffers */

int buffer_new(struct backing *backing, uint64_t offset, uint64_t length,
	       struct buffer **ret_buffer, struct refusal *refusal)
{
	struct user *user = backing->pool->user;
	struct buffer *buffer;
	int r = user_charge(user, QUOTA_BUFFERS, 1, refusal);

	if (r != 0)
		return r;
	buffer = calloc(1, sizeof(*buffer));
	r = buffer ? registry_new_id(user->registry, &buffer->id) : -ENOMEM;
	if (r < 0) {
		free(buffer);
		user_discharge(user, QUOTA_BUFFERS, 1);
		return r;
	}
	list_init(&buffer->pool_link);
	list_init(&buffer->jobs);
	buffer->pool = backing->pool;
	buffer->backing = backing;
	buffer->offset = offset;
	buffer->length = length;
	/* The memory bears the name of the buffer that it was made for. */
	if (backing->id == 0)
		backing->id = buffer->id;
	backing->buffers++;
	slab_hold(&backing->slab);
	*ret_buffer = buffer;
	return 0;
}

int buffer_announce(struct buffer *buffer)
{
	struct registry *registry = buffer->pool->user->registry;

	if (id_map_reserve(&registry->buffers) < 0)
		return -ENOMEM;
	id_map_add(&registry->buffers, buffer->id, buffer);
	list_append(&buffer->pool->buffers, &buffer->pool_link);
	buffer->pool->buffer_count++;
	return 0;
}

static void hide(struct buffer *buffer)
{
	id_map_remove(&buffer->pool->user->registry->buffers, buffer->id);
}

void buffer_drop(struct buffer *buffer)
{
	struct backing *backing = buffer->backing;

	hide(buffer);
	if (!list_is_empty(&buffer->pool_link))
		buffer->pool->buffer_count--;
	list_remove(&buffer->pool_link);
	user_discharge(buffer->pool->user, QUOTA_BUFFERS, 1);
	labels_fini(&buffer->labels);
	free(buffer);
	backing->buffers--;
	release(backing);
}

void buffers_drop_all(struct pool *pool)
{
	list_for_each(link, &pool->buffers) {
		struct buffer *buffer = container_of(link, struct buffer, pool_link);

		jobs_lose_buffer(buffer);
		if (buffer->pins == 0)
			buffer_drop(buffer);
		else
			hide(buffer);
	}
}

int buffer_find(struct user *user, uint64_t id, struct buffer **ret_buffer, struct refusal *refusal)
{
	struct buffer *buffer = id_map_find(&user->registry->buffers, id);

	if (!buffer || !user_may_use(user, buffer->pool->user->uid))
		return refuse_id(refusal, REFUSAL_NO_SUCH_BUFFER, id);
	*ret_buffer = buffer;
	return 0;
}

/* A position of Node's slice(): negative ones from the end, all cut to the buffer. */
static uint64_t clamp_position(int64_t position, uint64_t length)
{
	if (position < 0) {
		uint64_t back = -(uint64_t)position;

		return back >= length ? 0 : length - back;
	}
	return (uint64_t)position > length ? length : (uint64_t)position;
}

int buffer_slice(struct holder *holder, struct buffer *buffer, int64_t start, int64_t end,
		 struct buffer **ret_slice, struct refusal *refusal)
{
	uint64_t from = clamp_position(start, buffer->length);
	uint64_t to = clamp_position(end, buffer->length);
	struct buffer *slice;
	int r;

	if (holder->user->registry->lifecycle >= LIFECYCLE_DRAINING)
		return refuse(refusal, REFUSAL_SHUTTING_DOWN);
	r = buffer_new(buffer->backing, buffer->offset + from, to > from ? to - from : 0, &slice,
		       refusal);
	if (r != 0)
		return r;
	r = buffer_announce(slice);
	if (r < 0) {
		buffer_drop(slice);
		return r;
	}
	*ret_slice = slice;
	return 0;
}

int buffer_free(struct buffer *buffer, uint64_t *ret_freed_bytes, struct refusal *refusal)
{
	struct pool *pool = buffer->pool;

	if (buffer->pins > 0 || buffer->job_count > 0) {
		(void)refuse_id(refusal, REFUSAL_BUFFER_PINNED, buffer->id);
		refusal->first = (int64_t)buffer->pins + buffer->job_count;
		return REFUSED;
	}
	*ret_freed_bytes = buffer->backing->buffers == 1 ? buffer->backing->length : 0;
	buffer_drop(buffer);
	if (pool->own_for_buffer && list_is_empty(&pool->buffers))
		pool_drop(pool);
	return 0;
}

int buffer_pin(struct buffer *buffer, uint64_t offset, uint64_t length,
	       const unsigned char **ret_address, struct refusal *refusal)
{
	uint64_t id = buffer->id;

	if (offset > buffer->length)
		return refuse_range(refusal, "offset", 0, (int64_t)buffer->length);
	if (length > buffer->length - offset)
		return refuse_range(refusal, "length", 0, (int64_t)(buffer->length - offset));
	if (pool_check_damage(buffer->pool))
		return refuse_id(refusal, REFUSAL_NO_SUCH_BUFFER, id);
	buffer->pins++;
	buffer->backing->pins++;
	buffer->pool->stream_pins++;
	*ret_address = backing_address(buffer->backing) + buffer->offset + offset;
	return 0;
}

void buffer_unpin(struct buffer *buffer)
{
	struct pool *pool = buffer->pool;

	pool_use(pool);
	buffer->pins--;
	buffer->backing->pins--;
	pool->stream_pins--;
	if (pool->destroyed && buffer->pins == 0)
		buffer_drop(buffer);
	pool_unuse(pool);
}

bool buffer_is_orphan(const struct buffer *buffer)
{
	return buffer->pool->destroyed;
}

uint64_t buffer_version(const struct buffer *buffer)
{
	return pool_memory_version(buffer->pool, buffer->backing->version_slot);
}

uint64_t buffer_version_offset(const struct buffer *buffer)
{
	return pool_memory_slot_offset(buffer->backing->version_slot);
}
