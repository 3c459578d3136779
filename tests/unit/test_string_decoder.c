/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

#include "proto/string_decoder.h"

#define SEED 4711u
#define ROUNDS 500
#define BYTES_MAX 40
#define TEXT_MAX (BYTES_MAX * 3 + 16)

/* The same numbers in every run. */
static unsigned int state = SEED;

static unsigned int any(unsigned int below)
{
	state = state * 1664525u + 1013904223u;
	return (state >> 8) % below;
}

static const struct {
	enum encoding encoding;
	const char *chunk;
	size_t chunk_bytes;
	const char *text;
	const char *end;
} chunks[] = {
	{ ENCODING_UTF8, "a\xc3", 2, "a", "\xef\xbf\xbd" },
	{ ENCODING_UTF8, "a\xe2\x82", 3, "a", "\xef\xbf\xbd" },
	{ ENCODING_UTF8, "\xf0\x9f\x98", 3, "", "\xef\xbf\xbd" },
	{ ENCODING_UTF8, "\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80", "" },
	{ ENCODING_UTF8, "\xed\xa0", 2, "", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ ENCODING_UTF8, "\x80\x80\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd",
	  "" },
	{ ENCODING_UTF16LE, "a\0b", 3, "a", "" },
	{ ENCODING_UTF16LE, "a\0\x3d\xd8", 4, "a", "\xef\xbf\xbd" },
	{ ENCODING_UTF16LE, "\x3d\xd8\x00", 3, "", "\xef\xbf\xbd" },
	{ ENCODING_UTF16LE, "\x3d\xd8\x00\xde", 4, "\xf0\x9f\x98\x80", "" },
	{ ENCODING_BASE64, "abcd", 4, "YWJj", "ZA==" },
	{ ENCODING_BASE64URL, "\xfb\xff", 2, "", "-_8" },
	{ ENCODING_LATIN1, "\xe9", 1, "\xc3\xa9", "" },
	{ ENCODING_ASCII, "\xe9", 1, "i", "" },
	{ ENCODING_HEX, "\xe9", 1, "e9", "" },
};

START_TEST(what_is_incomplete_waits_for_the_end)
{
	struct string_decoder decoder;
	char text[32];
	size_t size, end = strlen(chunks[_i].end);

	string_decoder_init(&decoder, chunks[_i].encoding);
	size = string_decoder_write_utf8(&decoder, chunks[_i].chunk, chunks[_i].chunk_bytes, text,
					 sizeof(text));
	ck_assert_uint_eq(size, strlen(chunks[_i].text));
	ck_assert_mem_eq(text, chunks[_i].text, size);
	ck_assert_uint_eq(string_decoder_end_utf8(&decoder, NULL, 0), end);
	ck_assert_uint_eq(string_decoder_end_utf8(&decoder, text, sizeof(text)), end);
	ck_assert_mem_eq(text, chunks[_i].end, end);
	ck_assert_uint_eq(string_decoder_end_utf8(&decoder, text, sizeof(text)), 0);
}
END_TEST

START_TEST(asking_for_the_size_takes_nothing)
{
	struct string_decoder decoder;
	uint16_t units[4];
	char text[8];

	string_decoder_init(&decoder, ENCODING_UTF8);
	ck_assert_uint_eq(string_decoder_write_utf8(&decoder, "\xe2\x82", 2, text, 8), 0);
	ck_assert_uint_eq(string_decoder_write_utf8(&decoder, "\xac", 1, NULL, 0), 3);
	ck_assert_uint_eq(string_decoder_write_units(&decoder, "\xac", 1, NULL, 0), 1);
	ck_assert_uint_eq(string_decoder_write_units(&decoder, "\xac", 1, units, 4), 1);
	ck_assert_uint_eq(units[0], 0x20ac);
}
END_TEST

START_TEST(an_empty_chunk_changes_nothing)
{
	struct string_decoder decoder;
	char text[8];

	string_decoder_init(&decoder, ENCODING_UTF8);
	ck_assert_uint_eq(string_decoder_write_utf8(&decoder, "\xc3", 1, text, 8), 0);
	ck_assert_uint_eq(string_decoder_write_utf8(&decoder, NULL, 0, text, 8), 0);
	ck_assert_uint_eq(string_decoder_write_utf8(&decoder, "\xa9", 1, text, 8), 2);
	ck_assert_mem_eq(text, "\xc3\xa9", 2);
}
END_TEST

