/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/buffer.h"
#include "client/forebay_memory.h"
#include "client/pool.h"
#include "proto/number.h"

/* Views of memory of the test's own, and of a buffer that no daemon knows. */

static unsigned char memory[64];
static struct forebay_view view;

static struct forebay_pool pool = { .memory = memory, .memory_bytes = sizeof(memory) };
static struct forebay_buffer buffer = { .pool = &pool, .id = "b-1", .offset = 8, .length = 32 };

static void setup(void)
{
	for (size_t i = 0; i < sizeof(memory); i++)
		memory[i] = (unsigned char)i;
	pool.read_only = false;
	view = forebay_view_of_memory(memory, 16);
}

static void check_memory(size_t offset, const char *bytes, size_t count)
{
	ck_assert_mem_eq(memory + offset, bytes, count);
}

START_TEST(each_type_is_set_and_got_in_both_byte_orders)
{
	int16_t i16 = 0;
	uint32_t u32 = 0;
	int64_t i64 = 0;
	uint64_t u64 = 0;
	float single = 0;
	double number = 0;

	ck_assert_int_eq(forebay_view_set_int16le(&view, 1, -2), 0);
	check_memory(0, "\x00\xfe\xff\x03", 4);
	ck_assert_int_eq(forebay_view_get_int16be(&view, 1, &i16), 0);
	ck_assert_int_eq(i16, -257);
	ck_assert_int_eq(forebay_view_set_uint32be(&view, 3, 0x80000001), 0);
	check_memory(2, "\xff\x80\x00\x00\x01\x07", 6);
	ck_assert_int_eq(forebay_view_get_uint32le(&view, 3, &u32), 0);
	ck_assert_uint_eq(u32, 0x01000080);
	ck_assert_int_eq(forebay_view_set_int64be(&view, 8, INT64_MIN + 2), 0);
	check_memory(8, "\x80\0\0\0\0\0\0\x02", 8);
	ck_assert_int_eq(forebay_view_get_int64be(&view, 8, &i64), 0);
	ck_assert_int_eq(i64, INT64_MIN + 2);
	ck_assert_int_eq(forebay_view_get_uint64le(&view, 8, &u64), 0);
	ck_assert_uint_eq(u64, UINT64_C(0x0200000000000080));
	ck_assert_int_eq(forebay_view_set_float32be(&view, 5, -1.5f), 0);
	check_memory(5, "\xbf\xc0\0\0", 4);
	ck_assert_int_eq(forebay_view_get_float32be(&view, 5, &single), 0);
	ck_assert_float_eq(single, -1.5f);
	ck_assert_int_eq(forebay_view_set_float64le(&view, 7, -0.0), 0);
	check_memory(7, "\0\0\0\0\0\0\0\x80", 8);
	ck_assert_int_eq(forebay_view_get_float64le(&view, 7, &number), 0);
	ck_assert(number == 0 && signbit(number));
}
END_TEST

START_TEST(bytes_have_no_order)
{
	int8_t i8 = 0;
	uint8_t u8 = 0;

	ck_assert_int_eq(forebay_view_set_int8(&view, 15, -3), 0);
	ck_assert_int_eq(forebay_view_get_uint8(&view, 15, &u8), 0);
	ck_assert_uint_eq(u8, 253);
	ck_assert_int_eq(forebay_view_set_uint8(&view, 0, 200), 0);
	ck_assert_int_eq(forebay_view_get_int8(&view, 0, &i8), 0);
	ck_assert_int_eq(i8, -56);
}
END_TEST

START_TEST(whatever_nan_it_was_one_is_set)
{
	const uint32_t odd_single = 0xffa12345;
	const uint64_t odd = UINT64_C(0xfff0000000000001);
	float single;
	double number, numbers[2] = { 0.25, 0 };

	memcpy(&single, &odd_single, sizeof(single));
	memcpy(&number, &odd, sizeof(number));
	memcpy(&numbers[1], &odd, sizeof(number));
	ck_assert_int_eq(forebay_view_set_float32be(&view, 0, single), 0);
	check_memory(0, "\x7f\xc0\0\0", 4);
	ck_assert_int_eq(forebay_view_set_float64be(&view, 4, number), 0);
	check_memory(4, "\x7f\xf8\0\0\0\0\0\0", 8);
	ck_assert_int_eq(forebay_view_set_float64be_array(&view, 0, numbers, 2), 0);
	check_memory(0, "\x3f\xd0\0\0\0\0\0\0\x7f\xf8\0\0\0\0\0\0", 16);
	ck_assert_int_eq(forebay_view_set_float32le_array(&view, 0, &single, 1), 0);
	check_memory(0, "\0\0\xc0\x7f", 4);
}
END_TEST

