/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/buffer.h"
#include "client/forebay_memory.h"
#include "client/lease.h"
#include "client/pool.h"

/* Leases over buffers that no daemon knows, in a pool of the test's own memory. */

#define SLAB ((size_t)LEASE_SLAB_BYTES)

static unsigned char memory[5 * LEASE_SLAB_BYTES];
static struct forebay_pool pool = { .memory = memory, .memory_bytes = sizeof(memory) };
static struct forebay_lease *lease;

static struct forebay_lease *new_lease(size_t bytes)
{
	struct forebay_buffer *buffer = calloc(1, sizeof(*buffer));
	struct forebay_lease *made = NULL;

	ck_assert_ptr_nonnull(buffer);
	buffer->pool = &pool;
	buffer->offset = 64;
	buffer->length = bytes;
	ck_assert_int_eq(lease_new(buffer, &made), 0);
	return made;
}

static void setup(void)
{
	lease = new_lease(4 * SLAB);
}

static void teardown(void)
{
	forebay_lease_release(lease);
}

static struct forebay_view take(size_t bytes)
{
	struct forebay_view view = { 0 };

	ck_assert_int_eq(forebay_lease_alloc(lease, bytes, &view), 0);
	ck_assert_uint_eq(view.bytes, bytes);
	return view;
}

static void give(const struct forebay_view *view)
{
	ck_assert_int_eq(forebay_lease_free(lease, view), 0);
}

static void check_numbers(uint64_t pieces, uint64_t held_bytes)
{
	struct forebay_lease_numbers numbers;

	forebay_lease_get_numbers(lease, &numbers, sizeof(numbers));
	ck_assert_uint_eq(numbers.pieces, pieces);
	ck_assert_uint_eq(numbers.held_bytes, held_bytes);
	ck_assert_uint_eq(numbers.bytes, forebay_buffer_length(forebay_lease_buffer(lease)));
}

START_TEST(small_pieces_lie_behind_one_another_at_multiples_of_8)
{
	struct forebay_view a = take(1), b = take(0), c = take(9), d = take(4000);

	ck_assert_uint_eq(a.offset, 0);
	ck_assert_ptr_eq(a.memory, memory + 64);
	ck_assert_uint_eq(b.offset, 8);
	ck_assert_uint_eq(c.offset, 16);
	ck_assert_uint_eq(d.offset, 32);
	ck_assert_ptr_eq(d.buffer, forebay_lease_buffer(lease));
	check_numbers(4, SLAB);
}
END_TEST

START_TEST(a_piece_that_does_not_fit_begins_the_next_slab)
{
	struct forebay_view a = take(4088), b = take(4088), c = take(24);

	ck_assert_uint_eq(b.offset, 4088);
	ck_assert_uint_eq(c.offset, SLAB);
	give(&a);
	check_numbers(2, 2 * SLAB);
	give(&b);
	check_numbers(1, SLAB);
	b = take(8);
	ck_assert_uint_eq(b.offset, SLAB + 24);
}
END_TEST

START_TEST(two_of_the_largest_small_pieces_share_a_slab)
{
	struct forebay_view a = take(4095), b = take(4095), c = take(4095);

	ck_assert_uint_eq(a.offset, 0);
	ck_assert_uint_eq(b.offset, 4096);
	ck_assert_uint_eq(c.offset, SLAB);
	check_numbers(3, 2 * SLAB);
}
END_TEST

START_TEST(a_slab_is_used_again_when_its_last_piece_goes)
{
	struct forebay_view views[8], a;

	for (int i = 0; i < 8; i++)
		views[i] = take(4000);
	ck_assert_int_eq(forebay_lease_alloc(lease, 200, &a), -ENOSPC);
	give(&views[2]);
	ck_assert_int_eq(forebay_lease_alloc(lease, 200, &a), -ENOSPC);
	give(&views[3]);
	a = take(200);
	ck_assert_uint_eq(a.offset, SLAB);
	check_numbers(7, 4 * SLAB);
}
END_TEST

START_TEST(the_current_slab_is_used_again_from_its_start)
{
	struct forebay_view a = take(100);

	give(&a);
	check_numbers(0, 0);
	a = take(3000);
	ck_assert_uint_eq(a.offset, 0);
}
END_TEST

START_TEST(large_pieces_take_whole_slabs_in_a_row)
{
	struct forebay_view a = take(4096), b = take(2 * SLAB + 1), c;

	ck_assert_uint_eq(a.offset, 0);
	ck_assert_uint_eq(b.offset, SLAB);
	check_numbers(2, 4 * SLAB);
	ck_assert_int_eq(forebay_lease_alloc(lease, 8, &c), -ENOSPC);
	give(&a);
	ck_assert_int_eq(forebay_lease_alloc(lease, SLAB + 1, &c), -ENOSPC);
	c = take(8);
	ck_assert_uint_eq(c.offset, 0);
	give(&b);
	give(&c);
	check_numbers(0, 0);
	a = take(4 * SLAB);
	ck_assert_uint_eq(a.offset, 0);
	give(&a);
	ck_assert_int_eq(forebay_lease_alloc(lease, 4 * SLAB + 1, &a), -ENOSPC);
	ck_assert_int_eq(forebay_lease_alloc(lease, SIZE_MAX, &a), -ENOSPC);
	check_numbers(0, 0);
}
END_TEST

