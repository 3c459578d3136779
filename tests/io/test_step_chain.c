/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/step_chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tests/io/io_test.h"
#include "tests/io/step_test.h"

#define GZIP                                                                                       \
	{                                                                                          \
		STREAM_STEP_GZIP, OPTION_UNSET                                                     \
	}
#define GUNZIP                                                                                     \
	{                                                                                          \
		STREAM_STEP_GUNZIP, OPTION_UNSET                                                   \
	}
#define ZSTD                                                                                       \
	{                                                                                          \
		STREAM_STEP_ZSTD, OPTION_UNSET                                                     \
	}
#define UNZSTD                                                                                     \
	{                                                                                          \
		STREAM_STEP_UNZSTD, OPTION_UNSET                                                   \
	}

static const struct pieces large = { 1 << 20, 1 << 18 };
static const struct pieces small = { 700, 500 };
static const struct pieces single = { 1, 1 };

static struct step_chain *make(const struct stream_step *steps, size_t count)
{
	struct step_chain *chain;

	ck_assert_int_eq(step_chain_new(steps, count, &chain), 0);
	ck_assert(step_chain_is_at_boundary(chain));
	ck_assert(!step_chain_expects_more(chain));
	ck_assert_ptr_null(step_chain_failed_name(chain));
	return chain;
}

static int run(void *what, struct step_data *data, enum step_flush flush)
{
	return step_chain_run(what, data, flush);
}

static int end_empty(void *what, struct step_data *data, enum step_flush flush)
{
	(void)flush;
	return step_chain_end_empty(what, data);
}

static void run_all(struct step_chain *chain, const struct bytes *in, const struct pieces *pieces,
		    struct bytes *out)
{
	ck_assert_int_eq(run_in_pieces(run, chain, in, STEP_END_FRAME, pieces, out), 0);
}

/* What one step makes of the content. */
static struct bytes made_by(enum stream_step_kind kind, const struct bytes *content)
{
	struct stream_step step = { kind, OPTION_UNSET };
	struct step_chain *chain = make(&step, 1);
	struct bytes made = { 0 };

	run_all(chain, content, &large, &made);
	step_chain_free(chain);
	return made;
}

/* Chains that give out what they were given. */
static const struct {
	struct stream_step steps[STREAM_STEPS_MAX];
	size_t count;
} identities[] = {
	{ { { 0 } }, 0 },
	{ { GZIP, GUNZIP }, 2 },
	{ { ZSTD, UNZSTD }, 2 },
	{ { GZIP, ZSTD, UNZSTD, GUNZIP }, 4 },
	{ { ZSTD, UNZSTD, GZIP, GUNZIP }, 4 },
};

#define IDENTITIES ((int)(sizeof(identities) / sizeof(identities[0])))

START_TEST(at_each_end_of_a_frame_all_that_went_in_has_come_out)
{
	struct step_chain *chain = make(identities[_i].steps, identities[_i].count);
	struct bytes content = { 0 }, found = { 0 };

	for (int frame = 0; frame < 15; frame++) {
		struct bytes part = make_content(random_below(frame % 2 ? 300000 : 3000));

		run_all(chain, &part, frame % 3 ? &large : &small, &found);
		bytes_add(&content, part.data, part.length);
		check_same(&found, &content);
		ck_assert(step_chain_is_at_boundary(chain));
		bytes_drop(&part);
	}
	bytes_drop(&found);
	bytes_drop(&content);
	step_chain_free(chain);
}
END_TEST

START_TEST(a_chain_works_byte_by_byte)
{
	struct step_chain *chain = make(identities[_i].steps, identities[_i].count);
	struct bytes content = make_content(3000), found = { 0 };

	run_all(chain, &content, &single, &found);
	check_same(&found, &content);
	bytes_drop(&found);
	bytes_drop(&content);
	step_chain_free(chain);
}
END_TEST

