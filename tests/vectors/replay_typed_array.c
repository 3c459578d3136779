/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_typed_array.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "proto/bytes.h"
#include "proto/number.h"
#include "tests/vectors/replay_numbers.h"
#include "tests/vectors/replay_value.h"

#define NUMBER_BYTES_MAX 8

/* Numbers of one type, in memory that they may share with others. */
struct array {
	unsigned char *bytes;
	enum number_type type;
	int64_t one; /* bytes of a number */
	int64_t count;
};

static bool is_type_error(const cJSON *entry)
{
	const cJSON *error = value_got(entry, "error");

	return error && strcmp(value_text(error), "TypeError") == 0;
}

static bool find_type(const cJSON *entry, const char *name, struct array *array)
{
	if (!numbers_type(entry, name, false, &array->type)) {
		replay_complain(entry, "no such type: %s", value_text(value_member(entry, name)));
		return false;
	}
	array->one = (int64_t)number_type_bytes(array->type);
	return true;
}

/* All of the case's memory. */
static bool find_array(const cJSON *entry, const struct value_bytes *memory, struct array *array)
{
	array->bytes = memory->bytes;
	if (!find_type(entry, "type", array))
		return false;
	array->count = (int64_t)memory->count / array->one;
	return true;
}

/* Runs a case on a copy of its memory. */
static struct replay_verdict run_on(const cJSON *entry,
				    struct replay_verdict (*run)(const cJSON *entry,
								 const struct value_bytes *memory,
								 struct array *array))
{
	struct value_bytes memory = value_hex(value_member(entry, "init"));
	struct replay_verdict outcome = replay_verdict(false);
	struct array array;

	if (find_array(entry, &memory, &array))
		outcome = run(entry, &memory, &array);
	free(memory.bytes);
	return outcome;
}

static bool same_memory(const cJSON *entry, const char *name, const struct value_bytes *memory)
{
	return value_same_bytes(entry, name, value_got(entry, name), memory->bytes, memory->count);
}

static bool is_ragged(const cJSON *entry, const struct array *array, int64_t memory_bytes,
		      int64_t offset)
{
	return offset % array->one != 0 ||
	       (!value_member(entry, "len") && memory_bytes % array->one != 0);
}

struct replay_verdict replay_typed_array_new(const cJSON *entry)
{
	int64_t memory_bytes = value_integer(value_member(entry, "bufLen"), 0, 0);
	int64_t offset = 0, count = 0, most;
	const char *rule = NULL;
	struct array array;
	bool inside;

	if (!find_type(entry, "type", &array))
		return replay_verdict(false);
	inside = numbers_place(entry, "off", 0, memory_bytes, &offset, &rule);
	most = (memory_bytes - offset) / array.one;
	inside = inside && numbers_place(entry, "len", most, most, &count, &rule);
	if (inside && value_got(entry, "error") && is_ragged(entry, &array, memory_bytes, offset))
		return (struct replay_verdict){ true, "A10" };
	if (!inside || value_got(entry, "error"))
		return replay_verdict(value_same_refusal(entry, !inside));
	return (struct replay_verdict){
		value_same_number(entry, "length", value_got(entry, "length"), count) &&
			value_same_number(entry, "byteLength", value_got(entry, "byteLength"),
					  count * array.one) &&
			value_same_number(entry, "byteOffset", value_got(entry, "byteOffset"),
					  offset),
		rule,
	};
}

/* Node does not cut what stands in brackets: only an integer is an index. */
static bool is_index(const cJSON *item)
{
	return cJSON_IsNumber(item) ? item->valuedouble == (double)item->valueint :
				      strcmp(value_text(item), "-0") == 0;
}

static struct replay_verdict store_at(const cJSON *entry, const struct value_bytes *memory,
				      struct array *array, int64_t index)
{
	const cJSON *value = value_member(entry, "value");
	unsigned char *bytes = array->bytes + index * array->one;
	enum numbers_outcome outcome = numbers_set(entry, array->type, value, bytes);

	if (outcome == NUMBERS_BROKEN)
		return replay_verdict(false);
	if (outcome == NUMBERS_SET && is_type_error(entry))
		return (struct replay_verdict){ true, "A8" };
	if (outcome == NUMBERS_REFUSED)
		return replay_verdict(value_same_refusal(entry, true));
	return (struct replay_verdict){
		value_same_refusal(entry, false) && same_memory(entry, "hex", memory) &&
			value_same_number(entry, "length", value_got(entry, "length"),
					  array->count) &&
			numbers_same(entry, array->type, bytes, value_got(entry, "back")),
		numbers_value_rule(value, NULL),
	};
}

