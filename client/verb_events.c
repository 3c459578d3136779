/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "client/print.h"
#include "client/report.h"
#include "proto/args.h"

static int build_job_parameters(const struct options *options, char **ret_text)
{
	struct args args;

	args_init(&args);
	args_add_string(&args, "id", options_text(options, "job"));
	return args_take_text(&args, ret_text);
}

static int build_stream_parameters(const struct options *options, char **ret_text)
{
	int64_t interval_usec = options_number(options, "progress-interval", -1);
	const char *names = options_text(options, "event");
	struct args args, list;

	args_init(&args);
	args_add_optional_string(&args, "id", options_text(options, "stream"));
	if (names)
		args_begin_array(&args, "events", &list);
	while (names) {
		size_t bytes = strcspn(names, ",");

		args_add_string_bytes(&list, NULL, names, bytes);
		names = names[bytes] ? names + bytes + 1 : NULL;
	}
	if (interval_usec >= 0)
		args_add_int(&args, "progressIntervalUSec", interval_usec);
	return args_take_text(&args, ret_text);
}

static void show_field(const cJSON *object, const char *label, const char *field,
		       enum print_kind kind)
{
	const cJSON *value = print_find_field(object, field);
	char *text;

	if (!value)
		return;
	text = print_value(value, kind);
	(void)printf("  %s", label);
	print_text(text ? text : "?", stdout);
	free(text);
}

/* What only jobs have. */
static void show_job_fields(const cJSON *object)
{
	show_field(object, "next ", "runtime.nextUSec", PRINT_WHEN);
	show_field(object, "saved ", "runtime.currentBytes", PRINT_SIZE);
	show_field(object, "of ", "runtime.totalBytes", PRINT_SIZE);
	show_field(object, "run ", "run.run", PRINT_NUMBER);
	show_field(object, "", "run.result", PRINT_TEXT);
	show_field(object, "", "run.path", PRINT_TEXT);
}

static void show_event(const struct verb_call *call, const char *parameters)
{
	const char *name = "ready";
	cJSON *object;

	if (call->json) {
		print_json_line(parameters, stdout);
		(void)fflush(stdout);
		return;
	}
	object = cJSON_Parse(parameters);
	(void)args_get_string(object, "event", &name);
	print_text(name, stdout);
	show_field(object, "", "id", PRINT_TEXT);
	show_field(object, "", "runtime.state", PRINT_TEXT);
	show_field(object, "accepted ", "runtime.bytesAccepted", PRINT_SIZE);
	show_field(object, "synced ", "runtime.bytesSynced", PRINT_SIZE);
	show_field(object, "lost ", "lost", PRINT_NUMBER);
	show_field(object, "", "runtime.path", PRINT_TEXT);
	show_job_fields(object);
	show_field(object, "", "runtime.fault.message", PRINT_TEXT);
	(void)fputc('\n', stdout);
	(void)fflush(stdout);
	cJSON_Delete(object);
}

enum verb_status verb_events(struct verb_call *call)
{
	bool of_job = options_has(&call->options, "job");
	struct forebay_reply reply;
	int continues = 1;
	char *text;
	int r;

	if (of_job &&
	    (options_has(&call->options, "stream") || options_has(&call->options, "event") ||
	     options_has(&call->options, "progress-interval")))
		return report_usage("--job goes with none of the options for streams");
	r = of_job ? build_job_parameters(&call->options, &text) :
		     build_stream_parameters(&call->options, &text);
	if (r)
		return report_errno(call, "the arguments", r);
	r = forebay_call_more(call->connection,
			      of_job ? "io.forebay.job.SubscribeEvents" :
				       "io.forebay.stream.SubscribeEvents",
			      text);
	cJSON_free(text);
	while (r == 0 && continues) {
		r = forebay_call_next(call->connection, FOREBAY_FOREVER, &reply);
		if (r)
			break;
		show_event(call, reply.parameters);
		continues = reply.continues;
		forebay_reply_fini(&reply);
	}
	return r ? report_call(call, r) : VERB_DONE;
}
