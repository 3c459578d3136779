/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <cjson/cJSON.h>

#include "client/context_fields.h"
#include "client/forebay.h"
#include "client/listing.h"
#include "client/print.h"
#include "client/report.h"
#include "proto/args.h"

/* What a job's file is like; Save has these alone. */
#define FILE_ROWS                                                                                     \
	{ "offset", OPTION_SIZE, "N", NULL, "offset", "from here in the buffer" },                    \
		{ "length", OPTION_SIZE, "N", NULL, "length", "so much of it" },                      \
		{ "store", OPTION_TEXT, "NAME", NULL, "store", "the store, if not the default one" }, \
		{ "open", OPTION_CHOICE,                                                              \
		  "HOW",  "replace|exclusive|append|truncate",                                        \
		  "open", "replace (the default), exclusive, append or truncate" },                   \
		{ "mode", OPTION_TEXT, "OCTAL", NULL, "mode", "of a new file" },                      \
		{ "ack",   OPTION_CHOICE,                                                             \
		  "LEVEL", "written|synced|published",                                                \
		  "ack",   "written, synced or published (the default)" },                            \
		{ "compress", OPTION_STEPS, "HOW[:LEVEL]", NULL, "steps", "gzip or zstd" },           \
		{ "steps", OPTION_STEPS, "STEP,...",                                                  \
		  NULL,	   "steps",	 "gzip, gunzip, zstd, unzstd in a row" },                     \
		{ "checksum", OPTION_CHOICE,                                                          \
		  "KIND",     "none|crc32|xxh3|sha256",                                               \
		  "checksum", "none, crc32, xxh3 or sha256, of what is stored" },                     \
		{ "side-file", OPTION_FLAG, NULL,                                                     \
		  NULL,	       "sideFile",  "write the checksum beside the file too" },               \
		{ "consistency",                                                                      \
		  OPTION_CHOICE,                                                                      \
		  "HOW",                                                                              \
		  "live|versioned",                                                                   \
		  "consistency",                                                                      \
		  "as it is (live), or as one update left it (versioned, the default)" },             \
		{ "timeout", OPTION_SPAN,   "TIME",                                                   \
		  NULL,	     "timeoutUSec", "stop a run that takes longer" },                         \
	{                                                                                             \
		"label", OPTION_LABEL, "KEY=VALUE", NULL, "labels", "a label; as often as wanted"     \
	}
#define END_ROW                                                                                    \
	{                                                                                          \
		NULL, OPTION_FLAG, NULL, NULL, NULL, NULL                                          \
	}

const struct option_row verb_save_options[] = { FILE_ROWS, END_ROW };

const struct option_row verb_job_add_options[] = {
	{ "name", OPTION_TEXT, "NAME", NULL, "name", "to call it by" },
	{ "replace", OPTION_FLAG, NULL, NULL, NULL, "take over an own job of that name" },
	{ "at-usec", OPTION_NUMBER, "N", NULL, "schedule.atUSec",
	  "once, at this time in microseconds since 1970" },
	{ "after", OPTION_SPAN, "TIME", NULL, "schedule.afterUSec", "once, so long from now" },
	{ "every", OPTION_SPAN, "TIME", NULL, "schedule.everyUSec", "so often" },
	{ "calendar", OPTION_TEXT, "EXPR", NULL, "schedule.calendar",
	  "by a calendar expression as systemd has them" },
	{ "on-change", OPTION_FLAG, NULL, NULL, "schedule.onChange", "when it was updated" },
	{ "jitter", OPTION_SPAN, "TIME", NULL, "jitterUSec", "put each time off by up to this" },
	{ "settle", OPTION_SPAN, "TIME", NULL, "settleUSec", "look for changes so often" },
	{ "missed", OPTION_CHOICE, "HOW", "skip|once", "missed",
	  "what becomes of missed times: skip, or once for all (the default)" },
	{ "only-if-changed", OPTION_FLAG, NULL, NULL, "onlyIfChanged",
	  "write nothing that is in the last file" },
	{ "keep", OPTION_NUMBER, "N", NULL, "retention.keepLast", "keep so many files" },
	{ "keep-for", OPTION_SPAN, "TIME", NULL, "retention.keepUSec", "keep them so long" },
	{ "keep-bytes", OPTION_SIZE, "N", NULL, "retention.maximumBytes",
	  "keep no more than this" },
	{ "keep-free", OPTION_SIZE, "N", NULL, "retention.minimumFreeBytes", "leave so much free" },
	{ "retries", OPTION_NUMBER, "N", NULL, "retries", "try a failed run so often again" },
	{ "retry-delay", OPTION_SPAN, "TIME", NULL, "retryDelayUSec", "so long after it failed" },
	{ "auto-dismiss", OPTION_FLAG, NULL, NULL, "autoDismiss", "forget it once it is finished" },
	FILE_ROWS,
	END_ROW,
};

