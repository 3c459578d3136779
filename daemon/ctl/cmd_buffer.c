/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "daemon/base/fd.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/listing.h"
#include "daemon/ctl/param.h"
#include "daemon/ctl/service.h"
#include "daemon/ctl/view.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/registry.h"
#include "proto/args.h"

/* io.forebay.buffer */

/* What a reply to Read has besides the text, generously. */
#define READ_ENVELOPE_BYTES 256

static void reply_buffer(struct call *call, const struct buffer *buffer)
{
	struct args args;

	args_init(&args);
	view_buffer(&args, "buffer", buffer);
	call_reply(call, &args);
}

void cmd_buffer_made(void *data, int result, struct buffer *buffer, const struct refusal *refusal)
{
	struct call *call = data;

	if (result)
		call_fail(call, result, refusal);
	else
		reply_buffer(call, buffer);
}

/* What Alloc and From have in common. */
static int parse_request(const cJSON *args, struct buffer_request *request, struct refusal *refusal)
{
	int r;

	(void)args_get_string(args, "pool", &request->pool);
	r = param_encoding(args, &request->encoding, refusal);
	return r ? r : param_labels(args, &request->labels, refusal);
}

static int parse_alloc(const cJSON *args, struct buffer_request *request, struct refusal *refusal)
{
	const char *initialize = "zero";

	(void)args_get_string(args, "initialize", &initialize);
	request->unsafe = strcmp(initialize, "unsafe") == 0;
	(void)args_get_string(args, "fill", &request->fill);
	return param_position(args, "length", INT64_MAX, &request->length, refusal);
}

static int alloc(struct call *call, struct refusal *refusal)
{
	struct buffer_request request = { .encoding = ENCODING_UTF8 };
	int r;

	labels_init(&request.labels);
	r = parse_request(call_args(call), &request, refusal);
	if (r == 0)
		r = parse_alloc(call_args(call), &request, refusal);
	if (r == 0)
		r = buffer_alloc(call_holder(call), &request, cmd_buffer_made, call, refusal);
	labels_fini(&request.labels);
	return r;
}

static int from_source(struct call *call, struct buffer_request *request, struct refusal *refusal)
{
	const char *text = NULL;
	int source_fd;
	int r = call_take_fd(call, "fileDescriptorIndex", &source_fd, refusal);

	if (r)
		return r;
	(void)args_get_string(call_args(call), "data", &text);
	if (source_fd < 0 && !text)
		return refuse_text(refusal, REFUSAL_PARAMETER, "data");
	if (source_fd < 0 && call_take_no_more(call, refusal))
		return REFUSED;
	if (source_fd < 0)
		return buffer_from_text(call_holder(call), request, text, cmd_buffer_made, call,
					refusal);
	if (text)
		r = refuse_text(refusal, REFUSAL_PARAMETER, "data");
	else if (call_take_no_more(call, refusal))
		r = REFUSED;
	else
		r = buffer_from_fd(call_holder(call), request, source_fd, cmd_buffer_made, call,
				   refusal);
	if (r)
		fd_close(source_fd);
	return r;
}

static int from(struct call *call, struct refusal *refusal)
{
	struct buffer_request request = { .encoding = ENCODING_UTF8 };
	int r;

	labels_init(&request.labels);
	r = parse_request(call_args(call), &request, refusal);
	if (r == 0)
		r = from_source(call, &request, refusal);
	labels_fini(&request.labels);
	return r;
}

static int describe(struct call *call, struct refusal *refusal)
{
	struct buffer *buffer;
	int r = param_buffer(call, "id", &buffer, refusal);

	if (r)
		return r;
	reply_buffer(call, buffer);
	return 0;
}

static bool view_item(struct call *call, const void *item, struct args *args)
{
	struct refusal refusal;
	struct buffer *buffer;
	uint64_t id;

	memcpy(&id, item, sizeof(id));
	if (buffer_find(call_user(call), id, &buffer, &refusal))
		return false;
	view_buffer(args, "buffer", buffer);
	return true;
}

static void list_pool(struct listing *listing, const struct pool *pool)
{
	list_for_each(link, &pool->buffers)
		listing_add(listing, &container_of(link, struct buffer, pool_link)->id);
}

static void list_all(struct listing *listing, const struct user *me)
{
	list_for_each(user_link, &me->registry->users) {
		const struct user *user = container_of(user_link, struct user, registry_link);

		if (!user_may_use(me, user->uid))
			continue;
		list_for_each(pool_link, &user->pools)
			list_pool(listing, container_of(pool_link, struct pool, user_link));
	}
}

