/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How the next segment of a rotating stream is begun: a worker finds its directory, which may
 * be a new one, and the highest number in it; the catalogue gives the number; then, as for the
 * first one, the temporary is written down in the catalogue and made. What fails is waited for
 * where onError says so, and keeps the number that it was given.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/path_rule.h"
#include "daemon/core/path_template.h"
#include "daemon/io/catalogue_file.h"
#include "daemon/io/root.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"
#include "daemon/objects/stream_destination.h"
#include "daemon/objects/stream_rotate.h"

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
	stream_rotate_settle(rotate, ROTATE_BETWEEN);
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
	stream_cache_begin_file(stream);
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
	stream_rotate_settle(rotate, ROTATE_FILLING);
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
	stream->directory = opening->directory;
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

bool stream_segment_move(struct stream_rotate *rotate)
{
	if (rotate->state != ROTATE_BETWEEN || !may_begin(rotate))
		return false;
	begin_next(rotate);
	return true;
}

void stream_rotate_retry(struct stream *stream)
{
	if (stream->rotate && stream->rotate->retry == STREAM_RETRY_WAITS)
		stream->rotate->retry = STREAM_RETRY_WANTED;
}

/* ---- names ---- */

static int name_segment(struct stream_opening *opening, uint64_t number)
{
	int directory = (int)path_directory_length(opening->absolute_path);
	char path[PATH_TEMPLATE_BYTES];
	char *segment_path, *absolute_path;

	if (!path_template_expand(opening->path, &opening->time, number, path))
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
	struct catalogue_template template = stream_rotate_template(rotate);
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
