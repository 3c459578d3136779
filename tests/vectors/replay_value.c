/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "tests/vectors/replay.h"

static void *memory_new(size_t bytes)
{
	void *memory = malloc(bytes > 0 ? bytes : 1);

	if (!memory) {
		fprintf(stderr, "replay: out of memory\n");
		exit(1);
	}
	return memory;
}

static void broken(const char *what)
{
	fprintf(stderr, "replay: the file is broken: %s\n", what);
	exit(1);
}

const cJSON *value_member(const cJSON *entry, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(entry, name);
}

const cJSON *value_got(const cJSON *entry, const char *name)
{
	return value_member(value_member(entry, "got"), name);
}

const char *value_text(const cJSON *item)
{
	if (!cJSON_IsString(item))
		broken("a text is missing");
	return item->valuestring;
}

static unsigned int digits_of(const char *text, size_t count)
{
	char digits[5] = "";
	char *end;
	unsigned long value;

	memcpy(digits, text, count);
	value = strtoul(digits, &end, 16);
	if (end != digits + count)
		broken("a hex digit");
	return (unsigned int)value;
}

struct value_bytes value_hex(const cJSON *item)
{
	const char *text = value_text(item);
	struct value_bytes bytes = value_bytes_new(strlen(text) / 2, 0);

	for (size_t i = 0; i < bytes.count; i++)
		bytes.bytes[i] = (unsigned char)digits_of(text + 2 * i, 2);
	return bytes;
}

/* The symbol for zero stands for it. */
struct value_bytes value_utf8(const cJSON *item)
{
	const char *text = value_text(item), *symbol;
	struct value_bytes bytes = value_bytes_new(strlen(text), 0);
	size_t used = 0;

	while ((symbol = strstr(text, "\xe2\x90\x80"))) {
		memcpy(bytes.bytes + used, text, (size_t)(symbol - text));
		used += (size_t)(symbol - text);
		bytes.bytes[used++] = 0;
		text = symbol + 3;
	}
	memcpy(bytes.bytes + used, text, strlen(text));
	bytes.count = used + strlen(text);
	return bytes;
}

struct value_units value_units(const cJSON *item)
{
	const char *text = value_text(item);
	size_t count = strlen(text) / 4;
	struct value_units units = { value_units_new(count), count };

	for (size_t i = 0; i < count; i++)
		units.units[i] = (uint16_t)digits_of(text + 4 * i, 4);
	return units;
}

struct value_bytes value_bytes_new(size_t count, unsigned char byte)
{
	struct value_bytes bytes = { memory_new(count), count };

	if (count > 0)
		memset(bytes.bytes, byte, count);
	return bytes;
}

uint16_t *value_units_new(size_t count)
{
	return memory_new(count * sizeof(uint16_t));
}

static double number_of(const cJSON *item)
{
	if (cJSON_IsNumber(item))
		return item->valuedouble;
	if (cJSON_IsBool(item))
		return cJSON_IsTrue(item);
	return strtod(value_text(item), NULL); /* "NaN", "-Infinity" */
}

int64_t value_integer(const cJSON *item, int64_t left_out, int64_t not_a_number)
{
	double number;

	if (!item || cJSON_IsNull(item))
		return left_out;
	number = number_of(item);
	if (isnan(number))
		return not_a_number;
	if (number >= 0x1p63)
		return INT64_MAX;
	return number <= -0x1p63 ? INT64_MIN : (int64_t)number;
}

unsigned char value_byte(const cJSON *item)
{
	return (unsigned char)value_integer(item, 0, 0);
}

static bool complain(const cJSON *entry, const char *what, const char *got)
{
	char *text = cJSON_PrintUnformatted(entry);

	replay_complain(entry, "%s: got %s in %s", what, got, text ? text : "");
	cJSON_free(text);
	return false;
}

bool value_same_refusal(const cJSON *entry, bool refused)
{
	if ((value_got(entry, "error") != NULL) == refused)
		return true;
	return complain(entry, "outcome", refused ? "refused" : "done");
}

static bool same_hex(const cJSON *entry, const char *what, const cJSON *expected, char *hex)
{
	bool same = cJSON_IsString(expected) && strcmp(expected->valuestring, hex) == 0;

	if (!same)
		(void)complain(entry, what, hex);
	free(hex);
	return same;
}

bool value_same_bytes(const cJSON *entry, const char *what, const cJSON *expected,
		      const void *bytes, size_t count)
{
	const unsigned char *byte = bytes;
	char *hex = memory_new(2 * count + 1);

	hex[0] = '\0';
	for (size_t i = 0; i < count; i++)
		snprintf(hex + 2 * i, 3, "%02x", byte[i]);
	return same_hex(entry, what, expected, hex);
}

bool value_same_units(const cJSON *entry, const char *what, const cJSON *expected,
		      const uint16_t *units, size_t count)
{
	char *hex = memory_new(4 * count + 1);

	hex[0] = '\0';
	for (size_t i = 0; i < count; i++)
		snprintf(hex + 4 * i, 5, "%04x", units[i]);
	return same_hex(entry, what, expected, hex);
}

bool value_same_number(const cJSON *entry, const char *what, const cJSON *expected, int64_t number)
{
	char text[32];

	if (cJSON_IsNumber(expected) && expected->valuedouble == (double)number)
		return true;
	snprintf(text, sizeof(text), "%" PRId64, number);
	return complain(entry, what, text);
}

bool value_same_bool(const cJSON *entry, const char *what, const cJSON *expected, bool value)
{
	if (cJSON_IsBool(expected) && (bool)cJSON_IsTrue(expected) == value)
		return true;
	return complain(entry, what, value ? "true" : "false");
}

bool value_same_text(const cJSON *entry, const char *what, const char *expected, const char *text,
		     size_t count)
{
	if (strlen(expected) == count && (count == 0 || memcmp(expected, text, count) == 0))
		return true;
	return complain(entry, what, "another text");
}
