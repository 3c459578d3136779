/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * After a data sync that failed. The kernel has marked the pages clean and tells of it only
 * once: a second sync would say that all is well while the disk holds something else. But the
 * bytes are still held, for a batch is completed only when it is synced. So they are written
 * again, past the pages that the kernel believes in, and then synced:
 *
 *	reopen		a fresh descriptor, which has not been told of any error yet; with
 *			O_DIRECT where that can be had
 *	write		from `synced` to the end of all that was handed to the engine: whole
 *			blocks with O_DIRECT, a block of which only a part is held at either end
 *			through the page cache, where its other part is right
 *	truncate	a file that had been cut to its length
 *	sync		through the fresh descriptor
 *
 * A stream with steps or a digest does not hold what it stored, but what that was made of: it
 * only reopens here, goes back to where the last sync was, and then writes as before. Whether
 * that helped is known when a sync has succeeded.
 *
 * tmpfs and some others have no O_DIRECT. There the pages are written through the page cache,
 * by which they are dirty again and the sync has something to do: the best there is.
 *
 * Everything goes through one aligned block of bounded size, because a producer's memory and
 * the file need not be aligned alike, and this is no matter of speed. No transfer and no other
 * sync is in flight meanwhile; `sync_busy` is set, so nothing is given back or closed.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/fd.h"
#include "daemon/base/log.h"
#include "daemon/io/file.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

#define BLOCK_BYTES FILE_DIRECT_ALIGNMENT_BYTES
/* Copied on the loop, so no more than may be copied there in one go. */
#define BOUNCE_BYTES (UINT64_C(256) * 1024)

enum rewrite_stage {
	REWRITE_REOPEN,
	REWRITE_WRITE,
	REWRITE_CUT,
	REWRITE_SYNC,
	REWRITE_CLOSE,
	REWRITE_OVER,
};

struct stream_rewrite {
	struct io_request request;
	struct engine_waiter waiter; /* for room in the engine */
	struct stream *stream;
	void (*over)(struct stream *stream, int result);
	enum stream_retry retry;
	int sync_error; /* of the sync that failed: why all this is done */

	/* Of the present try. */
	enum rewrite_stage stage;
	int result;
	uint64_t position; /* the next to be written */
	uint64_t end;
	unsigned char *bounce;
	struct iovec piece;
	bool direct;   /* blocks that are whole go by O_DIRECT */
	int direct_fd; /* -1: none */
	int plain_fd;  /* -1: the stream's own */
};

/* ---- the held bytes ---- */

static const struct stream_batch *batch_at(const struct stream *stream, uint32_t index)
{
	return &stream->batches[(stream->batches_first + index) % STREAM_SINKS];
}

/* Where that begins of which the memory is still there. */
static uint64_t held_from(const struct stream *stream)
{
	return stream->batches_count > 0 ? batch_at(stream, 0)->position : stream->written;
}

/* Up to where the engine has been given anything: its pages may have been lost as well. */
static uint64_t planned_end(const struct stream *stream)
{
	uint64_t end = stream->written;

	for (uint32_t i = 0; i < stream->batches_count; i++) {
		const struct stream_batch *batch = batch_at(stream, i);

		if (batch->position + batch->planned_bytes > end)
			end = batch->position + batch->planned_bytes;
		if (batch->planned_bytes < batch->bytes)
			break;
	}
	return end;
}

/* Copies what of the piece lies in this entry. */
static void copy_entry(const struct stream_rewrite *rewrite, const struct stream_entry *entry,
		       uint64_t bytes)
{
	uint64_t end = entry->position + entry->write.bytes;
	uint64_t from = entry->position > rewrite->position ? entry->position : rewrite->position;
	uint64_t to = end < rewrite->position + bytes ? end : rewrite->position + bytes;

	if (from < to)
		memcpy(rewrite->bounce + (from - rewrite->position),
		       stream_entry_address(rewrite->stream, entry, from - entry->position),
		       to - from);
}

static void copy_held(const struct stream_rewrite *rewrite, uint64_t bytes)
{
	const struct iovec *last = &rewrite->stream->last_piece;

	/* What an empty stream is stored as: all there is, and no batch has it. */
	if (last->iov_len > 0) {
		memcpy(rewrite->bounce, (unsigned char *)last->iov_base + rewrite->position, bytes);
		return;
	}
	for (uint32_t i = 0; i < rewrite->stream->batches_count; i++) {
		const struct stream_batch *batch = batch_at(rewrite->stream, i);

		if (batch->position >= rewrite->position + bytes)
			break;
		if (batch->position + batch->bytes <= rewrite->position)
			continue;
		list_for_each(link, &batch->sink->writes)
			copy_entry(rewrite,
				   container_of(link, struct stream_entry, write.step.link), bytes);
	}
}

