/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/forebay_memory.h"
#include "proto/args.h"
#include "tests/vectors/replay.h"
#include "tests/vectors/replay_numbers.h"
#include "tests/vectors/replay_value.h"

/*
 * Kinds library_dataview and library_buffer_ops: the same files through the views of libforebay.
 * replay_dataview.c has the rules of the first.
 *
 *	other	something that is not done with one view: left to the other kinds
 */

static struct replay_verdict verdict(bool passed)
{
	return (struct replay_verdict){ .passed = passed };
}

static struct replay_verdict left_out(void)
{
	return (struct replay_verdict){ true, "other" };
}

static const char *text_of(const cJSON *value)
{
	if (value_member(value, "undef"))
		return "NaN";
	return value_text(value_member(value, value_member(value, "big") ? "big" : "num"));
}

/* The number got by the function of its type and as a double is the same. */
static bool agree(const struct forebay_view *view, enum forebay_number type, size_t offset)
{
	double other = 0, number = 0;
	int r = 0;

#define GET(upper, lower, c_type)                                                                  \
	case FOREBAY_NUMBER_##upper: {                                                             \
		c_type value = 0;                                                                  \
                                                                                                   \
		r = forebay_view_get_##lower(view, offset, &value);                                \
		other = (double)value;                                                             \
		break;                                                                             \
	}
	switch (type) {
		GET(INT8, int8, int8_t)
		GET(UINT8, uint8, uint8_t)
		GET(UINT8CLAMPED, uint8, uint8_t)
		GET(INT16LE, int16le, int16_t)
		GET(INT16BE, int16be, int16_t)
		GET(UINT16LE, uint16le, uint16_t)
		GET(UINT16BE, uint16be, uint16_t)
		GET(INT32LE, int32le, int32_t)
		GET(INT32BE, int32be, int32_t)
		GET(UINT32LE, uint32le, uint32_t)
		GET(UINT32BE, uint32be, uint32_t)
		GET(INT64LE, int64le, int64_t)
		GET(INT64BE, int64be, int64_t)
		GET(UINT64LE, uint64le, uint64_t)
		GET(UINT64BE, uint64be, uint64_t)
		GET(FLOAT32LE, float32le, float)
		GET(FLOAT32BE, float32be, float)
		GET(FLOAT64LE, float64le, double)
		GET(FLOAT64BE, float64be, double)
	}
#undef GET
	return forebay_view_get_as_double(view, type, offset, &number, 1) == r &&
	       (r != 0 || number == other || (isnan(number) && isnan(other)));
}

/* A place in a view of the case's memory: where a number is to be, and of which type. */
struct place {
	struct value_bytes memory;
	struct forebay_view view;
	enum forebay_number type;
	size_t offset;
};

static struct replay_verdict set_number(const cJSON *entry, const struct place *place)
{
	const cJSON *value = value_member(entry, "value");
	const char *error = value_got(entry, "error") ? value_text(value_got(entry, "error")) : "";
	int r = forebay_view_set_as_text(&place->view, place->type, place->offset, text_of(value));
	bool same;

	if (r == 0 && strcmp(error, "TypeError") == 0)
		return (struct replay_verdict){ true, "A8" };
	same = value_same_refusal(entry, r != 0) && agree(&place->view, place->type, place->offset);
	if (r == 0)
		same = same && value_same_bytes(entry, "bytes", value_got(entry, "hex"),
						place->memory.bytes, place->memory.count);
	return (struct replay_verdict){ same, numbers_value_rule(value, NULL) };
}

static struct replay_verdict get_number(const cJSON *entry, const struct place *place)
{
	char text[FOREBAY_NUMBER_TEXT_BYTES];
	int r = forebay_view_get_as_text(&place->view, place->type, place->offset, text);

	return verdict(
		value_same_refusal(entry, r == -ERANGE) &&
		agree(&place->view, place->type, place->offset) &&
		(r != 0 || value_same_text(entry, "value", text_of(value_got(entry, "value")), text,
					   strlen(text))));
}

