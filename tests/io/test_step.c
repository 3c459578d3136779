/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/step.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "tests/io/io_test.h"
#include "tests/io/step_test.h"

/* What compresses, what undoes it, and the distribution's programs for both. */
static const struct {
	enum stream_step_kind compress;
	enum stream_step_kind decompress;
	const char *program;
	int64_t least_level;
	int64_t most_level;
} formats[] = {
	{ STREAM_STEP_GZIP, STREAM_STEP_GUNZIP, "gzip", 0, STREAM_GZIP_LEVEL_MAX },
	{ STREAM_STEP_ZSTD, STREAM_STEP_UNZSTD, "zstd", 1, STREAM_ZSTD_LEVEL_MAX },
};

#define FORMATS 2

static const struct pieces large = { 1 << 20, 1 << 14 };
static const struct pieces small = { 70, 50 };
static const struct pieces single = { 1, 1 };

static struct step *make(enum stream_step_kind kind, int64_t level)
{
	struct step *step;

	ck_assert_int_eq(step_new(kind, level, &step), 0);
	ck_assert_int_eq(step_kind(step), kind);
	ck_assert(step_is_at_boundary(step));
	return step;
}

static int run(void *what, struct step_data *data, enum step_flush flush)
{
	return step_run(what, data, flush);
}

static int end_empty(void *what, struct step_data *data, enum step_flush flush)
{
	(void)flush;
	return step_end_empty(what, data);
}

static struct bytes compress(int format, int64_t level, const struct bytes *content,
			     const struct pieces *pieces)
{
	struct step *step = make(formats[format].compress, level);
	struct bytes made = { 0 };

	ck_assert_int_eq(run_in_pieces(run, step, content, STEP_END_FRAME, pieces, &made), 0);
	ck_assert(step_is_at_boundary(step));
	step_free(step);
	return made;
}

/* The result of the last call; `step` is to be freed by the caller. */
static int try_decompress(struct step *step, const struct bytes *made, const struct pieces *pieces,
			  struct bytes *found)
{
	return run_in_pieces(run, step, made, STEP_END_FRAME, pieces, found);
}

static void check_decompresses(int format, const struct bytes *made, const struct bytes *content,
			       const struct pieces *pieces)
{
	struct step *step = make(formats[format].decompress, OPTION_UNSET);
	struct bytes found = { 0 };

	ck_assert_int_eq(try_decompress(step, made, pieces, &found), 0);
	ck_assert(step_is_at_boundary(step));
	check_same(&found, content);
	bytes_drop(&found);
	step_free(step);
}

static void check_program_reads(int format, const struct bytes *made, const struct bytes *content)
{
	const char *const argv[] = { formats[format].program, "-dc", NULL };
	struct bytes found = { 0 };

	ck_assert_int_eq(run_program(argv, made, &found), 0);
	check_same(&found, content);
	bytes_drop(&found);
}

START_TEST(what_went_in_comes_out_again_at_low_and_high_levels)
{
	for (int64_t level = formats[_i].least_level; level <= formats[_i].most_level; level += 3) {
		struct bytes content = make_content(200000 + random_below(100000));
		struct bytes made = compress(_i, level, &content, &large);

		check_decompresses(_i, &made, &content, &large);
		check_program_reads(_i, &made, &content);
		bytes_drop(&made);
		bytes_drop(&content);
	}
}
END_TEST

START_TEST(pieces_may_be_of_any_size)
{
	static const size_t lengths[] = { 1, 2, 3, 100, 4095, 4096, 4097, 65535, 65536, 65537 };
	static const struct pieces *const sizes[] = { &single, &small, &large };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct bytes content = make_content(lengths[i]);

		/* Byte by byte takes its time. */
		for (size_t j = lengths[i] > 5000; j < 3; j++) {
			struct bytes made = compress(_i, OPTION_UNSET, &content, sizes[j]);

			check_decompresses(_i, &made, &content, j == 2 ? &small : &large);
			check_decompresses(_i, &made, &content, sizes[j]);
			bytes_drop(&made);
		}
		bytes_drop(&content);
	}
}
END_TEST

