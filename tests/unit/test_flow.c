/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/flow.h"

#include <string.h>

#include <check.h>

#include "tests/support/flow_bench.h"

/* ---- telling the producer to stop and to go on ---- */

START_TEST(reaching_the_high_mark_says_stop_and_takes_the_write)
{
	bench_start(bench_node_rule(10));
	ck_assert(bench_put(9));
	ck_assert(!flow_needs_drain(&bench.flow));
	ck_assert(!bench_put(1));
	ck_assert(flow_needs_drain(&bench.flow));
	ck_assert(!bench_put(1000));
	ck_assert_uint_eq(flow_length(&bench.flow), 1010);
	ck_assert_uint_eq(flow_queued(&bench.flow), 2);
	saw("S1:1");
}
END_TEST

START_TEST(an_empty_write_on_an_empty_stream_may_go_on_at_mark_zero)
{
	bench_start(bench_node_rule(0));
	ck_assert(bench_put(0));
	ck_assert(!bench_put(1));
	saw("S1:1");
}
END_TEST

START_TEST(drain_comes_once_and_only_when_nothing_is_held)
{
	bench_start(bench_node_rule(4));
	bench_put(4);
	bench_put(4);
	saw("S1:1");
	bench_done(1);
	saw("S2:2 w1");
	ck_assert(flow_needs_drain(&bench.flow));
	bench_done(2);
	saw("D w2");
	ck_assert(!flow_needs_drain(&bench.flow));
	ck_assert(bench_put(1));
	bench_done(3);
	bench_later();
	saw("S3:3 w3");
}
END_TEST

START_TEST(a_write_may_go_on_while_a_drain_is_still_due)
{
	bench_start(bench_node_rule(10));
	bench_put(10);
	bench_put(1);
	bench_done(1);
	ck_assert(bench_put(1));
	ck_assert(flow_needs_drain(&bench.flow));
}
END_TEST

START_TEST(no_drain_after_end)
{
	bench_start(bench_node_rule(4));
	bench_put(4);
	bench_end();
	ck_assert(!flow_needs_drain(&bench.flow));
	bench_done(1);
	bench_later();
	saw("S1:1 w1 e1 FIN R");
}
END_TEST

START_TEST(drain_comes_at_the_low_mark_not_above_it)
{
	bench_start(bench_low_rule());
	for (int i = 0; i < 11; i++)
		ck_assert(bench_put(1) == (i < 9));
	for (unsigned int i = 1; i <= 6; i++)
		bench_done(i);
	ck_assert_uint_eq(flow_length(&bench.flow), 5);
	ck_assert_ptr_null(strstr(bench_seen(), "D"));
	bench_done(7);
	saw("S8:8 D w7");
}
END_TEST

START_TEST(one_drain_between_the_marks_however_often_length_falls)
{
	bench_start(bench_low_rule());
	bench_put(8);
	bench_put(3);
	bench_put(1);
	saw("S1:1");
	bench_done(1);
	saw("S2:2 D w1");
	ck_assert(bench_put(5));
	bench_done(2);
	bench_done(3);
	bench_done(4);
	saw("S3:3 w2 S4:4 w3 w4");
}
END_TEST

START_TEST(two_completions_before_the_producer_is_told_give_one_drain)
{
	struct flow_config config = bench_low_rule();

	config.sinks = 2;
	bench_start(config);
	bench_put(5);
	bench_put(5);
	flow_complete(&bench.flow, bench.sinks[1]);
	flow_complete(&bench.flow, bench.sinks[2]);
	bench_later();
	saw("S1:1 S2:2 D w1 w2");
}
END_TEST

/* ---- a ring's own words ---- */

START_TEST(a_wanted_drain_waits_for_the_lower_of_limit_and_low_mark)
{
	bench_start(bench_low_rule());
	bench_put(3);
	bench_put(3);
	flow_want_drain(&bench.flow, 2);
	ck_assert(flow_needs_drain(&bench.flow));
	bench_later();
	bench_done(1);
	saw("S1:1 S2:2 w1");
	bench_done(2);
	saw("D w2");
	bench_put(6);
	bench_put(3);
	flow_want_drain(&bench.flow, 100);
	bench_done(3);
	saw("S3:3 S4:4 D w3");
}
END_TEST

