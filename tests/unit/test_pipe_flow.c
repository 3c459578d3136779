/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/pipe_flow.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

/*
 * A row of a source, steps and a sink, whose actions are written down. What Node does too is
 * held against Node in tests/vectors; here stands what takes time: releases that are not over
 * at once, writes in hand, many chunks, many parts. A part is called by its number.
 *
 *	r0	READ				W2:5	WRITE of 5 bytes to part 2
 *	f1	FINAL of a step			R2 R2!7	RELEASE
 *	end0 fin2 drain2 close2 err2!7		told of a part
 *	x7	chunks came back with an error	F2 F2!7	FINISHED
 *	DONE DONE!7
 */

#define CHUNKS_MAX 4000
#define MINE (-7) /* errors of the caller's own */
#define OTHER (-8)

static struct {
	struct pipe_flow pipe;
	struct pipe_flow_part parts[PIPE_FLOW_PARTS_MAX];
	struct pipe_flow_chunk chunks[CHUNKS_MAX];
	unsigned int count;	   /* of chunks in use */
	unsigned int returned;	   /* of these */
	unsigned int last;	   /* the sink's number */
	bool sync;		   /* the sink completes in the call */
	bool step_waits;	   /* a step does not */
	bool keeps;		   /* no RELEASE is over at once */
	bool silent;		   /* nothing is written down */
	struct flow_sink *in_hand; /* of the sink */
	struct flow_sink *step_in_hand;
	uint64_t written_bytes;
	char log[8192];
	char taken[8192];
} bench;

static void note(const char *format, ...)
{
	size_t length = strlen(bench.log);
	va_list arguments;

	if (bench.silent)
		return;
	va_start(arguments, format);
	if (length > 0)
		bench.log[length++] = ' ';
	vsnprintf(bench.log + length, sizeof(bench.log) - length, format, arguments);
	va_end(arguments);
}

static void note_error(const char *what, unsigned int part, int error)
{
	if (error)
		note("%s%u!%d", what, part, error < 0 ? -error : error);
	else
		note("%s%u", what, part);
}

static const char *seen(void)
{
	memcpy(bench.taken, bench.log, sizeof(bench.taken));
	bench.log[0] = '\0';
	return bench.taken;
}

#define saw(expected) ck_assert_str_eq(seen(), expected)

static void now(void);

static struct pipe_flow_chunk *chunk_new(uint64_t bytes)
{
	struct pipe_flow_chunk *chunk = &bench.chunks[bench.count++];

	ck_assert_uint_lt(bench.count, CHUNKS_MAX);
	chunk->read.bytes = bytes;
	return chunk;
}

static bool push(unsigned int part, uint64_t bytes)
{
	bool taken = read_flow_push(&bench.parts[part].read, &chunk_new(bytes)->read);

	pipe_flow_read(&bench.pipe, part);
	now();
	if (!taken)
		bench.count--;
	return taken;
}

static void end(void)
{
	read_flow_push_end(&bench.parts[0].read);
	pipe_flow_read(&bench.pipe, 0);
	now();
}

static void destroy(unsigned int part, int error)
{
	pipe_flow_destroy(&bench.pipe, part, error);
	now();
}

static void released(unsigned int part, int error)
{
	pipe_flow_released(&bench.pipe, part, error);
	now();
}

static void complete(unsigned int part, struct flow_sink *sink, int error)
{
	pipe_flow_complete(&bench.pipe, part, sink, error);
	now();
}

static void sink_done(int error)
{
	struct flow_sink *sink = bench.in_hand;

	ck_assert_ptr_nonnull(sink);
	bench.in_hand = NULL;
	complete(bench.last, sink, error);
}

static void step_done(void)
{
	struct flow_sink *sink = bench.step_in_hand;

	ck_assert_ptr_nonnull(sink);
	bench.step_in_hand = NULL;
	push(1, sink->bytes);
	complete(1, sink, 0);
}

static void do_read(void)
{
	note("r0");
}

static void do_write(unsigned int part, struct flow_sink *sink)
{
	note("W%u:%d", part, (int)sink->bytes);
	if (part == bench.last) {
		bench.written_bytes += sink->bytes;
		if (bench.sync)
			complete(part, sink, 0);
		else
			bench.in_hand = sink;
	} else if (bench.step_waits) {
		bench.step_in_hand = sink;
	} else {
		push(part, sink->bytes);
		complete(part, sink, 0);
	}
}

