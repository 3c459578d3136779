/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/pipe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/fd.h"
#include "daemon/objects/conduit_source.h"
#include "daemon/objects/pipe_sink.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stores.h"

static void pipe_free(struct pipe *pipe)
{
	list_remove(&pipe->registry_link);
	pipe_stream_fini(pipe);
	conduit_fini(&pipe->conduit);
	if (pipe->buffer)
		buffer_unpin(pipe->buffer);
	fd_close(pipe->request.destination_fd);
	fd_close(pipe->request.directory_fd);
	labels_fini(&pipe->request.labels);
	free(pipe->absolute_path);
	free(pipe->store);
	free(pipe->path);
	free(pipe);
}

void pipe_get_progress(const struct pipe *pipe, struct pipe_progress *ret_progress)
{
	struct stream_runtime runtime;

	*ret_progress = (struct pipe_progress){
		.stream = pipe->stream_id,
		.read_bytes = conduit_read_bytes(&pipe->conduit),
		.written_bytes = pipe->written,
		.total_bytes = conduit_total_bytes(&pipe->conduit),
		.path = pipe->absolute_path,
		.digest = pipe->digest[0] ? pipe->digest : NULL,
	};
	if (!pipe->stream)
		return;
	stream_get_runtime(pipe->stream, &runtime);
	ret_progress->written_bytes = runtime.bytes_written;
	ret_progress->path = runtime.path;
	ret_progress->digest = runtime.digest;
}

/* ---- the end ---- */

static void end(struct pipe *pipe, int result, const struct refusal *refusal)
{
	struct pipe_progress progress;

	pipe_get_progress(pipe, &progress);
	if (!pipe->given_up)
		pipe->hooks.done(pipe->hooks.data, result, &progress, refusal);
	pipe_free(pipe);
}

static void on_done(struct conduit *conduit)
{
	struct pipe *pipe = pipe_of(conduit);
	struct refusal refusal;

	if (conduit->outcome == 0) {
		end(pipe, 0, NULL);
		return;
	}
	conduit_note_fault(conduit, "pipe", conduit->outcome, NULL, -1);
	end(pipe, refuse_failed(&refusal, pipe->stream_id, &conduit->fault), &refusal);
}

void pipe_give_up(struct pipe *pipe)
{
	pipe->given_up = true;
	pipe->holder = NULL;
	conduit_give_up(&pipe->conduit, -ECANCELED);
}

/* ---- the beginning ---- */

void pipe_opened(struct pipe *pipe, int result)
{
	if (result == 0 && pipe->holder->gone)
		result = -ECANCELED;
	if (result != 0) {
		end(pipe, result, &pipe->refusal);
		return;
	}
	pipe->conduit.done = on_done;
	pipe->conduit.sink = pipe->buffer ? &pipe_buffer_sink : &pipe_stream_sink;
	pipe->hooks.begun(pipe->hooks.data, pipe);
	conduit_begin(&pipe->conduit);
}

static void source_opened(struct conduit *conduit, int result, const struct refusal *refusal)
{
	struct pipe *pipe = pipe_of(conduit);

	if (result == REFUSED)
		pipe->refusal = *refusal;
	if (result < 0 && fault_is_set(&conduit->fault))
		result = refuse_failed(&pipe->refusal, 0, &conduit->fault);
	/* A connection that is gone holds nothing new. */
	if (result == 0 && pipe->holder->gone)
		result = -ECANCELED;
	if (result == 0 && !pipe->buffer) {
		result = pipe_stream_open(pipe, &pipe->refusal);
		if (result == 0)
			return;
	}
	pipe_opened(pipe, result);
}

static int copy_text(const char *text, char **ret_copy)
{
	if (!text)
		return 0;
	*ret_copy = strdup(text);
	return *ret_copy ? 0 : -ENOMEM;
}

/* The request outlives the call: its texts are copied, what it owns is moved. */
static int keep_request(struct pipe *pipe, struct stream_request *request)
{
	int r = copy_text(request->store, &pipe->store);

	if (r == 0)
		r = copy_text(request->path, &pipe->path);
	if (r < 0)
		return r;
	pipe->request.options = request->options;
	pipe->request.store = pipe->store;
	pipe->request.path = pipe->path;
	pipe->request.destination_fd = take_fd(&request->destination_fd);
	pipe->request.directory_fd = take_fd(&request->directory_fd);
	labels_move(&pipe->request.labels, &request->labels);
	return 0;
}

/* Buffers of one slab, or parts of one buffer, may share memory and yet be apart. */
static bool overlap(const struct buffer *one, const struct buffer *other)
{
	return one == other ||
	       (one->backing == other->backing && one->offset < other->offset + other->length &&
		other->offset < one->offset + one->length);
}

