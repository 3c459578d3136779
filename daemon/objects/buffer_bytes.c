/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/buffer_bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/io/io_engine.h"
#include "daemon/objects/buffer_work.h"
#include "daemon/objects/pool_memory.h"
#include "daemon/objects/refusal.h"
#include "proto/bytes.h"

/* Outcome of preparing to fill: the text gives no bytes. */
#define FILL_E_NOTHING 2

/* One operation of any of the kinds here. */
struct action {
	struct buffer_work work;
	buffer_value_fn done;
	void *data;
	uint64_t buffer; /* the id of the one that changes */
	uint64_t offset; /* of its range in the backing */
	uint64_t length; /* of that range */
	int64_t value;
	struct refusal refusal;

	struct buffer_turn source;
	uint64_t source_offset; /* in its backing */
	uint64_t source_length;

	char *text;
	enum encoding encoding;
	unsigned char *bytes; /* the text, decoded */
	size_t bytes_length;
	int64_t position;
	bool last;
	size_t width;
};

static struct action *action_free(struct action *action)
{
	free(action->text);
	free(action->bytes);
	free(action);
	return NULL;
}

/* `text`: NULL, or what is to be decoded. NULL: no memory. */
static struct action *action_new(const struct buffer *buffer, const char *text,
				 buffer_value_fn done, void *data)
{
	struct action *action = calloc(1, sizeof(*action));

	if (!action)
		return NULL;
	action->done = done;
	action->data = data;
	action->buffer = buffer->id;
	action->offset = buffer->offset;
	action->length = buffer->length;
	if (text) {
		action->text = strdup(text);
		if (!action->text)
			return action_free(action);
	}
	return action;
}

static void on_done(struct buffer_work *work, int result)
{
	struct action *action = work->owner;

	if (result == BUFFER_WORK_E_BUSY)
		result = refuse_id(&action->refusal, REFUSAL_BUFFER_BUSY, action->buffer);
	else if (result == FILL_E_NOTHING)
		result = refuse_text(&action->refusal, REFUSAL_PARAMETER, "value");
	action->done(action->data, result, action->value, &action->refusal);
	action_free(action);
}

/* The rest of `work` is set. */
static void action_submit(struct action *action, struct backing *backing)
{
	action->work.device = IO_DEVICE_PROCESSOR;
	action->work.done = on_done;
	action->work.owner = action;
	buffer_work_submit(backing, &action->work);
}

static unsigned char *range(const struct action *action)
{
	return backing_address(action->work.backing) + action->offset;
}

/* For each of those that change their whole range. */
static void touch(const struct action *action)
{
	const struct backing *backing = action->work.backing;

	pool_memory_touch(backing->pool, backing->offset + action->offset, action->length);
}

static int decode(struct action *action)
{
	const struct encoding_text text = {
		.utf8 = action->text,
		.length = strlen(action->text),
	};
	size_t size = encoding_decode(action->encoding, text, NULL, 0);

	action->bytes = malloc(size ? size : 1);
	if (!action->bytes)
		return -ENOMEM;
	action->bytes_length = encoding_decode(action->encoding, text, action->bytes, size);
	return 0;
}

/* Fill */

static int prepare_fill(struct buffer_work *work)
{
	struct action *action = work->owner;
	int r;

	if (action->length == 0)
		return 0;
	r = decode(action);
	if (r != 0)
		return r;
	return action->bytes_length == 0 && action->text[0] != '\0' ? FILL_E_NOTHING : 0;
}

static int run_fill(struct buffer_work *work)
{
	struct action *action = work->owner;

	touch(action);
	if (action->bytes_length > 0)
		bytes_fill(range(action), action->length, action->bytes, action->bytes_length);
	else
		memset(range(action), 0, action->length);
	action->value = (int64_t)action->length;
	return 0;
}

int buffer_fill(struct buffer *buffer, const struct buffer_fill *fill, buffer_value_fn done,
		void *data, struct refusal *refusal)
{
	uint64_t end = fill->end == UINT64_MAX ? buffer->length : fill->end;
	struct action *action;

	if (fill->offset > buffer->length)
		return refuse_range(refusal, "offset", 0, (int64_t)buffer->length);
	if (end > buffer->length)
		return refuse_range(refusal, "end", 0, (int64_t)buffer->length);
	action = action_new(buffer, fill->text, done, data);
	if (!action)
		return -ENOMEM;
	action->offset += fill->offset;
	action->length = end > fill->offset ? end - fill->offset : 0;
	action->encoding = fill->encoding;
	action->work = (struct buffer_work){
		.name = "fill",
		.bytes = action->length + strlen(fill->text),
		.writes = true,
		.prepare = prepare_fill,
		.run = run_fill,
	};
	action_submit(action, buffer->backing);
	return 0;
}

