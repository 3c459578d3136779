/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_fs_read.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "daemon/base/err.h"
#include "daemon/base/fd.h"
#include "daemon/core/flow.h"
#include "daemon/core/read_flow.h"
#include "proto/string_decoder.h"
#include "tests/vectors/replay_case.h"
#include "tests/vectors/replay_fs_content.h"
#include "tests/vectors/replay_fs_file.h"
#include "tests/vectors/replay_fs_judge.h"
#include "tests/vectors/replay_fs_options.h"
#include "tests/vectors/replay_fs_world.h"

struct piece {
	struct read_chunk chunk; /* counts bytes, or UTF-16 units of text */
	unsigned char *content;
	size_t bytes; /* of it; of text: in UTF-8 */
};

struct reading {
	struct fs_options options;
	struct read_flow flow;
	struct fs_file file;
	struct case_errors errors;
	struct string_decoder decoder;
	unsigned char *memory; /* of the read in hand */
	uint64_t bytes_read;
	struct fs_bytes all; /* delivered */
	cJSON *log;
	cJSON *sizes;
};

static void perform_all(struct reading *reading);
static void perform_deferred(struct reading *reading);

/* However many chunks, the log has one "data" for those in a row. */
static void say(struct reading *reading, const char *what)
{
	int count = cJSON_GetArraySize(reading->log);

	if (count > 0 && strcmp(what, "data") == 0 &&
	    strcmp(cJSON_GetArrayItem(reading->log, count - 1)->valuestring, what) == 0)
		return;
	cJSON_AddItemToArray(reading->log, cJSON_CreateString(what));
}

static void say_error(struct reading *reading, int error)
{
	char text[64];

	snprintf(text, sizeof(text), "error %s", case_error_name(&reading->errors, error));
	say(reading, text);
}

static struct piece *piece_new(size_t bytes)
{
	struct piece *piece = calloc(1, sizeof(*piece));

	if (!piece)
		abort();
	piece->content = malloc(bytes > 0 ? bytes : 1);
	if (!piece->content)
		abort();
	piece->bytes = bytes;
	return piece;
}

static void piece_free(struct piece *piece)
{
	free(piece->content);
	free(piece);
}

/* What the chunk completes; without one, what still waited. */
static struct piece *decode(struct reading *reading, const void *chunk, size_t bytes)
{
	struct string_decoder counts = reading->decoder;
	struct string_decoder *decoder = &reading->decoder;
	struct piece *piece;

	if (!chunk) {
		piece = piece_new(string_decoder_end_utf8(decoder, NULL, 0));
		piece->chunk.bytes = string_decoder_end_units(&counts, NULL, 0);
		(void)string_decoder_end_utf8(decoder, (char *)piece->content, piece->bytes);
		return piece;
	}
	piece = piece_new(string_decoder_write_utf8(decoder, chunk, bytes, NULL, 0));
	piece->chunk.bytes = string_decoder_write_units(&counts, chunk, bytes, NULL, 0);
	(void)string_decoder_write_utf8(decoder, chunk, bytes, (char *)piece->content,
					piece->bytes);
	return piece;
}

static void push(struct reading *reading, struct piece *piece)
{
	if (!read_flow_push(&reading->flow, &piece->chunk))
		piece_free(piece);
	perform_all(reading);
}

static void push_end(struct reading *reading)
{
	if (reading->options.has_encoding) {
		struct piece *rest = decode(reading, NULL, 0);

		if (rest->chunk.bytes > 0)
			push(reading, rest);
		else
			piece_free(rest);
	}
	read_flow_push_end(&reading->flow);
	perform_all(reading);
}

static void on_read(struct fs_file *file, int64_t result)
{
	struct reading *reading = file->owner;
	struct piece *piece;

	if (result < 0) {
		read_flow_destroy(&reading->flow,
				  case_error_number(&reading->errors, err_name((int)result)));
		perform_all(reading);
	} else if (result == 0) {
		push_end(reading);
	} else {
		reading->bytes_read += (uint64_t)result;
		if (reading->options.has_encoding) {
			piece = decode(reading, reading->memory, (size_t)result);
		} else {
			piece = piece_new((size_t)result);
			piece->chunk.bytes = piece->bytes;
			memcpy(piece->content, reading->memory, piece->bytes);
		}
		push(reading, piece);
	}
	perform_deferred(reading);
}

static void do_read(struct reading *reading, uint64_t bytes)
{
	uint64_t position = reading->file.position;
	uint64_t end = reading->options.end;
	uint64_t left = end == UINT64_MAX ? UINT64_MAX : end + 1 - position;

	if (left == 0) {
		push_end(reading);
		return;
	}
	if (bytes > left)
		bytes = left;
	free(reading->memory);
	reading->memory = malloc(bytes);
	if (!reading->memory)
		abort();
	reading->file.done = on_read;
	fs_file_read(&reading->file, reading->memory, bytes);
}

