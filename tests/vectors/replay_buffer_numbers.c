/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_buffer_numbers.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "proto/args.h"
#include "proto/number.h"
#include "tests/vectors/replay_value.h"

#define TYPE_NAME_BYTES 32

/* The number as a client would write it; a text stays what it is. */
static const char *text_of(const cJSON *item, char text[static NUMBER_TEXT_BYTES])
{
	if (value_member(item, "big"))
		return value_text(value_member(item, "big"));
	if (cJSON_IsString(item))
		return value_text(item);
	if (cJSON_IsBool(item))
		return cJSON_IsTrue(item) ? "1" : "0";
	snprintf(text, NUMBER_TEXT_BYTES, "%.17g", item->valuedouble);
	return text;
}

/* Each item into its place. False: one of them is no number. */
static bool set_all(enum number_type type, const cJSON *items, struct value_bytes *bytes)
{
	char text[NUMBER_TEXT_BYTES];
	const cJSON *item;
	size_t at = 0;

	cJSON_ArrayForEach(item, items) {
		if (number_from_text(type, text_of(item, text), bytes->bytes + at))
			return false;
		at += number_type_bytes(type);
	}
	return true;
}

static struct value_bytes bytes_for(enum number_type type, const cJSON *items)
{
	return value_bytes_new((size_t)cJSON_GetArraySize(items) * number_type_bytes(type), 0);
}

struct replay_verdict replay_buffer_numbers_from_array(const cJSON *entry)
{
	const cJSON *values = value_member(entry, "values");
	struct value_bytes bytes = bytes_for(NUMBER_UINT8, values);
	bool set = set_all(NUMBER_UINT8, values, &bytes);
	bool same = !set || value_same_bytes(entry, "bytes", value_got(entry, "hex"), bytes.bytes,
					     bytes.count);

	free(bytes.bytes);
	return (struct replay_verdict){ same, set ? NULL : "B4" };
}

/* From an array of 16-bit elements each one's low byte is taken, and the source stays. */
static bool copies_elements(const cJSON *entry, const cJSON *values)
{
	struct value_bytes source = bytes_for(NUMBER_UINT16LE, values);
	struct value_bytes bytes = bytes_for(NUMBER_UINT8, values);
	bool same = set_all(NUMBER_UINT16LE, values, &source) &&
		    set_all(NUMBER_UINT8, values, &bytes) &&
		    value_same_bytes(entry, "bytes", value_got(entry, "hex"), bytes.bytes,
				     bytes.count) &&
		    value_same_bytes(entry, "source", value_got(entry, "source"), source.bytes,
				     source.count);

	free(source.bytes);
	free(bytes.bytes);
	return same;
}

struct replay_verdict replay_buffer_numbers_from_copy(const cJSON *entry)
{
	const cJSON *values = value_member(entry, "values");
	struct value_bytes source, copy;
	bool same;

	if (values)
		return replay_verdict(copies_elements(entry, values));
	source = value_hex(value_member(entry, "src"));
	copy = value_bytes_new(source.count, 0);
	memcpy(copy.bytes, source.bytes, source.count);
	same = value_same_bytes(entry, "bytes", value_got(entry, "hex"), copy.bytes, copy.count);
	memset(copy.bytes, 0xee, copy.count);
	same = same && value_same_bytes(entry, "source", value_got(entry, "source"), source.bytes,
					source.count);
	free(source.bytes);
	free(copy.bytes);
	return replay_verdict(same);
}

struct replay_verdict replay_buffer_numbers_to_json(const cJSON *entry)
{
	const cJSON *data = value_member(value_got(entry, "json"), "data"), *item;
	struct value_bytes bytes = value_hex(value_member(entry, "src"));
	char text[NUMBER_TEXT_BYTES], expected[NUMBER_TEXT_BYTES];
	bool same = cJSON_GetArraySize(data) == (int)bytes.count;
	size_t at = 0;

	cJSON_ArrayForEach(item, data) {
		if (!same)
			break;
		number_to_text(NUMBER_UINT8, bytes.bytes + at++, text);
		same = value_same_text(entry, "element", text_of(item, expected), text,
				       strlen(text));
	}
	free(bytes.bytes);
	return replay_verdict(same);
}

