/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/buffer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/connection.h"
#include "client/pool.h"
#include "proto/args.h"
#include "proto/versions.h"

/* A buffer as the daemon describes it. Nothing outside of what is mapped here is taken. */
static int read_buffer(struct forebay_buffer *buffer, const cJSON *parameters)
{
	const struct forebay_pool *pool = buffer->pool;
	const int64_t most = (int64_t)pool->memory_bytes;
	int64_t offset, length, version_offset;
	const cJSON *object;
	const char *id, *name;

	if (!args_get_object(parameters, "buffer", &object) ||
	    !args_get_string(object, "id", &id) || strlen(id) >= sizeof(buffer->id) ||
	    !args_get_string(object, "pool", &name) ||
	    args_get_int_within(object, "offset", 0, most, &offset) ||
	    args_get_int_within(object, "length", 0, most - offset, &length) ||
	    args_get_int_within(object, "versionOffset", 0, INT64_MAX, &version_offset))
		return -EPROTO;
	if (strcmp(name, pool->name) != 0)
		return -EXDEV;
	buffer->slot = pool_version_slot(pool, (uint64_t)version_offset);
	if (!buffer->slot)
		return -EPROTO;
	strcpy(buffer->id, id);
	buffer->offset = (uint64_t)offset;
	buffer->length = (size_t)length;
	return 0;
}

/* Calls a method that answers with a buffer. */
static int call_for_buffer(struct forebay_connection *connection, struct forebay_pool *pool,
			   const char *method, struct args *args,
			   struct forebay_buffer **ret_buffer)
{
	struct connection_call call = {
		.method = method,
		.timeout_usec = connection->timeout_usec,
	};
	struct forebay_buffer *buffer;
	cJSON *parameters;
	int r;

	r = connection_call_args(connection, &call, args, NULL, &parameters);
	if (r)
		return r;
	buffer = calloc(1, sizeof(*buffer));
	if (buffer) {
		buffer->pool = pool;
		r = read_buffer(buffer, parameters);
	}
	cJSON_Delete(parameters);
	if (!buffer || r) {
		free(buffer);
		return r ? r : -ENOMEM;
	}
	*ret_buffer = buffer;
	return 0;
}

int forebay_buffer_alloc(struct forebay_connection *connection, struct forebay_pool *pool,
			 size_t length, int unsafe, struct forebay_buffer **ret_buffer)
{
	struct args args;

	if (length > INT64_MAX)
		return -EINVAL;
	args_init(&args);
	args_add_string(&args, "pool", pool->name);
	args_add_int(&args, "length", (int64_t)length);
	if (unsafe)
		args_add_string(&args, "initialize", "unsafe");
	return call_for_buffer(connection, pool, "io.forebay.buffer.Alloc", &args, ret_buffer);
}

int forebay_buffer_from(struct forebay_connection *connection, struct forebay_pool *pool,
			const void *data, size_t length, struct forebay_buffer **ret_buffer)
{
	struct forebay_buffer *buffer;
	int r;

	if (pool->read_only)
		return -EROFS;
	r = forebay_buffer_alloc(connection, pool, length, 1, &buffer);
	if (r)
		return r;
	if (length > 0)
		memcpy(forebay_buffer_data(buffer), data, length);
	*ret_buffer = buffer;
	return 0;
}

int forebay_buffer_describe(struct forebay_connection *connection, struct forebay_pool *pool,
			    const char *id, struct forebay_buffer **ret_buffer)
{
	struct args args;

	args_init(&args);
	args_add_string(&args, "id", id);
	return call_for_buffer(connection, pool, "io.forebay.buffer.Describe", &args, ret_buffer);
}

int forebay_buffer_free(struct forebay_connection *connection, struct forebay_buffer *buffer)
{
	struct connection_call call = {
		.method = "io.forebay.buffer.Free",
		.timeout_usec = connection->timeout_usec,
	};
	struct args args;
	int r;

	if (!buffer)
		return 0;
	args_init(&args);
	args_add_string(&args, "id", buffer->id);
	r = connection_call_args(connection, &call, &args, NULL, NULL);
	if (r)
		return r;
	free(buffer);
	return 0;
}

void forebay_buffer_release(struct forebay_buffer *buffer)
{
	free(buffer);
}

const char *forebay_buffer_id(const struct forebay_buffer *buffer)
{
	return buffer->id;
}

void *forebay_buffer_data(const struct forebay_buffer *buffer)
{
	return buffer->pool->memory + buffer->offset;
}

size_t forebay_buffer_length(const struct forebay_buffer *buffer)
{
	return buffer->length;
}

uint64_t forebay_buffer_offset(const struct forebay_buffer *buffer)
{
	return buffer->offset;
}

int forebay_buffer_begin_update(struct forebay_buffer *buffer)
{
	uint64_t value;

	if (buffer->pool->read_only)
		return -EROFS;
	value = __atomic_load_n(buffer->slot, __ATOMIC_ACQUIRE);
	if (value & 1)
		return -EBUSY;
	if (!__atomic_compare_exchange_n(buffer->slot, &value, value + 1, 0, __ATOMIC_ACQ_REL,
					 __ATOMIC_RELAXED))
		return -EBUSY;
	buffer->updating = value + 1;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return 0;
}

int forebay_buffer_touch(struct forebay_buffer *buffer, size_t offset, size_t length)
{
	if (!buffer->updating)
		return -EPERM;
	if (offset > buffer->length || length > buffer->length - offset)
		return -ERANGE;
	pool_touch_blocks(buffer->pool, buffer->offset + offset, length);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return 0;
}

int forebay_buffer_end_update(struct forebay_buffer *buffer)
{
	uint64_t value = buffer->updating;

	if (!value)
		return -EPERM;
	buffer->updating = 0;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!__atomic_compare_exchange_n(buffer->slot, &value, value + 1, 0, __ATOMIC_RELEASE,
					 __ATOMIC_RELAXED))
		return -ESTALE;
	return 0;
}
