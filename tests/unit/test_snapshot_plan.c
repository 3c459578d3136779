/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/snapshot_plan.h"

#include <check.h>
#include <stdlib.h>

#define BLOCKS 8
#define MS UINT64_C(1000000)

static struct snapshot_plan plan;

static void setup(void)
{
	ck_assert_int_eq(snapshot_plan_init(&plan, BLOCKS), 0);
}

static void teardown(void)
{
	snapshot_plan_fini(&plan);
}

/* How many blocks a pass had, with a bit for each. */
static unsigned int copy_all(uint64_t most)
{
	unsigned int blocks = 0;
	uint64_t first, count;

	while (snapshot_plan_next(&plan, most, &first, &count)) {
		ck_assert_uint_ge(count, 1);
		ck_assert_uint_le(count, most);
		ck_assert_uint_le(first + count, BLOCKS);
		for (uint64_t i = first; i < first + count; i++) {
			ck_assert_uint_eq(blocks >> i, 0);
			blocks |= 1u << i;
		}
	}
	return blocks;
}

/* The first pass, into which somebody writes. */
static void pass_in_vain(uint64_t version)
{
	ck_assert_int_eq(snapshot_plan_look(&plan, version, version), 0);
	ck_assert_uint_eq(copy_all(BLOCKS), 0xff);
	ck_assert_int_eq(snapshot_plan_end(&plan, version + 1), SNAPSHOT_E_MOVED);
}

START_TEST(memory_that_nobody_writes_to_takes_one_pass)
{
	ck_assert_int_eq(snapshot_plan_look(&plan, 6, 6), 0);
	ck_assert_uint_eq(copy_all(3), 0xff);
	ck_assert_int_eq(snapshot_plan_end(&plan, 6), 0);
	ck_assert_uint_eq(plan.version, 6);
}
END_TEST

START_TEST(nothing_is_copied_after_a_look_during_an_update)
{
	ck_assert_int_eq(snapshot_plan_look(&plan, 7, 7), SNAPSHOT_E_ODD);
	ck_assert_int_eq(snapshot_plan_look(&plan, 7, 8), SNAPSHOT_E_ODD);
}
END_TEST

START_TEST(nothing_is_copied_after_a_look_into_which_somebody_wrote)
{
	ck_assert_int_eq(snapshot_plan_look(&plan, 6, 7), SNAPSHOT_E_MOVED);
	ck_assert_int_eq(snapshot_plan_look(&plan, 6, 8), SNAPSHOT_E_MOVED);
	ck_assert_int_eq(snapshot_plan_look(&plan, 8, 6), SNAPSHOT_E_MOVED);
}
END_TEST

START_TEST(only_what_has_moved_is_copied_again)
{
	pass_in_vain(2);
	plan.words[1] = 1;
	plan.words[5] = 2;
	plan.words[6] = 1;
	ck_assert_int_eq(snapshot_plan_look(&plan, 4, 4), 0);
	ck_assert_uint_eq(copy_all(BLOCKS), 0x62);
	ck_assert_int_eq(snapshot_plan_end(&plan, 5), SNAPSHOT_E_MOVED);
	plan.words[7] = 1;
	ck_assert_int_eq(snapshot_plan_look(&plan, 6, 6), 0);
	ck_assert_uint_eq(copy_all(BLOCKS), 0x80);
	ck_assert_int_eq(snapshot_plan_end(&plan, 6), 0);
	ck_assert_uint_eq(plan.version, 6);
}
END_TEST

START_TEST(neighbours_are_copied_in_one_piece)
{
	uint64_t first, count;

	pass_in_vain(2);
	plan.words[2] = plan.words[3] = plan.words[4] = 9;
	ck_assert_int_eq(snapshot_plan_look(&plan, 4, 4), 0);
	ck_assert(snapshot_plan_next(&plan, 2, &first, &count));
	ck_assert_uint_eq(first, 2);
	ck_assert_uint_eq(count, 2);
	ck_assert(snapshot_plan_next(&plan, 2, &first, &count));
	ck_assert_uint_eq(first, 4);
	ck_assert_uint_eq(count, 1);
	ck_assert(!snapshot_plan_next(&plan, 2, &first, &count));
}
END_TEST

/* An update moves the words first: one that is read in it may be followed by old bytes. */
START_TEST(words_that_were_read_during_an_update_are_forgotten)
{
	pass_in_vain(2);
	plan.words[3] = 1;
	ck_assert_int_eq(snapshot_plan_look(&plan, 3, 3), SNAPSHOT_E_ODD);
	ck_assert_int_eq(snapshot_plan_look(&plan, 2, 3), SNAPSHOT_E_MOVED);
	ck_assert_int_eq(snapshot_plan_look(&plan, 4, 4), 0);
	ck_assert_uint_eq(copy_all(BLOCKS), 0x08);
	ck_assert_int_eq(snapshot_plan_end(&plan, 4), 0);
}
END_TEST

