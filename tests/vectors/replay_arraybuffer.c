/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "proto/bytes.h"
#include "tests/vectors/replay.h"
#include "tests/vectors/replay_numbers.h"
#include "tests/vectors/replay_typed_array.h"
#include "tests/vectors/replay_value.h"

/*
 * Kind arraybuffer: memory of a fixed length, and typed arrays in it. A typed array is a range
 * of numbers of one type, and has no object of its own.
 *
 *	A2		nothing changes a length, and there is no call that tries
 *	A4		positions are integers: others are refused, and here cut as JavaScript does
 *	A8		a text does not say whether it is a BigInt, so each is taken by each type
 *	A10		numbers need no alignment, and what is left of the memory is no error
 *	A11		outside of the memory there is an error, where Node finds undefined
 *	undefined	is no text; NaN, which JavaScript makes of it, is
 */

/* More than any recorded length that Node has memory for, and less than the others. */
#define MEMORY_BYTES_MAX (INT64_C(1) << 32)

static bool is_zero(const struct value_bytes *bytes)
{
	for (size_t i = 0; i < bytes->count; i++)
		if (bytes->bytes[i] != 0)
			return false;
	return true;
}

static struct replay_verdict run_new(const cJSON *entry)
{
	const char *rule = NULL;
	struct value_bytes memory;
	int64_t length;
	bool same;

	if (!numbers_place(entry, "len", 0, MEMORY_BYTES_MAX, &length, &rule))
		return replay_verdict(value_same_refusal(entry, true));
	memory = value_bytes_new((size_t)length, 0xaa);
	bytes_fill(memory.bytes, memory.count, "", 1);
	same = value_same_refusal(entry, false) &&
	       value_same_number(entry, "byteLength", value_got(entry, "byteLength"), length) &&
	       value_same_bool(entry, "zero", value_got(entry, "zero"), is_zero(&memory)) &&
	       value_same_bool(entry, "resizable", value_got(entry, "resizable"), false);
	free(memory.bytes);
	return (struct replay_verdict){ same, rule };
}

/* The copy is written to before the source is looked at. */
static struct replay_verdict run_slice(const cJSON *entry)
{
	struct value_bytes memory = value_hex(value_member(entry, "init")), copy;
	const cJSON *hex = value_got(entry, "hex");
	uint64_t start, end;
	bool same;

	bytes_range(value_integer(value_member(entry, "start"), 0, 0),
		    value_integer(value_member(entry, "end"), INT64_MAX, 0), memory.count, &start,
		    &end);
	copy = value_bytes_new(end - start, 0);
	memcpy(copy.bytes, memory.bytes + start, copy.count);
	same = hex ? value_same_bytes(entry, "bytes", hex, copy.bytes, copy.count) :
		     value_same_number(entry, "byteLength", value_got(entry, "byteLength"),
				       (int64_t)copy.count);
	memset(copy.bytes, 0xee, copy.count);
	if (!hex)
		same = same && value_same_bytes(entry, "source", value_got(entry, "source"),
						memory.bytes, memory.count);
	free(copy.bytes);
	free(memory.bytes);
	return replay_verdict(same);
}

static struct replay_verdict run_resize(const cJSON *entry)
{
	return (struct replay_verdict){ value_same_refusal(entry, true), "A2" };
}

static const struct {
	const char *name;
	struct replay_verdict (*run)(const cJSON *entry);
} cases[] = {
	{ "ab_new", run_new },
	{ "ab_slice", run_slice },
	{ "ab_slice_hex", run_slice },
	{ "ab_resize", run_resize },
	{ "ta_new", replay_typed_array_new },
	{ "ta_store", replay_typed_array_store },
	{ "ta_from", replay_typed_array_from },
	{ "ta_sub", replay_typed_array_sub },
	{ "ta_slice", replay_typed_array_slice },
	{ "ta_fill", replay_typed_array_fill },
	{ "ta_copyWithin", replay_typed_array_copy_within },
	{ "ta_set", replay_typed_array_set },
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

const struct replay_kind replay_arraybuffer = { "arraybuffer", "cases", run };