START_TEST(infinities_and_the_largest_are_no_nan)
{
	const double numbers[] = { -INFINITY, 0x1.fffffffffffffp1023 };
	const float singles[] = { INFINITY, -0x1.fffffep127f };

	ck_assert_int_eq(forebay_view_set_float64le(&view, 0, -INFINITY), 0);
	check_memory(0, "\0\0\0\0\0\0\xf0\xff", 8);
	ck_assert_int_eq(forebay_view_set_float64be_array(&view, 0, numbers, 2), 0);
	check_memory(0, "\xff\xf0\0\0\0\0\0\0\x7f\xef\xff\xff\xff\xff\xff\xff", 16);
	ck_assert_int_eq(forebay_view_set_float32be_array(&view, 0, singles, 2), 0);
	check_memory(0, "\x7f\x80\0\0\xff\x7f\xff\xff", 8);
}
END_TEST

START_TEST(what_is_not_within_the_view_is_refused_and_nothing_written)
{
	static const size_t beyond[] = { 13, 16, 17, SIZE_MAX, SIZE_MAX - 3, SIZE_MAX / 2 };
	struct forebay_view short_view = forebay_view_of_memory(memory, 3);
	struct forebay_view none = forebay_view_of_memory(NULL, 0);
	uint32_t value = 7, values[4] = { 0 };

	for (size_t i = 0; i < sizeof(beyond) / sizeof(beyond[0]); i++) {
		ck_assert_int_eq(forebay_view_get_uint32le(&view, beyond[i], &value), -ERANGE);
		ck_assert_int_eq(forebay_view_set_uint32be(&view, beyond[i], 0), -ERANGE);
		ck_assert_int_eq(forebay_view_get_uint32be_array(&view, beyond[i], values, 1),
				 -ERANGE);
		ck_assert_int_eq(forebay_view_set_uint32le_array(&view, beyond[i], values, 1),
				 -ERANGE);
	}
	ck_assert_uint_eq(value, 7);
	ck_assert_int_eq(forebay_view_get_uint32le_array(&view, 4, values, 4), -ERANGE);
	ck_assert_int_eq(forebay_view_get_uint32le_array(&view, 0, values, SIZE_MAX / 4 + 2),
			 -ERANGE);
	ck_assert_int_eq(forebay_view_set_uint32le(&short_view, 0, 1), -ERANGE);
	ck_assert_int_eq(forebay_view_get_uint32le(&none, 0, &value), -ERANGE);
	ck_assert_int_eq(forebay_view_set_uint32le_array(&none, 0, values, 0), 0);
	ck_assert_int_eq(forebay_view_get_uint32le_array(&view, 16, values, 0), 0);
	for (size_t i = 0; i < sizeof(memory); i++)
		ck_assert_uint_eq(memory[i], i);
}
END_TEST

START_TEST(a_view_for_reading_is_never_written_to)
{
	struct forebay_view constant = forebay_view_of_constant(memory, 16);
	const double number = 1;
	const int64_t integer = 1;
	uint16_t word = 0;
	size_t bytes = 99;

	ck_assert_int_eq(forebay_view_get_uint16le(&constant, 2, &word), 0);
	ck_assert_uint_eq(word, 0x0302);
	ck_assert_int_eq(forebay_view_set_uint16le(&constant, 2, 0), -EROFS);
	ck_assert_int_eq(forebay_view_set_uint16le(&constant, 15, 0), -ERANGE);
	ck_assert_int_eq(forebay_view_set_float64le_array(&constant, 0, &number, 1), -EROFS);
	ck_assert_int_eq(forebay_view_set_as_double(&constant, FOREBAY_NUMBER_INT8, 0, &number, 1),
			 -EROFS);
	ck_assert_int_eq(forebay_view_set_as_int64(&constant, FOREBAY_NUMBER_INT8, 16, &integer, 1),
			 -ERANGE);
	ck_assert_int_eq(forebay_view_set_as_text(&constant, FOREBAY_NUMBER_INT8, 0, "1"), -EROFS);
	ck_assert_int_eq(forebay_view_fill(&constant, "", 1), -EROFS);
	ck_assert_int_eq(forebay_view_copy(&constant, &view, &bytes), -EROFS);
	ck_assert_int_eq(forebay_view_swap(&constant, 2), -EROFS);
	ck_assert_int_eq(forebay_view_set_text(&constant, FOREBAY_ENCODING_UTF8, "x", 1, &bytes),
			 -EROFS);
	constant = forebay_view_slice(&constant, 1, 9);
	ck_assert_int_eq(forebay_view_set_int8(&constant, 0, 1), -EROFS);
	ck_assert_uint_eq(bytes, 99);
	for (size_t i = 0; i < sizeof(memory); i++)
		ck_assert_uint_eq(memory[i], i);
}
END_TEST

