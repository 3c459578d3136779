/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Streams that are stored as one file after the other. Each file, a segment, is put in place
 * like the one file of any other stream (stream_publish.c) and not touched any more; then the
 * next one is begun, but only when there are bytes for it.
 *
 * Where one segment ends is decided when bytes are accepted, between two writes; what a ring's
 * producer had ready at one look counts as one write. A write that does not fit any more begins
 * the next segment: it is a cut. Nothing behind the first cut is given to the worker that makes
 * what is stored (stream_transform.c, which such a stream always has, because memory and file
 * do not stay aligned alike), until the segment before it is in place. What was accepted
 * meanwhile is held, as for a slow disk.
 *
 *	FILLING ──▶ PLACING ──▶ BETWEEN ──▶ OPENING ──▶ FILLING
 *	   ▲           ╰ failed ╮  ▲            ╰ failed, tried again ─▶ BETWEEN
 *	   ╰────────────────────╯  ╰─ the end of the stream may come here, with nothing left to do
 *
 * stream_segment.c has the way through OPENING.
 *
 * The flow may ask for FINAL while the last segment is being put in place, and for RELEASE at
 * any time: both wait until no file is half in place and none half made.
 */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/fd.h"
#include "daemon/base/log.h"
#include "daemon/core/retention.h"
#include "daemon/io/catalogue_file.h"
#include "daemon/io/file.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/retention_sweep.h"
#include "daemon/objects/stream.h"
#include "daemon/objects/stream_destination.h"
#include "daemon/objects/stream_rotate.h"

#define NS_PER_USEC UINT64_C(1000)

/* ---- made and ended ---- */

/*
 * The numbers and files of one template belong together, so its text must say all: beneath a
 * passed directory that is where the directory is.
 */
static int name_template(struct stream_rotate *rotate)
{
	if (rotate->store) {
		rotate->template_text = strdup(rotate->stream->path);
		return rotate->template_text ? 0 : -ENOMEM;
	}
	return file_get_path(rotate->directory_fd, rotate->stream->path, &rotate->template_text);
}

int stream_rotate_init(struct stream *stream, const struct store *store, int directory_fd)
{
	struct stream_rotate *rotate;
	int r;

	if (!stream_options_rotate(&stream->options))
		return 0;
	rotate = calloc(1, sizeof(*rotate));
	if (!rotate)
		return -ENOMEM;
	stream->rotate = rotate;
	rotate->stream = stream;
	rotate->store = store;
	rotate->directory_fd = -1;
	list_init(&rotate->cuts);
	if (!store) {
		r = fd_duplicate(directory_fd);
		if (r < 0)
			return r;
		rotate->directory_fd = r;
	}
	return name_template(rotate);
}

void stream_rotate_fini(struct stream *stream)
{
	struct stream_rotate *rotate = stream->rotate;

	if (!rotate)
		return;
	stream->rotate = NULL;
	stream_opening_free(rotate->opening);
	fd_close(rotate->directory_fd);
	free(rotate->template_text);
	free(rotate);
}

struct catalogue_template stream_rotate_template(const struct stream_rotate *rotate)
{
	return (struct catalogue_template){
		.owner = rotate->stream->user->uid,
		.store = rotate->stream->store ? rotate->stream->store : "",
		.template_text = rotate->template_text,
	};
}

void stream_rotate_record(const struct stream *stream, struct catalogue_file *record)
{
	record->template_text = stream->rotate ? stream->rotate->template_text :
				stream->mark   ? stream->mark :
						 "";
	record->number = stream->rotate ? stream->rotate->number : 0;
}

/* ---- where segments end ---- */

static uint64_t limit_bytes(const struct stream *stream)
{
	int64_t every = stream->options.rotate_every_bytes;

	return every == OPTION_UNSET ? UINT64_MAX : (uint64_t)every;
}

bool stream_rotate_cuts(const struct stream *stream, uint64_t bytes)
{
	const struct stream_rotate *rotate = stream->rotate;
	uint64_t there;

	if (!rotate || bytes == 0)
		return false;
	there = stream->accepted - rotate->newest;
	return rotate->newest_ended || (there > 0 && bytes > limit_bytes(stream) - there);
}

void stream_rotate_cut(struct stream *stream, struct stream_entry *entry)
{
	struct stream_rotate *rotate = stream->rotate;

	list_append(&rotate->cuts, &entry->cut_link);
	rotate->newest = entry->position;
	rotate->newest_ended = false;
	stream_set_due(stream, STREAM_DUE_ROTATE, STREAM_NEVER);
}

void stream_rotate_accepted(struct stream *stream)
{
	struct stream_rotate *rotate = stream->rotate;
	int64_t every_usec = stream->options.rotate_every_usec;
	uint64_t there;

	if (!rotate)
		return;
	there = stream->accepted - rotate->newest;
	rotate->newest_ended |= there >= limit_bytes(stream);
	if (rotate->newest_ended)
		stream_set_due(stream, STREAM_DUE_ROTATE, STREAM_NEVER);
	else if (there > 0 && every_usec != OPTION_UNSET &&
		 stream->due_ns[STREAM_DUE_ROTATE] == STREAM_NEVER)
		stream_set_due(stream, STREAM_DUE_ROTATE,
			       stream_now_ns() + (uint64_t)every_usec * NS_PER_USEC);
}

