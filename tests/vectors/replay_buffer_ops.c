/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "proto/args.h"
#include "proto/bytes.h"
#include "proto/encoding.h"
#include "tests/vectors/replay.h"
#include "tests/vectors/replay_buffer_numbers.h"
#include "tests/vectors/replay_value.h"

/*
 * Kind buffer_ops: the methods of Buffer. Lengths and totals are read as the daemon reads
 * them, which is stricter than Node in some cases, and positions are cut to integers first.
 *
 *	B3	a length is an integer: a fraction is refused, and a text of digits is one
 *	B5	a range of a buffer beyond its ends is cut to them, not refused
 *	B21	a total that is none is refused also where there is nothing to join
 *	B22	a range to compare beyond a buffer's end is cut to it, not refused
 *
 * replay_buffer_numbers.h has the cases of numbers, and their rules.
 */

#define LENGTH_MAX ((int64_t)1 << 30)

struct outcome {
	bool refused;
	struct value_bytes bytes;
};

static struct replay_verdict mapped(const char *rule)
{
	return (struct replay_verdict){ true, rule };
}

/* Frees the bytes. */
static bool same_outcome(const cJSON *entry, const struct outcome *outcome)
{
	bool same =
		value_same_refusal(entry, outcome->refused) &&
		(outcome->refused || value_same_bytes(entry, "bytes", value_got(entry, "hex"),
						      outcome->bytes.bytes, outcome->bytes.count));

	free(outcome->bytes.bytes);
	return same;
}

static struct value_bytes bytes_of_text(const cJSON *entry, const cJSON *item)
{
	struct value_bytes text = value_utf8(item);
	struct encoding_text source = { .utf8 = (const char *)text.bytes, .length = text.count };
	enum encoding encoding = ENCODING_UTF8;
	struct value_bytes bytes;

	if (value_member(entry, "enc"))
		encoding_from_name(value_text(value_member(entry, "enc")), &encoding);
	bytes = value_bytes_new(encoding_decode(encoding, source, NULL, 0), 0);
	encoding_decode(encoding, source, bytes.bytes, bytes.count);
	free(text.bytes);
	return bytes;
}

/* The bytes that a value stands for: `text` or `hex` name the members it may be in. */
static struct value_bytes value_of(const cJSON *entry, const char *text, const char *hex)
{
	const cJSON *item = value_member(entry, text);

	if (value_member(entry, hex))
		return value_hex(value_member(entry, hex));
	if (cJSON_IsString(item))
		return bytes_of_text(entry, item);
	return value_bytes_new(1, value_byte(item));
}

/* Nothing to fill with is refused, unless it is the empty text, or nothing is to be filled. */
static bool is_fill_refused(const cJSON *entry, const struct value_bytes *pattern, size_t length)
{
	const cJSON *text = value_member(entry, "fill");

	return pattern->count == 0 && length > 0 && !(text && value_text(text)[0] == '\0');
}

static struct replay_verdict run_alloc(const cJSON *entry)
{
	int64_t length = 0;
	bool refused = args_get_int_within(entry, "size", 0, LENGTH_MAX, &length) != 0;
	bool filled = value_member(entry, "fill") || value_member(entry, "fillHex");
	struct outcome outcome = { .refused = refused };
	struct value_bytes pattern;

	if (refused != (value_got(entry, "error") != NULL) && !filled)
		return mapped("B3");
	outcome.bytes = value_bytes_new((size_t)length, 0);
	if (!filled)
		return replay_verdict(same_outcome(entry, &outcome));

	pattern = value_of(entry, "fill", "fillHex");
	outcome.refused |= is_fill_refused(entry, &pattern, outcome.bytes.count);
	if (pattern.count > 0)
		bytes_fill(outcome.bytes.bytes, outcome.bytes.count, pattern.bytes, pattern.count);
	free(pattern.bytes);
	return replay_verdict(same_outcome(entry, &outcome));
}

/* A position left out is 0, or the end; "not a number" counts as 0. */
static struct bytes_copy copy_of(const cJSON *entry, size_t target_bytes, size_t source_bytes)
{
	return (struct bytes_copy){
		.target_bytes = target_bytes,
		.source_bytes = source_bytes,
		.target_start = value_integer(value_member(entry, "targetStart"), 0, 0),
		.source_start = value_integer(value_member(entry, "sourceStart"), 0, 0),
		.source_end = value_integer(value_member(entry, "sourceEnd"), INT64_MAX, 0),
	};
}

static bool copies(const cJSON *entry, struct value_bytes target, const struct value_bytes *source)
{
	struct bytes_copy copy = copy_of(entry, target.count, source->count);
	struct outcome outcome = { .bytes = target };
	uint64_t count = 0;
	bool same;

	outcome.refused = bytes_copy_count(&copy, &count) == -ERANGE;
	if (count > 0)
		memmove(target.bytes + copy.target_start, source->bytes + copy.source_start, count);
	same = same_outcome(entry, &outcome);
	return same &&
	       (outcome.refused ||
		value_same_number(entry, "copied", value_got(entry, "copied"), (int64_t)count));
}

