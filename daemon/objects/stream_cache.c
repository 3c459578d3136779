/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What went through the page cache is seen to: the kernel begins to write it while the stream
 * goes on, so that no sync finds much left to do, and what is synced of a large stream is
 * dropped, so that it drives nobody else's pages out. Both are hints that nothing depends on;
 * an error of either comes up again in the next sync. Bytes written directly leave no pages,
 * and to ask for their range costs nothing.
 */

#include "config.h"

#include "daemon/io/file.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

#define WRITEBACK_STEP_BYTES (UINT64_C(8) * 1024 * 1024)
/* A file smaller than this may stay: somebody may want to read it soon. */
#define KEEP_BYTES (UINT64_C(64) * 1024 * 1024)

static int run_drop(struct io_request *request)
{
	file_drop_range(request->fd, request->offset, request->length);
	return 0;
}

static void request_done(struct io_request *request)
{
	struct stream *stream = request->owner;

	stream->cache.busy = false;
	stream_publish_go_on(stream);
	stream_pump(stream);
}

/* False: not now. */
static bool submit(struct stream *stream, enum io_operation operation, uint64_t from, uint64_t to)
{
	struct io_request *request = &stream->cache.request;
	enum engine_answer answer;

	request->operation = operation;
	request->name = "drop";
	request->run = run_drop;
	request->done = request_done;
	request->owner = stream;
	request->fd = stream->file_fd;
	request->path = stream->absolute_path;
	request->device = stream->device;
	request->offset = stream->base_offset + from;
	request->length = to - from;
	answer = engine_submit(stream->registry->engine, request);
	stream->cache.busy = answer == ENGINE_QUEUED;
	return answer != ENGINE_BUSY;
}

static void begin_writeback(struct stream *stream)
{
	struct stream_cache *cache = &stream->cache;
	uint64_t end = stream_stored_end(stream);

	if (!submit(stream, IO_WRITEBACK, cache->begun, end))
		return;
	cache->begun = end;
	cache->fresh_bytes = 0;
}

static void drop_synced(struct stream *stream)
{
	struct stream_cache *cache = &stream->cache;
	uint64_t bytes = cache->synced - cache->dropped;

	if (!submit(stream, IO_RUN, cache->dropped, cache->synced))
		return;
	cache->dropped = cache->synced;
	cache->kept_bytes -= bytes < cache->kept_bytes ? bytes : cache->kept_bytes;
}

void stream_cache_note(struct stream *stream, uint64_t bytes)
{
	stream->cache.fresh_bytes += bytes;
	stream->cache.kept_bytes += bytes;
}

void stream_cache_close(const struct stream *stream)
{
	const struct stream_cache *cache = &stream->cache;

	if (cache->kept_bytes >= KEEP_BYTES)
		file_drop_range(stream->file_fd, stream->base_offset + cache->dropped,
				stream_stored_end(stream) - cache->dropped);
}

void stream_cache_sync_begins(struct stream *stream)
{
	stream->cache.covered = stream_stored_end(stream);
}

void stream_cache_synced(struct stream *stream)
{
	stream->cache.synced = stream->cache.covered;
}

void stream_cache_begin_file(struct stream *stream)
{
	uint64_t end = stream_stored_end(stream);

	stream->cache = (struct stream_cache){
		.begun = end,
		.covered = end,
		.synced = end,
		.dropped = end,
	};
}

void stream_cache_move(struct stream *stream)
{
	struct stream_cache *cache = &stream->cache;

	if (cache->busy || stream->stopping || stream->rewrite || stream_is_publishing(stream))
		return;
	if (cache->kept_bytes >= KEEP_BYTES && cache->synced >= cache->dropped + KEEP_BYTES)
		drop_synced(stream);
	else if (cache->fresh_bytes >= WRITEBACK_STEP_BYTES &&
		 stream_stored_end(stream) > cache->begun)
		begin_writeback(stream);
}
