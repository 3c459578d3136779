/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/ring_view.h"

#include <check.h>
#include <stdlib.h>

#define RING 65536

START_TEST(head_may_stand_still_or_fill_the_ring)
{
	ck_assert(ring_view_head_is_good(100, 100, 50, RING));
	ck_assert(ring_view_head_is_good(50 + RING, 100, 50, RING));
	ck_assert(ring_view_head_is_good(0, 0, 0, RING));
}
END_TEST

START_TEST(head_past_the_ring_is_refused)
{
	ck_assert(!ring_view_head_is_good(50 + RING + 1, 100, 50, RING));
	ck_assert(!ring_view_head_is_good(UINT64_MAX, 100, 50, RING));
}
END_TEST

START_TEST(head_that_moves_back_is_refused)
{
	ck_assert(!ring_view_head_is_good(99, 100, 50, RING));
	ck_assert(!ring_view_head_is_good(0, 100, 50, RING));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("ring_view");
	TCase *tcase = tcase_create("ring_view");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, head_may_stand_still_or_fill_the_ring);
	tcase_add_test(tcase, head_past_the_ring_is_refused);
	tcase_add_test(tcase, head_that_moves_back_is_refused);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
