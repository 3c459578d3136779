/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/forebay.h"

#include <errno.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "client/connection.h"
#include "client/sized.h"
#include "proto/args.h"

/* The struct as it was in the first version. */
#define SIZE_FIRST                                                                                 \
	(offsetof(struct forebay_load_options, length) +                                           \
	 sizeof(((struct forebay_load_options *)0)->length))

static int build(const struct forebay_load_options *options, struct args *args)
{
	cJSON *steps = NULL;

	if (options->steps) {
		steps = cJSON_Parse(options->steps);
		if (!cJSON_IsArray(steps)) {
			cJSON_Delete(steps);
			return -EINVAL;
		}
		args_add_value(args, "steps", steps);
	}
	args_add_optional_string(args, "store", options->store);
	args_add_optional_string(args, "path", options->path);
	args_add_optional_string(args, "digest", options->digest);
	if (options->offset != FOREBAY_UNSET)
		args_add_int(args, "offset", options->offset);
	if (options->length != FOREBAY_UNSET)
		args_add_int(args, "length", options->length);
	return 0;
}

/* A handle for what was loaded; without one nobody could free it. */
static int take_buffer(struct forebay_connection *connection, struct forebay_pool *pool,
		       const cJSON *parameters, struct forebay_buffer **ret_buffer)
{
	struct connection_call call = {
		.method = "io.forebay.buffer.Free",
		.timeout_usec = connection->timeout_usec,
	};
	struct args args;
	const char *id;
	int r;

	if (!args_get_string(parameters, "buffer", &id))
		return -EPROTO;
	r = forebay_buffer_describe(connection, pool, id, ret_buffer);
	if (r == 0)
		return 0;
	args_init(&args);
	args_add_string(&args, "id", id);
	/* What that gives is not what failed. */
	if (connection_call_args(connection, &call, &args, NULL, NULL))
		connection_clear_error(connection);
	return r;
}

int forebay_buffer_load(struct forebay_connection *connection, struct forebay_pool *pool,
			const struct forebay_load_options *options, uint64_t timeout_usec,
			struct forebay_buffer **ret_buffer)
{
	struct forebay_load_options own = FOREBAY_LOAD_OPTIONS_INIT;
	struct connection_call call = {
		.method = "io.forebay.job.Load",
		.timeout_usec = timeout_usec,
	};
	cJSON *parameters;
	struct args args;
	int r;

	connection_clear_error(connection);
	r = sized_read(options, SIZE_FIRST, &own, sizeof(own));
	if (r)
		return r;
	args_init(&args);
	args_add_string(&args, "pool", forebay_pool_name(pool));
	r = build(&own, &args);
	if (r) {
		args_fini(&args);
		return r;
	}
	r = connection_call_args(connection, &call, &args, NULL, &parameters);
	if (r)
		return r;
	r = take_buffer(connection, pool, parameters, ret_buffer);
	cJSON_Delete(parameters);
	return r;
}
