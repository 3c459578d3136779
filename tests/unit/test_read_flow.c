/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/read_flow.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <check.h>

#include "daemon/core/flow.h"

/*
 * The actions are written down, so that a test reads as a list of calls with what came of
 * each. What Node does too is held against Node in tests/vectors; here stands the rest.
 *
 *	r16	READ of up to 16	d2:0+3	DELIVER 3 bytes of chunk 2 from 0
 *	d2:0+3,	more pieces follow	d2:0+3!	unheard		*	the chunk is back
 *	B	READABLE		P G	PAUSE, RESUME	END	end
 *	R R!7	RELEASE			E7	error 7		C	close
 */

#define CHUNKS_MAX 200
#define MINE (-7) /* an error of the caller's own */

static struct {
	struct read_flow flow;
	struct read_chunk chunks[CHUNKS_MAX];
	unsigned int count;
	uint64_t at_hand[4]; /* pushed while READ is being performed; 0: no more */
	bool has_nothing;    /* every READ is answered with an empty push */
	bool pauses;	     /* while DELIVER is being performed */
	bool keeps;	     /* RELEASE is not over at once */
	char log[4096];
	char taken[4096];
} bench;

static void note(const char *format, ...)
{
	size_t length = strlen(bench.log);
	va_list arguments;

	va_start(arguments, format);
	if (length > 0)
		bench.log[length++] = ' ';
	vsnprintf(bench.log + length, sizeof(bench.log) - length, format, arguments);
	va_end(arguments);
}

static const char *seen(void)
{
	memcpy(bench.taken, bench.log, sizeof(bench.taken));
	bench.log[0] = '\0';
	return bench.taken;
}

#define saw(expected) ck_assert_str_eq(seen(), expected)

static void now(void);

static bool push(uint64_t bytes)
{
	struct read_chunk *chunk = &bench.chunks[bench.count++];
	bool taken;

	ck_assert_uint_lt(bench.count, CHUNKS_MAX);
	chunk->bytes = bytes;
	taken = read_flow_push(&bench.flow, chunk);
	now();
	return taken;
}

static void perform_deliver(const struct read_flow_action *action)
{
	note("d%d:%d+%d%s%s%s", (int)(action->chunk - bench.chunks) + 1, (int)action->offset,
	     (int)action->bytes, action->last ? "" : ",", action->unheard ? "!" : "",
	     action->returned ? "*" : "");
	if (!bench.pauses)
		return;
	read_flow_pause(&bench.flow);
	now();
}

static void perform_read(const struct read_flow_action *action)
{
	note("r%d", (int)action->bytes);
	for (int i = 0; i < 4 && bench.at_hand[i] > 0; i++)
		push(bench.at_hand[i]);
	memset(bench.at_hand, 0, sizeof(bench.at_hand));
	if (bench.has_nothing)
		push(0);
}

static void perform_release(const struct read_flow_action *action)
{
	if (action->error)
		note("R!%d", action->error < 0 ? -action->error : action->error);
	else
		note("R");
	if (!bench.keeps)
		read_flow_released(&bench.flow, 0);
}

static void perform(const struct read_flow_action *action)
{
	switch (action->what) {
	case READ_FLOW_DO_READ:
		perform_read(action);
		break;
	case READ_FLOW_DO_DELIVER:
		perform_deliver(action);
		break;
	case READ_FLOW_DO_READABLE:
		note("B");
		break;
	case READ_FLOW_DO_PAUSE:
		note("P");
		break;
	case READ_FLOW_DO_RESUME:
		note("G");
		break;
	case READ_FLOW_DO_END:
		note("END");
		break;
	case READ_FLOW_DO_RELEASE:
		perform_release(action);
		break;
	case READ_FLOW_DO_ERROR:
		note("E%d", action->error < 0 ? -action->error : action->error);
		break;
	case READ_FLOW_DO_CLOSE:
		note("C");
		break;
	}
}

static void now(void)
{
	struct read_flow_action action;

	while (read_flow_next(&bench.flow, &action))
		perform(&action);
}