static struct replay_verdict run_copy(const cJSON *entry)
{
	struct value_bytes source = value_hex(value_member(entry, "src"));
	bool same = copies(entry, value_hex(value_member(entry, "dst")), &source);

	free(source.bytes);
	return replay_verdict(same);
}

static struct replay_verdict run_copy_self(const cJSON *entry)
{
	struct value_bytes source = value_hex(value_member(entry, "src"));

	return replay_verdict(copies(entry, source, &source));
}

/* The part is shown, and that it shares the memory: filled with 0xee, the whole shows it. */
static bool same_part(const cJSON *entry, struct value_bytes whole, const char *offset,
		      uint64_t start, uint64_t end)
{
	bool same = value_same_number(entry, "length", value_got(entry, "length"),
				      (int64_t)(end - start)) &&
		    value_same_number(entry, offset, value_got(entry, offset), (int64_t)start) &&
		    value_same_bytes(entry, "part", value_got(entry, "hex"), whole.bytes + start,
				     end - start);

	bytes_fill(whole.bytes + start, end - start, "\xee", 1);
	return same && value_same_bytes(entry, "whole", value_got(entry, "whole"), whole.bytes,
					whole.count);
}

static struct replay_verdict run_subarray(const cJSON *entry)
{
	struct value_bytes whole = value_hex(value_member(entry, "src"));
	uint64_t start, end;
	bool same;

	bytes_range(value_integer(value_member(entry, "start"), 0, 0),
		    value_integer(value_member(entry, "end"), INT64_MAX, 0), whole.count, &start,
		    &end);
	same = same_part(entry, whole, "rel", start, end);
	free(whole.bytes);
	return replay_verdict(same);
}

/* With an offset and a length, of which a negative one is 0. */
static struct replay_verdict run_from_array_buffer(const cJSON *entry)
{
	struct value_bytes whole = value_hex(value_member(entry, "src"));
	int64_t offset = value_integer(value_member(entry, "off"), 0, 0);
	int64_t length = value_integer(value_member(entry, "len"), 0, 0);
	bool to_end = cJSON_IsNull(value_member(entry, "len"));
	bool refused = value_got(entry, "error") != NULL;
	uint64_t start, end;
	bool same = true;

	if (length < 0)
		length = 0;
	bytes_range(offset, to_end ? INT64_MAX : offset + length, whole.count, &start, &end);
	if (!refused)
		same = same_part(entry, whole, "byteOffset", start, end);
	free(whole.bytes);
	return (struct replay_verdict){ same, refused ? "B5" : NULL };
}

static struct replay_verdict run_concat(const cJSON *entry)
{
	const cJSON *list = value_member(entry, "list"), *item;
	struct bytes_copy copy = { .source_end = INT64_MAX };
	int64_t total = 0, at = 0;
	struct outcome outcome = { .refused = false };
	uint64_t count;

	cJSON_ArrayForEach(item, list)
		total += (int64_t)strlen(value_text(item)) / 2;
	outcome.refused =
		args_get_int_within(entry, "total", 0, LENGTH_MAX, &total) == ARGS_E_RANGE;
	if (cJSON_GetArraySize(list) == 0 && outcome.refused)
		return mapped("B21");
	if (cJSON_GetArraySize(list) == 0)
		total = 0;
	outcome.bytes = value_bytes_new((size_t)total, 0);
	copy.target_bytes = (uint64_t)total;
	cJSON_ArrayForEach(item, list) {
		struct value_bytes part = value_hex(item);

		copy.target_start = at;
		copy.source_bytes = part.count;
		if (bytes_copy_count(&copy, &count) == 0 && count > 0)
			memcpy(outcome.bytes.bytes + at, part.bytes, count);
		at += (int64_t)part.count;
		free(part.bytes);
	}
	return replay_verdict(same_outcome(entry, &outcome));
}

static struct replay_verdict run_compare(const cJSON *entry)
{
	struct value_bytes a = value_hex(value_member(entry, "a"));
	struct value_bytes b = value_hex(value_member(entry, "b"));
	int order = bytes_compare(a.bytes, a.count, b.bytes, b.count);
	bool same = value_same_number(entry, "order", value_got(entry, "r"), order) &&
		    value_same_bool(entry, "equal", value_got(entry, "equals"), order == 0);

	free(a.bytes);
	free(b.bytes);
	return replay_verdict(same);
}