START_TEST(giving_back_twice_is_refused_even_when_the_place_has_another_owner)
{
	struct forebay_view a = take(16), stale = a, b;

	give(&a);
	ck_assert_int_eq(forebay_lease_free(lease, &stale), -EINVAL);
	b = take(16);
	ck_assert_uint_eq(b.offset, stale.offset);
	ck_assert_int_eq(forebay_lease_free(lease, &stale), -EINVAL);
	check_numbers(1, SLAB);
	give(&b);
	a = take(3 * SLAB);
	stale = a;
	give(&a);
	b = take(3 * SLAB);
	ck_assert_int_eq(forebay_lease_free(lease, &stale), -EINVAL);
	give(&b);
}
END_TEST

START_TEST(what_is_no_piece_of_this_lease_is_refused)
{
	struct forebay_lease *other = new_lease(SLAB);
	struct forebay_view a = take(64), large = take(3 * SLAB), foreign, part;

	ck_assert_int_eq(forebay_lease_alloc(other, 64, &foreign), 0);
	ck_assert_int_eq(forebay_lease_free(lease, &foreign), -EINVAL);
	part = forebay_view_slice(&a, 8, 16);
	ck_assert_int_eq(forebay_lease_free(lease, &part), -EINVAL);
	part = forebay_view_slice(&a, 3, 16);
	ck_assert_int_eq(forebay_lease_free(lease, &part), -EINVAL);
	part = forebay_view_slice(&large, (int64_t)SLAB, FOREBAY_VIEW_END);
	ck_assert_int_eq(forebay_lease_free(lease, &part), -EINVAL);
	part = forebay_view_of_buffer(forebay_lease_buffer(lease));
	ck_assert_int_eq(forebay_lease_free(lease, &part), -EINVAL);
	part = a;
	part.offset = 4 * SLAB;
	ck_assert_int_eq(forebay_lease_free(lease, &part), -EINVAL);
	part = forebay_view_of_memory(a.memory, a.bytes);
	ck_assert_int_eq(forebay_lease_free(lease, &part), -EINVAL);
	check_numbers(2, 4 * SLAB);
	part = forebay_view_slice(&a, 0, 4);
	give(&part);
	give(&large);
	check_numbers(0, 0);
	forebay_lease_release(other);
}
END_TEST

START_TEST(a_short_last_slab_is_used_as_far_as_it_goes)
{
	struct forebay_view a, b, c;

	forebay_lease_release(lease);
	lease = new_lease(SLAB + 1003);
	a = take(SLAB);
	ck_assert_int_eq(forebay_lease_alloc(lease, 1001, &b), -ENOSPC);
	b = take(1000);
	ck_assert_uint_eq(b.offset, SLAB);
	ck_assert_int_eq(forebay_lease_alloc(lease, 1, &c), -ENOSPC);
	check_numbers(2, SLAB + 1000);
	give(&a);
	c = take(2000);
	ck_assert_uint_eq(c.offset, 0);
	give(&b);
	give(&c);
	a = take(SLAB + 1000);
	give(&a);
	check_numbers(0, 0);
}
END_TEST

/* A piece needs more than the last slab has, and more than is left in the current one. */
START_TEST(a_slab_that_is_too_short_is_passed_by)
{
	struct forebay_view a, b, c;

	forebay_lease_release(lease);
	lease = new_lease(2 * SLAB + 16);
	a = take(SLAB);
	b = take(16);
	c = take(4000);
	ck_assert_uint_eq(b.offset, SLAB);
	ck_assert_uint_eq(c.offset, SLAB + 16);
	give(&b);
	give(&c);
	give(&a);
	a = take(2 * SLAB);
	b = take(8);
	ck_assert_uint_eq(b.offset, 2 * SLAB);
	give(&a);
	give(&b);
	c = take(2000);
	ck_assert_uint_lt(c.offset, 2 * SLAB);
	give(&c);
	a = take(2 * SLAB + 16);
	give(&a);
	check_numbers(0, 0);
}
END_TEST

START_TEST(a_lease_of_less_than_8_bytes_is_none)
{
	struct forebay_buffer buffer = { .pool = &pool, .length = 7 };
	struct forebay_lease *none = NULL;

	ck_assert_int_eq(lease_new(&buffer, &none), -EINVAL);
	ck_assert_ptr_null(none);
	forebay_lease_release(NULL);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client_lease");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, all);
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, small_pieces_lie_behind_one_another_at_multiples_of_8);
	tcase_add_test(all, a_piece_that_does_not_fit_begins_the_next_slab);
	tcase_add_test(all, two_of_the_largest_small_pieces_share_a_slab);
	tcase_add_test(all, a_slab_is_used_again_when_its_last_piece_goes);
	tcase_add_test(all, the_current_slab_is_used_again_from_its_start);
	tcase_add_test(all, large_pieces_take_whole_slabs_in_a_row);
	tcase_add_test(all, giving_back_twice_is_refused_even_when_the_place_has_another_owner);
	tcase_add_test(all, what_is_no_piece_of_this_lease_is_refused);
	tcase_add_test(all, a_short_last_slab_is_used_as_far_as_it_goes);
	tcase_add_test(all, a_slab_that_is_too_short_is_passed_by);
	tcase_add_test(all, a_lease_of_less_than_8_bytes_is_none);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
