/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/outlet.h"

/*
 * Sockets have a flag for each call. A pipe is opened again through /proc, which gives us a
 * description of our own whose O_NONBLOCK nobody else can clear. Where that is not permitted
 * (another user's pipe) each call asks the kernel not to wait (RWF_NOWAIT, pipes since 6.4).
 * Before that kernel what is left is to look for room and write no more than a pipe that has
 * room must take; only another writer on the same pipe, clearing O_NONBLOCK at the same
 * moment, could then make it wait.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/io/fd_kind.h"

enum outlet_way {
	OUTLET_SOCKET,
	OUTLET_OWN_PIPE,
	OUTLET_NOWAIT,
	OUTLET_POLL,
};

struct outlet {
	int fd;
	enum outlet_way way;
};

static int reopen(int *fd)
{
	char path[32];
	int own_fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	own_fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (own_fd < 0)
		return -errno;
	fd_close(*fd);
	*fd = own_fd;
	return 0;
}

int outlet_open(int fd, struct outlet **ret_outlet)
{
	cleanup_close int own_fd = fd;
	const char *reason;
	enum fd_kind kind = fd_kind_destination(fd, &reason);
	struct outlet *outlet;

	if (kind != FD_KIND_SOCKET && kind != FD_KIND_PIPE)
		return -EINVAL;
	outlet = calloc(1, sizeof(*outlet));
	if (!outlet)
		return -ENOMEM;
	if (kind == FD_KIND_SOCKET)
		outlet->way = OUTLET_SOCKET;
	else if (reopen(&own_fd) == 0)
		outlet->way = OUTLET_OWN_PIPE;
	else
		outlet->way = OUTLET_NOWAIT;
	outlet->fd = take_fd(&own_fd);
	*ret_outlet = outlet;
	return 0;
}

struct outlet *outlet_close(struct outlet *outlet)
{
	if (!outlet)
		return NULL;
	fd_close(outlet->fd);
	free(outlet);
	return NULL;
}

static ssize_t send_iov(int fd, const struct iovec *iov, uint32_t count)
{
	struct msghdr message = { .msg_iov = (struct iovec *)iov, .msg_iovlen = count };
	ssize_t bytes = sendmsg(fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

	return bytes < 0 ? -errno : bytes;
}

static ssize_t write_when_polled(int fd, const struct iovec *iov, uint32_t count)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLOUT };
	ssize_t bytes;
	size_t length;

	while (count > 1 && iov->iov_len == 0) {
		iov++;
		count--;
	}
	length = iov->iov_len < PIPE_BUF ? iov->iov_len : PIPE_BUF;
	(void)fd_set_nonblock(fd);
	if (poll(&poll_fd, 1, 0) <= 0)
		return -EAGAIN;
	bytes = write(fd, iov->iov_base, length);
	return bytes < 0 ? -errno : bytes;
}

static ssize_t write_once(struct outlet *outlet, const struct iovec *iov, uint32_t count)
{
	ssize_t bytes;

	switch (outlet->way) {
	case OUTLET_SOCKET:
		return send_iov(outlet->fd, iov, count);
	case OUTLET_OWN_PIPE:
		bytes = writev(outlet->fd, iov, (int)count);
		return bytes < 0 ? -errno : bytes;
	case OUTLET_NOWAIT:
		bytes = pwritev2(outlet->fd, iov, (int)count, -1, RWF_NOWAIT);
		if (bytes >= 0)
			return bytes;
		if (errno != EOPNOTSUPP && errno != ENOSYS)
			return -errno;
		outlet->way = OUTLET_POLL;
		break;
	case OUTLET_POLL:
		break;
	}
	return write_when_polled(outlet->fd, iov, count);
}

ssize_t outlet_write(struct outlet *outlet, const struct iovec *iov, uint32_t count)
{
	ssize_t bytes;

	if (count > IOV_MAX)
		count = IOV_MAX;
	do {
		bytes = write_once(outlet, iov, count);
	} while (bytes == -EINTR);
	return bytes;
}

int outlet_fd(const struct outlet *outlet)
{
	return outlet->fd;
}