START_TEST(a_wanted_drain_that_is_met_already_comes_deferred_and_once)
{
	bench_start(bench_low_rule());
	bench_put(4);
	flow_want_drain(&bench.flow, UINT64_MAX);
	bench_now();
	saw("S1:1");
	bench_later();
	bench_later();
	saw("D");
	ck_assert(!flow_needs_drain(&bench.flow));
	bench_done(1);
	saw("w1");
}
END_TEST

START_TEST(a_limit_is_forgotten_with_its_drain)
{
	bench_start(bench_low_rule());
	flow_want_drain(&bench.flow, 0);
	bench_later();
	saw("D");
	bench_put(8);
	bench_put(3);
	bench_done(1);
	saw("S1:1 S2:2 D w1");
	flow_want_drain(&bench.flow, 0);
	bench_done(2);
	saw("D w2");
	bench_put(8);
	bench_put(3);
	bench_done(3);
	saw("S3:3 S4:4 D w3");
}
END_TEST

START_TEST(a_wanted_drain_that_was_filled_over_meanwhile_is_not_told)
{
	bench_start(bench_low_rule());
	flow_want_drain(&bench.flow, UINT64_MAX);
	bench_put(5);
	bench_later();
	saw("S1:1");
	bench_done(1);
	saw("D w1");
}
END_TEST

START_TEST(growing_joins_the_last_queued_write_up_to_the_cap)
{
	struct flow_config config = bench_low_rule();

	config.sink_bytes = 8;
	bench_start(config);
	ck_assert_uint_eq(flow_grow(&bench.flow, 5), 0);
	bench_put(3);
	ck_assert_uint_eq(flow_grow(&bench.flow, 5), 0);
	bench_put(3);
	ck_assert_uint_eq(flow_grow(&bench.flow, 4), 4);
	ck_assert_uint_eq(flow_grow(&bench.flow, 4), 1);
	ck_assert_uint_eq(flow_grow(&bench.flow, 4), 0);
	ck_assert_uint_eq(flow_length(&bench.flow), 11);
	bench_done(1);
	ck_assert_uint_eq(bench.sinks[2]->bytes, 8);
	bench_done(2);
	ck_assert_uint_eq(flow_length(&bench.flow), 0);
	bench_put(1);
	bench_put(20);
	ck_assert_uint_eq(flow_grow(&bench.flow, 1), 0);
}
END_TEST

START_TEST(growing_is_refused_after_end)
{
	bench_start(bench_low_rule());
	bench_put(1);
	bench_put(1);
	bench_end();
	ck_assert_uint_eq(flow_grow(&bench.flow, 1), 0);
	ck_assert_uint_eq(flow_length(&bench.flow), 2);
}
END_TEST

/* ---- sink calls ---- */

START_TEST(queued_writes_go_together_and_a_write_to_an_idle_stream_alone)
{
	bench_start(bench_node_rule(10));
	bench_put(1);
	bench_put(2);
	bench_put(0);
	bench_put(3);
	bench_done(1);
	ck_assert_uint_eq(bench.sinks[2]->bytes, 5);
	ck_assert_uint_eq(bench.sinks[2]->count, 3);
	bench_done(2);
	saw("S1:1 S2:2+3+4 w1 w2 w3 w4");
}
END_TEST

START_TEST(a_gathered_call_ends_at_its_bytes_but_takes_one_write)
{
	struct flow_config config = bench_node_rule(10);

	config.sink_bytes = 8;
	config.sink_writes = 3;
	bench_start(config);
	flow_cork(&bench.flow);
	bench_put(20);
	bench_put(4);
	bench_put(4);
	bench_put(1);
	bench_put(1);
	bench_put(1);
	bench_put(1);
	flow_uncork(&bench.flow);
	bench_now();
	for (unsigned int i = 1; i <= 3; i++)
		bench_done(i);
	saw("S1:1 S2:2+3 w1 S3:4+5+6 w2 w3 S4:7 w4 w5 w6");
}
END_TEST

