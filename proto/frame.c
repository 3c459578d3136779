/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/frame.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * The reader's buffer: [start, end) was received and not handed out, start <= searched <= end,
 * start <= tail <= end. Handed-out bytes before start stay in place until the next call, so
 * that a frame's text need not be copied. An idle reader keeps no more than FIRST_BYTES, and
 * so does a writer: a small call and its reply need no memory each time.
 */
#define FIRST_BYTES ((size_t)512)
#define BATCHES 2

void frame_reader_init(struct frame_reader *reader, size_t limit_bytes)
{
	*reader = (struct frame_reader){ .limit_bytes = limit_bytes };
}

void frame_reader_fini(struct frame_reader *reader)
{
	free(reader->buffer);
	free(reader->batches);
	*reader = (struct frame_reader){ .limit_bytes = reader->limit_bytes };
}

bool frame_reader_take_descriptor(struct frame_reader *reader, int *ret_fd)
{
	while (reader->batch_count > 0) {
		struct frame_batch *batch = &reader->batches[reader->batch_count - 1];

		if (batch->fd_count > 0) {
			*ret_fd = batch->fds[--batch->fd_count];
			return true;
		}
		reader->batch_count--;
	}
	return false;
}

bool frame_reader_is_started(const struct frame_reader *reader)
{
	return reader->end > reader->tail;
}

bool frame_reader_has_message(const struct frame_reader *reader)
{
	return reader->tail > reader->start;
}

/* Moves what is left to the front of the buffer. */
static void compact(struct frame_reader *reader)
{
	size_t i;

	if (reader->start == 0)
		return;
	if (reader->end > reader->start)
		memmove(reader->buffer, reader->buffer + reader->start,
			reader->end - reader->start);
	for (i = 0; i < reader->batch_count; i++)
		reader->batches[i].message_offset -= reader->start;
	reader->searched -= reader->start;
	reader->tail -= reader->start;
	reader->end -= reader->start;
	reader->start = 0;
}

static int resize(struct frame_reader *reader, size_t capacity_bytes)
{
	char *buffer;

	if (capacity_bytes == reader->capacity_bytes)
		return 0;
	buffer = realloc(reader->buffer, capacity_bytes);
	if (!buffer)
		return -ENOMEM;
	reader->buffer = buffer;
	reader->capacity_bytes = capacity_bytes;
	return 0;
}

/* One step more than what is held, but never more than the largest message and its NUL. */
static size_t next_capacity(const struct frame_reader *reader)
{
	size_t most = reader->limit_bytes + 1;
	size_t wanted = reader->end < FIRST_BYTES ? FIRST_BYTES : reader->end + FRAME_STEP_BYTES;

	wanted = wanted > FIRST_BYTES ? wanted / FRAME_STEP_BYTES * FRAME_STEP_BYTES : wanted;
	return wanted < most ? wanted : most;
}

int frame_reader_reserve(struct frame_reader *reader, void **ret_space, size_t *ret_bytes)
{
	int r;

	if (frame_reader_has_message(reader))
		return FRAME_E_FULL;
	compact(reader);
	if (reader->end > reader->limit_bytes)
		return FRAME_E_TOO_LARGE;

	if (reader->end == 0 || reader->end == reader->capacity_bytes) {
		r = resize(reader, next_capacity(reader));
		if (r)
			return r;
	}
	*ret_space = reader->buffer + reader->end;
	*ret_bytes = reader->capacity_bytes - reader->end;
	return 0;
}

/* Keeps descriptors for the message that begins at `offset`. */
static int keep_descriptors(struct frame_reader *reader, size_t offset, const int *fds,
			    size_t fd_count)
{
	struct frame_batch *batch;

	if (fd_count > FRAME_DESCRIPTORS_MAX || reader->batch_count == BATCHES)
		return FRAME_E_DESCRIPTORS;
	if (!reader->batches) {
		reader->batches = calloc(BATCHES, sizeof(*reader->batches));
		if (!reader->batches)
			return -ENOMEM;
	}

	batch = &reader->batches[reader->batch_count];
	batch->message_offset = offset;
	batch->fd_count = fd_count;
	memcpy(batch->fds, fds, fd_count * sizeof(*fds));
	reader->batch_count++;
	return 0;
}

