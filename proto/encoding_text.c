/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/encoding.h"

#include <string.h>

/*
 * Bytes to text. One producer a kind gives out characters or, for utf16le, units; what a
 * caller wants, units or UTF-8, is decided where they are put.
 */
struct output {
	uint16_t *units; /* one of the two, or neither to count only */
	char *utf8;
	bool as_utf8;
	size_t used;
	size_t capacity;
};

static bool has_room(const struct output *output, size_t count)
{
	return output->capacity - output->used >= count;
}

static bool put_unit(struct output *output, uint16_t unit)
{
	if (!has_room(output, 1))
		return false;
	if (output->units)
		output->units[output->used] = unit;
	output->used++;
	return true;
}

static bool put_utf8(struct output *output, uint32_t character)
{
	char text[4];
	size_t size = encoding_utf8_put(character, text);

	if (!has_room(output, size))
		return false;
	if (output->utf8)
		memcpy(output->utf8 + output->used, text, size);
	output->used += size;
	return true;
}

static bool put_character(struct output *output, uint32_t character)
{
	if (output->as_utf8)
		return put_utf8(output, character);
	if (character < 0x10000)
		return put_unit(output, (uint16_t)character);
	return has_room(output, 2) && put_unit(output, (uint16_t)(0xd7c0 + (character >> 10))) &&
	       put_unit(output, (uint16_t)(0xdc00 + (character & 0x3ff)));
}

static void encode_utf8(struct output *output, const unsigned char *bytes, size_t length)
{
	size_t at = 0;

	while (at < length) {
		uint32_t character = 0;
		size_t skip = 1;
		size_t step = encoding_utf8_next(bytes + at, length - at, &character, &skip);

		if (step == 0)
			character = 0xfffd;
		if (!put_character(output, character))
			return;
		at += step > 0 ? step : skip;
	}
}

/* As units they pass as they are; UTF-8 has no place for half a pair. */
static void encode_utf16le(struct output *output, const unsigned char *bytes, size_t length)
{
	size_t at;

	for (at = 0; at + 1 < length; at += 2) {
		uint32_t unit = bytes[at] | (uint32_t)bytes[at + 1] << 8;
		uint32_t low = at + 3 < length ? bytes[at + 2] | (uint32_t)bytes[at + 3] << 8 : 0;

		if (output->as_utf8 && (unit & 0xfc00) == 0xd800 && (low & 0xfc00) == 0xdc00) {
			unit = 0x10000 + ((unit & 0x3ff) << 10) + (low & 0x3ff);
			at += 2;
		} else if (output->as_utf8 && (unit & 0xf800) == 0xd800) {
			unit = 0xfffd;
		}
		if (!put_character(output, unit))
			return;
	}
}

static void encode_bytes(struct output *output, const unsigned char *bytes, size_t length,
			 unsigned char mask)
{
	size_t at;

	for (at = 0; at < length; at++)
		if (!put_character(output, bytes[at] & mask))
			return;
}

static void encode_hex(struct output *output, const unsigned char *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	size_t at;

	for (at = 0; at < length; at++)
		if (!put_character(output, (unsigned char)digits[bytes[at] >> 4]) ||
		    !put_character(output, (unsigned char)digits[bytes[at] & 15]))
			return;
}

static void encode_base64(struct output *output, const unsigned char *bytes, size_t length,
			  bool url)
{
	static const char plain[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	static const char safe[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const char *digits = url ? safe : plain;
	size_t at, i;

	for (at = 0; at < length; at += 3) {
		size_t count = length - at < 3 ? length - at : 3;
		uint32_t bits = (uint32_t)bytes[at] << 16;

		if (count > 1)
			bits |= (uint32_t)bytes[at + 1] << 8;
		if (count > 2)
			bits |= bytes[at + 2];
		for (i = 0; i < 4; i++) {
			char digit = i <= count ? digits[bits >> (18 - 6 * i) & 63] : '=';

			if (i > count && url)
				break;
			if (!put_character(output, (unsigned char)digit))
				return;
		}
	}
}

static size_t encode(enum encoding encoding, const unsigned char *bytes, size_t length,
		     struct output *output)
{
	switch (encoding) {
	case ENCODING_UTF8:
		encode_utf8(output, bytes, length);
		break;
	case ENCODING_UTF16LE:
		encode_utf16le(output, bytes, length);
		break;
	case ENCODING_LATIN1:
		encode_bytes(output, bytes, length, 0xff);
		break;
	case ENCODING_ASCII:
		encode_bytes(output, bytes, length, 0x7f);
		break;
	case ENCODING_HEX:
		encode_hex(output, bytes, length);
		break;
	case ENCODING_BASE64:
	case ENCODING_BASE64URL:
		encode_base64(output, bytes, length, encoding == ENCODING_BASE64URL);
		break;
	}
	return output->used;
}

size_t encoding_encode_units(enum encoding encoding, const void *bytes, size_t length_bytes,
			     uint16_t *units, size_t capacity_count)
{
	struct output output = { .units = units, .capacity = units ? capacity_count : SIZE_MAX };

	return encode(encoding, bytes, length_bytes, &output);
}

size_t encoding_encode_utf8(enum encoding encoding, const void *bytes, size_t length_bytes,
			    char *text, size_t capacity_bytes)
{
	struct output output = {
		.utf8 = text,
		.as_utf8 = true,
		.capacity = text ? capacity_bytes : SIZE_MAX,
	};

	return encode(encoding, bytes, length_bytes, &output);
}

/* Pairs are whole, nothing is half, and there is no zero unit. */
static bool is_faithful_utf16le(const unsigned char *bytes, size_t length)
{
	size_t at;

	if (length % 2 != 0)
		return false;
	for (at = 0; at < length; at += 2) {
		uint32_t unit = bytes[at] | (uint32_t)bytes[at + 1] << 8;
		bool is_high = (unit & 0xfc00) == 0xd800;

		if (unit == 0 || (unit & 0xfc00) == 0xdc00)
			return false;
		if (is_high && (at + 3 >= length || (bytes[at + 3] & 0xfc) != 0xdc))
			return false;
		if (is_high)
			at += 2;
	}
	return true;
}

bool encoding_is_faithful(enum encoding encoding, const void *bytes, size_t length_bytes)
{
	const unsigned char *byte = bytes;
	size_t i;

	if (length_bytes == 0)
		return true;
	switch (encoding) {
	case ENCODING_UTF8:
		return !memchr(bytes, '\0', length_bytes) &&
		       encoding_utf8_is_valid(bytes, length_bytes);
	case ENCODING_UTF16LE:
		return is_faithful_utf16le(bytes, length_bytes);
	case ENCODING_LATIN1:
		return !memchr(bytes, '\0', length_bytes);
	case ENCODING_ASCII:
		for (i = 0; i < length_bytes; i++)
			if (byte[i] == 0 || byte[i] >= 0x80)
				return false;
		return true;
	case ENCODING_HEX:
	case ENCODING_BASE64:
	case ENCODING_BASE64URL:
		return true;
	}
	return false;
}
