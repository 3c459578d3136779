/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "client/listing.h"
#include "client/moment.h"
#include "client/print.h"
#include "client/report.h"
#include "proto/args.h"
#include "proto/units.h"

/*
 * A job for people: lines, each of a label and what there is of its parts, with commas between.
 * A flag shows its text alone, and only if it is set; a span of zero is none.
 */
struct part {
	const char *line;
	const char *before;
	const char *field;
	enum print_kind kind;
	const char *after;
};

static const struct part parts[] = {
	{ "job", "", "context.name", PRINT_TEXT, "" },
	{ "job", "", "id", PRINT_TEXT, "" },
	{ "state", "", "runtime.state", PRINT_TEXT, "" },
	{ "state", "next run ", "runtime.nextUSec", PRINT_WHEN, "" },
	{ "state", "", "runtime.nextUSec", PRINT_TIME, "" },
	{ "fault", "", "runtime.fault.operation", PRINT_TEXT, "" },
	{ "fault", "", "runtime.fault.path", PRINT_TEXT, "" },
	{ "fault", "", "runtime.fault.message", PRINT_TEXT, "" },
	{ "running", "run ", "runtime.currentRun", PRINT_NUMBER, "" },
	{ "running", "", "runtime.currentBytes", PRINT_SIZE, " done" },
	{ "running", "", "runtime.totalBytes", PRINT_SIZE, " in all" },
	{ "saves", "", "context.buffer", PRINT_TEXT, "" },
	{ "saves", "", "context.length", PRINT_SIZE, "" },
	{ "saves", "from byte ", "offset", PRINT_NUMBER, "" },
	{ "saves", "", "context.consistency", PRINT_TEXT, "" },
	{ "saves", "only if it has changed", "context.onlyIfChanged", PRINT_BOOL, "" },
	{ "to", "", "context.path", PRINT_TEXT, "" },
	{ "to", "store ", "context.store", PRINT_TEXT, "" },
	{ "file", "", "context.open", PRINT_TEXT, "" },
	{ "file", "mode ", "context.mode", PRINT_TEXT, "" },
	{ "file", "", "context.ack", PRINT_TEXT, "" },
	{ "file", "", "steps", PRINT_TEXT, "" },
	{ "file", "checksum ", "checksum", PRINT_TEXT, "" },
	{ "file", "side file", "context.sideFile", PRINT_BOOL, "" },
	{ "schedule", "at ", "context.schedule.atUSec", PRINT_TIME, "" },
	{ "schedule", "once after ", "context.schedule.afterUSec", PRINT_SPAN, "" },
	{ "schedule", "every ", "context.schedule.everyUSec", PRINT_SPAN, "" },
	{ "schedule", "calendar ", "context.schedule.calendar", PRINT_TEXT, "" },
	{ "schedule", "when it was updated", "context.schedule.onChange", PRINT_BOOL, "" },
	{ "schedule", "put off by up to ", "context.jitterUSec", PRINT_SPAN, "" },
	{ "schedule", "missed times: ", "missed", PRINT_TEXT, "" },
	{ "schedule", "", "unscheduled", PRINT_TEXT, "" },
	{ "a run", "at most ", "context.timeoutUSec", PRINT_SPAN, "" },
	{ "a run", "", "retries", PRINT_TEXT, "" },
	{ "keeps", "the last ", "context.retention.keepLast", PRINT_NUMBER, "" },
	{ "keeps", "for ", "context.retention.keepUSec", PRINT_SPAN, "" },
	{ "keeps", "no more than ", "context.retention.maximumBytes", PRINT_SIZE, "" },
	{ "keeps", "", "context.retention.minimumFreeBytes", PRINT_SIZE, " left free" },
	{ "labels", "", "labels", PRINT_TEXT, "" },
	{ "runs", "", "runtime.runs", PRINT_NUMBER, "" },
	{ "runs", "", "runtime.failures", PRINT_NUMBER, " failed" },
	{ "runs", "", "runtime.skips", PRINT_NUMBER, " skipped" },
	{ "last run", "", "runtime.lastRun", PRINT_NUMBER, "" },
	{ "last run", "", "runtime.lastResult", PRINT_TEXT, "" },
	{ "last run", "", "runtime.lastEndUSec", PRINT_WHEN, "" },
	{ "last run", "took ", "took", PRINT_SPAN, "" },
	{ "last file", "", "runtime.lastPath", PRINT_TEXT, "" },
};

static bool is_shown(const struct part *part, const cJSON *value)
{
	int64_t number;

	if (!value)
		return false;
	if (part->kind == PRINT_BOOL)
		return cJSON_IsTrue(value);
	return part->kind != PRINT_SPAN || !args_value_int(value, &number) || number != 0;
}

