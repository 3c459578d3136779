/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/forebay_memory.h"
#include "tests/vectors/replay.h"
#include "tests/vectors/replay_value.h"

/*
 * Kind library_encodings: the texts of kind encodings through the views and decoders of
 * libforebay, as UTF-16 units, which all of them can be said in.
 *
 *	other	not done with a view or a decoder: left to the other kind
 */

static struct replay_verdict verdict(bool passed)
{
	return (struct replay_verdict){ .passed = passed };
}

static struct replay_verdict left_out(void)
{
	return (struct replay_verdict){ true, "other" };
}

static enum forebay_encoding encoding_of(const cJSON *entry)
{
	enum forebay_encoding encoding = FOREBAY_ENCODING_UTF8;

	if (forebay_encoding_from_name(value_text(value_member(entry, "enc")), &encoding))
		replay_complain(entry, "no such encoding");
	return encoding;
}

static struct replay_verdict run_decode(const cJSON *entry)
{
	struct value_units units = value_units(value_member(entry, "u16"));
	enum forebay_encoding encoding = encoding_of(entry);
	struct value_bytes bytes;
	struct forebay_view view;
	size_t size = 0, count = 0;
	bool same;

	same = forebay_units_bytes(encoding, units.units, units.count, &size) == 0;
	bytes = value_bytes_new(size, 0xaa);
	view = forebay_view_of_memory(bytes.bytes, bytes.count);
	same = same &&
	       forebay_view_set_units(&view, encoding, units.units, units.count, &count) == 0 &&
	       count == size &&
	       value_same_bytes(entry, "bytes", value_got(entry, "hex"), bytes.bytes, count);
	free(bytes.bytes);
	free(units.units);
	return verdict(same);
}

static struct replay_verdict run_encode(const cJSON *entry)
{
	int64_t start = value_integer(value_member(entry, "start"), 0, 0);
	enum forebay_encoding encoding = encoding_of(entry);
	struct value_bytes bytes;
	struct forebay_view view;
	size_t size = 0, count = 0;
	uint16_t *units;
	bool same;

	if (start < 0)
		return left_out();
	bytes = value_hex(value_member(entry, "hex"));
	view = forebay_view_of_constant(bytes.bytes, bytes.count);
	view = forebay_view_slice(&view, start,
				  value_integer(value_member(entry, "end"), FOREBAY_VIEW_END, 0));
	same = forebay_view_get_units(&view, encoding, NULL, 0, &size) == 0;
	units = value_units_new(size);
	same = same && forebay_view_get_units(&view, encoding, units, size, &count) == 0 &&
	       count == size &&
	       value_same_units(entry, "text", value_got(entry, "out_u16"), units, size);
	free(units);
	free(bytes.bytes);
	return verdict(same);
}

/* What Node refuses is a range that no slice has. */
static struct replay_verdict run_write(const cJSON *entry)
{
	struct value_bytes target;
	struct value_units units;
	int64_t offset, length;
	struct forebay_view view;
	size_t count = 0;
	bool same;

	if (value_got(entry, "error"))
		return left_out();
	target = value_bytes_new((size_t)value_integer(value_member(entry, "size"), 0, 0), 0xaa);
	units = value_units(value_member(entry, "u16"));
	offset = value_integer(value_member(entry, "offset"), 0, 0);
	length = value_integer(value_member(entry, "length"), (int64_t)target.count - offset, 0);
	view = forebay_view_of_memory(target.bytes, target.count);
	view = forebay_view_slice(&view, offset, offset + length);
	same = forebay_view_set_units(&view, encoding_of(entry), units.units, units.count,
				      &count) == 0 &&
	       value_same_number(entry, "written", value_got(entry, "written"), (int64_t)count) &&
	       value_same_bytes(entry, "bytes", value_got(entry, "hex"), target.bytes,
				target.count);
	free(units.units);
	free(target.bytes);
	return verdict(same);
}