static struct replay_verdict run_store(const cJSON *entry, const struct value_bytes *memory,
				       struct array *array)
{
	struct replay_verdict outcome;
	const char *rule = NULL;
	int64_t index;

	if (is_index(value_member(entry, "index")) &&
	    numbers_place(entry, "index", 0, array->count - 1, &index, &rule)) {
		outcome = store_at(entry, memory, array, index);
		if (!outcome.rule)
			outcome.rule = rule;
		return outcome;
	}
	if (value_got(entry, "error"))
		return replay_verdict(true);
	return (struct replay_verdict){
		same_memory(entry, "hex", memory) &&
			value_member(value_got(entry, "back"), "undef") != NULL,
		"A11",
	};
}

struct replay_verdict replay_typed_array_store(const cJSON *entry)
{
	return run_on(entry, run_store);
}

struct replay_verdict replay_typed_array_from(const cJSON *entry)
{
	const cJSON *values = value_member(entry, "values"), *value;
	struct replay_verdict outcome = replay_verdict(true);
	struct value_bytes memory;
	struct array array;
	unsigned char *next;
	bool refused = false;

	if (!find_type(entry, "type", &array))
		return replay_verdict(false);
	memory = value_bytes_new((size_t)(cJSON_GetArraySize(values) * array.one), 0);
	next = memory.bytes;
	cJSON_ArrayForEach(value, values) {
		enum numbers_outcome set = numbers_set(entry, array.type, value, next);

		outcome.passed = outcome.passed && set != NUMBERS_BROKEN;
		outcome.rule = numbers_value_rule(value, outcome.rule);
		refused = refused || set == NUMBERS_REFUSED;
		next += array.one;
	}
	if (!refused && is_type_error(entry))
		outcome.rule = "A8";
	else
		outcome.passed = outcome.passed && value_same_refusal(entry, refused) &&
				 (refused || same_memory(entry, "hex", &memory));
	free(memory.bytes);
	return outcome;
}

/* The elements from start to end, as a range of bytes. */
static struct value_bytes part_of(const cJSON *entry, const struct array *array)
{
	uint64_t start, end;

	bytes_range(value_integer(value_member(entry, "start"), 0, 0),
		    value_integer(value_member(entry, "end"), INT64_MAX, 0), (uint64_t)array->count,
		    &start, &end);
	return (struct value_bytes){
		array->bytes + start * (uint64_t)array->one,
		(end - start) * (uint64_t)array->one,
	};
}

static bool same_length(const cJSON *entry, const struct array *array, struct value_bytes part)
{
	return value_same_number(entry, "length", value_got(entry, "length"),
				 (int64_t)part.count / array->one);
}

/* What is written to the part, ones, is in the memory. */
static struct replay_verdict run_sub(const cJSON *entry, const struct value_bytes *memory,
				     struct array *array)
{
	struct value_bytes part = part_of(entry, array);
	unsigned char one[NUMBER_BYTES_MAX];

	if (number_from_text(array->type, "1", one))
		return replay_verdict(false);
	bytes_fill(part.bytes, part.count, one, (size_t)array->one);
	return replay_verdict(same_length(entry, array, part) &&
			      value_same_number(entry, "byteOffset", value_got(entry, "byteOffset"),
						part.bytes - memory->bytes) &&
			      same_memory(entry, "source", memory));
}

struct replay_verdict replay_typed_array_sub(const cJSON *entry)
{
	return run_on(entry, run_sub);
}

/* What is written to the copy is not in the memory. */
static struct replay_verdict run_slice(const cJSON *entry, const struct value_bytes *memory,
				       struct array *array)
{
	struct value_bytes part = part_of(entry, array);
	struct value_bytes copy = value_bytes_new(part.count, 0);
	bool same;

	memcpy(copy.bytes, part.bytes, part.count);
	same = same_length(entry, array, part) && same_memory(entry, "hex", &copy);
	memset(copy.bytes, 0xee, copy.count);
	same = same &&
	       value_same_bytes(entry, "source", value_member(entry, "init"), memory->bytes,
				memory->count) &&
	       value_same_bool(entry, "shares", value_got(entry, "shares"), false);
	free(copy.bytes);
	return replay_verdict(same);
}

struct replay_verdict replay_typed_array_slice(const cJSON *entry)
{
	return run_on(entry, run_slice);
}

