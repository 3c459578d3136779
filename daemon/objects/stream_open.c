/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Opening a destination. What can be refused at a glance is refused at once. Then a worker
 * finds the directory, or opens the file. For replace and exclusive the temporary is written
 * into the catalogue and made after that, so that a crash leaves no file that nobody knows;
 * while the catalogue waits for its disk, the worker makes the ring. Whatever can fail for
 * want of memory or descriptors is done before the temporary is made: once it is there the
 * stream is open.
 *
 * A destination that gives an errno leaves a failed stream behind, under its id; a refusal by
 * rule leaves nothing.
 */

#include "config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/log.h"
#include "daemon/core/path_rule.h"
#include "daemon/core/path_template.h"
#include "daemon/io/fd_kind.h"
#include "daemon/io/file.h"
#include "daemon/io/publish.h"
#include "daemon/io/root.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/ledger.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stores.h"
#include "daemon/objects/stream.h"
#include "daemon/objects/stream_destination.h"
#include "proto/ring.h"

/* Sink calls of streams without a ring, and how many writes one may gather. */
#define CALL_SINK_BYTES (UINT64_C(8) * 1024 * 1024)
#define CALL_SINK_WRITES 1024

/*
 * Sink calls of a ring: all of them together are the ring, so that it can be written to its end
 * before the first is synced, but none is so small that the disk notices.
 */
#define RING_SINK_BYTES_MIN (UINT64_C(1024) * 1024)

/* Direct I/O wants memory and file to be aligned alike. */
#define PHASE_MASK ((uint64_t)FILE_DIRECT_ALIGNMENT_BYTES - 1)

static void answer(struct stream *stream, int result, const struct refusal *refusal)
{
	struct stream_ring_fds fds = stream->opening->client_fds;

	stream->opening->client_fds.memory_fd = -1;
	stream->opening->client_fds.signal_fd = -1;
	stream_opening_free(stream->opening);
	stream->opening = NULL;
	stream->open_done(stream->open_data, result, stream, &fds, refusal);
}

/* Nothing is left of the stream. */
static void refuse_open(struct stream *stream, int result, const struct refusal *refusal)
{
	stream_open_fn done = stream->open_done;
	void *data = stream->open_data;
	struct stream_ring_fds none = { .memory_fd = -1, .signal_fd = -1 };

	stream_free(stream);
	done(data, result, NULL, &none, refusal);
}

static void fail_open(struct stream *stream, const char *operation, int error)
{
	struct refusal refusal;

	stream_note_fault(stream, operation, error, -1);
	stream_set_state(stream, STREAM_STATE_FAILED);
	(void)refuse_failed(&refusal, stream->id, &stream->fault);
	stream_retire(stream);
	answer(stream, REFUSED, &refusal);
}

static void refuse_by_rule(struct stream *stream)
{
	const struct stream_opening *opening = stream->opening;
	struct refusal refusal;

	if (opening->target == STREAM_TARGET_FILE)
		(void)refuse_text(&refusal, REFUSAL_PARAMETER, opening->reason);
	else
		(void)refuse_path(&refusal, opening->path, opening->reason);
	refuse_open(stream, REFUSED, &refusal);
}

static int keep_in_ledger(struct stream *stream)
{
	struct ledger *ledger = stream->registry->ledger;
	int r = 0;

	if (stream->dir_fd >= 0)
		r = ledger_keep(ledger, ID_STREAM, stream->id, LEDGER_DIRECTORY, stream->dir_fd);
	if (r == 0 && stream->file_fd >= 0)
		r = ledger_keep(ledger, ID_STREAM, stream->id, LEDGER_DESTINATION, stream->file_fd);
	if (r == 0 && stream->ring.memory_fd >= 0)
		r = ledger_keep(ledger, ID_STREAM, stream->id, LEDGER_RING, stream->ring.memory_fd);
	return r;
}

static void opened(struct stream *stream)
{
	bool lost = stream->holder == NULL;

	stream_set_state(stream, STREAM_STATE_OPEN);
	stream->registry->counters.streams_opened++;
	stream_ring_fill(stream);
	answer(stream, 0, NULL);
	stream_tell(stream, STREAM_EVENT_OPEN);
	if (stream->shutting_down)
		stream_shutdown(stream, true);
	else if (lost)
		stream_producer_gone(stream);
	stream_schedule(stream);
}

