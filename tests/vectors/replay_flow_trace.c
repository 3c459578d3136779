/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <cjson/cJSON.h>

#include "tests/vectors/replay.h"
#include "tests/vectors/replay_case.h"
#include "tests/vectors/replay_flow_trace_run.h"

/*
 * Kind flow_trace: traces of stream.Readable, Transform, pipe, pipeline and finished. Each
 * scenario is run against a row of parts with a simulated source, step and sink, and writes a
 * log of its own in Node's words; the logs and the states must be equal (level L2). Where a
 * scenario meets a rule from which the flow departs on purpose, it must be equal up to there:
 *
 *	W25	a write after end destroys the destination
 *	W27	a write on a step that has failed, and is not yet destroyed, is taken
 *	W32	destroying does not wait for the sink call in hand, nor for the step's
 *
 * That is decided from what Node did, never from the flow: W27 shows in the log as a write
 * between the failure and its end, the others as the destination let go there and then. From
 * there on, and in every scenario at its end, trace_run_wind_up() says what may not be lost;
 * and the outcome must be Node's all the same.
 */

struct touch {
	const char *rule; /* NULL: nowhere */
	int turn;
	int entry; /* the first that is not to be compared */
};

/* What of Node's log is in hand, so far. */
struct hand {
	int sink;
	int step;
	bool step_fails; /* in the call that is under way */
	bool step_failed;
};

static void hand_note(struct hand *hand, const cJSON *entry, const cJSON *opts)
{
	const char *op = case_text(entry, "op");
	bool had = case_truth(entry, "had");

	if (case_is(case_text(entry, "sink"), "write") &&
	    case_is(case_text(opts, "sink"), "manual"))
		hand->sink++;
	if (case_is(case_text(entry, "tr"), "transform") &&
	    case_is(case_text(opts, "tr"), "manual"))
		hand->step++;
	if (case_is(case_text(entry, "tr"), "transform") && case_is(case_text(opts, "tr"), "fail"))
		hand->step_fails = true;
	if (op && hand->step_fails)
		hand->step_failed = true;
	if (had && (case_is(op, "complete") || case_is(op, "fail")))
		hand->sink--;
	if (had && case_is(op, "t_done"))
		hand->step--;
}

/* A step may also have a write in hand that it is done with, but that is not read yet. */
static bool step_holds(const struct hand *hand, const cJSON *turn)
{
	const cJSON *state = cJSON_GetObjectItemCaseSensitive(turn, "state");
	const cJSON *step = cJSON_GetObjectItemCaseSensitive(state, "tr");

	return hand->step > 0 || case_number(step, "wlen") > 0;
}

static const char *rule_of(const struct hand *hand, const cJSON *entry, const cJSON *turn)
{
	if (case_is(case_text(entry, "op"), "t_write") && hand->step_failed)
		return "W27";
	if (case_is(case_text(entry, "tr"), "destroy"))
		return step_holds(hand, turn) ? "W32" : NULL;
	if (!case_is(case_text(entry, "sink"), "destroy"))
		return NULL;
	if (case_is(case_text(entry, "err"), "ERR_STREAM_WRITE_AFTER_END"))
		return "W25";
	return hand->sink > 0 ? "W32" : NULL;
}

static struct touch touch_of(const cJSON *scenario)
{
	const cJSON *opts = cJSON_GetObjectItemCaseSensitive(scenario, "opts");
	struct touch touch = { 0 };
	struct hand hand = { 0 };
	const cJSON *turn;
	const cJSON *entry;

	cJSON_ArrayForEach(turn, cJSON_GetObjectItemCaseSensitive(scenario, "turns")) {
		touch.entry = 0;
		cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(turn, "log")) {
			touch.rule = rule_of(&hand, entry, turn);
			if (touch.rule)
				return touch;
			hand_note(&hand, entry, opts);
			touch.entry++;
		}
		/* What failed in this turn is destroyed when it is over. */
		hand.step_failed = false;
		hand.step_fails = false;
		touch.turn++;
	}
	return (struct touch){ 0 };
}

static bool turn_run(struct trace_run *run, const cJSON *turn, int number,
		     const struct touch *touch)
{
	const cJSON *log = cJSON_GetObjectItemCaseSensitive(turn, "log");
	bool before = !touch->rule || number < touch->turn;
	bool here = touch->rule && number == touch->turn;
	bool equal = true;
	const cJSON *op;
	cJSON *state;

	run->log = cJSON_CreateArray();
	if (number == 0)
		trace_run_begin(run);
	cJSON_ArrayForEach(op, cJSON_GetObjectItemCaseSensitive(turn, "ops"))
		trace_run_op(run, op);
	trace_run_deferred(run);
	if (before || here)
		equal = case_same_log(run->scenario, number, log, run->log,
				      here ? touch->entry : -1);
	if (before) {
		state = trace_run_state(run);
		equal = case_same(run->scenario, number, "state",
				  cJSON_GetObjectItemCaseSensitive(turn, "state"), state) &&
			equal;
		cJSON_Delete(state);
	}
	cJSON_Delete(run->log);
	return equal;
}

/* Whether Node came to an outcome, and if so to this one. */
static bool same_outcome(const struct trace_run *run)
{
	const cJSON *turn;
	const cJSON *entry;

	cJSON_ArrayForEach(turn, cJSON_GetObjectItemCaseSensitive(run->scenario, "turns")) {
		cJSON_ArrayForEach(entry, cJSON_GetObjectItemCaseSensitive(turn, "log")) {
			const char *error = case_text(entry, "err");

			if (!case_has(entry, "cb"))
				continue;
			if (case_is(error ? error : "", run->outcome))
				return true;
			replay_complain(run->scenario, "the outcome was to be %s, and was %s",
					error ? error : "none", run->outcome);
			return false;
		}
	}
	return true;
}

static struct replay_verdict scenario_run(const cJSON *scenario)
{
	struct touch touch = touch_of(scenario);
	struct trace_run run;
	const cJSON *turn;
	bool passed = true;
	int number = 0;

	if (!trace_run_init(&run, scenario))
		return replay_verdict(false);
	cJSON_ArrayForEach(turn, cJSON_GetObjectItemCaseSensitive(scenario, "turns"))
		if (passed)
			passed = turn_run(&run, turn, number++, &touch);
	if (passed) {
		trace_run_wind_up(&run);
		if (run.broken)
			replay_complain(scenario, "%s", run.broken);
		passed = !run.broken && same_outcome(&run);
	}
	trace_run_fini(&run);
	return (struct replay_verdict){ .passed = passed && number > 0, .rule = touch.rule };
}

const struct replay_kind replay_flow_trace = { "flow_trace", "scenarios", scenario_run };
