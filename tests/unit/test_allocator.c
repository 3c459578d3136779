/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include <check.h>

#include "daemon/core/allocator.h"

#define PAGE 4096
#define PAGES 16

static struct allocator allocator;

static void make(void)
{
	ck_assert_int_eq(allocator_init(&allocator, PAGES * PAGE, PAGE), 0);
}

static uint64_t take(uint64_t bytes)
{
	uint64_t offset = UINT64_MAX;

	ck_assert_int_eq(allocator_take(&allocator, bytes, &offset), 0);
	ck_assert_uint_eq(offset % PAGE, 0);
	return offset;
}

START_TEST(a_new_one_is_all_free)
{
	make();
	ck_assert_uint_eq(allocator.free_bytes, PAGES * PAGE);
	ck_assert_uint_eq(allocator_largest_free(&allocator), PAGES * PAGE);
	ck_assert_uint_eq(take(PAGES * PAGE), 0);
	ck_assert_uint_eq(allocator.free_bytes, 0);
	ck_assert_uint_eq(allocator_largest_free(&allocator), 0);
	allocator_fini(&allocator);
}
END_TEST

START_TEST(one_of_no_bytes_is_full)
{
	uint64_t offset = 7;

	ck_assert_int_eq(allocator_init(&allocator, 0, PAGE), 0);
	ck_assert_int_eq(allocator_take(&allocator, 1, &offset), ALLOCATOR_E_FULL);
	ck_assert_uint_eq(offset, 7);
	allocator_fini(&allocator);
}
END_TEST

START_TEST(lengths_are_rounded_up)
{
	make();
	ck_assert_uint_eq(allocator_rounded(&allocator, 1), PAGE);
	ck_assert_uint_eq(allocator_rounded(&allocator, PAGE), PAGE);
	ck_assert_uint_eq(allocator_rounded(&allocator, PAGE + 1), 2 * PAGE);
	ck_assert_uint_eq(allocator_rounded(&allocator, UINT64_MAX), UINT64_MAX);
	(void)take(1);
	ck_assert_uint_eq(allocator.free_bytes, (PAGES - 1) * PAGE);
	allocator_fini(&allocator);
}
END_TEST

START_TEST(what_does_not_fit_takes_nothing)
{
	uint64_t offset = 7;

	make();
	(void)take(PAGE);
	ck_assert_int_eq(allocator_take(&allocator, PAGES * PAGE, &offset), ALLOCATOR_E_FULL);
	ck_assert_int_eq(allocator_take(&allocator, UINT64_MAX, &offset), ALLOCATOR_E_FULL);
	ck_assert_uint_eq(offset, 7);
	ck_assert_uint_eq(allocator.free_bytes, (PAGES - 1) * PAGE);
	allocator_fini(&allocator);
}
END_TEST

/* Two holes, of 3 and of 2 pages: the second one fits best. */
START_TEST(the_shortest_range_that_fits_is_taken)
{
	uint64_t three, two;

	make();
	three = take(3 * PAGE);
	(void)take(PAGE);
	two = take(2 * PAGE);
	(void)take(10 * PAGE);
	allocator_give(&allocator, three, 3 * PAGE);
	allocator_give(&allocator, two, 2 * PAGE);
	ck_assert_uint_eq(allocator_largest_free(&allocator), 3 * PAGE);
	ck_assert_uint_eq(take(2 * PAGE), two);
	ck_assert_uint_eq(take(2 * PAGE), three);
	allocator_fini(&allocator);
}
END_TEST

/* Three neighbours come back in each of the six orders. */
START_TEST(neighbours_are_joined)
{
	static const int orders[6][3] = {
		{ 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 }, { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 },
	};
	uint64_t offsets[3];

	make();
	for (int i = 0; i < 3; i++)
		offsets[i] = take(2 * PAGE);
	(void)take(10 * PAGE);
	for (int i = 0; i < 3; i++)
		allocator_give(&allocator, offsets[orders[_i][i]], 2 * PAGE);
	ck_assert_uint_eq(allocator.free_count, 1);
	ck_assert_uint_eq(allocator_largest_free(&allocator), 6 * PAGE);
	allocator_fini(&allocator);
}
END_TEST

/* Every second page comes back: as many free ranges as there can be. */
START_TEST(a_range_can_always_come_back)
{
	make();
	for (int i = 0; i < PAGES; i++)
		ck_assert_uint_eq(take(PAGE), (uint64_t)i * PAGE);
	for (int i = 0; i < PAGES; i += 2)
		allocator_give(&allocator, (uint64_t)i * PAGE, PAGE);
	ck_assert_uint_eq(allocator.free_count, PAGES / 2);
	ck_assert_uint_eq(allocator_largest_free(&allocator), PAGE);
	for (int i = 1; i < PAGES; i += 2)
		allocator_give(&allocator, (uint64_t)i * PAGE, PAGE);
	ck_assert_uint_eq(allocator.free_count, 1);
	ck_assert_uint_eq(allocator.free_bytes, PAGES * PAGE);
	allocator_fini(&allocator);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("allocator");
	TCase *tests = tcase_create("allocator");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, a_new_one_is_all_free);
	tcase_add_test(tests, one_of_no_bytes_is_full);
	tcase_add_test(tests, lengths_are_rounded_up);
	tcase_add_test(tests, what_does_not_fit_takes_nothing);
	tcase_add_test(tests, the_shortest_range_that_fits_is_taken);
	tcase_add_loop_test(tests, neighbours_are_joined, 0, 6);
	tcase_add_test(tests, a_range_can_always_come_back);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
