/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "proto/args.h"
#include "proto/bytes.h"
#include "proto/encoding.h"
#include "proto/string_decoder.h"
#include "tests/vectors/replay.h"
#include "tests/vectors/replay_value.h"

/*
 * Kind encodings: texts to bytes and back. Each text goes in as UTF-16 units and, where it can
 * be said in JSON (no half characters, no zero), as UTF-8, and comes out as both; the answers
 * must be the same.
 *
 *	E4		a byte order mark is kept, which TextDecoder drops unless told not to
 *	negative start	of a range is refused, where toString takes it for 0
 */

static enum encoding encoding_of(const cJSON *entry, const char *name)
{
	enum encoding encoding = ENCODING_UTF8;

	if (!encoding_from_name(value_text(value_member(entry, name)), &encoding))
		replay_complain(entry, "no encoding: %s", value_text(value_member(entry, name)));
	return encoding;
}

/* The text as UTF-8, if the file has it so and C can hold it. */
static bool utf8_of(const cJSON *entry, const struct value_units *units,
		    struct encoding_text *ret_text)
{
	const cJSON *text = value_member(entry, "str");
	size_t i;

	for (i = 0; i < units->count; i++)
		if (units->units[i] == 0)
			return false;
	if (!text)
		return false;
	*ret_text = (struct encoding_text){ .utf8 = value_text(text) };
	ret_text->length = strlen(ret_text->utf8);
	return true;
}

static bool decodes(const cJSON *entry, struct encoding_text text)
{
	enum encoding encoding = encoding_of(entry, "enc");
	struct value_bytes bytes = value_bytes_new(encoding_decode(encoding, text, NULL, 0), 0xaa);
	size_t count = encoding_decode(encoding, text, bytes.bytes, bytes.count);
	bool same = value_same_number(entry, "byteLength", value_got(entry, "byteLength"),
				      (int64_t)encoding_guess_bytes(encoding, text));

	same = count == bytes.count &&
	       value_same_bytes(entry, "bytes", value_got(entry, "hex"), bytes.bytes, count) &&
	       same;
	free(bytes.bytes);
	return same;
}

/* Both forms of the case's text go through `run`. */
static struct replay_verdict run_text(const cJSON *entry,
				      bool (*run)(const cJSON *entry, struct encoding_text text))
{
	struct value_units units = value_units(value_member(entry, "u16"));
	struct encoding_text text = { .units = units.units, .length = units.count }, utf8;
	bool same;

	same = run(entry, text);
	if (same && utf8_of(entry, &units, &utf8))
		same = run(entry, utf8);
	free(units.units);
	return replay_verdict(same);
}

static struct replay_verdict run_decode(const cJSON *entry)
{
	return run_text(entry, decodes);
}

static bool encodes_utf8(const cJSON *entry, enum encoding encoding, const unsigned char *bytes,
			 size_t count)
{
	const cJSON *expected = value_got(entry, "out_str");
	size_t size = encoding_encode_utf8(encoding, bytes, count, NULL, 0);
	struct value_bytes text = value_bytes_new(size, 0);
	bool same;

	size = encoding_encode_utf8(encoding, bytes, count, (char *)text.bytes, text.count);
	same = size == text.count;
	if (same && expected && !memchr(text.bytes, '\0', size))
		same = value_same_text(entry, "as UTF-8", value_text(expected),
				       (const char *)text.bytes, size);
	free(text.bytes);
	return same;
}

static bool encodes_units(const cJSON *entry, enum encoding encoding, const unsigned char *bytes,
			  size_t count)
{
	size_t size = encoding_encode_units(encoding, bytes, count, NULL, 0);
	uint16_t *units = value_units_new(size);
	bool same = encoding_encode_units(encoding, bytes, count, units, size) == size &&
		    value_same_units(entry, "text", value_got(entry, "out_u16"), units, size);

	free(units);
	return same;
}

