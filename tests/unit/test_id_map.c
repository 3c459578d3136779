/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>

#include <check.h>

#include "daemon/core/id_map.h"

#define COUNT 3000

static int objects[COUNT];

static uint64_t spread(int i)
{
	return (uint64_t)i * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

static void add(struct id_map *map, uint64_t id, void *object)
{
	ck_assert_int_eq(id_map_reserve(map), 0);
	id_map_add(map, id, object);
}

START_TEST(an_empty_map_finds_nothing)
{
	struct id_map map;

	id_map_init(&map);
	ck_assert_ptr_null(id_map_find(&map, 0));
	ck_assert_ptr_null(id_map_find(&map, 1));
	id_map_fini(&map);
}
END_TEST

START_TEST(it_grows_and_keeps_all)
{
	struct id_map map;

	id_map_init(&map);
	for (int i = 0; i < COUNT; i++)
		add(&map, spread(i), &objects[i]);
	ck_assert_uint_eq(map.count, COUNT);
	for (int i = 0; i < COUNT; i++)
		ck_assert_ptr_eq(id_map_find(&map, spread(i)), &objects[i]);
	ck_assert_ptr_null(id_map_find(&map, 2));
	id_map_fini(&map);
}
END_TEST

/* Ids that all want the same place, and two that they push on, round the end. */
START_TEST(removing_one_leaves_those_that_it_pushed_on)
{
	static const uint64_t ids[] = { 63, 63 + 64, 63 + 128, 0, 1 };
	struct id_map map;

	id_map_init(&map);
	for (int i = 0; i < 5; i++)
		add(&map, ids[i], &objects[i]);
	ck_assert_uint_eq(map.capacity, 64);
	id_map_remove(&map, ids[_i]);
	ck_assert_uint_eq(map.count, 4);
	for (int i = 0; i < 5; i++)
		ck_assert_ptr_eq(id_map_find(&map, ids[i]), i == _i ? NULL : &objects[i]);
	add(&map, ids[_i], &objects[_i]);
	for (int i = 0; i < 5; i++)
		ck_assert_ptr_eq(id_map_find(&map, ids[i]), &objects[i]);
	id_map_fini(&map);
}
END_TEST

/* 12 is at home behind the hole that 10 and 74 leave. */
START_TEST(removing_one_leaves_those_at_home_where_they_are)
{
	static const uint64_t ids[] = { 10, 74, 12 };
	struct id_map map;

	id_map_init(&map);
	for (int i = 0; i < 3; i++)
		add(&map, ids[i], &objects[i]);
	id_map_remove(&map, 10);
	ck_assert_ptr_eq(id_map_find(&map, 74), &objects[1]);
	ck_assert_ptr_eq(id_map_find(&map, 12), &objects[2]);
	id_map_fini(&map);
}
END_TEST

START_TEST(removing_what_is_not_there_changes_nothing)
{
	struct id_map map;

	id_map_init(&map);
	add(&map, 5, &objects[0]);
	id_map_remove(&map, 6);
	id_map_remove(&map, 5 + 64);
	ck_assert_uint_eq(map.count, 1);
	ck_assert_ptr_eq(id_map_find(&map, 5), &objects[0]);
	id_map_fini(&map);
}
END_TEST

/* Against a plain array of what should be in it. */
START_TEST(a_long_mixed_run_keeps_count)
{
	bool present[256] = { false };
	struct id_map map;
	uint32_t random = 1;
	size_t count = 0;

	id_map_init(&map);
	for (int step = 0; step < 20000; step++) {
		unsigned int key;

		random = random * 1664525 + 1013904223;
		key = random >> 24;
		if (present[key]) {
			id_map_remove(&map, key * 64 + 1);
			count--;
		} else {
			add(&map, key * 64 + 1, &objects[key]);
			count++;
		}
		present[key] = !present[key];
		ck_assert_uint_eq(map.count, count);
	}
	for (unsigned int key = 0; key < 256; key++)
		ck_assert_ptr_eq(id_map_find(&map, key * 64 + 1),
				 present[key] ? &objects[key] : NULL);
	id_map_fini(&map);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("id_map");
	TCase *tests = tcase_create("id_map");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(tests, an_empty_map_finds_nothing);
	tcase_add_test(tests, it_grows_and_keeps_all);
	tcase_add_loop_test(tests, removing_one_leaves_those_that_it_pushed_on, 0, 5);
	tcase_add_test(tests, removing_one_leaves_those_at_home_where_they_are);
	tcase_add_test(tests, removing_what_is_not_there_changes_nothing);
	tcase_add_test(tests, a_long_mixed_run_keeps_count);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
