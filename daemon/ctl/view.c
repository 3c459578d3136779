/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/view.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/base/err.h"
#include "daemon/core/fault.h"
#include "daemon/core/labels.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stores.h"
#include "proto/args.h"
#include "proto/encoding.h"

static const char replacement[] = "\xef\xbf\xbd";

void view_id(struct args *args, const char *name, enum id_kind kind, uint64_t id)
{
	char text[ID_TEXT_BYTES];

	id_format(kind, id, text);
	args_add_string(args, name, text);
}

void view_count(struct args *args, const char *name, uint64_t value)
{
	args_add_int(args, name, value > INT64_MAX ? INT64_MAX : (int64_t)value);
}

void view_text(struct args *args, const char *name, const char *text)
{
	size_t left = strlen(text), skip;
	char *clean, *end;

	if (encoding_utf8_is_valid(text, left)) {
		args_add_string(args, name, text);
		return;
	}
	clean = malloc(left * (sizeof(replacement) - 1) + 1);
	for (end = clean; clean && left > 0; text += skip, left -= skip) {
		size_t size = encoding_utf8_next(text, left, NULL, &skip);

		if (size > 0) {
			end = mempcpy(end, text, size);
			skip = size;
		} else {
			end = mempcpy(end, replacement, sizeof(replacement) - 1);
		}
	}
	if (clean)
		args_add_string_bytes(args, name, clean, (size_t)(end - clean));
	else
		args_add_value(args, name, NULL);
	free(clean);
}

void view_labels(struct args *args, const struct labels *labels)
{
	struct args map;

	if (labels->count == 0)
		return;
	args_begin_object(args, "labels", &map);
	for (uint32_t i = 0; i < labels->count; i++)
		args_add_string(&map, labels->items[i].name, labels->items[i].value);
}

void view_fault(struct args *args, const char *name, const struct fault *fault)
{
	struct args object;

	args_begin_object(args, name, &object);
	args_add_string(&object, "operation", fault->operation ? fault->operation : "unknown");
	if (fault->path[0] != '\0')
		view_text(&object, "path", fault->path);
	if (fault->offset >= 0)
		args_add_int(&object, "offset", fault->offset);
	args_add_string(&object, "errnoName", err_name(fault->error));
	args_add_int(&object, "errno", fault->error);
	view_text(&object, "message", strerror(fault->error));
}

void view_pool(struct args *args, const struct pool *pool)
{
	struct args context, runtime;

	args_begin_object(args, "context", &context);
	args_add_string(&context, "name", pool->name);
	view_count(&context, "sizeBytes", pool->size_bytes);
	args_add_bool(&context, "hugePages", pool->huge_pages);
	args_add_string(&context, "lifetime",
			pool->lifetime == POOL_LIFETIME_DAEMON ? "daemon" : "connection");
	view_labels(&context, &pool->labels);

	args_begin_object(args, "runtime", &runtime);
	args_add_int(&runtime, "ownerUid", pool->user->uid);
	view_count(&runtime, "usedBytes", pool->used_bytes);
	view_count(&runtime, "peakBytes", pool->peak_bytes);
	view_count(&runtime, "freeBytes", pool->allocator.free_bytes);
	view_count(&runtime, "largestFreeBytes", allocator_largest_free(&pool->allocator));
	args_add_int(&runtime, "buffers", pool->buffer_count);
	view_count(&runtime, "generation", pool->generation);
	view_count(&runtime, "createdUSec", pool->created_usec);
}

void view_buffer(struct args *args, const char *name, const struct buffer *buffer)
{
	const struct backing *backing = buffer->backing;
	struct args object;

	args_begin_object(args, name, &object);
	view_id(&object, "id", ID_BUFFER, buffer->id);
	args_add_string(&object, "pool", buffer->pool->name);
	view_count(&object, "offset", backing->offset + buffer->offset);
	view_count(&object, "length", buffer->length);
	view_id(&object, "backing", ID_BUFFER, backing->id);
	view_count(&object, "backingLength", backing->length);
	view_count(&object, "backingOffset", buffer->offset);
	view_count(&object, "version", buffer_version(buffer));
	view_count(&object, "versionOffset", buffer_version_offset(buffer));
	args_add_int(&object, "pins", buffer->pins);
	view_labels(&object, &buffer->labels);
}

void view_store(struct args *args, const struct store *store, int64_t free_bytes,
		int64_t used_bytes)
{
	struct args object;

	args_begin_object(args, "store", &object);
	args_add_string(&object, "name", store->name);
	args_add_string(&object, "kind", "directory");
	view_text(&object, "location", store->location);
	args_add_bool(&object, "perUser", store->per_user);
	if (free_bytes >= 0)
		args_add_int(&object, "freeBytes", free_bytes);
	if (used_bytes >= 0)
		args_add_int(&object, "usedBytes", used_bytes);
}

void view_store_file(struct args *args, const struct store_file *file)
{
	struct args object;

	args_begin_object(args, "file", &object);
	view_text(&object, "path", file->path);
	view_count(&object, "sizeBytes", file->identity.bytes);
	args_add_int(&object, "modifiedUSec", file->identity.mtime_ns / 1000);
	args_add_optional_string(&object, "digest", file->digest);
}
