/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/forebay_memory.h"
#include "proto/encoding.h"

static unsigned char memory[32];
static struct forebay_view view;

static void setup(void)
{
	memset(memory, 0xee, sizeof(memory));
	view = forebay_view_of_memory(memory, 8);
}

static size_t set(enum forebay_encoding encoding, const char *text)
{
	size_t bytes = SIZE_MAX;

	ck_assert_int_eq(forebay_view_set_text(&view, encoding, text, strlen(text), &bytes), 0);
	return bytes;
}

/* The view's first bytes as text. */
static void check_text(enum forebay_encoding encoding, size_t bytes, const char *expected)
{
	struct forebay_view part = forebay_view_slice(&view, 0, (int64_t)bytes);
	size_t size = 0, again = 0;
	char text[64];

	ck_assert_int_eq(forebay_view_get_text(&part, encoding, NULL, 0, &size), 0);
	ck_assert_uint_eq(size, strlen(expected));
	ck_assert_int_eq(forebay_view_get_text(&part, encoding, text, sizeof(text), &again), 0);
	ck_assert_uint_eq(again, size);
	ck_assert_mem_eq(text, expected, size);
}

START_TEST(encodings_have_the_names_of_the_interface)
{
	enum forebay_encoding encoding;

	for (int i = 0; i <= FOREBAY_ENCODING_BASE64URL; i++) {
		const char *name = encoding_name((enum encoding)i);

		ck_assert_str_eq(forebay_encoding_name((enum forebay_encoding)i), name);
		ck_assert_int_eq(forebay_encoding_from_name(name, &encoding), 0);
		ck_assert_int_eq((int)encoding, i);
	}
	ck_assert_int_eq(forebay_encoding_from_name("UCS-2", &encoding), 0);
	ck_assert_int_eq(encoding, FOREBAY_ENCODING_UTF16LE);
	ck_assert_int_eq(forebay_encoding_from_name(" hex", &encoding), -EINVAL);
	ck_assert_ptr_null(forebay_encoding_name((enum forebay_encoding)7));
}
END_TEST

START_TEST(each_encoding_goes_both_ways)
{
	ck_assert_uint_eq(set(FOREBAY_ENCODING_UTF8, "\xe2\x82\xac!"), 4);
	check_text(FOREBAY_ENCODING_UTF8, 4, "\xe2\x82\xac!");
	check_text(FOREBAY_ENCODING_HEX, 4, "e282ac21");
	check_text(FOREBAY_ENCODING_BASE64, 4, "4oKsIQ==");
	check_text(FOREBAY_ENCODING_BASE64URL, 4, "4oKsIQ");
	check_text(FOREBAY_ENCODING_ASCII, 4, "b\x02,!");
	check_text(FOREBAY_ENCODING_LATIN1, 4, "\xc3\xa2\xc2\x82\xc2\xac!");
	ck_assert_uint_eq(set(FOREBAY_ENCODING_UTF16LE, "\xe2\x82\xac"), 2);
	ck_assert_mem_eq(memory, "\xac\x20", 2);
	check_text(FOREBAY_ENCODING_UTF16LE, 2, "\xe2\x82\xac");
	ck_assert_uint_eq(set(FOREBAY_ENCODING_LATIN1, "\xe2\x82\xac"), 1);
	ck_assert_uint_eq(memory[0], 0xac);
}
END_TEST

START_TEST(malformed_text_has_nodes_answers)
{
	ck_assert_uint_eq(set(FOREBAY_ENCODING_HEX, "0aFFx1"), 2);
	ck_assert_mem_eq(memory, "\x0a\xff\xee", 3);
	ck_assert_uint_eq(set(FOREBAY_ENCODING_BASE64, "Z g==Zg_-"), 1);
	ck_assert_mem_eq(memory, "f", 1);
	memcpy(memory, "\xf0\x9f\x98(", 4);
	check_text(FOREBAY_ENCODING_UTF8, 4, "\xef\xbf\xbd(");
}
END_TEST

START_TEST(what_does_not_fit_is_dropped_in_whole_characters)
{
	size_t bytes = 0;

	ck_assert_uint_eq(set(FOREBAY_ENCODING_UTF8, "123456\xe2\x82\xac"), 6);
	ck_assert_mem_eq(memory, "123456\xee\xee", 8);
	ck_assert_int_eq(forebay_text_bytes(FOREBAY_ENCODING_UTF8, "123456\xe2\x82\xac", 9, &bytes),
			 0);
	ck_assert_uint_eq(bytes, 9);
	view = forebay_view_slice(&view, 0, 3);
	ck_assert_uint_eq(set(FOREBAY_ENCODING_UTF16LE, "ab"), 2);
	view = forebay_view_of_memory(NULL, 0);
	ck_assert_uint_eq(set(FOREBAY_ENCODING_UTF8, "a"), 0);
	ck_assert_int_eq(forebay_view_set_text(&view, FOREBAY_ENCODING_HEX, NULL, 0, &bytes), 0);
	ck_assert_uint_eq(bytes, 0);
}
END_TEST

