/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/buffers.h"

/* Reading and writing what a buffer holds, as text. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/objects/buffer_work.h"
#include "daemon/objects/pool_memory.h"
#include "daemon/objects/pools.h"

/* Outcome of reading: the text could not carry the bytes. */
#define READ_E_ENCODING 2

/* Of one character, behind its first byte. */
#define UTF8_FOLLOWERS_MAX 3

/* Node's rule for a position and a count, both within the buffer; the count is then cut. */
static int check_range(const struct buffer *buffer, uint64_t offset, uint64_t *io_length,
		       struct refusal *refusal)
{
	if (offset > buffer->length)
		return refuse_range(refusal, "offset", 0, (int64_t)buffer->length);
	if (*io_length == UINT64_MAX)
		*io_length = buffer->length - offset;
	if (*io_length > buffer->length)
		return refuse_range(refusal, "length", 0, (int64_t)buffer->length);
	if (*io_length > buffer->length - offset)
		*io_length = buffer->length - offset;
	return 0;
}

/* Read */

struct reading {
	struct buffer_work work;
	buffer_text_fn done;
	void *data;
	uint64_t offset; /* in the backing */
	uint64_t length;
	uint64_t bytes; /* of it that the text stands for */
	enum encoding encoding;
	uint64_t limit_bytes;
	char *text;
	struct refusal refusal;
};

/* How long JSON's spelling of a character is that takes `utf8_bytes` in UTF-8. */
static uint64_t spelt_bytes(unsigned int character, uint64_t utf8_bytes)
{
	if (character < 0x20)
		return 6;
	return character == '"' || character == '\\' ? 2 : utf8_bytes;
}

static uint64_t unit_bytes(enum encoding encoding, const unsigned char *at)
{
	unsigned int unit;

	if (encoding != ENCODING_UTF16LE)
		return spelt_bytes(*at, encoding == ENCODING_LATIN1 && *at >= 0x80 ? 2 : 1);
	unit = at[0] | (unsigned int)at[1] << 8;
	if (unit < 0x80)
		return spelt_bytes(unit, 1);
	/* Half a pair takes two of the pair's four. */
	return unit < 0x800 || (unit & 0xf800) == 0xd800 ? 2 : 3;
}

/*
 * Where UTF-8 that is cut at `at` is cut in between characters: no character has more than
 * three bytes behind its first, so a longer row of them has no such place. It stays as it is
 * then, and is judged: to go on back would end with nothing read, for ever.
 */
static uint64_t whole_utf8(const unsigned char *bytes, uint64_t at)
{
	for (uint64_t back = 0; back <= UTF8_FOLLOWERS_MAX && back < at; back++)
		if ((bytes[at - back] & 0xc0) != 0x80)
			return at - back;
	return at;
}

/* `at` is where the text would be cut: back to where a character begins. */
static uint64_t whole_characters(enum encoding encoding, const unsigned char *bytes, uint64_t at)
{
	if (encoding == ENCODING_UTF8)
		return whole_utf8(bytes, at);
	if (encoding == ENCODING_UTF16LE && at >= 2 && (bytes[at - 1] & 0xfc) == 0xd8)
		return at - 2;
	return at;
}

/* How many of the bytes fit the limit as text. */
static uint64_t count_fitting(const struct reading *reading, const unsigned char *bytes,
			      uint64_t length)
{
	uint64_t step = reading->encoding == ENCODING_UTF16LE ? 2 : 1;
	uint64_t spelt = 0;

	for (uint64_t at = 0; at + step <= length; at += step) {
		spelt += unit_bytes(reading->encoding, bytes + at);
		if (spelt > reading->limit_bytes)
			return whole_characters(reading->encoding, bytes, at);
	}
	return length;
}

/* How many bytes to look at: never much more than can fit. */
static uint64_t most_bytes(const struct reading *reading)
{
	switch (reading->encoding) {
	case ENCODING_HEX:
		return reading->limit_bytes / 2;
	case ENCODING_BASE64:
	case ENCODING_BASE64URL:
		return reading->limit_bytes / 4 * 3;
	case ENCODING_UTF16LE:
		return reading->limit_bytes * 2 + 4;
	default:
		return reading->limit_bytes + 4;
	}
}

static bool is_spelt_plainly(enum encoding encoding)
{
	return encoding == ENCODING_HEX || encoding == ENCODING_BASE64 ||
	       encoding == ENCODING_BASE64URL;
}

