/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* What the worker made of a stream: how far it is, where it goes, and the way back. */

#include "config.h"

#include <assert.h>
#include <errno.h>

#include "daemon/io/digest.h"
#include "daemon/io/step_chain.h"
#include "daemon/objects/stream.h"
#include "daemon/objects/stream_transform.h"

/* ---- how far it is ---- */

void stream_transform_synced(struct stream *stream)
{
	if (stream->transform)
		stream_marks_pass(&stream->transform->marks, stream->synced);
}

uint64_t stream_transform_written(struct stream *stream, uint64_t stored_end)
{
	struct stream_transform *transform = stream->transform;
	uint64_t written = stream_marks_reached(&transform->marks, stored_end, stream->written);

	/* Not written to when it stays: at the end a worker reads it. */
	if (transform->stored_end != stored_end)
		transform->stored_end = stored_end;
	/* Where nothing is held for a sync there is no way back either. */
	if (stream->options.ack == STREAM_ACK_WRITTEN)
		stream_marks_pass(&transform->marks, written);
	return written;
}

uint64_t stream_transform_planned(const struct stream *stream)
{
	return stream->transform->planned;
}

uint64_t stream_stored_end(const struct stream *stream)
{
	return stream->transform ? stream->transform->stored_end : stream->written;
}

uint64_t stream_stored_most(const struct stream *stream)
{
	/* What stands behind the end of an update is not ours to cut. */
	bool ours =
		stream->target == STREAM_TARGET_PATH && stream->options.open != STREAM_OPEN_UPDATE;

	return stream->transform && ours ? stream->transform->stored_most : 0;
}

/* ---- to the destination ---- */

bool stream_transform_has_output(const struct stream *stream)
{
	return stream_blocks_find_unplanned(&stream->transform->blocks) != NULL;
}

void stream_transform_plan(struct stream *stream, struct stream_transfer *transfer, uint64_t most)
{
	struct stream_transform *transform = stream->transform;
	struct stream_block *block = stream_blocks_find_unplanned(&transform->blocks);
	uint64_t left = block->length - block->planned;

	transfer->block = block;
	transfer->position = block->position + block->planned;
	transfer->bytes = stream_direct_piece(stream, transfer->position, left < most ? left : most,
					      &transfer->direct);
	transfer->iov[0] = (struct iovec){ block->bytes + block->planned, transfer->bytes };
	transfer->request.iov_count = 1;
	block->in_flight++;
	block->planned += transfer->bytes;
	transform->planned = transfer->position + transfer->bytes;
}

bool stream_transform_peek(struct stream *stream, uint64_t most, struct iovec *ret_piece)
{
	struct stream_block *block = stream_blocks_find_unplanned(&stream->transform->blocks);
	uint64_t left;

	if (!block)
		return false;
	left = block->length - block->planned;
	*ret_piece = (struct iovec){ block->bytes + block->planned, left < most ? left : most };
	return true;
}

void stream_transform_took(struct stream *stream, uint64_t bytes)
{
	struct stream_transform *transform = stream->transform;

	stream_blocks_find_unplanned(&transform->blocks)->planned += bytes;
	transform->planned += bytes;
	stream->written = stream_transform_written(stream, transform->planned);
}

/* ---- the end ---- */

static bool is_whole_file(const struct stream *stream)
{
	return stream->temporary_name || stream->options.open == STREAM_OPEN_TRUNCATE;
}

int stream_transform_finish(struct stream *stream, struct iovec *ret_piece)
{
	struct stream_transform *transform = stream->transform;
	struct stream_block *block;
	struct step_data data;
	int r;

	*ret_piece = (struct iovec){ 0 };
	if (!transform || stream->ending != STREAM_ENDING_FINISH ||
	    stream_rotate_is_placing(stream))
		return 0;
	if (step_chain_expects_more(transform->chain))
		return -EBADMSG;
	if (transform->stored > 0 || transform->fed > 0 || !is_whole_file(stream))
		return 0;
	r = stream_blocks_open(&transform->blocks, 0, stream->base_offset, &block);
	if (r < 0)
		return r;
	data = (struct step_data){ .out = block->bytes, .out_bytes = stream_block_room(block) };
	r = step_chain_end_empty(transform->chain, &data);
	if (r < 0)
		return r;
	*ret_piece = (struct iovec){ block->bytes, (size_t)(data.out - block->bytes) };
	if (transform->digest)
		r = digest_update(transform->digest, block->bytes, ret_piece->iov_len);
	transform->stored = ret_piece->iov_len;
	return r;
}

const char *stream_transform_failed_name(const struct stream *stream)
{
	return step_chain_failed_name(stream->transform->chain);
}

void stream_transform_finished(struct stream *stream)
{
	stream->transform->stored_end = stream->transform->stored;
}

void stream_transform_digest(const struct stream *stream, char text[static DIGEST_TEXT_BYTES])
{
	digest_text(stream->transform->digest, text);
}

int stream_transform_begin_file(struct stream *stream)
{
	struct stream_transform *transform = stream->transform;
	int r = 0;

	assert(!transform->job.busy && !stream_transform_frame_is_open(transform));
	stream_marks_pass(&transform->marks, transform->fed);
	transform->stored_most = transform->stored;
	stream->base_offset = 0 - transform->stored;
	if (transform->digest)
		r = digest_reset(transform->digest);
	if (r == 0 && transform->digest)
		r = digest_reset(transform->marks.base.digest);
	return r;
}

/* ---- back to the base ---- */

bool stream_transform_can_rewind(const struct stream *stream)
{
	return stream->transform->marks.base.boundary &&
	       stream->transform->marks.base.position == stream->synced;
}

/* Nothing of the batch is planned that lies behind the position. */
static void rewind_batch(struct stream *stream, struct stream_batch *batch, uint64_t position)
{
	uint64_t keep = position > batch->position ? position - batch->position : 0;
	struct iovec iov[STREAM_TRANSFORM_IOV];

	if (keep >= batch->bytes)
		return;
	batch->planned_bytes = 0;
	batch->cursor = list_first(&batch->sink->writes);
	batch->cursor_bytes = 0;
	while (keep > 0) {
		uint32_t count = STREAM_TRANSFORM_IOV;

		keep -= stream_batch_plan(stream, batch, keep, iov, &count);
	}
}

int stream_transform_rewind(struct stream *stream)
{
	struct stream_transform *transform = stream->transform;
	int r = 0;

	assert(!transform->job.busy);
	step_chain_reset(transform->chain);
	if (transform->digest)
		r = digest_copy(transform->digest, transform->marks.base.digest);
	stream_blocks_drop(&transform->blocks);
	if (transform->planned > transform->stored_most)
		transform->stored_most = transform->planned;
	stream_marks_drop(&transform->marks);
	transform->fed = transform->marks.base.position;
	transform->stored = transform->marks.base.stored;
	transform->planned = transform->marks.base.stored;
	transform->stored_end = transform->marks.base.stored;
	transform->frame_wanted = false;
	transform->frame_ending = false;
	stream->written = stream->synced;
	for (uint32_t i = 0; i < stream->batches_count; i++)
		rewind_batch(stream, &stream->batches[(stream->batches_first + i) % STREAM_SINKS],
			     transform->fed);
	return r;
}
