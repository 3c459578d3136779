/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/decompress.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <check.h>
#include <zlib.h>
#include <zstd.h>

#define CONTENT_BYTES ((size_t)700001)

static unsigned char content[CONTENT_BYTES];

/* A file of the test's own making. */
static int file_fd;

static void set_up(void)
{
	unsigned int state = 1;

	/* Half of it can be compressed. */
	for (size_t i = 0; i < CONTENT_BYTES; i++)
		content[i] = (unsigned char)(i / 1000 % 2 ? rand_r(&state) : (int)(i / 1000));
	file_fd = memfd_create("file", MFD_CLOEXEC);
	ck_assert_int_ge(file_fd, 0);
}

static void tear_down(void)
{
	close(file_fd);
}

static void add(const void *bytes, size_t length)
{
	ck_assert_int_eq(write(file_fd, bytes, length), (ssize_t)length);
}

static void add_gzip(const unsigned char *bytes, size_t length)
{
	static unsigned char made[CONTENT_BYTES + 4096];
	z_stream stream = { 0 };

	ck_assert_int_eq(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY),
			 Z_OK);
	stream.next_in = (unsigned char *)bytes;
	stream.avail_in = (uInt)length;
	stream.next_out = made;
	stream.avail_out = sizeof(made);
	ck_assert_int_eq(deflate(&stream, Z_FINISH), Z_STREAM_END);
	add(made, stream.total_out);
	ck_assert_int_eq(deflateEnd(&stream), Z_OK);
}

