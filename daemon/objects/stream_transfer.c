/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Batches to files. A batch is cut into transfers of at most 1 MiB, each one request to the
 * engine straight from the producer's memory, past the page cache or through it
 * (stream_direct.c); several are in flight, also of several batches, and `written` follows the
 * first byte that is not yet there. How many, and how large, follows the device
 * (core/write_window). Syncs run beside them (stream_sync.c).
 *
 * After a failure nothing more is submitted; each batch goes back to the flow when none of
 * its transfers, and no sync, is in hand any more: so the kernel never reads memory that the
 * producer was given back.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"
#include "daemon/objects/stream_blocks.h"

static struct stream_batch *batch_at(struct stream *stream, uint32_t index)
{
	return &stream->batches[(stream->batches_first + index) % STREAM_SINKS];
}

uint64_t stream_stored_planned(const struct stream *stream)
{
	uint64_t position = stream->written;

	if (stream->transform)
		return stream_transform_planned(stream);
	for (uint32_t i = 0; i < stream->batches_count; i++) {
		const struct stream_batch *batch =
			&stream->batches[(stream->batches_first + i) % STREAM_SINKS];

		if (batch->position + batch->planned_bytes > position)
			position = batch->position + batch->planned_bytes;
		if (batch->planned_bytes < batch->bytes)
			break;
	}
	return position;
}

static void transfer_done(struct io_request *request);

int stream_transfers_init(struct stream *stream)
{
	stream->transfers = calloc(STREAM_TRANSFERS, sizeof(*stream->transfers));
	if (!stream->transfers)
		return -ENOMEM;
	for (int i = 0; i < STREAM_TRANSFERS; i++) {
		struct stream_transfer *transfer = &stream->transfers[i];

		transfer->stream = stream;
		transfer->request.owner = transfer;
		transfer->request.done = transfer_done;
		transfer->request.iov = transfer->iov;
	}
	return 0;
}

void stream_transfers_fini(struct stream *stream)
{
	free(stream->transfers);
	stream->transfers = NULL;
}

uint64_t stream_done_position(const struct stream *stream)
{
	return stream->options.ack == STREAM_ACK_WRITTEN ? stream->written : stream->synced;
}

/* ---- from entries to pieces of memory ---- */

const unsigned char *stream_entry_address(const struct stream *stream,
					  const struct stream_entry *entry, uint64_t offset)
{
	if (entry->address)
		return entry->address + offset;
	/* The data is mapped twice in a row, so a range never wraps. */
	return stream->ring.data +
	       ((entry->position + offset + stream->ring.phase) & (stream->ring.bytes - 1));
}

void stream_batch_begin(struct stream *stream, struct flow_sink *sink)
{
	struct stream_batch *batch = batch_at(stream, stream->batches_count);
	struct list *first = list_first(&sink->writes);

	assert(stream->batches_count < STREAM_SINKS && first);
	stream->batches_count++;
	*batch = (struct stream_batch){
		.sink = sink,
		.position = container_of(first, struct stream_entry, write.step.link)->position,
		.bytes = sink->bytes,
		.cursor = first,
	};
}

static struct stream_entry *entry_of(struct list *link)
{
	return container_of(link, struct stream_entry, write.step.link);
}

uint64_t stream_batch_plan(struct stream *stream, struct stream_batch *batch, uint64_t most,
			   struct iovec *iov, uint32_t *io_count)
{
	uint32_t limit = *io_count;
	uint32_t count = 0;
	uint64_t planned = 0;

	while (planned < most && batch->planned_bytes + planned < batch->bytes) {
		struct stream_entry *entry = entry_of(batch->cursor);
		uint64_t left = entry->write.bytes - batch->cursor_bytes;
		uint64_t piece = left < most - planned ? left : most - planned;
		unsigned char *address =
			(unsigned char *)stream_entry_address(stream, entry, batch->cursor_bytes);

		/* Small writes that lie side by side go as one piece. */
		if (count > 0 &&
		    (unsigned char *)iov[count - 1].iov_base + iov[count - 1].iov_len == address) {
			iov[count - 1].iov_len += piece;
		} else if (piece > 0) {
			if (count == limit)
				break;
			iov[count++] = (struct iovec){ address, piece };
		}
		planned += piece;
		batch->cursor_bytes += piece;
		if (batch->cursor_bytes == entry->write.bytes) {
			batch->cursor = batch->cursor->next;
			batch->cursor_bytes = 0;
		}
	}
	batch->planned_bytes += planned;
	*io_count = count;
	return planned;
}

/* ---- transfers ---- */

static void forget(struct stream_transfer *transfer)
{
	if (transfer->block)
		transfer->block->in_flight--;
	transfer->block = NULL;
	transfer->busy = false;
	transfer->failed = false;
}

void stream_transfers_forget(struct stream *stream)
{
	for (int i = 0; i < STREAM_TRANSFERS; i++)
		if (stream->transfers[i].failed)
			forget(&stream->transfers[i]);
}