START_TEST(without_steps_bytes_are_copied)
{
	struct step_chain *chain = make(NULL, 0);
	unsigned char room[4];
	struct step_data data = {
		.in = (const unsigned char *)"abcdef",
		.in_bytes = 6,
		.out = room,
		.out_bytes = 4,
	};

	ck_assert_int_eq(step_chain_run(chain, &data, STEP_RUN), STEP_E_FULL);
	ck_assert_mem_eq(room, "abcd", 4);
	data.out = room;
	data.out_bytes = 2;
	ck_assert_int_eq(step_chain_run(chain, &data, STEP_END_FRAME), 0);
	ck_assert_mem_eq(room, "ef", 2);
	ck_assert(step_chain_is_at_boundary(chain));
	step_chain_free(chain);
}
END_TEST

START_TEST(frames_within_frames_are_undone_by_the_programs)
{
	static const struct stream_step steps[] = { GZIP, ZSTD };
	static const char *const unzstd[] = { "zstd", "-dc", NULL };
	static const char *const gunzip[] = { "gzip", "-dc", NULL };
	struct step_chain *chain = make(steps, 2);
	struct bytes content = { 0 }, made = { 0 }, between = { 0 }, found = { 0 };

	for (int frame = 0; frame < 5; frame++) {
		struct bytes part = make_content(random_below(100000));

		run_all(chain, &part, &large, &made);
		bytes_add(&content, part.data, part.length);
		bytes_drop(&part);
	}
	ck_assert_int_eq(run_program(unzstd, &made, &between), 0);
	ck_assert_int_eq(run_program(gunzip, &between, &found), 0);
	check_same(&found, &content);
	bytes_drop(&made);
	bytes_drop(&between);
	bytes_drop(&found);
	bytes_drop(&content);
	step_chain_free(chain);
}
END_TEST

START_TEST(an_end_in_the_middle_of_a_member_gives_what_there_is)
{
	static const struct stream_step steps[] = { GUNZIP, ZSTD };
	static const char *const unzstd[] = { "zstd", "-dc", NULL };
	struct step_chain *chain = make(steps, 2);
	struct bytes content = make_content(500000);
	struct bytes member = made_by(STREAM_STEP_GZIP, &content);
	struct bytes first = { .data = member.data, .length = member.length / 2 };
	struct bytes second = { .data = member.data + first.length,
				.length = member.length - first.length };
	struct bytes made = { 0 }, found = { 0 };

	run_all(chain, &first, &large, &made);
	ck_assert(!step_chain_is_at_boundary(chain));
	ck_assert(step_chain_expects_more(chain));
	ck_assert_str_eq(step_chain_failed_name(chain), "gunzip");
	ck_assert_int_eq(run_program(unzstd, &made, &found), 0);
	ck_assert_uint_gt(found.length, content.length / 4);
	ck_assert_mem_eq(found.data, content.data, found.length);

	found.length = 0;
	run_all(chain, &second, &small, &made);
	ck_assert(step_chain_is_at_boundary(chain));
	ck_assert(!step_chain_expects_more(chain));
	ck_assert_int_eq(run_program(unzstd, &made, &found), 0);
	check_same(&found, &content);
	bytes_drop(&made);
	bytes_drop(&found);
	bytes_drop(&member);
	bytes_drop(&content);
	step_chain_free(chain);
}
END_TEST

START_TEST(a_frame_that_is_begun_is_no_boundary_and_expects_nothing)
{
	static const struct stream_step steps[] = { GZIP, ZSTD };
	struct step_chain *chain = make(steps, 2);
	struct bytes content = make_content(100000), made = { 0 };

	ck_assert_int_eq(run_in_pieces(run, chain, &content, STEP_RUN, &large, &made), 0);
	ck_assert(!step_chain_is_at_boundary(chain));
	ck_assert(!step_chain_expects_more(chain));
	bytes_drop(&made);
	bytes_drop(&content);
	step_chain_free(chain);
}
END_TEST

