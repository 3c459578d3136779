/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/job_options.h"

#include <stddef.h>

#include <cjson/cJSON.h>

#include "client/context_join.h"
#include "client/forebay.h"
#include "client/forebay_job.h"
#include "client/sized.h"
#include "proto/args.h"

/* The struct as it was in the first version: all that came later stands behind. */
#define SIZE_FIRST                                                                                 \
	(offsetof(struct forebay_job_options, replace) +                                           \
	 sizeof(((struct forebay_job_options *)0)->replace))

int job_options_read(const struct forebay_job_options *given,
		     struct forebay_job_options *ret_options)
{
	static const struct forebay_job_options defaults = FOREBAY_JOB_OPTIONS_INIT;

	*ret_options = defaults;
	return sized_read(given, SIZE_FIRST, ret_options, sizeof(*ret_options));
}

static void add_number(struct args *args, const char *name, int64_t value)
{
	if (value != FOREBAY_UNSET)
		args_add_int(args, name, value);
}

static void add_flag(struct args *args, const char *name, int value)
{
	if (value)
		args_add_bool(args, name, true);
}

void job_options_build_schedule(const struct forebay_job_options *options, struct args *args)
{
	struct args schedule;

	if (options->at_usec == FOREBAY_UNSET && options->after_usec == FOREBAY_UNSET &&
	    options->every_usec == FOREBAY_UNSET && !options->calendar && !options->on_change)
		return;
	args_begin_object(args, "schedule", &schedule);
	add_number(&schedule, "atUSec", options->at_usec);
	add_number(&schedule, "afterUSec", options->after_usec);
	add_number(&schedule, "everyUSec", options->every_usec);
	args_add_optional_string(&schedule, "calendar", options->calendar);
	add_flag(&schedule, "onChange", options->on_change);
}

static void build_retention(const struct forebay_job_options *options, struct args *context)
{
	struct args retention;

	if (options->keep_last == FOREBAY_UNSET && options->keep_usec == FOREBAY_UNSET &&
	    options->maximum_bytes == FOREBAY_UNSET && options->minimum_free_bytes == FOREBAY_UNSET)
		return;
	args_begin_object(context, "retention", &retention);
	add_number(&retention, "keepLast", options->keep_last);
	add_number(&retention, "keepUSec", options->keep_usec);
	add_number(&retention, "maximumBytes", options->maximum_bytes);
	add_number(&retention, "minimumFreeBytes", options->minimum_free_bytes);
}

static void build_own(const struct forebay_job_options *options, struct args *context)
{
	args_add_optional_string(context, "name", options->name);
	args_add_optional_string(context, "buffer", options->buffer);
	args_add_optional_string(context, "store", options->store);
	args_add_optional_string(context, "path", options->path);
	args_add_optional_string(context, "open", options->open);
	args_add_optional_string(context, "mode", options->mode);
	args_add_optional_string(context, "ack", options->ack);
	args_add_optional_string(context, "missed", options->missed);
	args_add_optional_string(context, "consistency", options->consistency);
	args_add_optional_string(context, "checksum", options->checksum);
	add_number(context, "offset", options->offset);
	add_number(context, "length", options->length);
	add_number(context, "jitterUSec", options->jitter_usec);
	add_number(context, "settleUSec", options->settle_usec);
	add_number(context, "timeoutUSec", options->timeout_usec);
	add_number(context, "retries", options->retries);
	add_number(context, "retryDelayUSec", options->retry_delay_usec);
	add_flag(context, "onlyIfChanged", options->only_if_changed);
	add_flag(context, "sideFile", options->side_file);
	job_options_build_schedule(options, context);
	build_retention(options, context);
}

int job_options_build(const struct forebay_job_options *options, struct args *parameters)
{
	struct args own;
	cJSON *context;
	int r;

	args_init(&own);
	build_own(options, &own);
	r = context_join(&own, options->context, &context);
	if (r)
		return r;
	args_add_value(parameters, "context", context);
	return 0;
}
