/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "client/connection.h"
#include "client/forebay.h"
#include "proto/args.h"
#include "proto/versions.h"

/* The struct as it was in the first version. */
#define OPTIONS_SIZE_FIRST                                                                         \
	(offsetof(struct forebay_pool_options, huge_pages) +                                       \
	 sizeof(((struct forebay_pool_options *)0)->huge_pages))

int forebay_pool_create(struct forebay_connection *connection,
			const struct forebay_pool_options *options)
{
	struct connection_call call = {
		.method = "io.forebay.pool.Create",
		.timeout_usec = connection->timeout_usec,
	};
	struct args args, context;

	if (options->size < OPTIONS_SIZE_FIRST || options->size_bytes > INT64_MAX || !options->name)
		return -EINVAL;
	args_init(&args);
	args_begin_object(&args, "context", &context);
	args_add_string(&context, "name", options->name);
	if (options->size_bytes)
		args_add_int(&context, "sizeBytes", (int64_t)options->size_bytes);
	if (options->huge_pages)
		args_add_bool(&context, "hugePages", true);
	args_add_string(&context, "lifetime", options->daemon_lifetime ? "daemon" : "connection");
	return connection_call_args(connection, &call, &args, NULL, NULL);
}

int forebay_pool_destroy(struct forebay_connection *connection, const char *name, int force)
{
	struct connection_call call = {
		.method = "io.forebay.pool.Destroy",
		.timeout_usec = connection->timeout_usec,
	};
	struct args args;

	args_init(&args);
	args_add_string(&args, "name", name);
	if (force)
		args_add_bool(&args, "force", true);
	return connection_call_args(connection, &call, &args, NULL, NULL);
}

void forebay_pool_unmap(struct forebay_pool *pool)
{
	if (!pool)
		return;
	if (pool->memory)
		(void)munmap(pool->memory, pool->memory_bytes);
	if (pool->versions)
		(void)munmap(pool->versions, pool->versions_bytes);
	free(pool->name);
	free(pool);
}

/* All of a memfd. NULL: errno tells. */
static void *map_whole(int memory_fd, bool read_only, size_t *ret_bytes)
{
	int protection = read_only ? PROT_READ : PROT_READ | PROT_WRITE;
	struct stat status;
	void *memory;

	if (fstat(memory_fd, &status))
		return NULL;
	memory = mmap(NULL, (size_t)status.st_size, protection, MAP_SHARED, memory_fd, 0);
	if (memory == MAP_FAILED)
		return NULL;
	*ret_bytes = (size_t)status.st_size;
	return memory;
}

static bool is_within(uint64_t offset, uint64_t count, uint64_t whole_bytes)
{
	return offset % 8 == 0 && offset <= whole_bytes && count <= (whole_bytes - offset) / 8;
}

static bool is_known(const struct forebay_versions_header *header, size_t versions_bytes,
		     size_t pool_bytes)
{
	return versions_bytes >= FOREBAY_VERSIONS_HEADER_BYTES &&
	       header->magic == FOREBAY_VERSIONS_MAGIC &&
	       header->version == FOREBAY_VERSIONS_VERSION &&
	       header->block_bytes == FOREBAY_VERSIONS_BLOCK_BYTES &&
	       is_within(header->slots_offset, header->slots_count, versions_bytes) &&
	       is_within(header->blocks_offset, header->blocks_count, versions_bytes) &&
	       header->blocks_count >= (pool_bytes + FOREBAY_VERSIONS_BLOCK_BYTES - 1) /
					       FOREBAY_VERSIONS_BLOCK_BYTES;
}

static int map_pool(struct forebay_pool *pool, const cJSON *parameters,
		    const struct forebay_reply *reply)
{
	const int64_t last = (int64_t)reply->fd_count - 1;
	int64_t memory_index, versions_index, size_bytes;

	if (args_get_int_within(parameters, "fileDescriptorIndex", 0, last, &memory_index) ||
	    args_get_int_within(parameters, "versionFileDescriptorIndex", 0, last,
				&versions_index) ||
	    args_get_int_within(parameters, "sizeBytes", 1, INT64_MAX, &size_bytes))
		return -EPROTO;
	pool->memory = map_whole(reply->fds[memory_index], pool->read_only, &pool->memory_bytes);
	if (!pool->memory)
		return -errno;
	pool->versions =
		map_whole(reply->fds[versions_index], pool->read_only, &pool->versions_bytes);
	if (!pool->versions)
		return -errno;
	if (pool->memory_bytes < (uint64_t)size_bytes ||
	    !is_known(pool->versions, pool->versions_bytes, (size_t)size_bytes))
		return -EPROTO;
	return 0;
}

static int call_acquire(struct forebay_connection *connection, struct forebay_pool *pool)
{
	struct connection_call call = {
		.method = "io.forebay.pool.Acquire",
		.timeout_usec = connection->timeout_usec,
	};
	struct forebay_reply reply;
	cJSON *parameters;
	struct args args;
	int r;

	args_init(&args);
	args_add_string(&args, "name", pool->name);
	if (pool->read_only)
		args_add_bool(&args, "readOnly", true);
	r = connection_call_args(connection, &call, &args, &reply, &parameters);
	if (r)
		return r;
	r = map_pool(pool, parameters, &reply);
	cJSON_Delete(parameters);
	forebay_reply_fini(&reply);
	return r;
}

int forebay_pool_acquire(struct forebay_connection *connection, const char *name, int read_only,
			 struct forebay_pool **ret_pool)
{
	struct forebay_pool *pool = calloc(1, sizeof(*pool));
	int r;

	if (!pool)
		return -ENOMEM;
	pool->read_only = read_only != 0;
	pool->name = strdup(name);
	r = pool->name ? call_acquire(connection, pool) : -ENOMEM;
	if (r) {
		forebay_pool_unmap(pool);
		return r;
	}
	*ret_pool = pool;
	return 0;
}

const char *forebay_pool_name(const struct forebay_pool *pool)
{
	return pool->name;
}

void *forebay_pool_memory(const struct forebay_pool *pool)
{
	return pool->memory;
}

size_t forebay_pool_size(const struct forebay_pool *pool)
{
	return pool->memory_bytes;
}

uint64_t *pool_version_slot(const struct forebay_pool *pool, uint64_t version_offset)
{
	uint64_t begin = pool->versions->slots_offset;

	if (version_offset % 8 != 0 || version_offset < begin ||
	    (version_offset - begin) / 8 >= pool->versions->slots_count)
		return NULL;
	return (uint64_t *)(void *)((unsigned char *)pool->versions + version_offset);
}

void pool_touch_blocks(const struct forebay_pool *pool, uint64_t offset, uint64_t length)
{
	uint64_t *blocks = (uint64_t *)(void *)((unsigned char *)pool->versions +
						pool->versions->blocks_offset);
	uint64_t block = offset / FOREBAY_VERSIONS_BLOCK_BYTES;
	uint64_t last;

	if (length == 0)
		return;
	last = (offset + length - 1) / FOREBAY_VERSIONS_BLOCK_BYTES;
	for (; block <= last; block++)
		(void)__atomic_fetch_add(&blocks[block], 1, __ATOMIC_RELAXED);
}