static void add_zstd(const unsigned char *bytes, size_t length)
{
	static unsigned char made[CONTENT_BYTES + 4096];
	ZSTD_CCtx *context = ZSTD_createCCtx();
	size_t result;

	ck_assert(!ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
	result = ZSTD_compress2(context, made, sizeof(made), bytes, length);
	ck_assert(!ZSTD_isError(result));
	add(made, result);
	ZSTD_freeCCtx(context);
}

static const struct {
	void (*add)(const unsigned char *bytes, size_t length);
} formats[] = { { add_gzip }, { add_zstd } };

static size_t file_length(void)
{
	off_t length = lseek(file_fd, 0, SEEK_END);

	ck_assert_int_ge(length, 0);
	return (size_t)length;
}

/* What comes out must be `length` bytes of the content, or as many of them as came. */
static size_t check_copy(int wanted, size_t length)
{
	int out_fd = memfd_create("out", MFD_CLOEXEC);
	unsigned char *found = malloc(CONTENT_BYTES + 1);
	ssize_t got;

	ck_assert_int_ge(out_fd, 0);
	ck_assert_ptr_nonnull(found);
	ck_assert_int_eq(lseek(file_fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(decompress_copy(file_fd, out_fd), wanted);
	got = pread(out_fd, found, CONTENT_BYTES + 1, 0);
	ck_assert_int_ge(got, 0);
	if (wanted == 0)
		ck_assert_uint_eq((size_t)got, length);
	ck_assert_uint_le((size_t)got, length);
	if (got > 0)
		ck_assert_mem_eq(found, content, (size_t)got);
	free(found);
	close(out_fd);
	return (size_t)got;
}

START_TEST(compression_is_undone)
{
	formats[_i].add(content, CONTENT_BYTES);
	(void)check_copy(0, CONTENT_BYTES);
}
END_TEST

START_TEST(nothing_compressed_is_nothing)
{
	formats[_i].add(content, 0);
	(void)check_copy(0, 0);
}
END_TEST

START_TEST(members_and_frames_follow_one_another)
{
	size_t at = 0;

	for (size_t i = 0; at < CONTENT_BYTES; i++) {
		size_t part = i * i * 100;

		if (part > CONTENT_BYTES - at)
			part = CONTENT_BYTES - at;
		formats[i % 2].add(content + at, part);
		at += part;
	}
	(void)check_copy(0, CONTENT_BYTES);
}
END_TEST

START_TEST(frames_without_content_are_skipped)
{
	add("\x5e\x2a\x4d\x18\x03\x00\x00\x00"
	    "abc",
	    11);
	add_zstd(content, 1000);
	(void)check_copy(0, 1000);
}
END_TEST

START_TEST(what_is_neither_comes_as_it_is)
{
	static const size_t lengths[] = { 0, 1, 2, 3, 4, 1000, 131072, 131073, CONTENT_BYTES };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		ck_assert_int_eq(ftruncate(file_fd, 0), 0);
		ck_assert_int_eq(lseek(file_fd, 0, SEEK_SET), 0);
		add(content, lengths[i]);
		(void)check_copy(0, lengths[i]);
	}
}
END_TEST

START_TEST(too_short_for_a_beginning_is_neither)
{
	memcpy(content, "\x1f\x8b", 2);
	add(content, 2);
	(void)check_copy(0, 2);
}
END_TEST

START_TEST(the_first_bytes_tell_what_undoes_it)
{
	static const struct {
		const char *bytes;
		size_t length;
		const char *step;
	} rows[] = {
		{ "", 0, NULL },
		{ "\x1f\x8b", 2, NULL },
		{ "\x1f\x8b\x08", 3, "gunzip" },
		{ "\x28\xb5\x2f\xfd", 4, "unzstd" },
		{ "\x5e\x2a\x4d\x18\x03", 5, "unzstd" },
		{ "text", 4, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *step = "none";

		ck_assert_int_eq(ftruncate(file_fd, 0), 0);
		ck_assert_int_eq(lseek(file_fd, 0, SEEK_SET), 0);
		add(rows[i].bytes, rows[i].length);
		ck_assert_int_eq(decompress_find_step(file_fd, &step), 0);
		ck_assert_pstr_eq(step, rows[i].step);
	}
	ck_assert_int_eq(decompress_find_step(-1, &(const char *){ NULL }), -EBADF);
}
END_TEST

START_TEST(a_file_that_ends_too_early_gives_what_it_has_and_says_so)
{
	size_t length;

	formats[_i].add(content, CONTENT_BYTES);
	length = file_length();
	ck_assert_int_eq(ftruncate(file_fd, (off_t)length - 1), 0);
	ck_assert_uint_ge(check_copy(DECOMPRESS_E_CUT_SHORT, CONTENT_BYTES),
			  CONTENT_BYTES - 131072);
	ck_assert_int_eq(ftruncate(file_fd, (off_t)length / 2), 0);
	ck_assert_uint_ge(check_copy(DECOMPRESS_E_CUT_SHORT, CONTENT_BYTES), CONTENT_BYTES / 4);
	ck_assert_int_eq(ftruncate(file_fd, 5), 0);
	ck_assert_uint_eq(check_copy(DECOMPRESS_E_CUT_SHORT, CONTENT_BYTES), 0);
}
END_TEST

START_TEST(damage_is_told)
{
	size_t length;
	unsigned char byte;

	formats[_i].add(content, CONTENT_BYTES);
	/* The last four bytes check what came before, or its length. */
	length = file_length();
	ck_assert_int_eq(pread(file_fd, &byte, 1, (off_t)length - 1), 1);
	byte ^= 1;
	ck_assert_int_eq(pwrite(file_fd, &byte, 1, (off_t)length - 1), 1);
	(void)check_copy(DECOMPRESS_E_DAMAGED, CONTENT_BYTES);
}
END_TEST

START_TEST(garbage_behind_a_frame_is_damage)
{
	formats[_i].add(content, CONTENT_BYTES);
	add("x", 1);
	ck_assert_uint_eq(check_copy(DECOMPRESS_E_DAMAGED, CONTENT_BYTES), CONTENT_BYTES);
}
END_TEST

START_TEST(errors_of_either_side_are_told)
{
	int full_fd = open("/dev/full", O_WRONLY | O_CLOEXEC), folder_fd = open("/", O_RDONLY);

	ck_assert_int_ge(full_fd, 0);
	formats[_i].add(content, CONTENT_BYTES);
	ck_assert_int_eq(lseek(file_fd, 0, SEEK_SET), 0);
	ck_assert_int_eq(decompress_copy(file_fd, full_fd), -ENOSPC);
	ck_assert_int_eq(decompress_copy(folder_fd, full_fd), -EISDIR);
	close(full_fd);
	close(folder_fd);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client decompress");
	TCase *all = tcase_create("decompress");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_loop_test(all, compression_is_undone, 0, 2);
	tcase_add_loop_test(all, nothing_compressed_is_nothing, 0, 2);
	tcase_add_test(all, members_and_frames_follow_one_another);
	tcase_add_test(all, frames_without_content_are_skipped);
	tcase_add_test(all, what_is_neither_comes_as_it_is);
	tcase_add_test(all, too_short_for_a_beginning_is_neither);
	tcase_add_test(all, the_first_bytes_tell_what_undoes_it);
	tcase_add_loop_test(all, a_file_that_ends_too_early_gives_what_it_has_and_says_so, 0, 2);
	tcase_add_loop_test(all, damage_is_told, 0, 2);
	tcase_add_loop_test(all, garbage_behind_a_frame_is_damage, 0, 2);
	tcase_add_loop_test(all, errors_of_either_side_are_told, 0, 2);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