/* False: the view is not within the memory; then there is none to ask. */
static bool find_view(const cJSON *entry, struct place *place, const char **rule)
{
	int64_t whole = (int64_t)place->memory.count, start, length;

	if (!numbers_place(entry, "viewOff", 0, whole, &start, rule) ||
	    !numbers_place(entry, "viewLen", whole - start, whole - start, &length, rule))
		return false;
	place->view = forebay_view_of_memory(place->memory.bytes, place->memory.count);
	place->view = forebay_view_slice(&place->view, start, start + length);
	return true;
}

static struct replay_verdict run_number(const cJSON *entry,
					struct replay_verdict (*run)(const cJSON *entry,
								     const struct place *place))
{
	struct replay_verdict result = { .passed = false };
	const char *rule = NULL;
	enum number_type type;
	struct place place;
	int64_t offset;

	if (!numbers_type(entry, "type", !cJSON_IsTrue(value_member(entry, "le")), &type)) {
		replay_complain(entry, "no such type");
		return result;
	}
	place.type = (enum forebay_number)type;
	place.memory = value_hex(value_member(entry, "init"));
	if (!find_view(entry, &place, &rule) ||
	    !numbers_place(entry, "off", 0, INT64_MAX, &offset, &rule)) {
		result.passed = value_same_refusal(entry, true);
	} else {
		place.offset = (size_t)offset;
		result = run(entry, &place);
	}
	if (!result.rule)
		result.rule = rule;
	free(place.memory.bytes);
	return result;
}

static struct replay_verdict run_dataview(const cJSON *entry)
{
	const char *name = value_text(value_member(entry, "t"));

	if (strcmp(name, "set") == 0)
		return run_number(entry, set_number);
	if (strcmp(name, "get") == 0)
		return run_number(entry, get_number);
	return left_out();
}

/* The member of this name as a view of memory of its own, which the caller frees. */
static struct forebay_view view_of(const cJSON *entry, const char *name)
{
	struct value_bytes bytes = value_hex(value_member(entry, name));

	return forebay_view_of_memory(bytes.bytes, bytes.count);
}

static bool same_view(const cJSON *entry, const struct forebay_view *view, const char *name)
{
	return value_same_bytes(entry, name, value_got(entry, name), view->memory, view->bytes);
}

static struct replay_verdict run_compare(const cJSON *entry)
{
	struct forebay_view a = view_of(entry, "a"), b = view_of(entry, "b");
	bool same = value_same_number(entry, "order", value_got(entry, "r"),
				      forebay_view_compare(&a, &b));

	free(a.memory);
	free(b.memory);
	return verdict(same);
}

static struct replay_verdict run_swap(const cJSON *entry)
{
	struct forebay_view view = view_of(entry, "src");
	size_t bits = (size_t)value_integer(value_member(entry, "w"), 0, 0);
	int r = forebay_view_swap(&view, bits / 8);
	bool same = value_same_refusal(entry, r == -EINVAL) &&
		    (r != 0 || same_view(entry, &view, "hex"));

	free(view.memory);
	return verdict(same);
}

static struct replay_verdict run_subarray(const cJSON *entry)
{
	struct forebay_view whole = view_of(entry, "src");
	struct forebay_view part =
		forebay_view_slice(&whole, value_integer(value_member(entry, "start"), 0, 0),
				   value_integer(value_member(entry, "end"), FOREBAY_VIEW_END, 0));
	bool same =
		value_same_number(entry, "length", value_got(entry, "length"),
				  (int64_t)part.bytes) &&
		value_same_number(entry, "rel", value_got(entry, "rel"), (int64_t)part.offset) &&
		same_view(entry, &part, "hex") && forebay_view_fill(&part, "\xee", 1) == 0 &&
		same_view(entry, &whole, "whole");

	free(whole.memory);
	return verdict(same);
}

