/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Batches to a passed pipe or socket. These are no disks: what the other end has room for is
 * taken at once, on the loop, and when it is full the loop waits for EV_WRITE; so a reader
 * that does not read stalls this stream and no other. There is nothing to sync.
 */

#include "config.h"

#include <errno.h>

#include <event2/event.h>

#include "daemon/io/outlet.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

/* What one wake-up may write: a fast reader must not keep the loop from the others. */
#define TURN_BYTES (1024 * 1024)

static void on_writable(evutil_socket_t unused_fd, short unused_events, void *data)
{
	struct stream *stream = data;

	(void)unused_fd;
	(void)unused_events;
	stream->outlet_full = false;
	stream_pump(stream);
}

int stream_outlet_init(struct stream *stream, int destination_fd)
{
	int r = outlet_open(destination_fd, &stream->outlet);

	if (r < 0)
		return r;
	stream->outlet_event = event_new(stream->registry->base, outlet_fd(stream->outlet),
					 EV_WRITE, on_writable, stream);
	return stream->outlet_event ? 0 : -ENOMEM;
}

void stream_outlet_fini(struct stream *stream)
{
	if (stream->outlet_event)
		event_free(stream->outlet_event);
	stream->outlet_event = NULL;
	stream->outlet = outlet_close(stream->outlet);
}

static void not_taken(struct stream *stream, ssize_t result)
{
	if (result == -EAGAIN) {
		stream->outlet_full = true;
		(void)event_add(stream->outlet_event, NULL);
	} else {
		stream_fail(stream, "write", (int)result, (int64_t)stream->written);
	}
}

/* Writes the next piece of the batch. False: the outlet is full, or has failed. */
static bool write_piece(struct stream *stream, struct stream_batch *batch, uint64_t most)
{
	struct iovec iov[STREAM_TRANSFER_IOV];
	uint32_t count = STREAM_TRANSFER_IOV;
	struct stream_batch before = *batch;
	uint64_t planned = stream_batch_plan(stream, batch, most, iov, &count);
	ssize_t taken = planned > 0 ? outlet_write(stream->outlet, iov, count) : 0;

	if (taken == (ssize_t)planned) {
		stream->written += planned;
		stream->registry->counters.bytes_written += planned;
		pace_spend(&stream->pace, planned);
		return true;
	}

	/* Plan again from where the write ended. */
	*batch = before;
	if (taken > 0) {
		count = STREAM_TRANSFER_IOV;
		planned = stream_batch_plan(stream, batch, (uint64_t)taken, iov, &count);
		stream->written += planned;
		stream->registry->counters.bytes_written += planned;
		pace_spend(&stream->pace, planned);
		return true;
	}
	not_taken(stream, taken);
	return false;
}

/* How much may be written now, at most; 0: later. */
static uint64_t bytes_allowed(struct stream *stream, uint64_t budget)
{
	uint64_t next_ns = pace_next_ns(&stream->pace, stream_now_ns());

	if (stream->stopping || stream->outlet_full || stream->state == STREAM_STATE_PAUSED)
		return 0;
	if (next_ns > 0) {
		stream_set_due(stream, STREAM_DUE_PACE, next_ns);
		return 0;
	}
	return pace_step_bytes(&stream->pace, budget);
}

static bool move_batch(struct stream *stream, struct stream_batch *batch, uint64_t *io_budget)
{
	while (batch->planned_bytes < batch->bytes) {
		uint64_t most = bytes_allowed(stream, *io_budget);
		uint64_t before = batch->planned_bytes;

		if (most == 0 || !write_piece(stream, batch, most))
			return false;
		*io_budget -= batch->planned_bytes - before;
	}
	return !stream->stopping && !stream->outlet_full && stream->state != STREAM_STATE_PAUSED;
}

/* Writes what the steps have made. True: something moved. */
static bool move_made(struct stream *stream, uint64_t *io_budget)
{
	bool moved = stream_transform_move(stream);
	struct iovec piece;
	uint64_t most;

	while ((most = bytes_allowed(stream, *io_budget)) > 0 &&
	       stream_transform_peek(stream, most, &piece)) {
		ssize_t taken = outlet_write(stream->outlet, &piece, 1);

		if (taken <= 0) {
			not_taken(stream, taken);
			break;
		}
		stream_transform_took(stream, (uint64_t)taken);
		stream->registry->counters.bytes_written += (uint64_t)taken;
		pace_spend(&stream->pace, (uint64_t)taken);
		*io_budget -= (uint64_t)taken;
		moved = true;
	}
	return moved;
}

static bool is_made(const struct stream *stream, const struct stream_batch *batch)
{
	return batch->planned_bytes == batch->bytes && batch->in_flight == 0 &&
	       stream->written >= batch->position + batch->bytes;
}

static void end_batch(struct stream *stream, struct stream_batch *batch)
{
	stream->batches_first = (stream->batches_first + 1) % STREAM_SINKS;
	stream->batches_count--;
	if (stream->stopping)
		flow_fail(&stream->flow, batch->sink,
			  stream->fault.error ? -stream->fault.error : -ECANCELED);
	else
		flow_complete(&stream->flow, batch->sink);
}

bool stream_outlet_move(struct stream *stream)
{
	uint64_t budget = TURN_BYTES;
	bool moved = stream->transform && move_made(stream, &budget);

	while (stream->batches_count > 0) {
		struct stream_batch *batch = &stream->batches[stream->batches_first];
		bool over = stream->stopping ||
			    (stream->transform ? is_made(stream, batch) :
						 move_batch(stream, batch, &budget));

		/* A worker may still read what it was fed. */
		if ((!over && !stream->stopping) || (stream->stopping && batch->in_flight > 0))
			break;
		end_batch(stream, batch);
		moved = true;
	}
	/* The rest comes after the others have had their turn. */
	if (budget == 0 && !stream->outlet_full)
		(void)event_add(stream->outlet_event, NULL);
	return moved;
}