static void end_open(struct stream *stream)
{
	struct refusal refusal;

	if (!stream->opening->ledger_full) {
		fail_open(stream, stream->opening->operation, stream->opening->error);
		return;
	}
	(void)refuse_limit(&refusal, "storedDescriptorsTotal",
			   ledger_limit(stream->registry->ledger));
	refuse_open(stream, REFUSED, &refusal);
}

static void row_taken_back(struct catalogue_request *request)
{
	end_open(request->owner);
}

/* There is no file yet, but there may be a row about it. */
static void give_up_open(struct stream *stream)
{
	if (stream->catalogue_row == 0) {
		end_open(stream);
		return;
	}
	stream->catalogue_request.done = row_taken_back;
	catalogue_remove_temporary(stream->registry->catalogue, stream->catalogue_row,
				   &stream->catalogue_request);
}

static void temporary_made(struct errand *errand, int result)
{
	struct stream *stream = container_of(errand, struct stream_opening, errand)->stream;
	struct stream_opening *opening = stream->opening;

	if (result < 0) {
		opening->error = result;
		give_up_open(stream);
		return;
	}
	stream->file_fd = take_fd(&opening->file_fd);
	stream->direct_fd = take_fd(&opening->direct_fd);
	opened(stream);
}

/* The directory part of the absolute path, for the catalogue. */
static char *directory_of(const char *absolute_path)
{
	return strndup(absolute_path, path_directory_length(absolute_path));
}

int stream_temporary_add_row(struct stream *stream, void (*done)(struct catalogue_request *request))
{
	cleanup_free char *directory = directory_of(stream->absolute_path);
	struct catalogue_temporary row = {
		.instance = stream->registry->instance,
		.stream_id = stream->id_text,
		.store = stream->store ? stream->store : "",
		.directory = directory && directory[0] ? directory : "/",
		.temporary_name = stream->temporary_name,
		.final_name = stream->base_name,
		.on_disconnect = stream_disconnect_name(stream->options.on_disconnect),
		.open_mode = stream_open_name(stream->options.open),
		.owner = stream->user->uid,
	};

	if (!directory)
		return -ENOMEM;
	stream->catalogue_request.done = done;
	stream->catalogue_request.owner = stream;
	return catalogue_add_temporary(stream->registry->catalogue, &row,
				       &stream->catalogue_request);
}

static uint64_t ring_sink_bytes(uint64_t ring_bytes)
{
	uint64_t bytes = ring_bytes / STREAM_SINKS;

	if (bytes >= RING_SINK_BYTES_MIN)
		return bytes;
	return ring_bytes / 4 < RING_SINK_BYTES_MIN ? ring_bytes / 4 : RING_SINK_BYTES_MIN;
}

static void set_up_flow(struct stream *stream)
{
	uint64_t ring = stream->ring.bytes;
	struct flow_config config = {
		/* A ring's producer knows by itself when to stop, and says so. */
		.high_water_mark = ring ? UINT64_MAX : (uint64_t)stream->options.high_water_mark,
		.low_water_mark = (uint64_t)stream->options.low_water_mark,
		.sink_bytes = ring ? ring_sink_bytes(ring) : CALL_SINK_BYTES,
		.sink_writes = CALL_SINK_WRITES,
		.sinks = STREAM_SINKS,
		.final = true,
		.release = true,
		.announce_close = true,
	};

	flow_init(&stream->flow, &config);
	write_window_init(&stream->window, stream_now_ns());
	pace_init(&stream->pace, (uint64_t)stream->options.rate_bytes_per_second, stream_now_ns());
}

static int set_up_means(struct stream *stream)
{
	struct stream_opening *opening = stream->opening;
	int r;

	if (stream->target == STREAM_TARGET_OUTLET)
		r = stream_outlet_init(stream, take_fd(&opening->destination_fd));
	else
		r = stream_transfers_init(stream);
	return r < 0 ? r : stream_transform_init(stream);
}

