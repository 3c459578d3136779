/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/buffers.h"

/*
 * New buffers with their first content. Each comes in the same steps, every one of them an
 * answer later than the one before:
 *
 *	prepare		decode the text, or look how long the file is,	(worker, if long)
 *			and read it if it is short
 *	place		a pool, made if need be; then memory in it
 *	fill		zero, repeat, copy or read into the memory	(worker, if long)
 *	announce	the buffer gets its place among the user's
 *
 * What goes wrong on the way, a client that has gone included, takes back all before it.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/io/fd_kind.h"
#include "daemon/objects/buffer_place.h"
#include "daemon/objects/buffer_work.h"
#include "daemon/objects/pool_memory.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/registry.h"

#define FD_PARAMETER "fileDescriptorIndex"

/* Outcome of preparing: the file is one whose content is not data. */
#define PREPARE_E_REFUSED 1

/* What one read asks for at most. */
#define READ_BYTES (1024 * 1024)

enum content {
	CONTENT_ZEROES,
	CONTENT_ANY,
	CONTENT_REPEAT, /* of bytes */
	CONTENT_COPY,	/* of bytes */
	CONTENT_FILE,
};

struct making {
	struct holder *holder;
	buffer_done_fn done;
	void *data;
	struct errand errand;
	struct buffer_placing placing;
	struct buffer_work work;
	enum content content;
	uint64_t length;
	char *pool_name; /* NULL: not named */
	bool may_share;	 /* its memory with others, if small */
	struct labels labels;
	char *text;
	size_t text_bytes;
	enum encoding encoding;
	unsigned char *bytes; /* the text, decoded, or a short file's content */
	size_t bytes_length;
	int source_fd;
	uint64_t read_bytes; /* what the file really had */
	struct buffer *buffer;
};

static void free_making(struct making *making)
{
	labels_fini(&making->labels);
	free(making->pool_name);
	free(making->text);
	free(making->bytes);
	fd_close(making->source_fd);
	free(making);
}

static void end_badly(struct making *making, int result)
{
	if (making->buffer)
		buffer_take_back(making->buffer);
	making->done(making->data, result, NULL, &making->placing.refusal);
	free_making(making);
}

static void announce(struct making *making)
{
	struct buffer *buffer = making->buffer;
	int r = buffer_settle(buffer, making->holder, &making->placing.refusal);

	if (r != 0) {
		end_badly(making, r);
		return;
	}
	labels_move(&buffer->labels, &making->labels);
	making->done(making->data, 0, buffer, NULL);
	free_making(making);
}

/* Fill */

