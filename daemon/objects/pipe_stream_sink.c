/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/objects/pipe_sink.h"

/*
 * The stream is written from the chunks' own memory, so a sink call is over when the stream
 * says that it is done with all of it. A stream that fails may still have a write in flight from
 * there: what has gone wrong is told when it has closed.
 */

/* ---- how it ended ---- */

static void keep_result(struct pipe *pipe, struct stream *stream)
{
	struct stream_runtime runtime;

	stream_get_runtime(stream, &runtime);
	pipe->written = runtime.bytes_written;
	free(pipe->absolute_path);
	pipe->absolute_path = runtime.path ? strdup(runtime.path) : NULL;
	(void)snprintf(pipe->digest, sizeof(pipe->digest), "%s",
		       runtime.digest ? runtime.digest : "");
	if (runtime.fault && !fault_is_set(&pipe->conduit.fault))
		pipe->conduit.fault = *runtime.fault;
}

/* What waits for the stream's end is answered. The pipe may be gone after it. */
static void answer_closed(struct pipe *pipe)
{
	struct conduit *conduit = &pipe->conduit;

	if (conduit->sink_in_hand)
		conduit_wrote(conduit, pipe->error ? pipe->error : -ECANCELED);
	else if (pipe->finishing && pipe->error) {
		pipe->finishing = false;
		conduit_finished(conduit, pipe->error);
	} else if (pipe->releasing) {
		pipe->releasing = false;
		conduit_released(conduit);
	}
}

static void on_event(struct stream_observer *observer, struct stream *stream,
		     enum stream_event event)
{
	struct pipe *pipe = observer->owner;

	if (event == STREAM_EVENT_ERROR || event == STREAM_EVENT_ABORT) {
		keep_result(pipe, stream);
		if (pipe->error == 0)
			pipe->error =
				pipe->conduit.fault.error ? -pipe->conduit.fault.error : -ECANCELED;
	}
	if (event != STREAM_EVENT_CLOSE)
		return;
	keep_result(pipe, stream);
	pipe->stream = NULL;
	/* The stream has more to do before it lets go of those who observe it. */
	stream_unobserve(observer);
	/* Not within the stream's own doing. */
	conduit_schedule(&pipe->conduit);
}

static void abort_stream(struct pipe *pipe)
{
	struct refusal refusal;
	uint64_t discarded;

	/* Refused where it has ended, or is being put in place: then it closes by itself. */
	if (pipe->stream && !pipe->aborted &&
	    stream_abort(pipe->stream, "pipe", &discarded, &refusal) < 0)
		log_warning("pipe", "its stream cannot be aborted", "id=%llx",
			    (unsigned long long)pipe->stream_id);
	pipe->aborted = true;
}

static bool turn(struct conduit *conduit)
{
	struct pipe *pipe = pipe_of(conduit);
	bool due = conduit->sink_in_hand || (pipe->finishing && pipe->error) || pipe->releasing;

	/* Another part has failed: what is in hand may be waiting for a reader that is slow. */
	if (pipe_flow_errored(&conduit->parts[conduit->flow.count - 1]))
		abort_stream(pipe);
	if (pipe->stream || pipe->waiting)
		return false;
	if (due) {
		answer_closed(pipe);
		return true;
	}
	/* It was ended while nothing was written. */
	if (!pipe->error || pipe_flow_is_destroyed(&conduit->parts[conduit->flow.count - 1]))
		return false;
	conduit_give_up(conduit, pipe->error);
	return true;
}

/* ---- writing ---- */

static void keep_fault(struct pipe *pipe, int result, const struct refusal *refusal)
{
	if (result == REFUSED && refusal->kind == REFUSAL_STREAM_FAILED)
		conduit_note_fault(&pipe->conduit, refusal->fault.operation, refusal->fault.error,
				   refusal->fault.path, refusal->fault.offset);
}

static void waited(struct stream_wait *wait, int result, const struct refusal *refusal)
{
	struct pipe *pipe = wait->owner;
	struct conduit *conduit = &pipe->conduit;

	pipe->waiting = false;
	if (result != 0) {
		keep_fault(pipe, result, refusal);
		if (pipe->error == 0)
			pipe->error = result < 0 ? result : -EIO;
		conduit_schedule(conduit);
		return;
	}
	if (pipe->finishing) {
		pipe->finishing = false;
		conduit_finished(conduit, 0);
	} else {
		conduit_wrote(conduit, 0);
	}
}

