/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Streams whose stored bytes are not simply those that were written: they go through steps
 * (compression, decompression), or a digest is taken of them. Either way a worker copies them
 * into blocks of private memory, which go to the disk; so the digest agrees with the file even
 * if the producer scribbles in its memory meanwhile.
 *
 * There are two counts of bytes then: the position in the stream, of which everything else
 * speaks, and the position in what is stored. A mark is where the two meet: up to it nothing is
 * half done, and what is stored can be read without what follows. The end of a gzip member or
 * zstd frame is one; without steps each job of the worker ends at one. So
 *
 *	fed ≥ last mark ≥ written ≥ synced, which is the base: the mark that the last sync covered
 *
 * A frame ends when somebody waits for what is in it, or when a sync is due; until then
 * compression goes on over the producer's writes, which may be small.
 *
 * One job is under way at a time, and it takes from one batch. A batch counts as planned when
 * it was fed, and is completed like any other when `written` or `synced` has passed its end.
 *
 * After a data sync that failed, the stream goes back to the base: steps and digest as they
 * were there, and the bytes behind it, which are all still held, are fed again.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/sync_rule.h"
#include "daemon/io/digest.h"
#include "daemon/io/step_chain.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"
#include "daemon/objects/stream_blocks.h"
#include "daemon/objects/stream_marks.h"

/* What a job is fed: to compress it takes some tens of milliseconds. */
#define JOB_BYTES (UINT64_C(1024) * 1024)
#define JOB_IOV 64
#define COPY_BYTES (64 * 1024)

#define NS_PER_USEC UINT64_C(1000)

/* What a worker is given and what it found. */
struct job {
	struct errand errand;
	bool busy;
	struct stream_batch *batch; /* that is fed; NULL: only a frame is ended */
	struct list *cursor;	    /* of it, as it was before */
	uint64_t cursor_bytes;
	uint64_t planned_bytes;
	struct iovec in[JOB_IOV];
	uint32_t in_count;
	uint64_t in_bytes;
	struct stream_block *block;
	struct digest *snapshot; /* of the mark that this may make; the loop moves the marks on */
	bool end_frame;

	uint64_t consumed;
	uint64_t produced;
	bool full;
	bool marked;
};

struct stream_transform {
	struct stream *stream;
	struct step_chain *chain;
	struct digest *digest; /* NULL: none */
	unsigned char *copy;   /* COPY_BYTES for a worker; NULL: no steps */
	struct job job;
	struct stream_blocks blocks;

	struct stream_marks marks;

	uint64_t fed;	      /* position */
	uint64_t fed_ns;      /* when the first byte behind the last mark was */
	bool frame_wanted;    /* the next job ends it */
	bool frame_ending;    /* the last one began to, and had no room */
	uint64_t stored;      /* position of stored bytes: made */
	uint64_t planned;     /* the same: handed to transfers or the outlet */
	uint64_t stored_end;  /* the same: at the destination, without a gap */
	uint64_t stored_most; /* the same: handed over before the last rewind */
};

static bool has_steps(const struct stream *stream)
{
	return stream->options.steps_count > 0;
}

static bool frame_is_open(const struct stream_transform *transform)
{
	return transform->fed > stream_marks_last(&transform->marks)->position;
}

/* ---- made and ended ---- */

static int make(struct stream_transform *transform)
{
	const struct stream_options *options = &transform->stream->options;
	int r = step_chain_new(options->steps, options->steps_count, &transform->chain);

	if (r == 0 && has_steps(transform->stream)) {
		transform->copy = malloc(COPY_BYTES);
		r = transform->copy ? 0 : -ENOMEM;
	}
	if (r == 0)
		r = stream_marks_init(&transform->marks, (enum stream_checksum)options->checksum);
	if (r < 0 || options->checksum == STREAM_CHECKSUM_NONE)
		return r;
	return digest_new((enum stream_checksum)options->checksum, &transform->digest);
}

static bool is_needed(const struct stream_options *options)
{
	return options->steps_count > 0 || options->checksum != STREAM_CHECKSUM_NONE ||
	       stream_options_rotate(options);
}

uint64_t stream_transform_memory_bytes(const struct stream_options *options)
{
	uint64_t bytes = STREAM_BLOCK_BYTES + COPY_BYTES;

	if (!is_needed(options))
		return 0;
	for (uint32_t i = 0; i < options->steps_count; i++)
		bytes += step_memory_bytes(options->steps[i].kind, options->steps[i].level) +
			 STEP_CHAIN_LINK_BYTES;
	return bytes;
}

int stream_transform_init(struct stream *stream)
{
	struct stream_transform *transform;

	if (!is_needed(&stream->options))
		return 0;
	transform = calloc(1, sizeof(*transform));
	if (!transform)
		return -ENOMEM;
	stream->transform = transform;
	transform->stream = stream;
	return make(transform);
}

