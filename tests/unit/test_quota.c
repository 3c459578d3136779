/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include <check.h>

#include "daemon/core/quota.h"

static struct quota quota;
static struct quota_limits limits;

START_TEST(a_limit_may_be_reached_but_not_passed)
{
	quota = (struct quota){ 0 };
	limits.maximum[QUOTA_BUFFERS] = 3;
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_BUFFERS, 2), 0);
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_BUFFERS, 2), QUOTA_E_EXCEEDED);
	ck_assert_uint_eq(quota.used[QUOTA_BUFFERS], 2);
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_BUFFERS, 1), 0);
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_BUFFERS, 0), 0);
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_BUFFERS, 1), QUOTA_E_EXCEEDED);
}
END_TEST

START_TEST(what_is_given_back_can_be_taken_again)
{
	quota = (struct quota){ 0 };
	limits.maximum[QUOTA_STREAMS] = 1;
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_STREAMS, 1), 0);
	quota_give(&quota, QUOTA_STREAMS, 1);
	ck_assert_uint_eq(quota.used[QUOTA_STREAMS], 0);
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_STREAMS, 1), 0);
}
END_TEST

/* The sum would not fit 64 bits. */
START_TEST(a_huge_amount_does_not_wrap_round)
{
	quota = (struct quota){ 0 };
	limits.maximum[QUOTA_POOL_BYTES] = UINT64_MAX - 1;
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_POOL_BYTES, 10), 0);
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_POOL_BYTES, UINT64_MAX - 5),
			 QUOTA_E_EXCEEDED);
	ck_assert_uint_eq(quota.used[QUOTA_POOL_BYTES], 10);
}
END_TEST

START_TEST(a_limit_lowered_below_what_is_held_refuses_more)
{
	quota = (struct quota){ .used[QUOTA_JOBS] = 5 };
	limits.maximum[QUOTA_JOBS] = 2;
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_JOBS, 1), QUOTA_E_EXCEEDED);
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_JOBS, 0), QUOTA_E_EXCEEDED);
	quota_give(&quota, QUOTA_JOBS, 4);
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_JOBS, 1), 0);
}
END_TEST

START_TEST(kinds_are_counted_apart_and_named_as_on_the_wire)
{
	quota = (struct quota){ 0 };
	limits.maximum[QUOTA_RING_BYTES] = 1;
	limits.maximum[QUOTA_STAGING_BYTES] = 1;
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_RING_BYTES, 1), 0);
	ck_assert_int_eq(quota_take(&quota, &limits, QUOTA_STAGING_BYTES, 1), 0);
	ck_assert_str_eq(quota_name(QUOTA_RING_BYTES), "ringBytes");
	ck_assert_str_eq(quota_name(QUOTA_DESCRIPTORS_IN_FLIGHT), "descriptorsInFlight");
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("quota");
	TCase *tests = tcase_create("quota");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, a_limit_may_be_reached_but_not_passed);
	tcase_add_test(tests, what_is_given_back_can_be_taken_again);
	tcase_add_test(tests, a_huge_amount_does_not_wrap_round);
	tcase_add_test(tests, a_limit_lowered_below_what_is_held_refuses_more);
	tcase_add_test(tests, kinds_are_counted_apart_and_named_as_on_the_wire);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
