/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The end of a stream, step by step, each one asynchronous.
 *
 * What the flow calls FINAL puts the bytes in their place:
 *
 *	what the steps still have to say, cut to length, data sync, rename or link, the side
 *	file, directory sync (before finish if the ack level is published, or PATH.partial is
 *	what is published), the record of its digest, the lock of a file in place (who hears of
 *	finish may open it again)
 *
 * What it calls RELEASE comes after finish, or after a failure:
 *
 *	directory sync (the other levels), or removal of the temporary; the catalogue's row;
 *	close
 *
 * A segment of a rotating stream goes through all of both, up to its close, before the next one
 * is begun; its directory is synced at once.
 *
 * A stage that does not apply is passed over, so each list reads as a whole. An error of FINAL
 * ends it, or is waited for where onError says so; RELEASE goes on in any case, it can only
 * tell.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/fd.h"
#include "daemon/base/log.h"
#include "daemon/core/partial_name.h"
#include "daemon/core/path_rule.h"
#include "daemon/io/file.h"
#include "daemon/io/publish.h"
#include "daemon/io/side_file.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

#define REMOVE_TRIES 2

enum stage {
	STAGE_NONE,

	STAGE_FLUSH,
	STAGE_CUT,
	STAGE_SYNC,
	STAGE_NAME,
	STAGE_SIDE_FILE,
	STAGE_SYNC_NAME,
	STAGE_RECORD,
	STAGE_HAND_BACK,
	STAGE_FINAL_DONE,

	STAGE_SYNC_NAME_LATE,
	STAGE_REMOVE,
	STAGE_FORGET,
	STAGE_CLOSE,
	STAGE_RELEASED,
};

static void run_stage(struct stream *stream);
static void stage_done(struct stream *stream, int64_t result);
static void stage_failed(struct stream *stream, int error);

bool stream_is_publishing(const struct stream *stream)
{
	return stream->publish_stage != STAGE_NONE;
}

void stream_publish_go_on(struct stream *stream)
{
	if (stream->publish_stage == STAGE_NONE)
		return;
	/* It has failed, and so has FINAL: RELEASE will come. */
	if (stream->stopping && stream->publish_stage < STAGE_FINAL_DONE)
		stream->publish_stage = STAGE_NONE;
	else
		run_stage(stream);
}

/* ---- work on a worker thread ---- */

static int run_rename(struct io_request *request)
{
	struct stream *stream = request->owner;
	int r = 0;

	/* Nobody may find the digest of the file that was there before beside the new one. */
	if (stream->options.side_file && stream->ending == STREAM_ENDING_FINISH)
		r = stream->options.open == STREAM_OPEN_EXCLUSIVE ?
			    side_file_check_free(stream->dir_fd, stream->base_name) :
			    side_file_remove(stream->dir_fd, stream->base_name);
	if (r < 0 || !stream->temporary_name)
		return r;
	/* An exclusive stream never takes a name that is there; a salvage replaces an older one. */
	if (stream->options.open == STREAM_OPEN_EXCLUSIVE && stream->ending == STREAM_ENDING_FINISH)
		return publish_rename_noreplace(stream->dir_fd, stream->temporary_name,
						stream->base_name);
	return publish_rename(stream->dir_fd, stream->temporary_name, stream->base_name);
}

static int run_side_file(struct io_request *request)
{
	struct stream *stream = request->owner;
	const char *hex = strchr(stream->digest, ':');

	/* There was no memory for the text. */
	if (!hex)
		return -ENOMEM;
	return side_file_make(stream->dir_fd, stream->base_name, stream->file_fd, hex + 1);
}

static int run_remove(struct io_request *request)
{
	struct stream *stream = request->owner;

	return publish_unlink(stream->dir_fd, stream->temporary_name);
}

static int run_hand_back(struct io_request *request)
{
	struct stream *stream = request->owner;

	/* Whoever passed the descriptor goes on where the stream ended. */
	if (stream->target == STREAM_TARGET_FILE)
		(void)lseek(stream->lock_fd >= 0 ? stream->lock_fd : stream->file_fd,
			    (off_t)(stream->base_offset + stream_stored_end(stream)), SEEK_SET);
	file_unlock(stream->lock_fd >= 0 ? stream->lock_fd : stream->file_fd);
	return 0;
}