START_TEST(text_that_is_no_utf8_is_refused)
{
	size_t bytes = 5;

	ck_assert_int_eq(forebay_view_set_text(&view, FOREBAY_ENCODING_HEX, "\xc3", 1, &bytes),
			 -EILSEQ);
	ck_assert_int_eq(forebay_text_bytes(FOREBAY_ENCODING_UTF8, "\xed\xa0\x80", 3, &bytes),
			 -EILSEQ);
	ck_assert_int_eq(forebay_view_set_text(&view, (enum forebay_encoding)7, "", 0, &bytes),
			 -EINVAL);
	ck_assert_int_eq(forebay_view_get_text(&view, (enum forebay_encoding)(-1), NULL, 0, &bytes),
			 -EINVAL);
	ck_assert_uint_eq(bytes, 5);
	ck_assert_uint_eq(memory[0], 0xee);
}
END_TEST

START_TEST(units_may_be_halves_of_pairs)
{
	static const uint16_t units[] = { 'a', 0xd83d, 'b' };
	uint16_t back[4];
	size_t bytes = 0, count = 0;

	ck_assert_int_eq(forebay_units_bytes(FOREBAY_ENCODING_UTF8, units, 3, &bytes), 0);
	ck_assert_uint_eq(bytes, 5);
	ck_assert_int_eq(forebay_view_set_units(&view, FOREBAY_ENCODING_UTF16LE, units, 3, &bytes),
			 0);
	ck_assert_uint_eq(bytes, 6);
	view = forebay_view_slice(&view, 0, 6);
	ck_assert_int_eq(forebay_view_get_units(&view, FOREBAY_ENCODING_UTF16LE, back, 4, &count),
			 0);
	ck_assert_uint_eq(count, 3);
	ck_assert_mem_eq(back, units, sizeof(units));
	check_text(FOREBAY_ENCODING_UTF16LE, 6,
		   "a\xef\xbf\xbd"
		   "b");
}
END_TEST

START_TEST(a_decoder_holds_what_is_incomplete)
{
	struct forebay_decoder *decoder = NULL;
	char text[32];

	ck_assert_int_eq(forebay_decoder_open((enum forebay_encoding)9, &decoder), -EINVAL);
	ck_assert_int_eq(forebay_decoder_open(FOREBAY_ENCODING_UTF8, &decoder), 0);
	ck_assert_uint_eq(forebay_decoder_write(decoder, "a\xe2", 2, text, sizeof(text)), 1);
	ck_assert_uint_eq(forebay_decoder_write(decoder, "\x82", 1, text, sizeof(text)), 0);
	ck_assert_uint_eq(forebay_decoder_write(decoder, "\xac!", 2, NULL, 0), 4);
	ck_assert_uint_eq(forebay_decoder_write(decoder, "\xac!", 2, text, sizeof(text)), 4);
	ck_assert_mem_eq(text, "\xe2\x82\xac!", 4);
	ck_assert_uint_eq(forebay_decoder_write(decoder, "\xf0\x9f", 2, text, sizeof(text)), 0);
	ck_assert_uint_eq(forebay_decoder_end(decoder, text, sizeof(text)), 3);
	ck_assert_mem_eq(text, "\xef\xbf\xbd", 3);
	ck_assert_uint_eq(forebay_decoder_end(decoder, text, sizeof(text)), 0);
	forebay_decoder_close(decoder);
	forebay_decoder_close(NULL);
}
END_TEST

/* Every cut of a text gives the same text, and 3 times the chunk and 12 more is always enough. */
START_TEST(wherever_it_is_cut_the_text_is_the_same)
{
	static const char bytes[] = "a\xe2\x82\xac\xf0\x9f\x98\x80\xc3(\xff\xd8\x3d\xde\0z";
	const size_t count = sizeof(bytes) - 1;
	struct forebay_view whole = forebay_view_of_constant(bytes, count);
	char expected[80], text[3 * sizeof(bytes) + 12];
	char joined[160];

	for (int e = 0; e <= FOREBAY_ENCODING_BASE64URL; e++) {
		size_t size = 0;

		ck_assert_int_eq(forebay_view_get_text(&whole, (enum forebay_encoding)e, expected,
						       sizeof(expected), &size),
				 0);
		for (size_t cut = 0; cut <= count; cut++) {
			struct forebay_decoder *decoder = NULL;
			size_t used, wanted;

			ck_assert_int_eq(forebay_decoder_open((enum forebay_encoding)e, &decoder),
					 0);
			used = forebay_decoder_write(decoder, bytes, cut, joined, 3 * cut + 12);
			wanted = forebay_decoder_write(decoder, bytes + cut, count - cut, NULL, 0);
			ck_assert_uint_le(wanted, 3 * (count - cut) + 12);
			ck_assert_uint_eq(forebay_decoder_write(decoder, bytes + cut, count - cut,
								text, sizeof(text)),
					  wanted);
			memcpy(joined + used, text, wanted);
			used += wanted;
			used += forebay_decoder_end(decoder, joined + used, sizeof(joined) - used);
			ck_assert_uint_eq(used, size);
			ck_assert_mem_eq(joined, expected, size);
			forebay_decoder_close(decoder);
		}
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client_text");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, all);
	tcase_add_checked_fixture(all, setup, NULL);
	tcase_add_test(all, encodings_have_the_names_of_the_interface);
	tcase_add_test(all, each_encoding_goes_both_ways);
	tcase_add_test(all, malformed_text_has_nodes_answers);
	tcase_add_test(all, what_does_not_fit_is_dropped_in_whole_characters);
	tcase_add_test(all, text_that_is_no_utf8_is_refused);
	tcase_add_test(all, units_may_be_halves_of_pairs);
	tcase_add_test(all, a_decoder_holds_what_is_incomplete);
	tcase_add_test(all, wherever_it_is_cut_the_text_is_the_same);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
