/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/conduit_source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/base/cleanup.h"
#include "daemon/io/fd_kind.h"
#include "daemon/io/file.h"
#include "daemon/io/inlet.h"
#include "daemon/objects/buffer_work.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/store_access.h"
#include "daemon/objects/stores.h"

enum source_kind {
	SOURCE_PATH,
	SOURCE_FILE, /* passed */
	SOURCE_BUFFER,
	SOURCE_INLET,
};

/* What is read on the loop at once. */
#define INLET_PIECE_BYTES ((size_t)256 * 1024)

/* Outcome of a worker: a file that is none of ours to read. */
#define SOURCE_E_NO_DATA 2

struct conduit_source {
	struct conduit *conduit;
	enum source_kind kind;
	conduit_open_fn opened;
	struct errand errand;

	/* A file. */
	const struct store *store;
	uid_t uid;
	char *path; /* as given; NULL: none */
	const char *reason;
	const char *fd_parameter;
	struct store_opened file;
	uint64_t first; /* where a passed one stands */
	uint64_t bytes; /* from there on */

	struct buffer *buffer; /* pinned */
	const unsigned char *address;
	struct buffer_work work;

	struct inlet *inlet;
	struct event *readable;
	unsigned char *scratch; /* what came is copied from here, so that little takes little */

	int64_t offset;
	int64_t length;
	uint64_t position; /* of the next byte, in what is read */
	uint64_t end;	   /* UINT64_MAX: not known */
	uint64_t read_bytes;
	struct conduit_chunk *chunk; /* being filled */
	size_t wanted;
	int answer;
	bool busy;    /* a read is in hand, */
	bool stalled; /* but too much is held */
	bool ended;
	bool release_due;
};

/* ---- one read ---- */

static void released(struct conduit *conduit)
{
	pipe_flow_released(&conduit->flow, CONDUIT_SOURCE, 0);
	conduit_run(conduit);
}

static const char *name_of(const struct conduit_source *source)
{
	return source->file.absolute_path ? source->file.absolute_path : source->path;
}

static void fail(struct conduit_source *source, int error)
{
	struct conduit *conduit = source->conduit;

	conduit_note_fault(conduit, "read", error, name_of(source), (int64_t)source->position);
	pipe_flow_destroy(&conduit->flow, CONDUIT_SOURCE, error);
}

static void push(struct conduit_source *source, size_t bytes)
{
	struct conduit *conduit = source->conduit;
	struct conduit_chunk *chunk = conduit_chunk_cut(take_ptr(source->chunk), bytes);

	source->position += bytes;
	source->read_bytes += bytes;
	/* Destroyed meanwhile: nobody wants them. */
	if (!read_flow_push(&conduit->parts[CONDUIT_SOURCE].read, &chunk->flow.read))
		conduit_chunk_free(conduit, chunk);
	pipe_flow_read(&conduit->flow, CONDUIT_SOURCE);
}

/* `result`: how many bytes came, 0 at the end, or a negative errno. After this it may be gone. */
static void read_over(struct conduit_source *source, ssize_t result)
{
	struct conduit *conduit = source->conduit;

	source->busy = false;
	if (source->release_due) {
		source->release_due = false;
		released(conduit);
		return;
	}
	if (result < 0) {
		fail(source, (int)result);
	} else if (result == 0) {
		source->ended = true;
		read_flow_push_end(&conduit->parts[CONDUIT_SOURCE].read);
		pipe_flow_read(&conduit->flow, CONDUIT_SOURCE);
	} else {
		push(source, (size_t)result);
	}
	conduit_run(conduit);
}

/* A chunk for the next read; NULL: no memory. */
static struct conduit_chunk *make_room(struct conduit_source *source)
{
	conduit_chunk_free(source->conduit, source->chunk);
	source->chunk = conduit_chunk_new(source->conduit, CONDUIT_SOURCE, source->wanted);
	return source->chunk;
}

static int run_pread(struct errand *errand)
{
	struct conduit_source *source = errand->owner;
	ssize_t bytes;

	do {
		bytes = pread(source->file.file_fd, source->chunk->bytes, source->wanted,
			      (off_t)source->position);
	} while (bytes < 0 && errno == EINTR);
	if (bytes < 0)
		return -errno;
	/* It was cut meanwhile: what was asked for is not there. */
	return bytes == 0 ? -ESTALE : (int)bytes;
}