static int run_close(struct io_request *request)
{
	struct stream *stream = request->owner;

	/* One that has finished is no longer ours. */
	if (stream->file_fd >= 0 && !flow_is_finished(&stream->flow))
		(void)run_hand_back(request);
	if (stream->file_fd >= 0)
		stream_cache_close(stream);
	stream->file_fd = fd_close(stream->file_fd);
	stream->lock_fd = fd_close(stream->lock_fd);
	stream->direct_fd = fd_close(stream->direct_fd);
	stream->dir_fd = fd_close(stream->dir_fd);
	return 0;
}

/* ---- stages ---- */

static const char *stage_operation(int stage)
{
	switch (stage) {
	case STAGE_FLUSH:
		return "write";
	case STAGE_CUT:
		return "truncate";
	case STAGE_SYNC:
		return "syncData";
	case STAGE_NAME:
		return "rename";
	case STAGE_SIDE_FILE:
		return "sideFile";
	case STAGE_SYNC_NAME:
	case STAGE_SYNC_NAME_LATE:
		return "syncDirectory";
	case STAGE_REMOVE:
		return "unlink";
	default:
		return "close";
	}
}

/* Whether the file is, or will be, under its final name. */
static bool keeps_file(const struct stream *stream)
{
	return flow_is_finished(&stream->flow) || !stream->temporary_name ||
	       stream_rotate_is_placing(stream);
}

static bool has_new_name(const struct stream *stream)
{
	return stream->dir_fd >= 0 && (stream->temporary_name || stream->made);
}

static bool stage_applies(const struct stream *stream, int stage)
{
	bool early = stream->options.ack == STREAM_ACK_PUBLISHED ||
		     stream->ending == STREAM_ENDING_SALVAGE || stream_rotate_is_placing(stream);
	bool side_file = stream->options.side_file && stream->ending == STREAM_ENDING_FINISH;

	switch (stage) {
	case STAGE_FLUSH:
		return stream->transform != NULL;
	case STAGE_CUT:
		return stream_reserve_is_left(stream);
	case STAGE_SYNC:
		return stream->file_fd >= 0 &&
		       (stream->synced < stream->written || stream->written == 0 || stream->cut);
	case STAGE_NAME:
		return stream->temporary_name != NULL || side_file;
	case STAGE_SIDE_FILE:
		return side_file;
	case STAGE_SYNC_NAME:
		return has_new_name(stream) && early;
	case STAGE_RECORD:
		return stream_record_is_wanted(stream);
	case STAGE_HAND_BACK:
		return stream->file_fd >= 0 && !stream->temporary_name;
	case STAGE_SYNC_NAME_LATE:
		return has_new_name(stream) && keeps_file(stream) && !stream->published;
	case STAGE_REMOVE:
		return stream->temporary_name && stream->dir_fd >= 0 && !keeps_file(stream);
	case STAGE_FORGET:
		return stream->catalogue_row != 0 && stream->remove_failures == 0;
	case STAGE_CLOSE:
		return stream->file_fd >= 0 || stream->dir_fd >= 0;
	default:
		return true;
	}
}

static void end_final(struct stream *stream, int error)
{
	stream->final_retry = STREAM_RETRY_NONE;
	stream->stopping = true;
	stream->publish_stage = STAGE_NONE;
	if (stream_rotate_is_placing(stream))
		stream_rotate_failed(stream, error);
	else
		flow_final_done(&stream->flow, error);
	stream_schedule(stream);
}

/* What only paused the stream is told, but is not why it ends: it is given up. */
static void give_final_up(struct stream *stream)
{
	stream->error_pause = false;
	stream_note_need(stream, false);
	flow_destroy(&stream->flow, 0);
	end_final(stream, -ECANCELED);
}

static void rewritten(struct stream *stream, int result)
{
	int error = stream_rewrite_final_over(stream, result);

	if (error < 0)
		stage_failed(stream, error);
	else
		stage_done(stream, 0);
}

static void final_failed(struct stream *stream, const char *operation, int error)
{
	bool synced = stream->publish_stage == STAGE_SYNC;

	if (synced && stream->final_retry == STREAM_RETRY_NONE) {
		stream->final_retry = STREAM_RETRY_RUNS;
		if (stream_rewrite_final(stream, error, rewritten) == 0)
			return;
	}
	if (stream->final_given_up) {
		give_final_up(stream);
	} else if (stream_may_pause(stream, error) && (!synced || stream->rewrite)) {
		stream->final_retry = STREAM_RETRY_WAITS;
		stream_pause_for_error(stream, operation, error, -1);
	} else {
		stream_note_fault(stream, operation, error, -1);
		end_final(stream, error);
	}
}