static struct replay_verdict run_encode(const cJSON *entry)
{
	enum encoding encoding = encoding_of(entry, "enc");
	struct value_bytes bytes = value_hex(value_member(entry, "hex"));
	int64_t from = 0;
	uint64_t start, end;
	bool same = true;
	bool refused =
		args_get_int_within(entry, "start", 0, (int64_t)bytes.count, &from) == ARGS_E_RANGE;

	if (!refused) {
		bytes_range(from, value_integer(value_member(entry, "end"), INT64_MAX, 0),
			    bytes.count, &start, &end);
		same = encodes_units(entry, encoding, bytes.bytes + start, end - start) &&
		       encodes_utf8(entry, encoding, bytes.bytes + start, end - start);
	}
	free(bytes.bytes);
	return (struct replay_verdict){ same, refused ? "negative start" : NULL };
}

/* What Buffer.write() and Buffer.fill() are given. */
static struct value_bytes target_of(const cJSON *entry)
{
	return value_bytes_new((size_t)value_integer(value_member(entry, "size"), 0, 0), 0xaa);
}

static bool writes(const cJSON *entry, struct encoding_text text)
{
	struct value_bytes target = target_of(entry);
	int64_t offset = 0, length = (int64_t)target.count;
	size_t count;
	bool same;

	if (args_get_int_within(entry, "offset", 0, (int64_t)target.count, &offset) ||
	    args_get_int_within(entry, "length", 0, (int64_t)target.count - offset, &length)) {
		free(target.bytes);
		return value_same_refusal(entry, true);
	}
	count = encoding_decode(encoding_of(entry, "enc"), text, target.bytes + offset,
				(size_t)length);
	same = value_same_number(entry, "written", value_got(entry, "written"), (int64_t)count) &&
	       value_same_bytes(entry, "bytes", value_got(entry, "hex"), target.bytes,
				target.count);
	free(target.bytes);
	return same;
}

static struct replay_verdict run_write(const cJSON *entry)
{
	return run_text(entry, writes);
}

/* Nothing to fill with is refused; the empty text, which asks for zeroes, is not nothing. */
static bool fills(const cJSON *entry, const void *pattern, size_t pattern_bytes)
{
	struct value_bytes target = target_of(entry);
	uint64_t start, end;
	bool same;

	bytes_range(value_integer(value_member(entry, "offset"), 0, 0),
		    value_integer(value_member(entry, "end"), INT64_MAX, 0), target.count, &start,
		    &end);
	if (pattern_bytes > 0)
		bytes_fill(target.bytes + start, end - start, pattern, pattern_bytes);
	same = value_same_refusal(entry, pattern_bytes == 0) &&
	       (pattern_bytes == 0 || value_same_bytes(entry, "bytes", value_got(entry, "hex"),
						       target.bytes, target.count));
	free(target.bytes);
	return same;
}

static bool fills_with_text(const cJSON *entry, struct encoding_text text)
{
	enum encoding encoding = encoding_of(entry, "enc");
	struct value_bytes pattern = value_bytes_new(encoding_decode(encoding, text, NULL, 0), 0);
	bool same;

	encoding_decode(encoding, text, pattern.bytes, pattern.count);
	same = text.length == 0 ? fills(entry, "", 1) : fills(entry, pattern.bytes, pattern.count);
	free(pattern.bytes);
	return same;
}

static struct replay_verdict run_fill(const cJSON *entry)
{
	const cJSON *number = value_member(entry, "num");
	struct value_bytes pattern;
	unsigned char byte;
	bool same;

	if (value_member(entry, "u16"))
		return run_text(entry, fills_with_text);
	if (number) {
		byte = value_byte(number);
		return replay_verdict(fills(entry, &byte, 1));
	}
	pattern = value_hex(value_member(entry, "buf"));
	same = fills(entry, pattern.bytes, pattern.count);
	free(pattern.bytes);
	return replay_verdict(same);
}