/* ---- work on a worker thread ---- */

static int run_reopen(struct io_request *request)
{
	struct stream_rewrite *rewrite = request->owner;
	int file_fd = rewrite->stream->file_fd;
	int r = file_reopen(file_fd, 0, &rewrite->plain_fd);

	/*
	 * A mode that forbids us to open our own file, or somebody else's file: the descriptor we
	 * have must do. What is written again through it is dirty again, and so is its sync true.
	 */
	if (r == -EACCES || r == -EPERM) {
		file_drop_pages(file_fd);
		return 0;
	}
	if (r < 0)
		return r;
	/*
	 * A page that could not be written is not as good as new when it is written once more:
	 * ext4 takes its block for one that holds data by now, while the extent still says that
	 * it was never written and reads as zeros. Pages read anew know better.
	 */
	file_drop_pages(rewrite->plain_fd);
	r = file_reopen(file_fd, O_DIRECT, &rewrite->direct_fd);
	rewrite->direct = r == 0;
	return r == -EMFILE || r == -ENFILE || r == -ENOMEM ? r : 0;
}

static void close_both(struct stream_rewrite *rewrite)
{
	rewrite->direct_fd = fd_close(rewrite->direct_fd);
	rewrite->plain_fd = fd_close(rewrite->plain_fd);
}

static int run_close(struct io_request *request)
{
	close_both(request->owner);
	return 0;
}

/* ---- one request after the other ---- */

static int plain_fd(const struct stream_rewrite *rewrite)
{
	return rewrite->plain_fd >= 0 ? rewrite->plain_fd : rewrite->stream->file_fd;
}

static void prepare_write(struct stream_rewrite *rewrite)
{
	struct io_request *request = &rewrite->request;
	uint64_t offset = rewrite->stream->base_offset + rewrite->position;
	uint64_t left = rewrite->end - rewrite->position;
	uint64_t bytes = left < BOUNCE_BYTES ? left : BOUNCE_BYTES;

	request->fd = plain_fd(rewrite);
	if (rewrite->direct) {
		uint64_t ahead = offset % BLOCK_BYTES;

		if (ahead != 0 && bytes > BLOCK_BYTES - ahead)
			bytes = BLOCK_BYTES - ahead;
		if (ahead == 0 && bytes >= BLOCK_BYTES) {
			bytes -= bytes % BLOCK_BYTES;
			request->fd = rewrite->direct_fd;
		}
	}
	copy_held(rewrite, bytes);
	rewrite->piece = (struct iovec){ rewrite->bounce, bytes };
	request->operation = IO_WRITE;
	request->offset = offset;
	request->iov = &rewrite->piece;
	request->iov_count = 1;
}

static void prepare_run(struct stream_rewrite *rewrite, const char *name,
			int (*run)(struct io_request *))
{
	rewrite->request.operation = IO_RUN;
	rewrite->request.name = name;
	rewrite->request.run = run;
}

static void prepare(struct stream_rewrite *rewrite)
{
	struct io_request *request = &rewrite->request;

	switch (rewrite->stage) {
	case REWRITE_REOPEN:
		prepare_run(rewrite, "reopen", run_reopen);
		break;
	case REWRITE_WRITE:
		prepare_write(rewrite);
		break;
	case REWRITE_CUT:
		request->operation = IO_TRUNCATE;
		request->fd = plain_fd(rewrite);
		request->length = rewrite->stream->base_offset + stream_stored_end(rewrite->stream);
		break;
	case REWRITE_SYNC:
		request->operation = IO_SYNC_DATA;
		request->fd = plain_fd(rewrite);
		break;
	case REWRITE_CLOSE:
	case REWRITE_OVER:
		prepare_run(rewrite, "close", run_close);
		break;
	}
}

static bool is_rewind(const struct stream_rewrite *rewrite);

static bool stage_applies(const struct stream_rewrite *rewrite)
{
	if (is_rewind(rewrite))
		return rewrite->stage == REWRITE_CLOSE;
	if (rewrite->stage == REWRITE_WRITE)
		return rewrite->position < rewrite->end;
	if (rewrite->stage == REWRITE_CUT)
		return rewrite->stream->cut;
	return true;
}

/* The fresh descriptors take the place of those we had; the first of all holds the lock. */
static void adopt_fresh(struct stream_rewrite *rewrite)
{
	struct stream *stream = rewrite->stream;
	int old_fd = stream->file_fd;

	if (rewrite->plain_fd < 0)
		return;
	stream->file_fd = rewrite->plain_fd;
	rewrite->plain_fd = -1;
	if (stream->lock_fd < 0)
		stream->lock_fd = old_fd;
	else
		rewrite->plain_fd = old_fd;
	old_fd = stream->direct_fd;
	if (rewrite->direct && stream->direct_fd >= 0) {
		stream->direct_fd = rewrite->direct_fd;
		rewrite->direct_fd = old_fd;
	}
}