START_TEST(types_have_the_names_and_sizes_of_the_interface)
{
	enum forebay_number type;

	for (int i = 0; i < NUMBER_TYPES; i++) {
		ck_assert_str_eq(forebay_number_name((enum forebay_number)i),
				 number_type_name((enum number_type)i));
		ck_assert_int_eq(
			forebay_number_from_name(number_type_name((enum number_type)i), &type), 0);
		ck_assert_int_eq((int)type, i);
		ck_assert_uint_eq(forebay_number_bytes(type),
				  number_type_bytes((enum number_type)i));
	}
	ck_assert_str_eq(forebay_number_name(FOREBAY_NUMBER_UINT32BE), "uint32be");
	ck_assert_str_eq(forebay_number_name(FOREBAY_NUMBER_FLOAT32LE), "float32le");
	ck_assert_int_eq(forebay_number_from_name("float16le", &type), -EINVAL);
	ck_assert_ptr_null(forebay_number_name((enum forebay_number)NUMBER_TYPES));
	ck_assert_uint_eq(forebay_number_bytes((enum forebay_number)(-1)), 0);
}
END_TEST

START_TEST(values_wrap_clamp_and_round_as_in_node)
{
	static const double values[] = { 300.5, -1.9, 0.5, 1.5, NAN, INFINITY, 4294967297.0 };
	double back[7];
	const uint64_t large = UINT64_MAX;
	int64_t integers[2] = { 0 };

	ck_assert_int_eq(forebay_view_set_as_double(&view, FOREBAY_NUMBER_UINT8, 0, values, 7), 0);
	check_memory(0, "\x2c\xff\x00\x01\x00\x00\x01", 7);
	ck_assert_int_eq(
		forebay_view_set_as_double(&view, FOREBAY_NUMBER_UINT8CLAMPED, 0, values, 7), 0);
	check_memory(0, "\xff\x00\x00\x02\x00\xff\xff", 7);
	ck_assert_int_eq(forebay_view_get_as_double(&view, FOREBAY_NUMBER_INT8, 0, back, 7), 0);
	ck_assert_double_eq(back[0], -1);
	ck_assert_int_eq(forebay_view_set_as_uint64(&view, FOREBAY_NUMBER_INT16BE, 0, &large, 1),
			 0);
	check_memory(0, "\xff\xff\x00", 3);
	ck_assert_int_eq(forebay_view_set_as_uint64(&view, FOREBAY_NUMBER_FLOAT64LE, 0, &large, 1),
			 0);
	ck_assert_int_eq(forebay_view_get_as_double(&view, FOREBAY_NUMBER_FLOAT64LE, 0, back, 1),
			 0);
	ck_assert_double_eq(back[0], 0x1p64);
	integers[0] = -5;
	ck_assert_int_eq(forebay_view_set_as_int64(&view, FOREBAY_NUMBER_UINT32BE, 4, integers, 2),
			 0);
	check_memory(4, "\xff\xff\xff\xfb\0\0\0\0", 8);
	ck_assert_int_eq(forebay_view_get_as_int64(&view, FOREBAY_NUMBER_UINT32BE, 4, integers, 1),
			 0);
	ck_assert_int_eq(integers[0], INT64_C(4294967291));
}
END_TEST