static void do_deliver(struct reading *reading, const struct read_flow_action *action)
{
	struct piece *piece = container_of(action->chunk, struct piece, chunk);
	struct fs_bytes *all = &reading->all;

	say(reading, "data");
	cJSON_AddItemToArray(reading->sizes, cJSON_CreateNumber((double)action->bytes));
	/* A chunk comes whole: a part of one would be seen in the sizes and in the digest. */
	if (action->returned) {
		all->bytes = realloc(all->bytes, all->count + piece->bytes + 1);
		if (!all->bytes)
			abort();
		memcpy(all->bytes + all->count, piece->content, piece->bytes);
		all->count += piece->bytes;
		piece_free(piece);
	}
}

static void on_closed(struct fs_file *file, int64_t result)
{
	struct reading *reading = file->owner;

	read_flow_released(&reading->flow,
			   result < 0 ? case_error_number(&reading->errors, err_name((int)result)) :
					0);
	perform_deferred(reading);
}

static void do_release(struct reading *reading, int error)
{
	if (!reading->options.auto_close) {
		if (error)
			say_error(reading, error);
	} else if (reading->file.fd < 0) {
		read_flow_released(&reading->flow, 0);
	} else {
		reading->file.done = on_closed;
		fs_file_close(&reading->file);
	}
}

static void perform(struct reading *reading, const struct read_flow_action *action)
{
	switch (action->what) {
	case READ_FLOW_DO_READ:
		do_read(reading, action->bytes);
		break;
	case READ_FLOW_DO_DELIVER:
		do_deliver(reading, action);
		break;
	case READ_FLOW_DO_END:
		say(reading, "end");
		break;
	case READ_FLOW_DO_RELEASE:
		do_release(reading, action->error);
		break;
	case READ_FLOW_DO_ERROR:
		say_error(reading, action->error);
		break;
	case READ_FLOW_DO_CLOSE:
		if (reading->options.emit_close)
			say(reading, "close");
		break;
	case READ_FLOW_DO_READABLE:
	case READ_FLOW_DO_PAUSE:
	case READ_FLOW_DO_RESUME:
		/* Nobody listens for these. */
		break;
	}
}

static void perform_all(struct reading *reading)
{
	struct read_flow_action action;

	while (read_flow_next(&reading->flow, &action))
		perform(reading, &action);
}

static void perform_deferred(struct reading *reading)
{
	struct read_flow_action action;

	while (read_flow_next_deferred(&reading->flow, &action))
		perform(reading, &action);
}

static void on_opened(struct fs_file *file, int64_t result)
{
	struct reading *reading = file->owner;

	if (result < 0) {
		read_flow_destroy(&reading->flow,
				  case_error_number(&reading->errors, err_name((int)result)));
		perform_all(reading);
	} else {
		say(reading, "open");
		say(reading, "ready");
		read_flow_consume(&reading->flow);
	}
	perform_deferred(reading);
}

static void begin(struct reading *reading, struct fs_world *world)
{
	const struct fs_options *options = &reading->options;
	const struct read_flow_config config = { .high_water_mark = options->high_water_mark };

	reading->log = cJSON_CreateArray();
	reading->sizes = cJSON_CreateArray();
	reading->file = (struct fs_file){
		.world = world,
		.flags = options->flags,
		.start = options->start,
		.done = on_opened,
		.owner = reading,
		.fd = -1,
	};
	read_flow_init(&reading->flow, &config);
	string_decoder_init(&reading->decoder, options->encoding);
	fs_file_open(&reading->file);
}

static void finish(struct reading *reading)
{
	struct read_chunk *chunk;

	while ((chunk = read_flow_take_back(&reading->flow)))
		piece_free(container_of(chunk, struct piece, chunk));
	reading->file.fd = fd_close(reading->file.fd);
	free(reading->memory);
	free(reading->all.bytes);
	cJSON_Delete(reading->log);
	cJSON_Delete(reading->sizes);
}

static cJSON *tell(const struct reading *reading)
{
	cJSON *got = cJSON_CreateObject();
	cJSON *types = cJSON_CreateArray();
	char sha[FS_SHA_BYTES];

	fs_content_sha(reading->all.bytes, reading->all.count, sha);
	if (cJSON_GetArraySize(reading->sizes) > 0)
		cJSON_AddItemToArray(
			types,
			cJSON_CreateString(reading->options.has_encoding ? "string" : "object"));
	cJSON_AddItemToObject(got, "sizes", cJSON_Duplicate(reading->sizes, true));
	cJSON_AddItemToObject(got, "types", types);
	cJSON_AddNumberToObject(got, "size", (double)reading->all.count);
	cJSON_AddStringToObject(got, "sha", sha);
	cJSON_AddItemToObject(got, "log", cJSON_Duplicate(reading->log, true));
	cJSON_AddNumberToObject(got, "bytesRead", (double)reading->bytes_read);
	cJSON_AddBoolToObject(got, "fdOpen", reading->file.fd >= 0);
	return got;
}

bool fs_read_stream(const cJSON *entry, struct fs_world *world, const struct fs_options *options)
{
	struct reading reading = { .options = *options };
	cJSON *got;
	bool same;

	begin(&reading, world);
	fs_world_settle(world);
	got = tell(&reading);
	same = fs_judge_same(entry, "got", cJSON_GetObjectItemCaseSensitive(entry, "got"), got);
	cJSON_Delete(got);
	finish(&reading);
	return same;
}