/* Takes the result of one request; moves on to the next stage. */
static void step(struct stream_rewrite *rewrite)
{
	int64_t result = rewrite->request.result;

	if (rewrite->stage == REWRITE_CLOSE) {
		/* Not run where the engine is closing. */
		close_both(rewrite);
		rewrite->stage = REWRITE_OVER;
		return;
	}
	if (rewrite->stage == REWRITE_WRITE && result == -EINVAL && rewrite->direct) {
		/* Its blocks are larger than ours, or it took the flag and meant nothing by it. */
		rewrite->direct = false;
		return;
	}
	if (rewrite->stage == REWRITE_REOPEN && result == 0 && is_rewind(rewrite))
		adopt_fresh(rewrite);
	if (result < 0 || rewrite->stream->stopping) {
		rewrite->result = result < 0 ? (int)result : -ECANCELED;
		rewrite->stage = REWRITE_CLOSE;
		return;
	}
	if (rewrite->stage == REWRITE_WRITE)
		rewrite->position += rewrite->piece.iov_len;
	else
		rewrite->stage++;
	while (!stage_applies(rewrite))
		rewrite->stage++;
}

static void go(struct stream_rewrite *rewrite)
{
	struct stream *stream = rewrite->stream;

	while (rewrite->stage != REWRITE_OVER) {
		prepare(rewrite);
		switch (engine_submit(stream->registry->engine, &rewrite->request)) {
		case ENGINE_QUEUED:
			return;
		case ENGINE_BUSY:
			rewrite->waiter.device = stream->device;
			rewrite->waiter.cost_bytes =
				rewrite->stage == REWRITE_WRITE ? rewrite->piece.iov_len : 0;
			engine_on_room(stream->registry->engine, &rewrite->waiter);
			return;
		case ENGINE_DONE:
			step(rewrite);
			break;
		}
	}
	free(rewrite->bounce);
	rewrite->bounce = NULL;
	rewrite->over(stream, rewrite->result);
}

static void on_done(struct io_request *request)
{
	struct stream_rewrite *rewrite = request->owner;
	struct stream *stream = rewrite->stream;

	step(rewrite);
	go(rewrite);
	stream_pump(stream);
}

static void on_room(struct engine_waiter *waiter)
{
	struct stream_rewrite *rewrite = waiter->owner;
	struct stream *stream = rewrite->stream;

	go(rewrite);
	stream_pump(stream);
}

static struct stream_rewrite *rewrite_new(struct stream *stream, int sync_error)
{
	struct stream_rewrite *rewrite = calloc(1, sizeof(*rewrite));

	if (!rewrite)
		return NULL;
	rewrite->stream = stream;
	rewrite->sync_error = sync_error;
	rewrite->direct_fd = -1;
	rewrite->plain_fd = -1;
	rewrite->request.path = stream->absolute_path;
	rewrite->request.device = stream->device;
	rewrite->request.done = on_done;
	rewrite->request.owner = rewrite;
	engine_waiter_init(&rewrite->waiter);
	rewrite->waiter.group = stream->user->uid;
	rewrite->waiter.room = on_room;
	rewrite->waiter.owner = rewrite;
	return rewrite;
}

void stream_rewrite_fini(struct stream *stream)
{
	struct stream_rewrite *rewrite = stream->rewrite;

	if (!rewrite)
		return;
	engine_stop_waiting(&rewrite->waiter);
	close_both(rewrite);
	free(rewrite->bounce);
	free(rewrite);
	stream->rewrite = NULL;
}

static void start(struct stream_rewrite *rewrite)
{
	struct stream *stream = rewrite->stream;

	rewrite->retry = STREAM_RETRY_RUNS;
	rewrite->result = 0;
	rewrite->direct = false;
	rewrite->position = stream->synced;
	rewrite->end = planned_end(stream) + stream->last_piece.iov_len;
	rewrite->stage = REWRITE_REOPEN;
	rewrite->bounce = aligned_alloc(BLOCK_BYTES, BOUNCE_BYTES);
	if (!rewrite->bounce) {
		rewrite->result = -ENOMEM;
		rewrite->stage = REWRITE_OVER;
	}
	go(rewrite);
}

/* ---- while bytes are on their way ---- */

static void log_success(const struct stream_rewrite *rewrite, uint64_t bytes)
{
	char path[256];
	const char *file = rewrite->stream->absolute_path;

	log_notice("stream", "a sync failed, written again and synced",
		   "id=%s errno=%d bytes=%llu path=%s", rewrite->stream->id_text,
		   -rewrite->sync_error, (unsigned long long)bytes,
		   log_quote(file ? file : "", path, sizeof(path)));
}

