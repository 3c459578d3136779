/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/flow.h"

#include <string.h>

#include <check.h>

#include "tests/support/flow_bench.h"

/* ---- corks, pauses, opening ---- */

START_TEST(corks_are_counted_and_end_lifts_them_all)
{
	bench_start(bench_node_rule(4));
	flow_uncork(&bench.flow);
	flow_cork(&bench.flow);
	flow_cork(&bench.flow);
	ck_assert(!bench_put(4));
	bench_put(1);
	flow_uncork(&bench.flow);
	bench_now();
	ck_assert_uint_eq(flow_corked(&bench.flow), 1);
	saw("");
	flow_cork(&bench.flow);
	bench_end();
	ck_assert_uint_eq(flow_corked(&bench.flow), 0);
	saw("S1:1+2");
}
END_TEST

START_TEST(a_cork_does_not_touch_the_call_in_hand)
{
	bench_start(bench_node_rule(4));
	bench_put(4);
	flow_cork(&bench.flow);
	bench_put(1);
	bench_done(1);
	saw("S1:1 w1");
	flow_uncork(&bench.flow);
	bench_now();
	saw("S2:2");
}
END_TEST

START_TEST(held_everything_goes_on_but_new_sink_calls)
{
	bench_start(bench_node_rule(4));
	bench_put(4);
	flow_hold(&bench.flow, true);
	ck_assert(!bench_put(1));
	bench_end();
	bench_done(1);
	bench_later();
	saw("S1:1 w1");
	ck_assert_uint_eq(flow_length(&bench.flow), 1);
	flow_hold(&bench.flow, false);
	bench_now();
	saw("S2:2");
	bench_done(2);
	bench_later();
	saw("w2 e1 FIN R");
}
END_TEST

START_TEST(writes_before_opening_queue_and_go_together)
{
	struct flow_config config = bench_node_rule(4);

	config.opening = true;
	bench_start(config);
	bench_put(1);
	ck_assert(!bench_put(4));
	bench_end();
	bench_later();
	saw("");
	flow_opened(&bench.flow);
	bench_now();
	saw("");
	bench_later();
	saw("S1:1+2");
	bench_done(1);
	bench_later();
	saw("w1 w2 e1 FIN R");
}
END_TEST

START_TEST(a_failed_opening_answers_all)
{
	struct flow_config config = bench_node_rule(4);

	config.opening = true;
	bench_start(config);
	bench_put(1);
	bench_end();
	flow_open_failed(&bench.flow, MINE);
	bench_later();
	saw("R!-7 w1!-7 e1!-7");
	bench_released(0);
	saw("E-7 C");
}
END_TEST

START_TEST(destroying_while_opening_waits_for_it_with_the_release)
{
	struct flow_config config = bench_node_rule(4);

	config.opening = true;
	bench_start(config);
	bench_put(1);
	bench_destroy(0);
	bench_later();
	saw("w1!2");
	flow_open_failed(&bench.flow, MINE);
	bench_later();
	saw("R!-7");
	bench_released(0);
	saw("E-7 C");
	ck_assert_int_eq(flow_errored(&bench.flow), MINE);
}
END_TEST

/* ---- the end ---- */

START_TEST(end_waits_for_every_answer_then_final_then_finish)
{
	struct flow_config config = bench_node_rule(4);

	config.final = true;
	bench_start(config);
	bench_put(4);
	flow_end(&bench.flow, bench_next_write(2), bench_next_end());
	bench_now();
	ck_assert(flow_is_ended(&bench.flow));
	bench_done(1);
	bench_done(2);
	saw("S1:1 S2:2 w1 w2 F");
	flow_final_done(&bench.flow, 0);
	bench_now();
	saw("");
	bench_later();
	saw("e1 FIN R");
	bench_released(0);
	saw("C");
	ck_assert(flow_is_finished(&bench.flow) && flow_is_closed(&bench.flow));
	ck_assert_int_eq(flow_errored(&bench.flow), 0);
}
END_TEST