START_TEST(the_step_that_failed_is_named_and_a_reset_begins_anew)
{
	static const struct stream_step first[] = { GUNZIP, ZSTD };
	static const struct stream_step second[] = { ZSTD, GUNZIP };
	struct bytes content = make_content(100000), out = { 0 };
	struct bytes member = made_by(STREAM_STEP_GZIP, &content);
	struct step_chain *chain = make(first, 2);

	ck_assert_int_eq(run_in_pieces(run, chain, &content, STEP_END_FRAME, &small, &out),
			 -EBADMSG);
	ck_assert_str_eq(step_chain_failed_name(chain), "gunzip");
	step_chain_reset(chain);
	ck_assert_ptr_null(step_chain_failed_name(chain));
	ck_assert(step_chain_is_at_boundary(chain));
	run_all(chain, &member, &large, &out);
	step_chain_free(chain);

	chain = make(second, 2);
	ck_assert_int_eq(run_in_pieces(run, chain, &content, STEP_END_FRAME, &large, &out),
			 -EBADMSG);
	ck_assert_str_eq(step_chain_failed_name(chain), "gunzip");
	step_chain_free(chain);
	bytes_drop(&member);
	bytes_drop(&content);
	bytes_drop(&out);
}
END_TEST

/* What a stream without a byte is stored as, and whether that is anything at all. */
static const struct {
	struct stream_step steps[STREAM_STEPS_MAX];
	size_t count;
	struct stream_step undo[STREAM_STEPS_MAX];
	size_t undo_count;
	bool is_nothing;
} empties[] = {
	{ { { 0 } }, 0, { { 0 } }, 0, true },
	{ { GZIP }, 1, { GUNZIP }, 1, false },
	{ { ZSTD }, 1, { UNZSTD }, 1, false },
	{ { GUNZIP }, 1, { { 0 } }, 0, true },
	{ { UNZSTD, GUNZIP }, 2, { { 0 } }, 0, true },
	{ { GZIP, ZSTD }, 2, { UNZSTD, GUNZIP }, 2, false },
	{ { ZSTD, GZIP, ZSTD }, 3, { UNZSTD, GUNZIP, UNZSTD }, 3, false },
	{ { UNZSTD, GZIP }, 2, { GUNZIP }, 1, false },
	{ { GZIP, GUNZIP }, 2, { { 0 } }, 0, true },
};

#define EMPTIES ((int)(sizeof(empties) / sizeof(empties[0])))

START_TEST(an_empty_stream_is_stored_as_empty_frames)
{
	static const struct pieces *const sizes[] = { &single, &large };

	for (int i = 0; i < 2; i++) {
		struct step_chain *chain = make(empties[_i].steps, empties[_i].count);
		struct bytes nothing = { 0 }, made = { 0 }, found = { 0 };

		ck_assert_int_eq(
			run_in_pieces(end_empty, chain, &nothing, STEP_RUN, sizes[i], &made), 0);
		ck_assert_int_eq(made.length == 0, empties[_i].is_nothing);
		ck_assert(step_chain_is_at_boundary(chain));
		step_chain_free(chain);

		chain = make(empties[_i].undo, empties[_i].undo_count);
		run_all(chain, &made, sizes[i], &found);
		ck_assert(!step_chain_expects_more(chain));
		ck_assert_uint_eq(found.length, 0);
		step_chain_free(chain);
		bytes_drop(&made);
		bytes_drop(&found);
	}
}
END_TEST

START_TEST(too_many_steps_are_refused)
{
	static const struct stream_step steps[] = { GZIP, GZIP, GZIP, GZIP, GZIP };
	struct step_chain *chain;

	ck_assert_int_eq(step_chain_new(steps, 5, &chain), -EINVAL);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("step_chain");

	tcase_add_loop_test(tests, at_each_end_of_a_frame_all_that_went_in_has_come_out, 0,
			    IDENTITIES);
	tcase_add_loop_test(tests, a_chain_works_byte_by_byte, 0, IDENTITIES);
	tcase_add_test(tests, without_steps_bytes_are_copied);
	tcase_add_test(tests, frames_within_frames_are_undone_by_the_programs);
	tcase_add_test(tests, an_end_in_the_middle_of_a_member_gives_what_there_is);
	tcase_add_test(tests, a_frame_that_is_begun_is_no_boundary_and_expects_nothing);
	tcase_add_test(tests, the_step_that_failed_is_named_and_a_reset_begins_anew);
	tcase_add_loop_test(tests, an_empty_stream_is_stored_as_empty_frames, 0, EMPTIES);
	tcase_add_test(tests, too_many_steps_are_refused);
	return run_case(tests, "step_chain", 60);
}
