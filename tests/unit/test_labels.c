/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>
#include <stdlib.h>

#include <check.h>

#include "daemon/core/labels.h"

START_TEST(texts_are_copied)
{
	struct labels labels;
	char name[] = "who", value[] = "me";

	labels_init(&labels);
	ck_assert_int_eq(labels_add(&labels, name, value), 0);
	name[0] = 'X';
	value[0] = 'X';
	ck_assert_uint_eq(labels.count, 1);
	ck_assert_str_eq(labels.items[0].name, "who");
	ck_assert_str_eq(labels.items[0].value, "me");
	labels_fini(&labels);
	ck_assert_uint_eq(labels.count, 0);
}
END_TEST

START_TEST(there_is_room_for_so_many_and_no_more)
{
	struct labels labels;
	char name[16];

	labels_init(&labels);
	for (int i = 0; i < LABELS_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		ck_assert_int_eq(labels_add(&labels, name, ""), 0);
	}
	ck_assert_int_eq(labels_add(&labels, "more", ""), LABELS_E_FULL);
	ck_assert_uint_eq(labels.count, LABELS_MAX);
	ck_assert_str_eq(labels.items[LABELS_MAX - 1].name, "n63");
	labels_fini(&labels);
}
END_TEST

START_TEST(moving_leaves_nothing_behind)
{
	struct labels from, to;

	labels_init(&from);
	labels_init(&to);
	ck_assert_int_eq(labels_add(&from, "a", "b"), 0);
	labels_move(&to, &from);
	ck_assert_uint_eq(from.count, 0);
	ck_assert_ptr_null(from.items);
	ck_assert_uint_eq(to.count, 1);
	ck_assert_str_eq(to.items[0].value, "b");
	labels_fini(&from);
	labels_fini(&to);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("labels");
	TCase *tests = tcase_create("labels");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, texts_are_copied);
	tcase_add_test(tests, there_is_room_for_so_many_and_no_more);
	tcase_add_test(tests, moving_leaves_nothing_behind);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
