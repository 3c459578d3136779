/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_FRAME_H
#define FOREBAY_PROTO_FRAME_H

/*
 * Framing: bytes and descriptors as recvmsg() gives them in, whole messages with their
 * descriptors out; and the other way round for sendmsg(). A message is JSON text ended by one
 * NUL byte. Nothing here makes a system call: descriptors are only numbers that are kept.
 *
 * Which message do descriptors belong to? The kernel glues bytes that came before a send
 * with descriptors to it, and never bytes that came after. So the descriptors of one
 * recvmsg() belong to the last message that begins in its bytes. If none begins there, the
 * sender broke the rule that descriptors travel with the first byte of their message.
 *
 * Receive only when frame_reader_next() said FRAME_E_NONE; then a reader holds at most one
 * message, one read of FRAME_STEP_BYTES and the descriptors of two messages.
 *
 *	frame_reader_reserve(&reader, &space, &space_bytes);
 *	... recvmsg(MSG_CMSG_CLOEXEC) into space; MSG_CTRUNC is a broken peer ...
 *	frame_reader_commit(&reader, received_bytes, fds, fd_count);
 *	while (frame_reader_next(&reader, &frame) == 0)
 *		... frame.text, frame.fds are the caller's until the next call ...
 *
 * Thread: whoever owns the reader or writer; no lock.
 */

#include <stdbool.h>
#include <stddef.h>

#include "proto/must_check.h"

#define FRAME_STEP_BYTES ((size_t)64 * 1024)
#define FRAME_LIMIT_DEFAULT_BYTES ((size_t)1024 * 1024)
#define FRAME_LIMIT_MAXIMUM_BYTES ((size_t)16 * 1024 * 1024)
#define FRAME_DESCRIPTORS_MAX 253

enum frame_outcome {
	FRAME_E_NONE = 1, /* no whole message is there yet */
	FRAME_E_TOO_LARGE, /* a message of more than limit_bytes, its NUL not counted: drop the peer */
	FRAME_E_DESCRIPTORS, /* descriptors without a message that begins with them, or more than fit: drop the peer */
	FRAME_E_FULL, /* whole messages are waiting: take them first */
};

/* One message. The descriptors are the receiver's own: to be used or closed. */
struct frame {
	const char *text;  /* ended by its NUL; valid until the next call on the reader */
	size_t text_bytes; /* without the NUL */
	int fds[FRAME_DESCRIPTORS_MAX];
	size_t fd_count;
};

/* Descriptors that wait for their message. */
struct frame_batch {
	size_t message_offset; /* of the message's first byte in the buffer */
	size_t fd_count;
	int fds[FRAME_DESCRIPTORS_MAX];
};

struct frame_reader {
	size_t limit_bytes;
	char *buffer;
	size_t capacity_bytes;
	size_t start;	 /* first byte not yet handed out */
	size_t searched; /* no NUL between start and here */
	size_t tail;	 /* first byte after the last NUL received: the message begun last */
	size_t end;	 /* end of what was received */
	struct frame_batch *batches; /* two of them, or NULL until descriptors come */
	size_t batch_count;
};

/* limit_bytes: 1..FRAME_LIMIT_MAXIMUM_BYTES. Allocates nothing yet. */
void frame_reader_init(struct frame_reader *reader, size_t limit_bytes);

/* Descriptors not handed out must have been taken with frame_reader_take_descriptor(). */
void frame_reader_fini(struct frame_reader *reader);

/* One descriptor that no message will carry out any more, for closing. False: none is left. */
bool frame_reader_take_descriptor(struct frame_reader *reader, int *ret_fd);

/* Where to receive to, at least one byte. 0, FRAME_E_FULL, FRAME_E_TOO_LARGE, -ENOMEM. */
int frame_reader_reserve(struct frame_reader *reader, void **ret_space,
			 size_t *ret_bytes) must_check;

/*
 * `bytes` of the reserved space were filled, and fd_count descriptors came with them. On 0 the
 * descriptors belong to the reader; on FRAME_E_DESCRIPTORS and -ENOMEM they stay the caller's.
 */
int frame_reader_commit(struct frame_reader *reader, size_t bytes, const int *fds,
			size_t fd_count) must_check;

/* The next whole message. 0, FRAME_E_NONE, FRAME_E_TOO_LARGE. */
int frame_reader_next(struct frame_reader *reader, struct frame *ret_frame) must_check;

/* A message has begun and its end has not come: its deadline runs. */
bool frame_reader_is_started(const struct frame_reader *reader);

/* A whole message is waiting to be taken. */
bool frame_reader_has_message(const struct frame_reader *reader);

/*
 * What waits to be sent. A message with descriptors is given out alone, so that they travel
 * with its first byte and with no other message's:
 *
 *	while (frame_writer_peek(&writer, &part)) {
 *		sent = sendmsg(part.bytes, part.length_bytes, part.fds ...);
 *		if (sent <= 0)
 *			break;
 *		... close part.fds, they have been sent ...
 *		frame_writer_sent(&writer, sent);
 *	}
 */
struct frame_part {
	const char *bytes;
	size_t length_bytes;
	const int *fds; /* NULL if fd_count is 0 */
	size_t fd_count;
};

struct frame_attachment;

struct frame_writer {
	char *buffer;
	size_t capacity_bytes;
	size_t start;
	size_t end;
	struct frame_attachment *first; /* in the order of their messages */
	struct frame_attachment *last;
};

void frame_writer_init(struct frame_writer *writer);
void frame_writer_fini(struct frame_writer *writer);
bool frame_writer_take_descriptor(struct frame_writer *writer, int *ret_fd);

/*
 * Queues a message: text of text_bytes, to which the NUL is added. The writer takes the
 * descriptors on 0; on -ENOMEM nothing is queued and they stay the caller's. More than
 * FRAME_DESCRIPTORS_MAX: FRAME_E_DESCRIPTORS, likewise.
 */
int frame_writer_append(struct frame_writer *writer, const char *text, size_t text_bytes,
			const int *fds, size_t fd_count) must_check;

/* What to send next; false if nothing waits. Valid until the next call on the writer. */
bool frame_writer_peek(const struct frame_writer *writer, struct frame_part *ret_part);

/* `bytes` (at least 1) of the part were sent, and with them all its descriptors. */
void frame_writer_sent(struct frame_writer *writer, size_t bytes);

/* Bytes and descriptors that wait. */
size_t frame_writer_pending_bytes(const struct frame_writer *writer);
size_t frame_writer_pending_descriptors(const struct frame_writer *writer);

#endif