void stream_transform_fini(struct stream *stream)
{
	struct stream_transform *transform = stream->transform;

	if (!transform)
		return;
	assert(!transform->job.busy);
	stream->transform = NULL;
	step_chain_free(transform->chain);
	free(transform->copy);
	digest_free(transform->digest);
	stream_marks_fini(&transform->marks);
	stream_blocks_fini(&transform->blocks);
	free(transform);
}

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

/* ---- on a worker ---- */

/*
 * What libraries read may not change under them, and the producer's memory may: so they are
 * given a copy. Without steps the copy is what is stored.
 */
static int feed(struct stream_transform *transform, const struct iovec *in, struct step_data *data)
{
	struct job *job = &transform->job;
	size_t left = in->iov_len;
	int r = 0;

	while (r == 0 && left > 0) {
		size_t piece = left;

		data->in = (const unsigned char *)in->iov_base + (in->iov_len - left);
		if (transform->copy) {
			if (piece > COPY_BYTES)
				piece = COPY_BYTES;
			data->in = memcpy(transform->copy, data->in, piece);
		}
		data->in_bytes = piece;
		r = step_chain_run(transform->chain, data, STEP_RUN);
		left -= piece - data->in_bytes;
	}
	job->consumed += in->iov_len - left;
	return r;
}

static int run_job(struct errand *errand)
{
	struct stream_transform *transform = errand->owner;
	struct job *job = &transform->job;
	unsigned char *out = job->block->bytes + job->block->length;
	struct step_data data = { .out = out, .out_bytes = stream_block_room(job->block) };
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < job->in_count; i++)
		r = feed(transform, &job->in[i], &data);
	if (r == 0 && job->end_frame) {
		data.in = NULL;
		data.in_bytes = 0;
		r = step_chain_run(transform->chain, &data, STEP_END_FRAME);
	}
	job->produced = (uint64_t)(data.out - out);
	if (r < 0)
		return r;
	job->full = r == STEP_E_FULL;
	job->marked = (r == 0 && job->end_frame) || !has_steps(transform->stream);
	if (!transform->digest)
		return 0;
	r = digest_update(transform->digest, out, job->produced);
	if (r == 0 && job->marked)
		r = digest_copy(job->snapshot, transform->digest);
	return r;
}

/* ---- jobs ---- */

/* The worker had no room for all of it: the batch is planned as far as it was fed. */
static void plan_consumed(struct stream *stream, struct job *job)
{
	uint64_t left = job->consumed;

	job->batch->cursor = job->cursor;
	job->batch->cursor_bytes = job->cursor_bytes;
	job->batch->planned_bytes = job->planned_bytes;
	while (left > 0) {
		uint32_t count = JOB_IOV;

		left -= stream_batch_plan(stream, job->batch, left, job->in, &count);
	}
}

static void take_result(struct stream_transform *transform)
{
	struct stream *stream = transform->stream;
	struct job *job = &transform->job;

	if (job->batch && job->consumed < job->in_bytes)
		plan_consumed(stream, job);
	if (job->consumed > 0 && !frame_is_open(transform))
		transform->fed_ns = stream_now_ns();
	transform->fed += job->consumed;
	transform->stored += job->produced;
	job->block->length += job->produced;
	transform->frame_ending = job->end_frame && !job->marked && job->consumed == job->in_bytes;
	if (job->marked) {
		stream_marks_add(&transform->marks, transform->fed, transform->stored,
				 step_chain_is_at_boundary(transform->chain));
		transform->frame_wanted = false;
	}
	job->block->closed = job->marked || job->full || stream_block_room(job->block) == 0;
}

static void job_done(struct errand *errand, int result)
{
	struct stream_transform *transform = errand->owner;
	struct stream *stream = transform->stream;
	struct job *job = &transform->job;
	const char *failed = step_chain_failed_name(transform->chain);

	job->busy = false;
	if (job->batch)
		job->batch->in_flight--;
	if (result < 0 && !stream->stopping)
		stream_fail(stream, failed ? failed : "digest", result,
			    (int64_t)(transform->fed + job->consumed));
	else if (!stream->stopping)
		take_result(transform);
	stream_pump(stream);
}

static struct stream_batch *find_unfed(struct stream *stream)
{
	for (uint32_t i = 0; i < stream->batches_count; i++) {
		struct stream_batch *batch =
			&stream->batches[(stream->batches_first + i) % STREAM_SINKS];

		if (batch->planned_bytes < batch->bytes)
			return batch;
	}
	return NULL;
}

