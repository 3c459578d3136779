/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Write, End, Cork and Uncork: what a producer without a ring does. A chunk's memory is
 * taken, or pinned, before the flow hears of it; what is refused has taken nothing.
 */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/objects/buffers.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

/* A producer that corks and forgets must not keep bytes from the disk for ever. */
#define CORK_NS UINT64_C(1000000000)

static int refuse_full(const struct stream *stream, uint64_t maximum, struct refusal *refusal)
{
	(void)refuse_id(refusal, REFUSAL_QUEUE_FULL, stream->id);
	refusal->first = (int64_t)flow_length(&stream->flow);
	refusal->second = (int64_t)maximum;
	return REFUSED;
}

static int take_inline(struct stream *stream, struct stream_entry *entry,
		       const struct stream_chunk *chunk, struct refusal *refusal)
{
	struct encoding_text text = { .utf8 = chunk->data, .length = strlen(chunk->data) };
	uint64_t maximum = (uint64_t)stream->options.maximum_length;
	size_t bytes = encoding_decode(chunk->encoding, text, NULL, 0);
	unsigned char *address;
	int r;

	if (stream->inline_bytes > 0 && (bytes > maximum || stream->inline_bytes > maximum - bytes))
		return refuse_full(stream, maximum, refusal);
	if (stream->entries > STREAM_INLINE_WRITES_MAX)
		return refuse_full(stream, STREAM_INLINE_WRITES_MAX, refusal);
	if (bytes == 0)
		return 0;
	r = inline_store_reserve(&stream->inline_store, stream->user, bytes, &entry->block,
				 &address, refusal);
	if (r != 0)
		return r;
	(void)encoding_decode(chunk->encoding, text, address, bytes);
	entry->address = address;
	entry->write.bytes = bytes;
	stream->inline_bytes += bytes;
	return 0;
}

static int take_range(struct stream *stream, struct stream_entry *entry, struct user *user,
		      const struct stream_chunk *chunk, struct refusal *refusal)
{
	struct buffer *buffer;
	int64_t offset = chunk->offset == OPTION_UNSET ? 0 : chunk->offset;
	int64_t length = chunk->length;
	int r;

	if (stream->ranges >= STREAM_RANGES_MAX)
		return refuse_full(stream, STREAM_RANGES_MAX, refusal);
	r = buffer_find(user, chunk->buffer, &buffer, refusal);
	if (r != 0)
		return r;
	if (offset < 0 || offset > (int64_t)buffer->length)
		return refuse_range(refusal, "offset", 0, (int64_t)buffer->length);
	if (length == OPTION_UNSET)
		length = (int64_t)buffer->length - offset;
	if (length < 0 || length > (int64_t)buffer->length - offset)
		return refuse_range(refusal, "length", 0, (int64_t)buffer->length - offset);
	r = buffer_pin(buffer, (uint64_t)offset, (uint64_t)length, &entry->address, refusal);
	if (r != 0)
		return r;
	entry->buffer = buffer;
	entry->write.bytes = (uint64_t)length;
	stream->ranges++;
	return 0;
}

static int take_memory(struct stream_entry *entry, const struct stream_chunk *chunk)
{
	entry->address = chunk->memory;
	entry->write.bytes = chunk->memory_bytes;
	return 0;
}

/* Takes the chunk's memory; the entry is then ready for the flow. */
static int take_chunk(struct stream *stream, struct holder *holder,
		      const struct stream_chunk *chunk, struct stream_entry **ret_entry,
		      struct refusal *refusal)
{
	struct stream_entry *entry;
	int r;

	if (stream->ring.bytes > 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, chunk->data ? "data" : "buffer");
	if (chunk->data && chunk->buffer)
		return refuse_text(refusal, REFUSAL_PARAMETER, "buffer");
	if (chunk->data && chunk->offset != OPTION_UNSET)
		return refuse_text(refusal, REFUSAL_PARAMETER, "offset");
	if (chunk->data && chunk->length != OPTION_UNSET)
		return refuse_text(refusal, REFUSAL_PARAMETER, "length");
	entry = stream_entry_new(stream);
	if (!entry)
		return -ENOMEM;
	r = chunk->data	  ? take_inline(stream, entry, chunk, refusal) :
	    chunk->memory ? take_memory(entry, chunk) :
			    take_range(stream, entry, holder->user, chunk, refusal);
	if (r != 0) {
		stream_entry_release(stream, entry);
		return r;
	}
	entry->position = stream->accepted;
	if (stream_rotate_cuts(stream, entry->write.bytes))
		stream_rotate_cut(stream, entry);
	stream->accepted += entry->write.bytes;
	stream_rotate_accepted(stream);
	stream->registry->counters.bytes_accepted += entry->write.bytes;
	entry->write.sequence = ++stream->sequence;
	*ret_entry = entry;
	return 0;
}