START_TEST(where_nothing_has_moved_the_copy_is_the_version_of_the_look)
{
	pass_in_vain(2);
	ck_assert_int_eq(snapshot_plan_look(&plan, 4, 4), 0);
	ck_assert_uint_eq(copy_all(BLOCKS), 0);
	ck_assert_int_eq(snapshot_plan_end(&plan, 5), 0);
	ck_assert_uint_eq(plan.version, 4);
}
END_TEST

/* A block may hold bytes of another buffer too, whose writer moves its word. */
START_TEST(words_that_others_move_do_not_hold_up_the_end)
{
	pass_in_vain(2);
	for (uint64_t i = 1; i < 4; i++) {
		plan.words[0] = i;
		ck_assert_int_eq(snapshot_plan_look(&plan, 4, 4), 0);
		ck_assert_uint_eq(copy_all(BLOCKS), 0x01);
		ck_assert_int_eq(snapshot_plan_end(&plan, 4), 0);
	}
}
END_TEST

START_TEST(a_version_that_goes_back_has_moved)
{
	ck_assert_int_eq(snapshot_plan_look(&plan, 6, 6), 0);
	ck_assert_uint_eq(copy_all(BLOCKS), 0xff);
	ck_assert_int_eq(snapshot_plan_end(&plan, 4), SNAPSHOT_E_MOVED);
}
END_TEST

START_TEST(no_blocks_are_whole_at_an_even_version)
{
	struct snapshot_plan none;
	uint64_t first, count;

	ck_assert_int_eq(snapshot_plan_init(&none, 0), 0);
	ck_assert_int_eq(snapshot_plan_look(&none, 1, 1), SNAPSHOT_E_ODD);
	ck_assert_int_eq(snapshot_plan_look(&none, 2, 2), 0);
	ck_assert(!snapshot_plan_next(&none, 1, &first, &count));
	ck_assert_int_eq(snapshot_plan_end(&none, 3), 0);
	snapshot_plan_fini(&none);
}
END_TEST

START_TEST(the_rest_is_as_long_as_the_try_within_bounds)
{
	pass_in_vain(2);
	ck_assert_uint_eq(snapshot_plan_rest_ns(&plan, 20 * MS), 20 * MS);
	ck_assert_uint_eq(snapshot_plan_rest_ns(&plan, 10), MS);
	ck_assert_uint_eq(snapshot_plan_rest_ns(&plan, 1000 * MS), 64 * MS);
	ck_assert_uint_eq(snapshot_plan_rest_ns(&plan, 5 * MS), 5 * MS);
}
END_TEST

START_TEST(the_rest_grows_while_one_update_just_goes_on)
{
	ck_assert_int_eq(snapshot_plan_look(&plan, 3, 3), SNAPSHOT_E_ODD);
	for (uint64_t rest = 1; rest <= 64; rest *= 2)
		ck_assert_uint_eq(snapshot_plan_rest_ns(&plan, MS), rest * MS);
	ck_assert_uint_eq(snapshot_plan_rest_ns(&plan, MS), 64 * MS);
	ck_assert_int_eq(snapshot_plan_look(&plan, 5, 5), SNAPSHOT_E_ODD);
	ck_assert_uint_eq(snapshot_plan_rest_ns(&plan, MS), MS);
	ck_assert_int_eq(snapshot_plan_look(&plan, 6, 7), SNAPSHOT_E_MOVED);
	ck_assert_uint_eq(snapshot_plan_rest_ns(&plan, MS), MS);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("snapshot_plan");
	TCase *all = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, memory_that_nobody_writes_to_takes_one_pass);
	tcase_add_test(all, nothing_is_copied_after_a_look_during_an_update);
	tcase_add_test(all, nothing_is_copied_after_a_look_into_which_somebody_wrote);
	tcase_add_test(all, only_what_has_moved_is_copied_again);
	tcase_add_test(all, neighbours_are_copied_in_one_piece);
	tcase_add_test(all, words_that_were_read_during_an_update_are_forgotten);
	tcase_add_test(all, where_nothing_has_moved_the_copy_is_the_version_of_the_look);
	tcase_add_test(all, words_that_others_move_do_not_hold_up_the_end);
	tcase_add_test(all, a_version_that_goes_back_has_moved);
	tcase_add_test(all, no_blocks_are_whole_at_an_even_version);
	tcase_add_test(all, the_rest_is_as_long_as_the_try_within_bounds);
	tcase_add_test(all, the_rest_grows_while_one_update_just_goes_on);
	suite_add_tcase(suite, all);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