void stream_publish_retry(struct stream *stream)
{
	if (stream->final_retry != STREAM_RETRY_WAITS)
		return;
	stream->final_retry = STREAM_RETRY_RUNS;
	run_stage(stream);
}

bool stream_publish_give_up(struct stream *stream)
{
	if (stream->final_retry == STREAM_RETRY_NONE)
		return false;
	stream->final_given_up = true;
	if (stream->final_retry == STREAM_RETRY_WAITS)
		give_final_up(stream);
	return true;
}

/* What was written is not in the format that a step undoes: trying again is no use. */
static void end_broken(struct stream *stream, int error)
{
	const char *operation = stream_transform_failed_name(stream);

	stream_note_fault(stream, operation ? operation : "digest", error, -1);
	end_final(stream, error);
}

static void stage_failed(struct stream *stream, int error)
{
	const char *operation = stage_operation(stream->publish_stage);
	char path[256];

	if (stream->publish_stage < STAGE_FINAL_DONE) {
		final_failed(stream, operation, error);
		return;
	}
	/* The bytes are where they should be, or given up: all that is left is to say so. */
	log_warning(
		"stream", "clean-up failed", "id=%s operation=%s errno=%d path=%s", stream->id_text,
		operation, -error,
		log_quote(stream->absolute_path ? stream->absolute_path : "", path, sizeof(path)));
	if (stream->publish_stage == STAGE_SYNC_NAME_LATE)
		stream_note_fault(stream, operation, error, -1);
	/* One that cannot be removed even so stays in the catalogue: the next start sees to it. */
	if (stream->publish_stage != STAGE_REMOVE || ++stream->remove_failures == REMOVE_TRIES)
		stream->publish_stage++;
	run_stage(stream);
}

static void stage_done(struct stream *stream, int64_t result)
{
	if (result < 0) {
		stage_failed(stream, (int)result);
		return;
	}
	if (stream->final_retry != STREAM_RETRY_NONE) {
		stream->final_retry = STREAM_RETRY_NONE;
		(void)stream_recover(stream);
	}
	switch (stream->publish_stage) {
	case STAGE_FLUSH:
		stream_transform_finished(stream);
		if (stream->options.checksum != STREAM_CHECKSUM_NONE)
			stream_transform_digest(stream, stream->digest);
		break;
	case STAGE_CUT:
		stream->cut = true;
		break;
	case STAGE_SYNC:
		stream->synced = stream->written;
		break;
	case STAGE_SYNC_NAME:
	case STAGE_SYNC_NAME_LATE:
		stream->published = true;
		break;
	case STAGE_REMOVE:
		stream->remove_failures = 0;
		break;
	default:
		break;
	}
	stream->publish_stage++;
	run_stage(stream);
}

static void submit(struct stream *stream, enum io_operation operation, int fd, uint64_t length)
{
	stream->task.request.operation = operation;
	stream->task.request.fd = fd;
	stream->task.request.length = length;
	stream_task_submit(stream, stage_done);
}

/* Of most streams nothing is left; an empty one is stored as the steps have it. */
static void flush(struct stream *stream)
{
	struct io_request *request = &stream->task.request;
	int r = 0;

	/* Made once; to write it may take more than one try. */
	if (stream->last_piece.iov_len == 0)
		r = stream_transform_finish(stream, &stream->last_piece);
	if (r < 0) {
		end_broken(stream, r);
		return;
	}
	if (stream->last_piece.iov_len == 0) {
		stage_done(stream, 0);
		return;
	}
	request->iov = &stream->last_piece;
	request->iov_count = 1;
	request->offset = stream->base_offset;
	submit(stream, IO_WRITE, stream->file_fd, 0);
}

static void record_made(struct stream *stream)
{
	stage_done(stream, 0);
}

static void row_gone(struct catalogue_request *request)
{
	struct stream *stream = request->owner;

	stream->catalogue_row = 0;
	stage_done(stream, request->result);
	stream_pump(stream);
}

static void submit_forget(struct stream *stream)
{
	stream->catalogue_request.done = row_gone;
	stream->catalogue_request.owner = stream;
	catalogue_remove_temporary(stream->registry->catalogue, stream->catalogue_row,
				   &stream->catalogue_request);
}