static void wait_for(struct pipe *pipe, int64_t level)
{
	struct refusal refusal;
	int r;

	pipe->wait.done = waited;
	pipe->wait.owner = pipe;
	r = stream_wait(pipe->stream, &pipe->wait, level, 0, &refusal);
	pipe->waiting = r == 0;
	if (r != 0 && pipe->error == 0)
		pipe->error = r < 0 ? r : -EIO;
}

/* It takes no more: it has failed, or somebody has aborted it. */
static void refused(struct pipe *pipe, int result, const struct refusal *refusal)
{
	keep_fault(pipe, result, refusal);
	if (pipe->error == 0)
		pipe->error = result < 0 ? result : -ECANCELED;
	abort_stream(pipe);
}

static void write_chunks(struct conduit *conduit, struct flow_sink *sink)
{
	struct pipe *pipe = pipe_of(conduit);
	struct refusal refusal;
	int r = 0;

	if (!pipe->stream) {
		conduit_schedule(conduit);
		return;
	}
	list_for_each(link, &sink->writes) {
		const struct conduit_chunk *piece = conduit_chunk_of_write(link);
		const struct stream_chunk chunk = {
			.offset = OPTION_UNSET,
			.length = OPTION_UNSET,
			.memory = piece->bytes + piece->flow.offset,
			.memory_bytes = piece->flow.write.bytes,
		};
		struct stream_written written;

		r = stream_write(pipe->stream, pipe->holder, &chunk, &written, &refusal);
		if (r != 0)
			break;
	}
	if (r == 0)
		wait_for(pipe, OPTION_UNSET);
	else
		refused(pipe, r, &refusal);
}

static void finish(struct conduit *conduit)
{
	const struct stream_chunk none = { .offset = OPTION_UNSET, .length = OPTION_UNSET };
	struct pipe *pipe = pipe_of(conduit);
	struct refusal refusal;
	uint64_t length;
	int r;

	pipe->finishing = true;
	if (!pipe->stream) {
		if (pipe->error == 0)
			pipe->error = -ECANCELED;
		conduit_schedule(conduit);
		return;
	}
	r = stream_end(pipe->stream, pipe->holder, &none, &length, &refusal);
	if (r == 0)
		wait_for(pipe, pipe->published ? STREAM_WAIT_PUBLISHED : STREAM_WAIT_FINISH);
	else
		refused(pipe, r, &refusal);
}

static void release(struct conduit *conduit, int error)
{
	struct pipe *pipe = pipe_of(conduit);

	pipe->releasing = true;
	if (error)
		abort_stream(pipe);
}

const struct conduit_sink pipe_stream_sink = {
	.flow = PIPE_SINK_FLOW,
	.write = write_chunks,
	.final = finish,
	.release = release,
	.turn = turn,
};

/* ---- opening ---- */

static void opened(void *data, int result, struct stream *stream, struct stream_ring_fds *fds,
		   const struct refusal *refusal)
{
	struct pipe *pipe = data;

	(void)fds;
	if (result == 0) {
		struct stream_runtime runtime;

		stream_get_runtime(stream, &runtime);
		pipe->stream = stream;
		pipe->stream_id = runtime.id;
		pipe->observer.event = on_event;
		pipe->observer.owner = pipe;
		stream_observe(stream, &pipe->observer);
	} else if (result == REFUSED) {
		pipe->refusal = *refusal;
	}
	pipe_opened(pipe, result);
}

/*
 * Without a word about it a piece is let go when it is written, and all that is told is that
 * everything is in place, for good.
 */
static void choose_levels(struct pipe *pipe)
{
	struct stream_options *options = &pipe->request.options;
	bool path = pipe->request.destination_fd < 0;

	pipe->published =
		path && (options->ack == OPTION_UNSET || options->ack == STREAM_ACK_PUBLISHED);
	if (options->ack == OPTION_UNSET)
		options->ack = STREAM_ACK_WRITTEN;
	if (options->on_disconnect == OPTION_UNSET)
		options->on_disconnect = STREAM_DISCONNECT_ABORT;
}

int pipe_stream_open(struct pipe *pipe, struct refusal *refusal)
{
	choose_levels(pipe);
	return stream_open(pipe->holder, &pipe->request, opened, pipe, refusal);
}

void pipe_stream_fini(struct pipe *pipe)
{
	if (!pipe->stream)
		return;
	stream_unobserve(&pipe->observer);
	abort_stream(pipe);
	pipe->stream = NULL;
}