static struct flow_config three_sinks(void)
{
	struct flow_config config = bench_low_rule();

	config.sinks = 3;
	return config;
}

START_TEST(sink_calls_run_side_by_side_up_to_their_number)
{
	bench_start(three_sinks());
	for (int i = 0; i < 5; i++)
		bench_put(1);
	saw("S1:1 S2:2 S3:3");
	ck_assert_uint_eq(flow_queued(&bench.flow), 2);
}
END_TEST

START_TEST(a_younger_call_that_is_over_waits_for_the_older)
{
	bench_start(three_sinks());
	bench_put(4);
	bench_put(4);
	bench_put(4);
	bench_put(4);
	saw("S1:1 S2:2 S3:3");
	bench_done(3);
	bench_done(2);
	bench_later();
	saw("");
	ck_assert_uint_eq(flow_length(&bench.flow), 16);
	bench_done(1);
	saw("S4:4 D w1 w2 w3");
	ck_assert_uint_eq(flow_length(&bench.flow), 4);
}
END_TEST

START_TEST(after_a_failed_call_the_younger_ones_are_waited_for_and_answered_with_it)
{
	bench_start(three_sinks());
	for (int i = 0; i < 5; i++)
		bench_put(1);
	bench_end();
	bench_seen();
	bench_done(2);
	bench_fail(1, MINE);
	saw("w1!-7 w2!-7");
	ck_assert_int_eq(flow_phase(&bench.flow), FLOW_FAILED);
	bench_done(3);
	saw("w3!-7 w4!-7 w5!-7 e1!-7 R!-7");
	bench_released(0);
	saw("E-7 C");
	ck_assert_uint_eq(flow_length(&bench.flow), 0);
}
END_TEST

START_TEST(a_younger_failure_stops_the_queue_and_lets_the_older_call_be_told_well)
{
	bench_start(three_sinks());
	for (int i = 0; i < 5; i++)
		bench_put(1);
	bench_seen();
	bench_fail(2, MINE);
	saw("");
	ck_assert_int_eq(flow_errored(&bench.flow), 0);
	ck_assert(bench_put(1));
	bench_done(1);
	saw("w1 w2!-7");
	ck_assert_int_eq(flow_errored(&bench.flow), MINE);
	bench_done(3);
	saw("w3!-7 w4!-7 w5!-7 w6!-7 R!-7");
}
END_TEST

START_TEST(a_call_that_is_over_inside_itself_is_answered_deferred)
{
	bench_start(bench_node_rule(4));
	bench.sync = true;
	ck_assert(bench_put(100));
	saw("S1:1");
	bench_later();
	saw("w1");
}
END_TEST

START_TEST(an_answer_does_not_overtake_those_deferred_before_it)
{
	struct flow_config config = bench_low_rule();

	config.sinks = 2;
	bench_start(config);
	bench.sync = true;
	bench_put(1);
	bench.sync = false;
	bench_put(1);
	bench_done(2);
	saw("S1:1 S2:2");
	bench_later();
	saw("w1 w2");
	bench_put(1);
	bench_done(3);
	saw("S3:3 w3");
}
END_TEST

START_TEST(a_quiet_write_that_is_over_inside_its_call_is_answered_at_once)
{
	bench_start(bench_node_rule(4));
	bench.sync = true;
	bench.quiet = true;
	bench_put(100);
	saw("S1:1 w1");
	bench_later();
	saw("");
}
END_TEST