START_TEST(finish_never_comes_inside_end)
{
	bench_start(bench_node_rule(4));
	bench_end();
	saw("");
	bench_later();
	saw("e1 FIN R");
}
END_TEST

START_TEST(finish_waits_for_the_answers_of_calls_over_inside_themselves)
{
	bench_start(bench_node_rule(4));
	bench.sync = true;
	bench_put(1);
	bench_end();
	bench_later();
	saw("S1:1 w1 e1 FIN R");
}
END_TEST

START_TEST(final_that_fails_answers_the_ends_and_never_finishes)
{
	struct flow_config config = bench_node_rule(4);

	config.final = true;
	bench_start(config);
	bench_end();
	flow_final_done(&bench.flow, MINE);
	bench_later();
	saw("F e1!-7 R!-7");
	bench_released(0);
	saw("E-7 C");
	ck_assert(!flow_is_finished(&bench.flow));
}
END_TEST

START_TEST(final_is_asked_for_once)
{
	struct flow_config config = bench_node_rule(4);

	config.final = true;
	bench_start(config);
	bench.sync = true;
	bench_put(1);
	bench_end();
	saw("S1:1 F");
	bench_later();
	saw("w1");
	flow_final_done(&bench.flow, 0);
	bench_later();
	saw("e1 FIN R");
}
END_TEST

START_TEST(an_end_whose_last_write_fails_inside_its_call_leaves_no_need)
{
	struct flow_config config = bench_node_rule(4);

	config.release = false;
	bench_start(config);
	bench.sync = true;
	bench.sync_error = MINE;
	flow_end(&bench.flow, bench_next_write(100), bench_next_end());
	bench_now();
	ck_assert(!flow_is_ended(&bench.flow));
	ck_assert(!flow_needs_drain(&bench.flow));
	bench_later();
	saw("S1:1 w1!-7 E-7 e1!-7");
}
END_TEST

START_TEST(an_end_after_finish_is_told_so)
{
	bench_start(bench_node_rule(4));
	bench_end();
	bench_later();
	bench_seen();
	bench_end();
	saw("");
	bench_later();
	saw("e2!3");
}
END_TEST

START_TEST(an_end_that_joins_another_is_answered_with_it)
{
	bench_start(bench_node_rule(4));
	bench_put(1);
	bench_end();
	flow_end(&bench.flow, NULL, bench_next_end());
	flow_end(&bench.flow, NULL, bench_next_end());
	bench_now();
	bench_done(1);
	bench_later();
	saw("S1:1 w1 e1 e2 e3 FIN R");
}
END_TEST

START_TEST(a_write_after_end_is_refused_and_harms_nothing)
{
	bench_start(bench_node_rule(4));
	bench_put(4);
	bench_put(2);
	bench_end();
	bench_seen();
	ck_assert(!bench_put(1));
	flow_end(&bench.flow, bench_next_write(1), bench_next_end());
	bench_later();
	saw("w3!1 w4!1 e2!1");
	ck_assert_uint_eq(flow_length(&bench.flow), 6);
	ck_assert_int_eq(flow_errored(&bench.flow), 0);
	bench_done(1);
	bench_done(2);
	bench_later();
	saw("S2:2 w1 w2 e1 FIN R");
}
END_TEST

START_TEST(a_destroy_between_end_and_finish_takes_the_finish)
{
	bench_start(bench_node_rule(4));
	bench_end();
	bench_destroy(0);
	bench_later();
	saw("R e1!2");
	bench_released(0);
	saw("C");
	ck_assert(!flow_is_finished(&bench.flow));
}
END_TEST

/* ---- destroying and failing ---- */

