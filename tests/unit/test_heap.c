/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>

#include <check.h>

#include "daemon/core/heap.h"

#define NODES 500

static struct heap heap;
static struct heap_node nodes[NODES];

static void setup(void)
{
	heap_init(&heap);
	ck_assert_int_eq(heap_reserve(&heap, NODES), 0);
	for (int i = 0; i < NODES; i++)
		nodes[i] = (struct heap_node){ .key = 0 };
}

static void teardown(void)
{
	heap_fini(&heap);
}

static int take_first(void)
{
	struct heap_node *first = heap_first(&heap);

	ck_assert_ptr_nonnull(first);
	heap_remove(&heap, first);
	ck_assert_uint_eq(first->place, 0);
	return (int)(first - nodes);
}

START_TEST(an_empty_one_has_no_first)
{
	ck_assert_ptr_null(heap_first(&heap));
	heap_remove(&heap, &nodes[0]);
	ck_assert_ptr_null(heap_first(&heap));
}
END_TEST

START_TEST(nodes_come_out_by_their_keys)
{
	uint64_t last = 0;

	srandom(1);
	for (int i = 0; i < NODES; i++)
		heap_put(&heap, &nodes[i], (uint64_t)random() % 100);
	for (int i = 0; i < NODES; i++) {
		uint64_t key = nodes[take_first()].key;

		ck_assert_uint_ge(key, last);
		last = key;
	}
	ck_assert_ptr_null(heap_first(&heap));
}
END_TEST

START_TEST(those_of_one_key_come_out_in_the_order_of_their_coming)
{
	for (int i = 0; i < NODES; i++)
		heap_put(&heap, &nodes[i], 7);
	for (int i = 0; i < NODES; i++)
		ck_assert_int_eq(take_first(), i);
}
END_TEST

START_TEST(a_node_that_is_moved_or_taken_out_leaves_the_others_in_order)
{
	uint64_t last = 0;
	int count = 0;

	srandom(2);
	for (int i = 0; i < NODES; i++)
		heap_put(&heap, &nodes[i], (uint64_t)random() % 1000);
	for (int i = 0; i < NODES; i += 3)
		heap_put(&heap, &nodes[i], (uint64_t)random() % 1000);
	for (int i = 1; i < NODES; i += 3)
		heap_remove(&heap, &nodes[i]);
	while (heap_first(&heap)) {
		int node = take_first();

		ck_assert_int_ne(node % 3, 1);
		ck_assert_uint_ge(nodes[node].key, last);
		last = nodes[node].key;
		count++;
	}
	ck_assert_int_eq(count, NODES - (NODES + 1) / 3);
}
END_TEST

START_TEST(one_that_grows_keeps_what_is_in_it)
{
	heap_put(&heap, &nodes[0], 5);
	ck_assert_int_eq(heap_reserve(&heap, 100000), 0);
	heap_put(&heap, &nodes[1], 4);
	ck_assert_int_eq(take_first(), 1);
	ck_assert_int_eq(take_first(), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("heap");
	TCase *tests = tcase_create("heap");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, an_empty_one_has_no_first);
	tcase_add_test(tests, nodes_come_out_by_their_keys);
	tcase_add_test(tests, those_of_one_key_come_out_in_the_order_of_their_coming);
	tcase_add_test(tests, a_node_that_is_moved_or_taken_out_leaves_the_others_in_order);
	tcase_add_test(tests, one_that_grows_keeps_what_is_in_it);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