/* {"context":{..}} of the options and the arguments BUFFER and PATH. */
static enum verb_status begin_context(struct verb_call *call, struct args *ret_args)
{
	cJSON *context = cJSON_CreateObject();
	int r = context_fields_add(&call->options, context);

	if (r) {
		cJSON_Delete(context);
		return report_errno(call, "the options", r);
	}
	(void)cJSON_AddStringToObject(context, "buffer", call->options.arguments[0]);
	(void)cJSON_AddStringToObject(context, "path", call->options.arguments[1]);
	args_init(ret_args);
	args_add_value(ret_args, "context", context);
	return VERB_DONE;
}

enum verb_status verb_save(struct verb_call *call)
{
	struct args args;
	enum verb_status status = begin_context(call, &args);

	if (status != VERB_DONE)
		return status;
	/* The daemon keeps the time of a run. */
	forebay_set_timeout(call->connection, FOREBAY_FOREVER);
	return listing_field(call, "io.forebay.job.Save", &args, "run.path");
}

enum verb_status verb_job_add(struct verb_call *call)
{
	struct args args;
	enum verb_status status = begin_context(call, &args);

	if (status != VERB_DONE)
		return status;
	if (options_has(&call->options, "replace"))
		args_add_bool(&args, "replace", true);
	return listing_field(call, "io.forebay.job.Create", &args, "id");
}

enum verb_status verb_job_list(struct verb_call *call)
{
	static const struct print_column columns[] = {
		{ "ID", "id", PRINT_TEXT },
		{ "NAME", "context.name", PRINT_TEXT },
		{ "STATE", "runtime.state", PRINT_TEXT },
		{ "NEXT", "runtime.nextUSec", PRINT_TIME },
		{ "RUNS", "runtime.runs", PRINT_NUMBER },
		{ "FAILED", "runtime.failures", PRINT_NUMBER },
		{ "SKIPPED", "runtime.skips", PRINT_NUMBER },
		{ "LAST", "runtime.lastResult", PRINT_TEXT },
		{ "SIZE", "context.length", PRINT_SIZE },
		{ "UID", "runtime.ownerUid", PRINT_NUMBER },
		{ "PATH", "context.path", PRINT_TEXT },
		{ 0 },
	};
	struct args args;

	args_init(&args);
	return listing_table(call, "io.forebay.job.List", &args, columns);
}

enum verb_status verb_job_show(struct verb_call *call)
{
	struct args args;

	listing_begin_id(call, &args);
	return listing_show(call, "io.forebay.job.Describe", &args);
}

enum verb_status verb_job_run(struct verb_call *call)
{
	struct args args;

	forebay_set_timeout(call->connection, FOREBAY_FOREVER);
	listing_begin_id(call, &args);
	return listing_field(call, "io.forebay.job.Run", &args, "run.path");
}

enum verb_status verb_job_pause(struct verb_call *call)
{
	struct args args;

	listing_begin_id(call, &args);
	return listing_field(call, "io.forebay.job.Pause", &args, NULL);
}

enum verb_status verb_job_resume(struct verb_call *call)
{
	struct args args;

	listing_begin_id(call, &args);
	return listing_field(call, "io.forebay.job.Resume", &args, NULL);
}

enum verb_status verb_job_cancel(struct verb_call *call)
{
	struct args args;

	listing_begin_id(call, &args);
	if (options_has(&call->options, "run-only"))
		args_add_bool(&args, "runOnly", true);
	return listing_field(call, "io.forebay.job.Cancel", &args, NULL);
}

enum verb_status verb_job_dismiss(struct verb_call *call)
{
	struct args args;

	listing_begin_id(call, &args);
	return listing_field(call, "io.forebay.job.Dismiss", &args, NULL);
}

enum verb_status verb_job_history(struct verb_call *call)
{
	static const struct print_column columns[] = {
		{ "RUN", "run.run", PRINT_NUMBER },
		{ "RESULT", "run.result", PRINT_TEXT },
		{ "BEGAN", "run.startUSec", PRINT_TIME },
		{ "ENDED", "run.endUSec", PRINT_TIME },
		{ "BYTES", "run.bytes", PRINT_SIZE },
		{ "FAULT", "run.fault.errnoName", PRINT_TEXT },
		{ "PATH", "run.path", PRINT_TEXT },
		{ 0 },
	};
	int64_t limit = options_number(&call->options, "limit", 0);
	struct args args;

	listing_begin_id(call, &args);
	if (limit > 0)
		args_add_int(&args, "limit", limit);
	return listing_table(call, "io.forebay.job.History", &args, columns);
}