/* A text that gives no bytes is refused, but for the empty one, which asks for zeroes. */
static struct replay_verdict run_fill(const cJSON *entry)
{
	struct value_bytes target, pattern;
	struct value_units units;
	struct forebay_view view, from;
	size_t size = 0;
	bool same;
	int r;

	if (!value_member(entry, "u16"))
		return left_out();
	target = value_bytes_new((size_t)value_integer(value_member(entry, "size"), 0, 0), 0xaa);
	units = value_units(value_member(entry, "u16"));
	r = forebay_units_bytes(encoding_of(entry), units.units, units.count, &size);
	pattern = value_bytes_new(size, 0);
	from = forebay_view_of_memory(pattern.bytes, pattern.count);
	view = forebay_view_of_memory(target.bytes, target.count);
	view = forebay_view_slice(&view, value_integer(value_member(entry, "offset"), 0, 0),
				  value_integer(value_member(entry, "end"), FOREBAY_VIEW_END, 0));
	if (r == 0)
		r = forebay_view_set_units(&from, encoding_of(entry), units.units, units.count,
					   &size);
	if (r == 0)
		r = units.count == 0 ? forebay_view_fill(&view, "", 1) :
				       forebay_view_fill(&view, from.memory, size);
	same = value_same_refusal(entry, r == -EINVAL) &&
	       (r != 0 || value_same_bytes(entry, "bytes", value_got(entry, "hex"), target.bytes,
					   target.count));
	free(pattern.bytes);
	free(units.units);
	free(target.bytes);
	return verdict(same);
}

/* One chunk's text, or with chunk NULL what was left at the end. */
static bool gives_units(const cJSON *entry, struct forebay_decoder *decoder,
			const struct value_bytes *chunk, const cJSON *expected)
{
	size_t room = chunk ? 3 * chunk->count + 12 : 4, count;
	uint16_t *units = value_units_new(room);
	bool same;

	if (chunk)
		count = forebay_decoder_write_units(decoder, chunk->bytes, chunk->count, units,
						    room);
	else
		count = forebay_decoder_end_units(decoder, units, room);
	same = value_same_units(entry, chunk ? "chunk" : "end", expected, units, count);
	free(units);
	return same;
}

static struct replay_verdict run_decoder(const cJSON *entry)
{
	const cJSON *expected = value_got(entry, "out_u16");
	struct forebay_decoder *decoder;
	const cJSON *item;
	bool same = true;

	if (forebay_decoder_open(encoding_of(entry), &decoder))
		return verdict(false);
	expected = expected ? expected->child : NULL;
	cJSON_ArrayForEach(item, value_member(entry, "chunks")) {
		struct value_bytes chunk = value_hex(item);

		same = same && gives_units(entry, decoder, &chunk, expected);
		expected = expected ? expected->next : NULL;
		free(chunk.bytes);
	}
	same = same && gives_units(entry, decoder, NULL, value_got(entry, "end_u16"));
	forebay_decoder_close(decoder);
	return verdict(same);
}

static struct replay_verdict run_is_encoding(const cJSON *entry)
{
	enum forebay_encoding encoding;

	return verdict(
		value_same_bool(entry, "known", value_got(entry, "ok"),
				forebay_encoding_from_name(value_text(value_member(entry, "name")),
							   &encoding) == 0));
}

static const struct {
	const char *name;
	struct replay_verdict (*run)(const cJSON *entry);
} cases[] = {
	{ "decode", run_decode },   { "encode", run_encode }, { "write", run_write },
	{ "decoder", run_decoder }, { "fill", run_fill },     { "isEncoding", run_is_encoding },
};

static struct replay_verdict run(const cJSON *entry)
{
	const char *name = value_text(value_member(entry, "t"));

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (strcmp(cases[i].name, name) == 0)
			return cases[i].run(entry);
	return left_out();
}

const struct replay_kind replay_library_encodings = { "library_encodings", "cases", run };
