/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/forebay_readable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/connection.h"
#include "client/deadline.h"
#include "client/forebay.h"
#include "client/readable_options.h"
#include "client/sized.h"
#include "client/stream_options.h"
#include "proto/args.h"

/* The struct as it was in the first version. */
#define SIZE_FIRST                                                                                 \
	(offsetof(struct forebay_pipe_options, timeout_usec) +                                     \
	 sizeof(((struct forebay_pipe_options *)0)->timeout_usec))

/* Of the source one, of the sink two at most. */
#define FDS_MAX 3

void forebay_pipe_progress_free(struct forebay_pipe_progress *progress)
{
	if (!progress)
		return;
	free((char *)progress->id);
	free((char *)progress->path);
	free((char *)progress->digest);
	free((char *)progress->parameters);
	free(progress);
}

static int add_source(const struct forebay_pipe_options *options, struct args *args, int *fds,
		      size_t *count)
{
	struct forebay_readable_options source;
	int r;

	if (!options->source)
		return -EINVAL;
	r = readable_options_read(options->source, &source);
	if (r)
		return r;
	if (source.ring_bytes != 0)
		return -EINVAL;
	return readable_options_add(&source, args, "sourceFileDescriptorIndex", fds, count);
}

static int add_sink(const struct forebay_pipe_options *options, struct args *args, int *fds,
		    size_t *count)
{
	struct forebay_stream_options sink;
	int r;

	args_add_optional_string(args, "buffer", options->buffer);
	if (options->buffer_offset != FOREBAY_UNSET)
		args_add_int(args, "offset", options->buffer_offset);
	if (!options->sink)
		return 0;
	r = stream_options_read(options->sink, &sink);
	if (r)
		return r;
	if (sink.ring_bytes != 0)
		return -EINVAL;
	return stream_options_add_sink(&sink, args, fds, count);
}

static int send_call(struct forebay_connection *connection,
		     const struct forebay_pipe_options *options)
{
	int numbers[FDS_MAX];
	struct forebay_fds fds = { .fds = numbers };
	struct connection_call call = {
		.method = "io.forebay.stream.Pipe",
		.fds = &fds,
		.more = true,
		.timeout_usec = options->timeout_usec,
	};
	struct args args;
	char *text;
	int r;

	args_init(&args);
	r = add_source(options, &args, numbers, &fds.count);
	if (r == 0)
		r = add_sink(options, &args, numbers, &fds.count);
	if (r) {
		args_fini(&args);
		return r;
	}
	if (options->progress_interval_usec != FOREBAY_UNSET)
		args_add_int(&args, "progressIntervalUSec", options->progress_interval_usec);
	r = args_take_text(&args, &text);
	if (r)
		return r;
	call.parameters = text;
	r = connection_send(connection, &call);
	cJSON_free(text);
	return r;
}

static int copy_text(const cJSON *object, const char *name, const char **ret_text)
{
	const char *text;

	if (!args_get_string(object, name, &text))
		return 0;
	*ret_text = strdup(text);
	return *ret_text ? 0 : -ENOMEM;
}

static int fill(struct forebay_pipe_progress *progress, const cJSON *answer)
{
	int64_t read, written;
	bool done;
	int r;

	if (!args_get_bool(answer, "done", &done) ||
	    args_get_int_within(answer, "bytesRead", 0, INT64_MAX, &read) ||
	    args_get_int_within(answer, "bytesWritten", 0, INT64_MAX, &written))
		return -EPROTO;
	progress->done = done;
	progress->bytes_read = (uint64_t)read;
	progress->bytes_written = (uint64_t)written;
	progress->total_bytes = FOREBAY_UNSET;
	(void)args_get_int(answer, "totalBytes", &progress->total_bytes);
	r = copy_text(answer, "id", &progress->id);
	if (r == 0)
		r = copy_text(answer, "path", &progress->path);
	if (r == 0)
		r = copy_text(answer, "digest", &progress->digest);
	return r;
}

/* The reply's text goes over to what is made of it. */
static int make_progress(struct forebay_reply *reply, struct forebay_pipe_progress **ret_progress)
{
	struct forebay_pipe_progress *progress = calloc(1, sizeof(*progress));
	cJSON *answer = cJSON_Parse(reply->parameters);
	int r = -ENOMEM;

	if (progress && answer)
		r = fill(progress, answer);
	cJSON_Delete(answer);
	if (r == 0 && progress->done != !reply->continues)
		r = -EPROTO;
	if (r) {
		forebay_pipe_progress_free(progress);
		return r;
	}
	progress->parameters = reply->parameters;
	reply->parameters = NULL;
	*ret_progress = progress;
	return 0;
}

static int receive_progress(struct forebay_connection *connection, uint64_t deadline_ns,
			    struct forebay_pipe_progress **ret_progress)
{
	struct forebay_reply reply;
	int r;

	r = connection_receive(connection, deadline_ns, &reply);
	if (r)
		return r;
	r = make_progress(&reply, ret_progress);
	forebay_reply_fini(&reply);
	return r;
}

static int follow(struct forebay_connection *connection, uint64_t deadline_ns,
		  forebay_pipe_progress_fn progress_fn, void *data,
		  struct forebay_pipe_progress **ret_result)
{
	for (;;) {
		struct forebay_pipe_progress *progress = NULL;
		int r;

		r = receive_progress(connection, deadline_ns, &progress);
		if (r)
			return r;
		if (progress->done) {
			*ret_result = progress;
			return 0;
		}
		r = progress_fn && progress_fn(progress, data) ? -ECANCELED : 0;
		forebay_pipe_progress_free(progress);
		if (r)
			return r;
	}
}

/* A connection of its own: whose end, whatever the reason, is the end of the pipe. */
static int pipe_on(struct forebay_connection *connection,
		   const struct forebay_pipe_options *options, forebay_pipe_progress_fn progress_fn,
		   void *data, struct forebay_pipe_progress **ret_result)
{
	uint64_t deadline_ns = deadline_after(options->timeout_usec);
	int r;

	r = send_call(connection, options);
	if (r)
		return r;
	return follow(connection, deadline_ns, progress_fn, data, ret_result);
}

int forebay_pipe(struct forebay_connection *connection, const struct forebay_pipe_options *options,
		 forebay_pipe_progress_fn progress, void *data,
		 struct forebay_pipe_progress **ret_result)
{
	struct forebay_pipe_options known = FOREBAY_PIPE_OPTIONS_INIT;
	struct forebay_pipe_progress *result = NULL;
	struct forebay_connection *own;
	int r;

	connection_clear_error(connection);
	r = sized_read(options, SIZE_FIRST, &known, sizeof(known));
	if (r)
		return r;
	r = forebay_connect(connection->socket_path, &own);
	if (r)
		return r;
	r = pipe_on(own, &known, progress, data, &result);
	if (r)
		connection_move_error(connection, own);
	forebay_disconnect(own);
	if (r)
		return r;
	if (ret_result)
		*ret_result = result;
	else
		forebay_pipe_progress_free(result);
	return 0;
}
