/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <errno.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "client/context_fields.h"
#include "client/decompress.h"
#include "client/forebay.h"
#include "client/listing.h"
#include "client/print.h"
#include "client/progress.h"
#include "client/report.h"
#include "proto/args.h"

/* The daemon tells progress more often than this, unless its disk hangs. */
#define ANSWER_TIMEOUT_USEC (120 * FOREBAY_USEC_PER_SEC)

const struct option_row verb_load_options[] = {
	{ "store", OPTION_TEXT, "NAME", NULL, "store", "the store, if not the default one" },
	{ "pool", OPTION_TEXT, "NAME", NULL, "pool", "the pool, if not the default one" },
	{ "offset", OPTION_SIZE, "N", NULL, "offset", "from here in what comes out of the steps" },
	{ "length", OPTION_SIZE, "N", NULL, "length", "so much of it" },
	{ "decompress", OPTION_FLAG, NULL, NULL, NULL, "undo gzip or zstd, if it is either" },
	{ "steps", OPTION_STEPS, "STEP,...", NULL, "steps", "gunzip, unzstd in a row" },
	{ "digest", OPTION_TEXT, "KIND:HEX", NULL, "digest",
	  "what the stored file must be: crc32, xxh3 or sha256" },
	{ NULL, OPTION_FLAG, NULL, NULL, NULL, NULL },
};

/* ---- what is asked for ---- */

/* The file itself tells how it is compressed. */
static enum verb_status find_step(struct verb_call *call, const char **ret_step)
{
	const char *path = call->options.arguments[0];
	struct forebay_reply reply;
	enum verb_status status;
	int64_t index = -1;
	struct args args;
	cJSON *object;
	int r = -EPROTO;

	args_init(&args);
	args_add_optional_string(&args, "store", options_text(&call->options, "store"));
	args_add_string(&args, "path", path);
	status = listing_call(call, "io.forebay.store.OpenFile", &args, &reply);
	if (status != VERB_DONE)
		return status;
	object = cJSON_Parse(reply.parameters);
	(void)args_get_int(object, "fileDescriptorIndex", &index);
	cJSON_Delete(object);
	if (index >= 0 && (uint64_t)index < reply.fd_count)
		r = decompress_find_step(reply.fds[index], ret_step);
	forebay_reply_fini(&reply);
	if (r == 0)
		return VERB_DONE;
	(void)report_errno(call, path, r);
	return VERB_FAILED;
}

static int add_step(cJSON *parameters, const char *name)
{
	cJSON *steps = cJSON_AddArrayToObject(parameters, "steps");
	cJSON *step = cJSON_CreateObject();

	if (!cJSON_AddItemToArray(steps, step)) {
		cJSON_Delete(step);
		return -ENOMEM;
	}
	return cJSON_AddStringToObject(step, "name", name) ? 0 : -ENOMEM;
}

static enum verb_status make_parameters(struct verb_call *call, cJSON *parameters)
{
	enum verb_status status = VERB_DONE;
	const char *step = NULL;
	int r = context_fields_add(&call->options, parameters);

	if (r == 0 && !cJSON_AddStringToObject(parameters, "path", call->options.arguments[0]))
		r = -ENOMEM;
	if (r == 0 && options_has(&call->options, "decompress")) {
		if (options_has(&call->options, "steps"))
			return report_usage("--decompress and --steps exclude one another");
		status = find_step(call, &step);
		if (step)
			r = add_step(parameters, step);
	}
	return r ? report_errno(call, "the options", r) : status;
}

/* ---- answers ---- */

/* A bar, from the first answer on that tells of how much. */
struct loading {
	struct progress progress;
	struct progress_state state;
	bool begun;
};

static void take_progress(struct loading *loading, const cJSON *object)
{
	int64_t current = 0, total = 0;

	(void)args_get_int(object, "currentBytes", &current);
	(void)args_get_int(object, "totalBytes", &total);
	if (!loading->begun)
		progress_start(&loading->progress, stderr, (uint64_t)total);
	loading->begun = true;
	loading->state.done_bytes = (uint64_t)current;
	loading->state.total_bytes = (uint64_t)total;
	progress_update(&loading->progress, &loading->state);
}

static void show_end(const struct verb_call *call, struct loading *loading, const char *parameters,
		     const cJSON *object)
{
	const char *buffer = "?";

	if (loading->begun) {
		loading->state.done_bytes = loading->state.total_bytes;
		progress_finish(&loading->progress, &loading->state);
	}
	if (call->json) {
		print_json_line(parameters, stdout);
		return;
	}
	(void)args_get_string(object, "buffer", &buffer);
	print_text(buffer, stdout);
	(void)fputc('\n', stdout);
}

static enum verb_status take_answers(struct verb_call *call)
{
	struct loading loading = { .begun = false };
	struct forebay_reply reply;
	bool continues = true;

	while (continues) {
		int r = forebay_call_next(call->connection, ANSWER_TIMEOUT_USEC, &reply);
		cJSON *object;

		if (r && loading.begun)
			progress_finish(&loading.progress, &loading.state);
		if (r)
			return report_call(call, r);
		continues = reply.continues;
		object = cJSON_Parse(reply.parameters);
		if (continues)
			take_progress(&loading, object);
		else
			show_end(call, &loading, reply.parameters, object);
		cJSON_Delete(object);
		forebay_reply_fini(&reply);
	}
	return VERB_DONE;
}

enum verb_status verb_load(struct verb_call *call)
{
	cJSON *parameters = cJSON_CreateObject();
	enum verb_status status = make_parameters(call, parameters);
	char *text;
	int r;

	if (status != VERB_DONE) {
		cJSON_Delete(parameters);
		return status;
	}
	text = cJSON_PrintUnformatted(parameters);
	cJSON_Delete(parameters);
	if (!text)
		return report_errno(call, "the arguments", -ENOMEM);
	r = forebay_call_more(call->connection, "io.forebay.job.Load", text);
	cJSON_free(text);
	return r ? report_call(call, r) : take_answers(call);
}
