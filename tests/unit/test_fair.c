/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/fair.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#define QUANTUM 100

static void add(struct fair *fair, struct fair_member *member, uint32_t key, uint64_t cost)
{
	fair_member_init(member);
	fair_add(fair, member, key, cost);
}

/* Serves what is picked, which wants the same again. */
static struct fair_member *serve(struct fair *fair)
{
	struct fair_member *member = fair_pick(fair);

	ck_assert_ptr_nonnull(member);
	ck_assert_uint_ge(fair_credit(fair), member->cost_bytes);
	fair_spend(fair, member->cost_bytes);
	return member;
}

START_TEST(nobody_is_picked_where_nobody_wants_anything)
{
	struct fair fair;
	struct fair_member member;

	fair_init(&fair, QUANTUM);
	ck_assert_ptr_null(fair_pick(&fair));
	fair_member_init(&member);
	ck_assert(!fair_has(&member));
	fair_remove(&fair, &member);
	ck_assert_uint_eq(fair.count, 0);
}
END_TEST

START_TEST(the_pick_stays_until_it_has_had_something)
{
	struct fair fair;
	struct fair_member members[2];

	fair_init(&fair, QUANTUM);
	add(&fair, &members[0], 1, 60);
	add(&fair, &members[1], 2, 60);
	for (int i = 0; i < 3; i++)
		ck_assert_ptr_eq(fair_pick(&fair), &members[0]);
	ck_assert_uint_eq(fair_credit(&fair), QUANTUM);
	ck_assert_ptr_eq(serve(&fair), &members[0]);
	ck_assert_ptr_eq(fair_pick(&fair), &members[1]);
}
END_TEST

START_TEST(what_is_too_little_is_kept_for_the_next_turn)
{
	struct fair fair;
	struct fair_member members[2];

	/* 60 of 100, then 60 and 60 of 140; the other one has its 100 at once, each time. */
	fair_init(&fair, QUANTUM);
	add(&fair, &members[0], 1, 60);
	add(&fair, &members[1], 2, 100);
	ck_assert_ptr_eq(serve(&fair), &members[0]);
	ck_assert_ptr_eq(serve(&fair), &members[1]);
	ck_assert_ptr_eq(serve(&fair), &members[0]);
	ck_assert_ptr_eq(serve(&fair), &members[0]);
	ck_assert_ptr_eq(serve(&fair), &members[1]);
}
END_TEST

START_TEST(a_user_of_many_streams_gets_no_more_than_one_of_one)
{
	struct fair fair;
	struct fair_member many[20], one;
	int turns_of_one = 0;
	int turns[20] = { 0 };

	fair_init(&fair, QUANTUM);
	for (int i = 0; i < 20; i++)
		add(&fair, &many[i], 1, QUANTUM);
	add(&fair, &one, 2, QUANTUM);
	for (int i = 0; i < 200; i++) {
		struct fair_member *member = serve(&fair);

		if (member == &one)
			turns_of_one++;
		else
			turns[member - many]++;
	}
	ck_assert_int_eq(turns_of_one, 100);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(turns[i], 5);
}
END_TEST

START_TEST(small_requests_have_as_many_bytes_as_large_ones)
{
	struct fair fair;
	struct fair_member large, small;
	uint64_t bytes[2] = { 0 };

	fair_init(&fair, QUANTUM);
	add(&fair, &large, 1, QUANTUM);
	add(&fair, &small, 1, 5);
	for (int i = 0; i < 2100; i++) {
		struct fair_member *member = serve(&fair);

		bytes[member == &small] += member->cost_bytes;
	}
	ck_assert_uint_eq(bytes[0], bytes[1]);
}
END_TEST

