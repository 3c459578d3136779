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
#include "daemon/ctl/stream_param.h"
#include "daemon/ctl/view.h"
#include "daemon/objects/readable.h"
#include "daemon/objects/registry.h"
#include "proto/args.h"

/* The readable streams of io.forebay.stream. */

/* What a reply is beside its text. */
#define READ_ENVELOPE_BYTES 256

/* ---- OpenReadable ---- */

static void opened(void *data, int result, struct readable *readable, struct stream_ring_fds *ring,
		   const struct refusal *refusal)
{
	struct call *call = data;
	struct args args;
	size_t fd_count;
	int fds[2];

	if (result) {
		call_fail(call, result, refusal);
		return;
	}
	args_init(&args);
	view_readable(&args, readable);
	fd_count = view_ring(&args, ring, fds);
	call_reply_fds(call, &args, fds, fd_count);
}

int cmd_readable_open(struct call *call, struct refusal *refusal)
{
	const cJSON *args = call_args(call);
	struct readable_request request = { .source.fd = -1, .ring_bytes = OPTION_UNSET };
	int r = stream_param_source(args, &request.source, refusal);

	if (r == 0)
		r = param_number(args, "ringBytes", 0, &request.ring_bytes, refusal);
	if (r == 0 && request.ring_bytes != OPTION_UNSET)
		r = call_reserve_descriptors(call, 2, refusal);
	request.source.fd_parameter = "fileDescriptorIndex";
	if (r == 0)
		r = call_take_fd(call, "fileDescriptorIndex", &request.source.fd, refusal);
	if (r == 0)
		r = call_take_no_more(call, refusal);
	if (r == 0)
		r = readable_open(call_holder(call), &request, opened, call, refusal);
	if (r)
		fd_close(request.source.fd);
	return r;
}

/* ---- Read ---- */

static void read_done(struct readable_read *read, int result, char *text, uint64_t bytes,
		      bool ended, const struct refusal *refusal)
{
	struct call *call = read->owner;
	struct args args;

	call->cancel = NULL;
	call->data = NULL;
	free(read);
	if (result) {
		call_fail(call, result, refusal);
		return;
	}
	args_init(&args);
	args_add_string(&args, "data", text);
	view_count(&args, "bytesRead", bytes);
	args_add_bool(&args, "ended", ended);
	free(text);
	call_reply(call, &args);
}

static void read_cancel(struct call *call)
{
	readable_read_cancel(call->data);
	free(call->data);
}

static int parse_read(struct call *call, struct readable_read *read, int64_t *ret_timeout_usec,
		      struct refusal *refusal)
{
	const cJSON *args = call_args(call);
	int64_t length = OPTION_UNSET;
	int r = param_number(args, "length", 1, &length, refusal);

	*ret_timeout_usec = OPTION_UNSET;
	if (r == 0)
		r = param_number(args, "timeoutUSec", 0, ret_timeout_usec, refusal);
	read->encoding = ENCODING_BASE64;
	if (r == 0)
		r = param_encoding(args, &read->encoding, refusal);
	read->length = length == OPTION_UNSET ? UINT64_MAX : (uint64_t)length;
	read->limit_bytes = call_service(call)->limits.message_bytes - READ_ENVELOPE_BYTES;
	return r;
}

int cmd_readable_read(struct call *call, struct refusal *refusal)
{
	struct readable *readable;
	struct readable_read *read;
	int64_t timeout_usec;
	int r = param_readable(call, "id", &readable, refusal);

	if (r)
		return r;
	read = calloc(1, sizeof(*read));
	if (!read)
		return -ENOMEM;
	read->done = read_done;
	read->owner = call;
	r = parse_read(call, read, &timeout_usec, refusal);
	if (r == 0)
		r = readable_read(readable, read, timeout_usec, refusal);
	if (r) {
		free(read);
		return r;
	}
	call->data = read;
	call->cancel = read_cancel;
	return 0;
}

/* ---- looked at ---- */

int cmd_readable_describe(struct call *call, struct refusal *refusal)
{
	struct readable *readable;
	struct args args;
	int r = param_readable(call, "id", &readable, refusal);

	if (r)
		return r;
	args_init(&args);
	view_readable_runtime(&args, readable);
	call_reply(call, &args);
	return 0;
}

static bool view_item(struct call *call, const void *item, struct args *args)
{
	struct readable *readable;
	struct refusal refusal;
	uint64_t id;

	memcpy(&id, item, sizeof(id));
	if (readable_find(call_user(call), id, &readable, &refusal))
		return false;
	view_readable(args, readable);
	return true;
}

static bool add_item(void *data, struct readable *readable)
{
	struct readable_runtime runtime;

	readable_get_runtime(readable, &runtime);
	listing_add(data, &runtime.id);
	return true;
}

int cmd_readable_list(struct call *call, struct refusal *refusal)
{
	struct listing *listing = listing_new(sizeof(uint64_t), view_item);

	if (!listing)
		return -ENOMEM;
	readable_for_each(call_user(call), add_item, listing);
	return listing_start(listing, call, refusal);
}
