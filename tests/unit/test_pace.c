/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/pace.h"

#include <check.h>
#include <stdlib.h>

#define SECOND UINT64_C(1000000000)
#define MIB (UINT64_C(1024) * 1024)

/* Sends pieces of `piece` bytes as early as the pace allows, for `seconds`; returns bytes. */
static uint64_t send_for(struct pace *pace, uint64_t piece, uint64_t from_ns, uint64_t seconds)
{
	uint64_t now_ns = from_ns, sent = 0;

	while (now_ns < from_ns + seconds * SECOND) {
		uint64_t next_ns = pace_next_ns(pace, now_ns);

		if (next_ns == 0) {
			pace_spend(pace, piece);
			sent += piece;
		} else {
			ck_assert_uint_gt(next_ns, now_ns);
			now_ns = next_ns;
		}
	}
	return sent;
}

START_TEST(no_rate_never_waits)
{
	struct pace pace;

	pace_init(&pace, 0, 5);
	pace_spend(&pace, 100 * MIB);
	ck_assert_uint_eq(pace_next_ns(&pace, 5), 0);
	ck_assert_uint_eq(pace_step_bytes(&pace, MIB), MIB);
}
END_TEST

START_TEST(rate_is_kept_over_time)
{
	struct pace pace;
	uint64_t sent;

	pace_init(&pace, 10 * MIB, SECOND);
	sent = send_for(&pace, 64 * 1024, SECOND, 20);
	ck_assert_uint_ge(sent, 199 * MIB);
	ck_assert_uint_le(sent, 202 * MIB);
}
END_TEST

START_TEST(pause_is_not_made_up_by_a_burst)
{
	struct pace pace;
	uint64_t sent;

	pace_init(&pace, 10 * MIB, SECOND);
	sent = send_for(&pace, 4096, 100 * SECOND, 1);
	ck_assert_uint_le(sent, 10 * MIB + 10 * MIB / 10 + 2 * 4096);
}
END_TEST

START_TEST(large_piece_goes_whole_and_is_paid_for_later)
{
	struct pace pace;

	pace_init(&pace, MIB, SECOND);
	ck_assert_uint_eq(pace_next_ns(&pace, SECOND), 0);
	pace_spend(&pace, 10 * MIB);
	ck_assert_uint_gt(pace_next_ns(&pace, SECOND), 10 * SECOND);
	ck_assert_uint_eq(pace_next_ns(&pace, 12 * SECOND), 0);
}
END_TEST

START_TEST(new_rate_holds_at_once)
{
	struct pace pace;

	pace_init(&pace, 1024, SECOND);
	pace_spend(&pace, 1024 * 1024);
	pace_set_rate(&pace, 100 * MIB, SECOND);
	ck_assert_uint_le(pace_next_ns(&pace, SECOND), SECOND + SECOND / 50);
	pace_set_rate(&pace, 0, SECOND);
	ck_assert_uint_eq(pace_next_ns(&pace, SECOND), 0);
}
END_TEST

START_TEST(step_is_a_tenth_of_a_second_within_bounds)
{
	struct pace pace;

	pace_init(&pace, MIB, SECOND);
	ck_assert_uint_eq(pace_step_bytes(&pace, 8 * MIB), MIB / 10);
	pace_set_rate(&pace, 100, SECOND);
	ck_assert_uint_eq(pace_step_bytes(&pace, 8 * MIB), 4096);
	pace_set_rate(&pace, 1000 * MIB, SECOND);
	ck_assert_uint_eq(pace_step_bytes(&pace, MIB), MIB);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pace");
	TCase *tcase = tcase_create("pace");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, no_rate_never_waits);
	tcase_add_test(tcase, rate_is_kept_over_time);
	tcase_add_test(tcase, pause_is_not_made_up_by_a_burst);
	tcase_add_test(tcase, large_piece_goes_whole_and_is_paid_for_later);
	tcase_add_test(tcase, new_rate_holds_at_once);
	tcase_add_test(tcase, step_is_a_tenth_of_a_second_within_bounds);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
