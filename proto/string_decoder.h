/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_STRING_DECODER_H
#define FOREBAY_PROTO_STRING_DECODER_H

/*
 * Bytes to text when the bytes come in chunks that know nothing of characters. What is
 * incomplete at the end of a chunk waits for the next one: part of a UTF-8 character, half a
 * UTF-16 unit or the first half of a pair, one or two bytes of a base64 group. All text joined
 * is the text of all bytes joined, and no chunk's text ends within a character.
 *
 * The rules are those of Node's StringDecoder, but for one: Node gives out the first half of a
 * pair if the chunk has one byte more, or if it stood behind another first half; that could
 * not be said in UTF-8, so here it waits in every case.
 *
 * Pure, one owner, no thread of its own; the caller embeds it and it needs no end. Nothing
 * can fail.
 */

#include <stddef.h>
#include <stdint.h>

#include "proto/encoding.h"

struct string_decoder {
	enum encoding encoding;
	size_t held_bytes;
	unsigned char held[4];
};

void string_decoder_init(struct string_decoder *decoder, enum encoding encoding);

/*
 * The text that the chunk completes, in UTF-16 units or in UTF-8 (half characters of utf16le
 * become U+FFFD); returns its size. With NULL for the text: its exact size, and the chunk is
 * not taken. What does not fit is lost, as with encoding_encode_units().
 */
size_t string_decoder_write_units(struct string_decoder *decoder, const void *chunk,
				  size_t chunk_bytes, uint16_t *units, size_t capacity_count);
size_t string_decoder_write_utf8(struct string_decoder *decoder, const void *chunk,
				 size_t chunk_bytes, char *text, size_t capacity_bytes);

/*
 * No more bytes: the text of what still waited, at most 4 units or 9 bytes of UTF-8 (a cut
 * character is U+FFFD). The decoder is then as new. NULL as above.
 */
size_t string_decoder_end_units(struct string_decoder *decoder, uint16_t *units,
				size_t capacity_count);
size_t string_decoder_end_utf8(struct string_decoder *decoder, char *text, size_t capacity_bytes);

#endif