START_TEST(frames_may_end_anywhere_and_each_stands_for_itself)
{
	struct step *step = make(formats[_i].compress, 1);
	struct bytes content = { 0 }, made = { 0 };

	for (int frame = 0; frame < 20; frame++) {
		struct bytes part = make_content(random_below(20000) + 1);
		size_t before = made.length;
		struct bytes alone;

		ck_assert_int_eq(run_in_pieces(run, step, &part, STEP_END_FRAME, &small, &made), 0);
		ck_assert(step_is_at_boundary(step));
		alone = (struct bytes){ .data = made.data + before,
					.length = made.length - before };
		check_decompresses(_i, &alone, &part, &large);
		check_program_reads(_i, &alone, &part);
		bytes_add(&content, part.data, part.length);
		bytes_drop(&part);
	}
	check_decompresses(_i, &made, &content, &small);
	check_program_reads(_i, &made, &content);
	bytes_drop(&made);
	bytes_drop(&content);
	step_free(step);
}
END_TEST

START_TEST(a_frame_that_was_not_begun_does_not_end)
{
	struct step *step = make(formats[_i].compress, OPTION_UNSET);
	struct bytes nothing = { 0 }, made = { 0 };

	ck_assert_int_eq(run_in_pieces(run, step, &nothing, STEP_END_FRAME, &large, &made), 0);
	ck_assert_uint_eq(made.length, 0);
	bytes_add(&nothing, "x", 1);
	ck_assert_int_eq(run_in_pieces(run, step, &nothing, STEP_END_FRAME, &large, &made), 0);
	nothing.length = 0;
	ck_assert_uint_gt(made.length, 0);
	made.length = 0;
	ck_assert_int_eq(run_in_pieces(run, step, &nothing, STEP_END_FRAME, &large, &made), 0);
	ck_assert_uint_eq(made.length, 0);
	bytes_drop(&made);
	bytes_drop(&nothing);
	step_free(step);
}
END_TEST

START_TEST(a_begun_frame_is_no_boundary)
{
	struct step *step = make(formats[_i].compress, OPTION_UNSET);
	struct bytes one = { 0 }, made = { 0 };

	bytes_add(&one, "x", 1);
	ck_assert_int_eq(run_in_pieces(run, step, &one, STEP_RUN, &large, &made), 0);
	ck_assert(!step_is_at_boundary(step));
	step_reset(step);
	ck_assert(step_is_at_boundary(step));
	made.length = 0;
	ck_assert_int_eq(run_in_pieces(run, step, &one, STEP_END_FRAME, &large, &made), 0);
	check_decompresses(_i, &made, &one, &large);
	bytes_drop(&made);
	bytes_drop(&one);
	step_free(step);
}
END_TEST

START_TEST(an_ending_frame_needs_the_same_call_with_room)
{
	struct step *step = make(formats[_i].compress, OPTION_UNSET);
	struct bytes content = make_content(50000), made = { 0 };
	unsigned char room[100];
	struct step_data data = { .in = content.data, .in_bytes = content.length };
	int r;

	ck_assert_int_eq(step_run(step, &data, STEP_END_FRAME), STEP_E_FULL);
	ck_assert_uint_eq(data.in_bytes, content.length);
	do {
		data.out = room;
		data.out_bytes = sizeof(room);
		r = step_run(step, &data, STEP_END_FRAME);
		bytes_add(&made, room, sizeof(room) - data.out_bytes);
		ck_assert_int_eq(step_is_at_boundary(step), r == 0);
	} while (r == STEP_E_FULL);
	ck_assert_int_eq(r, 0);
	check_decompresses(_i, &made, &content, &large);
	bytes_drop(&made);
	bytes_drop(&content);
	step_free(step);
}
END_TEST