static void on_read(struct errand *errand, int result)
{
	read_over(errand->owner, result);
}

static void read_file(struct conduit_source *source)
{
	source->errand = (struct errand){
		.name = "read",
		.path = name_of(source),
		.run = run_pread,
		.done = on_read,
		.owner = source,
	};
	errand_start(source->conduit->registry, &source->errand);
}

static int run_copy(struct buffer_work *work)
{
	struct conduit_source *source = work->owner;

	memcpy(source->chunk->bytes, source->address + source->position, source->wanted);
	return 0;
}

static void on_copied(struct buffer_work *work, int result)
{
	struct conduit_source *source = work->owner;

	if (result == 0 && buffer_is_orphan(source->buffer))
		result = -ECANCELED;
	read_over(source, result < 0 ? result : (ssize_t)source->wanted);
}

static void read_buffer(struct conduit_source *source)
{
	source->work = (struct buffer_work){
		.name = "read",
		.bytes = source->wanted,
		.run = run_copy,
		.done = on_copied,
		.owner = source,
	};
	buffer_work_submit(source->buffer->backing, &source->work);
}

static void on_readable(evutil_socket_t unused_fd, short unused_events, void *data)
{
	struct conduit_source *source = data;
	ssize_t bytes = inlet_read(source->inlet, source->scratch, source->wanted);

	(void)unused_fd;
	(void)unused_events;
	if (bytes == -EAGAIN) {
		(void)event_add(source->readable, NULL);
		return;
	}
	if (bytes > 0) {
		source->wanted = (size_t)bytes;
		if (!make_room(source))
			bytes = -ENOMEM;
		else
			memcpy(source->chunk->bytes, source->scratch, (size_t)bytes);
	}
	read_over(source, bytes);
}

static int run_answer(struct errand *errand)
{
	const struct conduit_source *source = errand->owner;

	return source->answer;
}

/* Nothing to wait for, but the answer comes later, as every answer does. */
static void answer(struct conduit_source *source, int result)
{
	source->answer = result;
	source->errand = (struct errand){
		.name = "read",
		.run = run_answer,
		.done = on_read,
		.owner = source,
	};
	errand_start_here(source->conduit->registry, &source->errand);
}

static size_t inlet_bytes(uint64_t bytes)
{
	return bytes < INLET_PIECE_BYTES ? bytes : INLET_PIECE_BYTES;
}

/* Whoever writes a byte at a time would have us hold a chunk for each. */
static void wait_readable(struct conduit_source *source)
{
	source->stalled = source->conduit->chunks[CONDUIT_SOURCE] >= CONDUIT_CHUNKS_MAX;
	if (!source->stalled && event_add(source->readable, NULL) < 0)
		answer(source, -ENOMEM);
}

void conduit_source_turn(struct conduit *conduit)
{
	if (conduit->source->stalled)
		wait_readable(conduit->source);
}

void conduit_source_read(struct conduit *conduit, uint64_t bytes)
{
	struct conduit_source *source = conduit->source;
	uint64_t left = source->end - source->position;

	source->busy = true;
	source->wanted = bytes < CONDUIT_PIECE_BYTES ? bytes : CONDUIT_PIECE_BYTES;
	if (source->kind == SOURCE_INLET) {
		source->wanted = inlet_bytes(bytes);
		wait_readable(source);
		return;
	}
	if (source->wanted > left)
		source->wanted = left;
	if (left == 0)
		answer(source, 0);
	else if (!make_room(source))
		answer(source, -ENOMEM);
	else if (source->kind == SOURCE_BUFFER)
		read_buffer(source);
	else
		read_file(source);
}

void conduit_source_release(struct conduit *conduit)
{
	struct conduit_source *source = conduit->source;

	if (source->stalled ||
	    (source->readable && event_pending(source->readable, EV_READ, NULL))) {
		(void)event_del(source->readable);
		source->stalled = false;
		source->busy = false;
	}
	if (source->busy)
		source->release_due = true;
	else
		released(conduit);
}

/* ---- opening ---- */

