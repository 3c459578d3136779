/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "daemon/base/fd.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/events.h"
#include "daemon/ctl/listing.h"
#include "daemon/ctl/param.h"
#include "daemon/ctl/stream_param.h"
#include "daemon/ctl/view.h"
#include "daemon/objects/readable.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/streams.h"
#include "proto/args.h"

/* io.forebay.stream */

#define PROGRESS_INTERVAL_USEC INT64_C(1000000)

static void opened(void *data, int result, struct stream *stream, struct stream_ring_fds *ring,
		   const struct refusal *refusal)
{
	struct call *call = data;
	struct args args;
	size_t fd_count;
	int fds[2];

	if (result) {
		fd_close(ring->memory_fd);
		fd_close(ring->signal_fd);
		call_fail(call, result, refusal);
		return;
	}
	args_init(&args);
	args_add_string(&args, "token", stream_token(stream));
	view_stream(&args, stream);
	fd_count = view_ring(&args, ring, fds);
	call_reply_fds(call, &args, fds, fd_count);
}

static int take_destination(struct call *call, struct stream_request *request,
			    struct refusal *refusal)
{
	int r = call_take_fd(call, "fileDescriptorIndex", &request->destination_fd, refusal);

	if (r == 0)
		r = call_take_fd(call, "directoryFileDescriptorIndex", &request->directory_fd,
				 refusal);
	return r ? r : call_take_no_more(call, refusal);
}

static int open_stream(struct call *call, struct refusal *refusal)
{
	struct stream_request request = { .destination_fd = -1, .directory_fd = -1 };
	int r;

	labels_init(&request.labels);
	r = stream_param_request(call_args(call), &request, refusal);
	if (r == 0 && request.options.ring_bytes > 0)
		r = call_reserve_descriptors(call, 2, refusal);
	if (r == 0)
		r = take_destination(call, &request, refusal);
	if (r == 0)
		r = stream_open(call_holder(call), &request, opened, call, refusal);
	if (r) {
		fd_close(request.destination_fd);
		fd_close(request.directory_fd);
	}
	labels_fini(&request.labels);
	return r;
}

static int attach(struct call *call, struct refusal *refusal)
{
	struct stream_ring_fds ring = { .ring_bytes = 0 };
	struct stream *stream;
	const char *token = "";
	struct args args;
	size_t fd_count;
	int fds[2];
	int r = param_stream(call, "id", &stream, refusal);

	(void)args_get_string(call_args(call), "token", &token);
	if (r == 0)
		r = call_reserve_descriptors(call, 2, refusal);
	if (r == 0)
		r = stream_attach(stream, call_holder(call), token, &ring, refusal);
	if (r)
		return r;
	args_init(&args);
	view_stream_context(&args, stream);
	view_stream_runtime(&args, stream);
	fd_count = view_ring(&args, &ring, fds);
	call_reply_fds(call, &args, fds, fd_count);
	return 0;
}

static int write_chunk(struct call *call, struct refusal *refusal)
{
	struct stream_written written;
	struct stream_chunk chunk;
	struct stream *stream;
	struct args args;
	int r = param_stream(call, "id", &stream, refusal);

	if (r == 0)
		r = stream_param_chunk(call_args(call), true, &chunk, refusal);
	if (r == 0)
		r = stream_write(stream, call_holder(call), &chunk, &written, refusal);
	if (r)
		return r;
	args_init(&args);
	view_count(&args, "sequence", written.sequence);
	args_add_bool(&args, "writable", written.writable);
	args_add_bool(&args, "needDrain", written.need_drain);
	view_count(&args, "writableLength", written.writable_length);
	call_reply(call, &args);
	return 0;
}

static int end_stream(struct call *call, struct refusal *refusal)
{
	uint64_t writable_length;
	struct stream_chunk chunk;
	struct stream *stream;
	struct args args;
	int r = param_stream(call, "id", &stream, refusal);

	if (r == 0)
		r = stream_param_chunk(call_args(call), false, &chunk, refusal);
	if (r == 0)
		r = stream_end(stream, call_holder(call), &chunk, &writable_length, refusal);
	if (r)
		return r;
	args_init(&args);
	view_count(&args, "writableLength", writable_length);
	call_reply(call, &args);
	return 0;
}