START_TEST(texts_keep_every_digit_and_are_refused_whole)
{
	char text[FOREBAY_NUMBER_TEXT_BYTES];

	ck_assert_int_eq(
		forebay_view_set_as_text(&view, FOREBAY_NUMBER_UINT64LE, 3, "18446744073709551615"),
		0);
	ck_assert_int_eq(forebay_view_get_as_text(&view, FOREBAY_NUMBER_UINT64LE, 3, text), 0);
	ck_assert_str_eq(text, "18446744073709551615");
	ck_assert_int_eq(forebay_view_set_as_text(&view, FOREBAY_NUMBER_FLOAT64BE, 0, "1e-7"), 0);
	ck_assert_int_eq(forebay_view_get_as_text(&view, FOREBAY_NUMBER_FLOAT64BE, 0, text), 0);
	ck_assert_str_eq(text, "1e-7");
	setup();
	ck_assert_int_eq(forebay_view_set_as_text(&view, FOREBAY_NUMBER_INT64LE, 0, "1.5"),
			 -EINVAL);
	ck_assert_int_eq(forebay_view_set_as_text(&view, FOREBAY_NUMBER_INT8, 0, "seven"), -EINVAL);
	ck_assert_int_eq(forebay_view_set_as_text(&view, FOREBAY_NUMBER_INT32LE, 13, "1"), -ERANGE);
	ck_assert_int_eq(forebay_view_get_as_text(&view, (enum forebay_number)19, 0, text),
			 -EINVAL);
	check_memory(0, "\0\1\2\3\4\5\6\7\x08\x09", 10);
}
END_TEST

START_TEST(slices_clamp_and_count_from_the_end_and_share)
{
	struct forebay_view slice;

	view = forebay_view_of_buffer(&buffer);
	ck_assert_ptr_eq(view.memory, memory + 8);
	ck_assert_uint_eq(view.bytes, 32);
	slice = forebay_view_slice(&view, -4, FOREBAY_VIEW_END);
	ck_assert_ptr_eq(slice.memory, memory + 36);
	ck_assert_uint_eq(slice.bytes, 4);
	ck_assert_uint_eq(slice.offset, 28);
	ck_assert_ptr_eq(slice.buffer, &buffer);
	slice = forebay_view_slice(&slice, 1, -1);
	ck_assert_uint_eq(slice.offset, 29);
	ck_assert_uint_eq(slice.bytes, 2);
	ck_assert_int_eq(forebay_view_set_uint8(&slice, 0, 0xaa), 0);
	ck_assert_uint_eq(memory[37], 0xaa);
	slice = forebay_view_slice(&view, 9, 4);
	ck_assert_uint_eq(slice.bytes, 0);
	ck_assert_uint_eq(slice.offset, 9);
	slice = forebay_view_slice(&view, INT64_MIN, INT64_MAX);
	ck_assert_uint_eq(slice.bytes, 32);
	slice = forebay_view_slice(&view, 1000, INT64_MIN);
	ck_assert_uint_eq(slice.bytes, 0);
	ck_assert_uint_eq(slice.offset, 32);
}
END_TEST

START_TEST(a_pool_mapped_for_reading_gives_views_for_reading)
{
	struct forebay_view own = forebay_view_of_memory(memory, 4);

	pool.read_only = true;
	view = forebay_view_of_buffer(&buffer);
	ck_assert_int_eq(forebay_view_set_int8(&view, 0, 1), -EROFS);
	ck_assert_int_eq(forebay_view_touch(&own), -EINVAL);
	ck_assert_int_eq(forebay_view_touch(&view), -EPERM);
}
END_TEST

START_TEST(filling_repeats_and_cuts_the_pattern)
{
	struct forebay_view none = forebay_view_slice(&view, 4, 4);

	ck_assert_int_eq(forebay_view_fill(&view, "abc", 3), 0);
	check_memory(0, "abcabcabcabcabca\x10", 17);
	ck_assert_int_eq(forebay_view_fill(&view, "", 0), -EINVAL);
	ck_assert_int_eq(forebay_view_fill(&none, "", 0), 0);
}
END_TEST

