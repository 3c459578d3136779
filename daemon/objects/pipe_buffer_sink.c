/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/objects/pipe_sink.h"
#include "daemon/objects/pool_memory.h"

/* The bytes go into the buffer in its turn, as any operation on it does. */

static int run_copy(struct buffer_work *work)
{
	struct pipe *pipe = work->owner;
	unsigned char *to = backing_address(work->backing) + pipe->buffer->offset + pipe->position;

	pool_memory_touch(work->backing->pool,
			  work->backing->offset + pipe->buffer->offset + pipe->position,
			  pipe->sink->bytes);
	list_for_each(link, &pipe->sink->writes) {
		const struct conduit_chunk *chunk = conduit_chunk_of_write(link);

		memcpy(to, chunk->bytes + chunk->flow.offset, chunk->flow.write.bytes);
		to += chunk->flow.write.bytes;
	}
	return 0;
}

static void fail(struct pipe *pipe, int error)
{
	conduit_note_fault(&pipe->conduit, "write", error, NULL, (int64_t)pipe->position);
	conduit_wrote(&pipe->conduit, error);
}

static void on_copied(struct buffer_work *work, int result)
{
	struct pipe *pipe = work->owner;

	pipe->busy = false;
	if (result == BUFFER_WORK_E_BUSY)
		result = -EBUSY;
	else if (result == 0 && buffer_is_orphan(pipe->buffer))
		result = -ECANCELED;
	if (result != 0) {
		fail(pipe, result);
		return;
	}
	pipe->position += pipe->sink->bytes;
	pipe->written += pipe->sink->bytes;
	conduit_wrote(&pipe->conduit, 0);
}

static void write_chunks(struct conduit *conduit, struct flow_sink *sink)
{
	struct pipe *pipe = pipe_of(conduit);

	pipe->sink = sink;
	if (sink->bytes > pipe->buffer->length - pipe->position) {
		/* Told by the turn: an answer is not given within the question. */
		conduit_schedule(conduit);
		return;
	}
	pipe->busy = true;
	pipe->work = (struct buffer_work){
		.name = "write",
		.bytes = sink->bytes,
		.writes = true,
		.run = run_copy,
		.done = on_copied,
		.owner = pipe,
	};
	buffer_work_submit(pipe->buffer->backing, &pipe->work);
}

static bool turn(struct conduit *conduit)
{
	struct pipe *pipe = pipe_of(conduit);

	if (!conduit->sink_in_hand || pipe->busy)
		return false;
	fail(pipe, -ENOSPC);
	return true;
}

static void finish(struct conduit *conduit)
{
	conduit_finished(conduit, 0);
}

static void release(struct conduit *conduit, int error)
{
	(void)error;
	conduit_released(conduit);
}

const struct conduit_sink pipe_buffer_sink = {
	.flow = PIPE_SINK_FLOW,
	.write = write_chunks,
	.final = finish,
	.release = release,
	.turn = turn,
};
