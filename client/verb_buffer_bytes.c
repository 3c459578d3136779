/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verb_buffer.h"

/* What is done with bytes where they lie: none of them comes here. */

#include <inttypes.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "client/listing.h"
#include "client/print.h"
#include "client/report.h"
#include "proto/args.h"

enum verb_status verb_buffer_fill(struct verb_call *call)
{
	const struct options *options = &call->options;
	struct args args;

	listing_begin_id(call, &args);
	args_add_string(&args, "value", options->arguments[1]);
	verb_buffer_add_position(options, "offset", "offset", &args);
	verb_buffer_add_position(options, "end", "end", &args);
	args_add_optional_string(&args, "encoding", options_text(options, "encoding"));
	return listing_field(call, "io.forebay.buffer.Fill", &args, NULL);
}

static void begin_two(const struct options *options, struct args *ret_args)
{
	args_init(ret_args);
	args_add_string(ret_args, "source", options->arguments[0]);
	args_add_string(ret_args, "target", options->arguments[1]);
}

enum verb_status verb_buffer_copy(struct verb_call *call)
{
	const struct options *options = &call->options;
	struct args args;

	begin_two(options, &args);
	verb_buffer_add_position(options, "target-start", "targetStart", &args);
	verb_buffer_add_position(options, "source-start", "sourceStart", &args);
	verb_buffer_add_position(options, "source-end", "sourceEnd", &args);
	return listing_field(call, "io.forebay.buffer.Copy", &args, "bytesCopied");
}

enum verb_status verb_buffer_concat(struct verb_call *call)
{
	const struct options *options = &call->options;
	struct args args, sources;
	size_t i;

	args_init(&args);
	args_begin_array(&args, "sources", &sources);
	for (i = 0; i < options->argument_count; i++)
		args_add_string(&sources, NULL, options->arguments[i]);
	verb_buffer_add_position(options, "total-length", "totalLength", &args);
	return listing_field(call, "io.forebay.buffer.Concat", &args, "buffer.id");
}

enum verb_status verb_buffer_compare(struct verb_call *call)
{
	struct args args;

	begin_two(&call->options, &args);
	return listing_field(call, "io.forebay.buffer.Compare", &args, "order");
}

enum verb_status verb_buffer_find(struct verb_call *call)
{
	const struct options *options = &call->options;
	struct forebay_reply reply;
	enum verb_status status;
	struct args args;
	cJSON *object;
	int64_t offset;
	bool found;

	listing_begin_id(call, &args);
	args_add_string(&args, "value", options->arguments[1]);
	verb_buffer_add_position(options, "offset", "offset", &args);
	args_add_optional_string(&args, "encoding", options_text(options, "encoding"));
	if (options_has(options, "last"))
		args_add_bool(&args, "last", true);
	status = listing_call(call, "io.forebay.buffer.IndexOf", &args, &reply);
	if (status != VERB_DONE)
		return status;
	object = cJSON_Parse(reply.parameters);
	found = args_get_int(object, "offset", &offset);
	if (call->json)
		print_json_line(reply.parameters, stdout);
	else if (found)
		(void)printf("%" PRId64 "\n", offset);
	cJSON_Delete(object);
	forebay_reply_fini(&reply);
	return found ? VERB_DONE :
		       report_failure(call, "notFound", options->arguments[1], "not in the buffer");
}

enum verb_status verb_buffer_swap(struct verb_call *call)
{
	struct args args;
	int64_t width;

	if (!args_parse_int(call->options.arguments[1], &width))
		return report_usage("\"%s\" is no number of bytes", call->options.arguments[1]);
	listing_begin_id(call, &args);
	verb_buffer_add_number(&args, "width", width);
	return listing_field(call, "io.forebay.buffer.Swap", &args, NULL);
}
