/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_JSON_STRING_H
#define FOREBAY_PROTO_JSON_STRING_H

/*
 * JSON strings as they are written, escapes and all, one character at a time. But for
 * json_string_escape(), which is part of the look at a text that may hold anything, these are
 * for what json_scan() has passed over. Any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_string {
	const char *text; /* behind the opening quote */
	size_t bytes;	  /* up to the closing one */
};

/*
 * The character that an escape stands for, text being at the backslash and ended by a NUL;
 * returns how many bytes the escape has, 0 if it is none. Half a pair is given out as it is.
 */
size_t json_string_escape(const char *text, uint32_t *ret_character);

/* The next character, of one or more bytes. Returns its size as written. */
size_t json_string_next(const char *text, size_t text_bytes, uint32_t *ret_character);

/* Half of a pair: no character by itself. */
bool json_string_is_half(uint32_t character);

/* Whether it stands for this text, which is ASCII. */
bool json_string_is(const struct json_string *string, const char *ascii);

/* Whether this ASCII character is in it. */
bool json_string_has(const struct json_string *string, char ascii);

/* What it stands for, in memory of its own, which the caller frees; NULL: there is none. */
char *json_string_copy(const struct json_string *string);

#endif
