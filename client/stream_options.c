/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/stream_options.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "proto/args.h"
#include "proto/json_scan.h"

#define CONTEXT_VALUES_MAX 10000
#define RING_BYTES_DEFAULT ((int64_t)1 << 20)

/* The struct as it was in the first version: all that came later stands behind. */
#define SIZE_FIRST                                                                                 \
	(offsetof(struct forebay_stream_options, file_fd) +                                        \
	 sizeof(((struct forebay_stream_options *)0)->file_fd))

int stream_options_read(const struct forebay_stream_options *given,
			struct forebay_stream_options *ret_options)
{
	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
	const unsigned char *beyond = (const unsigned char *)given + sizeof(options);
	size_t i;

	if (given->size < SIZE_FIRST)
		return -EINVAL;
	for (i = sizeof(options); i < given->size; i++)
		if (beyond[i - sizeof(options)] != 0)
			return -EINVAL;
	memcpy(&options, given, given->size < sizeof(options) ? given->size : sizeof(options));
	*ret_options = options;
	return 0;
}

static void add_number(struct args *args, const char *name, int64_t value)
{
	if (value != FOREBAY_UNSET)
		args_add_int(args, name, value);
}

/* The text between the braces of an object; false if it is no object. */
static bool find_inside(const char *text, const char **ret_inside, size_t *ret_bytes)
{
	const char *begin = strchr(text, '{'), *end = strrchr(text, '}');

	if (!begin || !end || (size_t)(begin - text) != strspn(text, " \t\r\n"))
		return false;
	*ret_inside = begin + 1 + strspn(begin + 1, " \t\r\n");
	*ret_bytes = end > *ret_inside ? (size_t)(end - *ret_inside) : 0;
	return true;
}

/*
 * Both objects in one. The caller's text goes in as it is, so that no number changes on the
 * way; the daemon refuses what is named in both.
 */
static int join(const cJSON *object, const char *members, cJSON **ret_raw)
{
	struct json_scan scan;
	const char *inside;
	char *own, *text;
	size_t bytes, own_bytes;
	int length, r;

	r = json_scan(members, strlen(members), CONTEXT_VALUES_MAX, NULL, &scan);
	if (r < 0)
		return r;
	if (r == JSON_SCAN_E_MALFORMED || !find_inside(members, &inside, &bytes))
		return -EINVAL;

	own = cJSON_PrintUnformatted(object);
	if (!own)
		return -ENOMEM;
	own_bytes = strlen(own) - 1;
	length = asprintf(&text, "%.*s%s%.*s}", (int)own_bytes, own,
			  own_bytes > 1 && bytes > 0 ? "," : "", (int)bytes, inside);
	cJSON_free(own);
	if (length < 0)
		return -ENOMEM;
	*ret_raw = cJSON_CreateRaw(text);
	free(text);
	return *ret_raw ? 0 : -ENOMEM;
}

static void build_own(const struct forebay_stream_options *options, struct args *context)
{
	args_add_optional_string(context, "store", options->store);
	args_add_optional_string(context, "path", options->path);
	args_add_optional_string(context, "open", options->open);
	args_add_optional_string(context, "mode", options->mode);
	args_add_optional_string(context, "ack", options->ack);
	args_add_optional_string(context, "onDisconnect", options->on_disconnect);
	args_add_optional_string(context, "onError", options->on_error);
	add_number(context, "start", options->start);
	add_number(context, "highWaterMark", options->high_water_mark);
	add_number(context, "lowWaterMark", options->low_water_mark);
	add_number(context, "syncIntervalUSec", options->sync_interval_usec);
	add_number(context, "rateBytesPerSecond", options->rate_bytes_per_second);
	add_number(context, "sizeHint", options->size_hint);
}

static int build_context(const struct forebay_stream_options *options, cJSON **ret_context)
{
	struct args context;
	cJSON *own;
	int r;

	args_init(&context);
	build_own(options, &context);
	r = args_take(&context, &own);
	if (r)
		return r;
	if (!options->context) {
		*ret_context = own;
		return 0;
	}
	r = join(own, options->context, ret_context);
	cJSON_Delete(own);
	return r;
}

int stream_options_build(const struct forebay_stream_options *options, struct args *parameters,
			 int *fds, struct forebay_fds *ret_fds)
{
	cJSON *context;
	size_t count = 0;
	int r;

	if (options->ring_bytes > INT64_MAX)
		return -EINVAL;
	r = build_context(options, &context);
	if (r)
		return r;
	args_add_value(parameters, "context", context);
	args_add_int(parameters, "ringBytes",
		     options->ring_bytes ? (int64_t)options->ring_bytes : RING_BYTES_DEFAULT);
	if (options->directory_fd >= 0) {
		args_add_int(parameters, "directoryFileDescriptorIndex", (int64_t)count);
		fds[count++] = options->directory_fd;
	}
	if (options->file_fd >= 0) {
		args_add_int(parameters, "fileDescriptorIndex", (int64_t)count);
		fds[count++] = options->file_fd;
	}
	*ret_fds = (struct forebay_fds){ .fds = fds, .count = count };
	return 0;
}