static void transfer_over(struct stream_transfer *transfer)
{
	struct stream *stream = transfer->stream;
	int64_t result = transfer->request.result;

	if (transfer->batch)
		transfer->batch->in_flight--;
	stream->transfers_busy--;
	stream->in_flight_bytes -= transfer->bytes;
	if (result >= 0) {
		forget(transfer);
		stream->registry->counters.bytes_written += transfer->bytes;
		if (transfer->direct)
			write_window_over(&stream->window, transfer->bytes, transfer->submitted_ns,
					  stream_now_ns());
		else
			stream_cache_note(stream, transfer->bytes);
		return;
	}
	if (stream->stopping) {
		forget(transfer);
		return;
	}
	if (stream_direct_refused(transfer)) {
		transfer->failed = true;
		return;
	}
	if (stream_may_pause(stream, (int)result)) {
		transfer->failed = true;
		stream_pause_for_error(stream, "write", (int)result,
				       (int64_t)transfer->request.offset);
		return;
	}
	forget(transfer);
	stream_fail(stream, "write", (int)result,
		    (int64_t)(transfer->request.offset + transfer->request.bytes_done));
}

static void transfer_done(struct io_request *request)
{
	struct stream_transfer *transfer = request->owner;
	struct stream *stream = transfer->stream;

	transfer_over(transfer);
	stream_pump(stream);
}

static void transfer_room(struct engine_waiter *waiter)
{
	stream_pump(waiter->owner);
}

void stream_wait_for_room(struct stream *stream, uint64_t cost_bytes)
{
	stream->room.device = stream->device;
	stream->room.group = stream->user->uid;
	stream->room.cost_bytes = cost_bytes;
	stream->room.owner = stream;
	stream->room.room = transfer_room;
	engine_on_room(stream->registry->engine, &stream->room);
}

/* False: not now; the engine, or a transfer that is over, will say when. */
static bool submit_transfer(struct stream *stream, struct stream_transfer *transfer)
{
	enum engine_answer answer;

	if (stream_direct_must_wait(stream, transfer) ||
	    (!transfer->direct && !stream_reserve_give_back(stream)))
		return false;
	transfer->submitted_ns = stream_now_ns();
	answer = engine_submit(stream->registry->engine, &transfer->request);
	if (answer == ENGINE_BUSY) {
		stream_wait_for_room(stream, transfer->bytes);
		return false;
	}
	transfer->failed = false;
	if (transfer->batch)
		transfer->batch->in_flight++;
	stream->transfers_busy++;
	stream->in_flight_bytes += transfer->bytes;
	stream->direct_now = transfer->direct;
	if (answer == ENGINE_DONE)
		transfer_over(transfer);
	return true;
}

static struct stream_transfer *find_transfer(struct stream *stream, bool failed)
{
	for (int i = 0; i < STREAM_TRANSFERS; i++) {
		struct stream_transfer *transfer = &stream->transfers[i];

		if (failed ? transfer->failed : !transfer->busy)
			return transfer;
	}
	return NULL;
}

static struct stream_batch *find_unplanned(struct stream *stream)
{
	for (uint32_t i = 0; i < stream->batches_count; i++) {
		struct stream_batch *batch = batch_at(stream, i);

		if (batch->planned_bytes < batch->bytes)
			return batch;
	}
	return NULL;
}

static void plan_from_batch(struct stream *stream, struct stream_transfer *transfer,
			    struct stream_batch *batch, uint64_t most)
{
	struct io_request *request = &transfer->request;
	uint64_t direct_bytes = stream_direct_bytes(stream, batch, most);

	most = direct_bytes ? direct_bytes : stream_buffered_bytes(stream, batch, most);
	transfer->direct = direct_bytes > 0;
	transfer->batch = batch;
	transfer->position = batch->position + batch->planned_bytes;
	request->iov_count = STREAM_TRANSFER_IOV;
	transfer->bytes =
		stream_batch_plan(stream, batch, most, transfer->iov, &request->iov_count);
}

static bool has_unplanned(struct stream *stream)
{
	return stream->transform ? stream_transform_has_output(stream) :
				   find_unplanned(stream) != NULL;
}

/*
 * What is in flight past the page cache is as much as the device does in a short while. Into the
 * page cache the kernel lets one write at a time, but any of those that wait: so it has one, and
 * whenever this process is killed, the file is whole from its beginning.
 */
static bool has_room(struct stream *stream)
{
	return stream->transfers_busy == 0 ||
	       (stream->direct_now &&
		write_window_has_room(&stream->window, stream->in_flight_bytes));
}

static void plan_transfer(struct stream *stream, struct stream_transfer *transfer)
{
	struct io_request *request = &transfer->request;
	uint64_t most = stream_direct_is_in_use(stream) ?
				write_window_piece_bytes(&stream->window) :
				STREAM_TRANSFER_BYTES;

	most = pace_step_bytes(&stream->pace, most);

	if (stream->transform)
		stream_transform_plan(stream, transfer, most);
	else
		plan_from_batch(stream, transfer, find_unplanned(stream), most);
	transfer->busy = true;
	transfer->failed = true;
	request->operation = IO_WRITE;
	request->fd = transfer->direct ? stream->direct_fd : stream->file_fd;
	request->path = stream->absolute_path;
	request->device = stream->device;
	request->offset = stream->base_offset + transfer->position;
}

