/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/context_fields.h"
#include "client/follow.h"
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
		{ "timeout-usec", OPTION_NUMBER, "N",                                                 \
		  NULL,		  "timeoutUSec", "the same, in microseconds" },                       \
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
	{ "at", OPTION_MOMENT, "TIME", NULL, "schedule.atUSec",
	  "once, at this time: 2026-10-25 02:30, @1700000000" },
	{ "at-usec", OPTION_NUMBER, "N", NULL, "schedule.atUSec",
	  "the same, in microseconds since 1970" },
	{ "after", OPTION_SPAN, "TIME", NULL, "schedule.afterUSec", "once, so long from now" },
	{ "after-usec", OPTION_NUMBER, "N", NULL, "schedule.afterUSec",
	  "the same, in microseconds" },
	{ "every", OPTION_SPAN, "TIME", NULL, "schedule.everyUSec", "so often" },
	{ "every-usec", OPTION_NUMBER, "N", NULL, "schedule.everyUSec",
	  "the same, in microseconds" },
	{ "calendar", OPTION_TEXT, "EXPR", NULL, "schedule.calendar",
	  "by a calendar expression as systemd has them" },
	{ "on-change", OPTION_FLAG, NULL, NULL, "schedule.onChange", "when it was updated" },
	{ "jitter", OPTION_SPAN, "TIME", NULL, "jitterUSec", "put each time off by up to this" },
	{ "jitter-usec", OPTION_NUMBER, "N", NULL, "jitterUSec", "the same, in microseconds" },
	{ "settle", OPTION_SPAN, "TIME", NULL, "settleUSec", "look for changes so often" },
	{ "settle-usec", OPTION_NUMBER, "N", NULL, "settleUSec", "the same, in microseconds" },
	{ "missed", OPTION_CHOICE, "HOW", "skip|once", "missed",
	  "what becomes of missed times: skip, or once for all (the default)" },
	{ "only-if-changed", OPTION_FLAG, NULL, NULL, "onlyIfChanged",
	  "write nothing that is in the last file" },
	{ "keep", OPTION_NUMBER, "N", NULL, "retention.keepLast", "keep so many files" },
	{ "keep-last", OPTION_NUMBER, "N", NULL, "retention.keepLast", "the same" },
	{ "keep-for", OPTION_SPAN, "TIME", NULL, "retention.keepUSec", "keep them so long" },
	{ "keep-usec", OPTION_NUMBER, "N", NULL, "retention.keepUSec",
	  "the same, in microseconds" },
	{ "keep-bytes", OPTION_SIZE, "N", NULL, "retention.maximumBytes",
	  "keep no more than this" },
	{ "maximum-bytes", OPTION_SIZE, "N", NULL, "retention.maximumBytes", "the same" },
	{ "keep-free", OPTION_SIZE, "N", NULL, "retention.minimumFreeBytes", "leave so much free" },
	{ "minimum-free-bytes", OPTION_SIZE, "N", NULL, "retention.minimumFreeBytes", "the same" },
	{ "retries", OPTION_NUMBER, "N", NULL, "retries", "try a failed run so often again" },
	{ "retry-delay", OPTION_SPAN, "TIME", NULL, "retryDelayUSec", "so long after it failed" },
	{ "retry-delay-usec", OPTION_NUMBER, "N", NULL, "retryDelayUSec",
	  "the same, in microseconds" },
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

/* ---- runs ---- */

/* Where the state is that was not written again, since nothing has changed. */
static enum verb_status show_last_path(struct verb_call *call)
{
	struct args args;

	listing_begin_id(call, &args);
	return listing_field(call, "io.forebay.job.Describe", &args, "runtime.lastPath");
}

static enum verb_status show_run(struct verb_call *call, const cJSON *answer)
{
	const char *result = "", *path = "-";
	const cJSON *run;

	if (args_get_object(answer, "run", &run)) {
		(void)args_get_string(run, "result", &result);
		(void)args_get_string(run, "path", &path);
	}
	if (strcmp(result, "skipped") == 0)
		return show_last_path(call);
	print_text(path, stdout);
	(void)fputc('\n', stdout);
	return VERB_DONE;
}

static enum verb_status follow_run(struct verb_call *call, const char *method, struct args *args)
{
	enum verb_status status;
	char *text;
	int r;

	r = args_take_text(args, &text);
	if (r)
		return report_errno(call, "the arguments", r);
	status = follow_call(call, method, text, show_run);
	cJSON_free(text);
	return status;
}

enum verb_status verb_save(struct verb_call *call)
{
	struct args args;
	enum verb_status status = begin_context(call, &args);

	return status == VERB_DONE ? follow_run(call, "io.forebay.job.Save", &args) : status;
}

enum verb_status verb_job_run(struct verb_call *call)
{
	struct args args;

	listing_begin_id(call, &args);
	return follow_run(call, "io.forebay.job.Run", &args);
}