static void later(void)
{
	struct read_flow_action action;

	while (read_flow_next_deferred(&bench.flow, &action))
		perform(&action);
}

static void start(uint64_t mark)
{
	struct read_flow_config config = { .high_water_mark = mark };

	memset(&bench, 0, sizeof(bench));
	read_flow_init(&bench.flow, &config);
}

static void consume(void)
{
	read_flow_consume(&bench.flow);
	later();
}

static void end(void)
{
	read_flow_push_end(&bench.flow);
	now();
}

static void read_some(uint64_t bytes)
{
	ck_assert(read_flow_read(&bench.flow, bytes));
	now();
}

START_TEST(the_source_is_not_asked_again_before_it_answered)
{
	start(16);
	consume();
	saw("r16 G");
	read_some(0);
	later();
	saw("");
	ck_assert(push(3));
	saw("d1:0+3*");
	later();
	saw("r16");
}
END_TEST

START_TEST(paused_it_is_read_to_the_mark_and_no_further)
{
	start(16);
	consume();
	read_flow_pause(&bench.flow);
	now();
	saw("r16 G P");
	push(10);
	ck_assert(read_flow_wants(&bench.flow));
	later();
	saw("r16");
	push(10);
	ck_assert(!read_flow_wants(&bench.flow));
	later();
	saw("");
	ck_assert_uint_eq(read_flow_length(&bench.flow), 20);
	read_flow_resume(&bench.flow);
	later();
	saw("G r16 d1:0+10* d2:0+10*");
}
END_TEST

START_TEST(with_a_mark_of_zero_it_is_read_on_demand_only)
{
	start(0);
	push(2);
	later();
	saw("");
	read_some(1);
	saw("d1:0+1");
	read_some(2);
	saw("r2");
	start(0);
	later();
	saw("");
	consume();
	saw("r0 G");
}
END_TEST

START_TEST(what_is_pushed_twice_in_one_read_is_delivered_in_order)
{
	start(16);
	bench.at_hand[0] = 4;
	bench.at_hand[1] = 5;
	consume();
	saw("r16 G r16 d1:0+4* d2:0+5*");
}
END_TEST

START_TEST(a_pause_while_delivering_leaves_the_rest)
{
	start(16);
	bench.at_hand[0] = 4;
	bench.at_hand[1] = 5;
	bench.pauses = true;
	consume();
	saw("r16 G r16 d1:0+4* P");
	ck_assert_int_eq(read_flow_mode(&bench.flow), READ_FLOW_PAUSED);
	ck_assert_uint_eq(read_flow_length(&bench.flow), 5);
}
END_TEST

START_TEST(a_read_takes_pieces_across_chunks)
{
	start(16);
	push(3);
	push(3);
	push(3);
	read_some(4);
	saw("r16 d1:0+3,* d2:0+1");
	read_some(1);
	saw("d2:1+1");
	read_some(READ_FLOW_ALL);
	saw("d2:2+1,* d3:0+3*");
	ck_assert_uint_eq(read_flow_length(&bench.flow), 0);
}
END_TEST

START_TEST(a_read_beyond_the_mark_raises_it_to_a_power_of_two)
{
	start(16);
	read_some(17);
	saw("r32");
	push(20);
	ck_assert(read_flow_wants(&bench.flow));
	read_some(17);
	saw("r32 d1:0+17");
}
END_TEST

START_TEST(a_read_that_is_too_large_is_refused)
{
	start(16);
	ck_assert(!read_flow_read(&bench.flow, READ_FLOW_READ_MAX + 1));
	now();
	saw("");
	push(2);
	ck_assert(!read_flow_read(&bench.flow, READ_FLOW_READ_MAX + 1));
	read_some(2);
	saw("r16 d1:0+2*");
	start(READ_FLOW_READ_MAX * 4);
	ck_assert(read_flow_read(&bench.flow, READ_FLOW_READ_MAX + 1));
	now();
	ck_assert_uint_eq(bench.flow.config.high_water_mark, READ_FLOW_READ_MAX * 4);
}
END_TEST