void stream_rotate_due(struct stream *stream)
{
	stream->rotate->newest_ended = true;
}

uint64_t stream_rotate_limit(const struct stream *stream)
{
	const struct stream_rotate *rotate = stream->rotate;
	struct list *first;

	if (!rotate)
		return UINT64_MAX;
	first = list_first(&rotate->cuts);
	if (first)
		return container_of(first, struct stream_entry, cut_link)->position;
	return rotate->newest_ended ? stream->accepted : UINT64_MAX;
}

uint64_t stream_rotate_placed_bytes(const struct stream *stream)
{
	const struct stream_rotate *rotate = stream->rotate;

	if (!rotate)
		return 0;
	return rotate->state == ROTATE_FILLING || rotate->state == ROTATE_PLACING ?
		       rotate->start :
		       stream_rotate_limit(stream);
}

/* ---- after something that must not be interrupted ---- */

bool stream_rotate_is_placing(const struct stream *stream)
{
	return stream->rotate && stream->rotate->state == ROTATE_PLACING;
}

bool stream_rotate_is_between(const struct stream *stream)
{
	return stream->rotate && stream->rotate->state == ROTATE_BETWEEN;
}

bool stream_rotate_waits(const struct stream *stream)
{
	return stream->rotate && stream->rotate->retry != STREAM_RETRY_NONE;
}

bool stream_rotate_holds_final(struct stream *stream)
{
	if (!stream_rotate_is_placing(stream))
		return false;
	stream->rotate->final_held = true;
	return true;
}

bool stream_rotate_holds_release(struct stream *stream)
{
	if (!stream_rotate_is_placing(stream) &&
	    !(stream->rotate && stream->rotate->state == ROTATE_OPENING))
		return false;
	stream->rotate->release_held = true;
	return true;
}

void stream_rotate_settle(struct stream_rotate *rotate, enum rotate_state state)
{
	struct stream *stream = rotate->stream;
	bool final_held = rotate->final_held;
	bool release_held = rotate->release_held;

	rotate->state = state;
	rotate->final_held = false;
	rotate->release_held = false;
	if (release_held)
		stream_release_begin(stream);
	else if (final_held)
		stream_publish_begin(stream);
	stream_schedule(stream);
}

/* ---- a segment is put in place ---- */

/* All of it is written, and synced where that is promised; nothing of it is under way. */
static bool is_complete(const struct stream *stream)
{
	bool held = stream->options.ack != STREAM_ACK_WRITTEN;

	return stream->written == stream_rotate_limit(stream) &&
	       (!held || stream->synced == stream->written) && stream->transfers_busy == 0 &&
	       !stream->sync_busy && !stream->reserve.busy && !stream->cache.busy &&
	       !stream->rewrite && !stream->rewound && !stream_transform_is_busy(stream) &&
	       stream->name_retry == STREAM_RETRY_NONE;
}

static bool may_place(const struct stream *stream)
{
	/* The last one is put in place by the end of the stream. */
	bool last = flow_is_ended(&stream->flow) && stream->written == stream->accepted;

	return !last && !stream->stopping && stream->state != STREAM_STATE_PAUSED &&
	       !stream_is_publishing(stream) && is_complete(stream);
}

void stream_rotate_placed(struct stream *stream)
{
	char path[256];

	stream->published = true;
	log_info("stream", "rotated", "id=%s path=%s", stream->id_text,
		 log_quote(stream->absolute_path, path, sizeof(path)));
	stream_tell(stream, STREAM_EVENT_ROTATE);
}

static uint64_t rule(int64_t option)
{
	return option == OPTION_UNSET ? 0 : (uint64_t)option;
}

void stream_rotate_sweep(const struct stream *stream)
{
	const struct stream_options *options = &stream->options;
	const struct retention_rules rules = {
		.keep_last = rule(options->keep_last),
		.keep_usec = rule(options->keep_usec),
		.maximum_bytes = rule(options->maximum_bytes),
		.minimum_free_bytes = rule(options->minimum_free_bytes),
	};
	struct catalogue_template template;

	if (!stream->rotate || !(rules.keep_last || rules.keep_usec || rules.maximum_bytes ||
				 rules.minimum_free_bytes))
		return;
	template = stream_rotate_template(stream->rotate);
	retention_sweep(stream->registry, &template, &rules);
}

void stream_rotate_over(struct stream *stream)
{
	bool given_up = stream->final_given_up;

	stream->final_given_up = false;
	stream_rotate_sweep(stream);
	stream_rotate_settle(stream->rotate, ROTATE_BETWEEN);
	/* Somebody gave the stream up while the last try was under way, and that was a success. */
	if (given_up)
		stream_give_up(stream);
}

void stream_rotate_failed(struct stream *stream, int error)
{
	stream->final_given_up = false;
	stream_note_need(stream, false);
	flow_destroy(&stream->flow, error);
	stream_rotate_settle(stream->rotate, ROTATE_FILLING);
}

/* ---- the pump ---- */

bool stream_rotate_move(struct stream *stream)
{
	struct stream_rotate *rotate = stream->rotate;

	if (!rotate)
		return false;
	if (rotate->state == ROTATE_FILLING && may_place(stream)) {
		rotate->state = ROTATE_PLACING;
		stream_publish_segment(stream);
		return true;
	}
	return stream_segment_move(rotate);
}
