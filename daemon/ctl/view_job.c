/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdio.h>

#include "daemon/core/fault.h"
#include "daemon/ctl/view.h"
#include "daemon/objects/jobs.h"
#include "proto/args.h"

static void view_number(struct args *args, const char *name, int64_t number)
{
	if (number != OPTION_UNSET)
		args_add_int(args, name, number);
}

static void view_schedule(struct args *args, const struct job_context *context)
{
	const struct job_options *options = context->options;
	struct args schedule;

	if (options->at_usec == OPTION_UNSET && options->after_usec == OPTION_UNSET &&
	    options->every_usec == OPTION_UNSET && !context->calendar && !options->on_change)
		return;
	args_begin_object(args, "schedule", &schedule);
	view_number(&schedule, "atUSec", options->at_usec);
	view_number(&schedule, "afterUSec", options->after_usec);
	view_number(&schedule, "everyUSec", options->every_usec);
	args_add_optional_string(&schedule, "calendar", context->calendar);
	if (options->on_change)
		args_add_bool(&schedule, "onChange", true);
}

static void view_retention(struct args *args, const struct job_options *options)
{
	struct args rules;

	if (!job_options_has_retention(options))
		return;
	args_begin_object(args, "retention", &rules);
	view_number(&rules, "keepLast", options->keep_last);
	view_number(&rules, "keepUSec", options->keep_usec);
	view_number(&rules, "maximumBytes", options->maximum_bytes);
	view_number(&rules, "minimumFreeBytes", options->minimum_free_bytes);
}

static void view_file(struct args *args, const struct stream_options *options)
{
	char mode[8];

	(void)snprintf(mode, sizeof(mode), "%04o", (unsigned int)options->mode & 07777);
	args_add_string(args, "open", stream_open_name(options->open));
	args_add_string(args, "mode", mode);
	args_add_string(args, "ack", stream_ack_name(options->ack));
	view_steps(args, options);
	args_add_string(args, "checksum", stream_checksum_name(options->checksum));
	args_add_bool(args, "sideFile", options->side_file);
}

static void view_context(struct args *args, const struct job *job)
{
	const struct job_options *options;
	struct job_context context;
	struct args object;

	job_get_context(job, &context);
	options = context.options;
	args_begin_object(args, "context", &object);
	args_add_optional_string(&object, "name", context.name);
	view_id(&object, "buffer", ID_BUFFER, context.buffer);
	args_add_int(&object, "offset", options->offset);
	view_number(&object, "length", options->length);
	args_add_string(&object, "store", context.store);
	view_text(&object, "path", context.path);
	view_file(&object, &options->stream);
	view_schedule(&object, &context);
	args_add_int(&object, "jitterUSec", options->jitter_usec);
	args_add_int(&object, "settleUSec", options->settle_usec);
	args_add_string(&object, "missed", job_missed_name(options->missed));
	args_add_string(&object, "consistency", job_consistency_name(options->consistency));
	args_add_bool(&object, "onlyIfChanged", options->only_if_changed);
	view_retention(&object, options);
	args_add_int(&object, "timeoutUSec", options->timeout_usec);
	args_add_int(&object, "retries", options->retries);
	args_add_int(&object, "retryDelayUSec", options->retry_delay_usec);
	args_add_bool(&object, "autoDismiss", options->auto_dismiss);
	view_labels(&object, context.labels);
}

void view_job_runtime(struct args *args, const struct job_runtime *runtime)
{
	struct args object;

	args_begin_object(args, "runtime", &object);
	args_add_string(&object, "state", job_state_name(runtime->state));
	args_add_int(&object, "ownerUid", runtime->owner_uid);
	view_number(&object, "nextUSec", runtime->next_usec);
	view_count(&object, "runs", runtime->runs);
	view_count(&object, "failures", runtime->failures);
	view_count(&object, "skips", runtime->skips);
	if (runtime->current_run > 0) {
		view_count(&object, "currentRun", runtime->current_run);
		view_count(&object, "currentBytes", runtime->current_bytes);
		view_count(&object, "totalBytes", runtime->total_bytes);
	}
	if (runtime->last_run > 0)
		view_count(&object, "lastRun", runtime->last_run);
	if (runtime->last_result != JOB_RESULT_NONE)
		args_add_string(&object, "lastResult",
				job_result_name((enum job_result)runtime->last_result));
	view_number(&object, "lastStartUSec", runtime->last_start_usec);
	view_number(&object, "lastEndUSec", runtime->last_end_usec);
	if (runtime->last_path)
		view_text(&object, "lastPath", runtime->last_path);
	if (runtime->fault)
		view_fault(&object, "fault", runtime->fault);
}

void view_job(struct args *args, const struct job *job)
{
	struct job_runtime runtime;

	job_get_shown(job, &runtime);
	view_context(args, job);
	view_job_runtime(args, &runtime);
}

void view_record(struct args *args, const char *name, const struct job_record *record)
{
	struct fault fault;
	struct args object;

	args_begin_object(args, name, &object);
	view_count(&object, "run", record->run);
	if (record->result != JOB_RESULT_NONE)
		args_add_string(&object, "result",
				job_result_name((enum job_result)record->result));
	view_number(&object, "scheduledUSec", record->scheduled_usec);
	args_add_int(&object, "startUSec", record->start_usec);
	view_number(&object, "endUSec", record->end_usec);
	view_count(&object, "bytes", record->bytes);
	if (record->path)
		view_text(&object, "path", record->path);
	args_add_optional_string(&object, "digest", record->digest);
	if (!record->fault_operation)
		return;
	fault_set(&fault, record->fault_operation, record->fault_errno, record->fault_path,
		  record->fault_offset);
	view_fault(&object, "fault", &fault);
}
