/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/vectors/replay.h"
#include "tests/vectors/replay_numbers.h"
#include "tests/vectors/replay_value.h"

/*
 * Kinds dataview and dataview_f16: one number got or set in a view of some memory. A view is a
 * range of it, and has no object of its own.
 *
 *	A4		positions are integers: others are refused, and here cut as JavaScript does
 *	A8		a text does not say whether it is a BigInt, so each is taken by each type
 *	A17		there is no float16
 *	undefined	is no text; NaN, which JavaScript makes of it, is
 */

struct view {
	struct value_bytes memory;
	int64_t start;
	int64_t length;
};

/* False: it does not lie within the memory. */
static bool find_view(const cJSON *entry, int64_t memory_bytes, struct view *view,
		      const char **rule)
{
	return numbers_place(entry, "viewOff", 0, memory_bytes, &view->start, rule) &&
	       numbers_place(entry, "viewLen", memory_bytes - view->start,
			     memory_bytes - view->start, &view->length, rule);
}

static struct replay_verdict run_new(const cJSON *entry)
{
	int64_t memory_bytes = value_integer(value_member(entry, "bufLen"), 0, 0);
	const char *rule = NULL;
	struct view view;
	bool inside = find_view(entry, memory_bytes, &view, &rule);
	bool same = value_same_refusal(entry, !inside);

	if (inside)
		same = same &&
		       value_same_number(entry, "byteOffset", value_got(entry, "byteOffset"),
					 view.start) &&
		       value_same_number(entry, "byteLength", value_got(entry, "byteLength"),
					 view.length);
	return (struct replay_verdict){ same, rule };
}

static struct replay_verdict set_at(const cJSON *entry, enum number_type type,
				    const struct view *view, int64_t place)
{
	const cJSON *value = value_member(entry, "value");
	const char *error = value_got(entry, "error") ? value_text(value_got(entry, "error")) : "";
	unsigned char *bytes = view->memory.bytes + view->start + place;
	enum numbers_outcome outcome = numbers_set(entry, type, value, bytes);

	if (outcome == NUMBERS_BROKEN)
		return replay_verdict(false);
	if (outcome == NUMBERS_SET && strcmp(error, "TypeError") == 0)
		return (struct replay_verdict){ true, "A8" };
	return (struct replay_verdict){
		value_same_refusal(entry, outcome == NUMBERS_REFUSED) &&
			(outcome == NUMBERS_REFUSED ||
			 value_same_bytes(entry, "bytes", value_got(entry, "hex"),
					  view->memory.bytes, view->memory.count)),
		numbers_value_rule(value, NULL),
	};
}

static struct replay_verdict get_at(const cJSON *entry, enum number_type type,
				    const struct view *view, int64_t place)
{
	const unsigned char *bytes = view->memory.bytes + view->start + place;

	return (struct replay_verdict){
		.passed = value_same_refusal(entry, false) &&
			  numbers_same(entry, type, bytes, value_got(entry, "value")),
	};
}

static struct replay_verdict no_type(const cJSON *entry)
{
	const char *name = value_text(value_member(entry, "type"));
	bool expected = strcmp(name, "Float16") == 0;

	if (!expected)
		replay_complain(entry, "no such type: %s", name);
	return (struct replay_verdict){ expected, "A17" };
}

/* Both: the place is looked for first, and then `run` is at it. */
static struct replay_verdict run_at(
	const cJSON *entry, struct replay_verdict (*run)(const cJSON *entry, enum number_type type,
							 const struct view *view, int64_t place))
{
	bool little = cJSON_IsTrue(value_member(entry, "le"));
	struct replay_verdict verdict;
	enum number_type type;
	const char *rule = NULL;
	struct view view;
	int64_t place;

	if (!numbers_type(entry, "type", !little, &type))
		return no_type(entry);
	view.memory = value_hex(value_member(entry, "init"));
	if (find_view(entry, (int64_t)view.memory.count, &view, &rule) &&
	    numbers_place(entry, "off", 0, view.length - (int64_t)number_type_bytes(type), &place,
			  &rule))
		verdict = run(entry, type, &view, place);
	else
		verdict = replay_verdict(value_same_refusal(entry, true));
	if (!verdict.rule)
		verdict.rule = rule;
	free(view.memory.bytes);
	return verdict;
}

static struct replay_verdict run(const cJSON *entry)
{
	const char *name = value_text(value_member(entry, "t"));

	if (strcmp(name, "new") == 0)
		return run_new(entry);
	if (strcmp(name, "set") == 0)
		return run_at(entry, set_at);
	if (strcmp(name, "get") == 0)
		return run_at(entry, get_at);
	replay_complain(entry, "no such case: %s", name);
	return replay_verdict(false);
}

const struct replay_kind replay_dataview = { "dataview", "cases", run };
const struct replay_kind replay_dataview_f16 = { "dataview_f16", "cases", run };