START_TEST(destroying_waits_for_the_calls_in_hand_then_answers_then_releases)
{
	struct flow_config config = bench_low_rule();

	config.sinks = 2;
	bench_start(config);
	bench_put(4);
	bench_put(4);
	bench_put(4);
	bench_end();
	bench_seen();
	bench_destroy(MINE);
	bench_later();
	saw("");
	ck_assert(flow_is_destroyed(&bench.flow));
	bench_done(1);
	saw("w1");
	bench_done(2);
	saw("w2 w3!-7 e1!-7 R!-7");
	bench_released(0);
	saw("E-7 C");
}
END_TEST

START_TEST(the_first_error_stays)
{
	bench_start(bench_node_rule(4));
	bench_put(1);
	bench_destroy(MINE);
	bench_fail(1, -9);
	saw("S1:1 w1!-9 R!-7");
	bench_released(0);
	saw("E-7 C");
	ck_assert_int_eq(flow_errored(&bench.flow), MINE);
}
END_TEST

START_TEST(destroying_twice_does_nothing_more)
{
	bench_start(bench_node_rule(4));
	bench_destroy(0);
	bench_destroy(MINE);
	bench_later();
	saw("R");
	bench_released(0);
	bench_destroy(MINE);
	bench_later();
	saw("C");
	ck_assert_int_eq(flow_errored(&bench.flow), 0);
}
END_TEST

START_TEST(an_error_of_the_release_is_told_instead)
{
	bench_start(bench_node_rule(4));
	bench_destroy(MINE);
	bench_released(-9);
	saw("R!-7 E-9 C");
	ck_assert_int_eq(flow_errored(&bench.flow), MINE);
}
END_TEST

START_TEST(close_is_not_announced_unless_wanted)
{
	struct flow_config config = bench_node_rule(4);

	config.announce_close = false;
	bench_start(config);
	bench_destroy(MINE);
	bench_released(0);
	saw("R!-7 E-7");
	ck_assert(flow_is_closed(&bench.flow));
}
END_TEST

START_TEST(without_release_a_failed_stream_says_so_at_once_and_waits)
{
	struct flow_config config = bench_node_rule(4);

	config.release = false;
	bench_start(config);
	bench_put(1);
	bench_put(2);
	bench_end();
	bench_fail(1, MINE);
	saw("S1:1 w1!-7 w2!-7 e1!-7 E-7");
	ck_assert_int_eq(flow_phase(&bench.flow), FLOW_FAILED);
	bench_destroy(0);
	bench_released(0);
	saw("R C");
}
END_TEST

START_TEST(a_write_on_a_failed_stream_is_answered_at_once)
{
	struct flow_config config = bench_node_rule(4);

	config.release = false;
	bench_start(config);
	bench_put(1);
	bench_fail(1, MINE);
	bench_seen();
	ck_assert(!bench_put(1));
	bench_later();
	saw("w2!-7");
	ck_assert_uint_eq(flow_length(&bench.flow), 0);
	ck_assert_uint_eq(flow_queued(&bench.flow), 0);
}
END_TEST

/* ---- every call in every phase ---- */

static void reach(enum flow_phase phase)
{
	struct flow_config config = bench_low_rule();

	config.opening = phase == FLOW_OPENING;
	config.release = false;
	bench_start(config);
	switch (phase) {
	case FLOW_OPENING:
	case FLOW_OPEN:
		break;
	case FLOW_ENDING:
		bench_put(1);
		bench_end();
		break;
	case FLOW_FINISHED:
		bench_end();
		break;
	case FLOW_FAILED:
		bench_put(1);
		bench_fail(1, MINE);
		break;
	case FLOW_DESTROYED:
		bench_put(1);
		bench_put(1);
		bench_destroy(MINE);
		break;
	case FLOW_CLOSED:
		bench_destroy(MINE);
		flow_released(&bench.flow, 0);
		break;
	}
	bench_later();
	bench_seen();
	ck_assert_int_eq(flow_phase(&bench.flow), phase);
}

static void event_write(void)
{
	bench_put(1);
}

static void event_end_with(void)
{
	flow_end(&bench.flow, bench_next_write(1), bench_next_end());
}

