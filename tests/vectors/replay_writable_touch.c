/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_writable.h"

#include <stdbool.h>
#include <string.h>

#include <cjson/cJSON.h>

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

static const char *text_of(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

static bool truth_of(const cJSON *object, const char *name)
{
	return cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static const cJSON *array_of(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static bool is(const char *text, const char *other)
{
	return strcmp(text, other) == 0;
}

static void walk_sink(struct walk *walk, const char *what)
{
	if (is(what, "write") || is(what, "writev")) {
		walk->calls++;
		if (!is(walk->sink, "sync"))
			walk->outstanding++;
		else if (walk->calls == walk->fail_at)
			walk->errored = true;
	} else if (is(what, "final")) {
		const cJSON *opts = cJSON_GetObjectItemCaseSensitive(walk->scenario, "opts");

		walk->ended = true;
		if (is(text_of(opts, "final"), "fail"))
			walk->errored = true;
	} else if (is(what, "destroy")) {
		walk->destroyed = true;
	}
}

static void walk_op(struct walk *walk, const cJSON *entry)
{
	const char *op = text_of(entry, "op");
	bool had = truth_of(entry, "had");

	if (is(op, "end") && !walk->errored)
		walk->ended = true;
	if (had && (is(op, "complete") || is(op, "fail")))
		walk->outstanding--;
	if (had && (is(op, "fail") || is(op, "final_fail")))
		walk->errored = true;
	if (is(op, "destroy"))
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
	const char *name = text_of(op, "op");
	const cJSON *id = cJSON_GetObjectItemCaseSensitive(op, "id");
	const cJSON *bytes = cJSON_GetObjectItemCaseSensitive(op, "n");

	if (walk->destroyed)
		return NULL;
	if (is(name, "destroy"))
		return walk->outstanding > 0 ? "W32" : NULL;
	if (!is(name, "write") && !(is(name, "end") && id))
		return NULL;
	if (walk->ended)
		/* Without autoDestroy a failed stream has nothing left to lose by it. */
		return walk->auto_destroy || !walk->errored ? "W25" : NULL;
	if (!walk->errored)
		return NULL;
	/* An empty write without a callback that is dropped unseen is dropped here too. */
	if (bytes->valueint > 0 || !walk->auto_destroy || reached_sink(walk, id->valueint) ||
	    (is(name, "write") && truth_of(op, "cb")))
		return "W27";
	return NULL;
}

/* Up to and with the entry of the operation `name` (NULL: to the end); returns the next one. */
static const cJSON *walk_to(struct walk *walk, const cJSON *entry, const char *name, int *index)
{
	for (; entry; entry = entry->next) {
		bool found = name && is(text_of(entry, "op"), name);

		(*index)++;
		walk_sink(walk, text_of(entry, "sink"));
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
		const char *name = text_of(op, "op");

		touch->entry = index;
		touch->rule = rule_of(walk, op);
		if (touch->rule)
			return true;
		touch->op++;
		/* A producer has no entry of its own, and stands alone in its turn. */
		if (!is(name, "produce"))
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
		.sink = text_of(opts, "sink"),
		.fail_at = cJSON_IsNumber(failed) ? failed->valueint : 0,
		.auto_destroy = truth_of(opts, "autoDestroy"),
	};
	const cJSON *turn;

	cJSON_ArrayForEach(turn, array_of(scenario, "turns")) {
		const cJSON *state = cJSON_GetObjectItemCaseSensitive(turn, "state");

		if (walk_turn(&walk, turn, &touch))
			return touch;
		walk.ended = truth_of(state, "ended");
		walk.destroyed = truth_of(state, "destroyed");
		walk.errored = !cJSON_IsNull(cJSON_GetObjectItemCaseSensitive(state, "errored"));
		/* All but a manual sink have completed when the turn is over. */
		if (!is(walk.sink, "manual"))
			walk.outstanding = 0;
		touch.turn++;
	}
	return (struct replay_writable_touch){ 0 };
}
