/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_ENCODING_H
#define FOREBAY_PROTO_ENCODING_H

/*
 * Text to bytes and back, with Node's answers, malformed input included: decoding never
 * fails, it stops or skips. Text is either UTF-8 (what JSON gives) or UTF-16 units (what the
 * rules speak of; half characters can only be had there).
 *
 * The caller gives the memory. Every conversion called with NULL for its result tells the
 * exact size and writes nothing. Any thread; nothing is shared.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum encoding {
	ENCODING_UTF8,
	ENCODING_UTF16LE,
	ENCODING_LATIN1,
	ENCODING_ASCII,
	ENCODING_HEX,
	ENCODING_BASE64,
	ENCODING_BASE64URL,
};

/* One of the two pointers is set. UTF-8 must be well-formed (encoding_utf8_is_valid()). */
struct encoding_text {
	const char *utf8;
	const uint16_t *units;
	size_t length; /* bytes of utf8, or count of units */
};

/* Any case, with Node's other names ("utf-8", "binary", "ucs2", ...). */
bool encoding_from_name(const char *name, enum encoding *ret_encoding);

/* The name as the interfaces spell it. */
const char *encoding_name(enum encoding encoding);

/*
 * Text to bytes: returns how many bytes it made, never more than capacity. What does not fit
 * is dropped, and no character (utf8) or unit (utf16le) is written in part. With bytes NULL:
 * the exact size of all of it.
 */
size_t encoding_decode(enum encoding encoding, struct encoding_text text, void *bytes,
		       size_t capacity_bytes);

/* Node's byteLength: exact but for hex and base64, where it is an upper guess. */
size_t encoding_guess_bytes(enum encoding encoding, struct encoding_text text);

/* Bytes to text, in UTF-16 units or in UTF-8 (half characters of utf16le become U+FFFD). */
size_t encoding_encode_units(enum encoding encoding, const void *bytes, size_t length_bytes,
			     uint16_t *units, size_t capacity_count);
size_t encoding_encode_utf8(enum encoding encoding, const void *bytes, size_t length_bytes,
			    char *text, size_t capacity_bytes);

/* The bytes can travel in a JSON string and come back the same: no U+0000, nothing replaced. */
bool encoding_is_faithful(enum encoding encoding, const void *bytes, size_t length_bytes);

/* Well-formed UTF-8: no overlong forms, no surrogates, nothing above U+10FFFF. */
bool encoding_utf8_is_valid(const void *text, size_t text_bytes);

/*
 * Size of the well-formed UTF-8 character at the start of text (1..4); 0 if there is none, and
 * then ret_skip is the size of the maximal ill-formed part, which Node shows as one U+FFFD.
 * ret_character and ret_skip may be NULL. text_bytes is at least 1.
 */
size_t encoding_utf8_next(const void *text, size_t text_bytes, uint32_t *ret_character,
			  size_t *ret_skip);

/* The character (not half of a pair, at most U+10FFFF) in UTF-8; returns its size, 1..4. */
size_t encoding_utf8_put(uint32_t character, char text[static 4]);

#endif