static void event_cork(void)
{
	flow_cork(&bench.flow);
	bench_put(1);
	flow_uncork(&bench.flow);
}

static void event_hold(void)
{
	flow_hold(&bench.flow, true);
	bench_put(1);
	bench_later();
	flow_hold(&bench.flow, false);
}

static void event_want_drain(void)
{
	flow_want_drain(&bench.flow, 4);
}

static void event_grow(void)
{
	bench_note(" grew %u", (unsigned int)flow_grow(&bench.flow, 2));
}

static void event_destroy(void)
{
	bench_destroy(-8);
}

static void event_complete(void)
{
	if (bench.sinks[1] && flow_length(&bench.flow) > 0)
		bench_done(1);
}

static void event_fail(void)
{
	if (bench.sinks[1] && flow_length(&bench.flow) > 0)
		bench_fail(1, -9);
}

static void event_opened(void)
{
	if (flow_phase(&bench.flow) == FLOW_OPENING)
		flow_opened(&bench.flow);
}

static void event_open_failed(void)
{
	if (flow_phase(&bench.flow) == FLOW_OPENING)
		flow_open_failed(&bench.flow, -9);
}

static void event_released(void)
{
	if (flow_phase(&bench.flow) != FLOW_DESTROYED)
		return;
	bench_done(1);
	flow_released(&bench.flow, 0);
}

typedef void (*event_fn)(void);

static const struct {
	const char *name;
	event_fn happens;
	const char *seen[7]; /* by phase; then the phase's name, where it is another */
} events[] = {
	{ "write", event_write, { "", "S1:1", "w2!1", "w1!1", "w2!-7", "w3!2", "w1!2" } },
	{ "end", bench_end, { "", "e1 FIN > finished", "", "e2!3", "e1!-7", "e1!2", "e1!2" } },
	{ "end with a write",
	  event_end_with,
	  { "", "S1:1 > ending", "w2!1 e2!1", "w1!1 e2!1", "w2!-7 e1!-7", "w3!2 e1!2",
	    "w1!2 e1!2" } },
	{ "cork", event_cork, { "", "S1:1", "w2!1", "w1!1", "w2!-7", "w3!2", "w1!2" } },
	{ "hold", event_hold, { "", "S1:1", "w2!1", "w1!1", "w2!-7", "w3!2", "w1!2" } },
	{ "want drain", event_want_drain, { "D", "D", "", "", "D", "", "" } },
	{ "grow",
	  event_grow,
	  { "grew 0", "grew 0", "grew 0", "grew 0", "grew 0", "grew 0", "grew 0" } },
	{ "destroy",
	  event_destroy,
	  { "> destroyed", "R!-8 > destroyed", "> destroyed", "R!-8 > destroyed",
	    "R!-8 > destroyed", "", "" } },
	{ "a call completes",
	  event_complete,
	  { "", "", "w1 e1 FIN > finished", "", "", "w1 w2!-7 R!-7", "" } },
	{ "a call fails",
	  event_fail,
	  { "", "", "w1!-9 e1!-9 E-9 > failed", "", "", "w1!-9 w2!-7 R!-7", "" } },
	{ "opened", event_opened, { "> open", "", "", "", "", "", "" } },
	{ "not opened", event_open_failed, { "E-9 > failed", "", "", "", "", "", "" } },
	{ "released", event_released, { "", "", "", "", "", "w1 w2!-7 R!-7 E-7 C > closed", "" } },
};

#define EVENT_COUNT ((int)(sizeof(events) / sizeof(events[0])))

START_TEST(every_call_in_every_phase_does_what_the_table_says)
{
	for (int phase = FLOW_OPENING; phase <= FLOW_CLOSED; phase++) {
		enum flow_phase after;

		reach(phase);
		events[_i].happens();
		bench_later();
		after = flow_phase(&bench.flow);
		if (after != (enum flow_phase)phase)
			bench_note(" > %s", flow_phase_name(after));
		ck_assert_msg(strcmp(bench_seen(), events[_i].seen[phase]) == 0,
			      "%s, then %s: expected \"%s\", saw \"%s\"",
			      flow_phase_name((enum flow_phase)phase), events[_i].name,
			      events[_i].seen[phase], bench.taken);
		flow_fini(&bench.flow);
	}
}
END_TEST

