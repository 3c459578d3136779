/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/stream_param.h"

#include <cjson/cJSON.h>

#include "daemon/ctl/param.h"
#include "daemon/objects/conduit.h"
#include "daemon/objects/streams.h"
#include "proto/args.h"

/* As it is, since others know its ends; but not the value that stands for none. */
static void take_integer(const cJSON *args, const char *name, int64_t *number)
{
	if (args_get_int(args, name, number) && *number == OPTION_UNSET)
		*number = OPTION_UNSET + 1;
}

/* An enum's value may be written with dashes for underscores; none of these has any. */
static void take_choices(const cJSON *context, struct stream_options *options)
{
	const char *text;

	if (args_get_string(context, "open", &text))
		options->open = stream_open_parse(text);
	if (args_get_string(context, "ack", &text))
		options->ack = stream_ack_parse(text);
	if (args_get_string(context, "onDisconnect", &text))
		options->on_disconnect = stream_disconnect_parse(text);
	if (args_get_string(context, "onError", &text))
		options->on_error = stream_on_error_parse(text);
	if (args_get_string(context, "checksum", &text))
		options->checksum = stream_checksum_parse(text);
	(void)args_get_bool(context, "sideFile", &options->side_file);
}

static struct stream_step parse_step(const cJSON *object)
{
	struct stream_step step = { .level = OPTION_UNSET };
	const char *name;

	/* It is one of the interface's, which has been checked. */
	if (args_get_string(object, "name", &name))
		step.kind = (enum stream_step_kind)stream_step_parse(name);
	take_integer(object, "level", &step.level);
	return step;
}

void stream_param_steps(const cJSON *args, struct stream_options *options)
{
	const cJSON *list, *object;

	if (!args_get_array(args, "steps", &list))
		return;
	cJSON_ArrayForEach(object, list) {
		if (options->steps_count < STREAM_STEPS_MAX)
			options->steps[options->steps_count] = parse_step(object);
		options->steps_count++;
	}
}

static int take_numbers(const cJSON *context, struct stream_options *options,
			struct refusal *refusal)
{
	const struct {
		const char *name;
		int64_t *number;
	} numbers[] = {
		{ "start", &options->start },
		{ "highWaterMark", &options->high_water_mark },
		{ "lowWaterMark", &options->low_water_mark },
		{ "maximumLength", &options->maximum_length },
		{ "syncIntervalUSec", &options->sync_interval_usec },
		{ "attachTimeoutUSec", &options->attach_timeout_usec },
		{ "rateBytesPerSecond", &options->rate_bytes_per_second },
		{ "sizeHint", &options->size_hint },
	};

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		int r = param_number(context, numbers[i].name, 0, numbers[i].number, refusal);

		if (r)
			return r;
	}
	return 0;
}

static int take_rotation(const cJSON *context, struct stream_options *options,
			 struct refusal *refusal)
{
	const cJSON *rules;

	if (args_get_object(context, "rotate", &rules)) {
		(void)args_get_int(rules, "everyBytes", &options->rotate_every_bytes);
		(void)args_get_int(rules, "everyUSec", &options->rotate_every_usec);
		if (!stream_options_rotate(options))
			return refuse_text(refusal, REFUSAL_PARAMETER, "context.rotate");
	}
	if (args_get_object(context, "retention", &rules)) {
		(void)args_get_int(rules, "keepLast", &options->keep_last);
		(void)args_get_int(rules, "keepUSec", &options->keep_usec);
		(void)args_get_int(rules, "maximumBytes", &options->maximum_bytes);
		(void)args_get_int(rules, "minimumFreeBytes", &options->minimum_free_bytes);
	}
	return 0;
}

static int take_mode(const cJSON *context, struct stream_options *options, struct refusal *refusal)
{
	const char *mode;

	if (!args_get_string(context, "mode", &mode))
		return 0;
	options->mode = stream_mode_parse(mode);
	return options->mode == OPTION_UNSET ?
		       refuse_text(refusal, REFUSAL_PARAMETER, "context.mode") :
		       0;
}

int stream_param_file(const cJSON *context, struct stream_options *options, struct refusal *refusal)
{
	take_choices(context, options);
	stream_param_steps(context, options);
	return take_mode(context, options, refusal);
}

int stream_param_request(const cJSON *args, struct stream_request *request, struct refusal *refusal)
{
	struct stream_options *options = &request->options;
	const cJSON *context = NULL;
	int r;

	(void)args_get_object(args, "context", &context);
	stream_options_init(options);
	r = stream_param_file(context, options, refusal);
	if (r == 0)
		r = take_numbers(context, options, refusal);
	if (r == 0)
		r = take_rotation(context, options, refusal);
	if (r)
		return r;
	r = param_number(args, "ringBytes", 0, &options->ring_bytes, refusal);
	if (r)
		return r;
	(void)args_get_string(context, "store", &request->store);
	(void)args_get_string(context, "path", &request->path);
	return param_labels(context, &request->labels, refusal);
}

int stream_param_source(const cJSON *args, struct conduit_request *ret_request,
			struct refusal *refusal)
{
	struct conduit_request request = {
		.fd = -1,
		.offset = OPTION_UNSET,
		.length = OPTION_UNSET,
		.mark = OPTION_UNSET,
	};
	const cJSON *source = NULL;
	const char *text;
	int r = 0;

	(void)args_get_object(args, "source", &source);
	(void)args_get_string(source, "store", &request.store);
	(void)args_get_string(source, "path", &request.path);
	take_integer(source, "offset", &request.offset);
	take_integer(source, "length", &request.length);
	take_integer(args, "highWaterMark", &request.mark);
	stream_options_init(&request.steps);
	stream_param_steps(args, &request.steps);
	if (args_get_string(source, "buffer", &text))
		r = param_buffer_id(source, "buffer", &request.buffer, refusal);
	if (r == 0)
		*ret_request = request;
	return r;
}

static int take_data(const cJSON *args, struct stream_chunk *chunk, struct refusal *refusal)
{
	const char *buffer;

	if (args_get_string(args, "buffer", &buffer))
		return refuse_text(refusal, REFUSAL_PARAMETER, "buffer");
	if (chunk->offset != OPTION_UNSET)
		return refuse_text(refusal, REFUSAL_PARAMETER, "offset");
	if (chunk->length != OPTION_UNSET)
		return refuse_text(refusal, REFUSAL_PARAMETER, "length");
	return param_encoding(args, &chunk->encoding, refusal);
}

int stream_param_chunk(const cJSON *args, bool required, struct stream_chunk *ret_chunk,
		       struct refusal *refusal)
{
	struct stream_chunk chunk = {
		.encoding = ENCODING_UTF8,
		.offset = OPTION_UNSET,
		.length = OPTION_UNSET,
	};
	const char *text;
	int r = 0;

	take_integer(args, "offset", &chunk.offset);
	take_integer(args, "length", &chunk.length);
	if (args_get_string(args, "data", &chunk.data))
		r = take_data(args, &chunk, refusal);
	else if (args_get_string(args, "encoding", &text))
		r = refuse_text(refusal, REFUSAL_PARAMETER, "encoding");
	else if (args_get_string(args, "buffer", &text))
		r = param_buffer_id(args, "buffer", &chunk.buffer, refusal);
	else if (required)
		r = refuse_text(refusal, REFUSAL_PARAMETER, "data");
	else if (chunk.offset != OPTION_UNSET || chunk.length != OPTION_UNSET)
		r = refuse_text(refusal, REFUSAL_PARAMETER, "buffer");
	if (r == 0)
		*ret_chunk = chunk;
	return r;
}