static void show_parts(const cJSON *object)
{
	const char *line = "";
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const struct part *part = &parts[i];
		const cJSON *value = print_find_field(object, part->field);
		char *text;

		if (!is_shown(part, value))
			continue;
		if (strcmp(line, part->line) == 0)
			(void)fputs(", ", stdout);
		else
			(void)printf("%s%-10s ", *line ? "\n" : "", part->line);
		line = part->line;
		(void)fputs(part->before, stdout);
		text = part->kind == PRINT_BOOL ? NULL : print_value(value, part->kind);
		if (text)
			print_text(text, stdout);
		free(text);
		(void)fputs(part->after, stdout);
	}
	(void)fputc('\n', stdout);
}

/* "gzip:6 zstd:3" */
static void write_steps(FILE *file, const cJSON *steps)
{
	const char *name, *separator = "";
	const cJSON *step;
	int64_t level;

	cJSON_ArrayForEach(step, steps) {
		if (!args_get_string(step, "name", &name))
			continue;
		(void)fprintf(file, "%s%s", separator, name);
		if (args_get_int(step, "level", &level))
			(void)fprintf(file, ":%lld", (long long)level);
		separator = " ";
	}
}

/* "a=b c=d" */
static void write_labels(FILE *file, const cJSON *labels)
{
	const cJSON *label;

	cJSON_ArrayForEach(label, labels)
		if (cJSON_IsString(label))
			(void)fprintf(file, "%s%s=%s", label == labels->child ? "" : " ",
				      label->string, label->valuestring);
}

/* "3 retries, 10s apart" */
static void write_retries(FILE *file, const cJSON *context)
{
	int64_t retries = 0, delay_usec = 0;
	char span[UNITS_TEXT_BYTES];

	(void)args_get_int(context, "retries", &retries);
	(void)args_get_int(context, "retryDelayUSec", &delay_usec);
	if (retries > 0 && delay_usec >= 0)
		(void)fprintf(file, "%lld %s, %s apart", (long long)retries,
			      retries == 1 ? "retry" : "retries",
			      units_format_span((uint64_t)delay_usec, span));
}

/* Adds what such a function writes as a text, if it is any. */
static void add_text(cJSON *object, const char *name, void (*write)(FILE *, const cJSON *),
		     const cJSON *value)
{
	char *text = NULL;
	size_t bytes = 0;
	FILE *file = open_memstream(&text, &bytes);

	if (!file)
		return;
	write(file, value);
	if (fclose(file) == 0 && bytes > 0)
		(void)cJSON_AddStringToObject(object, name, text);
	free(text);
}

static void add_number(cJSON *object, const char *name, int64_t number)
{
	(void)cJSON_AddNumberToObject(object, name, (double)number);
}

/* What is no single member, or is told only if it is not what it always is. */
static void prepare(cJSON *object)
{
	const cJSON *context = print_find_field(object, "context");
	const cJSON *runtime = print_find_field(object, "runtime");
	const char *text = NULL;
	int64_t number, end_usec;

	if (args_get_int(context, "offset", &number) && number > 0)
		add_number(object, "offset", number);
	if (args_get_string(context, "checksum", &text) && strcmp(text, "none") != 0)
		(void)cJSON_AddStringToObject(object, "checksum", text);
	if (args_get_int(runtime, "lastStartUSec", &number) &&
	    args_get_int(runtime, "lastEndUSec", &end_usec) && end_usec >= number)
		add_number(object, "took",
			   (int64_t)moment_round_span((uint64_t)(end_usec - number)));
	if (!print_find_field(context, "schedule"))
		(void)cJSON_AddStringToObject(object, "unscheduled", "when asked");
	else if (args_get_string(context, "missed", &text))
		(void)cJSON_AddStringToObject(object, "missed", text);
	add_text(object, "steps", write_steps, print_find_field(context, "steps"));
	add_text(object, "labels", write_labels, print_find_field(context, "labels"));
	add_text(object, "retries", write_retries, context);
}

static enum verb_status show_job(struct verb_call *call, const char *parameters)
{
	cJSON *object = cJSON_Parse(parameters);

	if (!object)
		return report_failure(call, "OutOfMemory", "the answer", "it cannot be shown");
	prepare(object);
	show_parts(object);
	cJSON_Delete(object);
	return VERB_DONE;
}

enum verb_status verb_job_show(struct verb_call *call)
{
	struct forebay_reply reply;
	enum verb_status status;
	struct args args;

	listing_begin_id(call, &args);
	status = listing_call(call, "io.forebay.job.Describe", &args, &reply);
	if (status != VERB_DONE)
		return status;
	if (call->json)
		print_json_line(reply.parameters, stdout);
	else
		status = show_job(call, reply.parameters);
	forebay_reply_fini(&reply);
	return status;
}
