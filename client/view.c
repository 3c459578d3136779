/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/forebay_memory.h"

#include <string.h>

#include "client/buffer.h"
#include "client/pool.h"
#include "proto/bytes.h"

struct forebay_view forebay_view_of_buffer(struct forebay_buffer *buffer)
{
	return (struct forebay_view){
		.memory = forebay_buffer_data(buffer),
		.bytes = buffer->length,
		.buffer = buffer,
		.read_only = buffer->pool->read_only,
	};
}

struct forebay_view forebay_view_of_memory(void *memory, size_t bytes)
{
	return (struct forebay_view){ .memory = memory, .bytes = bytes };
}

/* Nothing writes through the pointer: read_only is looked at by all that would. */
struct forebay_view forebay_view_of_constant(const void *memory, size_t bytes)
{
	return (struct forebay_view){
		.memory = (unsigned char *)(uintptr_t)memory,
		.bytes = bytes,
		.read_only = 1,
	};
}

struct forebay_view forebay_view_slice(const struct forebay_view *view, int64_t start, int64_t end)
{
	struct forebay_view slice = *view;
	uint64_t first, last;

	bytes_range(start, end, view->bytes, &first, &last);
	if (first > 0) {
		slice.memory += first;
		slice.offset += first;
	}
	slice.bytes = (size_t)(last - first);
	return slice;
}

int forebay_view_touch(const struct forebay_view *view)
{
	if (!view->buffer)
		return -EINVAL;
	return forebay_buffer_touch(view->buffer, (size_t)view->offset, view->bytes);
}

int forebay_view_fill(const struct forebay_view *view, const void *pattern, size_t pattern_bytes)
{
	if (view->read_only)
		return -EROFS;
	if (view->bytes == 0)
		return 0;
	if (pattern_bytes == 0)
		return -EINVAL;
	bytes_fill(view->memory, view->bytes, pattern, pattern_bytes);
	return 0;
}

int forebay_view_copy(const struct forebay_view *target, const struct forebay_view *source,
		      size_t *ret_bytes)
{
	size_t bytes = target->bytes < source->bytes ? target->bytes : source->bytes;

	if (target->read_only)
		return -EROFS;
	if (bytes > 0)
		memmove(target->memory, source->memory, bytes);
	if (ret_bytes)
		*ret_bytes = bytes;
	return 0;
}

int forebay_view_compare(const struct forebay_view *a, const struct forebay_view *b)
{
	return bytes_compare(a->memory, a->bytes, b->memory, b->bytes);
}

int forebay_view_find(const struct forebay_view *view, const struct forebay_search *search,
		      size_t *ret_offset)
{
	return bytes_find(view->memory, view->bytes, search->needle, search->needle_bytes,
			  search->utf16 ? 2 : 1, search->offset, search->last != 0, ret_offset);
}

int forebay_view_swap(const struct forebay_view *view, size_t width_bytes)
{
	if (view->read_only)
		return -EROFS;
	return bytes_swap(view->memory, view->bytes, width_bytes);
}