static int check_range(struct conduit_source *source, uint64_t first, uint64_t bytes,
		       struct refusal *refusal)
{
	uint64_t offset = source->offset == OPTION_UNSET ? 0 : (uint64_t)source->offset;

	if (offset > bytes)
		return refuse_range(refusal, "source.offset", 0, (int64_t)bytes);
	bytes -= offset;
	if (source->length != OPTION_UNSET && (uint64_t)source->length > bytes)
		return refuse_range(refusal, "source.length", 0, (int64_t)bytes);
	if (source->length != OPTION_UNSET)
		bytes = (uint64_t)source->length;
	source->position = first + offset;
	source->end = source->position + bytes;
	return 0;
}

static int judge_open(struct conduit_source *source, int result, struct refusal *refusal)
{
	int r = result;

	if (source->kind == SOURCE_PATH && result != 0)
		r = store_access_judge(source->store, source->path, result, source->reason,
				       refusal);
	if (result == SOURCE_E_NO_DATA)
		return refuse_text(refusal, REFUSAL_PARAMETER, source->fd_parameter);
	if (r < 0)
		conduit_note_fault(source->conduit, "open", r, name_of(source), -1);
	return r ? r : check_range(source, source->first, source->bytes, refusal);
}

static void on_opened(struct errand *errand, int result)
{
	struct conduit_source *source = errand->owner;
	struct refusal refusal;

	result = judge_open(source, result, &refusal);
	source->opened(source->conduit, result, &refusal);
}

static int run_open(struct errand *errand)
{
	struct conduit_source *source = errand->owner;
	int r = store_access_open(source->store, source->uid, source->path, &source->file,
				  &source->reason);

	if (r == 0)
		source->bytes = source->file.identity.bytes;
	return r;
}

/* Reads go by position, so that nobody else's reads are in the way. */
static int run_look(struct errand *errand)
{
	struct conduit_source *source = errand->owner;
	struct file_facts facts;
	off_t stands = lseek(source->file.file_fd, 0, SEEK_CUR);
	int r;

	if (stands < 0)
		return -errno;
	if (!fd_kind_is_data(source->file.file_fd))
		return SOURCE_E_NO_DATA;
	r = file_get_facts(source->file.file_fd, &facts);
	if (r < 0)
		return r;
	source->first = (uint64_t)stands;
	source->bytes = facts.size > source->first ? facts.size - source->first : 0;
	return 0;
}

static void start_open(struct conduit_source *source, int (*run)(struct errand *errand))
{
	source->errand = (struct errand){
		.name = "open",
		.path = source->path,
		.run = run,
		.done = on_opened,
		.owner = source,
	};
	if (run)
		errand_start(source->conduit->registry, &source->errand);
	else
		errand_start_here(source->conduit->registry, &source->errand);
}

static int open_path(struct conduit_source *source, struct holder *holder,
		     const struct conduit_request *request, struct refusal *refusal)
{
	struct store *store;
	int r = store_access_check_path(request->path, refusal);

	if (r == 0)
		r = store_find(holder->user, request->store, request->path, &store, refusal);
	if (r != 0)
		return r;
	source->kind = SOURCE_PATH;
	source->store = store;
	source->uid = holder->user->uid;
	source->path = strdup(request->path);
	if (!source->path)
		return -ENOMEM;
	start_open(source, run_open);
	return 0;
}

static int open_buffer(struct conduit_source *source, struct holder *holder,
		       const struct conduit_request *request, struct refusal *refusal)
{
	struct buffer *buffer;
	int r = buffer_find(holder->user, request->buffer, &buffer, refusal);

	if (r == 0)
		r = buffer_pin(buffer, 0, buffer->length, &source->address, refusal);
	if (r != 0)
		return r;
	source->kind = SOURCE_BUFFER;
	source->buffer = buffer;
	r = check_range(source, 0, buffer->length, refusal);
	if (r == 0) {
		source->bytes = buffer->length;
		start_open(source, NULL);
	}
	return r;
}

static int open_inlet(struct conduit_source *source, struct conduit_request *request,
		      struct refusal *refusal)
{
	int r;

