/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "proto/encoding.h"

#define UTF8(literal) ((struct encoding_text){ .utf8 = (literal), .length = sizeof(literal) - 1 })

static const struct {
	enum encoding encoding;
	const char *text;
	const char *bytes;
	size_t count;
} decodings[] = {
	{ ENCODING_UTF8, "a\xc3\xa9\xf0\x9f\x98\x80", "a\xc3\xa9\xf0\x9f\x98\x80", 7 },
	{ ENCODING_HEX, "00fFa0", "\x00\xff\xa0", 3 },
	{ ENCODING_HEX, "abc", "\xab", 1 },
	{ ENCODING_HEX, "abxx12", "\xab", 1 },
	{ ENCODING_HEX, "a b0", "", 0 },
	{ ENCODING_BASE64, "aGVsbG8=", "hello", 5 },
	{ ENCODING_BASE64, "aGVsbG8", "hello", 5 },
	{ ENCODING_BASE64, "aG Vs\nbG8", "hello", 5 },
	{ ENCODING_BASE64, "aGVs=bG8", "hel", 3 },
	{ ENCODING_BASE64, "-_+/", "\xfb\xff\xbf", 3 },
	{ ENCODING_BASE64URL, "-_+/", "\xfb\xff\xbf", 3 },
	{ ENCODING_BASE64, "Y", "", 0 },
	{ ENCODING_LATIN1, "\xc3\xa9\xe2\x82\xac", "\xe9\xac", 2 },
	{ ENCODING_ASCII, "\xc3\xa9", "\xe9", 1 },
	{ ENCODING_UTF16LE, "a\xf0\x9f\x98\x80", "a\0\x3d\xd8\x00\xde", 6 },
};

START_TEST(text_becomes_the_bytes_that_node_makes_of_it)
{
	struct encoding_text text = { .utf8 = decodings[_i].text,
				      .length = strlen(decodings[_i].text) };
	enum encoding encoding = decodings[_i].encoding;
	char bytes[32];

	ck_assert_uint_eq(encoding_decode(encoding, text, NULL, 0), decodings[_i].count);
	ck_assert_uint_eq(encoding_decode(encoding, text, bytes, sizeof(bytes)),
			  decodings[_i].count);
	ck_assert_mem_eq(bytes, decodings[_i].bytes, decodings[_i].count);
}
END_TEST

static const struct {
	enum encoding encoding;
	const char *bytes;
	size_t count;
	const char *text;
	bool faithful;
} encodings[] = {
	{ ENCODING_UTF8, "a\xc3\xa9", 3, "a\xc3\xa9", true },
	{ ENCODING_UTF8, "\xc0\x80", 2, "\xef\xbf\xbd\xef\xbf\xbd", false },
	{ ENCODING_UTF8, "\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", false },
	{ ENCODING_UTF8, "\xf0\x9f\x98", 3, "\xef\xbf\xbd", false },
	{ ENCODING_UTF8, "\xe4\xb8(", 3, "\xef\xbf\xbd(", false },
	{ ENCODING_UTF8, "\xef\xbb\xbf", 3, "\xef\xbb\xbf", true },
	{ ENCODING_HEX, "\x00\xff", 2, "00ff", true },
	{ ENCODING_BASE64, "\xfb\xff\xbf\xfb", 4, "+/+/+w==", true },
	{ ENCODING_BASE64, "ab", 2, "YWI=", true },
	{ ENCODING_BASE64URL, "\xfb\xff\xbf\xfb", 4, "-_-_-w", true },
	{ ENCODING_LATIN1, "a\xe9", 2, "a\xc3\xa9", true },
	{ ENCODING_ASCII, "a\xe1", 2, "aa", false },
	{ ENCODING_UTF16LE, "a\0\x3d\xd8\x00\xde", 6, "a\xf0\x9f\x98\x80", true },
	{ ENCODING_UTF16LE, "\x3d\xd8z\0", 4, "\xef\xbf\xbdz", false },
	{ ENCODING_UTF16LE, "a\0b", 3, "a", false },
	{ ENCODING_UTF8, "", 0, "", true },
};

