/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/retention.h"

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Five files of ten bytes, one each second from 1 on, in no order. */
static void make_five(struct retention_entry *entries)
{
	static const int64_t seconds[] = { 3, 1, 5, 2, 4 };

	for (size_t i = 0; i < 5; i++)
		entries[i] = (struct retention_entry){ seconds[i] * 1000000, 10, 0 };
}

static size_t choose(struct retention_rules rules, uint64_t free_bytes)
{
	const struct retention_present present = { 6000000, free_bytes };
	struct retention_entry entries[5];

	make_five(entries);
	return retention_choose(&rules, &present, entries, 5);
}

START_TEST(without_rules_nothing_goes)
{
	ck_assert_uint_eq(choose((struct retention_rules){ 0 }, 0), 0);
}
END_TEST

START_TEST(entries_are_sorted_oldest_first)
{
	const struct retention_rules none = { 0 };
	const struct retention_present present = { 0 };
	struct retention_entry entries[5];

	make_five(entries);
	entries[2].time_usec = 3000000;
	entries[2].order = 1;
	(void)retention_choose(&none, &present, entries, 5);
	ck_assert_int_eq(entries[0].time_usec, 1000000);
	ck_assert_int_eq(entries[1].time_usec, 2000000);
	ck_assert_uint_eq(entries[2].order, 0);
	ck_assert_uint_eq(entries[3].order, 1);
	ck_assert_int_eq(entries[4].time_usec, 4000000);
}
END_TEST

START_TEST(the_last_few_are_kept)
{
	ck_assert_uint_eq(choose((struct retention_rules){ .keep_last = 6 }, 0), 0);
	ck_assert_uint_eq(choose((struct retention_rules){ .keep_last = 5 }, 0), 0);
	ck_assert_uint_eq(choose((struct retention_rules){ .keep_last = 2 }, 0), 3);
}
END_TEST

START_TEST(those_past_their_age_go)
{
	ck_assert_uint_eq(choose((struct retention_rules){ .keep_usec = 5000000 }, 0), 0);
	ck_assert_uint_eq(choose((struct retention_rules){ .keep_usec = 4999999 }, 0), 1);
	ck_assert_uint_eq(choose((struct retention_rules){ .keep_usec = 2000000 }, 0), 3);
}
END_TEST

START_TEST(all_together_are_held_to_a_size)
{
	ck_assert_uint_eq(choose((struct retention_rules){ .maximum_bytes = 50 }, 0), 0);
	ck_assert_uint_eq(choose((struct retention_rules){ .maximum_bytes = 49 }, 0), 1);
	ck_assert_uint_eq(choose((struct retention_rules){ .maximum_bytes = 20 }, 0), 3);
}
END_TEST

START_TEST(files_go_until_enough_is_free)
{
	ck_assert_uint_eq(choose((struct retention_rules){ .minimum_free_bytes = 100 }, 100), 0);
	ck_assert_uint_eq(choose((struct retention_rules){ .minimum_free_bytes = 100 }, 99), 1);
	ck_assert_uint_eq(choose((struct retention_rules){ .minimum_free_bytes = 100 }, 79), 3);
}
END_TEST

START_TEST(the_newest_stays_whatever_the_rules_say)
{
	const struct retention_rules strict = {
		.keep_last = 1,
		.keep_usec = 1,
		.maximum_bytes = 1,
		.minimum_free_bytes = UINT64_MAX,
	};
	const struct retention_present present = { 10, 0 };
	struct retention_entry one = { 0, 10, 0 };

	ck_assert_uint_eq(choose(strict, 0), 4);
	ck_assert_uint_eq(retention_choose(&strict, &present, &one, 1), 0);
	ck_assert_uint_eq(retention_choose(&strict, &present, &one, 0), 0);
}
END_TEST

START_TEST(the_rule_that_takes_most_decides)
{
	ck_assert_uint_eq(
		choose((struct retention_rules){ .keep_last = 4, .maximum_bytes = 25 }, 0), 3);
	ck_assert_uint_eq(
		choose((struct retention_rules){ .keep_last = 1, .maximum_bytes = 25 }, 0), 4);
}
END_TEST

