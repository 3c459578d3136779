/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/json_string.h"

#include <stdlib.h>
#include <string.h>

#include "proto/encoding.h"

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* The four digits behind \u; false if they are not hexadecimal. */
static bool read_unit(const char *digits, uint32_t *ret_unit)
{
	uint32_t unit = 0;
	int i;

	for (i = 0; i < 4; i++) {
		int value = hex_value(digits[i]);

		if (value < 0)
			return false;
		unit = unit << 4 | (uint32_t)value;
	}
	*ret_unit = unit;
	return true;
}

static bool is_high_surrogate(uint32_t unit)
{
	return (unit & 0xfc00) == 0xd800;
}

static bool is_low_surrogate(uint32_t unit)
{
	return (unit & 0xfc00) == 0xdc00;
}

size_t json_string_escape(const char *text, uint32_t *ret_character)
{
	static const char names[] = "\"\\/bfnrt";
	static const char meanings[] = "\"\\/\b\f\n\r\t";
	const char *name;
	uint32_t low;

	if (text[1] == 'u') {
		if (!read_unit(text + 2, ret_character))
			return 0;
		if (is_high_surrogate(*ret_character) && text[6] == '\\' && text[7] == 'u' &&
		    read_unit(text + 8, &low) && is_low_surrogate(low)) {
			*ret_character =
				0x10000 + ((*ret_character - 0xd800) << 10) + (low - 0xdc00);
			return 12;
		}
		return 6;
	}
	name = text[1] != '\0' ? strchr(names, text[1]) : NULL;
	if (!name)
		return 0;
	*ret_character = (unsigned char)meanings[name - names];
	return 2;
}

size_t json_string_next(const char *text, size_t text_bytes, uint32_t *ret_character)
{
	if ((unsigned char)*text < 0x80 && *text != '\\') {
		*ret_character = (unsigned char)*text;
		return 1;
	}
	if (*text == '\\')
		return json_string_escape(text, ret_character);
	return encoding_utf8_next(text, text_bytes, ret_character, NULL);
}

bool json_string_is_half(uint32_t character)
{
	return is_high_surrogate(character) || is_low_surrogate(character);
}

bool json_string_is(const struct json_string *string, const char *ascii)
{
	uint32_t character;

	for (size_t at = 0; at < string->bytes; ascii++) {
		at += json_string_next(string->text + at, string->bytes - at, &character);
		if (*ascii == '\0' || character != (unsigned char)*ascii)
			return false;
	}
	return *ascii == '\0';
}

bool json_string_has(const struct json_string *string, char ascii)
{
	uint32_t character;

	for (size_t at = 0; at < string->bytes;) {
		at += json_string_next(string->text + at, string->bytes - at, &character);
		if (character == (unsigned char)ascii)
			return true;
	}
	return false;
}

char *json_string_copy(const struct json_string *string)
{
	uint32_t character;
	char *copy, *end;

	if (!memchr(string->text, '\\', string->bytes))
		return strndup(string->text, string->bytes);

	/* None is longer than it is written, and whichever is last may ask for room for four. */
	copy = malloc(string->bytes + 4);
	end = copy;
	if (!copy)
		return NULL;
	for (size_t at = 0; at < string->bytes;) {
		at += json_string_next(string->text + at, string->bytes - at, &character);
		end += encoding_utf8_put(character, end);
	}
	*end = '\0';
	return copy;
}