START_TEST(a_frame_that_is_ending_ends_before_more_is_taken)
{
	struct step *step = make(formats[_i].compress, OPTION_UNSET);
	struct bytes content = make_content(50000), made = { 0 };
	struct bytes rest = { .data = content.data + 40000, .length = 10000 };
	unsigned char room[1000];
	struct step_data data = { .in = content.data, .in_bytes = 40000 };

	do {
		data.out = room;
		data.out_bytes = sizeof(room);
		ck_assert_int_eq(step_run(step, &data, STEP_END_FRAME), STEP_E_FULL);
		bytes_add(&made, room, sizeof(room));
	} while (data.in_bytes > 0);
	ck_assert_int_eq(run_in_pieces(run, step, &rest, STEP_END_FRAME, &small, &made), 0);
	check_decompresses(_i, &made, &content, &large);
	bytes_drop(&made);
	bytes_drop(&content);
	step_free(step);
}
END_TEST

START_TEST(nothing_can_be_a_frame_too)
{
	struct step *step = make(formats[_i].compress, OPTION_UNSET);
	struct bytes nothing = { 0 }, made = { 0 }, found = { 0 };
	const char *const argv[] = { formats[_i].program, "-t", NULL };

	ck_assert_int_eq(run_in_pieces(end_empty, step, &nothing, STEP_RUN, &single, &made), 0);
	ck_assert(step_is_at_boundary(step));
	ck_assert_uint_gt(made.length, 4);
	check_decompresses(_i, &made, &nothing, &single);
	check_program_reads(_i, &made, &nothing);
	ck_assert_int_eq(run_program(argv, &made, &found), 0);
	step_free(step);

	made.length = 0;
	step = make(formats[_i].decompress, OPTION_UNSET);
	ck_assert_int_eq(run_in_pieces(end_empty, step, &nothing, STEP_RUN, &single, &made), 0);
	ck_assert_uint_eq(made.length, 0);
	step_free(step);
	bytes_drop(&made);
	bytes_drop(&found);
}
END_TEST

START_TEST(what_the_programs_made_is_read_one_after_another)
{
	static const char *const levels[] = { "-1", "-9" };
	struct bytes content = { 0 }, made = { 0 };

	for (int i = 0; i < 4; i++) {
		const char *const argv[] = { formats[_i].program, "-c", levels[i % 2], NULL };
		struct bytes part = make_content(i == 2 ? 0 : 150000);

		ck_assert_int_eq(run_program(argv, &part, &made), 0);
		bytes_add(&content, part.data, part.length);
		bytes_drop(&part);
	}
	check_decompresses(_i, &made, &content, &large);
	check_decompresses(_i, &made, &content, &small);
	bytes_drop(&made);
	bytes_drop(&content);
}
END_TEST

static void check_refused(int format, const struct bytes *made)
{
	struct step *step = make(formats[format].decompress, OPTION_UNSET);
	struct bytes found = { 0 }, good = { 0 }, content = make_content(1000);

	ck_assert_int_eq(try_decompress(step, made, &small, &found), -EBADMSG);
	/* From here on nothing is taken, whatever it is, until the reset. */
	good = compress(format, 1, &content, &large);
	found.length = 0;
	ck_assert_int_eq(try_decompress(step, &good, &large, &found), -EBADMSG);
	ck_assert_uint_eq(found.length, 0);
	step_reset(step);
	ck_assert_int_eq(try_decompress(step, &good, &large, &found), 0);
	check_same(&found, &content);
	bytes_drop(&found);
	bytes_drop(&good);
	bytes_drop(&content);
	step_free(step);
}

START_TEST(garbage_is_refused_at_the_beginning_and_behind_a_frame)
{
	struct bytes garbage = { 0 }, content = make_content(5000);
	struct bytes made = compress(_i, OPTION_UNSET, &content, &large);

	bytes_add(&garbage, "this is no frame at all", 23);
	check_refused(_i, &garbage);
	bytes_add(&made, garbage.data, garbage.length);
	check_refused(_i, &made);
	bytes_drop(&garbage);
	bytes_drop(&made);
	bytes_drop(&content);
}
END_TEST