START_TEST(bytes_become_the_text_that_node_makes_of_them)
{
	enum encoding encoding = encodings[_i].encoding;
	const char *bytes = encodings[_i].bytes;
	size_t count = encodings[_i].count, size = strlen(encodings[_i].text);
	char text[32];

	ck_assert_uint_eq(encoding_encode_utf8(encoding, bytes, count, NULL, 0), size);
	ck_assert_uint_eq(encoding_encode_utf8(encoding, bytes, count, text, sizeof(text)), size);
	ck_assert_mem_eq(text, encodings[_i].text, size);
	ck_assert(encoding_utf8_is_valid(text, size));
	ck_assert_int_eq(encoding_is_faithful(encoding, bytes, count), encodings[_i].faithful);
}
END_TEST

START_TEST(a_zero_cannot_travel_as_text)
{
	ck_assert(!encoding_is_faithful(ENCODING_UTF8, "a\0b", 3));
	ck_assert(!encoding_is_faithful(ENCODING_LATIN1, "a\0b", 3));
	ck_assert(!encoding_is_faithful(ENCODING_ASCII, "a\0b", 3));
	ck_assert(!encoding_is_faithful(ENCODING_UTF16LE, "a\0\0\0", 4));
	ck_assert(encoding_is_faithful(ENCODING_HEX, "a\0b", 3));
}
END_TEST

START_TEST(half_characters_pass_as_units_and_become_fffd_in_utf8)
{
	static const uint16_t lone[] = { 'x', 0xd83d, 'y', 0xde00 }, pair[] = { 0xd83d, 0xde00 };
	struct encoding_text lone_text = { .units = lone, .length = 4 };
	struct encoding_text pair_text = { .units = pair, .length = 2 };
	uint16_t units[8];
	char bytes[16];

	ck_assert_uint_eq(encoding_decode(ENCODING_UTF8, lone_text, bytes, 16), 8);
	ck_assert_mem_eq(bytes, "x\xef\xbf\xbdy\xef\xbf\xbd", 8);
	ck_assert_uint_eq(encoding_decode(ENCODING_UTF8, pair_text, bytes, 16), 4);
	ck_assert_mem_eq(bytes, "\xf0\x9f\x98\x80", 4);
	ck_assert_uint_eq(encoding_decode(ENCODING_UTF16LE, lone_text, bytes, 16), 8);
	ck_assert_mem_eq(bytes, "x\0\x3d\xd8y\0\x00\xde", 8);
	ck_assert_uint_eq(encoding_encode_units(ENCODING_UTF16LE, bytes, 8, units, 8), 4);
	ck_assert_mem_eq(units, lone, sizeof(lone));
	ck_assert_uint_eq(encoding_encode_units(ENCODING_UTF8, "\xf0\x9f\x98\x80", 4, units, 8), 2);
	ck_assert_mem_eq(units, pair, sizeof(pair));
}
END_TEST

START_TEST(nothing_is_written_in_part)
{
	char bytes[8];

	memset(bytes, 'x', sizeof(bytes));
	ck_assert_uint_eq(encoding_decode(ENCODING_UTF8, UTF8("a\xe2\x82\xacz"), bytes, 3), 1);
	ck_assert_mem_eq(bytes, "axxxxxxx", 8);
	ck_assert_uint_eq(encoding_decode(ENCODING_UTF16LE, UTF8("ab"), bytes, 3), 2);
	ck_assert_mem_eq(bytes, "a\0xxxxxx", 8);
	ck_assert_uint_eq(encoding_decode(ENCODING_BASE64, UTF8("aGVsbG8="), bytes, 2), 2);
	ck_assert_mem_eq(bytes, "hexxxxxx", 8);
	ck_assert_uint_eq(encoding_encode_utf8(ENCODING_LATIN1, "a\xe9", 2, bytes, 2), 1);
	ck_assert_uint_eq(encoding_decode(ENCODING_UTF8, UTF8("a\xe2\x82\xacz"), bytes, 4), 4);
	ck_assert_uint_eq(encoding_decode(ENCODING_UTF8, UTF8("\xf0\x9f\x98\x80"), bytes, 3), 0);
	ck_assert_mem_eq(bytes, "a\xe2\x82\xacxxxx", 8);
}
END_TEST