/* Copy */

static int run_copy(struct buffer_work *work)
{
	struct action *action = work->owner;

	touch(action);
	memmove(range(action), backing_address(action->source.backing) + action->source_offset,
		action->length);
	action->value = (int64_t)action->length;
	return 0;
}

/* Node's rules, with the range in which each position would have been one. */
static int check_copy(const struct bytes_copy *copy, struct refusal *refusal)
{
	int64_t source_bytes = (int64_t)copy->source_bytes;

	if (copy->target_start < 0)
		return refuse_range(refusal, "targetStart", 0, (int64_t)copy->target_bytes);
	if (copy->source_start < 0 || copy->source_start > source_bytes)
		return refuse_range(refusal, "sourceStart", 0, source_bytes);
	if (copy->source_end < 0)
		return refuse_range(refusal, "sourceEnd", 0, source_bytes);
	return 0;
}

int buffer_copy(struct buffer *source, struct buffer *target, const struct buffer_copy *copy,
		buffer_value_fn done, void *data, struct refusal *refusal)
{
	const struct bytes_copy asked = {
		.target_bytes = target->length,
		.source_bytes = source->length,
		.target_start = copy->target_start,
		.source_start = copy->source_start,
		.source_end = copy->source_end,
	};
	struct action *action;
	uint64_t count;
	int r = check_copy(&asked, refusal);

	if (r == 0)
		r = bytes_copy_count(&asked, &count);
	if (r != 0)
		return r;
	action = action_new(target, NULL, done, data);
	if (!action)
		return -ENOMEM;
	if (count > 0)
		action->offset += (uint64_t)copy->target_start;
	action->length = count;
	action->source.backing = source->backing;
	action->source_offset = source->offset + (uint64_t)copy->source_start;
	action->work = (struct buffer_work){
		.name = "copy",
		.bytes = count,
		.writes = true,
		.run = run_copy,
		.others = &action->source,
		.others_count = 1,
	};
	action_submit(action, target->backing);
	return 0;
}

/* Compare */

static int run_compare(struct buffer_work *work)
{
	struct action *action = work->owner;

	action->value =
		bytes_compare(backing_address(action->source.backing) + action->source_offset,
			      action->source_length, range(action), action->length);
	return 0;
}

int buffer_compare(struct buffer *source, struct buffer *target, buffer_value_fn done, void *data)
{
	struct action *action = action_new(target, NULL, done, data);

	if (!action)
		return -ENOMEM;
	action->source.backing = source->backing;
	action->source_offset = source->offset;
	action->source_length = source->length;
	action->work = (struct buffer_work){
		.name = "compare",
		.bytes = source->length < target->length ? source->length : target->length,
		.run = run_compare,
		.others = &action->source,
		.others_count = 1,
	};
	action_submit(action, target->backing);
	return 0;
}

/* IndexOf */

static int run_index_of(struct buffer_work *work)
{
	struct action *action = work->owner;
	size_t step = action->encoding == ENCODING_UTF16LE ? 2 : 1;
	size_t place;
	int r = decode(action);

	if (r != 0)
		return r;
	action->value = -1;
	if (bytes_find(range(action), action->length, action->bytes, action->bytes_length, step,
		       action->position, action->last, &place))
		action->value = (int64_t)place;
	return 0;
}

int buffer_index_of(struct buffer *buffer, const struct buffer_find_request *request,
		    buffer_value_fn done, void *data)
{
	struct action *action = action_new(buffer, request->text, done, data);

	if (!action)
		return -ENOMEM;
	action->encoding = request->encoding;
	action->position = request->offset;
	action->last = request->last;
	action->work = (struct buffer_work){
		.name = "index-of",
		.bytes = buffer->length + strlen(request->text),
		.run = run_index_of,
	};
	action_submit(action, buffer->backing);
	return 0;
}

/* Swap */

static int run_swap(struct buffer_work *work)
{
	struct action *action = work->owner;

	touch(action);
	return bytes_swap(range(action), action->length, action->width);
}

int buffer_swap(struct buffer *buffer, int64_t width, buffer_value_fn done, void *data,
		struct refusal *refusal)
{
	struct action *action;

	if ((width != 2 && width != 4 && width != 8) || buffer->length % (uint64_t)width != 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, "width");
	action = action_new(buffer, NULL, done, data);
	if (!action)
		return -ENOMEM;
	action->width = (size_t)width;
	action->work = (struct buffer_work){
		.name = "swap",
		.bytes = buffer->length,
		.writes = true,
		.run = run_swap,
	};
	action_submit(action, buffer->backing);
	return 0;
}