START_TEST(damage_is_noticed)
{
	struct bytes content = make_content(30000);
	struct bytes made = compress(_i, OPTION_UNSET, &content, &large);

	for (int i = 0; i < 50; i++) {
		size_t at = made.length / 4 + random_below(made.length * 3 / 4);
		struct step *step = make(formats[_i].decompress, OPTION_UNSET);
		struct bytes found = { 0 };
		int r;

		made.data[at] ^= 0x10;
		r = try_decompress(step, &made, &small, &found);
		/* Damage can also make it longer than it is. */
		ck_assert(r == -EBADMSG || (r == 0 && !step_is_at_boundary(step)));
		made.data[at] ^= 0x10;
		bytes_drop(&found);
		step_free(step);
	}
	bytes_drop(&made);
	bytes_drop(&content);
}
END_TEST

START_TEST(of_a_frame_cut_short_all_that_can_be_had_comes)
{
	struct bytes content = make_content(400000);
	struct bytes made = compress(_i, 1, &content, &large);

	for (int i = 0; i < 20; i++) {
		struct step *step = make(formats[_i].decompress, OPTION_UNSET);
		struct bytes cut = { .data = made.data,
				     .length = 1 + random_below(made.length - 1) };
		struct bytes found = { 0 };

		if (i == 0)
			cut.length = made.length - 1;
		ck_assert_int_eq(try_decompress(step, &cut, &large, &found), 0);
		ck_assert(!step_is_at_boundary(step));
		ck_assert_uint_le(found.length, content.length);
		ck_assert(found.length == 0 || memcmp(found.data, content.data, found.length) == 0);
		/* A block of zstd has up to 128 KiB. */
		if (cut.length > made.length / 2)
			ck_assert_uint_gt(found.length + 131072, content.length * 2 / 5);
		bytes_drop(&found);
		step_free(step);
	}
	bytes_drop(&made);
	bytes_drop(&content);
}
END_TEST

START_TEST(what_had_no_room_comes_when_there_is_some)
{
	struct bytes zeros = { .data = calloc(1, 100000), .length = 100000 }, found = { 0 };
	struct bytes made = compress(_i, OPTION_UNSET, &zeros, &large);
	struct bytes cut = { .data = made.data, .length = made.length - 1 };
	struct step *step = make(formats[_i].decompress, OPTION_UNSET);

	/* A few bytes that were taken at once make all of it, and there is no end to wait for. */
	ck_assert_int_eq(try_decompress(step, &cut, &small, &found), 0);
	check_same(&found, &zeros);
	step_reset(step);
	found.length = 0;
	cut.length = made.length / 2;
	ck_assert_int_eq(try_decompress(step, &cut, &large, &found), 0);
	zeros.length = found.length;
	step_reset(step);
	found.length = 0;
	ck_assert_int_eq(try_decompress(step, &cut, &small, &found), 0);
	check_same(&found, &zeros);
	bytes_drop(&made);
	bytes_drop(&found);
	bytes_drop(&zeros);
	step_free(step);
}
END_TEST

START_TEST(levels_make_a_difference)
{
	struct bytes content = make_content(300000);
	struct bytes least = compress(_i, formats[_i].least_level, &content, &large);
	struct bytes most = compress(_i, formats[_i].most_level, &content, &large);
	struct bytes usual = compress(_i, OPTION_UNSET, &content, &large);

	ck_assert_uint_lt(most.length, least.length);
	ck_assert_uint_le(most.length, usual.length);
	if (formats[_i].least_level == 0)
		ck_assert_uint_gt(least.length, content.length);
	bytes_drop(&least);
	bytes_drop(&most);
	bytes_drop(&usual);
	bytes_drop(&content);
}
END_TEST

START_TEST(a_frame_that_wants_too_much_memory_is_refused)
{
	/* The beginning of a frame: magic, no options, and the logarithm of its window less 10. */
	unsigned char header[] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, (28 - 10) << 3 };
	struct bytes frame = { .data = header, .length = sizeof(header) }, found = { 0 };
	struct step *step = make(STREAM_STEP_UNZSTD, OPTION_UNSET);

	ck_assert_int_eq(try_decompress(step, &frame, &large, &found), -EBADMSG);
	step_reset(step);
	header[5] = (27 - 10) << 3;
	ck_assert_int_eq(try_decompress(step, &frame, &large, &found), 0);
	ck_assert(!step_is_at_boundary(step));
	bytes_drop(&found);
	step_free(step);
}
END_TEST

