/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/stream_options.h"

#include <errno.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "client/context_join.h"
#include "client/forebay.h"
#include "client/sized.h"
#include "proto/args.h"

#define RING_BYTES_DEFAULT ((int64_t)1 << 20)

/* The struct as it was in the first version: all that came later stands behind. */
#define SIZE_FIRST                                                                                 \
	(offsetof(struct forebay_stream_options, file_fd) +                                        \
	 sizeof(((struct forebay_stream_options *)0)->file_fd))

int stream_options_read(const struct forebay_stream_options *given,
			struct forebay_stream_options *ret_options)
{
	static const struct forebay_stream_options defaults = FOREBAY_STREAM_OPTIONS_INIT;

	*ret_options = defaults;
	return sized_read(given, SIZE_FIRST, ret_options, sizeof(*ret_options));
}

static void add_number(struct args *args, const char *name, int64_t value)
{
	if (value != FOREBAY_UNSET)
		args_add_int(args, name, value);
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

	args_init(&context);
	build_own(options, &context);
	return context_join(&context, options->context, ret_context);
}

static void add_descriptor(struct args *parameters, const char *name, int fd, int *fds,
			   size_t *count)
{
	if (fd < 0)
		return;
	args_add_int(parameters, name, (int64_t)*count);
	fds[(*count)++] = fd;
}

int stream_options_add_sink(const struct forebay_stream_options *options, struct args *parameters,
			    int *fds, size_t *count)
{
	cJSON *context;
	int r;

	r = build_context(options, &context);
	if (r)
		return r;
	args_add_value(parameters, "context", context);
	add_descriptor(parameters, "directoryFileDescriptorIndex", options->directory_fd, fds,
		       count);
	add_descriptor(parameters, "fileDescriptorIndex", options->file_fd, fds, count);
	return 0;
}

int stream_options_build(const struct forebay_stream_options *options, struct args *parameters,
			 int *fds, struct forebay_fds *ret_fds)
{
	size_t count = 0;
	int r;

	if (options->ring_bytes > INT64_MAX)
		return -EINVAL;
	r = stream_options_add_sink(options, parameters, fds, &count);
	if (r)
		return r;
	args_add_int(parameters, "ringBytes",
		     options->ring_bytes ? (int64_t)options->ring_bytes : RING_BYTES_DEFAULT);
	*ret_fds = (struct forebay_fds){ .fds = fds, .count = count };
	return 0;
}
