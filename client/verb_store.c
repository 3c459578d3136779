/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <stdio.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "client/listing.h"
#include "client/print.h"
#include "client/report.h"
#include "proto/args.h"

enum verb_status verb_store_list(struct verb_call *call)
{
	static const struct print_column columns[] = {
		{ "NAME", "store.name", PRINT_TEXT },
		{ "KIND", "store.kind", PRINT_TEXT },
		{ "FREE", "store.freeBytes", PRINT_SIZE },
		{ "USED", "store.usedBytes", PRINT_SIZE },
		{ "PER USER", "store.perUser", PRINT_BOOL },
		{ "LOCATION", "store.location", PRINT_TEXT },
		{ 0 },
	};
	struct args args;

	args_init(&args);
	return listing_table(call, "io.forebay.store.List", &args, columns);
}

enum verb_status verb_store_files(struct verb_call *call)
{
	static const struct print_column columns[] = {
		{ "SIZE", "file.sizeBytes", PRINT_SIZE },
		{ "MODIFIED", "file.modifiedUSec", PRINT_TIME },
		{ "PATH", "file.path", PRINT_TEXT },
		{ "DIGEST", "file.digest", PRINT_TEXT },
		{ 0 },
	};
	struct args args;

	args_init(&args);
	args_add_optional_string(&args, "store", options_text(&call->options, "store"));
	if (call->options.argument_count > 0)
		args_add_string(&args, "prefix", call->options.arguments[0]);
	return listing_table(call, "io.forebay.store.ListFiles", &args, columns);
}

enum verb_status verb_store_remove(struct verb_call *call)
{
	enum verb_status status = VERB_DONE;
	size_t i;

	for (i = 0; i < call->options.argument_count && status == VERB_DONE; i++) {
		struct args args;

		args_init(&args);
		args_add_optional_string(&args, "store", options_text(&call->options, "store"));
		args_add_string(&args, "path", call->options.arguments[i]);
		status = listing_field(call, "io.forebay.store.Remove", &args, NULL);
	}
	return status;
}

/* The daemon tells progress more often than this, unless its disk hangs. */
#define VERIFY_TIMEOUT_USEC (120 * FOREBAY_USEC_PER_SEC)

/* The last answer, as a sentence. */
static enum verb_status show_verdict(const struct verb_call *call, const char *parameters)
{
	const char *expected = "?", *got = NULL;
	enum verb_status status = VERB_FAILED;
	bool intact = false, known;
	cJSON *object = cJSON_Parse(parameters);

	known = args_get_bool(object, "intact", &intact);
	(void)args_get_string(object, "expected", &expected);
	(void)args_get_string(object, "got", &got);
	if (known && intact)
		status = VERB_DONE;
	if (!call->json) {
		print_text(call->options.arguments[0], stdout);
		if (known && intact)
			(void)printf(": intact, %s\n", expected);
		else if (known)
			(void)printf(": NOT INTACT: %s is recorded, %s is there\n", expected,
				     got ? got : "?");
		else if (got)
			(void)printf(": cannot tell: another file was put there, %s\n", got);
		else
			(void)printf(": cannot tell: no digest is recorded\n");
	}
	cJSON_Delete(object);
	return status;
}

static enum verb_status take_answers(struct verb_call *call)
{
	enum verb_status status = VERB_FAILED;
	struct forebay_reply reply;
	bool continues = true;

	while (continues) {
		int r = forebay_call_next(call->connection, VERIFY_TIMEOUT_USEC, &reply);

		if (r)
			return report_call(call, r);
		continues = reply.continues;
		if (call->json)
			print_json_line(reply.parameters, stdout);
		if (!continues)
			status = show_verdict(call, reply.parameters);
		forebay_reply_fini(&reply);
	}
	return status;
}

enum verb_status verb_store_verify(struct verb_call *call)
{
	struct args args;
	char *text;
	int r;

	args_init(&args);
	args_add_optional_string(&args, "store", options_text(&call->options, "store"));
	args_add_string(&args, "path", call->options.arguments[0]);
	r = args_take_text(&args, &text);
	if (r)
		return report_errno(call, "the arguments", r);
	r = forebay_call_more(call->connection, "io.forebay.store.Verify", text);
	cJSON_free(text);
	return r ? report_call(call, r) : take_answers(call);
}
