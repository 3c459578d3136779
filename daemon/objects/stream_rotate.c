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
 * The flow may ask for FINAL while the last segment is being put in place, and for RELEASE at
 * any time: both wait until no file is half in place and none half made.
 */

#include "config.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/log.h"
#include "daemon/core/path_rule.h"
#include "daemon/core/path_template.h"
#include "daemon/core/retention.h"
#include "daemon/io/catalogue_file.h"
#include "daemon/io/file.h"
#include "daemon/io/root.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/retention_sweep.h"
#include "daemon/objects/stream.h"
#include "daemon/objects/stream_destination.h"

#define NS_PER_USEC UINT64_C(1000)

enum state {
	ROTATE_FILLING, /* the segment's file is open, or the stream's first one will be */
	ROTATE_PLACING,
	ROTATE_BETWEEN, /* no file is open */
	ROTATE_OPENING,
};

struct stream_rotate {
	struct stream *stream;
	const struct store *store; /* NULL: directory_fd */
	int directory_fd;
	char *template_text; /* as the catalogue knows it */

	enum state state;
	enum stream_retry retry;	/* of the next segment's beginning */
	struct stream_opening *opening; /* while OPENING */
	bool final_held;		/* until the segment is in place */
	bool release_held;
	uint64_t number; /* of the present segment; 0: it has none */
	uint64_t spare;	 /* taken, and not used yet; 0: none */

	uint64_t start;	  /* position where the present segment begins */
	struct list cuts; /* stream_entry::cut_link: writes that begin a later one */

	/* The segment that is being accepted, which may be a later one. */
	uint64_t newest;   /* where it begins */
	bool newest_ended; /* the next write begins another */
};

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

static struct catalogue_template template_of(const struct stream_rotate *rotate)
{
	return (struct catalogue_template){
		.owner = rotate->stream->user->uid,
		.store = rotate->stream->store ? rotate->stream->store : "",
		.template_text = rotate->template_text,
	};
}

void stream_rotate_record(const struct stream *stream, struct catalogue_file *record)
{
	record->template_text = stream->rotate ? stream->rotate->template_text : "";
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

static void settle(struct stream_rotate *rotate, enum state state)
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
	       !stream->sync_busy && !stream->reserve.busy && !stream->rewrite &&
	       !stream->rewound && !stream_transform_is_busy(stream) &&
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
	template = template_of(stream->rotate);
	retention_sweep(stream->registry, &template, &rules);
}

void stream_rotate_over(struct stream *stream)
{
	bool given_up = stream->final_given_up;

	stream->final_given_up = false;
	stream_rotate_sweep(stream);
	settle(stream->rotate, ROTATE_BETWEEN);
	/* Somebody gave the stream up while the last try was under way, and that was a success. */
	if (given_up)
		stream_give_up(stream);
}

void stream_rotate_failed(struct stream *stream, int error)
{
	stream->final_given_up = false;
	stream_note_need(stream, false);
	flow_destroy(&stream->flow, error);
	settle(stream->rotate, ROTATE_FILLING);
}

/* ---- the next one is begun ---- */

static void begin_failed(struct stream_rotate *rotate, const char *operation, int error)
{
	struct stream *stream = rotate->stream;

	stream_opening_free(rotate->opening);
	rotate->opening = NULL;
	stream->dir_fd = fd_close(stream->dir_fd);
	if (stream_may_pause(stream, error)) {
		rotate->retry = STREAM_RETRY_WAITS;
		stream_pause_for_error(stream, operation, error, -1);
	} else if (!stream->stopping) {
		stream_fail(stream, operation, error, -1);
	}
	settle(rotate, ROTATE_BETWEEN);
	stream_pump(stream);
}

static void row_taken_back(struct catalogue_request *request)
{
	struct stream *stream = request->owner;
	struct stream_rotate *rotate = stream->rotate;

	stream->catalogue_row = 0;
	begin_failed(rotate, rotate->opening->operation, rotate->opening->error);
}

/* What is counted anew for each file. */
static int begin_segment(struct stream_rotate *rotate)
{
	struct stream *stream = rotate->stream;
	struct list *first = list_take_first(&rotate->cuts);

	list_init(first);
	rotate->start = container_of(first, struct stream_entry, cut_link)->position;
	rotate->spare = 0;
	stream->name_synced = false;
	stream->cut = false;
	stream->published = false;
	stream->remove_failures = 0;
	stream->digest[0] = '\0';
	stream->reserve.end = 0;
	stream->reserve.off = false;
	stream->reserve.given_back = false;
	return stream_transform_begin_file(stream);
}

static void temporary_made(struct errand *errand, int result)
{
	struct stream_opening *opening = container_of(errand, struct stream_opening, errand);
	struct stream *stream = opening->stream;
	struct stream_rotate *rotate = stream->rotate;
	int r;

	if (result < 0) {
		opening->error = result;
		stream->catalogue_request.done = row_taken_back;
		catalogue_remove_temporary(stream->registry->catalogue, stream->catalogue_row,
					   &stream->catalogue_request);
		return;
	}
	stream->file_fd = take_fd(&opening->file_fd);
	stream->direct_fd = take_fd(&opening->direct_fd);
	stream_opening_free(opening);
	rotate->opening = NULL;
	/* The stream may have been given up meanwhile, and its writes with it. */
	r = stream->stopping ? 0 : begin_segment(rotate);
	if (r < 0)
		stream_fail(stream, "memory", r, -1);
	rotate->retry = STREAM_RETRY_NONE;
	(void)stream_recover(stream);
	settle(rotate, ROTATE_FILLING);
	stream_pump(stream);
}

