/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/session.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <event2/event.h>

#include "daemon/base/fd.h"

/*
 * The system calls of a connection. bufferevents would lose the descriptors that come and go
 * with the bytes.
 */

/*
 * Room for the most descriptors a message can carry, and for as many bytes again as padding
 * could ask for. With less, the kernel would give us a part of them and close the rest.
 */
union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int) * FRAME_DESCRIPTORS_MAX) + CMSG_SPACE(sizeof(int))];
};

/* The kernel never gives more than 253 with one message, whatever padding there is. */
#define RECEIVED_MAX (FRAME_DESCRIPTORS_MAX + 2)

static size_t collect_descriptors(struct msghdr *message, int fds[static RECEIVED_MAX])
{
	size_t count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
		size_t here;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		here = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < here; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
			if (count < RECEIVED_MAX)
				fds[count++] = fd;
			else
				fd_close(fd);
		}
	}
	return count;
}

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fd_close(fds[i]);
}

static int broken(const char **ret_reason, const char *reason)
{
	*ret_reason = reason;
	return SESSION_E_BROKEN;
}

int session_receive(struct session *session, const char **ret_reason)
{
	union control control;
	int fds[RECEIVED_MAX];
	struct iovec space;
	struct msghdr message = {
		.msg_iov = &space,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	size_t fd_count;
	ssize_t received;
	int r;

	r = frame_reader_reserve(&session->reader, &space.iov_base, &space.iov_len);
	if (r == FRAME_E_TOO_LARGE)
		return broken(ret_reason, "message too large");
	if (r)
		return r < 0 ? r : -ENOTRECOVERABLE;

	received = recvmsg(session->conn_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (received < 0 && errno == EINTR)
		return 0;
	if (received < 0 && errno == EAGAIN) {
		session->readable = false;
		return 0;
	}
	if (received < 0)
		return SESSION_E_END;

	fd_count = collect_descriptors(&message, fds);
	if (message.msg_flags & MSG_CTRUNC) {
		close_all(fds, fd_count);
		return broken(ret_reason, "descriptors lost");
	}
	if (received == 0) {
		close_all(fds, fd_count);
		return SESSION_E_END;
	}
	/*
	 * A read that was not filled, and that did not stop at descriptors, has found the end
	 * of what is there; whatever comes later is a new event. That saves every lone call
	 * the read that would only say EAGAIN.
	 */
	if ((size_t)received < space.iov_len && fd_count == 0 && !session->half_closed)
		session->readable = false;
	r = frame_reader_commit(&session->reader, (size_t)received, fds, fd_count);
	if (r)
		close_all(fds, fd_count);
	if (r == FRAME_E_DESCRIPTORS)
		return broken(ret_reason, "descriptors without their message");
	return r;
}

static ssize_t send_with_descriptors(int conn_fd, const struct frame_part *part)
{
	const size_t size = part->fd_count * sizeof(int);
	union control control;
	struct cmsghdr *header = &control.header;
	struct iovec bytes = { .iov_base = (void *)part->bytes, .iov_len = part->length_bytes };
	struct msghdr message = {
		.msg_iov = &bytes,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(size),
	};

	memset(&control, 0, sizeof(control));
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(size);
	memcpy(CMSG_DATA(header), part->fds, size);
	return sendmsg(conn_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Most of what is sent has no descriptors, and send() has less to copy in and look at. */
static ssize_t send_part(int conn_fd, const struct frame_part *part)
{
	if (part->fd_count > 0)
		return send_with_descriptors(conn_fd, part);
	return send(conn_fd, part->bytes, part->length_bytes, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The other side takes nothing more: what waits, and all that comes, is for nobody. */
static void become_mute(struct session *session)
{
	int fd;

	session->mute = true;
	while (frame_writer_take_descriptor(&session->writer, &fd))
		fd_close(fd);
	frame_writer_fini(&session->writer);
	frame_writer_init(&session->writer);
}

static void note_error(struct session *session, int error)
{
	const struct timeval soon = { .tv_usec = 100000 };

	switch (error) {
	case EINTR:
		return;
	case EAGAIN:
		session->full = true;
		(void)event_add(session->room, NULL);
		return;
	case ETOOMANYREFS:
	case ENOBUFS:
	case ENOMEM:
		/*
		 * Other clients left too much unread, or memory is short: no fault of this one.
		 * The socket itself has room, so only a timer can end this.
		 */
		session->full = true;
		(void)evtimer_add(session->wake, &soon);
		return;
	default:
		become_mute(session);
	}
}

void session_flush(struct session *session)
{
	struct frame_part part;

	while (!session->full && frame_writer_peek(&session->writer, &part)) {
		ssize_t sent = send_part(session->conn_fd, &part);

		if (sent <= 0) {
			note_error(session, sent < 0 ? errno : EAGAIN);
			continue;
		}
		close_all(part.fds, part.fd_count);
		frame_writer_sent(&session->writer, (size_t)sent);
	}
}