START_TEST(a_group_outlives_the_member_it_lives_in)
{
	struct fair fair;
	struct fair_member members[4];

	fair_init(&fair, QUANTUM);
	add(&fair, &members[0], 1, 60);
	add(&fair, &members[1], 2, QUANTUM);
	add(&fair, &members[2], 1, 60);
	add(&fair, &members[3], 1, 40);
	ck_assert_ptr_eq(serve(&fair), &members[0]);
	fair_remove(&fair, &members[0]);
	memset(&members[0], 0xa5, sizeof(members[0]));
	fair_remove(&fair, &members[2]);
	memset(&members[2], 0xa5, sizeof(members[2]));
	/* It stands where it stood, and has 40 left of its turn. */
	ck_assert_ptr_eq(serve(&fair), &members[3]);
	ck_assert_uint_eq(fair_credit(&fair), 0);
	ck_assert_ptr_eq(serve(&fair), &members[1]);
	ck_assert_ptr_eq(serve(&fair), &members[3]);
	ck_assert_uint_eq(fair.count, 2);
	fair_remove(&fair, &members[3]);
	fair_remove(&fair, &members[1]);
	ck_assert_ptr_null(fair_pick(&fair));
}
END_TEST

START_TEST(nothing_is_saved_up_while_away)
{
	struct fair fair;
	struct fair_member coming, staying;

	fair_init(&fair, QUANTUM);
	add(&fair, &coming, 1, 10);
	add(&fair, &staying, 2, QUANTUM);
	ck_assert_ptr_eq(serve(&fair), &coming);
	fair_remove(&fair, &coming);
	fair_add(&fair, &coming, 1, QUANTUM);
	ck_assert_ptr_eq(serve(&fair), &staying);
	ck_assert_ptr_eq(fair_pick(&fair), &coming);
	ck_assert_uint_eq(fair_credit(&fair), QUANTUM);
}
END_TEST

START_TEST(who_passes_lets_the_others_go_first_and_saves_up_little)
{
	struct fair fair;
	struct fair_member members[3];

	fair_init(&fair, QUANTUM);
	add(&fair, &members[0], 1, 10);
	add(&fair, &members[1], 1, 10);
	add(&fair, &members[2], 2, 10);
	ck_assert_ptr_eq(fair_pick(&fair), &members[0]);
	fair_pass(&fair);
	ck_assert_ptr_eq(fair_pick(&fair), &members[2]);
	fair_pass(&fair);
	ck_assert_ptr_eq(fair_pick(&fair), &members[1]);
	for (int i = 0; i < 50; i++) {
		ck_assert_ptr_nonnull(fair_pick(&fair));
		ck_assert_uint_le(fair_credit(&fair), 2 * QUANTUM);
		fair_pass(&fair);
	}
}
END_TEST

START_TEST(a_cost_above_the_quantum_counts_as_one)
{
	struct fair fair;
	struct fair_member members[2];

	fair_init(&fair, QUANTUM);
	add(&fair, &members[0], 1, UINT64_MAX);
	ck_assert_ptr_eq(fair_pick(&fair), &members[0]);
	ck_assert_uint_eq(members[0].cost_bytes, QUANTUM);
	fair_spend(&fair, QUANTUM);
	fair_ask(&fair, &members[0], QUANTUM + 1);
	ck_assert_ptr_eq(serve(&fair), &members[0]);
	ck_assert_uint_eq(fair_credit(&fair), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fair");
	TCase *tcase = tcase_create("fair");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, nobody_is_picked_where_nobody_wants_anything);
	tcase_add_test(tcase, the_pick_stays_until_it_has_had_something);
	tcase_add_test(tcase, what_is_too_little_is_kept_for_the_next_turn);
	tcase_add_test(tcase, a_user_of_many_streams_gets_no_more_than_one_of_one);
	tcase_add_test(tcase, small_requests_have_as_many_bytes_as_large_ones);
	tcase_add_test(tcase, a_group_outlives_the_member_it_lives_in);
	tcase_add_test(tcase, nothing_is_saved_up_while_away);
	tcase_add_test(tcase, who_passes_lets_the_others_go_first_and_saves_up_little);
	tcase_add_test(tcase, a_cost_above_the_quantum_counts_as_one);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