/* What malloc has given out. Where a sanitizer took its place nothing is counted. */
static uint64_t allocated_bytes(void)
{
	struct mallinfo2 facts = mallinfo2();

	return facts.uordblks + facts.hblkhd;
}

START_TEST(no_step_holds_more_than_it_is_counted_for)
{
	static const struct {
		enum stream_step_kind kind;
		int64_t level;
	} cases[] = {
		{ STREAM_STEP_GZIP, 9 },  { STREAM_STEP_GUNZIP, OPTION_UNSET },
		{ STREAM_STEP_ZSTD, 3 },  { STREAM_STEP_ZSTD, OPTION_UNSET },
		{ STREAM_STEP_ZSTD, 8 },  { STREAM_STEP_ZSTD, 9 },
		{ STREAM_STEP_ZSTD, 11 }, { STREAM_STEP_ZSTD, 12 },
		{ STREAM_STEP_ZSTD, 14 }, { STREAM_STEP_ZSTD, 15 },
		{ STREAM_STEP_ZSTD, 18 }, { STREAM_STEP_ZSTD, 19 },
	};
	struct bytes content = make_content(300000), compressed = compress(0, 6, &content, &large);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bool undo = cases[i].kind == STREAM_STEP_GUNZIP;
		uint64_t before = allocated_bytes();
		struct step *step = make(cases[i].kind, cases[i].level);
		const struct bytes *in = undo ? &compressed : &content;
		struct bytes out = { 0 };
		uint64_t held = 0;

		ck_assert_int_eq(run_in_pieces(run, step, in, STEP_RUN, &large, &out), 0);
		if (before > 0)
			held = allocated_bytes() - before - out.room;
		ck_assert_msg(held <= step_memory_bytes(cases[i].kind, cases[i].level) + 4096,
			      "case %zu: %llu held", i, (unsigned long long)held);
		bytes_drop(&out);
		step_free(step);
	}
	bytes_drop(&compressed);
	bytes_drop(&content);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("step");

	tcase_add_loop_test(tests, what_went_in_comes_out_again_at_low_and_high_levels, 0, FORMATS);
	tcase_add_loop_test(tests, pieces_may_be_of_any_size, 0, FORMATS);
	tcase_add_loop_test(tests, frames_may_end_anywhere_and_each_stands_for_itself, 0, FORMATS);
	tcase_add_loop_test(tests, a_frame_that_was_not_begun_does_not_end, 0, FORMATS);
	tcase_add_loop_test(tests, a_begun_frame_is_no_boundary, 0, FORMATS);
	tcase_add_loop_test(tests, an_ending_frame_needs_the_same_call_with_room, 0, FORMATS);
	tcase_add_loop_test(tests, a_frame_that_is_ending_ends_before_more_is_taken, 0, FORMATS);
	tcase_add_loop_test(tests, nothing_can_be_a_frame_too, 0, FORMATS);
	tcase_add_loop_test(tests, what_the_programs_made_is_read_one_after_another, 0, FORMATS);
	tcase_add_loop_test(tests, garbage_is_refused_at_the_beginning_and_behind_a_frame, 0,
			    FORMATS);
	tcase_add_loop_test(tests, damage_is_noticed, 0, FORMATS);
	tcase_add_loop_test(tests, of_a_frame_cut_short_all_that_can_be_had_comes, 0, FORMATS);
	tcase_add_loop_test(tests, what_had_no_room_comes_when_there_is_some, 0, FORMATS);
	tcase_add_loop_test(tests, levels_make_a_difference, 0, FORMATS);
	tcase_add_test(tests, a_frame_that_wants_too_much_memory_is_refused);
	tcase_add_test(tests, no_step_holds_more_than_it_is_counted_for);
	return run_case(tests, "step", 60);
}