static int adopt(struct stream *stream)
{
	struct stream_opening *opening = stream->opening;

	stream->dir_fd = take_fd(&opening->dir_fd);
	stream->file_fd = take_fd(&opening->file_fd);
	stream->direct_fd = take_fd(&opening->direct_fd);
	stream->absolute_path = take_ptr(opening->absolute_path);
	stream->made = opening->made;
	stream->device = opening->device;
	stream->directory = opening->directory;
	stream->base_offset = opening->base_offset;
	if (opening->base_name) {
		stream->base_name = strdup(opening->base_name);
		if (!stream->base_name)
			return -ENOMEM;
	}
	if (opening->temporary_name[0] != '\0') {
		stream->temporary_name = strdup(opening->temporary_name);
		if (!stream->temporary_name)
			return -ENOMEM;
	}
	return set_up_means(stream);
}

static int set_up_ring(struct stream *stream)
{
	struct stream_opening *opening = stream->opening;
	int r;

	stream->ring.phase = stream->base_offset & PHASE_MASK;
	r = stream_ring_adopt(stream, opening->ring_fd, &opening->ring);
	if (r < 0)
		return r;
	opening->ring_fd = -1;
	return stream_ring_connect(stream, &opening->client_fds);
}

/* The ring's memory and the row are there, or one of them, or both, could not be had. */
static void prepared(struct stream *stream)
{
	struct stream_opening *opening = stream->opening;

	if (--opening->pending > 0)
		return;
	if (opening->error == 0 && opening->ring_bytes > 0) {
		opening->operation = "ring";
		opening->error = set_up_ring(stream);
	}
	if (opening->error == 0)
		opening->ledger_full = keep_in_ledger(stream) != 0;
	if (opening->error < 0 || opening->ledger_full) {
		give_up_open(stream);
		return;
	}
	set_up_flow(stream);
	if (!stream->temporary_name) {
		opened(stream);
		return;
	}
	opening->operation = "open";
	opening->errand.name = "open";
	opening->errand.path = stream->absolute_path;
	opening->errand.run = stream_destination_make_temporary;
	opening->errand.done = temporary_made;
	errand_start(stream->registry, &opening->errand);
}

static void note_error(struct stream_opening *opening, const char *operation, int result)
{
	if (result == 0 || opening->error < 0)
		return;
	opening->operation = operation;
	opening->error = result;
}

static void row_added(struct catalogue_request *request)
{
	struct stream *stream = request->owner;

	note_error(stream->opening, "catalogue", request->result);
	if (request->result == 0)
		stream->catalogue_row = request->row_id;
	prepared(stream);
}

static void digest_voided(struct catalogue_request *request)
{
	struct stream *stream = request->owner;

	note_error(stream->opening, "catalogue", request->result);
	prepared(stream);
}

/* What was known of a file that is written in place does not hold from the first byte on. */
static int void_digest(struct stream *stream)
{
	stream->catalogue_request.done = digest_voided;
	stream->catalogue_request.owner = stream;
	return catalogue_void_digest(stream->registry->catalogue, stream->absolute_path,
				     &stream->catalogue_request);
}

/* The catalogue's part, where it has one. */
static void begin_row(struct stream *stream)
{
	int r;

	if (stream->temporary_name)
		r = stream_temporary_add_row(stream, row_added);
	else if (stream->target == STREAM_TARGET_PATH && !stream->made)
		r = void_digest(stream);
	else
		return;
	stream->opening->pending += r == 0;
	note_error(stream->opening, "catalogue", r);
}

static void ring_made(struct errand *errand, int result)
{
	struct stream_opening *opening = container_of(errand, struct stream_opening, errand);

	note_error(opening, "ring", result);
	prepared(opening->stream);
}

/* The destination has its name. */
static void take_destination(struct stream *stream)
{
	struct stream_opening *opening = stream->opening;
	int r = adopt(stream);

	if (r < 0) {
		fail_open(stream, opening->operation, r);
		return;
	}
	opening->pending = 1;
	begin_row(stream);
	if (opening->ring_bytes > 0 && opening->error == 0) {
		opening->pending++;
		opening->errand.name = "ring";
		opening->errand.run = stream_destination_make_ring;
		opening->errand.done = ring_made;
		errand_start(stream->registry, &opening->errand);
	}
	prepared(stream);
}

