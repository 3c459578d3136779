/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <check.h>

#include "proto/bytes.h"

#define SEED 20240517u
#define ROUNDS 20000
#define LENGTH_MAX 40

/* The same numbers in every run. */
static unsigned int state = SEED;

static unsigned int any(unsigned int below)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % below;
}

/* Few different bytes, so that what is looked for is often nearly there. */
static void scatter(unsigned char *bytes, size_t count, unsigned int alphabet)
{
	for (size_t i = 0; i < count; i++)
		bytes[i] = (unsigned char)any(alphabet);
}

START_TEST(a_pattern_is_repeated_and_cut)
{
	unsigned char *target = malloc(100000), pattern[LENGTH_MAX];
	static const size_t lengths[] = { 0, 1, 7, 40, 41, 1000, 32767, 32768, 32769, 99998 };
	size_t length = lengths[_i], pattern_bytes, i;

	scatter(pattern, sizeof(pattern), 256);
	for (pattern_bytes = 1; pattern_bytes <= sizeof(pattern); pattern_bytes++) {
		memset(target, 0xaa, 100000);
		pattern[0] = (unsigned char)pattern_bytes;
		bytes_fill(target + 1, length, pattern, pattern_bytes);
		ck_assert_uint_eq(target[0], 0xaa);
		ck_assert_uint_eq(target[length + 1], 0xaa);
		for (i = 0; i < length; i++)
			if (target[1 + i] != pattern[i % pattern_bytes])
				ck_abort_msg("byte %zu of %zu, pattern of %zu", i, length,
					     pattern_bytes);
	}
	free(target);
}
END_TEST

START_TEST(a_pattern_longer_than_the_target_is_cut)
{
	char target[4] = "....";

	bytes_fill(target, 3, "abcdef", 6);
	ck_assert_mem_eq(target, "abc.", 4);
	bytes_fill(NULL, 0, "ab", 2);
}
END_TEST

START_TEST(the_first_difference_decides_and_then_the_length)
{
	ck_assert_int_eq(bytes_compare("ab", 2, "ac", 2), -1);
	ck_assert_int_eq(bytes_compare("\xff", 1, "a", 1), 1);
	ck_assert_int_eq(bytes_compare("ab", 2, "abc", 3), -1);
	ck_assert_int_eq(bytes_compare("b", 1, "abc", 3), 1);
	ck_assert_int_eq(bytes_compare("abc", 3, "abc", 3), 0);
	ck_assert_int_eq(bytes_compare(NULL, 0, "a", 1), -1);
	ck_assert_int_eq(bytes_compare(NULL, 0, NULL, 0), 0);
}
END_TEST

START_TEST(elements_are_reversed)
{
	char bytes[] = "0123456789abcdef";

	ck_assert_int_eq(bytes_swap(bytes + 1, 4, 2), 0);
	ck_assert_str_eq(bytes, "0214356789abcdef");
	ck_assert_int_eq(bytes_swap(bytes, 8, 4), 0);
	ck_assert_str_eq(bytes, "4120765389abcdef");
	ck_assert_int_eq(bytes_swap(bytes, 16, 8), 0);
	ck_assert_str_eq(bytes, "35670214fedcba98");
	ck_assert_int_eq(bytes_swap(NULL, 0, 8), 0);
}
END_TEST

START_TEST(a_length_that_is_no_multiple_of_the_width_changes_nothing)
{
	char bytes[] = "0123456789";

	ck_assert_int_eq(bytes_swap(bytes, 3, 2), -EINVAL);
	ck_assert_int_eq(bytes_swap(bytes, 6, 4), -EINVAL);
	ck_assert_int_eq(bytes_swap(bytes, 10, 8), -EINVAL);
	ck_assert_int_eq(bytes_swap(bytes, 9, 3), -EINVAL);
	ck_assert_int_eq(bytes_swap(bytes, 4, 1), -EINVAL);
	ck_assert_int_eq(bytes_swap(bytes, 4, 0), -EINVAL);
	ck_assert_str_eq(bytes, "0123456789");
}
END_TEST

static const struct {
	int64_t start, end;
	uint64_t length, first, last;
} ranges[] = {
	{ 0, INT64_MAX, 10, 0, 10 },
	{ 2, 5, 10, 2, 5 },
	{ -3, -1, 10, 7, 9 },
	{ -30, 4, 10, 0, 4 },
	{ 4, 2, 10, 4, 4 },
	{ 30, 40, 10, 10, 10 },
	{ INT64_MIN, INT64_MAX, 10, 0, 10 },
	{ INT64_MIN, INT64_MIN, 10, 0, 0 },
	{ INT64_MAX, INT64_MIN, 10, 10, 10 },
	{ 0, 0, 0, 0, 0 },
	{ -1, INT64_MAX, INT64_MAX, INT64_MAX - 1, INT64_MAX },
};