START_TEST(a_time_in_the_future_is_not_old)
{
	const struct retention_rules rules = { .keep_usec = 1 };
	const struct retention_present present = { 0, 0 };
	struct retention_entry entries[] = { { INT64_MAX, 1, 0 }, { INT64_MAX, 1, 1 } };
	struct retention_entry old[] = { { INT64_MIN, 1, 0 }, { INT64_MAX, 1, 1 } };

	ck_assert_uint_eq(retention_choose(&rules, &present, entries, 2), 0);
	ck_assert_uint_eq(retention_choose(&rules, &present, old, 2), 1);
}
END_TEST

START_TEST(sizes_beyond_counting_do_not_wrap)
{
	const struct retention_rules rules = { .maximum_bytes = 100 };
	const struct retention_present present = { 0, 0 };
	struct retention_entry entries[] = { { 0, UINT64_MAX, 0 },
					     { 1, UINT64_MAX, 0 },
					     { 2, 9, 0 } };

	ck_assert_uint_eq(retention_choose(&rules, &present, entries, 3), 2);
}
END_TEST

/* The same question answered without any cleverness: one file after the other, all rules. */
static size_t model(const struct retention_rules *rules, const struct retention_present *present,
		    const struct retention_entry *sorted, size_t count)
{
	uint64_t free_bytes = present->free_bytes;
	size_t first = 0;

	while (first + 1 < count) {
		uint64_t sum = 0;
		bool goes;

		for (size_t i = first; i < count; i++)
			sum += sorted[i].bytes;
		goes = (rules->keep_last && count - first > rules->keep_last) ||
		       (rules->keep_usec &&
			present->now_usec - sorted[first].time_usec > (int64_t)rules->keep_usec) ||
		       (rules->maximum_bytes && sum > rules->maximum_bytes) ||
		       free_bytes < rules->minimum_free_bytes;
		if (!goes)
			break;
		free_bytes += sorted[first++].bytes;
	}
	return first;
}

START_TEST(it_agrees_with_a_naive_model)
{
	struct retention_entry entries[12];

	srandom(7);
	for (int round = 0; round < 20000; round++) {
		size_t count = (size_t)(random() % 12);
		const struct retention_rules rules = {
			.keep_last = (uint64_t)(random() % 4 ? 0 : random() % 8),
			.keep_usec = (uint64_t)(random() % 4 ? 0 : random() % 40),
			.maximum_bytes = (uint64_t)(random() % 4 ? 0 : random() % 60),
			.minimum_free_bytes = (uint64_t)(random() % 4 ? 0 : random() % 60),
		};
		const struct retention_present present = { random() % 50,
							   (uint64_t)(random() % 40) };
		size_t gone;

		for (size_t i = 0; i < count; i++)
			entries[i] = (struct retention_entry){ random() % 50,
							       (uint64_t)(random() % 12), i };
		gone = retention_choose(&rules, &present, entries, count);
		for (size_t i = 1; i < count; i++)
			ck_assert_int_le(entries[i - 1].time_usec, entries[i].time_usec);
		ck_assert_uint_eq(gone, model(&rules, &present, entries, count));
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("retention");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, all);
	tcase_add_test(all, without_rules_nothing_goes);
	tcase_add_test(all, entries_are_sorted_oldest_first);
	tcase_add_test(all, the_last_few_are_kept);
	tcase_add_test(all, those_past_their_age_go);
	tcase_add_test(all, all_together_are_held_to_a_size);
	tcase_add_test(all, files_go_until_enough_is_free);
	tcase_add_test(all, the_newest_stays_whatever_the_rules_say);
	tcase_add_test(all, the_rule_that_takes_most_decides);
	tcase_add_test(all, a_time_in_the_future_is_not_old);
	tcase_add_test(all, sizes_beyond_counting_do_not_wrap);
	tcase_add_test(all, it_agrees_with_a_naive_model);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
