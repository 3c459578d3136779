/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * When what is written to a file is synced, and what follows from it. One sync of a stream is
 * under way at a time, beside its writes; it covers what was written when it began. The first
 * of all is that of the name: before a byte is told synced, the name it is under must be.
 *
 * core/sync_rule has the rule; here is what it is asked with. A failure goes on in
 * stream_rewrite.c, or is what onError says (stream_trouble.c).
 */

#include "config.h"

#include "daemon/base/log.h"
#include "daemon/core/sync_rule.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

#define NS_PER_USEC UINT64_C(1000)

static void sync_failed(struct stream *stream, int error)
{
	if (stream->sync.operation == IO_SYNC_DATA) {
		stream_rewrite_begin(stream, error);
	} else if (stream_may_pause(stream, error)) {
		stream->name_retry = STREAM_RETRY_WAITS;
		stream_pause_for_error(stream, "syncDirectory", error, -1);
	} else {
		stream_fail(stream, "syncDirectory", error, -1);
	}
}

static void sync_over(struct stream *stream)
{
	int64_t result = stream->sync.result;

	stream->sync_busy = false;
	if (result < 0) {
		if (!stream->stopping)
			sync_failed(stream, (int)result);
	} else if (stream->sync.operation == IO_SYNC_DIRECTORY) {
		stream->name_synced = true;
		stream->name_retry = STREAM_RETRY_NONE;
	} else {
		stream->synced = stream->sync_cover;
		stream_cache_synced(stream);
		if (stream->rewound)
			log_notice("stream", "a sync failed, written again and synced", "id=%s",
				   stream->id_text);
		stream->rewound = false;
		stream_transform_synced(stream);
		if (stream->synced == stream->written)
			stream->oldest_unsynced_ns = 0;
	}
	stream_publish_go_on(stream);
}

static void sync_done(struct io_request *request)
{
	struct stream *stream = request->owner;

	sync_over(stream);
	stream_pump(stream);
}

/* The length counts whole batches: what it would be if all that is written were synced. */
static uint64_t length_after_sync(struct stream *stream)
{
	uint64_t length = flow_length(&stream->flow);

	for (uint32_t i = 0; i < stream->batches_count; i++) {
		const struct stream_batch *batch =
			&stream->batches[(stream->batches_first + i) % STREAM_SINKS];

		if (batch->position + batch->bytes > stream->written)
			break;
		length -= batch->bytes;
	}
	return length;
}

/*
 * Somebody waits, and there is no point in waiting for more to be written first: nothing is
 * under way that the same sync could cover, or what is written is enough for the drain.
 */
static bool sync_is_waited_for(struct stream *stream)
{
	bool held = stream->options.ack != STREAM_ACK_WRITTEN;
	bool need = held && flow_needs_drain(&stream->flow);
	bool full = held && stream->ring.bytes > 0 &&
		    stream->accepted - stream->synced == stream->ring.bytes;

	if (need && length_after_sync(stream) <= (uint64_t)stream->options.low_water_mark)
		return true;
	if (stream_transform_needs_sync(stream))
		return true;
	if (stream->transfers_busy > 0 || stream_transform_is_busy(stream))
		return false;
	return need || full || (held && stream_is_jammed(stream)) ||
	       (held && stream->written == stream_rotate_limit(stream)) ||
	       (held && flow_is_ended(&stream->flow)) || stream_waits_for_sync(stream);
}

static bool sync_is_due(struct stream *stream)
{
	struct sync_facts facts = {
		.unsynced_bytes = stream->written - stream->synced,
		.limit_bytes = sync_rule_limit(stream->ring.bytes,
					       stream->options.ack != STREAM_ACK_WRITTEN),
		.oldest_ns = stream->oldest_unsynced_ns,
		.now_ns = stream_now_ns(),
		.interval_ns = (uint64_t)stream->options.sync_interval_usec * NS_PER_USEC,
		.waited_for = sync_is_waited_for(stream),
	};
	uint64_t due_ns;
	bool due = sync_rule_is_due(&facts, &due_ns);

	stream_set_due(stream, STREAM_DUE_SYNC, due_ns);
	return due;
}

/* Before the first byte is told synced, the name it is under must be. */
static bool name_needs_sync(const struct stream *stream)
{
	return !stream->name_synced && stream->dir_fd >= 0 &&
	       (stream->temporary_name || stream->made);
}

static bool is_last_sync(const struct stream *stream)
{
	bool ended = flow_is_ended(&stream->flow) && stream->written == stream->accepted;

	return (ended || stream->written == stream_rotate_limit(stream)) &&
	       stream_reserve_is_left(stream);
}

bool stream_sync_move(struct stream *stream)
{
	bool name;

	if (stream->sync_busy || stream->stopping || stream_is_publishing(stream) ||
	    engine_is_waiting(&stream->room) || stream->rewrite ||
	    stream->name_retry == STREAM_RETRY_WAITS)
		return false;
	if (stream->name_retry != STREAM_RETRY_WANTED && !sync_is_due(stream))
		return false;
	/* The last sync is the last one only if the file is not cut after it. */
	if (is_last_sync(stream) && !stream_reserve_give_back(stream))
		return false;
	name = name_needs_sync(stream);
	stream->sync.operation = name ? IO_SYNC_DIRECTORY : IO_SYNC_DATA;
	stream->sync.fd = name ? stream->dir_fd : stream->file_fd;
	stream->sync.path = stream->absolute_path;
	stream->sync.device = stream->device;
	stream->sync.directory = stream->directory;
	stream->sync.done = sync_done;
	stream->sync.owner = stream;
	stream->sync_cover = stream->written;
	stream_cache_sync_begins(stream);

	switch (engine_submit(stream->registry->engine, &stream->sync)) {
	case ENGINE_QUEUED:
		stream->sync_busy = true;
		/* What is written from now on is younger than this. */
		if (!name)
			stream->oldest_unsynced_ns = stream_now_ns();
		return false;
	case ENGINE_DONE:
		sync_over(stream);
		return true;
	case ENGINE_BUSY:
		stream_wait_for_room(stream, 0);
		break;
	}
	return false;
}