static void row_added(struct catalogue_request *request)
{
	struct stream *stream = request->owner;
	struct stream_opening *opening = stream->rotate->opening;

	if (request->result < 0) {
		begin_failed(stream->rotate, "catalogue", request->result);
		return;
	}
	stream->catalogue_row = request->row_id;
	opening->operation = "open";
	opening->errand.path = stream->absolute_path;
	opening->errand.run = stream_destination_make_temporary;
	opening->errand.done = temporary_made;
	errand_start(stream->registry, &opening->errand);
}

static int adopt_place(struct stream *stream, struct stream_opening *opening)
{
	char *base_name = strdup(opening->base_name);

	if (!base_name)
		return -ENOMEM;
	free(stream->base_name);
	free(stream->absolute_path);
	stream->base_name = base_name;
	stream->absolute_path = take_ptr(opening->absolute_path);
	stream->dir_fd = take_fd(&opening->dir_fd);
	stream->device = opening->device;
	return 0;
}

static void named(struct stream_opening *opening, int result)
{
	struct stream *stream = opening->stream;
	int r = result;

	if (r == 0) {
		stream->rotate->spare = stream->rotate->number;
		r = adopt_place(stream, opening);
	}
	if (r == 0)
		r = stream_temporary_add_row(stream, row_added);
	if (r < 0)
		begin_failed(stream->rotate, "catalogue", r);
}

static void place_found(struct errand *errand, int result)
{
	struct stream_opening *opening = container_of(errand, struct stream_opening, errand);

	/* Somebody has put a link in the way since the stream was opened. */
	if (result == ROOT_E_REFUSED)
		result = -ELOOP;
	if (result == 0 && opening->stream->stopping)
		result = -ECANCELED;
	if (result < 0)
		begin_failed(opening->stream->rotate, opening->operation, result);
	else
		stream_rotate_name(opening, named);
}

static int prepare_opening(struct stream_rotate *rotate)
{
	struct stream *stream = rotate->stream;
	struct stream_opening *opening = stream_opening_new(stream, rotate->store);
	int r;

	if (!opening)
		return -ENOMEM;
	rotate->opening = opening;
	opening->ring_bytes = 0;
	(void)snprintf(opening->temporary_name, sizeof(opening->temporary_name), "%s",
		       stream->temporary_name);
	opening->path = strdup(stream->path);
	if (!opening->path)
		return -ENOMEM;
	if (rotate->store)
		return 0;
	r = fd_duplicate(rotate->directory_fd);
	if (r < 0)
		return r;
	opening->directory_fd = r;
	return 0;
}

static void begin_next(struct stream_rotate *rotate)
{
	struct stream *stream = rotate->stream;
	int r = prepare_opening(rotate);

	rotate->state = ROTATE_OPENING;
	if (rotate->retry != STREAM_RETRY_NONE)
		rotate->retry = STREAM_RETRY_RUNS;
	if (r < 0) {
		begin_failed(rotate, "open", r);
		return;
	}
	rotate->opening->errand.name = "open";
	rotate->opening->errand.path = rotate->opening->path;
	rotate->opening->errand.run = stream_destination_find;
	rotate->opening->errand.done = place_found;
	errand_start(stream->registry, &rotate->opening->errand);
}

static bool may_begin(const struct stream_rotate *rotate)
{
	const struct stream *stream = rotate->stream;

	if (stream->stopping || list_is_empty(&rotate->cuts) || rotate->retry == STREAM_RETRY_WAITS)
		return false;
	return stream->state != STREAM_STATE_PAUSED || rotate->retry == STREAM_RETRY_WANTED;
}

void stream_rotate_retry(struct stream *stream)
{
	if (stream->rotate && stream->rotate->retry == STREAM_RETRY_WAITS)
		stream->rotate->retry = STREAM_RETRY_WANTED;
}

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
	if (rotate->state == ROTATE_BETWEEN && may_begin(rotate)) {
		begin_next(rotate);
		return true;
	}
	return false;
}

/* ---- names ---- */

static int name_segment(struct stream_opening *opening, uint64_t number)
{
	int directory = (int)path_directory_length(opening->absolute_path);
	char path[PATH_TEMPLATE_BYTES];
	char *segment_path, *absolute_path;

	if (!path_template_expand(opening->path, &opening->when, number, path))
		return -ENAMETOOLONG;
	segment_path = strdup(path);
	if (!segment_path || asprintf(&absolute_path, "%.*s/%s", directory, opening->absolute_path,
				      path_base_name(segment_path)) < 0) {
		free(segment_path);
		return -ENOMEM;
	}
	free(opening->segment_path);
	free(opening->absolute_path);
	opening->segment_path = segment_path;
	opening->base_name = path_base_name(segment_path);
	opening->absolute_path = absolute_path;
	return 0;
}

static void use_number(struct stream_opening *opening, uint64_t number)
{
	struct stream_rotate *rotate = opening->stream->rotate;

	rotate->number = number;
	opening->named(opening, name_segment(opening, number));
}

static void number_taken(struct catalogue_request *request)
{
	struct stream_opening *opening = request->owner;

	if (request->result < 0)
		opening->named(opening, request->result);
	else
		use_number(opening, opening->find.number);
}

void stream_rotate_name(struct stream_opening *opening,
			void (*done)(struct stream_opening *opening, int result))
{
	struct stream_rotate *rotate = opening->stream->rotate;
	struct catalogue_template template = template_of(rotate);
	int r;

	opening->named = done;
	if (!opening->numbered) {
		done(opening, 0);
		return;
	}
	/* A try that failed must not leave a gap. */
	if (rotate->spare > opening->present) {
		use_number(opening, rotate->spare);
		return;
	}
	opening->find.request.done = number_taken;
	opening->find.request.owner = opening;
	r = catalogue_take_number(opening->stream->registry->catalogue, &template, opening->present,
				  &opening->find);
	if (r < 0)
		done(opening, r);
}