static void segment_named(struct stream_opening *opening, int result)
{
	struct stream *stream = opening->stream;

	if (result < 0)
		fail_open(stream, "catalogue", result);
	else
		take_destination(stream);
}

static void destination_found(struct errand *errand, int result)
{
	struct stream *stream = container_of(errand, struct stream_opening, errand)->stream;
	struct stream_opening *opening = stream->opening;
	struct refusal refusal;

	if (result == ROOT_E_REFUSED) {
		refuse_by_rule(stream);
		return;
	}
	if (result == -EBUSY && strcmp(opening->operation, "lock") == 0) {
		refuse_open(stream, refuse_text(&refusal, REFUSAL_PATH_BUSY, opening->path),
			    &refusal);
		return;
	}
	if (result < 0) {
		stream->absolute_path = take_ptr(opening->absolute_path);
		fail_open(stream, opening->operation, result);
		return;
	}
	if (stream->rotate)
		stream_rotate_name(opening, segment_named);
	else
		take_destination(stream);
}

/* ---- what can be refused at a glance ---- */

static int classify(struct holder *holder, const struct stream_request *request,
		    enum stream_target *ret_target, struct refusal *refusal)
{
	const struct registry *registry = holder->user->registry;
	const char *reason;

	*ret_target = STREAM_TARGET_PATH;
	if (request->destination_fd >= 0) {
		enum fd_kind kind = fd_kind_destination(request->destination_fd, &reason);

		if (request->directory_fd >= 0)
			return refuse_text(refusal, REFUSAL_PARAMETER,
					   "directoryFileDescriptorIndex");
		if (request->path)
			return refuse_text(refusal, REFUSAL_PARAMETER, "path");
		if (request->store)
			return refuse_text(refusal, REFUSAL_PARAMETER, "store");
		if (kind == FD_KIND_REFUSED)
			return refuse_text(refusal, REFUSAL_PARAMETER, "fileDescriptorIndex");
		*ret_target = kind == FD_KIND_FILE ? STREAM_TARGET_FILE : STREAM_TARGET_OUTLET;
		return 0;
	}
	if (!request->path)
		return refuse_text(refusal, REFUSAL_PARAMETER, "path");
	if (request->directory_fd < 0)
		return 0;
	/* Anyone can open a directory for reading that they may not write. */
	if (holder->user->uid != 0 && holder->user->uid != registry->own_uid)
		return refuse(refusal, REFUSAL_PERMISSION);
	if (request->store)
		return refuse_text(refusal, REFUSAL_PARAMETER, "store");
	if (fd_kind_directory(request->directory_fd, &reason) != FD_KIND_DIRECTORY)
		return refuse_text(refusal, REFUSAL_PARAMETER, "directoryFileDescriptorIndex");
	return 0;
}

/* Segments need names of their own. */
static int check_template(const char *path, struct refusal *refusal)
{
	const char *reason;

	if (!strpbrk(path, "{%"))
		return refuse_text(refusal, REFUSAL_PARAMETER, "path");
	return path_template_check(path, &reason) ? 0 : refuse_path(refusal, path, reason);
}

static int check_request(struct holder *holder, const struct stream_request *request,
			 struct stream_options *options, enum stream_target target,
			 const struct store **ret_store, struct refusal *refusal)
{
	const char *text;
	struct store *store = NULL;

	if (stream_options_resolve(options, target, &text) != 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, text);
	if (target == STREAM_TARGET_PATH && request->directory_fd < 0) {
		int r = store_find(holder->user, request->store, request->path, &store, refusal);

		if (r != 0)
			return r;
	}
	*ret_store = store;
	if (target == STREAM_TARGET_PATH && !path_check(request->path, &text))
		return refuse_path(refusal, request->path, text);
	if (stream_options_rotate(options))
		return check_template(request->path, refusal);
	return 0;
}

struct stream_opening *stream_opening_new(struct stream *stream, const struct store *store)
{
	struct stream_opening *opening = calloc(1, sizeof(*opening));
	const struct stream_options *options = &stream->options;

