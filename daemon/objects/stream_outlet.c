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
	if (taken == -EAGAIN) {
		stream->outlet_full = true;
		(void)event_add(stream->outlet_event, NULL);
	} else {
		stream_fail(stream, "write", (int)taken, (int64_t)stream->written);
	}
	return false;
}

static bool move_batch(struct stream *stream, struct stream_batch *batch, uint64_t *io_budget)
{
	while (batch->planned_bytes < batch->bytes && !stream->stopping && *io_budget > 0) {
		uint64_t next_ns = pace_next_ns(&stream->pace, stream_now_ns());
		uint64_t most = pace_step_bytes(&stream->pace, *io_budget);
		uint64_t before = batch->planned_bytes;

		if (next_ns > 0) {
			stream_set_due(stream, STREAM_DUE_PACE, next_ns);
			return false;
		}
		if (!write_piece(stream, batch, most))
			return false;
		*io_budget -= batch->planned_bytes - before;
	}
	return batch->planned_bytes == batch->bytes;
}

bool stream_outlet_move(struct stream *stream)
{
	uint64_t budget = TURN_BYTES;
	bool moved = false;

	while (stream->batches_count > 0) {
		struct stream_batch *batch = &stream->batches[stream->batches_first];
		bool blocked = stream->outlet_full || stream->state == STREAM_STATE_PAUSED;

		if (!stream->stopping) {
			if (blocked || !move_batch(stream, batch, &budget)) {
				/* The rest comes after the others have had their turn. */
				if (budget == 0)
					(void)event_add(stream->outlet_event, NULL);
				if (!stream->stopping)
					break;
			}
		}
		stream->batches_first = (stream->batches_first + 1) % STREAM_SINKS;
		stream->batches_count--;
		if (stream->stopping)
			flow_fail(&stream->flow, batch->sink,
				  stream->fault.error ? -stream->fault.error : -ECANCELED);
		else
			flow_complete(&stream->flow, batch->sink);
		moved = true;
	}
	return moved;
}