START_TEST(what_was_put_back_comes_first_and_whole)
{
	start(16);
	push(3);
	read_some(3);
	saw("r16 d1:0+3*");
	push(4);
	ck_assert(read_flow_unshift(&bench.flow, &bench.chunks[0]));
	now();
	read_some(READ_FLOW_ALL);
	saw("r16 d1:0+3,* d2:0+4*");
}
END_TEST

START_TEST(the_end_comes_when_everything_was_delivered)
{
	start(16);
	push(3);
	end();
	later();
	saw("");
	ck_assert(!read_flow_is_ended(&bench.flow));
	consume();
	saw("G d1:0+3* END R C");
	ck_assert(read_flow_is_ended(&bench.flow));
	ck_assert(read_flow_is_closed(&bench.flow));
}
END_TEST

START_TEST(what_is_put_back_before_the_end_was_told_comes_before_it)
{
	start(16);
	push(3);
	end();
	read_some(READ_FLOW_ALL);
	ck_assert(read_flow_unshift(&bench.flow, &bench.chunks[0]));
	now();
	later();
	saw("d1:0+3*");
	read_some(READ_FLOW_ALL);
	later();
	saw("d1:0+3* END R C");
}
END_TEST

/* Once each by resume, before it flows, after it flowed, and by what looks whether to go on. */
START_TEST(a_source_that_has_nothing_at_hand_is_not_asked_for_ever)
{
	start(16);
	bench.has_nothing = true;
	consume();
	saw("r16 G r16 r16 r16");
}
END_TEST

START_TEST(a_push_after_the_end_destroys_it)
{
	start(16);
	push(3);
	end();
	ck_assert(!push(2));
	saw("R!4");
	later();
	saw("E4 C");
	ck_assert_int_eq(read_flow_errored(&bench.flow), FLOW_ERROR_PUSH_AFTER_END);
	ck_assert_ptr_eq(read_flow_take_back(&bench.flow), &bench.chunks[0]);
	ck_assert_ptr_null(read_flow_take_back(&bench.flow));
	ck_assert_uint_eq(read_flow_length(&bench.flow), 0);
}
END_TEST

START_TEST(what_a_destroyed_source_held_can_be_taken_back)
{
	start(16);
	push(3);
	push(4);
	read_some(1);
	saw("r16 d1:0+1");
	read_flow_destroy(&bench.flow, MINE);
	now();
	saw("R!7");
	ck_assert(!push(1));
	later();
	saw("E7 C");
	ck_assert_ptr_eq(read_flow_take_back(&bench.flow), &bench.chunks[0]);
	ck_assert_ptr_eq(read_flow_take_back(&bench.flow), &bench.chunks[1]);
	ck_assert_ptr_null(read_flow_take_back(&bench.flow));
	ck_assert_uint_eq(read_flow_length(&bench.flow), 0);
}
END_TEST

START_TEST(close_waits_for_the_release)
{
	start(16);
	bench.keeps = true;
	read_flow_destroy(&bench.flow, 0);
	now();
	later();
	saw("R");
	ck_assert(read_flow_is_destroyed(&bench.flow));
	ck_assert(!read_flow_is_closed(&bench.flow));
	read_flow_released(&bench.flow, 0);
	later();
	saw("C");
}
END_TEST

START_TEST(an_error_of_the_release_is_told_instead)
{
	start(16);
	bench.keeps = true;
	read_flow_destroy(&bench.flow, -5);
	now();
	read_flow_released(&bench.flow, MINE);
	later();
	saw("R!5 E7 C");
	ck_assert_int_eq(read_flow_errored(&bench.flow), -5);
}
END_TEST

START_TEST(destroying_twice_does_nothing_more)
{
	start(16);
	read_flow_destroy(&bench.flow, 0);
	now();
	read_flow_destroy(&bench.flow, MINE);
	now();
	later();
	saw("R C");
	ck_assert_int_eq(read_flow_errored(&bench.flow), 0);
}
END_TEST

