/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "daemon/ctl/call.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/errmap.h"
#include "daemon/ctl/param.h"
#include "daemon/ctl/stream_param.h"
#include "daemon/ctl/view.h"
#include "daemon/objects/buffer_load.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/jobs.h"
#include "daemon/objects/stores.h"
#include "proto/args.h"

/* io.forebay.job.Load. */

/*
 * The call stays until it is answered, whatever becomes of its connection: so nothing here may
 * end it. Progress that cannot be told is left out.
 */
static void load_progress(void *data, uint64_t current_bytes, uint64_t total_bytes)
{
	struct call *call = data;
	struct refusal refusal;
	struct call_text text;
	struct args args;

	/* Who does not read hears of the end only. */
	if (!call_has_room(call))
		return;
	args_init(&args);
	args_add_bool(&args, "progress", true);
	view_count(&args, "currentBytes", current_bytes);
	view_count(&args, "totalBytes", total_bytes);
	if (call_build_text(call, &args, true, &text, &refusal))
		return;
	call_send_text(call, &text);
	free(text.bytes);
}

static void tell_fault(struct call *call, const struct buffer_loaded *loaded)
{
	const struct fault *fault = loaded->fault;
	const struct job_record record = {
		.result = JOB_RESULT_FAILED,
		.scheduled_usec = OPTION_UNSET,
		.start_usec = loaded->start_usec,
		.end_usec = loaded->end_usec,
		.bytes = loaded->read_bytes,
		.path = loaded->absolute_path,
		.fault_operation = fault->operation,
		.fault_path = fault->path,
		.fault_errno = fault->error,
		.fault_offset = fault->offset,
	};
	struct wire_error error;

	call_error(call, errmap_run_failed(0, &record, &error), &error);
}

static void load_done(void *data, int result, const struct buffer_loaded *loaded,
		      const struct refusal *refusal)
{
	struct call *call = data;
	struct args args;

	if (result == BUFFER_LOAD_E_FAILED) {
		tell_fault(call, loaded);
		return;
	}
	if (result) {
		call_fail(call, result, refusal);
		return;
	}
	args_init(&args);
	view_id(&args, "buffer", ID_BUFFER, loaded->buffer->id);
	view_count(&args, "bytesRead", loaded->buffer->length);
	args_add_optional_string(&args, "digest", loaded->digest);
	call_reply(call, &args);
}

static int parse(struct call *call, struct buffer_load_request *request, struct refusal *refusal)
{
	const cJSON *args = call_args(call);
	struct stream_options options;
	int r;

	(void)args_get_string(args, "path", &request->path);
	(void)args_get_string(args, "pool", &request->pool);
	(void)args_get_string(args, "digest", &request->digest);
	stream_options_init(&options);
	stream_param_steps(args, &options);
	for (uint32_t i = 0; i < STREAM_STEPS_MAX; i++)
		request->steps[i] = options.steps[i];
	request->steps_count = options.steps_count;
	r = param_position(args, "offset", INT64_MAX, &request->offset, refusal);
	return r ? r : param_position(args, "length", INT64_MAX, &request->length, refusal);
}

int cmd_job_load(struct call *call, struct refusal *refusal)
{
	struct buffer_load_request request = { .path = "", .length = BUFFER_LOAD_REST };
	const struct buffer_load_hooks hooks = {
		.progress = call_wants_more(call) ? load_progress : NULL,
		.done = load_done,
		.data = call,
	};
	const char *name = NULL;
	struct store *store;
	int r = parse(call, &request, refusal);

	(void)args_get_string(call_args(call), "store", &name);
	if (r == 0)
		r = store_find(call_user(call), name, request.path, &store, refusal);
	if (r)
		return r;
	request.store = store;
	return buffer_load(call_holder(call), &request, &hooks, refusal);
}