static int change_cork(struct call *call, struct refusal *refusal,
		       int (*change)(struct stream *, struct holder *, uint32_t *,
				     struct refusal *))
{
	struct stream *stream;
	uint32_t corked;
	struct args args;
	int r = param_stream(call, "id", &stream, refusal);

	if (r == 0)
		r = change(stream, call_holder(call), &corked, refusal);
	if (r)
		return r;
	args_init(&args);
	args_add_int(&args, "corked", corked);
	call_reply(call, &args);
	return 0;
}

static int cork(struct call *call, struct refusal *refusal)
{
	return change_cork(call, refusal, stream_cork);
}

static int uncork(struct call *call, struct refusal *refusal)
{
	return change_cork(call, refusal, stream_uncork);
}

static void wait_done(struct stream_wait *wait, int result, const struct refusal *refusal)
{
	struct call *call = wait->owner;
	struct args args;

	call->cancel = NULL;
	call->data = NULL;
	if (result) {
		call_fail(call, result, refusal);
	} else {
		args_init(&args);
		view_stream_runtime(&args, wait->stream);
		call_reply(call, &args);
	}
	free(wait);
}

static void wait_cancel(struct call *call)
{
	stream_wait_cancel(call->data);
	free(call->data);
}

static int parse_wait(const cJSON *args, int64_t *ret_level, int64_t *ret_timeout_usec,
		      struct refusal *refusal)
{
	static const char *const names[] = { "drain",	  "written", "synced",
					     "published", "finish",  NULL };
	int level;

	*ret_level = args_get_enum(args, "level", names, &level) ? level : OPTION_UNSET;
	*ret_timeout_usec = OPTION_UNSET;
	return param_number(args, "timeoutUSec", 0, ret_timeout_usec, refusal);
}

static int wait_for(struct call *call, struct refusal *refusal)
{
	struct stream_wait *wait;
	struct stream *stream;
	int64_t level, timeout_usec;
	int r = param_stream(call, "id", &stream, refusal);

	if (r == 0)
		r = parse_wait(call_args(call), &level, &timeout_usec, refusal);
	if (r)
		return r;
	wait = calloc(1, sizeof(*wait));
	if (!wait)
		return -ENOMEM;
	wait->done = wait_done;
	wait->owner = call;
	r = stream_wait(stream, wait, level, timeout_usec, refusal);
	if (r) {
		free(wait);
		return r;
	}
	call->data = wait;
	call->cancel = wait_cancel;
	return 0;
}

/* Some verbs are those of readable streams too: one of the two is NULL. */
static int param_either(struct call *call, struct stream **ret_stream,
			struct readable **ret_readable, struct refusal *refusal)
{
	*ret_stream = NULL;
	if (param_readable(call, "id", ret_readable, refusal) == 0)
		return 0;
	*ret_readable = NULL;
	return param_stream(call, "id", ret_stream, refusal);
}

static int pause_stream(struct call *call, struct refusal *refusal)
{
	struct readable *readable;
	struct stream *stream;
	int r = param_either(call, &stream, &readable, refusal);

	if (r == 0)
		r = readable ? readable_pause(readable, refusal) : stream_pause(stream, refusal);
	if (r == 0)
		call_reply_empty(call);
	return r;
}

static int resume_stream(struct call *call, struct refusal *refusal)
{
	struct readable *readable;
	struct stream *stream;
	int r = param_either(call, &stream, &readable, refusal);

	if (r == 0)
		r = readable ? readable_resume(readable, refusal) : stream_resume(stream, refusal);
	if (r == 0)
		call_reply_empty(call);
	return r;
}

static int set_rate(struct call *call, struct refusal *refusal)
{
	int64_t bytes_per_second = 0;
	struct stream *stream;
	int r = param_stream(call, "id", &stream, refusal);

	if (r == 0)
		r = param_number(call_args(call), "rateBytesPerSecond", 0, &bytes_per_second,
				 refusal);
	if (r == 0)
		r = stream_set_rate(stream, bytes_per_second, refusal);
	if (r == 0)
		call_reply_empty(call);
	return r;
}

