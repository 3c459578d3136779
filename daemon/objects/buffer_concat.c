/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/buffer_concat.h"

/*
 * A new buffer out of others, which are held from the start: what is freed while there is no
 * memory yet is still joined. They are read when there is, all at one moment in their order
 * of operations.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/io/io_engine.h"
#include "daemon/objects/buffer_place.h"
#include "daemon/objects/buffer_work.h"
#include "daemon/objects/pool_memory.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/registry.h"

struct part {
	uint64_t offset; /* in its backing */
	uint64_t length;
};

struct joining {
	struct holder *holder;
	buffer_done_fn done;
	void *data;
	struct buffer_placing placing;
	struct buffer_work work;
	struct buffer *buffer;
	uint64_t length;
	struct part *parts; /* those that the length does not cut away */
	struct buffer_turn *turns;
	size_t parts_count;
};

static struct joining *joining_free(struct joining *joining)
{
	free(joining->parts);
	free(joining->turns);
	free(joining);
	return NULL;
}

/* Each part's memory stays from use to unuse. */
static void use_parts(struct joining *joining)
{
	for (size_t i = 0; i < joining->parts_count; i++) {
		backing_use(joining->turns[i].backing);
		pool_use(joining->turns[i].backing->pool);
	}
}

static void unuse_parts(struct joining *joining)
{
	for (size_t i = 0; i < joining->parts_count; i++) {
		struct pool *pool = joining->turns[i].backing->pool;

		backing_unuse(joining->turns[i].backing);
		pool_unuse(pool);
	}
}

static void end(struct joining *joining, int result)
{
	if (result == 0)
		result = buffer_settle(joining->buffer, joining->holder, &joining->placing.refusal);
	if (result != 0 && joining->buffer)
		buffer_take_back(joining->buffer);
	joining->done(joining->data, result, result == 0 ? joining->buffer : NULL,
		      &joining->placing.refusal);
	joining_free(joining);
}

static int run_join(struct buffer_work *work)
{
	struct joining *joining = work->owner;
	uint64_t start = work->backing->offset + joining->buffer->offset;
	unsigned char *to = backing_address(work->backing) + joining->buffer->offset;
	uint64_t rest = joining->length;

	pool_memory_touch(work->backing->pool, start, rest);
	for (size_t i = 0; i < joining->parts_count; i++) {
		const struct part *part = &joining->parts[i];

		memcpy(to, backing_address(joining->turns[i].backing) + part->offset, part->length);
		to += part->length;
		rest -= part->length;
	}
	memset(to, 0, rest);
	return 0;
}

static void on_joined(struct buffer_work *work, int result)
{
	end(work->owner, result);
}

static void on_placed(struct buffer_placing *placing, int result, struct buffer *buffer)
{
	struct joining *joining = placing->owner;

	joining->buffer = buffer;
	if (result == 0) {
		joining->work = (struct buffer_work){
			.name = "concat",
			.bytes = joining->length,
			.device = IO_DEVICE_PROCESSOR,
			.run = run_join,
			.done = on_joined,
			.owner = joining,
			.others = joining->turns,
			.others_count = joining->parts_count,
		};
		buffer_work_submit(buffer->backing, &joining->work);
	}
	/* The work, if there is one, holds them now. */
	unuse_parts(joining);
	if (result != 0)
		end(joining, result);
}

static uint64_t sum_lengths(struct buffer *const *sources, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		if (__builtin_add_overflow(sum, sources[i]->length, &sum))
			return INT64_MAX;
	return sum;
}

static struct joining *joining_new(const struct buffer_concat *concat)
{
	struct joining *joining = calloc(1, sizeof(*joining));
	uint64_t rest;

	if (!joining)
		return NULL;
	joining->parts = calloc(concat->count + 1, sizeof(*joining->parts));
	joining->turns = calloc(concat->count + 1, sizeof(*joining->turns));
	if (!joining->parts || !joining->turns)
		return joining_free(joining);
	joining->length = concat->total_length == UINT64_MAX ?
				  sum_lengths(concat->sources, concat->count) :
				  concat->total_length;
	rest = joining->length;
	for (size_t i = 0; i < concat->count && rest > 0; i++) {
		const struct buffer *source = concat->sources[i];
		struct part *part = &joining->parts[i];

		part->offset = source->offset;
		part->length = source->length < rest ? source->length : rest;
		joining->turns[i].backing = source->backing;
		joining->parts_count++;
		rest -= part->length;
	}
	return joining;
}

int buffer_concat(struct holder *holder, const struct buffer_concat *concat, buffer_done_fn done,
		  void *data, struct refusal *refusal)
{
	struct joining *joining;
	int r;

	if (holder->user->registry->lifecycle >= LIFECYCLE_DRAINING)
		return refuse(refusal, REFUSAL_SHUTTING_DOWN);
	joining = joining_new(concat);
	if (!joining)
		return -ENOMEM;
	joining->holder = holder;
	joining->done = done;
	joining->data = data;
	joining->placing = (struct buffer_placing){
		.holder = holder,
		.length = joining->length,
		.may_share = true,
		.done = on_placed,
		.owner = joining,
	};
	use_parts(joining);
	r = buffer_place(&joining->placing);
	if (r != 0) {
		*refusal = joining->placing.refusal;
		unuse_parts(joining);
		joining_free(joining);
	}
	return r;
}
