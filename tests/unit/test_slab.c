/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include <check.h>

#include "daemon/core/slab.h"

#define BYTES 8192

static struct slab slab_memory[4];
static unsigned int slabs_made;

static void begin(void)
{
	slabs_made = 0;
}

/* As a pool does: a place where the rules say, and a reference for it. */
static struct slab *put(struct slabs *slabs, uint64_t guess, uint64_t bytes, uint64_t *ret_offset)
{
	enum slab_place place = slabs_choose(slabs, guess);

	ck_assert_int_ne(place, SLAB_PLACE_OWN);
	if (place == SLAB_PLACE_NEW) {
		ck_assert_uint_lt(slabs_made, 4);
		slabs_begin(slabs, &slab_memory[slabs_made++]);
	}
	*ret_offset = slabs_take(slabs, bytes);
	slab_hold(slabs->current);
	return slabs->current;
}

static uint64_t put_at(struct slabs *slabs, struct slab *expected, uint64_t bytes)
{
	uint64_t offset;

	ck_assert_ptr_eq(put(slabs, bytes, bytes, &offset), expected);
	return offset;
}

START_TEST(sizes_1_to_4095_share_and_no_others)
{
	struct slabs slabs = { .slab_bytes = BYTES };

	for (uint64_t bytes = 0; bytes <= 10000; bytes++)
		ck_assert_int_eq(slabs_choose(&slabs, bytes),
				 bytes >= 1 && bytes <= 4095 ? SLAB_PLACE_NEW : SLAB_PLACE_OWN);
	ck_assert_int_eq(slabs_choose(&slabs, UINT64_MAX), SLAB_PLACE_OWN);
	(void)put_at(&slabs, &slab_memory[0], 1);
	for (uint64_t bytes = 0; bytes <= 10000; bytes++)
		ck_assert_int_eq(slabs_choose(&slabs, bytes),
				 bytes >= 1 && bytes <= 4095 ? SLAB_PLACE_CURRENT : SLAB_PLACE_OWN);
	ck_assert_int_eq(slabs_choose(&slabs, UINT64_MAX), SLAB_PLACE_OWN);
}
END_TEST

START_TEST(places_follow_each_other_at_multiples_of_8)
{
	static const uint64_t sizes[] = { 1, 8, 9, 100, 4095, 16 };
	static const uint64_t offsets[] = { 0, 8, 16, 32, 136, 4232 };
	struct slabs slabs = { .slab_bytes = BYTES };

	for (int i = 0; i < 6; i++)
		ck_assert_uint_eq(put_at(&slabs, &slab_memory[0], sizes[i]), offsets[i]);
}
END_TEST

START_TEST(what_does_not_fit_begins_a_new_slab_and_the_rest_is_left)
{
	struct slabs slabs = { .slab_bytes = BYTES };

	ck_assert_uint_eq(put_at(&slabs, &slab_memory[0], 4000), 0);
	ck_assert_uint_eq(put_at(&slabs, &slab_memory[0], 4000), 4000);
	ck_assert_uint_eq(put_at(&slabs, &slab_memory[1], 193), 0);
	/* Here the old one would have room. */
	ck_assert_uint_eq(put_at(&slabs, &slab_memory[1], 8), 200);
}
END_TEST

START_TEST(a_slab_is_used_to_its_last_byte)
{
	struct slabs slabs = { .slab_bytes = BYTES };

	(void)put_at(&slabs, &slab_memory[0], 4095);
	ck_assert_uint_eq(put_at(&slabs, &slab_memory[0], 4095), 4096);
	ck_assert_int_eq(slabs_choose(&slabs, 1), SLAB_PLACE_NEW);
	slabs_pass_over(&slabs);
	(void)put_at(&slabs, &slab_memory[1], 4088);
	(void)put_at(&slabs, &slab_memory[1], 4088);
	ck_assert_int_eq(slabs_choose(&slabs, 16), SLAB_PLACE_CURRENT);
	ck_assert_int_eq(slabs_choose(&slabs, 17), SLAB_PLACE_NEW);
}
END_TEST

START_TEST(the_guess_chooses_and_the_true_length_is_taken)
{
	struct slabs slabs = { .slab_bytes = BYTES };
	uint64_t offset;

	ck_assert_ptr_eq(put(&slabs, 4000, 1000, &offset), &slab_memory[0]);
	ck_assert_ptr_eq(put(&slabs, 4000, 3200, &offset), &slab_memory[0]);
	ck_assert_uint_eq(offset, 1000);
	ck_assert_ptr_eq(put(&slabs, 4000, 10, &offset), &slab_memory[1]);
	ck_assert_uint_eq(offset, 0);
	/* A text that decodes to nothing has a place of no bytes. */
	ck_assert_ptr_eq(put(&slabs, 4, 0, &offset), &slab_memory[1]);
	ck_assert_uint_eq(offset, 16);
	ck_assert_uint_eq(put_at(&slabs, &slab_memory[1], 4), 16);
}
END_TEST

