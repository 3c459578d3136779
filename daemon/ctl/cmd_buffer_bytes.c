/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "daemon/core/id_text.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/param.h"
#include "daemon/objects/buffer_bytes.h"
#include "daemon/objects/buffer_concat.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/refusal.h"
#include "proto/args.h"

/* What io.forebay.buffer does with the bytes of one buffer, or of several. */

void cmd_buffer_reply_int(struct call *call, int result, const char *name, int64_t value,
			  const struct refusal *refusal)
{
	struct args args;

	if (result) {
		call_fail(call, result, refusal);
		return;
	}
	args_init(&args);
	args_add_int(&args, name, value);
	call_reply(call, &args);
}

/* Fill */

static void filled(void *data, int result, int64_t value, const struct refusal *refusal)
{
	cmd_buffer_reply_int(data, result, "bytesWritten", value, refusal);
}

int cmd_buffer_fill(struct call *call, struct refusal *refusal)
{
	const cJSON *args = call_args(call);
	struct buffer_fill fill = { .end = UINT64_MAX, .text = "", .encoding = ENCODING_UTF8 };
	struct buffer *buffer;
	int r = param_buffer(call, "id", &buffer, refusal);

	(void)args_get_string(args, "value", &fill.text);
	if (r == 0)
		r = param_encoding(args, &fill.encoding, refusal);
	if (r == 0)
		r = param_position(args, "offset", buffer->length, &fill.offset, refusal);
	if (r == 0)
		r = param_position(args, "end", buffer->length, &fill.end, refusal);
	return r ? r : buffer_fill(buffer, &fill, filled, call, refusal);
}

/* Copy */

static void copied(void *data, int result, int64_t value, const struct refusal *refusal)
{
	cmd_buffer_reply_int(data, result, "bytesCopied", value, refusal);
}

/* Of Copy and Compare. */
static int param_pair(struct call *call, struct buffer **ret_source, struct buffer **ret_target,
		      struct refusal *refusal)
{
	int r = param_buffer(call, "source", ret_source, refusal);

	return r ? r : param_buffer(call, "target", ret_target, refusal);
}

int cmd_buffer_copy(struct call *call, struct refusal *refusal)
{
	const cJSON *args = call_args(call);
	struct buffer_copy copy = { .source_end = INT64_MAX };
	struct buffer *source, *target;
	int r = param_pair(call, &source, &target, refusal);

	(void)args_get_int(args, "targetStart", &copy.target_start);
	(void)args_get_int(args, "sourceStart", &copy.source_start);
	(void)args_get_int(args, "sourceEnd", &copy.source_end);
	return r ? r : buffer_copy(source, target, &copy, copied, call, refusal);
}

/* Concat */

static int find_sources(struct call *call, const cJSON *list, struct buffer **sources,
			struct refusal *refusal)
{
	const cJSON *item;
	size_t count = 0;
	uint64_t id;
	int r = 0;

	cJSON_ArrayForEach(item, list) {
		if (!id_parse(ID_BUFFER, item->valuestring, &id))
			return refuse_text(refusal, REFUSAL_NO_SUCH_BUFFER, item->valuestring);
		r = buffer_find(call_user(call), id, &sources[count++], refusal);
		if (r)
			return r;
	}
	return 0;
}

int cmd_buffer_concat(struct call *call, struct refusal *refusal)
{
	struct buffer_concat concat = { .total_length = UINT64_MAX };
	const cJSON *args = call_args(call), *list = NULL;
	struct buffer **sources;
	int r = 0;

	(void)args_get_array(args, "sources", &list);
	concat.count = (size_t)cJSON_GetArraySize(list);
	/* Of nothing there is nothing, whatever length is asked for, as Node says. */
	if (concat.count > 0)
		r = param_position(args, "totalLength", INT64_MAX, &concat.total_length, refusal);
	if (r)
		return r;
	sources = calloc(concat.count + 1, sizeof(struct buffer *));
	if (!sources)
		return -ENOMEM;
	concat.sources = sources;
	r = find_sources(call, list, sources, refusal);
	if (r == 0)
		r = buffer_concat(call_holder(call), &concat, cmd_buffer_made, call, refusal);
	free(sources);
	return r;
}

/* Compare */

static void compared(void *data, int result, int64_t value, const struct refusal *refusal)
{
	cmd_buffer_reply_int(data, result, "order", value, refusal);
}

int cmd_buffer_compare(struct call *call, struct refusal *refusal)
{
	struct buffer *source, *target;
	int r = param_pair(call, &source, &target, refusal);

	return r ? r : buffer_compare(source, target, compared, call);
}

/* IndexOf */

static void looked(void *data, int result, int64_t value, const struct refusal *refusal)
{
	struct call *call = data;
	struct args args;

	if (result || value >= 0) {
		cmd_buffer_reply_int(call, result, "offset", value, refusal);
		return;
	}
	args_init(&args);
	args_add_null(&args, "offset");
	call_reply(call, &args);
}

int cmd_buffer_index_of(struct call *call, struct refusal *refusal)
{
	const cJSON *args = call_args(call);
	struct buffer_find_request request = { .text = "", .encoding = ENCODING_UTF8 };
	struct buffer *buffer;
	int r = param_buffer(call, "id", &buffer, refusal);

	(void)args_get_string(args, "value", &request.text);
	(void)args_get_bool(args, "last", &request.last);
	request.offset = request.last ? INT64_MAX : 0;
	(void)args_get_int(args, "offset", &request.offset);
	if (r == 0)
		r = param_encoding(args, &request.encoding, refusal);
	return r ? r : buffer_index_of(buffer, &request, looked, call);
}

/* Swap */

static void swapped(void *data, int result, int64_t value, const struct refusal *refusal)
{
	struct call *call = data;

	(void)value;
	if (result)
		call_fail(call, result, refusal);
	else
		call_reply_empty(call);
}

int cmd_buffer_swap(struct call *call, struct refusal *refusal)
{
	struct buffer *buffer;
	int64_t width = 0;
	int r = param_buffer(call, "id", &buffer, refusal);

	(void)args_get_int(call_args(call), "width", &width);
	return r ? r : buffer_swap(buffer, width, swapped, call, refusal);
}