static int list(struct call *call, struct refusal *refusal)
{
	struct user *me = call_user(call);
	const char *name = NULL;
	struct listing *listing;
	struct pool *pool = NULL;
	int r;

	if (args_get_string(call_args(call), "pool", &name)) {
		r = pool_find(me, me->uid, name, &pool, refusal);
		if (r)
			return r;
	}
	listing = listing_new(sizeof(uint64_t), view_item);
	if (!listing)
		return -ENOMEM;
	if (pool)
		list_pool(listing, pool);
	else
		list_all(listing, me);
	return listing_start(listing, call, refusal);
}

static void read_done(void *data, int result, char *text, uint64_t bytes,
		      const struct refusal *refusal)
{
	struct call *call = data;
	struct args args;

	if (result) {
		call_fail(call, result, refusal);
		return;
	}
	args_init(&args);
	args_add_string(&args, "data", text);
	view_count(&args, "bytesRead", bytes);
	free(text);
	call_reply(call, &args);
}

static int read_text(struct call *call, struct refusal *refusal)
{
	uint64_t limit_bytes = call_service(call)->limits.message_bytes - READ_ENVELOPE_BYTES;
	enum encoding encoding = ENCODING_BASE64;
	uint64_t offset = 0, length;
	struct buffer *buffer;
	int r = param_buffer(call, "id", &buffer, refusal);

	if (r == 0)
		r = param_encoding(call_args(call), &encoding, refusal);
	if (r == 0)
		r = param_position(call_args(call), "offset", buffer->length, &offset, refusal);
	if (r)
		return r;
	length = buffer->length - offset;
	r = param_position(call_args(call), "length", length, &length, refusal);
	if (r)
		return r;
	return buffer_read(buffer, offset, length, encoding, limit_bytes, read_done, call, refusal);
}

static void write_done(void *data, int result, uint64_t bytes, const struct refusal *refusal)
{
	cmd_buffer_reply_int(data, result, "bytesWritten", (int64_t)bytes, refusal);
}

static int write_text(struct call *call, struct refusal *refusal)
{
	const cJSON *args = call_args(call);
	enum encoding encoding = ENCODING_UTF8;
	uint64_t offset = 0, length = UINT64_MAX;
	struct buffer *buffer;
	const char *text = "";
	int r = param_buffer(call, "id", &buffer, refusal);

	(void)args_get_string(args, "data", &text);
	if (r == 0)
		r = param_encoding(args, &encoding, refusal);
	if (r == 0)
		r = param_position(args, "offset", buffer->length, &offset, refusal);
	if (r == 0)
		r = param_position(args, "length", buffer->length - offset, &length, refusal);
	if (r)
		return r;
	return buffer_write(buffer, offset, length, text, encoding, write_done, call, refusal);
}

static int slice(struct call *call, struct refusal *refusal)
{
	struct buffer *buffer, *part;
	int64_t start = 0, end = INT64_MAX;
	int r = param_buffer(call, "id", &buffer, refusal);

	(void)args_get_int(call_args(call), "start", &start);
	(void)args_get_int(call_args(call), "end", &end);
	if (r == 0)
		r = buffer_slice(call_holder(call), buffer, start, end, &part, refusal);
	if (r)
		return r;
	reply_buffer(call, part);
	return 0;
}

static int give_up(struct call *call, struct refusal *refusal)
{
	struct buffer *buffer;
	uint64_t freed_bytes;
	struct args args;
	int r = param_buffer(call, "id", &buffer, refusal);

	if (r == 0)
		r = buffer_free(buffer, &freed_bytes, refusal);
	if (r)
		return r;
	args_init(&args);
	view_count(&args, "freedBytes", freed_bytes);
	call_reply(call, &args);
	return 0;
}

const struct command cmd_buffer_table[] = {
	{ "Alloc", alloc, 0 },
	{ "Compare", cmd_buffer_compare, 0 },
	{ "Concat", cmd_buffer_concat, 0 },
	{ "Copy", cmd_buffer_copy, 0 },
	{ "Describe", describe, 0 },
	{ "Fill", cmd_buffer_fill, 0 },
	{ "Free", give_up, 0 },
	{ "From", from, COMMAND_TAKES_DESCRIPTORS },
	{ "GetNumber", cmd_buffer_get_number, 0 },
	{ "IndexOf", cmd_buffer_index_of, 0 },
	{ "List", list, 0 },
	{ "Read", read_text, 0 },
	{ "SetNumber", cmd_buffer_set_number, 0 },
	{ "Slice", slice, 0 },
	{ "Swap", cmd_buffer_swap, 0 },
	{ "Write", write_text, 0 },
	{ .member = NULL },
};
