/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include <cjson/cJSON.h>
#include <event2/event.h>

#include "daemon/base/fd.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/param.h"
#include "daemon/ctl/stream_param.h"
#include "daemon/ctl/view.h"
#include "daemon/objects/pipe.h"
#include "daemon/objects/registry.h"
#include "proto/args.h"

/* io.forebay.stream.Pipe. */

#define PROGRESS_INTERVAL_USEC INT64_C(1000000)
#define PROGRESS_INTERVAL_USEC_MINIMUM INT64_C(10000)

/* From the moment it has begun. */
struct piping {
	struct call *call;
	struct pipe *pipe;
	struct event *timer; /* NULL: nobody wants progress */
	int64_t interval_usec;
};

static void add_progress(struct args *args, const struct pipe_progress *progress, bool done)
{
	args_init(args);
	args_add_bool(args, "done", done);
	if (progress->stream != 0)
		view_id(args, "id", ID_STREAM, progress->stream);
	view_count(args, "bytesRead", progress->read_bytes);
	view_count(args, "bytesWritten", progress->written_bytes);
	if (progress->total_bytes != UINT64_MAX)
		view_count(args, "totalBytes", progress->total_bytes);
	if (progress->path)
		view_text(args, "path", progress->path);
	args_add_optional_string(args, "digest", progress->digest);
}

static void piping_free(struct piping *piping)
{
	if (piping->timer)
		event_free(piping->timer);
	free(piping);
}

static void done(void *data, int result, const struct pipe_progress *progress,
		 const struct refusal *refusal)
{
	struct piping *piping = data;
	struct call *call = piping->call;
	struct args args;

	call->cancel = NULL;
	call->data = NULL;
	piping_free(piping);
	if (result) {
		call_fail(call, result, refusal);
		return;
	}
	add_progress(&args, progress, true);
	call_reply(call, &args);
}

static void cancel(struct call *call)
{
	struct piping *piping = call->data;

	pipe_give_up(piping->pipe);
	piping_free(piping);
}

/* False: the call has ended, and the pipe with it. */
static bool tell(struct piping *piping)
{
	struct pipe_progress progress;
	struct args args;

	/* Who does not read hears of the end only. */
	if (!call_has_room(piping->call))
		return true;
	pipe_get_progress(piping->pipe, &progress);
	add_progress(&args, &progress, false);
	return call_continue(piping->call, &args);
}

static void arm(struct piping *piping)
{
	const struct timeval interval = { piping->interval_usec / 1000000,
					  piping->interval_usec % 1000000 };

	(void)event_add(piping->timer, &interval);
}

static void on_timer(evutil_socket_t unused_fd, short unused_events, void *data)
{
	struct piping *piping = data;

	(void)unused_fd;
	(void)unused_events;
	if (tell(piping))
		arm(piping);
}

static void begun(void *data, struct pipe *pipe)
{
	struct piping *piping = data;

	piping->pipe = pipe;
	piping->call->data = piping;
	piping->call->cancel = cancel;
	/* At once, but not from within the pipe's own beginning. */
	if (piping->timer)
		event_active(piping->timer, EV_TIMEOUT, 0);
}

static int parse_sink(struct call *call, struct pipe_request *request, struct refusal *refusal)
{
	const cJSON *args = call_args(call);
	const cJSON *context;
	const char *text;
	int r = stream_param_request(args, &request->sink, refusal);

	request->sink_given = args_get_object(args, "context", &context);
	if (r == 0 && args_get_string(args, "buffer", &text))
		r = param_buffer_id(args, "buffer", &request->buffer, refusal);
	if (r == 0)
		r = param_number(args, "offset", 0, &request->offset, refusal);
	if (r == 0)
		r = call_take_fd(call, "fileDescriptorIndex", &request->sink.destination_fd,
				 refusal);
	if (r == 0)
		r = call_take_fd(call, "directoryFileDescriptorIndex", &request->sink.directory_fd,
				 refusal);
	request->sink_given |= request->sink.destination_fd >= 0 || request->sink.directory_fd >= 0;
	return r;
}

static int parse(struct call *call, struct pipe_request *request, struct refusal *refusal)
{
	int r = stream_param_source(call_args(call), &request->source, refusal);

	request->source.fd_parameter = "sourceFileDescriptorIndex";
	if (r == 0)
		r = call_take_fd(call, "sourceFileDescriptorIndex", &request->source.fd, refusal);
	if (r == 0)
		r = parse_sink(call, request, refusal);
	return r ? r : call_take_no_more(call, refusal);
}

static int make_piping(struct call *call, struct piping **ret_piping, struct refusal *refusal)
{
	int64_t interval_usec = PROGRESS_INTERVAL_USEC;
	struct piping *piping;
	int r = param_number(call_args(call), "progressIntervalUSec", 0, &interval_usec, refusal);

	if (r)
		return r;
	piping = calloc(1, sizeof(*piping));
	if (!piping)
		return -ENOMEM;
	piping->call = call;
	piping->interval_usec = interval_usec < PROGRESS_INTERVAL_USEC_MINIMUM ?
					PROGRESS_INTERVAL_USEC_MINIMUM :
					interval_usec;
	if (call_wants_more(call)) {
		piping->timer = event_new(call_user(call)->registry->base, -1, EV_TIMEOUT, on_timer,
					  piping);
		if (!piping->timer) {
			free(piping);
			return -ENOMEM;
		}
	}
	*ret_piping = piping;
	return 0;
}

int cmd_pipe(struct call *call, struct refusal *refusal)
{
	struct pipe_request request = {
		.sink = { .destination_fd = -1, .directory_fd = -1 },
		.offset = OPTION_UNSET,
	};
	struct pipe_hooks hooks = { .begun = begun, .done = done };
	struct piping *piping = NULL;
	int r;

	labels_init(&request.sink.labels);
	request.source.fd = -1;
	r = parse(call, &request, refusal);
	if (r == 0)
		r = make_piping(call, &piping, refusal);
	hooks.data = piping;
	if (r == 0)
		r = pipe_start(call_holder(call), &request, &hooks, refusal);
	if (r) {
		if (piping)
			piping_free(piping);
		fd_close(request.source.fd);
		fd_close(request.sink.destination_fd);
		fd_close(request.sink.directory_fd);
	}
	labels_fini(&request.sink.labels);
	return r;
}
