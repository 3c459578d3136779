/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/encoding.h"

#include <string.h>
#include <strings.h>

/*
 * Text to bytes. All but utf8 look at UTF-16 units, since that is what Node's strings are:
 * latin1 takes a unit's low byte, and hex and base64 look at that byte only.
 */
static const struct {
	const char *name;
	enum encoding encoding;
} names[] = {
	{ "utf8", ENCODING_UTF8 },	 { "utf-8", ENCODING_UTF8 },
	{ "utf16le", ENCODING_UTF16LE }, { "utf-16le", ENCODING_UTF16LE },
	{ "ucs2", ENCODING_UTF16LE },	 { "ucs-2", ENCODING_UTF16LE },
	{ "latin1", ENCODING_LATIN1 },	 { "binary", ENCODING_LATIN1 },
	{ "ascii", ENCODING_ASCII },	 { "hex", ENCODING_HEX },
	{ "base64", ENCODING_BASE64 },	 { "base64url", ENCODING_BASE64URL },
};

bool encoding_from_name(const char *name, enum encoding *ret_encoding)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcasecmp(name, names[i].name) == 0) {
			*ret_encoding = names[i].encoding;
			return true;
		}
	}
	return false;
}

const char *encoding_name(enum encoding encoding)
{
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].encoding == encoding)
			return names[i].name;
	return "";
}

/* What follows a lead byte: how many bytes, and the range of the first of them. */
struct lead {
	unsigned char follow;
	unsigned char first_least;
	unsigned char first_most;
};

static struct lead lead_of(unsigned char byte)
{
	if (byte >= 0xc2 && byte <= 0xdf)
		return (struct lead){ 1, 0x80, 0xbf };
	if (byte == 0xe0)
		return (struct lead){ 2, 0xa0, 0xbf };
	if (byte == 0xed)
		return (struct lead){ 2, 0x80, 0x9f };
	if (byte >= 0xe1 && byte <= 0xef)
		return (struct lead){ 2, 0x80, 0xbf };
	if (byte == 0xf0)
		return (struct lead){ 3, 0x90, 0xbf };
	if (byte >= 0xf1 && byte <= 0xf3)
		return (struct lead){ 3, 0x80, 0xbf };
	if (byte == 0xf4)
		return (struct lead){ 3, 0x80, 0x8f };
	return (struct lead){ 0, 0, 0 };
}

size_t encoding_utf8_next(const void *text, size_t text_bytes, uint32_t *ret_character,
			  size_t *ret_skip)
{
	const unsigned char *bytes = text;
	struct lead lead = lead_of(bytes[0]);
	uint32_t character;
	size_t i;

	if (bytes[0] < 0x80) {
		if (ret_character)
			*ret_character = bytes[0];
		return 1;
	}

	character = bytes[0] & (0x3f >> lead.follow);
	for (i = 1; i <= lead.follow; i++) {
		unsigned char least = i == 1 ? lead.first_least : 0x80;
		unsigned char most = i == 1 ? lead.first_most : 0xbf;

		if (i >= text_bytes || bytes[i] < least || bytes[i] > most)
			break;
		character = character << 6 | (bytes[i] & 0x3f);
	}
	if (lead.follow == 0 || i <= lead.follow) {
		if (ret_skip)
			*ret_skip = i;
		return 0;
	}
	if (ret_character)
		*ret_character = character;
	return i;
}

static size_t utf8_size(uint32_t character)
{
	if (character < 0x80)
		return 1;
	if (character < 0x800)
		return 2;
	return character < 0x10000 ? 3 : 4;
}

size_t encoding_utf8_put(uint32_t character, char text[static 4])
{
	static const unsigned char leads[] = { 0, 0, 0xc0, 0xe0, 0xf0 };
	size_t size = utf8_size(character), i;

	for (i = size - 1; i > 0; i--, character >>= 6)
		text[i] = (char)(0x80 | (character & 0x3f));
	text[0] = (char)(leads[size] | character);
	return size;
}

bool encoding_utf8_is_valid(const void *text, size_t text_bytes)
{
	const unsigned char *bytes = text;
	size_t at = 0, step;

	while (at < text_bytes) {
		if (bytes[at] < 0x80) {
			at++;
			continue;
		}
		step = encoding_utf8_next(bytes + at, text_bytes - at, NULL, NULL);
		if (step == 0)
			return false;
		at += step;
	}
	return true;
}

/* Reads a text of either kind, unit by unit or character by character. */
struct reader {
	struct encoding_text text;
	size_t at;
	uint16_t low; /* second half of a pair, still to be given out; 0: none */
};

static bool next_utf8_character(struct reader *reader, uint32_t *ret_character)
{
	size_t skip = 1, step;

	if (reader->at >= reader->text.length)
		return false;
	step = encoding_utf8_next(reader->text.utf8 + reader->at, reader->text.length - reader->at,
				  ret_character, &skip);
	if (step == 0)
		*ret_character = 0xfffd;
	reader->at += step > 0 ? step : skip;
	return true;
}

static bool next_unit(struct reader *reader, uint16_t *ret_unit)
{
	uint32_t character;

	if (reader->text.units) {
		if (reader->at >= reader->text.length)
			return false;
		*ret_unit = reader->text.units[reader->at++];
		return true;
	}
	if (reader->low) {
		*ret_unit = reader->low;
		reader->low = 0;
		return true;
	}
	if (!next_utf8_character(reader, &character))
		return false;
	if (character >= 0x10000) {
		reader->low = (uint16_t)(0xdc00 + (character & 0x3ff));
		*ret_unit = (uint16_t)(0xd7c0 + (character >> 10));
		return true;
	}
	*ret_unit = (uint16_t)character;
	return true;
}

