/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/bytes.h"

#include <byteswap.h>
#include <errno.h>
#include <string.h>

/*
 * What has been filled is what is copied next, so that a short pattern costs few calls. Not
 * beyond this: the source would leave the cache and be read from memory again.
 */
#define FILL_BLOCK_BYTES ((size_t)32 << 10)

void bytes_fill(void *target, size_t target_bytes, const void *pattern, size_t pattern_bytes)
{
	unsigned char *bytes = target;
	size_t block = pattern_bytes < target_bytes ? pattern_bytes : target_bytes;
	size_t filled = block;

	if (target_bytes == 0)
		return;
	if (pattern_bytes == 1) {
		memset(bytes, *(const unsigned char *)pattern, target_bytes);
		return;
	}
	memcpy(bytes, pattern, block);
	while (filled < target_bytes) {
		size_t count = block < target_bytes - filled ? block : target_bytes - filled;

		memcpy(bytes + filled, bytes, count);
		filled += count;
		if (filled <= FILL_BLOCK_BYTES)
			block = filled;
	}
}

int bytes_compare(const void *a, size_t a_bytes, const void *b, size_t b_bytes)
{
	size_t common = a_bytes < b_bytes ? a_bytes : b_bytes;
	int order = common > 0 ? memcmp(a, b, common) : 0;

	if (order == 0)
		return (a_bytes > b_bytes) - (a_bytes < b_bytes);
	return order < 0 ? -1 : 1;
}

/* Through memcpy, since the elements may stand anywhere; it costs nothing. */
static void swap_2(unsigned char *bytes, size_t length)
{
	uint16_t value;

	for (size_t at = 0; at < length; at += sizeof(value)) {
		memcpy(&value, bytes + at, sizeof(value));
		value = bswap_16(value);
		memcpy(bytes + at, &value, sizeof(value));
	}
}

static void swap_4(unsigned char *bytes, size_t length)
{
	uint32_t value;

	for (size_t at = 0; at < length; at += sizeof(value)) {
		memcpy(&value, bytes + at, sizeof(value));
		value = bswap_32(value);
		memcpy(bytes + at, &value, sizeof(value));
	}
}

static void swap_8(unsigned char *bytes, size_t length)
{
	uint64_t value;

	for (size_t at = 0; at < length; at += sizeof(value)) {
		memcpy(&value, bytes + at, sizeof(value));
		value = bswap_64(value);
		memcpy(bytes + at, &value, sizeof(value));
	}
}

int bytes_swap(void *bytes, size_t length, size_t width)
{
	if ((width != 2 && width != 4 && width != 8) || length % width != 0)
		return -EINVAL;
	if (width == 2)
		swap_2(bytes, length);
	else if (width == 4)
		swap_4(bytes, length);
	else
		swap_8(bytes, length);
	return 0;
}

/* The position within 0..length that is meant. */
static uint64_t position_of(int64_t position, uint64_t length)
{
	uint64_t from_end;

	if (position >= 0)
		return (uint64_t)position < length ? (uint64_t)position : length;
	from_end = -(uint64_t)position;
	return from_end < length ? length - from_end : 0;
}

void bytes_range(int64_t start, int64_t end, uint64_t length, uint64_t *ret_start,
		 uint64_t *ret_end)
{
	uint64_t first = position_of(start, length);
	uint64_t last = position_of(end, length);

	*ret_start = first;
	*ret_end = last < first ? first : last;
}

int bytes_copy_count(const struct bytes_copy *copy, uint64_t *ret_count)
{
	uint64_t start, end, room;

	if (copy->target_start < 0 || copy->source_start < 0 || copy->source_end < 0 ||
	    (uint64_t)copy->source_start > copy->source_bytes)
		return -ERANGE;
	bytes_range(copy->source_start, copy->source_end, copy->source_bytes, &start, &end);
	room = copy->target_bytes - position_of(copy->target_start, copy->target_bytes);
	*ret_count = room < end - start ? room : end - start;
	return 0;
}