static int encode(struct reading *reading, const unsigned char *bytes, uint64_t length)
{
	size_t size;

	if (!is_spelt_plainly(reading->encoding)) {
		length = count_fitting(reading, bytes, length);
		if (!encoding_is_faithful(reading->encoding, bytes, length))
			return READ_E_ENCODING;
	}
	size = encoding_encode_utf8(reading->encoding, bytes, length, NULL, 0);
	reading->text = malloc(size + 1);
	if (!reading->text)
		return -ENOMEM;
	size = encoding_encode_utf8(reading->encoding, bytes, length, reading->text, size);
	reading->text[size] = '\0';
	reading->bytes = length;
	return 0;
}

static int run_read(struct buffer_work *work)
{
	struct reading *reading = work->owner;
	uint64_t most = most_bytes(reading);
	uint64_t length = reading->length < most ? reading->length : most;
	unsigned char *bytes = malloc(length ? length : 1);
	int r;

	if (!bytes)
		return -ENOMEM;
	/* The client may write while we read: what is judged must be what is sent. */
	memcpy(bytes, backing_address(work->backing) + reading->offset, length);
	r = encode(reading, bytes, length);
	free(bytes);
	return r;
}

static void on_read(struct buffer_work *work, int result)
{
	struct reading *reading = work->owner;

	if (result == READ_E_ENCODING) {
		result = refuse_text(&reading->refusal, REFUSAL_BAD_ENCODING, "encoding");
		strcpy(reading->refusal.reason, encoding_name(reading->encoding));
	}
	if (result != 0) {
		free(reading->text);
		reading->text = NULL;
	}
	reading->done(reading->data, result, reading->text, reading->bytes, &reading->refusal);
	free(reading);
}

int buffer_read(struct buffer *buffer, uint64_t offset, uint64_t length, enum encoding encoding,
		uint64_t limit_bytes, buffer_text_fn done, void *data, struct refusal *refusal)
{
	struct reading *reading;
	int r = check_range(buffer, offset, &length, refusal);

	if (r != 0)
		return r;
	reading = calloc(1, sizeof(*reading));
	if (!reading)
		return -ENOMEM;
	reading->done = done;
	reading->data = data;
	reading->offset = buffer->offset + offset;
	reading->length = length;
	reading->encoding = encoding;
	reading->limit_bytes = limit_bytes;
	reading->work = (struct buffer_work){
		.name = "read",
		.bytes = length < most_bytes(reading) ? length : most_bytes(reading),
		.run = run_read,
		.done = on_read,
		.owner = reading,
	};
	buffer_work_submit(buffer->backing, &reading->work);
	return 0;
}

/* Write */

struct writing {
	struct buffer_work work;
	buffer_count_fn done;
	void *data;
	uint64_t buffer; /* its id */
	uint64_t offset; /* in the backing */
	uint64_t length;
	uint64_t bytes; /* written */
	enum encoding encoding;
	char *text;
	struct refusal refusal;
};

static int run_write(struct buffer_work *work)
{
	struct writing *writing = work->owner;
	const struct encoding_text text = {
		.utf8 = writing->text,
		.length = strlen(writing->text),
	};
	uint64_t most = encoding_guess_bytes(writing->encoding, text);

	if (most > writing->length)
		most = writing->length;
	pool_memory_touch(work->backing->pool, work->backing->offset + writing->offset, most);
	writing->bytes = encoding_decode(writing->encoding, text,
					 backing_address(work->backing) + writing->offset, most);
	return 0;
}

static void on_written(struct buffer_work *work, int result)
{
	struct writing *writing = work->owner;

	if (result == BUFFER_WORK_E_BUSY)
		result = refuse_id(&writing->refusal, REFUSAL_BUFFER_BUSY, writing->buffer);
	writing->done(writing->data, result, writing->bytes, &writing->refusal);
	free(writing->text);
	free(writing);
}

int buffer_write(struct buffer *buffer, uint64_t offset, uint64_t length, const char *text,
		 enum encoding encoding, buffer_count_fn done, void *data, struct refusal *refusal)
{
	struct writing *writing;
	int r = check_range(buffer, offset, &length, refusal);

	if (r != 0)
		return r;
	writing = calloc(1, sizeof(*writing));
	if (!writing)
		return -ENOMEM;
	writing->text = strdup(text);
	if (!writing->text) {
		free(writing);
		return -ENOMEM;
	}
	writing->done = done;
	writing->data = data;
	writing->buffer = buffer->id;
	writing->offset = buffer->offset + offset;
	writing->length = length;
	writing->encoding = encoding;
	writing->work = (struct buffer_work){
		.name = "write",
		.bytes = strlen(text),
		.writes = true,
		.run = run_write,
		.done = on_written,
		.owner = writing,
	};
	buffer_work_submit(buffer->backing, &writing->work);
	return 0;
}