static struct replay_verdict run_fill(const cJSON *entry, const struct value_bytes *memory,
				      struct array *array)
{
	const cJSON *value = value_member(entry, "value");
	unsigned char pattern[NUMBER_BYTES_MAX] = { 0 };
	struct value_bytes part = part_of(entry, array);
	enum numbers_outcome outcome = numbers_set(entry, array->type, value, pattern);

	if (outcome == NUMBERS_SET && is_type_error(entry))
		return (struct replay_verdict){ true, "A8" };
	if (outcome != NUMBERS_SET)
		return replay_verdict(outcome == NUMBERS_REFUSED &&
				      value_same_refusal(entry, true));
	bytes_fill(part.bytes, part.count, pattern, (size_t)array->one);
	return (struct replay_verdict){
		value_same_refusal(entry, false) && same_memory(entry, "hex", memory),
		numbers_value_rule(value, NULL),
	};
}

struct replay_verdict replay_typed_array_fill(const cJSON *entry)
{
	return run_on(entry, run_fill);
}

static struct replay_verdict run_copy_within(const cJSON *entry, const struct value_bytes *memory,
					     struct array *array)
{
	struct value_bytes part = part_of(entry, array);
	struct bytes_copy copy = {
		.target_bytes = memory->count,
		.source_bytes = memory->count,
		.source_start = part.bytes - memory->bytes,
		.source_end = part.bytes - memory->bytes + (int64_t)part.count,
	};
	uint64_t target, end, count;

	bytes_range(value_integer(value_member(entry, "target"), 0, 0), INT64_MAX,
		    (uint64_t)array->count, &target, &end);
	copy.target_start = (int64_t)target * array->one;
	if (bytes_copy_count(&copy, &count))
		return replay_verdict(value_same_refusal(entry, true));
	memmove(memory->bytes + copy.target_start, part.bytes, count);
	return replay_verdict(same_memory(entry, "hex", memory));
}

struct replay_verdict replay_typed_array_copy_within(const cJSON *entry)
{
	return run_on(entry, run_copy_within);
}

/* Each number of a copy of the source into its place, by its text. */
static bool convert(const struct array *source, const struct array *target)
{
	struct value_bytes copy = value_bytes_new((size_t)(source->count * source->one), 0);
	char text[NUMBER_TEXT_BYTES];
	bool taken = true;

	memcpy(copy.bytes, source->bytes, copy.count);
	for (int64_t i = 0; i < source->count && taken; i++) {
		number_to_text(source->type, copy.bytes + i * source->one, text);
		taken = number_from_text(target->type, text, target->bytes + i * target->one) == 0;
	}
	free(copy.bytes);
	return taken;
}

static struct replay_verdict set_from(const cJSON *entry, const struct value_bytes *memory,
				      const struct array *source, const struct array *target)
{
	bool taken = true;

	if (source->type == target->type)
		memmove(target->bytes, source->bytes, (size_t)(source->count * source->one));
	else
		taken = convert(source, target);
	if (taken && is_type_error(entry))
		return (struct replay_verdict){ true, "A8" };
	return replay_verdict(value_same_refusal(entry, !taken) &&
			      (!taken || same_memory(entry, "hex", memory)));
}

static struct replay_verdict run_set(const cJSON *entry, const struct value_bytes *memory,
				     struct array *target)
{
	int64_t memory_bytes = (int64_t)memory->count, target_start, source_start, at;
	struct array source = { .count = 0 };
	const char *rule = NULL;
	struct replay_verdict outcome;

	if (!find_type(entry, "stype", &source) ||
	    !numbers_place(entry, "dstOff", 0, memory_bytes, &target_start, &rule) ||
	    !numbers_place(entry, "srcOff", 0, memory_bytes, &source_start, &rule))
		return replay_verdict(value_same_refusal(entry, true));
	target->count = (memory_bytes - target_start) / target->one;
	source.bytes = memory->bytes + source_start;
	source.count = value_integer(value_member(entry, "srcLen"),
				     (memory_bytes - source_start) / source.one, 0);
	if (!numbers_place(entry, "at", 0, target->count - source.count, &at, &rule))
		return replay_verdict(value_same_refusal(entry, true));
	target->bytes = memory->bytes + target_start + at * target->one;
	outcome = set_from(entry, memory, &source, target);
	if (!outcome.rule)
		outcome.rule = rule;
	return outcome;
}

struct replay_verdict replay_typed_array_set(const cJSON *entry)
{
	return run_on(entry, run_set);
}
