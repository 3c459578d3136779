/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <cjson/cJSON.h>

#include "client/context_fields.h"
#include "client/listing.h"
#include "client/print.h"
#include "client/report.h"
#include "proto/args.h"

enum verb_status verb_pool_create(struct verb_call *call)
{
	cJSON *context = cJSON_CreateObject();
	struct args args;
	int r;

	/* A pool of the connection's lifetime would be gone when the command is. */
	(void)cJSON_AddStringToObject(context, "lifetime", "daemon");
	r = context_fields_add(&call->options, context);
	if (r) {
		cJSON_Delete(context);
		return report_errno(call, "the options", r);
	}
	(void)cJSON_AddStringToObject(context, "name", call->options.arguments[0]);
	args_init(&args);
	args_add_value(&args, "context", context);
	return listing_field(call, "io.forebay.pool.Create", &args, "context.name");
}

enum verb_status verb_pool_list(struct verb_call *call)
{
	static const struct print_column columns[] = {
		{ "NAME", "context.name", PRINT_TEXT },
		{ "SIZE", "context.sizeBytes", PRINT_SIZE },
		{ "USED", "runtime.usedBytes", PRINT_SIZE },
		{ "PEAK", "runtime.peakBytes", PRINT_SIZE },
		{ "BUFFERS", "runtime.buffers", PRINT_NUMBER },
		{ "LIFETIME", "context.lifetime", PRINT_TEXT },
		{ "UID", "runtime.ownerUid", PRINT_NUMBER },
		{ "CREATED", "runtime.createdUSec", PRINT_TIME },
		{ 0 },
	};
	struct args args;

	args_init(&args);
	return listing_table(call, "io.forebay.pool.List", &args, columns);
}

static void begin_name(struct verb_call *call, struct args *ret_args)
{
	int64_t uid = options_number(&call->options, "owner-uid", -1);

	args_init(ret_args);
	args_add_string(ret_args, "name", call->options.arguments[0]);
	if (uid >= 0)
		args_add_int(ret_args, "ownerUid", uid);
}

enum verb_status verb_pool_show(struct verb_call *call)
{
	struct args args;

	begin_name(call, &args);
	return listing_show(call, "io.forebay.pool.Describe", &args);
}

enum verb_status verb_pool_destroy(struct verb_call *call)
{
	struct args args;

	begin_name(call, &args);
	if (options_has(&call->options, "force"))
		args_add_bool(&args, "force", true);
	return listing_field(call, "io.forebay.pool.Destroy", &args, NULL);
}
