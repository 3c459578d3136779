/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_BYTES_H
#define FOREBAY_PROTO_BYTES_H

/*
 * What can be done with a range of bytes in memory: fill, compare, find, swap, and the range
 * that two positions name, with Node's answers. Pure: the caller gives all memory, nothing is
 * kept. Any thread. A length of 0 goes with any pointer, also NULL.
 *
 * The memory may be shared with a process that writes to it meanwhile. The answer is then that
 * of some mixture of old and new bytes, but nothing outside the range is read or written, and
 * every call ends.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The pattern again and again, cut at the end. pattern_bytes is at least 1; what an empty
 * pattern means is the caller's to say. The two do not overlap.
 */
void bytes_fill(void *target, size_t target_bytes, const void *pattern, size_t pattern_bytes);

/* -1, 0, 1: by the first byte that differs; where one is the start of the other, shorter first. */
int bytes_compare(const void *a, size_t a_bytes, const void *b, size_t b_bytes);

/*
 * The first place of needle at or after offset, or (last) the last one that starts at or before
 * it. A negative offset counts from the end: before the start, a first search takes all, and a
 * last one finds nothing. Beyond the end it is the other way round. An empty needle is found at
 * the offset itself, or at the nearer end. True if found, with ret_offset set.
 *
 * step is 1, or 2 for text in UTF-16: then only even places count, an odd last byte of either
 * range is no part of it (what is left of one byte is found nowhere), and an odd offset is that
 * of the unit it cuts.
 *
 * The time is linear in both lengths, whatever the bytes are: a client that chooses them must
 * not be able to hold up others.
 */
bool bytes_find(const void *bytes, size_t length, const void *needle, size_t needle_bytes,
		size_t step, int64_t offset, bool last, size_t *ret_offset);

/*
 * Reverses the bytes of each element of 2, 4 or 8 bytes. -EINVAL for another width, or if the
 * length is no multiple of it; nothing is changed then.
 */
int bytes_swap(void *bytes, size_t length, size_t width);

/*
 * The part of `length` bytes from start to before end: negative positions count from the end,
 * positions outside become the nearer end, and an end before the start is an empty range at
 * the start. A start left out is 0, an end left out is INT64_MAX.
 */
void bytes_range(int64_t start, int64_t end, uint64_t length, uint64_t *ret_start,
		 uint64_t *ret_end);

/* A copy as it is asked for: the two lengths, and positions in them. */
struct bytes_copy {
	uint64_t target_bytes;
	uint64_t source_bytes;
	int64_t target_start; /* left out: 0 */
	int64_t source_start; /* left out: 0 */
	int64_t source_end;   /* left out: INT64_MAX */
};

/*
 * How many bytes to move: what both the rest of the target and the range of the source hold.
 * An end beyond the source is its end; a start beyond the target leaves no room, and is no
 * error. -ERANGE: a position is negative, or the source's start beyond its end.
 */
int bytes_copy_count(const struct bytes_copy *copy, uint64_t *ret_count);

#endif