static int abort_stream(struct call *call, struct refusal *refusal)
{
	const char *reason = NULL;
	uint64_t discarded_bytes;
	struct readable *readable;
	struct stream *stream;
	struct args args;
	int r = param_either(call, &stream, &readable, refusal);

	(void)args_get_string(call_args(call), "reason", &reason);
	if (r == 0)
		r = readable ? readable_abort(readable, &discarded_bytes, refusal) :
			       stream_abort(stream, reason, &discarded_bytes, refusal);
	if (r)
		return r;
	args_init(&args);
	view_count(&args, "discardedBytes", discarded_bytes);
	call_reply(call, &args);
	return 0;
}

static int describe(struct call *call, struct refusal *refusal)
{
	struct stream *stream;
	struct args args;
	int r = param_stream(call, "id", &stream, refusal);

	if (r)
		return r;
	args_init(&args);
	view_stream_context(&args, stream);
	view_stream_runtime(&args, stream);
	call_reply(call, &args);
	return 0;
}

static bool view_item(struct call *call, const void *item, struct args *args)
{
	struct refusal refusal;
	struct stream *stream;
	uint64_t id;

	memcpy(&id, item, sizeof(id));
	if (stream_find(call_user(call), id, &stream, &refusal))
		return false;
	view_stream(args, stream);
	return true;
}

static bool add_item(void *data, struct stream *stream)
{
	struct stream_runtime runtime;

	stream_get_runtime(stream, &runtime);
	listing_add(data, &runtime.id);
	return true;
}

static int list(struct call *call, struct refusal *refusal)
{
	struct listing *listing = listing_new(sizeof(uint64_t), view_item);

	if (!listing)
		return -ENOMEM;
	stream_for_each(call_user(call), add_item, listing);
	return listing_start(listing, call, refusal);
}

/* Every event where no list is given; overflow is sent in any case. */
static uint32_t parse_events(const cJSON *args)
{
	const cJSON *list, *name;
	uint32_t wanted = 0;

	if (!args_get_array(args, "events", &list))
		return UINT32_MAX;
	cJSON_ArrayForEach(name, list)
		for (int event = 0; event < STREAM_EVENTS; event++)
			if (args_enum_matches(name->valuestring,
					      stream_event_name((enum stream_event)event)))
				wanted |= UINT32_C(1) << event;
	return wanted;
}

static int subscribe_events(struct call *call, struct refusal *refusal)
{
	const cJSON *args = call_args(call);
	int64_t interval_usec = PROGRESS_INTERVAL_USEC;
	struct subscription_request request = { .wanted = parse_events(args) };
	const char *id;
	int r = 0;

	if (args_get_string(args, "id", &id))
		r = param_stream(call, "id", &request.stream, refusal);
	if (r == 0)
		r = param_number(args, "progressIntervalUSec", 0, &interval_usec, refusal);
	if (r)
		return r;
	if (interval_usec > INT64_MAX / 1000)
		interval_usec = INT64_MAX / 1000;
	request.progress_interval_ns = (uint64_t)interval_usec * 1000;
	return events_subscribe(call, &request, refusal);
}

const struct command cmd_stream_table[] = {
	{ "Abort", abort_stream, 0 },
	{ "Attach", attach, 0 },
	{ "Cork", cork, 0 },
	{ "Describe", describe, 0 },
	{ "DescribeReadable", cmd_readable_describe, 0 },
	{ "End", end_stream, 0 },
	{ "List", list, 0 },
	{ "ListReadables", cmd_readable_list, 0 },
	{ "Open", open_stream, COMMAND_TAKES_DESCRIPTORS },
	{ "OpenReadable", cmd_readable_open, COMMAND_TAKES_DESCRIPTORS },
	{ "Pause", pause_stream, 0 },
	{ "Pipe", cmd_pipe, COMMAND_TAKES_DESCRIPTORS },
	{ "Read", cmd_readable_read, 0 },
	{ "Resume", resume_stream, 0 },
	{ "SetRate", set_rate, 0 },
	{ "SubscribeEvents", subscribe_events, 0 },
	{ "Uncork", uncork, 0 },
	{ "Wait", wait_for, 0 },
	{ "Write", write_chunk, 0 },
	{ .member = NULL },
};
