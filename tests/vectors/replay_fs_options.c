/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_fs_options.h"

#include <fcntl.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "daemon/core/stream_options.h"
#include "proto/args.h"
#include "tests/vectors/replay_case.h"

#define UMASK 022
#define MODE_DEFAULT 0666
#define WRITE_MARK_DEFAULT 16384
#define READ_MARK_DEFAULT 65536

static const char type_code[] = "ERR_INVALID_ARG_TYPE";
static const char range_code[] = "ERR_OUT_OF_RANGE";
static const char value_code[] = "ERR_INVALID_ARG_VALUE";

static const struct {
	const char *name;
	int flags;
} flag_names[] = {
	{ "r", O_RDONLY },
	{ "rs", O_RDONLY | O_SYNC },
	{ "sr", O_RDONLY | O_SYNC },
	{ "r+", O_RDWR },
	{ "rs+", O_RDWR | O_SYNC },
	{ "sr+", O_RDWR | O_SYNC },
	{ "w", O_WRONLY | O_CREAT | O_TRUNC },
	{ "wx", O_WRONLY | O_CREAT | O_TRUNC | O_EXCL },
	{ "xw", O_WRONLY | O_CREAT | O_TRUNC | O_EXCL },
	{ "w+", O_RDWR | O_CREAT | O_TRUNC },
	{ "wx+", O_RDWR | O_CREAT | O_TRUNC | O_EXCL },
	{ "xw+", O_RDWR | O_CREAT | O_TRUNC | O_EXCL },
	{ "a", O_WRONLY | O_CREAT | O_APPEND },
	{ "ax", O_WRONLY | O_CREAT | O_APPEND | O_EXCL },
	{ "xa", O_WRONLY | O_CREAT | O_APPEND | O_EXCL },
	{ "as", O_WRONLY | O_CREAT | O_APPEND | O_SYNC },
	{ "sa", O_WRONLY | O_CREAT | O_APPEND | O_SYNC },
	{ "a+", O_RDWR | O_CREAT | O_APPEND },
	{ "ax+", O_RDWR | O_CREAT | O_APPEND | O_EXCL },
	{ "xa+", O_RDWR | O_CREAT | O_APPEND | O_EXCL },
	{ "as+", O_RDWR | O_CREAT | O_APPEND | O_SYNC },
	{ "sa+", O_RDWR | O_CREAT | O_APPEND | O_SYNC },
};

static int flags_named(const char *name)
{
	for (size_t i = 0; i < sizeof(flag_names) / sizeof(flag_names[0]); i++)
		if (strcmp(flag_names[i].name, name) == 0)
			return flag_names[i].flags;
	return -1;
}

static const char *default_flags(enum fs_use use)
{
	switch (use) {
	case FS_USE_READ_STREAM:
	case FS_USE_READ_FILE:
		return "r";
	case FS_USE_APPEND_FILE:
		return "a";
	case FS_USE_WRITE_STREAM:
	case FS_USE_WRITE_FILE:
		break;
	}
	return "w";
}

/* Streams call them flags, whole files a flag. */
static void read_flags(const cJSON *opts, enum fs_use use, struct fs_options *options)
{
	bool stream = use == FS_USE_WRITE_STREAM || use == FS_USE_READ_STREAM;
	const char *name = case_text(opts, stream ? "flags" : "flag");

	options->flags = flags_named(name ? name : default_flags(use));
	options->mode = MODE_DEFAULT;
	if (case_has(opts, "mode"))
		options->mode = (mode_t)case_number(opts, "mode");
	options->mode &= (mode_t)~UMASK;
}

/* What stream_options_resolve() has to say of one of its numbers. */
static bool is_taken(const char *parameter, int64_t value)
{
	struct stream_options options;
	const char *refused = NULL;

	stream_options_init(&options);
	options.open = STREAM_OPEN_UPDATE;
	if (strcmp(parameter, "start") == 0)
		options.start = value;
	else
		options.high_water_mark = value;
	return stream_options_resolve(&options, STREAM_TARGET_PATH, &refused) == 0;
}

static const char *read_position(const cJSON *opts, const char *name, uint64_t *io_position)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(opts, name);
	int64_t value;

	if (!item)
		return NULL;
	/* To the wire a text of digits is an integer too. */
	if (!cJSON_IsNumber(item))
		return type_code;
	if (!args_value_int(item, &value) || !is_taken("start", value))
		return range_code;
	*io_position = (uint64_t)value;
	return NULL;
}

static const char *read_mark(const cJSON *opts, uint64_t *io_mark)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(opts, "highWaterMark");
	int64_t value;

	if (!item || cJSON_IsNull(item))
		return NULL;
	if (!cJSON_IsNumber(item) || !args_value_int(item, &value) ||
	    !is_taken("highWaterMark", value))
		return value_code;
	*io_mark = (uint64_t)value;
	return NULL;
}

static const char *read_truth(const cJSON *opts, const char *name, bool *io_truth)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(opts, name);

	if (args_get_bool(opts, name, io_truth) || !item || cJSON_IsNull(item))
		return NULL;
	return type_code;
}

static const char *read_encoding(const char *name, struct fs_options *options)
{
	if (!name)
		return NULL;
	options->has_encoding = true;
	return encoding_from_name(name, &options->encoding) ? NULL : value_code;
}

const char *fs_options_read(const cJSON *opts, enum fs_use use, struct fs_options *ret_options)
{
	const char *refusal;

	*ret_options = (struct fs_options){
		.end = UINT64_MAX,
		.high_water_mark =
			use == FS_USE_READ_STREAM ? READ_MARK_DEFAULT : WRITE_MARK_DEFAULT,
		.auto_close = true,
		.emit_close = true,
		.encoding = ENCODING_UTF8,
	};
	read_flags(opts, use, ret_options);
	if (cJSON_IsString(opts))
		return read_encoding(opts->valuestring, ret_options);
	ret_options->has_start = case_has(opts, "start");
	refusal = read_position(opts, "start", &ret_options->start);
	if (!refusal)
		refusal = read_position(opts, "end", &ret_options->end);
	if (!refusal && ret_options->start > ret_options->end)
		refusal = range_code;
	if (!refusal)
		refusal = read_mark(opts, &ret_options->high_water_mark);
	if (!refusal)
		refusal = read_truth(opts, "flush", &ret_options->flush);
	if (!refusal)
		refusal = read_truth(opts, "autoClose", &ret_options->auto_close);
	if (!refusal)
		refusal = read_truth(opts, "emitClose", &ret_options->emit_close);
	if (!refusal)
		refusal = read_encoding(case_text(opts, "encoding"), ret_options);
	return refusal;
}
