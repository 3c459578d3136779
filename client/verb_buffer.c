/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verb_buffer.h"

#include <inttypes.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "client/context_fields.h"
#include "client/forebay.h"
#include "client/listing.h"
#include "client/print.h"
#include "client/report.h"
#include "client/verbs.h"
#include "proto/args.h"
#include "proto/units.h"

int verb_buffer_add_common(const struct options *options, struct args *args)
{
	cJSON *fields = cJSON_CreateObject();
	const cJSON *labels;
	int r;

	args_add_optional_string(args, "pool", options_text(options, "pool"));
	args_add_optional_string(args, "encoding", options_text(options, "encoding"));
	r = context_fields_add(options, fields);
	if (r == 0 && args_get_object(fields, "labels", &labels))
		args_add_copy(args, "labels", labels);
	cJSON_Delete(fields);
	return r;
}

enum verb_status verb_buffer_alloc(struct verb_call *call)
{
	const struct options *options = &call->options;
	struct args args;
	uint64_t length;
	int r;

	if (units_parse_size(options->arguments[0], &length) || length > INT64_MAX)
		return report_usage("\"%s\" is no size", options->arguments[0]);
	args_init(&args);
	r = verb_buffer_add_common(options, &args);
	if (r) {
		args_fini(&args);
		return report_errno(call, "the options", r);
	}
	verb_buffer_add_number(&args, "length", (int64_t)length);
	if (options_has(options, "unsafe"))
		args_add_string(&args, "initialize", "unsafe");
	args_add_optional_string(&args, "fill", options_text(options, "fill"));
	return listing_field(call, "io.forebay.buffer.Alloc", &args, "buffer.id");
}

enum verb_status verb_buffer_list(struct verb_call *call)
{
	static const struct print_column columns[] = {
		{ "ID", "buffer.id", PRINT_TEXT },
		{ "POOL", "buffer.pool", PRINT_TEXT },
		{ "OFFSET", "buffer.offset", PRINT_NUMBER },
		{ "LENGTH", "buffer.length", PRINT_SIZE },
		{ "BACKING", "buffer.backing", PRINT_TEXT },
		{ "VERSION", "buffer.version", PRINT_NUMBER },
		{ "PINS", "buffer.pins", PRINT_NUMBER },
		{ 0 },
	};
	struct args args;

	args_init(&args);
	args_add_optional_string(&args, "pool", options_text(&call->options, "pool"));
	return listing_table(call, "io.forebay.buffer.List", &args, columns);
}

enum verb_status verb_buffer_show(struct verb_call *call)
{
	struct args args;

	listing_begin_id(call, &args);
	return listing_show(call, "io.forebay.buffer.Describe", &args);
}

void verb_buffer_add_number(struct args *args, const char *name, int64_t number)
{
	char text[24];

	if (number >= -ARGS_EXACT_MAX && number <= ARGS_EXACT_MAX) {
		args_add_int(args, name, number);
		return;
	}
	(void)snprintf(text, sizeof(text), "%" PRId64, number);
	args_add_string(args, name, text);
}

void verb_buffer_add_position(const struct options *options, const char *option, const char *name,
			      struct args *args)
{
	if (options_has(options, option))
		verb_buffer_add_number(args, name, options_number(options, option, 0));
}

enum verb_status verb_buffer_find_length(struct verb_call *call, int64_t *ret_length)
{
	struct forebay_reply reply;
	enum verb_status status;
	struct args args;
	cJSON *object;

	listing_begin_id(call, &args);
	status = listing_call(call, "io.forebay.buffer.Describe", &args, &reply);
	if (status != VERB_DONE)
		return status;
	object = cJSON_Parse(reply.parameters);
	forebay_reply_fini(&reply);
	*ret_length = 0;
	(void)args_get_int(print_find_field(object, "buffer"), "length", ret_length);
	cJSON_Delete(object);
	return VERB_DONE;
}

enum verb_status verb_buffer_slice(struct verb_call *call)
{
	struct args args;

	listing_begin_id(call, &args);
	verb_buffer_add_position(&call->options, "start", "start", &args);
	verb_buffer_add_position(&call->options, "end", "end", &args);
	return listing_field(call, "io.forebay.buffer.Slice", &args, "buffer.id");
}

enum verb_status verb_buffer_free(struct verb_call *call)
{
	enum verb_status status = VERB_DONE;
	size_t i;

	for (i = 0; i < call->options.argument_count && status == VERB_DONE; i++) {
		struct args args;

		args_init(&args);
		args_add_string(&args, "id", call->options.arguments[i]);
		status = listing_field(call, "io.forebay.buffer.Free", &args, NULL);
	}
	return status;
}