static void all_in_place(struct stream *stream)
{
	if (stream_rotate_is_placing(stream)) {
		stream_rotate_placed(stream);
		stage_done(stream, 0);
		return;
	}
	/* In place and not new: there was no name to make durable. */
	if (!has_new_name(stream))
		stream->published = true;
	flow_final_done(&stream->flow, 0);
	stream_schedule(stream);
}

static void run_stage(struct stream *stream)
{
	/* They use the descriptors, and a second sync beside one could hide its error. */
	if (stream->sync_busy || stream->reserve.busy || stream->cache.busy)
		return;
	/* A worker ends a frame for which no more input was needed: no batch waits for that. */
	if (stream_transform_is_busy(stream))
		return;
	while (!stage_applies(stream, stream->publish_stage))
		stream->publish_stage++;

	switch ((enum stage)stream->publish_stage) {
	case STAGE_NONE:
		break;
	case STAGE_FLUSH:
		flush(stream);
		break;
	case STAGE_CUT:
		submit(stream, IO_TRUNCATE, stream->file_fd,
		       stream->base_offset + stream_stored_end(stream));
		break;
	case STAGE_SYNC:
		if (stream->rewrite)
			stream_rewrite_final_again(stream);
		else
			submit(stream, IO_SYNC_DATA, stream->file_fd, 0);
		break;
	case STAGE_NAME:
		stream_task_run(stream, "rename", run_rename, stage_done);
		break;
	case STAGE_SIDE_FILE:
		stream_task_run(stream, "sideFile", run_side_file, stage_done);
		break;
	case STAGE_SYNC_NAME:
	case STAGE_SYNC_NAME_LATE:
		submit(stream, IO_SYNC_DIRECTORY, stream->dir_fd, 0);
		break;
	case STAGE_RECORD:
		stream_record_begin(stream, record_made);
		break;
	case STAGE_HAND_BACK:
		stream_task_run(stream, "unlock", run_hand_back, stage_done);
		break;
	case STAGE_FINAL_DONE:
		all_in_place(stream);
		break;
	case STAGE_REMOVE:
		stream_task_run(stream, "unlink", run_remove, stage_done);
		break;
	case STAGE_FORGET:
		submit_forget(stream);
		break;
	case STAGE_CLOSE:
		stream_task_run(stream, "close", run_close, stage_done);
		break;
	case STAGE_RELEASED:
		stream->publish_stage = STAGE_NONE;
		if (stream_rotate_is_placing(stream)) {
			stream_rotate_over(stream);
			break;
		}
		if (flow_is_finished(&stream->flow))
			stream_rotate_sweep(stream);
		flow_released(&stream->flow, 0);
		stream_schedule(stream);
		break;
	}
}

/* ---- the two beginnings ---- */

static int name_partial(struct stream *stream)
{
	char base[PARTIAL_NAME_BYTES];
	char *base_name, *path = NULL;

	partial_name(stream->base_name, base);
	base_name = strdup(base);
	if (!base_name)
		return -ENOMEM;
	if (stream->absolute_path) {
		int directory = (int)path_directory_length(stream->absolute_path);

		if (asprintf(&path, "%.*s/%s", directory, stream->absolute_path, base) < 0) {
			free(base_name);
			return -ENOMEM;
		}
	}
	free(stream->base_name);
	free(stream->absolute_path);
	stream->base_name = base_name;
	stream->absolute_path = path;
	return 0;
}

void stream_publish_begin(struct stream *stream)
{
	int r = 0;

	if (stream_rotate_holds_final(stream))
		return;
	if (stream_rotate_is_between(stream)) {
		stream->publish_stage = STAGE_FINAL_DONE;
		run_stage(stream);
		return;
	}
	stream->publish_stage = STAGE_FLUSH;
	if (stream->ending == STREAM_ENDING_SALVAGE)
		r = name_partial(stream);
	if (r < 0)
		stage_failed(stream, r);
	else
		run_stage(stream);
}

void stream_publish_segment(struct stream *stream)
{
	stream->publish_stage = STAGE_FLUSH;
	run_stage(stream);
}

void stream_release_begin(struct stream *stream)
{
	if (stream_rotate_holds_release(stream))
		return;
	stream->publish_stage = STAGE_SYNC_NAME_LATE;
	run_stage(stream);
}
