/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/forebay_memory.h"

#include <stdbool.h>
#include <stdlib.h>

#include "proto/encoding.h"
#include "proto/string_decoder.h"

/* The encodings are those of proto/encoding.h, as the types of numbers are another header's. */
_Static_assert((int)FOREBAY_ENCODING_LATIN1 == (int)ENCODING_LATIN1 &&
		       (int)FOREBAY_ENCODING_BASE64URL == (int)ENCODING_BASE64URL,
	       "the two lists of encodings have the same order");

struct forebay_decoder {
	struct string_decoder decoder;
};

static bool is_encoding(enum forebay_encoding encoding)
{
	return (unsigned int)encoding <= FOREBAY_ENCODING_BASE64URL;
}

int forebay_encoding_from_name(const char *name, enum forebay_encoding *ret_encoding)
{
	enum encoding encoding;

	if (!encoding_from_name(name, &encoding))
		return -EINVAL;
	*ret_encoding = (enum forebay_encoding)encoding;
	return 0;
}

const char *forebay_encoding_name(enum forebay_encoding encoding)
{
	return is_encoding(encoding) ? encoding_name((enum encoding)encoding) : NULL;
}

/* UTF-8 that is none would be read beyond its end. */
static int check_text(enum forebay_encoding encoding, const struct encoding_text *text)
{
	if (!is_encoding(encoding))
		return -EINVAL;
	return text->utf8 && !encoding_utf8_is_valid(text->utf8, text->length) ? -EILSEQ : 0;
}

static int count_bytes(enum forebay_encoding encoding, struct encoding_text text, size_t *ret_bytes)
{
	int r = check_text(encoding, &text);

	if (r == 0)
		*ret_bytes = encoding_decode((enum encoding)encoding, text, NULL, 0);
	return r;
}

static int set_text(const struct forebay_view *view, enum forebay_encoding encoding,
		    struct encoding_text text, size_t *ret_bytes)
{
	int r = check_text(encoding, &text);

	if (r)
		return r;
	if (view->read_only)
		return -EROFS;
	*ret_bytes = 0;
	if (view->bytes > 0)
		*ret_bytes =
			encoding_decode((enum encoding)encoding, text, view->memory, view->bytes);
	return 0;
}

/* No text is NULL for encoding.h: one of the two pointers is set. */
static struct encoding_text text_of(const char *text, size_t text_bytes)
{
	return (struct encoding_text){ .utf8 = text ? text : "", .length = text_bytes };
}

static struct encoding_text text_of_units(const uint16_t *units, size_t count)
{
	static const uint16_t none;

	return (struct encoding_text){ .units = units ? units : &none, .length = count };
}

int forebay_view_set_text(const struct forebay_view *view, enum forebay_encoding encoding,
			  const char *text, size_t text_bytes, size_t *ret_bytes)
{
	return set_text(view, encoding, text_of(text, text_bytes), ret_bytes);
}

int forebay_view_set_units(const struct forebay_view *view, enum forebay_encoding encoding,
			   const uint16_t *units, size_t count, size_t *ret_bytes)
{
	return set_text(view, encoding, text_of_units(units, count), ret_bytes);
}

int forebay_text_bytes(enum forebay_encoding encoding, const char *text, size_t text_bytes,
		       size_t *ret_bytes)
{
	return count_bytes(encoding, text_of(text, text_bytes), ret_bytes);
}

int forebay_units_bytes(enum forebay_encoding encoding, const uint16_t *units, size_t count,
			size_t *ret_bytes)
{
	return count_bytes(encoding, text_of_units(units, count), ret_bytes);
}

int forebay_view_get_text(const struct forebay_view *view, enum forebay_encoding encoding,
			  char *text, size_t capacity_bytes, size_t *ret_bytes)
{
	if (!is_encoding(encoding))
		return -EINVAL;
	*ret_bytes = encoding_encode_utf8((enum encoding)encoding, view->memory, view->bytes, text,
					  capacity_bytes);
	return 0;
}

int forebay_view_get_units(const struct forebay_view *view, enum forebay_encoding encoding,
			   uint16_t *units, size_t capacity_count, size_t *ret_count)
{
	if (!is_encoding(encoding))
		return -EINVAL;
	*ret_count = encoding_encode_units((enum encoding)encoding, view->memory, view->bytes,
					   units, capacity_count);
	return 0;
}

int forebay_decoder_open(enum forebay_encoding encoding, struct forebay_decoder **ret_decoder)
{
	struct forebay_decoder *decoder;

	if (!is_encoding(encoding))
		return -EINVAL;
	decoder = malloc(sizeof(*decoder));
	if (!decoder)
		return -ENOMEM;
	string_decoder_init(&decoder->decoder, (enum encoding)encoding);
	*ret_decoder = decoder;
	return 0;
}

void forebay_decoder_close(struct forebay_decoder *decoder)
{
	free(decoder);
}

size_t forebay_decoder_write(struct forebay_decoder *decoder, const void *chunk, size_t chunk_bytes,
			     char *text, size_t capacity_bytes)
{
	return string_decoder_write_utf8(&decoder->decoder, chunk, chunk_bytes, text,
					 capacity_bytes);
}

size_t forebay_decoder_write_units(struct forebay_decoder *decoder, const void *chunk,
				   size_t chunk_bytes, uint16_t *units, size_t capacity_count)
{
	return string_decoder_write_units(&decoder->decoder, chunk, chunk_bytes, units,
					  capacity_count);
}

size_t forebay_decoder_end(struct forebay_decoder *decoder, char *text, size_t capacity_bytes)
{
	return string_decoder_end_utf8(&decoder->decoder, text, capacity_bytes);
}

size_t forebay_decoder_end_units(struct forebay_decoder *decoder, uint16_t *units,
				 size_t capacity_count)
{
	return string_decoder_end_units(&decoder->decoder, units, capacity_count);
}
