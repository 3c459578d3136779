/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <errno.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "client/context_fields.h"
#include "client/decompress.h"
#include "client/follow.h"
#include "client/forebay.h"
#include "client/listing.h"
#include "client/print.h"
#include "client/report.h"
#include "proto/args.h"

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

static enum verb_status show_buffer(struct verb_call *call, const cJSON *answer)
{
	const char *buffer = "?";

	(void)call;
	(void)args_get_string(answer, "buffer", &buffer);
	print_text(buffer, stdout);
	(void)fputc('\n', stdout);
	return VERB_DONE;
}

enum verb_status verb_load(struct verb_call *call)
{
	cJSON *parameters = cJSON_CreateObject();
	enum verb_status status = make_parameters(call, parameters);
	char *text;

	if (status != VERB_DONE) {
		cJSON_Delete(parameters);
		return status;
	}
	text = cJSON_PrintUnformatted(parameters);
	cJSON_Delete(parameters);
	if (!text)
		return report_errno(call, "the arguments", -ENOMEM);
	status = follow_call(call, "io.forebay.job.Load", text, show_buffer);
	cJSON_free(text);
	return status;
}
