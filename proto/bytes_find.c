/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/bytes.h"

#include <string.h>

/*
 * Forwards through bytes it is memmem(). The other three (backwards, and through UTF-16 units
 * either way) are one search, the two-way algorithm of Crochemore and Perrin: it needs no
 * memory and its time is linear whatever the bytes are. Looking for the last place is looking
 * for the first one with both ranges read from their ends.
 *
 * The needle is cut in two. Its right part is compared first, forwards, then its left part;
 * where to cut is chosen such that a failure in the right part allows a jump over all that
 * matched, and one in the left part a jump by the needle's period.
 */

/* A range of units of one or two bytes, read in one of the two directions. */
struct span {
	const unsigned char *first; /* the unit that is read first */
	ptrdiff_t stride;	    /* from there to the next, in bytes: 1, -1, 2, -2 */
	size_t count;
};

static struct span span_of(const void *bytes, size_t length, size_t step, bool backwards)
{
	size_t count = length / step;
	const unsigned char *first = bytes;

	if (backwards && count > 0)
		first += (count - 1) * step;
	return (struct span){ first, backwards ? -(ptrdiff_t)step : (ptrdiff_t)step, count };
}

/* Which of two units is greater does not matter, as long as it is always the same one. */
static inline unsigned int unit_at(const struct span *span, size_t index)
{
	const unsigned char *unit = span->first + (ptrdiff_t)index * span->stride;

	if (span->stride == 1 || span->stride == -1)
		return unit[0];
	return unit[0] | (unsigned int)unit[1] << 8;
}

/*
 * Where the greatest suffix of the needle starts, in the order of units or in its reverse, and
 * the period of that suffix.
 */
static size_t greatest_suffix(const struct span *needle, bool reversed, size_t *ret_period)
{
	size_t start = 0, other = 1, matched = 0, period = 1;

	while (other + matched < needle->count) {
		unsigned int a = unit_at(needle, start + matched);
		unsigned int b = unit_at(needle, other + matched);

		if (a == b) {
			matched++;
			if (matched == period) {
				other += period;
				matched = 0;
			}
		} else if ((b < a) != reversed) {
			other += matched + 1;
			period = other - start;
			matched = 0;
		} else {
			start = other++;
			period = 1;
			matched = 0;
		}
	}
	*ret_period = period;
	return start;
}

/* The needle, cut. */
struct search {
	struct span hay;
	struct span needle;
	size_t cut;
	size_t period; /* by how much a failure in the left part moves on */
	bool repeats;  /* the left part is part of the repetition: period is exact */
};

static bool left_part_repeats(const struct search *search)
{
	size_t i;

	for (i = 0; i < search->cut; i++)
		if (unit_at(&search->needle, i) != unit_at(&search->needle, i + search->period))
			return false;
	return true;
}

static void search_cut(struct search *search)
{
	size_t period, reversed_period;
	size_t cut = greatest_suffix(&search->needle, false, &period);
	size_t reversed_cut = greatest_suffix(&search->needle, true, &reversed_period);
	size_t rest;

	search->cut = cut > reversed_cut ? cut : reversed_cut;
	search->period = cut > reversed_cut ? period : reversed_period;
	search->repeats = left_part_repeats(search);
	if (search->repeats)
		return;
	rest = search->needle.count - search->cut;
	search->period = (search->cut > rest ? search->cut : rest) + 1;
}

/*
 * The first index, from `index` on, of a unit of the hay that equals `unit`, or the count. The
 * library's search for one byte is many times as fast as a loop over units; a hit in the other
 * byte of a unit only says where to look on.
 */
static size_t skip_to(const struct span *hay, size_t index, unsigned int unit)
{
	size_t step = hay->stride == 1 || hay->stride == -1 ? 1 : 2;
	const unsigned char *lowest = hay->first, *hit;
	int byte = (int)(unit & 0xff);

	if (hay->stride < 0)
		lowest -= (hay->count - 1) * step;
	while (index < hay->count && unit_at(hay, index) != unit) {
		size_t rest = hay->count - ++index;

		if (hay->stride > 0) {
			hit = memchr(lowest + index * step, byte, rest * step);
			index = hit ? (size_t)(hit - lowest) / step : hay->count;
		} else {
			hit = memrchr(lowest, byte, rest * step);
			index = hay->count - (hit ? (size_t)(hit - lowest) / step + 1 : 0);
		}
	}
	return index;
}

static bool search_run(const struct search *search, size_t *ret_index)
{
	const struct span *hay = &search->hay, *needle = &search->needle;
	unsigned int middle = unit_at(needle, search->cut);
	size_t at = 0, known = 0, i; /* known: so much of the left part is sure to match */

	while (at + needle->count <= hay->count) {
		if (known == 0) {
			at = skip_to(hay, at + search->cut, middle) - search->cut;
			if (at + needle->count > hay->count)
				break;
		}
		i = search->cut > known ? search->cut : known;
		while (i < needle->count && unit_at(needle, i) == unit_at(hay, at + i))
			i++;
		if (i < needle->count) {
			at += i - search->cut + 1;
			known = 0;
			continue;
		}
		i = search->cut;
		while (i > known && unit_at(needle, i - 1) == unit_at(hay, at + i - 1))
			i--;
		if (i <= known) {
			*ret_index = at;
			return true;
		}
		at += search->period;
		known = search->repeats ? needle->count - search->period : 0;
	}
	return false;
}

/* In whole units, from the given one on, or (last) up to it. */
static bool find_units(struct search *search, size_t start, bool last, size_t *ret_index)
{
	struct span *hay = &search->hay;
	size_t skipped = start, index;

	if (last)
		skipped = start < hay->count - search->needle.count ?
				  hay->count - search->needle.count - start :
				  0;
	hay->first += (ptrdiff_t)skipped * hay->stride;
	hay->count -= skipped;
	search_cut(search);
	if (!search_run(search, &index))
		return false;
	*ret_index = last ? hay->count - index - search->needle.count : start + index;
	return true;
}

bool bytes_find(const void *bytes, size_t length, const void *needle, size_t needle_bytes,
		size_t step, int64_t offset, bool last, size_t *ret_offset)
{
	const unsigned char *hay = bytes, *hit;
	struct search search;
	uint64_t start, end;
	size_t index;

	length -= length % step;
	bytes_range(offset, offset, length, &start, &end);
	if (needle_bytes == 0) {
		*ret_offset = start;
		return true;
	}
	needle_bytes -= needle_bytes % step;
	if (needle_bytes == 0 || needle_bytes > length || (!last && start > length - needle_bytes))
		return false;
	if (last && offset < 0 && -(uint64_t)offset > length)
		return false;
	if (step == 1 && !last) {
		hit = memmem(hay + start, length - start, needle, needle_bytes);
		if (hit)
			*ret_offset = (size_t)(hit - hay);
		return hit != NULL;
	}

	search.hay = span_of(bytes, length, step, last);
	search.needle = span_of(needle, needle_bytes, step, last);
	if (!find_units(&search, start / step, last, &index))
		return false;
	*ret_offset = index * step;
	return true;
}
