/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_writable.h"

#include <stdbool.h>

#include <cjson/cJSON.h>

#include "tests/vectors/replay_case.h"

/*
 * Walks through Node's log and keeps the few facts that the rules ask for. The log entry of
 * an operation stands behind the sink calls that it led to, so the facts as they were before
 * the operation are those behind the entry of the one before it.
 */

struct walk {
	const cJSON *scenario;
	const char *sink;
	int fail_at;
	int calls;
	int outstanding;
	bool auto_destroy;
	bool ended;
	bool errored;
	bool destroyed;
};

static const cJSON *array_of(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static void walk_sink(struct walk *walk, const char *what)
{
	if (case_is(what, "write") || case_is(what, "writev")) {
		walk->calls++;
		if (!case_is(walk->sink, "sync"))
			walk->outstanding++;
		else if (walk->calls == walk->fail_at)
			walk->errored = true;
	} else if (case_is(what, "final")) {
		const cJSON *opts = cJSON_GetObjectItemCaseSensitive(walk->scenario, "opts");

		walk->ended = true;
		if (case_is(case_text(opts, "final"), "fail"))
			walk->errored = true;
	} else if (case_is(what, "destroy")) {
		walk->destroyed = true;
	}
}

static void walk_op(struct walk *walk, const cJSON *entry)
{
	const char *op = case_text(entry, "op");
	bool had = case_truth(entry, "had");

	if (case_is(op, "end") && !walk->errored)
		walk->ended = true;
	if (had && (case_is(op, "complete") || case_is(op, "fail")))
		walk->outstanding--;
	if (had && (case_is(op, "fail") || case_is(op, "final_fail")))
		walk->errored = true;
	if (case_is(op, "destroy"))
		walk->destroyed = true;
}

/* Whether Node ever handed this write to the sink. */
static bool reached_sink(const struct walk *walk, int id)
{
	const cJSON *result = cJSON_GetObjectItemCaseSensitive(walk->scenario, "result");
	const cJSON *attempted;

	cJSON_ArrayForEach(attempted, array_of(result, "attempted"))
		if (attempted->valueint == id)
			return true;
	return false;
}

static const char *rule_of(const struct walk *walk, const cJSON *op)
{
	const char *name = case_text(op, "op");
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(op, "id");
	const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(op, "n");

	if (walk->destroyed)
		return NULL;
	if (case_is(name, "destroy"))
		return walk->outstanding > 0 ? "W32" : NULL;
	if (!case_is(name, "write") && !(case_is(name, "end") && id))
		return NULL;
	if (walk->ended)
		/* Without autoDestroy a failed stream has nothing left to lose by it. */
		return walk->auto_destroy || !walk->errored ? "W25" : NULL;
	if (!walk->errored)
		return NULL;
	/* An empty write without a callback that is dropped unseen is dropped here too. */
	if (bytes->valueint > 0 || !walk->auto_destroy || reached_sink(walk, id->valueint) ||
	    (case_is(name, "write") && case_truth(op, "cb")))
		return "W27";
	return NULL;
}

/* Up to and with the entry of the operation `name` (NULL: to the end); returns the next one. */
static const cJSON *walk_to(struct walk *walk, const cJSON *entry, const char *name, int *index)
{
	for (; entry; entry = entry->next) {
		bool found = name && case_is(case_text(entry, "op"), name);

		(*index)++;
		walk_sink(walk, case_text(entry, "sink"));
		walk_op(walk, entry);
		if (found)
			return entry->next;
	}
	return NULL;
}

static bool walk_turn(struct walk *walk, const cJSON *turn, struct replay_writable_touch *touch)
{
	const cJSON *log = array_of(turn, "log");
	const cJSON *entry = log ? log->child : NULL;
	const cJSON *op;
	int index = 0;

	touch->op = 0;
	cJSON_ArrayForEach(op, array_of(turn, "ops")) {
		const char *name = case_text(op, "op");

		touch->entry = index;
		touch->rule = rule_of(walk, op);
		if (touch->rule)
			return true;
		touch->op++;
		/* A producer has no entry of its own, and stands alone in its turn. */
		if (!case_is(name, "produce"))
			entry = walk_to(walk, entry, name, &index);
	}
	walk_to(walk, entry, NULL, &index);
	return false;
}

struct replay_writable_touch replay_writable_touch(const cJSON *scenario)
{
	const cJSON *opts = cJSON_GetObjectItemCaseSensitive(scenario, "opts");
	const cJSON *failed = cJSON_GetObjectItemCaseSensitive(opts, "failAt");
	struct replay_writable_touch touch = { 0 };
	struct walk walk = {
		.scenario = scenario,
		.sink = case_text(opts, "sink"),
		.fail_at = cJSON_IsNumber(failed) ? failed->valueint : 0,
		.auto_destroy = case_truth(opts, "autoDestroy"),
	};
	const cJSON *turn;

	cJSON_ArrayForEach(turn, array_of(scenario, "turns")) {
		const cJSON *state = cJSON_GetObjectItemCaseSensitive(turn, "state");

		if (walk_turn(&walk, turn, &touch))
			return touch;
		walk.ended = case_truth(state, "ended");
		walk.destroyed = case_truth(state, "destroyed");
		walk.errored = !cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(state, "errored"));
		/* All but a manual sink have completed when the turn is over. */
		if (!case_is(walk.sink, "manual"))
			walk.outstanding = 0;
		touch.turn++;
	}
	return (struct replay_writable_touch){ 0 };
}
