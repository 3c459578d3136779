/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/number.h"

#include <errno.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "proto/number_access.h"
#include "proto/number_decimal.h"

static const struct {
	const char *name;
	size_t bytes;
} types[NUMBER_TYPES] = {
	[NUMBER_INT8] = { "int8", 1 },
	[NUMBER_UINT8] = { "uint8", 1 },
	[NUMBER_UINT8CLAMPED] = { "uint8clamped", 1 },
	[NUMBER_INT16LE] = { "int16le", 2 },
	[NUMBER_INT16BE] = { "int16be", 2 },
	[NUMBER_UINT16LE] = { "uint16le", 2 },
	[NUMBER_UINT16BE] = { "uint16be", 2 },
	[NUMBER_INT32LE] = { "int32le", 4 },
	[NUMBER_INT32BE] = { "int32be", 4 },
	[NUMBER_UINT32LE] = { "uint32le", 4 },
	[NUMBER_UINT32BE] = { "uint32be", 4 },
	[NUMBER_INT64LE] = { "int64le", 8 },
	[NUMBER_INT64BE] = { "int64be", 8 },
	[NUMBER_UINT64LE] = { "uint64le", 8 },
	[NUMBER_UINT64BE] = { "uint64be", 8 },
	[NUMBER_FLOAT32LE] = { "float32le", 4 },
	[NUMBER_FLOAT32BE] = { "float32be", 4 },
	[NUMBER_FLOAT64LE] = { "float64le", 8 },
	[NUMBER_FLOAT64BE] = { "float64be", 8 },
};

bool number_type_from_name(const char *name, enum number_type *ret_type)
{
	for (size_t i = 0; i < NUMBER_TYPES; i++) {
		if (strcmp(types[i].name, name) == 0) {
			*ret_type = (enum number_type)i;
			return true;
		}
	}
	return false;
}

const char *number_type_name(enum number_type type)
{
	return types[type].name;
}

size_t number_type_bytes(enum number_type type)
{
	return types[type].bytes;
}

/*
 * The value is 53 bits, shifted left by at least 11: the low 64 of that are what remains. In NaN
 * and infinities the exponent is the largest, and nothing does.
 */
int64_t number_wrap_large(double value)
{
	uint64_t bits, magnitude;
	int shift;

	memcpy(&bits, &value, sizeof(bits));
	shift = (int)(bits >> 52 & 0x7ff) - 1075;
	magnitude = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
	magnitude = shift < 64 ? magnitude << shift : 0;
	return (int64_t)(bits >> 63 ? -magnitude : magnitude);
}

void number_to_text(enum number_type type, const void *bytes, char text[static NUMBER_TEXT_BYTES])
{
	if (number_type_is_float(type))
		number_decimal_print(number_get_double(type, bytes), text);
	else if (type == NUMBER_UINT64LE || type == NUMBER_UINT64BE)
		snprintf(text, NUMBER_TEXT_BYTES, "%" PRIu64, number_get_uint64(type, bytes));
	else
		snprintf(text, NUMBER_TEXT_BYTES, "%" PRId64, number_get_int64(type, bytes));
}

/* Modulo 2^64 from the first digit on. */
static bool read_integer(const char *text, uint64_t *ret_value)
{
	bool negative = *text == '-';
	uint64_t value = 0;

	if (*text == '-' || *text == '+')
		text++;
	if (*text == '\0')
		return false;
	for (; *text >= '0' && *text <= '9'; text++)
		value = value * 10 + (uint64_t)(*text - '0');
	*ret_value = negative ? -value : value;
	return *text == '\0';
}

int number_from_text(enum number_type type, const char *text, void *bytes)
{
	uint64_t integer;
	double value;

	if (number_type_is_64bit(type)) {
		if (!read_integer(text, &integer))
			return -EINVAL;
		number_set_uint64(type, bytes, integer);
		return 0;
	}
	if (!number_decimal_read(text, &value))
		return -EINVAL;
	number_set_double(type, bytes, value);
	return 0;
}