/* All that was handed to the engine is in the file, whatever had become of it at first. */
static void all_safe(struct stream *stream, uint64_t end)
{
	for (int i = 0; i < STREAM_TRANSFERS; i++) {
		struct stream_transfer *transfer = &stream->transfers[i];

		if (transfer->busy)
			stream->registry->counters.bytes_written += transfer->bytes;
		transfer->busy = false;
		transfer->failed = false;
	}
	stream->written = end;
	stream->synced = end;
	stream->oldest_unsynced_ns = 0;
}

static void held_over(struct stream *stream, int result)
{
	struct stream_rewrite *rewrite = stream->rewrite;
	int64_t offset = (int64_t)(stream->base_offset + stream->synced);

	stream->sync_busy = false;
	rewrite->retry = STREAM_RETRY_WAITS;
	if (!stream->stopping && result == 0) {
		log_success(rewrite, rewrite->end - stream->synced);
		all_safe(stream, rewrite->end);
		stream_rewrite_fini(stream);
	} else if (stream_may_pause(stream, result)) {
		stream_pause_for_error(stream, "syncData", rewrite->sync_error, offset);
	} else if (!stream->stopping) {
		stream_fail(stream, "syncData", rewrite->sync_error, offset);
	}
	stream_publish_go_on(stream);
}

/* ---- where what was stored is not held ---- */

static void rewound(struct stream *stream, int result)
{
	struct stream_rewrite *rewrite = stream->rewrite;
	int64_t offset = (int64_t)(stream->base_offset + stream_stored_end(stream));

	stream->sync_busy = false;
	rewrite->retry = STREAM_RETRY_WAITS;
	if (!stream->stopping && result == 0) {
		stream_transfers_forget(stream);
		result = stream_transform_rewind(stream);
	}
	if (!stream->stopping && result == 0) {
		stream->rewound = true;
		stream_rewrite_fini(stream);
	} else if (stream_may_pause(stream, result)) {
		stream_pause_for_error(stream, "syncData", rewrite->sync_error, offset);
	} else if (!stream->stopping) {
		stream_fail(stream, "syncData", rewrite->sync_error, offset);
	}
	stream_publish_go_on(stream);
}

static bool is_rewind(const struct stream_rewrite *rewrite)
{
	return rewrite->over == rewound;
}

static bool can_begin(const struct stream *stream)
{
	return held_from(stream) <= stream->synced &&
	       (!stream->transform || stream_transform_can_rewind(stream));
}

void stream_rewrite_begin(struct stream *stream, int sync_error)
{
	int64_t offset = (int64_t)(stream->base_offset + stream_stored_end(stream));
	bool again = stream->rewound;

	if (can_begin(stream) && (!again || stream_may_pause(stream, sync_error)))
		stream->rewrite = rewrite_new(stream, sync_error);
	if (!stream->rewrite) {
		stream_fail(stream, "syncData", sync_error, offset);
		return;
	}
	stream->rewrite->over = stream->transform ? rewound : held_over;
	stream->rewrite->retry = again ? STREAM_RETRY_WAITS : STREAM_RETRY_WANTED;
	if (again)
		stream_pause_for_error(stream, "syncData", sync_error, offset);
}

bool stream_rewrite_move(struct stream *stream)
{
	struct stream_rewrite *rewrite = stream->rewrite;

	if (!rewrite || rewrite->retry != STREAM_RETRY_WANTED || stream->stopping ||
	    stream->transfers_busy > 0 || stream->sync_busy || stream->cache.busy ||
	    stream_transform_is_busy(stream))
		return false;
	stream->sync_busy = true;
	start(rewrite);
	return true;
}

void stream_rewrite_retry(struct stream *stream)
{
	if (stream->rewrite->retry == STREAM_RETRY_WAITS)
		stream->rewrite->retry = STREAM_RETRY_WANTED;
}

/* ---- at the end ---- */

int stream_rewrite_final(struct stream *stream, int sync_error,
			 void (*over)(struct stream *stream, int result))
{
	if (stream->synced < stream->written)
		return sync_error;
	stream->rewrite = rewrite_new(stream, sync_error);
	if (!stream->rewrite)
		return sync_error;
	stream->rewrite->over = over;
	start(stream->rewrite);
	return 0;
}

void stream_rewrite_final_again(struct stream *stream)
{
	start(stream->rewrite);
}

int stream_rewrite_final_over(struct stream *stream, int result)
{
	if (result < 0)
		return stream->rewrite->sync_error;
	log_success(stream->rewrite, 0);
	stream_rewrite_fini(stream);
	return 0;
}