START_TEST(copies_may_overlap)
{
	struct forebay_view from = forebay_view_slice(&view, 0, 10);
	struct forebay_view to = forebay_view_slice(&view, 2, 8);
	size_t bytes = 0;

	ck_assert_int_eq(forebay_view_copy(&to, &from, &bytes), 0);
	ck_assert_uint_eq(bytes, 6);
	check_memory(0, "\0\1\0\1\2\3\4\5\x08\x09", 10);
	ck_assert_int_eq(forebay_view_copy(&from, &to, NULL), 0);
	check_memory(0, "\0\1\2\3\4\5\4\5\x08\x09", 10);
}
END_TEST

START_TEST(comparing_looks_at_the_bytes_and_then_the_length)
{
	struct forebay_view a = forebay_view_of_constant("abc", 3);
	struct forebay_view b = forebay_view_of_constant("abcd", 4);
	struct forebay_view c = forebay_view_of_constant("\xff", 1);

	ck_assert_int_eq(forebay_view_compare(&a, &b), -1);
	ck_assert_int_eq(forebay_view_compare(&b, &a), 1);
	ck_assert_int_eq(forebay_view_compare(&c, &b), 1);
	ck_assert_int_eq(forebay_view_compare(&a, &a), 0);
}
END_TEST

START_TEST(finding_goes_from_either_end)
{
	struct forebay_search search = { .needle = "ab", .needle_bytes = 2 };
	size_t offset = 77;

	view = forebay_view_of_constant("abcabcab", 8);
	ck_assert_int_eq(forebay_view_find(&view, &search, &offset), 1);
	ck_assert_uint_eq(offset, 0);
	search.offset = 1;
	ck_assert_int_eq(forebay_view_find(&view, &search, &offset), 1);
	ck_assert_uint_eq(offset, 3);
	search.offset = -3;
	search.last = 1;
	ck_assert_int_eq(forebay_view_find(&view, &search, &offset), 1);
	ck_assert_uint_eq(offset, 3);
	search.needle = "ba";
	ck_assert_int_eq(forebay_view_find(&view, &search, &offset), 0);
	ck_assert_uint_eq(offset, 3);
	search = (struct forebay_search){ .needle = "b\0", .needle_bytes = 2, .utf16 = 1 };
	view = forebay_view_of_constant("ab\0b\0\0", 6);
	ck_assert_int_eq(forebay_view_find(&view, &search, &offset), 0);
	search.utf16 = 0;
	ck_assert_int_eq(forebay_view_find(&view, &search, &offset), 1);
	ck_assert_uint_eq(offset, 1);
}
END_TEST

START_TEST(swapping_takes_whole_elements_only)
{
	struct forebay_view odd = forebay_view_slice(&view, 0, 15);

	ck_assert_int_eq(forebay_view_swap(&view, 4), 0);
	check_memory(0, "\3\2\1\0\7\6\5\4", 8);
	ck_assert_int_eq(forebay_view_swap(&odd, 2), -EINVAL);
	ck_assert_int_eq(forebay_view_swap(&view, 3), -EINVAL);
	check_memory(0, "\3\2\1\0\7\6\5\4", 8);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client_view");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, all);
	tcase_add_checked_fixture(all, setup, NULL);
	tcase_add_test(all, each_type_is_set_and_got_in_both_byte_orders);
	tcase_add_test(all, bytes_have_no_order);
	tcase_add_test(all, whatever_nan_it_was_one_is_set);
	tcase_add_test(all, infinities_and_the_largest_are_no_nan);
	tcase_add_test(all, what_is_not_within_the_view_is_refused_and_nothing_written);
	tcase_add_test(all, a_view_for_reading_is_never_written_to);
	tcase_add_test(all, types_have_the_names_and_sizes_of_the_interface);
	tcase_add_test(all, values_wrap_clamp_and_round_as_in_node);
	tcase_add_test(all, texts_keep_every_digit_and_are_refused_whole);
	tcase_add_test(all, slices_clamp_and_count_from_the_end_and_share);
	tcase_add_test(all, a_pool_mapped_for_reading_gives_views_for_reading);
	tcase_add_test(all, filling_repeats_and_cuts_the_pattern);
	tcase_add_test(all, copies_may_overlap);
	tcase_add_test(all, comparing_looks_at_the_bytes_and_then_the_length);
	tcase_add_test(all, finding_goes_from_either_end);
	tcase_add_test(all, swapping_takes_whole_elements_only);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