START_TEST(positions_count_from_both_ends_and_are_clamped)
{
	uint64_t start, end;

	bytes_range(ranges[_i].start, ranges[_i].end, ranges[_i].length, &start, &end);
	ck_assert_uint_eq(start, ranges[_i].first);
	ck_assert_uint_eq(end, ranges[_i].last);
}
END_TEST

static const struct {
	struct bytes_copy copy;
	int result;
	uint64_t count;
} copies[] = {
	{ { 10, 5, 0, 0, INT64_MAX }, 0, 5 },
	{ { 4, 5, 0, 0, INT64_MAX }, 0, 4 },
	{ { 10, 5, 7, 1, INT64_MAX }, 0, 3 },
	{ { 10, 5, 0, 1, 3 }, 0, 2 },
	{ { 10, 5, 0, 3, 1 }, 0, 0 },
	{ { 10, 5, 10, 0, 5 }, 0, 0 },
	{ { 10, 5, INT64_MAX, 0, 5 }, 0, 0 },
	{ { 10, 5, 0, 5, 5 }, 0, 0 },
	{ { 10, 5, -1, 0, 5 }, -ERANGE, 99 },
	{ { 10, 5, 0, -1, 5 }, -ERANGE, 99 },
	{ { 10, 5, 0, 0, -1 }, -ERANGE, 99 },
	{ { 10, 5, 0, 6, 9 }, -ERANGE, 99 },
	{ { 10, 5, INT64_MIN, 0, 5 }, -ERANGE, 99 },
};

START_TEST(a_copy_is_what_both_sides_hold)
{
	uint64_t count = 99;

	ck_assert_int_eq(bytes_copy_count(&copies[_i].copy, &count), copies[_i].result);
	ck_assert_uint_eq(count, copies[_i].count);
}
END_TEST

/* The definition: every place is tried, from the one that offset names. */
static int64_t find_naively(const unsigned char *bytes, size_t length, const unsigned char *needle,
			    size_t needle_bytes, size_t step, int64_t offset, bool last)
{
	int64_t size = (int64_t)(length - length % step);
	int64_t wanted = (int64_t)(needle_bytes - needle_bytes % step);
	int64_t from = offset < 0 ? offset + size : offset, at, found = -1;

	if (needle_bytes == 0)
		return from < 0 ? 0 : from > size ? size : from;
	if (wanted == 0 || (!last && from + wanted > size))
		return -1;
	for (at = 0; at + wanted <= size; at += (int64_t)step) {
		if (memcmp(bytes + at, needle, (size_t)wanted) != 0)
			continue;
		if (last ? at > from : at < from - from % (int64_t)step)
			continue;
		if (!last)
			return at;
		found = at;
	}
	return found;
}

/* Exactly as much memory as is said, so that a sanitizer sees a byte too many. */
static unsigned char *exact(const unsigned char *bytes, size_t count)
{
	unsigned char *copy = malloc(count > 0 ? count : 1);

	memcpy(copy, bytes, count);
	return copy;
}

START_TEST(what_is_found_is_what_trying_every_place_finds)
{
	unsigned char bytes[LENGTH_MAX], needle[LENGTH_MAX];

	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned int alphabet = 1 + any(3);
		size_t length = any(LENGTH_MAX), needle_bytes = any(any(2) ? 5 : LENGTH_MAX);
		size_t step = 1 + any(2), found = 0;
		int64_t offset = (int64_t)any(LENGTH_MAX * 4) - LENGTH_MAX * 2, expected;
		bool last = any(2);
		unsigned char *hay, *wanted;

		scatter(bytes, length, alphabet);
		scatter(needle, needle_bytes, alphabet);
		if (any(2) && needle_bytes < length)
			memcpy(needle, bytes + any((unsigned int)(length - needle_bytes)),
			       needle_bytes);
		hay = exact(bytes, length);
		wanted = exact(needle, needle_bytes);
		expected = find_naively(hay, length, wanted, needle_bytes, step, offset, last);
		if (!bytes_find(hay, length, wanted, needle_bytes, step, offset, last, &found))
			ck_assert_msg(expected == -1, "round %u of seed %u: not found, is at %d",
				      round, SEED, (int)expected);
		else
			ck_assert_msg((int64_t)found == expected,
				      "round %u of seed %u: found at %zu, is at %d", round, SEED,
				      found, (int)expected);
		free(hay);
		free(wanted);
	}
}
END_TEST

