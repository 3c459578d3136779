/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <stdio.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "client/listing.h"
#include "client/print.h"
#include "client/report.h"
#include "proto/args.h"
#include "proto/units.h"

static int count_row(cJSON *object, void *data)
{
	size_t *rows = data;

	(void)object;
	(*rows)++;
	return 0;
}

/* An empty line between two tables. */
static int separate(cJSON *object, void *data)
{
	size_t *rows = data;

	(void)object;
	if (*rows > 0)
		(void)fputc('\n', stdout);
	*rows = 0;
	return 0;
}

static enum verb_status list_streams(struct verb_call *call, size_t *rows)
{
	static const struct print_column columns[] = {
		{ "ID", "id", PRINT_TEXT },
		{ "STATE", "runtime.state", PRINT_TEXT },
		{ "ACK", "context.ack", PRINT_TEXT },
		{ "ACCEPTED", "runtime.bytesAccepted", PRINT_SIZE },
		{ "SYNCED", "runtime.bytesSynced", PRINT_SIZE },
		{ "LENGTH", "runtime.writableLength", PRINT_SIZE },
		{ "DRAINS", "runtime.drains", PRINT_NUMBER },
		{ "BLOCKED", "runtime.blockedUSec", PRINT_SPAN },
		{ "UID", "runtime.ownerUid", PRINT_NUMBER },
		{ "PATH", "runtime.path", PRINT_TEXT },
		{ 0 },
	};
	const struct listing_view view = { .columns = columns, .prepare = count_row, .data = rows };
	struct args args;

	args_init(&args);
	return listing_table_with(call, "io.forebay.stream.List", &args, &view);
}

static enum verb_status list_readables(struct verb_call *call, size_t *rows)
{
	static const struct print_column columns[] = {
		{ "READABLE", "id", PRINT_TEXT },
		{ "STATE", "readable.state", PRINT_TEXT },
		{ "READ", "readable.bytesRead", PRINT_SIZE },
		{ "OF", "readable.totalBytes", PRINT_SIZE },
		{ "TAKEN", "readable.bytesTaken", PRINT_SIZE },
		{ "LENGTH", "readable.readableLength", PRINT_SIZE },
		{ "MARK", "readable.highWaterMark", PRINT_SIZE },
		{ "UID", "readable.ownerUid", PRINT_NUMBER },
		{ "PATH", "readable.path", PRINT_TEXT },
		{ 0 },
	};
	const struct listing_view view = {
		.columns = columns,
		.prepare = separate,
		.data = rows,
		.skip_empty = true,
	};
	struct args args;

	args_init(&args);
	return listing_table_with(call, "io.forebay.stream.ListReadables", &args, &view);
}

/* Those that are written to, and behind them those that are read from. */
enum verb_status verb_stream_list(struct verb_call *call)
{
	size_t rows = 0;
	enum verb_status status = list_streams(call, &rows);

	return status == VERB_DONE ? list_readables(call, &rows) : status;
}

/* An id does not tell which kind it is of. */
static bool is_readable(struct verb_call *call)
{
	struct args args;
	char *text;
	int r;

	listing_begin_id(call, &args);
	if (args_take_text(&args, &text))
		return false;
	r = forebay_call(call->connection, "io.forebay.stream.DescribeReadable", text, NULL, NULL);
	cJSON_free(text);
	return r == 0;
}

enum verb_status verb_stream_show(struct verb_call *call)
{
	struct args args;

	listing_begin_id(call, &args);
	return listing_show(call,
			    is_readable(call) ? "io.forebay.stream.DescribeReadable" :
						"io.forebay.stream.Describe",
			    &args);
}

enum verb_status verb_stream_pause(struct verb_call *call)
{
	struct args args;

	listing_begin_id(call, &args);
	return listing_field(call, "io.forebay.stream.Pause", &args, NULL);
}

enum verb_status verb_stream_resume(struct verb_call *call)
{
	struct args args;

	listing_begin_id(call, &args);
	return listing_field(call, "io.forebay.stream.Resume", &args, NULL);
}

enum verb_status verb_stream_abort(struct verb_call *call)
{
	struct args args;

	listing_begin_id(call, &args);
	args_add_optional_string(&args, "reason", options_text(&call->options, "reason"));
	return listing_field(call, "io.forebay.stream.Abort", &args, NULL);
}

enum verb_status verb_stream_set_rate(struct verb_call *call)
{
	struct args args;
	uint64_t rate;

	if (units_parse_size(call->options.arguments[1], &rate) || rate > INT64_MAX)
		return report_usage("\"%s\" is no size", call->options.arguments[1]);
	listing_begin_id(call, &args);
	args_add_int(&args, "rateBytesPerSecond", (int64_t)rate);
	return listing_field(call, "io.forebay.stream.SetRate", &args, NULL);
}

enum verb_status verb_stream_wait(struct verb_call *call)
{
	const char *level = options_text(&call->options, "level");
	struct args args;

	/* The daemon keeps the time: for ever, unless it was told otherwise. */
	forebay_set_timeout(call->connection, FOREBAY_FOREVER);
	listing_begin_id(call, &args);
	args_add_string(&args, "level", level ? level : "finish");
	args_add_int(&args, "timeoutUSec", options_number(&call->options, "timeout", 0));
	return listing_field(call, "io.forebay.stream.Wait", &args, "runtime.path");
}