	if (!opening)
		return NULL;
	opening->stream = stream;
	opening->operation = "open";
	opening->store = store;
	opening->uid = stream->user->uid;
	opening->owner = store ? store_owner_for(stream->registry, stream->user->uid) :
				 (struct root_owner){ (uid_t)-1, (gid_t)-1 };
	opening->directory_fd = -1;
	opening->destination_fd = -1;
	opening->dir_fd = -1;
	opening->file_fd = -1;
	opening->direct_fd = -1;
	opening->ring_fd = -1;
	opening->client_fds = (struct stream_ring_fds){ .memory_fd = -1, .signal_fd = -1 };
	opening->target = stream->target;
	opening->open = (enum stream_open)options->open;
	opening->mode = (mode_t)options->mode;
	opening->start = (uint64_t)options->start;
	opening->size_hint = (uint64_t)options->size_hint;
	opening->side_file = options->side_file;
	opening->ring_bytes = (uint64_t)options->ring_bytes;
	opening->rotates = stream_options_rotate(options);
	return opening;
}

static int name_things(struct stream *stream, const struct stream_request *request,
		       const struct store *store)
{
	struct stream_opening *opening = stream->opening;

	if (request->path) {
		opening->path = strdup(request->path);
		stream->path = strdup(request->path);
		if (!opening->path || !stream->path)
			return -ENOMEM;
	}
	if (store) {
		stream->store = strdup(store->name);
		if (!stream->store)
			return -ENOMEM;
	}
	if (request->mark) {
		stream->mark = strdup(request->mark);
		if (!stream->mark)
			return -ENOMEM;
	}
	if (stream->target == STREAM_TARGET_PATH && stream_open_is_temporary(opening->open))
		return publish_temporary_name(stream->registry->instance, stream->id_text,
					      opening->temporary_name);
	return 0;
}

static int charge(struct stream *stream, struct refusal *refusal)
{
	uint64_t staging_bytes = stream_transform_memory_bytes(&stream->options);
	int r = user_charge(stream->user, QUOTA_STREAMS, 1, refusal);

	if (r != 0)
		return r;
	stream->charged = true;
	r = user_charge(stream->user, QUOTA_STAGING_BYTES, staging_bytes, refusal);
	if (r != 0)
		return r;
	stream->charged_staging_bytes = staging_bytes;
	if (stream->options.ring_bytes == 0)
		return 0;
	r = user_charge(stream->user, QUOTA_RING_BYTES, (uint64_t)stream->options.ring_bytes,
			refusal);
	if (r == 0)
		stream->charged_ring_bytes = (uint64_t)stream->options.ring_bytes;
	return r;
}

int stream_open(struct holder *holder, struct stream_request *request, stream_open_fn done,
		void *data, struct refusal *refusal)
{
	struct stream_options options = request->options;
	const struct store *store = NULL;
	enum stream_target target;
	struct stream *stream;
	int r;

	if (holder->user->registry->lifecycle != LIFECYCLE_SERVING)
		return refuse(refusal, REFUSAL_SHUTTING_DOWN);
	r = classify(holder, request, &target, refusal);
	if (r == 0)
		r = check_request(holder, request, &options, target, &store, refusal);
	if (r == 0)
		r = stream_new(holder, &stream);
	if (r != 0)
		return r;
	stream->options = options;
	stream->target = target;
	r = charge(stream, refusal);
	if (r == 0) {
		stream->opening = stream_opening_new(stream, store);
		r = stream->opening ? name_things(stream, request, store) : -ENOMEM;
		if (r == 0)
			r = stream_rotate_init(stream, store, request->directory_fd);
	}
	if (r != 0) {
		stream_free(stream);
		return r;
	}

	labels_move(&stream->labels, &request->labels);
	stream->opening->directory_fd = take_fd(&request->directory_fd);
	stream->opening->destination_fd = take_fd(&request->destination_fd);
	stream->open_done = done;
	stream->open_data = data;
	stream->opening->errand.name = "open";
	stream->opening->errand.path = stream->opening->path;
	stream->opening->errand.run = stream_destination_find;
	stream->opening->errand.done = destination_found;
	errand_start(stream->registry, &stream->opening->errand);
	return 0;
}