static bool may_submit(struct stream *stream)
{
	/* What a failed sync covered is tried again without a word, so while still paused. */
	bool paused =
		stream->state == STREAM_STATE_PAUSED && (!stream->rewound || stream->pause_asked);

	return !stream->stopping && !paused && !stream->rewrite &&
	       !engine_is_waiting(&stream->room);
}

/*
 * A planned transfer counts as failed until the engine has taken it: so what a full engine
 * turned down, and what a paused stream has to write again, is found the same way.
 */
static bool submit_all(struct stream *stream)
{
	bool moved = false;

	while (may_submit(stream)) {
		struct stream_transfer *transfer = find_transfer(stream, true);
		uint64_t next_ns = pace_next_ns(&stream->pace, stream_now_ns());

		if (!transfer) {
			transfer = has_unplanned(stream) ? find_transfer(stream, false) : NULL;
			if (!transfer || !has_room(stream))
				break;
			if (next_ns > 0) {
				stream_set_due(stream, STREAM_DUE_PACE, next_ns);
				break;
			}
			plan_transfer(stream, transfer);
			pace_spend(&stream->pace, transfer->bytes);
		}
		if (!submit_transfer(stream, transfer))
			break;
		moved = true;
	}
	return moved;
}

void stream_transfer_retry(struct stream *stream)
{
	/* As if resumed, but without a word: the first success says it. */
	for (int i = 0; stream->transfers && i < STREAM_TRANSFERS; i++) {
		struct stream_transfer *transfer = &stream->transfers[i];

		if (transfer->failed && !stream->stopping && !engine_is_waiting(&stream->room))
			(void)submit_transfer(stream, transfer);
	}
}

/* The disk takes bytes again: nothing has failed at its last try. */
static bool recover(struct stream *stream)
{
	return stream->transfers_busy == 0 && !find_transfer(stream, true) && !stream->rewound &&
	       stream_recover(stream);
}

/* ---- written, synced, done ---- */

/* Up to where everything is in the file, as stored: the first transfer not over decides. */
static uint64_t stored_position(struct stream *stream)
{
	uint64_t position = stream_stored_planned(stream);

	for (int i = 0; i < STREAM_TRANSFERS; i++) {
		const struct stream_transfer *transfer = &stream->transfers[i];

		if (transfer->busy && transfer->position < position)
			position = transfer->position;
	}
	return position;
}

static bool move_written(struct stream *stream)
{
	uint64_t position;

	/* A failed transfer leaves a hole that nobody marks: what follows it does not count. */
	if (stream->stopping)
		return false;
	position = stored_position(stream);
	if (stream->transform)
		position = stream_transform_written(stream, position);
	if (position == stream->written)
		return false;
	if (stream->oldest_unsynced_ns == 0)
		stream->oldest_unsynced_ns = stream_now_ns();
	stream->written = position;
	return true;
}

static bool batch_is_done(struct stream *stream, const struct stream_batch *batch)
{
	return batch->planned_bytes == batch->bytes && batch->in_flight == 0 &&
	       stream_done_position(stream) >= batch->position + batch->bytes;
}

static bool complete_batches(struct stream *stream)
{
	bool moved = false;

	while (stream->batches_count > 0) {
		struct stream_batch *batch = batch_at(stream, 0);
		bool done = batch_is_done(stream, batch);
		bool given_up = stream->stopping && batch->in_flight == 0 && !stream->sync_busy &&
				(!stream->transform || stream->transfers_busy == 0);

		if (!done && !given_up)
			break;
		stream->batches_first = (stream->batches_first + 1) % STREAM_SINKS;
		stream->batches_count--;
		if (done)
			flow_complete(&stream->flow, batch->sink);
		else
			flow_fail(&stream->flow, batch->sink,
				  stream->fault.error ? -stream->fault.error : -ECANCELED);
		moved = true;
	}
	return moved;
}

bool stream_is_jammed(const struct stream *stream)
{
	const struct stream_batch *last;

	if (stream->batches_count < STREAM_SINKS)
		return false;
	last = &stream->batches[(stream->batches_first + STREAM_SINKS - 1) % STREAM_SINKS];
	return stream->accepted - (last->position + last->bytes) >= STREAM_DIRECT_BYTES_MIN;
}

bool stream_transfer(struct stream *stream)
{
	bool moved;

	if (!stream->transfers)
		return false;
	moved = stream_transform_move(stream);
	moved |= submit_all(stream);
	stream_reserve_ahead(stream);
	moved |= move_written(stream);
	moved |= recover(stream);
	moved |= stream_rewrite_move(stream);
	moved |= stream_sync_move(stream);
	stream_cache_move(stream);
	moved |= complete_batches(stream);
	moved |= stream_rotate_move(stream);
	return moved;
}
