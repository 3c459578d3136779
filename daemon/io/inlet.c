/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/inlet.h"

/*
 * The ways are those of outlet.c. The last one, for another user's pipe and a kernel before
 * 6.4: to look whether there are bytes and read no more than a pipe that has some must give;
 * only another reader of the same pipe, clearing O_NONBLOCK at the same moment, could then make
 * it wait.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/io/fd_kind.h"

enum inlet_way {
	INLET_SOCKET,
	INLET_OWN_PIPE,
	INLET_NOWAIT,
	INLET_POLL,
};

struct inlet {
	int fd;
	enum inlet_way way;
};

static int reopen(int *fd)
{
	char path[32];
	int own_fd;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", *fd);
	own_fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (own_fd < 0)
		return -errno;
	fd_close(*fd);
	*fd = own_fd;
	return 0;
}

int inlet_open(int fd, struct inlet **ret_inlet)
{
	cleanup_close int own_fd = fd;
	const char *reason;
	enum fd_kind kind = fd_kind_flowing_source(fd, &reason);
	struct inlet *inlet;

	if (kind != FD_KIND_SOCKET && kind != FD_KIND_PIPE)
		return -EINVAL;
	inlet = calloc(1, sizeof(*inlet));
	if (!inlet)
		return -ENOMEM;
	if (kind == FD_KIND_SOCKET)
		inlet->way = INLET_SOCKET;
	else if (reopen(&own_fd) == 0)
		inlet->way = INLET_OWN_PIPE;
	else
		inlet->way = INLET_NOWAIT;
	inlet->fd = take_fd(&own_fd);
	*ret_inlet = inlet;
	return 0;
}

struct inlet *inlet_close(struct inlet *inlet)
{
	if (!inlet)
		return NULL;
	fd_close(inlet->fd);
	free(inlet);
	return NULL;
}

static ssize_t read_when_polled(int fd, void *bytes, size_t length)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	ssize_t count;

	(void)fd_set_nonblock(fd);
	if (poll(&poll_fd, 1, 0) <= 0)
		return -EAGAIN;
	count = read(fd, bytes, length);
	return count < 0 ? -errno : count;
}

static ssize_t read_once(struct inlet *inlet, void *bytes, size_t length)
{
	const struct iovec iov = { .iov_base = bytes, .iov_len = length };
	ssize_t count;

	switch (inlet->way) {
	case INLET_SOCKET:
		count = recv(inlet->fd, bytes, length, MSG_DONTWAIT);
		return count < 0 ? -errno : count;
	case INLET_OWN_PIPE:
		count = read(inlet->fd, bytes, length);
		return count < 0 ? -errno : count;
	case INLET_NOWAIT:
		count = preadv2(inlet->fd, &iov, 1, -1, RWF_NOWAIT);
		if (count >= 0)
			return count;
		if (errno != EOPNOTSUPP && errno != ENOSYS)
			return -errno;
		inlet->way = INLET_POLL;
		break;
	case INLET_POLL:
		break;
	}
	return read_when_polled(inlet->fd, bytes, length);
}

ssize_t inlet_read(struct inlet *inlet, void *bytes, size_t length)
{
	ssize_t count;

	do {
		count = read_once(inlet, bytes, length);
	} while (count == -EINTR);
	return count;
}

int inlet_fd(const struct inlet *inlet)
{
	return inlet->fd;
}