START_TEST(drain_of_a_call_that_is_over_inside_itself_is_decided_last)
{
	bench_start(bench_node_rule(4));
	flow_cork(&bench.flow);
	bench_put(4);
	flow_uncork(&bench.flow);
	bench.sync = true;
	bench_now();
	saw("S1:1");
	flow_cork(&bench.flow);
	bench_put(1);
	bench_later();
	saw("w1");
	ck_assert(flow_needs_drain(&bench.flow));
	flow_uncork(&bench.flow);
	bench_later();
	saw("S2:2 D w2");
}
END_TEST

START_TEST(a_failure_inside_the_call_is_told_deferred)
{
	bench_start(bench_node_rule(4));
	bench.sync = true;
	bench.sync_error = MINE;
	ck_assert(!bench_put(1));
	saw("S1:1");
	ck_assert(!bench_put(1));
	saw("");
	bench_later();
	saw("w1!-7 R!-7 w2!-7");
	bench_released(0);
	saw("E-7 C");
}
END_TEST

START_TEST(with_several_calls_a_failure_inside_one_stops_the_queue)
{
	struct flow_config config = three_sinks();

	bench_start(config);
	flow_cork(&bench.flow);
	bench_put(1);
	bench_put(1);
	bench_put(1);
	flow_uncork(&bench.flow);
	bench.sync = true;
	bench.sync_error = MINE;
	bench_later();
	saw("S1:1 w1!-7 w2!-7 w3!-7 R!-7");
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase, reaching_the_high_mark_says_stop_and_takes_the_write);
	tcase_add_test(tcase, an_empty_write_on_an_empty_stream_may_go_on_at_mark_zero);
	tcase_add_test(tcase, drain_comes_once_and_only_when_nothing_is_held);
	tcase_add_test(tcase, a_write_may_go_on_while_a_drain_is_still_due);
	tcase_add_test(tcase, no_drain_after_end);
	tcase_add_test(tcase, drain_comes_at_the_low_mark_not_above_it);
	tcase_add_test(tcase, one_drain_between_the_marks_however_often_length_falls);
	tcase_add_test(tcase, two_completions_before_the_producer_is_told_give_one_drain);
	tcase_add_test(tcase, a_wanted_drain_waits_for_the_lower_of_limit_and_low_mark);
	tcase_add_test(tcase, a_wanted_drain_that_is_met_already_comes_deferred_and_once);
	tcase_add_test(tcase, a_limit_is_forgotten_with_its_drain);
	tcase_add_test(tcase, a_wanted_drain_that_was_filled_over_meanwhile_is_not_told);
	tcase_add_test(tcase, growing_joins_the_last_queued_write_up_to_the_cap);
	tcase_add_test(tcase, growing_is_refused_after_end);
	tcase_add_test(tcase, queued_writes_go_together_and_a_write_to_an_idle_stream_alone);
	tcase_add_test(tcase, a_gathered_call_ends_at_its_bytes_but_takes_one_write);
	tcase_add_test(tcase, sink_calls_run_side_by_side_up_to_their_number);
	tcase_add_test(tcase, a_younger_call_that_is_over_waits_for_the_older);
	tcase_add_test(tcase,
		       after_a_failed_call_the_younger_ones_are_waited_for_and_answered_with_it);
	tcase_add_test(tcase,
		       a_younger_failure_stops_the_queue_and_lets_the_older_call_be_told_well);
	tcase_add_test(tcase, a_call_that_is_over_inside_itself_is_answered_deferred);
	tcase_add_test(tcase, an_answer_does_not_overtake_those_deferred_before_it);
	tcase_add_test(tcase, a_quiet_write_that_is_over_inside_its_call_is_answered_at_once);
	tcase_add_test(tcase, drain_of_a_call_that_is_over_inside_itself_is_decided_last);
	tcase_add_test(tcase, a_failure_inside_the_call_is_told_deferred);
	tcase_add_test(tcase, with_several_calls_a_failure_inside_one_stops_the_queue);
}

int main(void)
{
	Suite *suite = suite_create("flow");
	TCase *tcase = tcase_create("flow");
	SRunner *runner = srunner_create(suite);
	int failed;

	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
