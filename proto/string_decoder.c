/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/string_decoder.h"

#include <stdbool.h>
#include <string.h>

/* Where text goes: one of the two, or neither to count only. */
struct sink {
	uint16_t *units;
	char *utf8;
	bool as_utf8;
	size_t used;
	size_t capacity;
};

static void sink_put(struct sink *sink, enum encoding encoding, const unsigned char *bytes,
		     size_t count)
{
	size_t room = sink->capacity - sink->used;

	if (sink->as_utf8)
		sink->used += encoding_encode_utf8(
			encoding, bytes, count, sink->utf8 ? sink->utf8 + sink->used : NULL, room);
	else
		sink->used +=
			encoding_encode_units(encoding, bytes, count,
					      sink->units ? sink->units + sink->used : NULL, room);
}

static bool is_continuation(unsigned char byte)
{
	return (byte & 0xc0) == 0x80;
}

/*
 * What the lead byte promises, whether a character can begin so or not: malformed bytes wait
 * as well, and are seen to be malformed when they are whole.
 */
static size_t utf8_promised(unsigned char lead)
{
	if ((lead & 0xe0) == 0xc0)
		return 2;
	if ((lead & 0xf0) == 0xe0)
		return 3;
	return (lead & 0xf8) == 0xf0 ? 4 : 1;
}

static bool is_first_half(const unsigned char *unit)
{
	return (unit[1] & 0xfc) == 0xd8;
}

/* How many bytes at the end of these have to wait. */
static size_t waiting_utf8(const unsigned char *bytes, size_t count)
{
	size_t back;

	for (back = 1; back <= count && back <= 3; back++)
		if (!is_continuation(bytes[count - back]))
			return utf8_promised(bytes[count - back]) > back ? back : 0;
	return 0;
}

static size_t waiting_utf16le(const unsigned char *bytes, size_t count)
{
	size_t odd = count % 2;

	if (count >= 2 && is_first_half(bytes + count - odd - 2))
		return odd + 2;
	return odd;
}

static size_t waiting(enum encoding encoding, const unsigned char *bytes, size_t count)
{
	switch (encoding) {
	case ENCODING_UTF8:
		return waiting_utf8(bytes, count);
	case ENCODING_UTF16LE:
		return waiting_utf16le(bytes, count);
	case ENCODING_BASE64:
	case ENCODING_BASE64URL:
		return count % 3;
	case ENCODING_LATIN1:
	case ENCODING_ASCII:
	case ENCODING_HEX:
		break;
	}
	return 0;
}

static void hold(struct string_decoder *decoder, const unsigned char *bytes, size_t count)
{
	memmove(decoder->held, bytes, count);
	decoder->held_bytes = count;
}

/* Gives out what is held, but for `count` bytes at its end. */
static void release(struct string_decoder *decoder, size_t count, struct sink *sink)
{
	size_t settled = decoder->held_bytes - count;

	sink_put(sink, decoder->encoding, decoder->held, settled);
	hold(decoder, decoder->held + settled, count);
}

/*
 * Completes what is held; returns how many bytes of the chunk that took. A byte that cannot
 * belong to the character in UTF-8 settles it too.
 */
static size_t complete_held(struct string_decoder *decoder, const unsigned char *chunk,
			    size_t chunk_bytes, struct sink *sink)
{
	size_t at = 0, count;

	while (decoder->held_bytes > 0 && at < chunk_bytes) {
		if (decoder->encoding == ENCODING_UTF8 && !is_continuation(chunk[at])) {
			release(decoder, 0, sink);
			break;
		}
		decoder->held[decoder->held_bytes++] = chunk[at++];
		count = waiting(decoder->encoding, decoder->held, decoder->held_bytes);
		if (count < decoder->held_bytes)
			release(decoder, count, sink);
	}
	return at;
}

static size_t take(struct string_decoder *decoder, const unsigned char *chunk, size_t chunk_bytes,
		   struct sink *sink)
{
	size_t at = complete_held(decoder, chunk, chunk_bytes, sink);
	size_t rest = chunk_bytes - at, count;

	if (rest > 0) {
		count = waiting(decoder->encoding, chunk + at, rest);
		sink_put(sink, decoder->encoding, chunk + at, rest - count);
		hold(decoder, chunk + at + rest - count, count);
	}
	return sink->used;
}

void string_decoder_init(struct string_decoder *decoder, enum encoding encoding)
{
	*decoder = (struct string_decoder){ .encoding = encoding };
}

size_t string_decoder_write_units(struct string_decoder *decoder, const void *chunk,
				  size_t chunk_bytes, uint16_t *units, size_t capacity_count)
{
	struct sink sink = { .units = units, .capacity = units ? capacity_count : SIZE_MAX };
	struct string_decoder next = *decoder;
	size_t count = take(&next, chunk, chunk_bytes, &sink);

	if (units)
		*decoder = next;
	return count;
}

size_t string_decoder_write_utf8(struct string_decoder *decoder, const void *chunk,
				 size_t chunk_bytes, char *text, size_t capacity_bytes)
{
	struct sink sink = {
		.utf8 = text,
		.as_utf8 = true,
		.capacity = text ? capacity_bytes : SIZE_MAX,
	};
	struct string_decoder next = *decoder;
	size_t count = take(&next, chunk, chunk_bytes, &sink);

	if (text)
		*decoder = next;
	return count;
}

size_t string_decoder_end_units(struct string_decoder *decoder, uint16_t *units,
				size_t capacity_count)
{
	size_t count = encoding_encode_units(decoder->encoding, decoder->held, decoder->held_bytes,
					     units, capacity_count);

	if (units)
		decoder->held_bytes = 0;
	return count;
}

size_t string_decoder_end_utf8(struct string_decoder *decoder, char *text, size_t capacity_bytes)
{
	size_t count = encoding_encode_utf8(decoder->encoding, decoder->held, decoder->held_bytes,
					    text, capacity_bytes);

	if (text)
		decoder->held_bytes = 0;
	return count;
}