	/* Its length is not known, and nothing in it can be skipped. */
	if (request->offset != OPTION_UNSET)
		return refuse_text(refusal, REFUSAL_PARAMETER, "source.offset");
	if (request->length != OPTION_UNSET)
		return refuse_text(refusal, REFUSAL_PARAMETER, "source.length");
	source->kind = SOURCE_INLET;
	source->scratch =
		malloc(source->conduit->mark < CONDUIT_PIECE_BYTES ? source->conduit->mark :
								     CONDUIT_PIECE_BYTES);
	if (!source->scratch)
		return -ENOMEM;
	r = fd_duplicate(request->fd);
	if (r >= 0)
		r = inlet_open(r, &source->inlet);
	if (r < 0)
		return r;
	source->readable = event_new(source->conduit->registry->base, inlet_fd(source->inlet),
				     EV_READ, on_readable, source);
	if (!source->readable)
		return -ENOMEM;
	request->fd = fd_close(request->fd);
	source->offset = OPTION_UNSET;
	source->bytes = UINT64_MAX;
	start_open(source, NULL);
	return 0;
}

static int open_fd(struct conduit_source *source, struct conduit_request *request,
		   struct refusal *refusal)
{
	const char *reason;

	switch (fd_kind_flowing_source(request->fd, &reason)) {
	case FD_KIND_FILE:
		source->kind = SOURCE_FILE;
		source->fd_parameter = request->fd_parameter;
		source->file.file_fd = take_fd(&request->fd);
		start_open(source, run_look);
		return 0;
	case FD_KIND_PIPE:
	case FD_KIND_SOCKET:
		return open_inlet(source, request, refusal);
	case FD_KIND_DIRECTORY:
	case FD_KIND_REFUSED:
		break;
	}
	return refuse_text(refusal, REFUSAL_PARAMETER, request->fd_parameter);
}

/* One of the three, and a store only for a path. */
static int check_kind(const struct conduit_request *request, struct refusal *refusal)
{
	int kinds = (request->path != NULL) + (request->buffer != 0) + (request->fd >= 0);

	if (kinds == 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, "source");
	if (request->fd >= 0 && kinds > 1)
		return refuse_text(refusal, REFUSAL_PARAMETER, request->fd_parameter);
	if (kinds > 1)
		return refuse_text(refusal, REFUSAL_PARAMETER, "source.buffer");
	if (request->store && !request->path)
		return refuse_text(refusal, REFUSAL_PARAMETER, "source.store");
	return 0;
}

int conduit_source_open(struct conduit *conduit, struct holder *holder,
			struct conduit_request *request, conduit_open_fn opened,
			struct refusal *refusal)
{
	struct conduit_source *source;
	int r = check_kind(request, refusal);

	if (r != 0)
		return r;
	source = calloc(1, sizeof(*source));
	if (!source)
		return -ENOMEM;
	conduit->source = source;
	source->conduit = conduit;
	source->opened = opened;
	source->file.file_fd = -1;
	source->offset = request->offset;
	source->length = request->length;
	if (request->fd >= 0)
		return open_fd(source, request, refusal);
	return request->path ? open_path(source, holder, request, refusal) :
			       open_buffer(source, holder, request, refusal);
}

struct conduit_source *conduit_source_free(struct conduit_source *source)
{
	if (!source)
		return NULL;
	if (source->readable)
		event_free(source->readable);
	inlet_close(source->inlet);
	if (source->buffer)
		buffer_unpin(source->buffer);
	fd_close(source->file.file_fd);
	free(source->file.absolute_path);
	free(source->path);
	free(source->scratch);
	conduit_chunk_free(source->conduit, source->chunk);
	free(source);
	return NULL;
}

/* ---- looked at ---- */

uint64_t conduit_source_read_bytes(const struct conduit_source *source)
{
	return source->read_bytes;
}

uint64_t conduit_source_total_bytes(const struct conduit_source *source)
{
	if (source->kind == SOURCE_INLET)
		return source->ended ? source->read_bytes : UINT64_MAX;
	return source->end - source->position + source->read_bytes;
}

const char *conduit_source_absolute_path(const struct conduit_source *source)
{
	return source->file.absolute_path;
}

bool conduit_source_has_ended(const struct conduit_source *source)
{
	return source->ended;
}

bool conduit_source_reads(const struct conduit_source *source, const struct pool *pool)
{
	return source->buffer && source->buffer->pool == pool;
}