START_TEST(the_size_may_change_and_the_current_slab_stays)
{
	struct slabs slabs = { .slab_bytes = BYTES };

	(void)put_at(&slabs, &slab_memory[0], 3000);
	slabs.slab_bytes = 1000;
	ck_assert_int_eq(slabs_choose(&slabs, 500), SLAB_PLACE_OWN);
	ck_assert_uint_eq(put_at(&slabs, &slab_memory[0], 499), 3000);
	ck_assert_uint_eq(slab_memory[0].bytes, BYTES);
	slabs_pass_over(&slabs);
	(void)put_at(&slabs, &slab_memory[1], 499);
	ck_assert_uint_eq(slab_memory[1].bytes, 1000);
}
END_TEST

START_TEST(in_a_slab_of_odd_size_nothing_fits_past_the_end)
{
	struct slabs slabs = { .slab_bytes = 1001 };

	(void)put_at(&slabs, &slab_memory[0], 499);
	(void)put_at(&slabs, &slab_memory[0], 496);
	ck_assert_uint_eq(put_at(&slabs, &slab_memory[0], 1), 1000);
	ck_assert_uint_gt(slab_memory[0].used_bytes, slab_memory[0].bytes);
	ck_assert_int_eq(slabs_choose(&slabs, 1), SLAB_PLACE_NEW);
}
END_TEST

START_TEST(with_a_size_of_0_or_1_nothing_shares)
{
	struct slabs slabs = { .slab_bytes = 0 };

	for (slabs.slab_bytes = 0; slabs.slab_bytes <= 1; slabs.slab_bytes++)
		for (uint64_t bytes = 0; bytes < 10; bytes++)
			ck_assert_int_eq(slabs_choose(&slabs, bytes), SLAB_PLACE_OWN);
}
END_TEST

START_TEST(a_slab_comes_back_with_its_last_reference)
{
	struct slabs slabs = { .slab_bytes = BYTES };
	struct slab *slab = &slab_memory[0];

	(void)put_at(&slabs, slab, 10);
	(void)put_at(&slabs, slab, 10);
	slab_hold(slab);
	ck_assert(!slabs_release(&slabs, slab));
	ck_assert(!slabs_release(&slabs, slab));
	ck_assert_ptr_eq(slabs.current, slab);
	ck_assert(slabs_release(&slabs, slab));
	ck_assert_ptr_null(slabs.current);
	/* Its memory may be anything now. */
	(void)put_at(&slabs, &slab_memory[1], 10);
}
END_TEST

START_TEST(an_old_slab_comes_back_and_the_current_one_stays)
{
	struct slabs slabs = { .slab_bytes = BYTES };

	(void)put_at(&slabs, &slab_memory[0], 4000);
	(void)put_at(&slabs, &slab_memory[0], 4000);
	(void)put_at(&slabs, &slab_memory[1], 4000);
	ck_assert(!slabs_release(&slabs, &slab_memory[0]));
	ck_assert(slabs_release(&slabs, &slab_memory[0]));
	ck_assert_ptr_eq(slabs.current, &slab_memory[1]);
}
END_TEST

START_TEST(one_that_is_passed_over_keeps_its_buffers_and_gets_no_more)
{
	struct slabs slabs = { .slab_bytes = BYTES };

	(void)put_at(&slabs, &slab_memory[0], 10);
	slabs_pass_over(&slabs);
	ck_assert_uint_eq(put_at(&slabs, &slab_memory[1], 10), 0);
	ck_assert(slabs_release(&slabs, &slab_memory[0]));
	ck_assert_ptr_eq(slabs.current, &slab_memory[1]);
}
END_TEST

START_TEST(memory_of_its_own_counts_references_too)
{
	struct slabs slabs = { .slab_bytes = BYTES };
	struct slab own = { 0 };

	(void)put_at(&slabs, &slab_memory[0], 10);
	slab_hold(&own);
	slab_hold(&own);
	ck_assert(!slabs_release(&slabs, &own));
	ck_assert(slabs_release(&slabs, &own));
	ck_assert_ptr_eq(slabs.current, &slab_memory[0]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("slab");
	TCase *tests = tcase_create("slab");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, begin, NULL);
	tcase_add_test(tests, sizes_1_to_4095_share_and_no_others);
	tcase_add_test(tests, places_follow_each_other_at_multiples_of_8);
	tcase_add_test(tests, what_does_not_fit_begins_a_new_slab_and_the_rest_is_left);
	tcase_add_test(tests, a_slab_is_used_to_its_last_byte);
	tcase_add_test(tests, the_guess_chooses_and_the_true_length_is_taken);
	tcase_add_test(tests, the_size_may_change_and_the_current_slab_stays);
	tcase_add_test(tests, in_a_slab_of_odd_size_nothing_fits_past_the_end);
	tcase_add_test(tests, with_a_size_of_0_or_1_nothing_shares);
	tcase_add_test(tests, a_slab_comes_back_with_its_last_reference);
	tcase_add_test(tests, an_old_slab_comes_back_and_the_current_one_stays);
	tcase_add_test(tests, one_that_is_passed_over_keeps_its_buffers_and_gets_no_more);
	tcase_add_test(tests, memory_of_its_own_counts_references_too);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