static int take_buffer(struct pipe *pipe, struct holder *holder, const struct pipe_request *request,
		       struct refusal *refusal)
{
	const unsigned char *unused;
	struct buffer *buffer;
	int r = buffer_find(holder->user, request->buffer, &buffer, refusal);

	if (r != 0)
		return r;
	if (request->offset != OPTION_UNSET &&
	    (request->offset < 0 || (uint64_t)request->offset > buffer->length))
		return refuse_range(refusal, "offset", 0, (int64_t)buffer->length);
	r = buffer_pin(buffer, 0, buffer->length, &unused, refusal);
	if (r != 0)
		return r;
	pipe->buffer = buffer;
	pipe->position = request->offset == OPTION_UNSET ? 0 : (uint64_t)request->offset;
	if (request->source.buffer == 0)
		return 0;
	/* It would read what it has written. */
	r = buffer_find(holder->user, request->source.buffer, &buffer, refusal);
	if (r == 0 && overlap(buffer, pipe->buffer))
		r = refuse_text(refusal, REFUSAL_PARAMETER, "buffer");
	return r;
}

static bool is_same(const char *one, const char *other, const char *without)
{
	return strcmp(one ? one : without, other ? other : without) == 0;
}

/* It would cut off, or write over, what it has yet to read. */
static bool spoils_source(const struct pipe_request *request)
{
	const struct stream_request *sink = &request->sink;
	int64_t open = sink->options.open;

	return (open == STREAM_OPEN_TRUNCATE || open == STREAM_OPEN_UPDATE) && sink->path &&
	       sink->directory_fd < 0 && request->source.path &&
	       is_same(sink->path, request->source.path, "") &&
	       is_same(sink->store, request->source.store, STORE_DEFAULT_NAME);
}

static int check_sink(const struct pipe_request *request, struct refusal *refusal)
{
	const struct stream_options *options = &request->sink.options;

	if (request->buffer != 0 && request->sink_given)
		return refuse_text(refusal, REFUSAL_PARAMETER, "buffer");
	if (request->buffer == 0 && !request->sink_given)
		return refuse_text(refusal, REFUSAL_PARAMETER, "context");
	if (request->buffer == 0 && request->offset != OPTION_UNSET)
		return refuse_text(refusal, REFUSAL_PARAMETER, "offset");
	if (request->buffer == 0 && options->steps_count > 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, "context.steps");
	/* There is no producer that could come back. */
	if (request->buffer == 0 && options->on_disconnect != OPTION_UNSET &&
	    options->on_disconnect != STREAM_DISCONNECT_ABORT)
		return refuse_text(refusal, REFUSAL_PARAMETER, "context.onDisconnect");
	if (request->buffer == 0 && spoils_source(request))
		return refuse_text(refusal, REFUSAL_PARAMETER, "context.path");
	return 0;
}

static int set_up(struct pipe *pipe, struct holder *holder, struct pipe_request *request,
		  struct refusal *refusal)
{
	int r = request->buffer ? take_buffer(pipe, holder, request, refusal) : 0;

	return r ? r :
		   conduit_open(&pipe->conduit, holder, &request->source, source_opened, refusal);
}

int pipe_start(struct holder *holder, struct pipe_request *request, const struct pipe_hooks *hooks,
	       struct refusal *refusal)
{
	struct pipe *pipe;
	int r = check_sink(request, refusal);

	if (r != 0)
		return r;
	pipe = calloc(1, sizeof(*pipe));
	if (!pipe)
		return -ENOMEM;
	pipe->holder = holder;
	pipe->hooks = *hooks;
	pipe->request.destination_fd = -1;
	pipe->request.directory_fd = -1;
	labels_init(&pipe->request.labels);
	list_init(&pipe->observer.link);
	list_append(&holder->user->registry->pipes, &pipe->registry_link);
	r = keep_request(pipe, &request->sink);
	if (r == 0)
		r = set_up(pipe, holder, request, refusal);
	if (r != 0)
		pipe_free(pipe);
	return r;
}

static struct pipe *find_user_of(const struct registry *registry, const struct pool *pool)
{
	list_for_each(link, &registry->pipes) {
		struct pipe *pipe = container_of(link, struct pipe, registry_link);

		if (pipe->conduit.begun && !fault_is_set(&pipe->conduit.fault) &&
		    ((pipe->buffer && pipe->buffer->pool == pool) ||
		     conduit_source_reads(pipe->conduit.source, pool)))
			return pipe;
	}
	return NULL;
}

void pipe_fail_users_of(struct registry *registry, const struct pool *pool)
{
	struct pipe *pipe;

	/* Who is told may take others with it, so each is looked for anew. */
	while ((pipe = find_user_of(registry, pool))) {
		conduit_note_fault(&pipe->conduit, "pool", -ECANCELED, NULL, -1);
		conduit_give_up(&pipe->conduit, -ECANCELED);
	}
}