int frame_reader_commit(struct frame_reader *reader, size_t bytes, const int *fds, size_t fd_count)
{
	const char *received = reader->buffer + reader->end;
	const char *last = bytes > 0 ? memrchr(received, '\0', bytes) : NULL;
	int r;

	if (fd_count > 0) {
		/* Where does the last message begin: behind the last NUL that has bytes behind it. */
		const char *before = last;
		bool begins = bytes > 0 && !frame_reader_is_started(reader);
		size_t offset = reader->end;

		if (before && before == received + bytes - 1)
			before = bytes > 1 ? memrchr(received, '\0', bytes - 1) : NULL;
		if (before) {
			begins = true;
			offset = (size_t)(before - reader->buffer) + 1;
		}
		if (!begins)
			return FRAME_E_DESCRIPTORS;
		r = keep_descriptors(reader, offset, fds, fd_count);
		if (r)
			return r;
	}

	if (last)
		reader->tail = (size_t)(last - reader->buffer) + 1;
	reader->end += bytes;
	return 0;
}

/* Moves the descriptors of the message at `offset`, if it has any, into the frame. */
static void give_descriptors(struct frame_reader *reader, size_t offset, struct frame *frame)
{
	struct frame_batch *batch = reader->batches;

	frame->fd_count = 0;
	if (reader->batch_count == 0 || batch->message_offset != offset)
		return;
	memcpy(frame->fds, batch->fds, batch->fd_count * sizeof(*batch->fds));
	frame->fd_count = batch->fd_count;
	reader->batch_count--;
	if (reader->batch_count > 0) {
		memmove(batch, batch + 1, sizeof(*batch));
	} else {
		free(reader->batches);
		reader->batches = NULL;
	}
}

/* A peer that says nothing costs next to no buffer: there may be thousands of them. */
static void release_room(struct frame_reader *reader)
{
	compact(reader);
	if (reader->capacity_bytes <= FIRST_BYTES)
		return;
	free(reader->buffer);
	reader->buffer = NULL;
	reader->capacity_bytes = 0;
}

int frame_reader_next(struct frame_reader *reader, struct frame *ret_frame)
{
	size_t end;

	if (reader->start == reader->end) {
		release_room(reader);
		return FRAME_E_NONE;
	}
	if (!frame_reader_has_message(reader)) {
		reader->searched = reader->end;
		if (reader->end - reader->start > reader->limit_bytes)
			return FRAME_E_TOO_LARGE;
		return FRAME_E_NONE;
	}

	/* Only the bytes not searched before, so a message that trickles in is searched once. */
	if (reader->searched < reader->start)
		reader->searched = reader->start;
	end = reader->searched + strlen(reader->buffer + reader->searched);
	if (end - reader->start > reader->limit_bytes)
		return FRAME_E_TOO_LARGE;

	ret_frame->text = reader->buffer + reader->start;
	ret_frame->text_bytes = end - reader->start;
	give_descriptors(reader, reader->start, ret_frame);
	reader->start = end + 1;
	reader->searched = reader->start;
	return 0;
}

/* Descriptors of one queued message; `offset` counts from the writer's buffer's start. */
struct frame_attachment {
	struct frame_attachment *next;
	size_t offset;
	size_t end;
	size_t fd_count;
	int fds[];
};

void frame_writer_init(struct frame_writer *writer)
{
	*writer = (struct frame_writer){ 0 };
}

static void drop_first_attachment(struct frame_writer *writer)
{
	struct frame_attachment *first = writer->first;

	writer->first = first->next;
	if (!writer->first)
		writer->last = NULL;
	free(first);
}

void frame_writer_fini(struct frame_writer *writer)
{
	while (writer->first)
		drop_first_attachment(writer);
	free(writer->buffer);
	frame_writer_init(writer);
}

bool frame_writer_take_descriptor(struct frame_writer *writer, int *ret_fd)
{
	while (writer->first) {
		if (writer->first->fd_count > 0) {
			*ret_fd = writer->first->fds[--writer->first->fd_count];
			return true;
		}
		drop_first_attachment(writer);
	}
	return false;
}

