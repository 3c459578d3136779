/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/retention.h"

#include <stdlib.h>

static int compare_age(const void *left, const void *right)
{
	const struct retention_entry *a = left;
	const struct retention_entry *b = right;

	if (a->time_usec != b->time_usec)
		return a->time_usec < b->time_usec ? -1 : 1;
	return a->order == b->order ? 0 : a->order < b->order ? -1 : 1;
}

static uint64_t add_up_to_most(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
}

/* A time in the future has no age; the clock may have been set back. */
static uint64_t age_usec(int64_t time_usec, int64_t now_usec)
{
	return time_usec < now_usec ? (uint64_t)now_usec - (uint64_t)time_usec : 0;
}

static size_t beyond_count(const struct retention_rules *rules, size_t count)
{
	return rules->keep_last > 0 && count > rules->keep_last ? count - rules->keep_last : 0;
}

static size_t beyond_age(const struct retention_rules *rules, int64_t now_usec,
			 const struct retention_entry *entries, size_t count)
{
	size_t gone = 0;

	if (rules->keep_usec == 0)
		return 0;
	while (gone < count && age_usec(entries[gone].time_usec, now_usec) > rules->keep_usec)
		gone++;
	return gone;
}

/* From the newest on, as many as are allowed together. */
static size_t beyond_bytes(const struct retention_rules *rules,
			   const struct retention_entry *entries, size_t count)
{
	uint64_t sum = 0;

	if (rules->maximum_bytes == 0)
		return 0;
	while (count > 0) {
		sum = add_up_to_most(sum, entries[count - 1].bytes);
		if (sum > rules->maximum_bytes)
			break;
		count--;
	}
	return count;
}

static size_t until_free(const struct retention_rules *rules, uint64_t free_bytes,
			 const struct retention_entry *entries, size_t count)
{
	size_t gone = 0;

	while (gone < count && free_bytes < rules->minimum_free_bytes)
		free_bytes = add_up_to_most(free_bytes, entries[gone++].bytes);
	return gone;
}

static size_t larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

size_t retention_choose(const struct retention_rules *rules,
			const struct retention_present *present, struct retention_entry *entries,
			size_t count)
{
	size_t gone = beyond_count(rules, count);

	if (count == 0)
		return 0;
	qsort(entries, count, sizeof(*entries), compare_age);
	gone = larger(gone, beyond_age(rules, present->now_usec, entries, count));
	gone = larger(gone, beyond_bytes(rules, entries, count));
	gone = larger(gone, until_free(rules, present->free_bytes, entries, count));
	return gone < count ? gone : count - 1;
}