static bool finds(const cJSON *entry, const struct forebay_view *view,
		  const struct forebay_view *needle, enum forebay_encoding encoding, bool last)
{
	const char *name = last ? "last" : "first";
	int64_t whole = last ? (int64_t)view->bytes : 0;
	struct forebay_search search = {
		.needle = needle->memory,
		.needle_bytes = needle->bytes,
		.offset = value_integer(value_member(entry, "from"), whole, whole),
		.last = last,
		.utf16 = encoding == FOREBAY_ENCODING_UTF16LE,
	};
	size_t offset = 0;
	int r = forebay_view_find(view, &search, &offset);

	return value_same_number(entry, name, value_got(entry, name), r ? (int64_t)offset : -1);
}

/* A needle of text is first set in memory of its own. */
static struct forebay_view text_needle(const cJSON *entry, enum forebay_encoding encoding)
{
	struct value_bytes text = value_utf8(value_member(entry, "str")), bytes = { 0 };
	struct forebay_view needle = forebay_view_of_memory(NULL, 0);
	size_t size = 0;

	if (forebay_text_bytes(encoding, (const char *)text.bytes, text.count, &size) == 0) {
		bytes = value_bytes_new(size, 0);
		needle = forebay_view_of_memory(bytes.bytes, size);
		(void)forebay_view_set_text(&needle, encoding, (const char *)text.bytes, text.count,
					    &size);
	}
	free(text.bytes);
	return needle;
}

static struct replay_verdict run_index_of(const cJSON *entry)
{
	const cJSON *name = value_member(entry, "enc");
	enum forebay_encoding encoding = FOREBAY_ENCODING_UTF8;
	struct forebay_view view = view_of(entry, "src"), needle;
	struct value_bytes byte;
	bool same;

	if (name && forebay_encoding_from_name(value_text(name), &encoding))
		replay_complain(entry, "no such encoding");
	if (value_member(entry, "num")) {
		byte = value_bytes_new(1, value_byte(value_member(entry, "num")));
		needle = forebay_view_of_memory(byte.bytes, byte.count);
	} else if (value_member(entry, "str")) {
		needle = text_needle(entry, encoding);
	} else {
		needle = view_of(entry, "buf");
	}
	same = finds(entry, &view, &needle, encoding, false) &&
	       finds(entry, &view, &needle, encoding, true);
	free(needle.memory);
	free(view.memory);
	return verdict(same);
}

/* Positions that a slice has; Node refuses others, which a slice does not. */
static struct replay_verdict run_copy(const cJSON *entry)
{
	int64_t target_start = value_integer(value_member(entry, "targetStart"), 0, 0);
	int64_t source_start = value_integer(value_member(entry, "sourceStart"), 0, 0);
	int64_t source_end = value_integer(value_member(entry, "sourceEnd"), FOREBAY_VIEW_END, 0);
	bool itself = !value_member(entry, "dst");
	struct forebay_view source, target, to, from;
	size_t bytes = 0;
	bool same;

	if (value_got(entry, "error"))
		return left_out();
	source = view_of(entry, "src");
	target = itself ? source : view_of(entry, "dst");
	to = forebay_view_slice(&target, target_start, FOREBAY_VIEW_END);
	from = forebay_view_slice(&source, source_start, source_end);
	same = forebay_view_copy(&to, &from, &bytes) == 0 &&
	       value_same_number(entry, "copied", value_got(entry, "copied"), (int64_t)bytes) &&
	       same_view(entry, &target, "hex");
	if (!itself)
		free(target.memory);
	free(source.memory);
	return verdict(same);
}

static const struct {
	const char *name;
	struct replay_verdict (*run)(const cJSON *entry);
} cases[] = {
	{ "compare", run_compare },  { "copy", run_copy },	   { "copySelf", run_copy },
	{ "indexOf", run_index_of }, { "subarray", run_subarray }, { "swap", run_swap },
};

static struct replay_verdict run_buffer_ops(const cJSON *entry)
{
	const char *name = value_text(value_member(entry, "t"));

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].name, name) == 0)
			return cases[i].run(entry);
	return left_out();
}

const struct replay_kind replay_library_dataview = { "library_dataview", "cases", run_dataview };
const struct replay_kind replay_library_buffer_ops = { "library_buffer_ops", "cases",
						       run_buffer_ops };