START_TEST(a_destroyed_source_is_not_read_any_more)
{
	start(16);
	consume();
	saw("r16 G");
	read_flow_destroy(&bench.flow, 0);
	now();
	later();
	ck_assert(!push(3));
	later();
	end();
	later();
	saw("R C");
}
END_TEST

/* More of them than the flow keeps: they are told a few times, and none is lost for it. */
START_TEST(readable_that_is_due_many_times_over_is_told_a_few_times)
{
	unsigned int told = 0;

	start(16);
	read_flow_watch(&bench.flow);
	later();
	seen();
	for (int i = 0; i < CHUNKS_MAX / 4; i++) {
		push(1);
		read_some(READ_FLOW_ALL);
	}
	push(1);
	seen();
	later();
	for (const char *at = seen(); *at; at++)
		told += *at == 'B';
	ck_assert_uint_ge(told, 1);
	ck_assert_uint_le(told, READ_FLOW_STEP_READABLE_LAST - READ_FLOW_STEP_READABLE + 1);
	read_some(READ_FLOW_ALL);
	push(1);
	later();
	ck_assert_ptr_nonnull(strstr(seen(), "B"));
}
END_TEST

START_TEST(a_side_that_follows_another_tells_no_end_of_its_own)
{
	struct read_flow_config config = { .high_water_mark = 4, .other_side = true };

	memset(&bench, 0, sizeof(bench));
	read_flow_init(&bench.flow, &config);
	consume();
	saw("r4 G");
	push(2);
	saw("d1:0+2*");
	end();
	later();
	saw("END");
	ck_assert(!read_flow_is_destroyed(&bench.flow));
	ck_assert(!push(1));
	saw("");
	read_flow_follow(&bench.flow, MINE, true, false);
	ck_assert(read_flow_is_destroyed(&bench.flow));
	ck_assert_int_eq(read_flow_errored(&bench.flow), MINE);
}
END_TEST

START_TEST(after_close_only_an_explicit_read_gets_what_is_left)
{
	start(16);
	push(3);
	read_flow_destroy(&bench.flow, 0);
	later();
	saw("R C");
	read_some(2);
	saw("d1:0+2!");
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase, the_source_is_not_asked_again_before_it_answered);
	tcase_add_test(tcase, paused_it_is_read_to_the_mark_and_no_further);
	tcase_add_test(tcase, with_a_mark_of_zero_it_is_read_on_demand_only);
	tcase_add_test(tcase, what_is_pushed_twice_in_one_read_is_delivered_in_order);
	tcase_add_test(tcase, a_pause_while_delivering_leaves_the_rest);
	tcase_add_test(tcase, a_read_takes_pieces_across_chunks);
	tcase_add_test(tcase, a_read_beyond_the_mark_raises_it_to_a_power_of_two);
	tcase_add_test(tcase, a_read_that_is_too_large_is_refused);
	tcase_add_test(tcase, what_was_put_back_comes_first_and_whole);
	tcase_add_test(tcase, the_end_comes_when_everything_was_delivered);
	tcase_add_test(tcase, what_is_put_back_before_the_end_was_told_comes_before_it);
	tcase_add_test(tcase, a_source_that_has_nothing_at_hand_is_not_asked_for_ever);
	tcase_add_test(tcase, a_push_after_the_end_destroys_it);
	tcase_add_test(tcase, what_a_destroyed_source_held_can_be_taken_back);
	tcase_add_test(tcase, close_waits_for_the_release);
	tcase_add_test(tcase, an_error_of_the_release_is_told_instead);
	tcase_add_test(tcase, destroying_twice_does_nothing_more);
	tcase_add_test(tcase, a_destroyed_source_is_not_read_any_more);
	tcase_add_test(tcase, readable_that_is_due_many_times_over_is_told_a_few_times);
	tcase_add_test(tcase, a_side_that_follows_another_tells_no_end_of_its_own);
	tcase_add_test(tcase, after_close_only_an_explicit_read_gets_what_is_left);
}

int main(void)
{
	Suite *suite = suite_create("read_flow");
	TCase *tcase = tcase_create("read_flow");
	SRunner *runner = srunner_create(suite);
	int failed;

	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