static void take_input(struct stream *stream, struct job *job, struct stream_batch *batch)
{
	uint64_t left = stream_rotate_limit(stream) - stream->transform->fed;

	job->batch = batch;
	job->cursor = batch->cursor;
	job->cursor_bytes = batch->cursor_bytes;
	job->planned_bytes = batch->planned_bytes;
	job->in_count = JOB_IOV;
	job->in_bytes = stream_batch_plan(stream, batch, left < JOB_BYTES ? left : JOB_BYTES,
					  job->in, &job->in_count);
	batch->in_flight++;
}

static void start_job(struct stream_transform *transform, struct stream_batch *batch)
{
	struct stream *stream = transform->stream;
	struct job *job = &transform->job;

	if (batch)
		take_input(stream, job, batch);
	job->end_frame = transform->frame_wanted || transform->frame_ending || !has_steps(stream);
	job->errand.name = "transform";
	job->errand.path = stream->absolute_path;
	job->errand.device = IO_DEVICE_PROCESSOR;
	job->errand.run = run_job;
	job->errand.done = job_done;
	job->errand.owner = transform;
	errand_start(stream->registry, &job->errand);
}

static uint64_t frame_due_ns(struct stream *stream)
{
	return stream->transform->fed_ns +
	       (uint64_t)stream->options.sync_interval_usec * NS_PER_USEC;
}

/* It is to be synced, also if there is more that could go into it. */
static bool frame_is_due(struct stream *stream)
{
	struct stream_transform *transform = stream->transform;
	uint64_t limit =
		sync_rule_limit(stream->ring.bytes, stream->options.ack != STREAM_ACK_WRITTEN);

	return transform->fed - stream_marks_last(&transform->marks)->position >= limit ||
	       frame_due_ns(stream) <= stream_now_ns();
}

/* Somebody waits for what is in the frame, and nothing under way could still go into it. */
static bool frame_is_waited_for(struct stream *stream)
{
	if (stream->transform->fed == stream_rotate_limit(stream))
		return true;
	if (flow_needs_drain(&stream->flow) || flow_is_ended(&stream->flow) ||
	    stream_is_jammed(stream) || stream_waits_for_written(stream))
		return true;
	if (stream->ring.bytes > 0 &&
	    stream->accepted - stream_done_position(stream) == stream->ring.bytes)
		return true;
	stream_set_due(stream, STREAM_DUE_FRAME, frame_due_ns(stream));
	return false;
}

bool stream_transform_is_busy(const struct stream *stream)
{
	return stream->transform && stream->transform->job.busy;
}

bool stream_transform_needs_sync(const struct stream *stream)
{
	return stream->transform && stream_marks_are_full(&stream->transform->marks);
}

/* A block beyond the first is worth having only as long as its user may have more. */
static int open_block(struct stream_transform *transform, struct stream_block **ret_block)
{
	struct stream *stream = transform->stream;
	struct refusal refusal;

	*ret_block = NULL;
	if (stream_blocks_need_memory(&transform->blocks) && transform->blocks.made > 0) {
		if (user_charge(stream->user, QUOTA_STAGING_BYTES, STREAM_BLOCK_BYTES, &refusal) !=
		    0)
			return 0;
		stream->charged_staging_bytes += STREAM_BLOCK_BYTES;
	}
	return stream_blocks_open(&transform->blocks, transform->stored,
				  stream->base_offset + transform->stored, ret_block);
}

bool stream_transform_move(struct stream *stream)
{
	struct stream_transform *transform = stream->transform;
	struct stream_batch *batch;
	struct stream_block *block;
	struct digest *snapshot = NULL;

	if (!transform || transform->job.busy || stream->stopping || stream->rewrite)
		return false;
	stream_blocks_release(&transform->blocks);
	batch = transform->frame_ending || transform->fed == stream_rotate_limit(stream) ?
			NULL :
			find_unfed(stream);
	if (frame_is_open(transform) &&
	    (frame_is_due(stream) || (!batch && frame_is_waited_for(stream))))
		transform->frame_wanted = true;
	if ((!batch && !transform->frame_wanted && !transform->frame_ending) ||
	    stream_marks_are_full(&transform->marks))
		return false;
	if (open_block(transform, &block) < 0 ||
	    stream_marks_snapshot(&transform->marks, &snapshot) < 0) {
		stream_fail(stream, "memory", ENOMEM, (int64_t)transform->fed);
		return true;
	}
	if (!block)
		return false;
	transform->job = (struct job){ .busy = true, .block = block, .snapshot = snapshot };
	start_job(transform, batch);
	return true;
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

	assert(!transform->job.busy && !frame_is_open(transform));
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
	struct iovec iov[JOB_IOV];

	if (keep >= batch->bytes)
		return;
	batch->planned_bytes = 0;
	batch->cursor = list_first(&batch->sink->writes);
	batch->cursor_bytes = 0;
	while (keep > 0) {
		uint32_t count = JOB_IOV;

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
