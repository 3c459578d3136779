/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/sync_rule.h"

#include <check.h>
#include <stdlib.h>

#define MIB (UINT64_C(1024) * 1024)

static struct sync_facts facts(uint64_t unsynced_bytes)
{
	return (struct sync_facts){
		.unsynced_bytes = unsynced_bytes,
		.limit_bytes = 16 * MIB,
		.oldest_ns = 1000,
		.now_ns = 1500,
		.interval_ns = 1000,
	};
}

START_TEST(nothing_unsynced_needs_no_sync_even_if_waited_for)
{
	struct sync_facts idle = facts(0);
	uint64_t due_ns;

	idle.waited_for = true;
	ck_assert(!sync_rule_is_due(&idle, &due_ns));
	ck_assert_uint_eq(due_ns, UINT64_MAX);
}
END_TEST

START_TEST(one_byte_waited_for_is_synced_at_once)
{
	struct sync_facts waited = facts(1);
	uint64_t due_ns;

	waited.waited_for = true;
	ck_assert(sync_rule_is_due(&waited, &due_ns));
}
END_TEST

START_TEST(limit_is_reached_exactly)
{
	struct sync_facts below = facts(16 * MIB - 1), at = facts(16 * MIB);
	uint64_t due_ns;

	ck_assert(!sync_rule_is_due(&below, &due_ns));
	ck_assert(sync_rule_is_due(&at, &due_ns));
}
END_TEST

START_TEST(slow_logger_is_synced_within_the_interval)
{
	struct sync_facts slow = facts(10);
	uint64_t due_ns;

	ck_assert(!sync_rule_is_due(&slow, &due_ns));
	ck_assert_uint_eq(due_ns, 2000);
	slow.now_ns = due_ns;
	ck_assert(sync_rule_is_due(&slow, &due_ns));
}
END_TEST

START_TEST(limit_is_a_quarter_of_a_ring_that_holds_bytes_until_synced)
{
	ck_assert_uint_eq(sync_rule_limit(MIB, true), MIB / 4);
	ck_assert_uint_eq(sync_rule_limit(1024 * MIB, true), SYNC_RULE_BYTES_MAX);
	ck_assert_uint_eq(sync_rule_limit(MIB, false), SYNC_RULE_BYTES_MAX);
	ck_assert_uint_eq(sync_rule_limit(0, true), SYNC_RULE_BYTES_MAX);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("sync_rule");
	TCase *tcase = tcase_create("sync_rule");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, nothing_unsynced_needs_no_sync_even_if_waited_for);
	tcase_add_test(tcase, one_byte_waited_for_is_synced_at_once);
	tcase_add_test(tcase, limit_is_reached_exactly);
	tcase_add_test(tcase, slow_logger_is_synced_within_the_interval);
	tcase_add_test(tcase, limit_is_a_quarter_of_a_ring_that_holds_bytes_until_synced);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
