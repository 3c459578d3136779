/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/stream_transform.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/sync_rule.h"
#include "daemon/io/digest.h"
#include "daemon/io/step_chain.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

/* What a job is fed: to compress it takes some tens of milliseconds. */
#define JOB_BYTES (UINT64_C(1024) * 1024)
#define COPY_BYTES (64 * 1024)

#define NS_PER_USEC UINT64_C(1000)

static bool has_steps(const struct stream *stream)
{
	return stream->options.steps_count > 0;
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

/* ---- on a worker ---- */

/*
 * What libraries read may not change under them, and the producer's memory may: so they are
 * given a copy. Without steps the copy is what is stored.
 */
static int feed(struct stream_transform *transform, const struct iovec *in, struct step_data *data)
{
	struct stream_transform_job *job = &transform->job;
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
	struct stream_transform_job *job = &transform->job;
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
static void plan_consumed(struct stream *stream, struct stream_transform_job *job)
{
	uint64_t left = job->consumed;

	job->batch->cursor = job->cursor;
	job->batch->cursor_bytes = job->cursor_bytes;
	job->batch->planned_bytes = job->planned_bytes;
	while (left > 0) {
		uint32_t count = STREAM_TRANSFORM_IOV;

		left -= stream_batch_plan(stream, job->batch, left, job->in, &count);
	}
}

static void take_result(struct stream_transform *transform)
{
	struct stream *stream = transform->stream;
	struct stream_transform_job *job = &transform->job;

	if (job->batch && job->consumed < job->in_bytes)
		plan_consumed(stream, job);
	if (job->consumed > 0 && !stream_transform_frame_is_open(transform))
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
	struct stream_transform_job *job = &transform->job;
	const char *failed = step_chain_failed_name(transform->chain);

	job->busy = false;
	if (job->batch)
		job->batch->in_flight--;
	if (result < 0 && !stream->stopping)
		stream_fail(stream, failed ? failed : "digest", result,
			    (int64_t)(transform->fed + job->consumed));
	else if (!stream->stopping)
		take_result(transform);
	stream_publish_go_on(stream);
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

static void take_input(struct stream *stream, struct stream_transform_job *job,
		       struct stream_batch *batch)
{
	uint64_t left = stream_rotate_limit(stream) - stream->transform->fed;

	job->batch = batch;
	job->cursor = batch->cursor;
	job->cursor_bytes = batch->cursor_bytes;
	job->planned_bytes = batch->planned_bytes;
	job->in_count = STREAM_TRANSFORM_IOV;
	job->in_bytes = stream_batch_plan(stream, batch, left < JOB_BYTES ? left : JOB_BYTES,
					  job->in, &job->in_count);
	batch->in_flight++;
}

static void start_job(struct stream_transform *transform, struct stream_batch *batch)
{
	struct stream *stream = transform->stream;
	struct stream_transform_job *job = &transform->job;

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
	if (stream_transform_frame_is_open(transform) &&
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
	transform->job =
		(struct stream_transform_job){ .busy = true, .block = block, .snapshot = snapshot };
	start_job(transform, batch);
	return true;
}