static void do_tell(const struct pipe_flow_action *action)
{
	static const char *const names[] = {
		[PIPE_FLOW_EVENT_DRAIN] = "drain", [PIPE_FLOW_EVENT_FINISH] = "fin",
		[PIPE_FLOW_EVENT_END] = "end",	   [PIPE_FLOW_EVENT_ERROR] = "err",
		[PIPE_FLOW_EVENT_CLOSE] = "close",
	};

	/* Pauses and links stand in the vectors. */
	if (action->event >= PIPE_FLOW_EVENT_DRAIN)
		note_error(names[action->event], action->part, action->error);
}

static void perform(const struct pipe_flow_action *action)
{
	switch (action->what) {
	case PIPE_FLOW_DO_READ:
		do_read();
		break;
	case PIPE_FLOW_DO_WRITE:
		do_write(action->part, action->sink);
		break;
	case PIPE_FLOW_DO_FINAL:
		note("f%u", action->part);
		pipe_flow_final_done(&bench.pipe, action->part, 0);
		now();
		break;
	case PIPE_FLOW_DO_RELEASE:
		note_error("R", action->part, action->error);
		if (!bench.keeps)
			released(action->part, 0);
		break;
	case PIPE_FLOW_DO_DELIVER:
	case PIPE_FLOW_DO_RETURN:
		bench.returned++;
		if (action->error)
			note("x%d", action->error < 0 ? -action->error : action->error);
		break;
	case PIPE_FLOW_DO_TELL:
		do_tell(action);
		break;
	case PIPE_FLOW_DO_FINISHED:
		note_error("F", action->part, action->error);
		break;
	case PIPE_FLOW_DO_DONE:
		if (action->error)
			note("DONE!%d", action->error < 0 ? -action->error : action->error);
		else
			note("DONE");
		break;
	}
}

static void now(void)
{
	struct pipe_flow_action action;

	while (pipe_flow_next(&bench.pipe, &action))
		perform(&action);
}

static void later(void)
{
	struct pipe_flow_action action;

	while (pipe_flow_next_deferred(&bench.pipe, &action))
		perform(&action);
}

/* This is what the rest of the wake-up brings. */
static void comes(const char *expected)
{
	later();
	saw(expected);
}

/* A source, `steps` steps and a sink, all with the same mark. */
static void make(unsigned int steps, uint64_t mark)
{
	const struct flow_config write = {
		.high_water_mark = mark,
		.sinks = 1,
		.sink_writes = 1,
		.sink_bytes = UINT64_MAX,
	};
	struct pipe_flow_part_config configs[PIPE_FLOW_PARTS_MAX];

	memset(&bench, 0, sizeof(bench));
	bench.last = steps + 1;
	for (unsigned int i = 0; i <= bench.last; i++)
		configs[i] = (struct pipe_flow_part_config){
			.reads = i<bench.last, .writes = i> 0,
			.read_high_water_mark = mark,
			.write = &write,
		};
	pipe_flow_init(&bench.pipe, bench.parts, configs, steps + 2);
}

static void start(unsigned int steps, uint64_t mark)
{
	make(steps, mark);
	pipe_flow_guard(&bench.pipe);
	comes("r0");
}

START_TEST(a_row_is_done_when_its_sink_is_closed)
{
	start(0, 8);
	push(0, 3);
	comes("W1:3 r0");
	end();
	sink_done(0);
	comes("end0 R0 fin1 R1 close0 close1 DONE");
	ck_assert_uint_eq(bench.returned, 1);
}
END_TEST

START_TEST(it_is_not_done_before_every_part_is_released)
{
	start(0, 8);
	bench.keeps = true;
	end();
	comes("end0 R0 fin1 R1");
	released(1, 0);
	comes("close1");
	released(0, 0);
	comes("close0 DONE");
}
END_TEST

START_TEST(an_error_in_letting_the_sink_go_is_the_outcome)
{
	start(0, 8);
	bench.keeps = true;
	end();
	later();
	released(0, 0);
	comes("end0 R0 fin1 R1 close0");
	released(1, MINE);
	comes("err1!7 close1 DONE!7");
}
END_TEST

START_TEST(an_error_of_the_source_waits_for_the_write_in_hand)
{
	start(0, 8);
	push(0, 3);
	push(0, 4);
	later();
	seen();
	destroy(0, MINE);
	comes("R0!7 err0!7 close0");
	sink_done(0);
	comes("x7 R1!7 err1!7 close1 DONE!7");
	ck_assert_uint_eq(bench.returned, 2);
	ck_assert_uint_eq(flow_length(&bench.parts[1].write), 0);
}
END_TEST

