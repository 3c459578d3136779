/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/digest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/io/io_test.h"
#include "tests/io/step_test.h"

static struct digest *make(enum stream_checksum kind)
{
	struct digest *digest;

	ck_assert_int_eq(digest_new(kind, &digest), 0);
	return digest;
}

static void check_text(const struct digest *digest, const char *wanted)
{
	char text[DIGEST_TEXT_BYTES];

	digest_text(digest, text);
	ck_assert_str_eq(text, wanted);
}

static const struct {
	enum stream_checksum kind;
	const char *text;
	const char *digest;
} known[] = {
	{ STREAM_CHECKSUM_CRC32, "", "crc32:00000000" },
	{ STREAM_CHECKSUM_CRC32, "123456789", "crc32:cbf43926" },
	{ STREAM_CHECKSUM_XXH3, "", "xxh3:2d06800538d394c2" },
	{ STREAM_CHECKSUM_SHA256, "",
	  "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" },
	{ STREAM_CHECKSUM_SHA256, "abc",
	  "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
};

START_TEST(known_texts_have_their_known_digests)
{
	struct digest *digest = make(known[_i].kind);

	ck_assert_int_eq(digest_update(digest, known[_i].text, strlen(known[_i].text)), 0);
	check_text(digest, known[_i].digest);
	digest_free(digest);
}
END_TEST

/* The bytes and values that xxHash tests itself with. */
static const struct {
	size_t length;
	const char *digest;
} xxh3_known[] = {
	{ 1, "xxh3:c44bdff4074eecdb" },	   { 6, "xxh3:27b56a84cd2d7325" },
	{ 12, "xxh3:a713daf0dfbb77e7" },   { 24, "xxh3:a3fe70bf9d3510eb" },
	{ 48, "xxh3:397da259ecba1f11" },   { 80, "xxh3:bcdefbbb2c47c90a" },
	{ 195, "xxh3:cd94217ee362ec3a" },  { 403, "xxh3:cdeb804d65c6dea4" },
	{ 512, "xxh3:617e49599013cb6b" },  { 2048, "xxh3:dd59e2c3a5f038e0" },
	{ 2240, "xxh3:6e73a90539cf2948" }, { 2367, "xxh3:cb37aeb9e5d361ed" },
};

START_TEST(xxh3_is_that_of_its_authors)
{
	struct digest *digest = make(STREAM_CHECKSUM_XXH3);
	uint64_t state = UINT64_C(2654435761);
	unsigned char bytes[2367];

	for (size_t i = 0; i < sizeof(bytes); i++) {
		bytes[i] = (unsigned char)(state >> 56);
		state *= UINT64_C(11400714785074694797);
	}
	ck_assert_int_eq(digest_update(digest, bytes, xxh3_known[_i].length), 0);
	check_text(digest, xxh3_known[_i].digest);
	digest_free(digest);
}
END_TEST

static const enum stream_checksum kinds[] = {
	STREAM_CHECKSUM_CRC32,
	STREAM_CHECKSUM_XXH3,
	STREAM_CHECKSUM_SHA256,
};

#define KINDS 3

static void update_in_pieces(struct digest *digest, const struct bytes *bytes)
{
	size_t at = 0;

	while (at < bytes->length) {
		size_t piece = random_below(5000);

		if (piece > bytes->length - at)
			piece = bytes->length - at;
		ck_assert_int_eq(digest_update(digest, bytes->data + at, piece), 0);
		at += piece;
	}
}

START_TEST(pieces_and_looks_in_between_make_no_difference)
{
	struct digest *whole = make(kinds[_i]), *pieces = make(kinds[_i]);
	struct bytes content = make_content(300000);
	struct bytes half = { .data = content.data, .length = content.length / 2 };
	struct bytes rest = { .data = content.data + half.length,
			      .length = content.length - half.length };
	char text[DIGEST_TEXT_BYTES], between[DIGEST_TEXT_BYTES];

	ck_assert_int_eq(digest_update(whole, content.data, content.length), 0);
	digest_text(whole, text);
	update_in_pieces(pieces, &half);
	digest_text(pieces, between);
	ck_assert_str_ne(between, text);
	update_in_pieces(pieces, &rest);
	check_text(pieces, text);
	check_text(pieces, text);
	digest_free(whole);
	digest_free(pieces);
	bytes_drop(&content);
}
END_TEST

START_TEST(a_copy_goes_its_own_way)
{
	struct digest *first = make(kinds[_i]), *second = make(kinds[_i]);
	struct bytes content = make_content(100000);
	char before[DIGEST_TEXT_BYTES], after[DIGEST_TEXT_BYTES];

	ck_assert_int_eq(digest_update(second, "something else", 14), 0);
	update_in_pieces(first, &content);
	digest_text(first, before);
	ck_assert_int_eq(digest_copy(second, first), 0);
	check_text(second, before);
	ck_assert_int_eq(digest_update(first, "more", 4), 0);
	digest_text(first, after);
	ck_assert_str_ne(after, before);
	check_text(second, before);
	ck_assert_int_eq(digest_update(second, "more", 4), 0);
	check_text(second, after);
	ck_assert_int_eq(digest_reset(second), 0);
	update_in_pieces(second, &content);
	check_text(second, before);
	digest_free(first);
	digest_free(second);
	bytes_drop(&content);
}
END_TEST

START_TEST(another_kind_is_not_copied)
{
	struct digest *first = make(STREAM_CHECKSUM_CRC32), *second = make(STREAM_CHECKSUM_XXH3);

	ck_assert_int_eq(digest_copy(first, second), -EINVAL);
	digest_free(first);
	digest_free(second);
	ck_assert_int_eq(digest_new(STREAM_CHECKSUM_NONE, &first), -EINVAL);
}
END_TEST

START_TEST(sha256sum_finds_the_same)
{
	static const char *const argv[] = { "sha256sum", NULL };
	struct digest *digest = make(STREAM_CHECKSUM_SHA256);
	struct bytes content = make_content(1234567), found = { 0 };
	char text[DIGEST_TEXT_BYTES];

	update_in_pieces(digest, &content);
	digest_text(digest, text);
	ck_assert_int_eq(run_program(argv, &content, &found), 0);
	ck_assert_uint_gt(found.length, 64);
	ck_assert_mem_eq(text, "sha256:", 7);
	ck_assert_mem_eq(text + 7, found.data, 64);
	digest_free(digest);
	bytes_drop(&content);
	bytes_drop(&found);
}
END_TEST

START_TEST(a_text_tells_its_kind)
{
	static const char *const wrong[] = {
		"",
		"crc32",
		"crc32:",
		"crc32:0000000",
		"crc32:000000000",
		"crc32:0000000G",
		"crc32:0000000A",
		"none:",
		"md5:00000000",
		":00000000",
		"crc32 :00000000",
		"sha256:0123456789abcdef",
		"xxh3:0123456789abcde",
	};

	for (int i = 0; i < KINDS; i++) {
		struct digest *digest = make(kinds[i]);
		char text[DIGEST_TEXT_BYTES];

		digest_text(digest, text);
		ck_assert_int_eq(digest_text_parse_kind(text), kinds[i]);
		digest_free(digest);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		ck_assert_msg(digest_text_parse_kind(wrong[i]) == OPTION_UNSET, "%s", wrong[i]);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("digest");

	tcase_add_loop_test(tests, known_texts_have_their_known_digests, 0,
			    (int)(sizeof(known) / sizeof(known[0])));
	tcase_add_loop_test(tests, xxh3_is_that_of_its_authors, 0,
			    (int)(sizeof(xxh3_known) / sizeof(xxh3_known[0])));
	tcase_add_loop_test(tests, pieces_and_looks_in_between_make_no_difference, 0, KINDS);
	tcase_add_loop_test(tests, a_copy_goes_its_own_way, 0, KINDS);
	tcase_add_test(tests, another_kind_is_not_copied);
	tcase_add_test(tests, sha256sum_finds_the_same);
	tcase_add_test(tests, a_text_tells_its_kind);
	return run_case(tests, "digest", 30);
}