START_TEST(a_search_at_the_ends_of_the_numbers_is_none)
{
	size_t found = 99;

	ck_assert(!bytes_find("abc", 3, "a", 1, 1, INT64_MAX, false, &found));
	ck_assert(!bytes_find("abc", 3, "a", 1, 1, INT64_MIN, true, &found));
	ck_assert(!bytes_find("abc", 3, "abcd", 4, 1, 0, false, &found));
	ck_assert(!bytes_find(NULL, 0, "a", 1, 1, 0, true, &found));
	ck_assert_uint_eq(found, 99);
	ck_assert(bytes_find("abc", 3, "a", 1, 1, INT64_MIN, false, &found));
	ck_assert_uint_eq(found, 0);
	ck_assert(bytes_find("abca", 4, "a", 1, 1, INT64_MAX, true, &found));
	ck_assert_uint_eq(found, 3);
	ck_assert(bytes_find(NULL, 0, NULL, 0, 1, 5, true, &found));
	ck_assert_uint_eq(found, 0);
}
END_TEST

START_TEST(utf16_is_found_on_even_places_only)
{
	size_t found;

	ck_assert(bytes_find("xa\0a\0", 5, "a\0", 2, 1, 0, false, &found));
	ck_assert_uint_eq(found, 1);
	ck_assert(!bytes_find("xa\0a\0", 5, "a\0", 2, 2, 0, false, &found));
	ck_assert(bytes_find("a\0a\0x", 5, "a\0", 2, 2, 5, true, &found));
	ck_assert_uint_eq(found, 2);
}
END_TEST

#define SLOW_BYTES ((size_t)1 << 22)
#define SLOW_NEEDLE_BYTES ((size_t)1 << 20)
#define SLOW_KINDS 4

/* Bytes among which every place nearly matches, in one way or another. */
static void make_slow(int kind, unsigned char *bytes, unsigned char *needle)
{
	size_t at;

	memset(bytes, 0, SLOW_BYTES);
	memset(needle, 0, SLOW_NEEDLE_BYTES);
	if (kind == 0)
		needle[SLOW_NEEDLE_BYTES / 2] = 1;
	else if (kind == 1)
		needle[0] = 1;
	else if (kind == 2)
		needle[SLOW_NEEDLE_BYTES - 2] = 1;
	else
		for (at = 0; at < SLOW_BYTES; at += SLOW_NEEDLE_BYTES - 2)
			bytes[at] = 1;
}

/*
 * Trying each place would take 2^41 comparisons. A linear search needs milliseconds, so that a
 * busy machine is no reason to fail.
 */
START_TEST(bytes_chosen_to_be_slow_are_not)
{
	unsigned char *bytes = malloc(SLOW_BYTES), *needle = malloc(SLOW_NEEDLE_BYTES);
	size_t step = (size_t)_i % 2 + 1, found;
	bool last = _i / 2 % 2;
	struct timespec start, end;

	make_slow(_i / 4, bytes, needle);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
	ck_assert(!bytes_find(bytes, SLOW_BYTES, needle, SLOW_NEEDLE_BYTES, step,
			      last ? INT64_MAX : 0, last, &found));
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
	ck_assert_int_lt(end.tv_sec - start.tv_sec, 3);
	free(bytes);
	free(needle);
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("bytes");
	TCase *tcase = tcase_create("bytes");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, a_pattern_is_repeated_and_cut, 0, 10);
	tcase_add_test(tcase, a_pattern_longer_than_the_target_is_cut);
	tcase_add_test(tcase, the_first_difference_decides_and_then_the_length);
	tcase_add_test(tcase, elements_are_reversed);
	tcase_add_test(tcase, a_length_that_is_no_multiple_of_the_width_changes_nothing);
	tcase_add_loop_test(tcase, positions_count_from_both_ends_and_are_clamped, 0,
			    COUNT(ranges));
	tcase_add_loop_test(tcase, a_copy_is_what_both_sides_hold, 0, COUNT(copies));
	tcase_add_test(tcase, what_is_found_is_what_trying_every_place_finds);
	tcase_add_test(tcase, a_search_at_the_ends_of_the_numbers_is_none);
	tcase_add_test(tcase, utf16_is_found_on_even_places_only);
	tcase_add_loop_test(tcase, bytes_chosen_to_be_slow_are_not, 0, 4 * SLOW_KINDS);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
