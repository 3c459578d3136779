/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/file_pass.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/io/step_chain.h"
#include "tests/io/io_test.h"
#include "tests/io/step_test.h"

/* What stands behind the memory that is filled, and must stay so. */
#define GUARD 0xa5
#define GUARD_BYTES 64

static const struct stream_step gunzip = { STREAM_STEP_GUNZIP, OPTION_UNSET };
static const struct stream_step unzstd = { STREAM_STEP_UNZSTD, OPTION_UNSET };
static const struct pieces large = { 1 << 20, 1 << 18 };

static char *folder;
static int file_fd = -1;

static void set_up(void)
{
	folder = make_folder();
	file_fd = open(in_folder(folder, "file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(file_fd, 0);
}

static void tear_down(void)
{
	close(file_fd);
	remove_folder(folder);
}

static void store(const struct bytes *bytes)
{
	ck_assert_int_eq(ftruncate(file_fd, 0), 0);
	if (bytes->length > 0)
		ck_assert_int_eq(pwrite(file_fd, bytes->data, bytes->length, 0),
				 (ssize_t)bytes->length);
}

static int run(void *what, struct step_data *data, enum step_flush flush)
{
	return step_chain_run(what, data, flush);
}

static struct bytes compress(enum stream_step_kind kind, const struct bytes *in)
{
	const struct stream_step step = { kind, OPTION_UNSET };
	struct bytes out = { 0 };
	struct step_chain *chain;

	ck_assert_int_eq(step_chain_new(&step, 1, &chain), 0);
	ck_assert_int_eq(run_in_pieces(run, chain, in, STEP_END_FRAME, &large, &out), 0);
	step_chain_free(chain);
	return out;
}

/* Piece by piece to the end, which this returns. */
static int run_all(struct file_pass *pass)
{
	int r = 0;

	while (r == 0 && !pass->over) {
		uint64_t done = file_pass_done_bytes(pass);

		r = file_pass_run(pass);
		ck_assert_uint_ge(file_pass_done_bytes(pass), done);
		ck_assert_uint_le(file_pass_done_bytes(pass), file_pass_total_bytes(pass));
	}
	return r;
}

static struct file_pass_plan plan_for(const struct bytes *stored, const struct stream_step *step)
{
	return (struct file_pass_plan){
		.fd = file_fd,
		.stored_bytes = stored->length,
		.steps = step,
		.steps_count = step ? 1 : 0,
		.end = FILE_PASS_ALL,
	};
}

/* The part from `begin` on, so long, lands in memory and nothing beside it is touched. */
static void check_part(const struct file_pass_plan *plan, const struct bytes *content, size_t begin,
		       size_t end)
{
	size_t length = end - begin;
	unsigned char *memory = malloc(length + GUARD_BYTES);
	struct file_pass_plan part = *plan;
	struct file_pass pass;

	memset(memory, GUARD, length + GUARD_BYTES);
	part.begin = begin;
	part.memory = memory;
	part.memory_bytes = length;
	if (end < content->length)
		part.end = end;
	ck_assert_int_eq(file_pass_init(&pass, &part), 0);
	ck_assert_int_eq(run_all(&pass), 0);
	ck_assert_uint_ge(pass.made_bytes, end);
	if (length > 0)
		ck_assert_mem_eq(memory, content->data + begin, length);
	for (size_t i = 0; i < GUARD_BYTES; i++)
		ck_assert_uint_eq(memory[length + i], GUARD);
	file_pass_fini(&pass);
	free(memory);
}

START_TEST(every_part_of_every_length_comes_as_it_is)
{
	static const size_t lengths[] = { 0, 1, 4096, 300000, (20 << 20) + 5 };
	static const enum stream_checksum kinds[] = { STREAM_CHECKSUM_NONE, STREAM_CHECKSUM_XXH3 };
	struct bytes content = make_content(lengths[_i]);
	struct bytes gz = compress(STREAM_STEP_GZIP, &content);
	struct bytes zst = compress(STREAM_STEP_ZSTD, &content);
	const struct {
		const struct bytes *stored;
		const struct stream_step *step;
	} ways[] = { { &content, NULL }, { &gz, &gunzip }, { &zst, &unzstd } };

	for (size_t way = 0; way < 3; way++) {
		store(ways[way].stored);
		for (size_t i = 0; i < 12; i++) {
			struct file_pass_plan plan = plan_for(ways[way].stored, ways[way].step);
			size_t begin = i < 2 ? 0 : random_below(content.length + 1);
			size_t end = i < 2 ? content.length :
					     begin + random_below(content.length - begin + 1);

			plan.checksum = kinds[i % 2];
			check_part(&plan, &content, begin, end);
		}
	}
	bytes_drop(&content);
	bytes_drop(&gz);
	bytes_drop(&zst);
}
END_TEST

START_TEST(the_digest_is_that_of_what_is_stored_even_of_a_part)
{
	struct bytes content = make_content(3 << 20);
	struct bytes gz = compress(STREAM_STEP_GZIP, &content);
	struct file_pass_plan plan = plan_for(&gz, &gunzip);
	char wanted[DIGEST_TEXT_BYTES], got[DIGEST_TEXT_BYTES];
	struct digest *digest;
	struct file_pass pass;

	store(&gz);
	ck_assert_int_eq(digest_new(STREAM_CHECKSUM_SHA256, &digest), 0);
	ck_assert_int_eq(digest_update(digest, gz.data, gz.length), 0);
	digest_text(digest, wanted);
	digest_free(digest);
	plan.checksum = STREAM_CHECKSUM_SHA256;
	plan.end = 100;
	ck_assert_int_eq(file_pass_init(&pass, &plan), 0);
	ck_assert(!file_pass_is_digested(&pass));
	ck_assert_int_eq(run_all(&pass), 0);
	ck_assert(file_pass_is_digested(&pass));
	digest_text(pass.digest, got);
	ck_assert_str_eq(got, wanted);
	file_pass_fini(&pass);
	bytes_drop(&content);
	bytes_drop(&gz);
}
END_TEST

START_TEST(of_a_part_without_a_digest_no_more_is_read_than_it_takes)
{
	struct bytes content = make_content(8 << 20);
	struct file_pass_plan plan = plan_for(&content, NULL);
	struct file_pass pass;

	store(&content);
	plan.begin = 4 << 20;
	plan.end = plan.begin + 5;
	ck_assert_int_eq(file_pass_init(&pass, &plan), 0);
	ck_assert_int_eq(run_all(&pass), 0);
	ck_assert_uint_eq(file_pass_done_bytes(&pass), 5);
	ck_assert_uint_eq(file_pass_total_bytes(&pass), 5);
	file_pass_fini(&pass);
	bytes_drop(&content);
}
END_TEST

START_TEST(a_piece_is_bounded_by_what_comes_out_as_well)
{
	/* Some tens of KiB that become 64 MiB. */
	struct bytes content = { .data = calloc(1, 64 << 20), .length = 64 << 20 };
	struct bytes zst = compress(STREAM_STEP_ZSTD, &content);
	struct file_pass_plan plan = plan_for(&zst, &unzstd);
	struct file_pass pass;

	store(&zst);
	ck_assert_int_eq(file_pass_init(&pass, &plan), 0);
	ck_assert_int_eq(file_pass_run(&pass), 0);
	ck_assert(!pass.over);
	ck_assert_uint_le(pass.made_bytes, 32 << 20);
	ck_assert_int_eq(run_all(&pass), 0);
	ck_assert_uint_eq(pass.made_bytes, content.length);
	file_pass_fini(&pass);
	/* And it can be told to stop there. */
	plan.end = 1 << 20;
	ck_assert_int_eq(file_pass_init(&pass, &plan), 0);
	ck_assert_int_eq(file_pass_run(&pass), 0);
	ck_assert(pass.over);
	ck_assert_uint_le(pass.made_bytes, 2 << 20);
	file_pass_fini(&pass);
	free(content.data);
	bytes_drop(&zst);
}
END_TEST

/* The whole of it fails so; with a digest as well, which is then taken all the same. */
static void check_failure(const struct bytes *stored, const struct stream_step *step, int error,
			  const char *failed)
{
	for (int with_digest = 0; with_digest < 2; with_digest++) {
		struct file_pass_plan plan = plan_for(stored, step);
		struct file_pass pass;

		plan.checksum = with_digest ? STREAM_CHECKSUM_CRC32 : STREAM_CHECKSUM_NONE;
		ck_assert_int_eq(file_pass_init(&pass, &plan), 0);
		ck_assert_int_eq(run_all(&pass), error);
		ck_assert(!pass.over);
		ck_assert_str_eq(pass.failed, failed);
		ck_assert_int_eq(file_pass_is_digested(&pass), with_digest && error == -EBADMSG);
		file_pass_fini(&pass);
	}
}

START_TEST(what_is_damaged_or_cut_short_is_an_error_of_the_step)
{
	struct bytes content = make_content(5 << 20);
	struct bytes gz = compress(STREAM_STEP_GZIP, &content);
	size_t length = gz.length;

	store(&content);
	check_failure(&content, &gunzip, -EBADMSG, "gunzip");
	check_failure(&content, &unzstd, -EBADMSG, "unzstd");
	store(&gz);
	gz.length -= 1;
	check_failure(&gz, &gunzip, -EBADMSG, "gunzip");
	gz.length = length;
	/* Its own check sum stands at the end, behind the last byte that comes out. */
	gz.data[length - 6] ^= 1;
	store(&gz);
	check_failure(&gz, &gunzip, -EBADMSG, "gunzip");
	bytes_drop(&content);
	bytes_drop(&gz);
}
END_TEST

START_TEST(a_file_that_became_shorter_is_an_error_of_reading)
{
	struct bytes content = make_content(100000);

	store(&content);
	ck_assert_int_eq(ftruncate(file_fd, 99999), 0);
	check_failure(&content, NULL, -ESTALE, "read");
	bytes_drop(&content);
}
END_TEST

START_TEST(what_was_added_to_a_file_is_not_looked_at)
{
	struct bytes content = make_content(100000);
	struct file_pass_plan plan = plan_for(&content, NULL);

	store(&content);
	ck_assert_int_eq(pwrite(file_fd, "more", 4, 100000), 4);
	plan.checksum = STREAM_CHECKSUM_CRC32;
	check_part(&plan, &content, 0, content.length);
	bytes_drop(&content);
}
END_TEST

int main(void)
{
	TCase *test_case = tcase_create("file_pass");

	tcase_add_checked_fixture(test_case, set_up, tear_down);
	tcase_add_loop_test(test_case, every_part_of_every_length_comes_as_it_is, 0, 5);
	tcase_add_test(test_case, the_digest_is_that_of_what_is_stored_even_of_a_part);
	tcase_add_test(test_case, of_a_part_without_a_digest_no_more_is_read_than_it_takes);
	tcase_add_test(test_case, a_piece_is_bounded_by_what_comes_out_as_well);
	tcase_add_test(test_case, what_is_damaged_or_cut_short_is_an_error_of_the_step);
	tcase_add_test(test_case, a_file_that_became_shorter_is_an_error_of_reading);
	tcase_add_test(test_case, what_was_added_to_a_file_is_not_looked_at);
	return run_case(test_case, "file_pass", 60);
}