START_TEST(the_first_error_ends_all_parts_in_order)
{
	start(2, 8);
	destroy(2, MINE);
	comes("R2!7 err2!7 R0!7 R1!7 R3!7 close2 err0!7 close0 err1!7 close1 err3!7 close3 DONE!7");
}
END_TEST

START_TEST(a_part_that_closes_early_without_an_error_is_premature)
{
	start(1, 8);
	destroy(0, 0);
	comes("R0 close0 R1!6 R2!6 err1!6 close1 err2!6 close2 DONE!6");
}
END_TEST

START_TEST(a_real_error_replaces_a_premature_close)
{
	start(0, 8);
	bench.keeps = true;
	destroy(1, 0);
	released(1, 0);
	comes("R1 close1 R0!6");
	released(0, MINE);
	comes("err0!7 close0 DONE!7");
}
END_TEST

START_TEST(an_error_is_not_replaced)
{
	start(0, 8);
	bench.keeps = true;
	destroy(1, MINE);
	released(1, 0);
	later();
	released(0, OTHER);
	comes("R1!7 err1!7 R0!7 close1 err0!8 close0 DONE!7");
}
END_TEST

START_TEST(a_write_that_a_step_withholds_comes_back_when_it_is_destroyed)
{
	start(1, 4);
	bench.step_waits = true;
	push(0, 4);
	later();
	step_done();
	later();
	push(0, 4);
	push(0, 4);
	later();
	step_done();
	later();
	bench.step_waits = false;
	seen();
	ck_assert_ptr_nonnull(bench.parts[1].withheld);
	destroy(1, MINE);
	ck_assert_ptr_null(bench.parts[1].withheld);
	ck_assert_uint_eq(flow_length(&bench.parts[1].write), 0);
	later();
	sink_done(0);
	later();
	ck_assert_ptr_nonnull(strstr(seen(), "close2 DONE!7"));
}
END_TEST

START_TEST(a_step_in_hand_is_waited_for)
{
	start(1, 8);
	bench.step_waits = true;
	push(0, 4);
	comes("W1:4 r0");
	destroy(0, MINE);
	comes("R0!7 err0!7 R2!7 close0 err2!7 close2");
	complete(1, bench.step_in_hand, 0);
	comes("R1!7 err1!7 close1 DONE!7");
	ck_assert_uint_eq(bench.returned, 1);
}
END_TEST

/* A step that is done inside the call takes the next one from the same loop. */
START_TEST(a_long_queue_before_a_step_needs_no_depth)
{
	make(1, 1u << 20);
	bench.silent = true;
	bench.step_waits = true;
	bench.sync = true;
	pipe_flow_guard(&bench.pipe);
	later();
	for (int i = 0; i < 1500; i++)
		push(0, 2);
	bench.step_waits = false;
	step_done();
	later();
	ck_assert_uint_eq(bench.written_bytes, 3000);
	ck_assert_uint_eq(bench.pipe.depth, 0);
}
END_TEST

START_TEST(the_order_of_what_is_deferred_survives_the_counter_going_round)
{
	make(0, 8);
	bench.pipe.tickets = UINT32_MAX - 3;
	pipe_flow_guard(&bench.pipe);
	later();
	push(0, 3);
	later();
	end();
	sink_done(0);
	comes("r0 W1:3 r0 end0 R0 fin1 R1 close0 close1 DONE");
	ck_assert_uint_lt(bench.pipe.tickets, 100);
}
END_TEST

START_TEST(a_source_that_had_ended_before_it_was_linked_ends_the_next_part)
{
	make(0, 8);
	read_flow_resume(&bench.parts[0].read);
	end();
	comes("end0 R0 close0");
	pipe_flow_link(&bench.pipe, 0, true);
	now();
	comes("fin1 R1 close1");
}
END_TEST

START_TEST(watching_a_part_that_is_over_still_tells)
{
	make(0, 8);
	pipe_flow_watch(&bench.pipe, 1);
	destroy(1, 0);
	comes("R1 close1 F1!6");
	pipe_flow_watch(&bench.pipe, 1);
	saw("");
	comes("F1!6");
	destroy(0, MINE);
	later();
	pipe_flow_watch(&bench.pipe, 0);
	comes("R0!7 err0!7 close0 F0!7");
}
END_TEST

START_TEST(what_the_row_defers_keeps_its_place_when_the_counter_goes_round)
{
	make(0, 8);
	destroy(1, 0);
	comes("R1 close1");
	bench.pipe.tickets = UINT32_MAX;
	pipe_flow_watch(&bench.pipe, 1);
	read_flow_resume(&bench.parts[0].read);
	comes("F1!6 r0");
}
END_TEST

