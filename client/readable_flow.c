/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/readable.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "client/connection.h"
#include "client/deadline.h"

/* Counts are told as ssize_t, and the ring is not larger than that has room for. */
ssize_t forebay_readable_peek(struct forebay_readable *readable, const void **ret_data)
{
	uint64_t bytes;
	int r;

	r = ring_consumer_peek(&readable->ring, ret_data, &bytes);
	if (r == RING_CONSUMER_E_END)
		return 0;
	return r ? r : (ssize_t)bytes;
}

int forebay_readable_consume(struct forebay_readable *readable, size_t bytes)
{
	return ring_consumer_consume(&readable->ring, bytes);
}

ssize_t forebay_readable_read(struct forebay_readable *readable, void *data, size_t bytes)
{
	const void *there;
	ssize_t n;
	int r;

	if (bytes == 0)
		return -EINVAL;
	n = forebay_readable_peek(readable, &there);
	if (n <= 0)
		return n;
	if ((size_t)n > bytes)
		n = (ssize_t)bytes;
	memcpy(data, there, (size_t)n);
	r = ring_consumer_consume(&readable->ring, (uint64_t)n);
	return r ? r : n;
}

uint64_t forebay_readable_position(const struct forebay_readable *readable)
{
	return readable->ring.tail;
}

/*
 * What the ring holds makes no descriptor readable, so one of our own stands for it: from a look
 * that found bytes until one that found none, behind which the daemon sends a byte.
 */
static void set_ready(struct forebay_readable *readable, bool ready)
{
	uint64_t count = 1;
	ssize_t n;

	if (readable->epoll_fd < 0 || readable->ready == ready)
		return;
	readable->ready = ready;
	do {
		n = ready ? write(readable->ready_fd, &count, sizeof(count)) :
			    read(readable->ready_fd, &count, sizeof(count));
	} while (n < 0 && errno == EINTR);
}

/* Something on the connection that nobody asked for: the daemon hung up. */
static void look_at_connection(struct forebay_readable *readable)
{
	if (!readable->ring.lost && connection_check_idle(readable->connection))
		readable->ring.lost = true;
}

static int wait_until(struct forebay_readable *readable, uint64_t deadline_ns)
{
	struct pollfd waits[2] = {
		{ .fd = readable->ring.signal_fd, .events = POLLIN },
		{ .fd = readable->connection->conn_fd, .events = POLLIN },
	};
	const void *there;
	ssize_t n;
	int r;

	for (;;) {
		n = forebay_readable_peek(readable, &there);
		if (n != -EAGAIN)
			return n < 0 ? (int)n : 0;
		r = deadline_poll(waits, 2, deadline_ns);
		if (r)
			return r;
		if (waits[0].revents)
			ring_consumer_read_signal(&readable->ring);
		if (waits[1].revents)
			look_at_connection(readable);
		set_ready(readable, true);
	}
}

int forebay_readable_wait(struct forebay_readable *readable, uint64_t timeout_usec)
{
	return wait_until(readable, deadline_after(timeout_usec));
}

int forebay_readable_read_all(struct forebay_readable *readable, void *data, size_t bytes,
			      uint64_t timeout_usec, size_t *ret_bytes)
{
	uint64_t deadline_ns = deadline_after(timeout_usec);
	unsigned char *next = data;
	size_t done = 0;

	while (done < bytes) {
		ssize_t n = forebay_readable_read(readable, next + done, bytes - done);

		if (n == -EAGAIN) {
			int r = wait_until(readable, deadline_ns);

			if (r)
				return r;
			continue;
		}
		if (n < 0)
			return (int)n;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	if (ret_bytes)
		*ret_bytes = done;
	return 0;
}

static int watch(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int watch_all(struct forebay_readable *readable, int epoll_fd)
{
	int r;

	readable->ready_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (readable->ready_fd < 0)
		return -errno;
	r = watch(epoll_fd, readable->ready_fd);
	if (r == 0)
		r = watch(epoll_fd, readable->ring.signal_fd);
	if (r == 0)
		r = watch(epoll_fd, readable->connection->conn_fd);
	if (r) {
		(void)close(readable->ready_fd);
		readable->ready_fd = -1;
	}
	return r;
}

int forebay_readable_fd(struct forebay_readable *readable)
{
	int epoll_fd, r;

	if (readable->epoll_fd >= 0)
		return readable->epoll_fd;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		return -errno;
	r = watch_all(readable, epoll_fd);
	if (r) {
		(void)close(epoll_fd);
		return r;
	}
	readable->epoll_fd = epoll_fd;
	/* Something may be there already: the first dispatch looks. */
	set_ready(readable, true);
	return epoll_fd;
}

/* Sockets that are hung up would make the descriptor readable for ever. */
static void stop_watching(struct forebay_readable *readable)
{
	if (readable->epoll_fd < 0)
		return;
	(void)epoll_ctl(readable->epoll_fd, EPOLL_CTL_DEL, readable->ring.signal_fd, NULL);
	(void)epoll_ctl(readable->epoll_fd, EPOLL_CTL_DEL, readable->connection->conn_fd, NULL);
}

static unsigned int event_of(ssize_t n)
{
	switch (n) {
	case -EAGAIN:
		return 0;
	case 0:
		return FOREBAY_READABLE_EVENT_END;
	case -ECONNRESET:
		return FOREBAY_READABLE_EVENT_LOST;
	default:
		return n > 0 ? FOREBAY_READABLE_EVENT_DATA : FOREBAY_READABLE_EVENT_FAIL;
	}
}

int forebay_readable_dispatch(struct forebay_readable *readable, unsigned int *ret_events)
{
	const void *there;
	unsigned int events;
	ssize_t n;

	ring_consumer_read_signal(&readable->ring);
	look_at_connection(readable);
	if (readable->ring.lost)
		stop_watching(readable);
	n = forebay_readable_peek(readable, &there);
	set_ready(readable, n > 0);
	events = event_of(n) & ~readable->told;
	readable->told |= events & ~FOREBAY_READABLE_EVENT_DATA;
	if (ret_events)
		*ret_events = events;
	return 0;
}

int forebay_readable_pause(struct forebay_readable *readable)
{
	ring_consumer_set_paused(&readable->ring, true);
	return readable->ring.lost ? -ECONNRESET : 0;
}

int forebay_readable_resume(struct forebay_readable *readable)
{
	ring_consumer_set_paused(&readable->ring, false);
	return readable->ring.lost ? -ECONNRESET : 0;
}