/* One chunk's text, or with chunk NULL what was left at the end. */
static bool gives_units(const cJSON *entry, struct string_decoder *decoder,
			const struct value_bytes *chunk, const cJSON *expected)
{
	size_t count =
		chunk ? string_decoder_write_units(decoder, chunk->bytes, chunk->count, NULL, 0) :
			string_decoder_end_units(decoder, NULL, 0);
	uint16_t *units = value_units_new(count);
	size_t written = chunk ? string_decoder_write_units(decoder, chunk->bytes, chunk->count,
							    units, count) :
				 string_decoder_end_units(decoder, units, count);
	bool same = written == count &&
		    value_same_units(entry, chunk ? "chunk" : "end", expected, units, count);

	free(units);
	return same;
}

static struct replay_verdict run_decoder(const cJSON *entry)
{
	const cJSON *expected = value_got(entry, "out_u16");
	struct string_decoder decoder;
	const cJSON *item;
	bool same =
		cJSON_GetArraySize(expected) == cJSON_GetArraySize(value_member(entry, "chunks"));

	string_decoder_init(&decoder, encoding_of(entry, "enc"));
	expected = expected ? expected->child : NULL;
	cJSON_ArrayForEach(item, value_member(entry, "chunks")) {
		struct value_bytes chunk = value_hex(item);

		same = same && gives_units(entry, &decoder, &chunk, expected);
		expected = expected ? expected->next : NULL;
		free(chunk.bytes);
	}
	same = same && gives_units(entry, &decoder, NULL, value_got(entry, "end_u16"));
	return replay_verdict(same);
}

static bool starts_with_mark(const struct value_bytes *bytes)
{
	return bytes->count >= 3 && memcmp(bytes->bytes, "\xef\xbb\xbf", 3) == 0;
}

/* A whole text is one chunk and the end; fatal is that it must be well-formed. */
static struct replay_verdict run_textdecoder(const cJSON *entry)
{
	enum encoding encoding = encoding_of(entry, "label");
	struct value_bytes bytes = value_hex(value_member(entry, "hex"));
	bool drops_mark = !cJSON_IsTrue(value_member(entry, "ignoreBOM"));
	bool refused = cJSON_IsTrue(value_member(entry, "fatal")) &&
		       !encoding_utf8_is_valid(bytes.bytes, bytes.count);
	size_t mark = drops_mark && starts_with_mark(&bytes) ? 1 : 0;
	struct string_decoder decoder;
	uint16_t units[64];
	size_t count;
	bool same = value_same_refusal(entry, refused);

	string_decoder_init(&decoder, encoding);
	if (same && !refused) {
		count = string_decoder_write_units(&decoder, bytes.bytes, bytes.count, units, 32);
		count += string_decoder_end_units(&decoder, units + count, 32);
		same = (mark == 0 || (count > 0 && units[0] == 0xfeff)) &&
		       value_same_units(entry, "text", value_got(entry, "out_u16"), units + mark,
					count - mark);
	}
	free(bytes.bytes);
	return (struct replay_verdict){ same, mark ? "E4" : NULL };
}

static struct replay_verdict run_is_encoding(const cJSON *entry)
{
	enum encoding encoding;

	return replay_verdict(value_same_bool(
		entry, "known", value_got(entry, "ok"),
		encoding_from_name(value_text(value_member(entry, "name")), &encoding)));
}

static const struct {
	const char *name;
	struct replay_verdict (*run)(const cJSON *entry);
} cases[] = {
	{ "decode", run_decode },
	{ "encode", run_encode },
	{ "write", run_write },
	{ "fill", run_fill },
	{ "decoder", run_decoder },
	{ "textdecoder", run_textdecoder },
	{ "isEncoding", run_is_encoding },
};

static struct replay_verdict run(const cJSON *entry)
{
	const char *name = value_text(value_member(entry, "t"));

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].name, name) == 0)
			return cases[i].run(entry);
	replay_complain(entry, "no such case: %s", name);
	return replay_verdict(false);
}

const struct replay_kind replay_encodings = { "encodings", "cases", run };