/* As in Node: it is the first false that has the source listen for drains. */
START_TEST(a_drain_resumes_only_a_source_that_had_to_wait_for_one)
{
	make(0, 4);
	pipe_flow_link(&bench.pipe, 0, true);
	now();
	later();
	read_flow_pause(&bench.parts[0].read);
	pipe_flow_read(&bench.pipe, 0);
	now();
	for (int i = 0; i < 2; i++) {
		chunk_new(4)->write.bytes = 4;
		flow_write(&bench.parts[1].write, &bench.chunks[bench.count - 1].write);
		pipe_flow_wrote(&bench.pipe, 1);
		now();
		ck_assert(!flow_judge(&bench.parts[1].write));
		sink_done(0);
		later();
		ck_assert_int_eq(read_flow_mode(&bench.parts[0].read), READ_FLOW_PAUSED);
		ck_assert_ptr_nonnull(strstr(seen(), "drain1"));
	}
	read_flow_resume(&bench.parts[0].read);
	later();
	push(0, 4);
	ck_assert_int_eq(read_flow_mode(&bench.parts[0].read), READ_FLOW_PAUSED);
	sink_done(0);
	later();
	ck_assert_int_eq(read_flow_mode(&bench.parts[0].read), READ_FLOW_FLOWING);
}
END_TEST

START_TEST(a_part_that_was_unlinked_has_no_consumer)
{
	make(0, 4);
	pipe_flow_link(&bench.pipe, 0, true);
	now();
	later();
	ck_assert(read_flow_is_consumed(&bench.parts[0].read));
	pipe_flow_unlink(&bench.pipe, 0);
	now();
	ck_assert(!read_flow_is_consumed(&bench.parts[0].read));
	ck_assert_int_eq(read_flow_mode(&bench.parts[0].read), READ_FLOW_PAUSED);
}
END_TEST

START_TEST(what_a_closed_source_held_goes_no_further)
{
	make(0, 8);
	pipe_flow_link(&bench.pipe, 0, true);
	now();
	comes("r0");
	push(0, 8);
	push(0, 3);
	comes("W1:8 r0");
	destroy(0, MINE);
	comes("R0!7 err0!7 close0");
	sink_done(0);
	comes("drain1 x2");
	ck_assert_uint_eq(bench.returned, 2);
}
END_TEST

START_TEST(fini_takes_the_nodes_off_and_takes_null)
{
	start(0, 8);
	push(0, 8);
	push(0, 8);
	later();
	ck_assert_uint_gt(flow_length(&bench.parts[1].write), 0);
	pipe_flow_fini(&bench.pipe);
	for (unsigned int i = 0; i < bench.count; i++) {
		ck_assert(list_is_empty(&bench.chunks[i].read.link));
	}
	pipe_flow_fini(NULL);
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase, a_row_is_done_when_its_sink_is_closed);
	tcase_add_test(tcase, it_is_not_done_before_every_part_is_released);
	tcase_add_test(tcase, an_error_in_letting_the_sink_go_is_the_outcome);
	tcase_add_test(tcase, an_error_of_the_source_waits_for_the_write_in_hand);
	tcase_add_test(tcase, the_first_error_ends_all_parts_in_order);
	tcase_add_test(tcase, a_part_that_closes_early_without_an_error_is_premature);
	tcase_add_test(tcase, a_real_error_replaces_a_premature_close);
	tcase_add_test(tcase, an_error_is_not_replaced);
	tcase_add_test(tcase, a_write_that_a_step_withholds_comes_back_when_it_is_destroyed);
	tcase_add_test(tcase, a_step_in_hand_is_waited_for);
	tcase_add_test(tcase, a_long_queue_before_a_step_needs_no_depth);
	tcase_add_test(tcase, the_order_of_what_is_deferred_survives_the_counter_going_round);
	tcase_add_test(tcase, a_source_that_had_ended_before_it_was_linked_ends_the_next_part);
	tcase_add_test(tcase, watching_a_part_that_is_over_still_tells);
	tcase_add_test(tcase, what_the_row_defers_keeps_its_place_when_the_counter_goes_round);
	tcase_add_test(tcase, a_drain_resumes_only_a_source_that_had_to_wait_for_one);
	tcase_add_test(tcase, a_part_that_was_unlinked_has_no_consumer);
	tcase_add_test(tcase, what_a_closed_source_held_goes_no_further);
	tcase_add_test(tcase, fini_takes_the_nodes_off_and_takes_null);
}

int main(void)
{
	Suite *suite = suite_create("pipe_flow");
	TCase *tcase = tcase_create("pipe_flow");
	SRunner *runner = srunner_create(suite);
	int failed;

	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