int stream_write(struct stream *stream, struct holder *holder, const struct stream_chunk *chunk,
		 struct stream_written *ret_written, struct refusal *refusal)
{
	struct stream_entry *entry;
	int r = stream_refuse_if_held(stream, holder, refusal);

	if (r == 0 && stream_has_ended(stream))
		r = refuse_id(refusal, REFUSAL_WRITE_AFTER_END, stream->id);
	if (r == 0)
		r = stream_refuse_if_over(stream, refusal);
	if (r == 0 && !chunk->data && !chunk->buffer && !chunk->memory)
		r = refuse_text(refusal, REFUSAL_PARAMETER, "data");
	if (r == 0)
		r = take_chunk(stream, holder, chunk, &entry, refusal);
	if (r != 0)
		return r;

	(void)flow_write(&stream->flow, &entry->write);
	stream_perform(stream);
	ret_written->sequence = stream->sequence;
	ret_written->writable = flow_judge(&stream->flow);
	ret_written->need_drain = flow_needs_drain(&stream->flow);
	ret_written->writable_length = flow_length(&stream->flow);
	stream_note_need(stream, ret_written->need_drain);
	stream_schedule(stream);
	return 0;
}

/* The producer's last words, wherever they are. */
static void end_ring(struct stream *stream)
{
	if (stream->ring.bytes == 0 || stream->ring.closed)
		return;
	(void)stream_ring_look(stream);
	stream->ring.closed = true;
}

int stream_end(struct stream *stream, struct holder *holder, const struct stream_chunk *chunk,
	       uint64_t *ret_writable_length, struct refusal *refusal)
{
	bool has_chunk = chunk->data || chunk->memory || chunk->buffer;
	struct stream_entry *entry = NULL;
	int r = stream_refuse_if_held(stream, holder, refusal);

	if (r == 0 && has_chunk && stream_has_ended(stream))
		r = refuse_id(refusal, REFUSAL_WRITE_AFTER_END, stream->id);
	if (r == 0 && stream->state != STREAM_STATE_FINISHED)
		r = stream_refuse_if_over(stream, refusal);
	if (r == 0 && has_chunk)
		r = take_chunk(stream, holder, chunk, &entry, refusal);
	if (r != 0)
		return r;

	/* To end once more is no mistake: nothing is left to do. */
	if (!stream_has_ended(stream)) {
		end_ring(stream);
		if (entry) {
			flow_end(&stream->flow, &entry->write, NULL);
			stream_perform(stream);
		}
		/* What was found in the ring may have ended it already, and otherwise. */
		if (entry || (!stream->stopping && !stream_has_ended(stream)))
			stream_end_as(stream, STREAM_ENDING_FINISH);
	}
	*ret_writable_length = stream->ended ? 0 : flow_length(&stream->flow);
	return 0;
}

/* ---- corks ---- */

static int check_cork(struct stream *stream, struct holder *holder, struct refusal *refusal)
{
	int r = stream_refuse_if_held(stream, holder, refusal);

	if (r == 0 && stream_has_ended(stream))
		r = refuse_id(refusal, REFUSAL_WRITE_AFTER_END, stream->id);
	if (r == 0)
		r = stream_refuse_if_over(stream, refusal);
	if (r == 0 && stream->ring.bytes > 0)
		r = refuse_text(refusal, REFUSAL_PARAMETER, "id");
	return r;
}

int stream_cork(struct stream *stream, struct holder *holder, uint32_t *ret_corked,
		struct refusal *refusal)
{
	int r = check_cork(stream, holder, refusal);

	if (r != 0)
		return r;
	/* Counted from the first: corks upon corks do not hold bytes back any longer. */
	if (flow_corked(&stream->flow) == 0)
		stream_set_due(stream, STREAM_DUE_CORK, stream_now_ns() + CORK_NS);
	flow_cork(&stream->flow);
	stream_schedule(stream);
	*ret_corked = flow_corked(&stream->flow);
	return 0;
}

int stream_uncork(struct stream *stream, struct holder *holder, uint32_t *ret_corked,
		  struct refusal *refusal)
{
	int r = check_cork(stream, holder, refusal);

	if (r != 0)
		return r;
	flow_uncork(&stream->flow);
	stream_perform(stream);
	stream_schedule(stream);
	*ret_corked = flow_corked(&stream->flow);
	return 0;
}

void stream_lift_corks(struct stream *stream)
{
	while (flow_corked(&stream->flow) > 0) {
		flow_uncork(&stream->flow);
		stream_perform(stream);
	}
	stream_schedule(stream);
}
