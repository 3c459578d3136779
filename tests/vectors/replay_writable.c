/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_writable.h"

#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "tests/vectors/replay.h"
#include "tests/vectors/replay_case.h"
#include "tests/vectors/replay_writable_run.h"

/*
 * Kind writable_trace: traces of stream.Writable. Each scenario is run against a flow with a
 * simulated sink, and writes a log of its own in Node's words; the logs, the states and what
 * reached the sink must be equal. Where a scenario meets a rule from which the flow departs
 * (replay_writable_touch() says where, from the file alone), it must be equal up to there;
 * from there on, and in every scenario at its end, run_check() says what may not be lost.
 */

static cJSON *state_of(const struct run *run)
{
	const struct flow *flow = &run->flow;
	cJSON *state = cJSON_CreateObject();

	run_add_length(run, state);
	run_add_need(run, state);
	cJSON_AddNumberToObject(state, "corked", flow_corked(flow));
	cJSON_AddNumberToObject(state, "queued", flow_queued(flow));
	cJSON_AddBoolToObject(state, "writable", flow_is_writable(flow));
	cJSON_AddBoolToObject(state, "ended", flow_is_ended(flow));
	cJSON_AddBoolToObject(state, "finished", flow_is_finished(flow));
	cJSON_AddBoolToObject(state, "destroyed", flow_is_destroyed(flow));
	cJSON_AddBoolToObject(state, "closed", flow_is_closed(flow));
	run_add_error(run, state, "errored", flow_errored(flow));
	return state;
}

static bool same_result(const struct run *run)
{
	const cJSON *result = cJSON_GetObjectItemCaseSensitive(run->scenario, "result");
	unsigned char digest[EVP_MAX_MD_SIZE];
	char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
	unsigned int length = 0;
	EVP_MD_CTX *copy = EVP_MD_CTX_new();
	cJSON *text;
	bool equal;

	if (!copy || !EVP_MD_CTX_copy_ex(copy, run->digest) ||
	    !EVP_DigestFinal_ex(copy, digest, &length))
		abort();
	EVP_MD_CTX_free(copy);
	for (unsigned int i = 0; i < length; i++)
		snprintf(hex + 2 * (size_t)i, 3, "%02x", digest[i]);
	text = cJSON_CreateString(hex);
	equal = case_same(run->scenario, -1, "attempted",
			  cJSON_GetObjectItemCaseSensitive(result, "attempted"), run->attempted) &&
		case_same(run->scenario, -1, "delivered",
			  cJSON_GetObjectItemCaseSensitive(result, "delivered"), run->delivered) &&
		case_same(run->scenario, -1, "sha256",
			  cJSON_GetObjectItemCaseSensitive(result, "sha256"), text);
	cJSON_Delete(text);
	return equal;
}

static bool run_check(struct run *run)
{
	for (const struct item *item = run->items; item; item = item->next) {
		if (item->answers != 1)
			run_break(run, "a write was not answered exactly once");
		if (item->accepted && !item->attempted && !run->trouble)
			run_break(run, "an accepted write did not reach the sink");
		if (item->accepted && !item->delivered && run->finishes > 0)
			run_break(run, "finish, though an accepted write was not delivered");
	}
	if (flow_length(&run->flow) != 0)
		run_break(run, "bytes are left in length");
	if (run->broken)
		replay_complain(run->scenario, "%s", run->broken);
	return !run->broken;
}

static bool turn_run(struct run *run, const cJSON *turn, int number,
		     const struct replay_writable_touch *touch)
{
	const cJSON *log = cJSON_GetObjectItemCaseSensitive(turn, "log");
	const cJSON *state = cJSON_GetObjectItemCaseSensitive(turn, "state");
	const cJSON *op;
	bool touched_before = touch->rule && number > touch->turn;
	bool touched_here = touch->rule && number == touch->turn;
	bool equal = true;
	int index = 0;
	cJSON *got;

	run->log = cJSON_CreateArray();
	cJSON_ArrayForEach(op, cJSON_GetObjectItemCaseSensitive(turn, "ops")) {
		if (touched_here && index++ == touch->op) {
			equal = cJSON_GetArraySize(run->log) == touch->entry;
			if (!equal)
				replay_complain(
					run->scenario,
					"turn %d: expected %d entries before rule %s, got %d",
					number, touch->entry, touch->rule,
					cJSON_GetArraySize(run->log));
		}
		run_op(run, op);
	}
	/* Node begins to open when the first turn's operations are over. */
	if (number == 0 && run->opens) {
		run_log(run, "sink", "open");
		run->open_outstanding = true;
	}
	run_deferred(run);
	if (!touched_before)
		equal = case_same_log(run->scenario, number, log, run->log,
				      touched_here ? touch->entry : -1) &&
			equal;
	if (!touched_before && !touched_here) {
		got = state_of(run);
		equal = case_same(run->scenario, number, "state", state, got) && equal;
		cJSON_Delete(got);
	}
	cJSON_Delete(run->log);
	return equal;
}

static struct replay_verdict scenario_run(const cJSON *scenario)
{
	const cJSON *turns = cJSON_GetObjectItemCaseSensitive(scenario, "turns");
	struct replay_writable_touch touch;
	struct run run;
	const cJSON *turn;
	bool passed = true;
	int number = 0;

	if (!run_init(&run, scenario))
		return replay_verdict(false);
	touch = replay_writable_touch(scenario);
	cJSON_ArrayForEach(turn, turns)
		if (!turn_run(&run, turn, number++, &touch)) {
			passed = false;
			break;
		}
	if (passed && !touch.rule)
		passed = same_result(&run);
	if (passed) {
		run_wind_up(&run);
		passed = run_check(&run);
	}
	run_fini(&run);
	return (struct replay_verdict){ .passed = passed && number > 0, .rule = touch.rule };
}

const struct replay_kind replay_writable = { "writable_trace", "scenarios", scenario_run };