START_TEST(fini_takes_the_nodes_off_and_takes_null)
{
	bench_start(bench_node_rule(4));
	bench_put(1);
	bench_put(1);
	bench_end();
	flow_fini(&bench.flow);
	flow_fini(NULL);
	ck_assert(list_is_empty(&bench.writes[0].step.link));
	ck_assert(list_is_empty(&bench.writes[1].step.link));
	ck_assert(list_is_empty(&bench.ends[0].step.link));
}
END_TEST

START_TEST(reading_an_idle_stream)
{
	bench_start(bench_node_rule(4));
	ck_assert(flow_is_writable(&bench.flow));
	ck_assert(!flow_is_ended(&bench.flow) && !flow_is_finished(&bench.flow));
	ck_assert(!flow_is_destroyed(&bench.flow) && !flow_is_closed(&bench.flow));
	bench_end();
	ck_assert(!flow_is_writable(&bench.flow));
	ck_assert_str_eq(flow_phase_name(flow_phase(&bench.flow)), "ending");
}
END_TEST

static void add_tests(TCase *tcase)
{
	tcase_add_test(tcase, corks_are_counted_and_end_lifts_them_all);
	tcase_add_test(tcase, a_cork_does_not_touch_the_call_in_hand);
	tcase_add_test(tcase, held_everything_goes_on_but_new_sink_calls);
	tcase_add_test(tcase, writes_before_opening_queue_and_go_together);
	tcase_add_test(tcase, a_failed_opening_answers_all);
	tcase_add_test(tcase, destroying_while_opening_waits_for_it_with_the_release);
	tcase_add_test(tcase, end_waits_for_every_answer_then_final_then_finish);
	tcase_add_test(tcase, finish_never_comes_inside_end);
	tcase_add_test(tcase, finish_waits_for_the_answers_of_calls_over_inside_themselves);
	tcase_add_test(tcase, final_that_fails_answers_the_ends_and_never_finishes);
	tcase_add_test(tcase, final_is_asked_for_once);
	tcase_add_test(tcase, an_end_whose_last_write_fails_inside_its_call_leaves_no_need);
	tcase_add_test(tcase, an_end_after_finish_is_told_so);
	tcase_add_test(tcase, an_end_that_joins_another_is_answered_with_it);
	tcase_add_test(tcase, a_write_after_end_is_refused_and_harms_nothing);
	tcase_add_test(tcase, a_destroy_between_end_and_finish_takes_the_finish);
	tcase_add_test(tcase, destroying_waits_for_the_calls_in_hand_then_answers_then_releases);
	tcase_add_test(tcase, the_first_error_stays);
	tcase_add_test(tcase, destroying_twice_does_nothing_more);
	tcase_add_test(tcase, an_error_of_the_release_is_told_instead);
	tcase_add_test(tcase, close_is_not_announced_unless_wanted);
	tcase_add_test(tcase, without_release_a_failed_stream_says_so_at_once_and_waits);
	tcase_add_test(tcase, a_write_on_a_failed_stream_is_answered_at_once);
	tcase_add_loop_test(tcase, every_call_in_every_phase_does_what_the_table_says, 0,
			    EVENT_COUNT);
	tcase_add_test(tcase, fini_takes_the_nodes_off_and_takes_null);
	tcase_add_test(tcase, reading_an_idle_stream);
}

int main(void)
{
	Suite *suite = suite_create("flow_end");
	TCase *tcase = tcase_create("flow_end");
	SRunner *runner = srunner_create(suite);
	int failed;

	add_tests(tcase);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
