/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <errno.h>

#include <cjson/cJSON.h>

#include "client/listing.h"
#include "client/moment.h"
#include "client/print.h"
#include "proto/args.h"

enum verb_status verb_job_list(struct verb_call *call)
{
	static const struct print_column columns[] = {
		{ "ID", "id", PRINT_TEXT },
		{ "NAME", "context.name", PRINT_TEXT },
		{ "STATE", "runtime.state", PRINT_TEXT },
		{ "NEXT", "runtime.nextUSec", PRINT_WHEN },
		{ "LAST", "runtime.lastResult", PRINT_TEXT },
		{ "ENDED", "runtime.lastEndUSec", PRINT_WHEN },
		{ "RUNS", "runtime.runs", PRINT_NUMBER },
		{ "FAILED", "runtime.failures", PRINT_NUMBER },
		{ "SKIPPED", "runtime.skips", PRINT_NUMBER },
		{ "SIZE", "context.length", PRINT_SIZE },
		{ "UID", "runtime.ownerUid", PRINT_NUMBER },
		{ "PATH", "context.path", PRINT_TEXT },
		{ 0 },
	};
	struct args args;

	args_init(&args);
	return listing_table(call, "io.forebay.job.List", &args, columns);
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

/* How long it took, and a word for one that is not over. */
static int prepare_run(cJSON *object, void *data)
{
	const cJSON *run = print_find_field(object, "run");
	int64_t start_usec, end_usec;
	uint64_t took_usec;
	const char *result = "running";

	(void)data;
	(void)args_get_string(run, "result", &result);
	if (!cJSON_AddStringToObject(object, "result", result))
		return -ENOMEM;
	if (!args_get_int(run, "startUSec", &start_usec) ||
	    !args_get_int(run, "endUSec", &end_usec) || end_usec < start_usec)
		return 0;
	took_usec = moment_round_span((uint64_t)(end_usec - start_usec));
	return cJSON_AddNumberToObject(object, "took", (double)took_usec) ? 0 : -ENOMEM;
}

enum verb_status verb_job_history(struct verb_call *call)
{
	static const struct print_column columns[] = {
		{ "RUN", "run.run", PRINT_NUMBER },
		{ "RESULT", "result", PRINT_TEXT },
		{ "BEGAN", "run.startUSec", PRINT_TIME },
		{ "TOOK", "took", PRINT_SPAN },
		{ "BYTES", "run.bytes", PRINT_SIZE },
		{ "FAULT", "run.fault.message", PRINT_TEXT },
		{ "PATH", "run.path", PRINT_TEXT },
		{ 0 },
	};
	static const struct listing_view view = { .columns = columns, .prepare = prepare_run };
	struct args args;

	listing_begin_id(call, &args);
	if (options_has(&call->options, "limit"))
		args_add_int(&args, "limit", options_number(&call->options, "limit", 0));
	return listing_table_with(call, "io.forebay.job.History", &args, &view);
}