size_t frame_writer_pending_bytes(const struct frame_writer *writer)
{
	return writer->end - writer->start;
}

size_t frame_writer_pending_descriptors(const struct frame_writer *writer)
{
	const struct frame_attachment *attachment;
	size_t count = 0;

	for (attachment = writer->first; attachment; attachment = attachment->next)
		count += attachment->fd_count;
	return count;
}

/* Forgets what has been sent, so that the buffer holds only what waits. */
static void writer_compact(struct frame_writer *writer)
{
	struct frame_attachment *attachment;

	if (writer->start == 0)
		return;
	memmove(writer->buffer, writer->buffer + writer->start, writer->end - writer->start);
	for (attachment = writer->first; attachment; attachment = attachment->next) {
		attachment->offset -= writer->start;
		attachment->end -= writer->start;
	}
	writer->end -= writer->start;
	writer->start = 0;
}

static int writer_make_room(struct frame_writer *writer, size_t bytes)
{
	size_t capacity = writer->capacity_bytes;
	char *buffer;

	if (capacity - writer->end >= bytes)
		return 0;
	/* Moving is paid for by the bytes sent before it: only when they are at least half. */
	if (writer->start >= writer->end - writer->start)
		writer_compact(writer);
	if (capacity - writer->end >= bytes)
		return 0;

	if (capacity < FIRST_BYTES)
		capacity = FIRST_BYTES;
	while (capacity - writer->end < bytes)
		capacity *= 2;
	buffer = realloc(writer->buffer, capacity);
	if (!buffer)
		return -ENOMEM;
	writer->buffer = buffer;
	writer->capacity_bytes = capacity;
	return 0;
}

static int writer_attach(struct frame_writer *writer, size_t message_bytes, const int *fds,
			 size_t fd_count)
{
	struct frame_attachment *attachment;

	attachment = calloc(1, sizeof(*attachment) + fd_count * sizeof(*fds));
	if (!attachment)
		return -ENOMEM;
	attachment->offset = writer->end;
	attachment->end = writer->end + message_bytes;
	attachment->fd_count = fd_count;
	memcpy(attachment->fds, fds, fd_count * sizeof(*fds));
	if (writer->last)
		writer->last->next = attachment;
	else
		writer->first = attachment;
	writer->last = attachment;
	return 0;
}

int frame_writer_append(struct frame_writer *writer, const char *text, size_t text_bytes,
			const int *fds, size_t fd_count)
{
	int r;

	if (fd_count > FRAME_DESCRIPTORS_MAX)
		return FRAME_E_DESCRIPTORS;
	r = writer_make_room(writer, text_bytes + 1);
	if (r)
		return r;
	if (fd_count > 0) {
		r = writer_attach(writer, text_bytes + 1, fds, fd_count);
		if (r)
			return r;
	}
	memcpy(writer->buffer + writer->end, text, text_bytes);
	writer->buffer[writer->end + text_bytes] = '\0';
	writer->end += text_bytes + 1;
	return 0;
}

bool frame_writer_peek(const struct frame_writer *writer, struct frame_part *ret_part)
{
	const struct frame_attachment *first = writer->first;
	size_t end = writer->end;

	if (writer->start == writer->end)
		return false;
	*ret_part = (struct frame_part){ .bytes = writer->buffer + writer->start };
	if (first && first->offset == writer->start) {
		end = first->end;
		ret_part->fds = first->fds;
		ret_part->fd_count = first->fd_count;
	} else if (first) {
		end = first->offset;
	}
	ret_part->length_bytes = end - writer->start;
	return true;
}

void frame_writer_sent(struct frame_writer *writer, size_t bytes)
{
	if (writer->first && writer->first->offset == writer->start)
		drop_first_attachment(writer);
	writer->start += bytes;
	if (writer->start < writer->end)
		return;

	writer->start = 0;
	writer->end = 0;
	if (writer->capacity_bytes <= FIRST_BYTES)
		return;
	free(writer->buffer);
	writer->buffer = NULL;
	writer->capacity_bytes = 0;
}