/* Half a pair that stands alone becomes U+FFFD. */
static bool next_character(struct reader *reader, uint32_t *ret_character)
{
	const struct encoding_text *text = &reader->text;
	uint16_t unit, low;

	if (!text->units)
		return next_utf8_character(reader, ret_character);
	if (reader->at >= text->length)
		return false;
	unit = text->units[reader->at++];
	low = reader->at < text->length ? text->units[reader->at] : 0;
	if ((unit & 0xfc00) == 0xd800 && (low & 0xfc00) == 0xdc00) {
		reader->at++;
		*ret_character = 0x10000 + (((uint32_t)unit & 0x3ff) << 10) + (low & 0x3ff);
		return true;
	}
	*ret_character = (unit & 0xf800) == 0xd800 ? 0xfffd : unit;
	return true;
}

/* Where bytes go; with bytes NULL they are only counted, and there is room for all. */
struct output {
	unsigned char *bytes;
	size_t used;
	size_t capacity;
};

static bool put(struct output *output, const unsigned char *bytes, size_t count)
{
	if (output->capacity - output->used < count)
		return false;
	if (output->bytes)
		memcpy(output->bytes + output->used, bytes, count);
	output->used += count;
	return true;
}

static bool put_byte(struct output *output, unsigned char byte)
{
	return put(output, &byte, 1);
}

static bool put_utf8(struct output *output, uint32_t character)
{
	char text[4];
	size_t size = encoding_utf8_put(character, text);

	return put(output, (const unsigned char *)text, size);
}

/* Well-formed UTF-8 is its own bytes: only where to cut is to be found. */
static void copy_utf8(const struct encoding_text *text, struct output *output)
{
	const unsigned char *bytes = (const unsigned char *)text->utf8;
	size_t count = text->length;

	if (count > output->capacity) {
		count = output->capacity;
		while (count > 0 && (bytes[count] & 0xc0) == 0x80)
			count--;
	}
	(void)put(output, bytes, count);
}

static void decode_utf8(struct reader *reader, struct output *output)
{
	uint32_t character;

	if (reader->text.utf8) {
		copy_utf8(&reader->text, output);
		return;
	}
	while (next_character(reader, &character))
		if (!put_utf8(output, character))
			return;
}

static void decode_utf16le(struct reader *reader, struct output *output)
{
	uint16_t unit;

	while (next_unit(reader, &unit)) {
		unsigned char bytes[2] = { (unsigned char)unit, (unsigned char)(unit >> 8) };

		if (!put(output, bytes, 2))
			return;
	}
}

static void decode_latin1(struct reader *reader, struct output *output)
{
	uint16_t unit;

	while (next_unit(reader, &unit))
		if (!put_byte(output, (unsigned char)unit))
			return;
}

static int hex_value(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void decode_hex(struct reader *reader, struct output *output)
{
	uint16_t high, low;

	while (next_unit(reader, &high) && next_unit(reader, &low)) {
		int high_value = hex_value((unsigned char)high);
		int low_value = hex_value((unsigned char)low);

		if (high_value < 0 || low_value < 0 ||
		    !put_byte(output, (unsigned char)(high_value << 4 | low_value)))
			return;
	}
}

/* Both alphabets; -1 for what is skipped. */
static int base64_value(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	if (c == '+' || c == '-')
		return 62;
	return c == '/' || c == '_' ? 63 : -1;
}

static void decode_base64(struct reader *reader, struct output *output)
{
	uint32_t bits = 0;
	unsigned bit_count = 0;
	uint16_t unit;

	while (next_unit(reader, &unit) && (unsigned char)unit != '=') {
		int value = base64_value((unsigned char)unit);

		if (value < 0)
			continue;
		bits = bits << 6 | (uint32_t)value;
		bit_count += 6;
		if (bit_count < 8)
			continue;
		bit_count -= 8;
		if (!put_byte(output, (unsigned char)(bits >> bit_count)))
			return;
	}
}

size_t encoding_decode(enum encoding encoding, struct encoding_text text, void *bytes,
		       size_t capacity_bytes)
{
	struct reader reader = { .text = text };
	struct output output = { bytes, 0, bytes ? capacity_bytes : SIZE_MAX };

	switch (encoding) {
	case ENCODING_UTF8:
		decode_utf8(&reader, &output);
		break;
	case ENCODING_UTF16LE:
		decode_utf16le(&reader, &output);
		break;
	case ENCODING_LATIN1:
	case ENCODING_ASCII:
		decode_latin1(&reader, &output);
		break;
	case ENCODING_HEX:
		decode_hex(&reader, &output);
		break;
	case ENCODING_BASE64:
	case ENCODING_BASE64URL:
		decode_base64(&reader, &output);
		break;
	}
	return output.used;
}

static size_t count_units(struct encoding_text text, uint16_t ret_last[2])
{
	struct reader reader = { .text = text };
	size_t count = 0;
	uint16_t unit;

	ret_last[0] = 0;
	ret_last[1] = 0;
	for (; next_unit(&reader, &unit); count++) {
		ret_last[0] = ret_last[1];
		ret_last[1] = unit;
	}
	return count;
}

size_t encoding_guess_bytes(enum encoding encoding, struct encoding_text text)
{
	uint16_t last[2];
	size_t count;

	if (encoding == ENCODING_UTF8)
		return encoding_decode(encoding, text, NULL, 0);
	count = count_units(text, last);
	switch (encoding) {
	case ENCODING_UTF16LE:
		return count * 2;
	case ENCODING_HEX:
		return count / 2;
	case ENCODING_BASE64:
	case ENCODING_BASE64URL:
		if (count > 0 && last[1] == '=')
			count -= count > 1 && last[0] == '=' ? 2 : 1;
		return count / 4 * 3 + count % 4 * 3 / 4;
	default:
		return count;
	}
}