/* The range is that of the other buffer, then that of the one whose method it is. */
static struct replay_verdict run_compare_range(const cJSON *entry)
{
	const cJSON *range = value_member(entry, "range");
	struct value_bytes a = value_hex(value_member(entry, "a"));
	struct value_bytes b = value_hex(value_member(entry, "b"));
	uint64_t a_start, a_end, b_start, b_end;
	bool refused = value_got(entry, "error") != NULL, same = true;
	int order;

	bytes_range(value_integer(cJSON_GetArrayItem(range, 0), 0, 0),
		    value_integer(cJSON_GetArrayItem(range, 1), INT64_MAX, 0), b.count, &b_start,
		    &b_end);
	bytes_range(value_integer(cJSON_GetArrayItem(range, 2), 0, 0),
		    value_integer(cJSON_GetArrayItem(range, 3), INT64_MAX, 0), a.count, &a_start,
		    &a_end);
	order = bytes_compare(a.bytes + a_start, a_end - a_start, b.bytes + b_start,
			      b_end - b_start);
	if (!refused)
		same = value_same_number(entry, "order", value_got(entry, "r"), order);
	free(a.bytes);
	free(b.bytes);
	return (struct replay_verdict){ same, refused ? "B22" : NULL };
}

static bool finds(const cJSON *entry, const struct value_bytes *bytes,
		  const struct value_bytes *needle, bool last, const char *name)
{
	const cJSON *from = value_member(entry, "from"), *encoding = value_member(entry, "enc");
	int64_t whole = last ? (int64_t)bytes->count : 0;
	enum encoding as = ENCODING_UTF8;
	size_t offset = 0;
	bool found;

	if (encoding)
		encoding_from_name(value_text(encoding), &as);
	found = bytes_find(bytes->bytes, bytes->count, needle->bytes, needle->count,
			   as == ENCODING_UTF16LE ? 2 : 1, value_integer(from, whole, whole), last,
			   &offset);
	return value_same_number(entry, name, value_got(entry, name),
				 found ? (int64_t)offset : -1) &&
	       (last || value_same_bool(entry, "has", value_got(entry, "has"), found));
}

static struct replay_verdict run_index_of(const cJSON *entry)
{
	struct value_bytes bytes = value_hex(value_member(entry, "src"));
	struct value_bytes needle = value_member(entry, "num") ? value_of(entry, "num", "buf") :
								 value_of(entry, "str", "buf");
	bool same = finds(entry, &bytes, &needle, false, "first") &&
		    finds(entry, &bytes, &needle, true, "last");

	free(bytes.bytes);
	free(needle.bytes);
	return replay_verdict(same);
}

static struct replay_verdict run_swap(const cJSON *entry)
{
	struct outcome outcome = { .bytes = value_hex(value_member(entry, "src")) };
	int64_t bits = value_integer(value_member(entry, "w"), 0, 0);

	outcome.refused =
		bytes_swap(outcome.bytes.bytes, outcome.bytes.count, (size_t)bits / 8) == -EINVAL;
	return replay_verdict(same_outcome(entry, &outcome));
}

static struct replay_verdict run_is_utf8(const cJSON *entry)
{
	struct value_bytes bytes = value_hex(value_member(entry, "src"));
	bool is_utf8 = encoding_utf8_is_valid(bytes.bytes, bytes.count);
	bool is_ascii = encoding_is_faithful(ENCODING_ASCII, bytes.bytes, bytes.count);
	bool same = value_same_bool(entry, "UTF-8", value_got(entry, "utf8"), is_utf8) &&
		    value_same_bool(entry, "ASCII", value_got(entry, "ascii"), is_ascii);

	free(bytes.bytes);
	return replay_verdict(same);
}

static const struct {
	const char *name;
	struct replay_verdict (*run)(const cJSON *entry);
} cases[] = {
	{ "alloc", run_alloc },
	{ "compare", run_compare },
	{ "compareRange", run_compare_range },
	{ "concat", run_concat },
	{ "copy", run_copy },
	{ "copySelf", run_copy_self },
	{ "fromArray", replay_buffer_numbers_from_array },
	{ "fromArrayBuffer", run_from_array_buffer },
	{ "fromCopy", replay_buffer_numbers_from_copy },
	{ "indexOf", run_index_of },
	{ "isUtf8", run_is_utf8 },
	{ "read", replay_buffer_numbers_read },
	{ "subarray", run_subarray },
	{ "swap", run_swap },
	{ "toJSON", replay_buffer_numbers_to_json },
	{ "write", replay_buffer_numbers_write },
};

static struct replay_verdict run(const cJSON *entry)
{
	const char *name = value_text(value_member(entry, "t"));

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].name, name) == 0)
			return cases[i].run(entry);
	replay_complain(entry, "no such case: %s", name);
	return replay_verdict(false);
}

const struct replay_kind replay_buffer_ops = { "buffer_ops", "cases", run };