/* The type that the method means. False: there is none. */
static bool type_of(const cJSON *entry, enum number_type *ret_type)
{
	static const char *const names[][2] = {
		{ "BigUInt", "uint" }, { "BigInt", "int" },    { "UInt", "uint" },
		{ "Int", "int" },      { "Float", "float32" }, { "Double", "float64" },
	};
	const char *method = value_text(value_member(entry, "fn"));
	const cJSON *bytes = value_member(entry, "n");
	char name[TYPE_NAME_BYTES];
	size_t i = 0, length;

	while (strncmp(method, names[i][0], strlen(names[i][0])) != 0)
		i++;
	method += strlen(names[i][0]);
	if (bytes)
		snprintf(name, sizeof(name), "%s%d%s", names[i][1], bytes->valueint * 8,
			 bytes->valueint == 1 ? "" : method);
	else
		snprintf(name, sizeof(name), "%s%s", names[i][1], method);
	for (length = strlen(name); length > 0; length--)
		name[length - 1] = (char)tolower((unsigned char)name[length - 1]);
	return number_type_from_name(name, ret_type);
}

/* Where the number stands. False: it would not be within the bytes. */
static bool place_of(const cJSON *entry, size_t count, enum number_type type, int64_t *ret_offset)
{
	int64_t last = (int64_t)count - (int64_t)number_type_bytes(type);

	*ret_offset = 0;
	return last >= 0 && args_get_int_within(entry, "off", 0, last, ret_offset) != ARGS_E_RANGE;
}

static bool same_value(const cJSON *entry, const char *text)
{
	const cJSON *expected = value_got(entry, "value");
	char spelled[NUMBER_TEXT_BYTES];
	const char *other = text_of(expected, spelled);

	if (cJSON_IsNumber(expected) && strtod(text, NULL) == expected->valuedouble)
		return true;
	return value_same_text(entry, "value", other, text, strlen(text));
}

struct replay_verdict replay_buffer_numbers_read(const cJSON *entry)
{
	struct value_bytes bytes = value_hex(value_member(entry, "src"));
	bool refused = value_got(entry, "error") != NULL;
	char text[NUMBER_TEXT_BYTES] = "";
	struct replay_verdict outcome;
	enum number_type type;
	int64_t offset;

	if (!type_of(entry, &type)) {
		outcome = (struct replay_verdict){ true, refused ? NULL : "B24" };
	} else if (place_of(entry, bytes.count, type, &offset)) {
		number_to_text(type, bytes.bytes + offset, text);
		outcome =
			replay_verdict(value_same_refusal(entry, false) && same_value(entry, text));
	} else {
		outcome = replay_verdict(value_same_refusal(entry, true));
	}
	free(bytes.bytes);
	return outcome;
}

/* Node refuses a value beyond the type; here it is taken. */
static struct replay_verdict write_within(const cJSON *entry, enum number_type type,
					  struct value_bytes *bytes, int64_t offset)
{
	char text[NUMBER_TEXT_BYTES];
	const char *value = text_of(value_member(entry, "value"), text);
	bool refused = value_got(entry, "error") != NULL;
	bool same = number_from_text(type, value, bytes->bytes + offset) == 0;

	if (!refused)
		same = same &&
		       value_same_number(entry, "next", value_got(entry, "next"),
					 offset + (int64_t)number_type_bytes(type)) &&
		       value_same_bytes(entry, "bytes", value_got(entry, "hex"), bytes->bytes,
					bytes->count);
	return (struct replay_verdict){ same, refused ? "B24" : NULL };
}

struct replay_verdict replay_buffer_numbers_write(const cJSON *entry)
{
	struct value_bytes bytes = value_hex(value_member(entry, "src"));
	bool refused = value_got(entry, "error") != NULL;
	struct replay_verdict outcome;
	enum number_type type;
	int64_t offset;

	if (!type_of(entry, &type))
		outcome = (struct replay_verdict){ true, refused ? NULL : "B24" };
	else if (place_of(entry, bytes.count, type, &offset))
		outcome = write_within(entry, type, &bytes, offset);
	else
		outcome = replay_verdict(value_same_refusal(entry, true));
	free(bytes.bytes);
	return outcome;
}
