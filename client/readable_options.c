/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/readable_options.h"

#include <errno.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "client/forebay_readable.h"
#include "client/sized.h"
#include "proto/args.h"

/* The struct as it was in the first version. */
#define SIZE_FIRST                                                                                 \
	(offsetof(struct forebay_readable_options, file_fd) +                                      \
	 sizeof(((struct forebay_readable_options *)0)->file_fd))

int readable_options_read(const struct forebay_readable_options *given,
			  struct forebay_readable_options *ret_options)
{
	static const struct forebay_readable_options defaults = FOREBAY_READABLE_OPTIONS_INIT;

	*ret_options = defaults;
	return sized_read(given, SIZE_FIRST, ret_options, sizeof(*ret_options));
}

static int add_steps(struct args *parameters, const char *text)
{
	cJSON *steps;

	if (!text)
		return 0;
	steps = cJSON_ParseWithOpts(text, NULL, true);
	if (!cJSON_IsArray(steps)) {
		cJSON_Delete(steps);
		return -EINVAL;
	}
	args_add_value(parameters, "steps", steps);
	return 0;
}

static void add_number(struct args *args, const char *name, int64_t value)
{
	if (value != FOREBAY_UNSET)
		args_add_int(args, name, value);
}

int readable_options_add(const struct forebay_readable_options *options, struct args *parameters,
			 const char *fd_name, int *fds, size_t *count)
{
	struct args source;
	int r;

	r = add_steps(parameters, options->steps);
	if (r)
		return r;
	args_begin_object(parameters, "source", &source);
	args_add_optional_string(&source, "store", options->store);
	args_add_optional_string(&source, "path", options->path);
	args_add_optional_string(&source, "buffer", options->buffer);
	add_number(&source, "offset", options->offset);
	add_number(&source, "length", options->length);
	add_number(parameters, "highWaterMark", options->high_water_mark);
	if (options->file_fd >= 0) {
		args_add_int(parameters, fd_name, (int64_t)*count);
		fds[(*count)++] = options->file_fd;
	}
	return 0;
}
