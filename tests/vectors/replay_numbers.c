/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_numbers.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "proto/args.h"
#include "proto/number_access.h"
#include "tests/vectors/replay_value.h"

#define TYPE_NAME_BYTES 32
#define VALUE_BYTES 8

/* "BigUint64" is "uint64le", "Int8" is "int8". */
bool numbers_type(const cJSON *entry, const char *name, bool big_endian, enum number_type *ret_type)
{
	const char *spelled = value_text(value_member(entry, name));
	const char *order = strchr(spelled, '8') ? "" : big_endian ? "be" : "le";
	char text[TYPE_NAME_BYTES];

	if (strncmp(spelled, "Big", 3) == 0)
		spelled += 3;
	snprintf(text, sizeof(text), "%s%s", spelled, order);
	for (char *letter = text; *letter; letter++)
		*letter = (char)tolower((unsigned char)*letter);
	return number_type_from_name(text, ret_type);
}

/* JavaScript makes NaN of what is not defined. */
static const char *text_of(const cJSON *value)
{
	if (value_member(value, "undef"))
		return "NaN";
	return value_text(value_member(value, value_member(value, "big") ? "big" : "num"));
}

static double double_of(const cJSON *value)
{
	struct value_bytes bytes;
	double number;

	if (!value_member(value, "f64"))
		return strtod(text_of(value), NULL); /* "NaN" */
	bytes = value_hex(value_member(value, "f64"));
	number = number_get_double(NUMBER_FLOAT64BE, bytes.bytes);
	free(bytes.bytes);
	return number;
}

/* By value, into a type that takes such values. False: it is too large for one. */
static bool set_value(enum number_type type, const cJSON *value, void *bytes)
{
	int64_t integer;

	if (!value_member(value, "big")) {
		number_set_double(type, bytes, double_of(value));
		return true;
	}
	if (!args_parse_int(text_of(value), &integer))
		return false;
	number_set_int64(type, bytes, integer);
	return true;
}

enum numbers_outcome numbers_set(const cJSON *entry, enum number_type type, const cJSON *value,
				 void *bytes)
{
	size_t size = number_type_bytes(type);
	unsigned char by_value[VALUE_BYTES], before[VALUE_BYTES];

	memcpy(before, bytes, size);
	if (number_from_text(type, text_of(value), bytes)) {
		if (memcmp(before, bytes, size) == 0)
			return NUMBERS_REFUSED;
		replay_complain(entry, "refused, and yet written");
		return NUMBERS_BROKEN;
	}
	if (set_value(type, value, by_value) && memcmp(by_value, bytes, size) != 0) {
		replay_complain(entry, "the value %s is not set as its text is", text_of(value));
		return NUMBERS_BROKEN;
	}
	return NUMBERS_SET;
}

bool numbers_same(const cJSON *entry, enum number_type type, const void *bytes,
		  const cJSON *expected)
{
	unsigned char bits[VALUE_BYTES];
	char text[NUMBER_TEXT_BYTES];

	number_to_text(type, bytes, text);
	if (!value_same_text(entry, "value", text_of(expected), text, strlen(text)))
		return false;
	number_set_double(NUMBER_FLOAT64BE, bits, number_get_double(type, bytes));
	if (value_member(expected, "f64"))
		return value_same_bytes(entry, "double", value_member(expected, "f64"), bits,
					sizeof(bits));
	return value_member(expected, "big") || isnan(number_get_double(type, bytes));
}

bool numbers_place(const cJSON *entry, const char *name, int64_t left_out, int64_t maximum,
		   int64_t *ret_place, const char **ret_rule)
{
	int64_t place = value_integer(value_member(entry, name), left_out, 0), given = place;

	if (place < 0 || place > maximum)
		return false;
	if (args_get_int_within(entry, name, 0, maximum, &given) == ARGS_E_RANGE)
		*ret_rule = "A4";
	*ret_place = place;
	return given == place;
}

const char *numbers_value_rule(const cJSON *value, const char *rule)
{
	return value_member(value, "undef") ? "undefined" : rule;
}
