/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/follow.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "client/print.h"
#include "client/progress.h"
#include "client/report.h"
#include "proto/args.h"

/* What an answer tells; false if it is the last. */
static bool take_state(const cJSON *answer, struct progress *progress, struct progress_state *state)
{
	int64_t done = 0, total = 0;

	if (!args_get_int(answer, "currentBytes", &done) ||
	    !args_get_int(answer, "totalBytes", &total) || done < 0 || total < 0)
		return false;
	state->done_bytes = (uint64_t)done;
	progress->total_bytes = (uint64_t)total;
	return true;
}

/* All of it; where none was told of before, what the last answer says that it was. */
static void take_end(const cJSON *answer, struct progress *progress, struct progress_state *state)
{
	int64_t bytes = 0;
	const cJSON *run;

	if (progress->total_bytes == 0 && !args_get_int(answer, "bytesRead", &bytes) &&
	    args_get_object(answer, "run", &run))
		(void)args_get_int(run, "bytes", &bytes);
	if (bytes > 0)
		progress->total_bytes = (uint64_t)bytes;
	state->done_bytes = progress->total_bytes;
}

/* The next answer, redrawing meanwhile. */
static int wait_answer(struct verb_call *call, struct progress *progress,
		       const struct progress_state *state, struct forebay_reply *ret_reply)
{
	uint64_t timeout_usec = progress->enabled ? PROGRESS_INTERVAL_USEC : FOREBAY_FOREVER;
	int r;

	do {
		progress_update(progress, state);
		r = forebay_call_next(call->connection, timeout_usec, ret_reply);
	} while (r == -ETIMEDOUT && !forebay_error_name(call->connection));
	return r;
}

static enum verb_status show_end(struct verb_call *call, const char *parameters,
				 const cJSON *answer, follow_show_fn show)
{
	if (!call->json)
		return show(call, answer);
	print_json_line(parameters, stdout);
	return VERB_DONE;
}

static enum verb_status follow(struct verb_call *call, follow_show_fn show)
{
	struct progress_state state = { .done_bytes = 0 };
	enum verb_status status = VERB_DONE;
	struct progress progress;
	int continues = 1;

	progress_start(&progress, stderr, 0);
	while (continues) {
		struct forebay_reply reply;
		cJSON *answer;
		int r;

		r = wait_answer(call, &progress, &state, &reply);
		if (r) {
			progress_break(&progress);
			return report_call(call, r);
		}
		continues = reply.continues;
		answer = cJSON_Parse(reply.parameters);
		if (!take_state(answer, &progress, &state) && !continues) {
			take_end(answer, &progress, &state);
			progress_finish(&progress, &state);
			status = show_end(call, reply.parameters, answer, show);
		}
		cJSON_Delete(answer);
		forebay_reply_fini(&reply);
	}
	return status;
}

enum verb_status follow_call(struct verb_call *call, const char *method, const char *parameters,
			     follow_show_fn show)
{
	int r;

	r = forebay_call_more(call->connection, method, parameters);
	return r ? report_call(call, r) : follow(call, show);
}