static int read_file(struct making *making, unsigned char *address)
{
	while (making->read_bytes < making->length) {
		uint64_t rest = making->length - making->read_bytes;
		ssize_t n = pread(making->source_fd, address + making->read_bytes,
				  rest < READ_BYTES ? rest : READ_BYTES, (off_t)making->read_bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		making->read_bytes += (uint64_t)n;
	}
	/* It became shorter since it was measured: nothing of earlier buffers may show. */
	memset(address + making->read_bytes, 0, making->length - making->read_bytes);
	return 0;
}

static void repeat(unsigned char *address, uint64_t length, const unsigned char *bytes,
		   size_t count)
{
	for (uint64_t at = 0; at < length; at += count)
		memcpy(address + at, bytes, length - at < count ? length - at : count);
}

static int run_fill(struct buffer_work *work)
{
	struct making *making = work->owner;
	uint64_t offset = making->buffer->offset;
	unsigned char *address = backing_address(work->backing) + offset;

	/* No version word is taken: the bytes are nobody's yet, even where others share it. */
	pool_memory_touch(work->backing->pool, work->backing->offset + offset, making->length);
	switch (making->content) {
	case CONTENT_ZEROES:
		memset(address, 0, making->length);
		return 0;
	case CONTENT_REPEAT:
		repeat(address, making->length, making->bytes, making->bytes_length);
		return 0;
	case CONTENT_COPY:
		memcpy(address, making->bytes, making->length);
		return 0;
	case CONTENT_FILE:
		return read_file(making, address);
	case CONTENT_ANY:
		break;
	}
	return 0;
}

static void on_filled(struct buffer_work *work, int result)
{
	struct making *making = work->owner;

	if (result != 0) {
		end_badly(making, result);
		return;
	}
	if (making->content == CONTENT_FILE)
		making->buffer->length = making->read_bytes;
	announce(making);
}

static bool is_nothing_to_fill(const struct making *making, const struct pool *pool)
{
	if (making->length == 0 || making->content == CONTENT_ANY)
		return true;
	/* Fresh memory is zero, and nobody can have mapped it yet. */
	return making->content == CONTENT_ZEROES && pool->own_for_buffer;
}

static void fill(struct making *making)
{
	struct backing *backing = making->buffer->backing;

	if (is_nothing_to_fill(making, backing->pool)) {
		announce(making);
		return;
	}
	making->work = (struct buffer_work){
		.name = "fill",
		/* A file may be on a disk, however short it is. */
		.bytes = making->content == CONTENT_FILE ? UINT64_MAX : making->length,
		.run = run_fill,
		.done = on_filled,
		.owner = making,
	};
	buffer_work_submit(backing, &making->work);
}

/* Place */

static void on_placed(struct buffer_placing *placing, int result, struct buffer *buffer)
{
	struct making *making = placing->owner;

	making->buffer = buffer;
	if (result != 0)
		end_badly(making, result);
	else
		fill(making);
}

/* 0: on_placed() comes. */
static int place(struct making *making)
{
	making->placing.holder = making->holder;
	making->placing.pool = making->pool_name;
	making->placing.length = making->length;
	making->placing.may_share = making->may_share;
	making->placing.done = on_placed;
	making->placing.owner = making;
	return buffer_place(&making->placing);
}

/* Prepare */

static int decode(struct making *making)
{
	const struct encoding_text text = { .utf8 = making->text, .length = making->text_bytes };
	size_t size = encoding_decode(making->encoding, text, NULL, 0);

	making->bytes = malloc(size ? size : 1);
	if (!making->bytes)
		return -ENOMEM;
	making->bytes_length = encoding_decode(making->encoding, text, making->bytes, size);
	return 0;
}

static int measure_file(struct making *making)
{
	struct stat facts;

	if (!fd_kind_is_data(making->source_fd))
		return PREPARE_E_REFUSED;
	if (fstat(making->source_fd, &facts) < 0)
		return -errno;
	making->length = (uint64_t)facts.st_size;
	return 0;
}

/*
 * A short file is read before it gets memory: those that share it wait for each other's
 * operations, and must not wait for a disk.
 */
static int prepare_file(struct making *making)
{
	int r = measure_file(making);

	if (r != 0 || making->length >= BUFFER_SLAB_BYTES / 2)
		return r;
	making->bytes = malloc(making->length + 1);
	if (!making->bytes)
		return -ENOMEM;
	r = read_file(making, making->bytes);
	making->bytes_length = making->read_bytes;
	making->content = CONTENT_COPY;
	return r;
}

static int run_prepare(struct errand *errand)
{
	struct making *making = errand->owner;

	return making->text ? decode(making) : prepare_file(making);
}

static void on_prepared(struct errand *errand, int result)
{
	struct making *making = errand->owner;

	if (result == PREPARE_E_REFUSED)
		result = refuse_text(&making->placing.refusal, REFUSAL_PARAMETER, FD_PARAMETER);
	if (result == 0 && making->holder->gone)
		result = -ECANCELED;
	if (making->content == CONTENT_COPY)
		making->length = making->bytes_length;
	/* Text of which no byte is left has nothing to repeat, as Node says. */
	if (result == 0 && making->content == CONTENT_REPEAT && making->bytes_length == 0)
		result = refuse_text(&making->placing.refusal, REFUSAL_PARAMETER, "fill");
	if (result == 0)
		result = place(making);
	if (result != 0)
		end_badly(making, result);
}

static int new_making(struct holder *holder, const struct buffer_request *request, const char *text,
		      struct making **ret_making)
{
	struct making *making = calloc(1, sizeof(*making));

	if (!making)
		return -ENOMEM;
	making->holder = holder;
	making->source_fd = -1;
	making->length = request->length;
	making->encoding = request->encoding;
	if (request->pool)
		making->pool_name = strdup(request->pool);
	if (text) {
		making->text = strdup(text);
		making->text_bytes = strlen(text);
	}
	if ((request->pool && !making->pool_name) || (text && !making->text)) {
		free_making(making);
		return -ENOMEM;
	}
	*ret_making = making;
	return 0;
}

static void prepare(struct making *making, struct registry *registry)
{
	making->errand = (struct errand){
		.name = "prepare",
		.run = run_prepare,
		.done = on_prepared,
		.owner = making,
	};
	if (making->content == CONTENT_FILE || making->text_bytes > BUFFER_WORK_HERE_BYTES)
		errand_start(registry, &making->errand);
	else
		errand_start_here(registry, &making->errand);
}

static int check_serving(const struct holder *holder, struct refusal *refusal)
{
	if (holder->user->registry->lifecycle >= LIFECYCLE_DRAINING)
		return refuse(refusal, REFUSAL_SHUTTING_DOWN);
	return 0;
}

int buffer_alloc(struct holder *holder, struct buffer_request *request, buffer_done_fn done,
		 void *data, struct refusal *refusal)
{
	/* An empty text fills with zeroes. */
	const char *text = request->fill && request->fill[0] != '\0' ? request->fill : NULL;
	struct making *making;
	int r = check_serving(holder, refusal);

	if (r == 0)
		r = new_making(holder, request, text, &making);
	if (r != 0)
		return r;
	making->done = done;
	making->data = data;
	making->content = text				    ? CONTENT_REPEAT :
			  request->unsafe && !request->fill ? CONTENT_ANY :
							      CONTENT_ZEROES;
	making->may_share = request->unsafe;
	if (!text) {
		r = place(making);
		if (r != 0) {
			*refusal = making->placing.refusal;
			free_making(making);
			return r;
		}
	}
	labels_move(&making->labels, &request->labels);
	if (text)
		prepare(making, holder->user->registry);
	return 0;
}

int buffer_from_text(struct holder *holder, struct buffer_request *request, const char *text,
		     buffer_done_fn done, void *data, struct refusal *refusal)
{
	struct making *making;
	int r = check_serving(holder, refusal);

	if (r == 0)
		r = new_making(holder, request, text, &making);
	if (r != 0)
		return r;
	making->done = done;
	making->data = data;
	making->content = CONTENT_COPY;
	making->may_share = true;
	labels_move(&making->labels, &request->labels);
	prepare(making, holder->user->registry);
	return 0;
}

int buffer_from_fd(struct holder *holder, struct buffer_request *request, int source_fd,
		   buffer_done_fn done, void *data, struct refusal *refusal)
{
	struct making *making;
	const char *ignored;
	int r = check_serving(holder, refusal);

	if (r == 0 && fd_kind_source(source_fd, &ignored) != FD_KIND_FILE)
		r = refuse_text(refusal, REFUSAL_PARAMETER, FD_PARAMETER);
	if (r == 0)
		r = new_making(holder, request, NULL, &making);
	if (r != 0)
		return r;
	making->done = done;
	making->data = data;
	making->content = CONTENT_FILE;
	making->may_share = true;
	making->source_fd = source_fd;
	labels_move(&making->labels, &request->labels);
	prepare(making, holder->user->registry);
	return 0;
}
