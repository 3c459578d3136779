/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/job_param.h"

#include <cjson/cJSON.h>

#include "daemon/core/id_text.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/param.h"
#include "daemon/ctl/stream_param.h"
#include "daemon/objects/jobs.h"
#include "proto/args.h"

struct number {
	const char *name;
	int64_t *number;
};

/* As they are: what is wrong with one is said by whoever knows its rules. */
static void take_numbers(const cJSON *object, const struct number *numbers)
{
	for (; numbers->name; numbers++)
		if (args_get_int(object, numbers->name, numbers->number) &&
		    *numbers->number == OPTION_UNSET)
			*numbers->number = OPTION_UNSET + 1;
}

static void take_schedule(const cJSON *context, struct job_request *request)
{
	struct job_options *options = &request->options;
	const struct number numbers[] = {
		{ "atUSec", &options->at_usec },
		{ "afterUSec", &options->after_usec },
		{ "everyUSec", &options->every_usec },
		{ NULL, NULL },
	};
	const cJSON *schedule;

	if (!args_get_object(context, "schedule", &schedule))
		return;
	take_numbers(schedule, numbers);
	(void)args_get_string(schedule, "calendar", &request->calendar);
	(void)args_get_bool(schedule, "onChange", &options->on_change);
}

static void take_retention(const cJSON *context, struct job_options *options)
{
	const struct number numbers[] = {
		{ "keepLast", &options->keep_last },
		{ "keepUSec", &options->keep_usec },
		{ "maximumBytes", &options->maximum_bytes },
		{ "minimumFreeBytes", &options->minimum_free_bytes },
		{ NULL, NULL },
	};
	const cJSON *retention;

	if (args_get_object(context, "retention", &retention))
		take_numbers(retention, numbers);
}

static void take_options(const cJSON *context, struct job_options *options)
{
	const struct number numbers[] = {
		{ "offset", &options->offset },
		{ "length", &options->length },
		{ "jitterUSec", &options->jitter_usec },
		{ "settleUSec", &options->settle_usec },
		{ "timeoutUSec", &options->timeout_usec },
		{ "retries", &options->retries },
		{ "retryDelayUSec", &options->retry_delay_usec },
		{ NULL, NULL },
	};
	const char *text;

	take_numbers(context, numbers);
	if (args_get_string(context, "missed", &text))
		options->missed = job_missed_parse(text);
	if (args_get_string(context, "consistency", &text))
		options->consistency = job_consistency_parse(text);
	(void)args_get_bool(context, "onlyIfChanged", &options->only_if_changed);
	(void)args_get_bool(context, "autoDismiss", &options->auto_dismiss);
}

int job_param_request(const cJSON *args, struct job_request *request, struct refusal *refusal)
{
	const cJSON *context = NULL;
	int r;

	(void)args_get_object(args, "context", &context);
	(void)args_get_bool(args, "replace", &request->replace);
	job_options_init(&request->options);
	take_options(context, &request->options);
	take_schedule(context, request);
	take_retention(context, &request->options);
	(void)args_get_string(context, "name", &request->name);
	(void)args_get_string(context, "store", &request->store);
	(void)args_get_string(context, "path", &request->path);
	r = stream_param_file(context, &request->options.stream, refusal);
	if (r == 0)
		r = param_buffer_id(context, "buffer", &request->buffer, refusal);
	return r ? r : param_labels(context, &request->labels, refusal);
}

int job_param_find(struct call *call, struct job **ret_job, struct refusal *refusal)
{
	const char *text = "";

	(void)args_get_string(call_args(call), "id", &text);
	return job_find(call_user(call), text, ret_job, refusal);
}