START_TEST(guesses_are_nodes)
{
	ck_assert_uint_eq(encoding_guess_bytes(ENCODING_HEX, UTF8("abc")), 1);
	ck_assert_uint_eq(encoding_guess_bytes(ENCODING_HEX, UTF8("xxxx")), 2);
	ck_assert_uint_eq(encoding_guess_bytes(ENCODING_BASE64, UTF8("aGVsbG8=")), 5);
	ck_assert_uint_eq(encoding_guess_bytes(ENCODING_BASE64, UTF8("aGVsbA==")), 4);
	ck_assert_uint_eq(encoding_guess_bytes(ENCODING_BASE64, UTF8("    ")), 3);
	ck_assert_uint_eq(encoding_guess_bytes(ENCODING_UTF8, UTF8("\xe2\x82\xac")), 3);
	ck_assert_uint_eq(encoding_guess_bytes(ENCODING_LATIN1, UTF8("\xe2\x82\xac")), 1);
	ck_assert_uint_eq(encoding_guess_bytes(ENCODING_UTF16LE, UTF8("\xf0\x9f\x98\x80")), 4);
}
END_TEST

START_TEST(names_are_known_in_any_case)
{
	enum encoding encoding;

	ck_assert(encoding_from_name("UTF-8", &encoding));
	ck_assert_int_eq(encoding, ENCODING_UTF8);
	ck_assert(encoding_from_name("Binary", &encoding));
	ck_assert_int_eq(encoding, ENCODING_LATIN1);
	ck_assert(encoding_from_name("ucs-2", &encoding));
	ck_assert_int_eq(encoding, ENCODING_UTF16LE);
	ck_assert(!encoding_from_name("utf8 ", &encoding));
	ck_assert(!encoding_from_name("", &encoding));
	ck_assert(!encoding_from_name("base-64", &encoding));
	ck_assert_str_eq(encoding_name(ENCODING_BASE64URL), "base64url");
	ck_assert_str_eq(encoding_name(ENCODING_UTF16LE), "utf16le");
}
END_TEST

START_TEST(every_byte_string_survives_the_three_safe_encodings)
{
	static const enum encoding safe[] = { ENCODING_HEX, ENCODING_BASE64, ENCODING_BASE64URL };
	unsigned char bytes[64], back[64];
	char text[160];
	size_t length, i;

	for (i = 0; i < sizeof(bytes); i++)
		bytes[i] = (unsigned char)(i * 37 + 200);
	for (length = 0; length <= sizeof(bytes); length++) {
		for (i = 0; i < 3; i++) {
			struct encoding_text encoded = { .utf8 = text };

			encoded.length =
				encoding_encode_utf8(safe[i], bytes, length, text, sizeof(text));
			ck_assert_uint_eq(encoding_decode(safe[i], encoded, back, sizeof(back)),
					  length);
			ck_assert_mem_eq(back, bytes, length);
		}
	}
}
END_TEST

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
	Suite *suite = suite_create("encoding");
	TCase *tests = tcase_create("encoding");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tests, text_becomes_the_bytes_that_node_makes_of_it, 0,
			    COUNT(decodings));
	tcase_add_loop_test(tests, bytes_become_the_text_that_node_makes_of_them, 0,
			    COUNT(encodings));
	tcase_add_test(tests, a_zero_cannot_travel_as_text);
	tcase_add_test(tests, half_characters_pass_as_units_and_become_fffd_in_utf8);
	tcase_add_test(tests, nothing_is_written_in_part);
	tcase_add_test(tests, guesses_are_nodes);
	tcase_add_test(tests, names_are_known_in_any_case);
	tcase_add_test(tests, every_byte_string_survives_the_three_safe_encodings);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