/* Leads, continuations and halves far more often than chance would have them. */
static void scatter(unsigned char *bytes, size_t count)
{
	static const unsigned char likely[] = { 'a',  0x80, 0xbf, 0x9f, 0xc3, 0xe2, 0xed, 0xa0,
						0xf0, 0xf4, 0xf5, 0xff, 0xd8, 0xdc, 0xdb, 0xdf };

	for (size_t i = 0; i < count; i++)
		bytes[i] = any(8) ? likely[any(sizeof(likely))] : (unsigned char)any(256);
}

static bool is_within_pair(const uint16_t *units, size_t at)
{
	return at > 0 && (units[at - 1] & 0xfc00) == 0xd800 && (units[at] & 0xfc00) == 0xdc00;
}

/* The units of all chunks, in `units`; no chunk may end between the halves of a pair. */
static size_t decode_in_chunks(enum encoding encoding, const unsigned char *bytes, size_t count,
			       const uint16_t *whole, uint16_t *units)
{
	struct string_decoder decoder;
	size_t at = 0, used = 0, size;

	string_decoder_init(&decoder, encoding);
	while (at < count) {
		size = 1 + any(5);
		size = size < count - at ? size : count - at;
		used += string_decoder_write_units(&decoder, bytes + at, size, units + used,
						   TEXT_MAX - used);
		at += size;
		ck_assert(!is_within_pair(whole, used));
	}
	return used + string_decoder_end_units(&decoder, units + used, TEXT_MAX - used);
}

static size_t decode_in_chunks_utf8(enum encoding encoding, const unsigned char *bytes,
				    size_t count, char *text)
{
	struct string_decoder decoder;
	size_t at = 0, used = 0, size, told;

	string_decoder_init(&decoder, encoding);
	while (at < count) {
		size = 1 + any(5);
		size = size < count - at ? size : count - at;
		told = string_decoder_write_utf8(&decoder, bytes + at, size, NULL, 0);
		ck_assert_uint_eq(string_decoder_write_utf8(&decoder, bytes + at, size, text + used,
							    TEXT_MAX - used),
				  told);
		ck_assert(encoding_utf8_is_valid(text + used, told));
		used += told;
		at += size;
	}
	return used + string_decoder_end_utf8(&decoder, text + used, TEXT_MAX - used);
}

START_TEST(all_chunks_joined_are_all_bytes_joined)
{
	enum encoding encoding = (enum encoding)_i;
	uint16_t whole[TEXT_MAX + 1], units[TEXT_MAX];
	char whole_text[TEXT_MAX], text[TEXT_MAX];

	for (unsigned int round = 0; round < ROUNDS; round++) {
		unsigned char bytes[BYTES_MAX];
		size_t count = any(BYTES_MAX), size;

		scatter(bytes, count);
		size = encoding_encode_units(encoding, bytes, count, whole, TEXT_MAX);
		whole[size] = 0;
		ck_assert_msg(decode_in_chunks(encoding, bytes, count, whole, units) == size &&
				      memcmp(units, whole, size * sizeof(units[0])) == 0,
			      "units, round %u of seed %u", round, SEED);
		size = encoding_encode_utf8(encoding, bytes, count, whole_text, TEXT_MAX);
		ck_assert_msg(decode_in_chunks_utf8(encoding, bytes, count, text) == size &&
				      memcmp(text, whole_text, size) == 0,
			      "UTF-8, round %u of seed %u", round, SEED);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("string_decoder");
	TCase *tcase = tcase_create("string_decoder");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, what_is_incomplete_waits_for_the_end, 0,
			    (int)(sizeof(chunks) / sizeof(chunks[0])));
	tcase_add_test(tcase, asking_for_the_size_takes_nothing);
	tcase_add_test(tcase, an_empty_chunk_changes_nothing);
	tcase_add_loop_test(tcase, all_chunks_joined_are_all_bytes_joined, ENCODING_UTF8,
			    ENCODING_BASE64URL + 1);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
