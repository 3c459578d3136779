/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_RETENTION_H
#define FOREBAY_CORE_RETENTION_H

/*
 * Which of the files that belong together are to go. Each rule takes away the oldest first,
 * as many as it needs; where several are given, the one that takes most decides. The newest
 * is never taken. Pure.
 */

#include <stddef.h>
#include <stdint.h>

/* 0: no such rule. */
struct retention_rules {
	uint64_t keep_last;	     /* no more files than this */
	uint64_t keep_usec;	     /* none older than this */
	uint64_t maximum_bytes;	     /* no more bytes than this in all of them */
	uint64_t minimum_free_bytes; /* of the file system: until so much is free */
};

struct retention_entry {
	int64_t time_usec; /* when it was put in place */
	uint64_t bytes;
	uint64_t order; /* of those of one time, the lower one is older */
};

/* How things are. */
struct retention_present {
	int64_t now_usec;
	uint64_t free_bytes;
};

/* Sorts the entries, the oldest first, and says how many of the first are to go. */
size_t retention_choose(const struct retention_rules *rules,
			const struct retention_present *present, struct retention_entry *entries,
			size_t count);

#endif
