/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/stream.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "client/connection.h"
#include "client/deadline.h"
#include "proto/ring.h"

/* A large write goes in parts, so that the disk begins before all of it is copied. */
#define WRITE_PART_BYTES ((uint64_t)256 << 10)

int forebay_stream_write(struct forebay_stream *stream, const void *data, size_t bytes)
{
	return ring_producer_write(&stream->ring, data, bytes);
}

int forebay_stream_reserve(struct forebay_stream *stream, size_t minimum_bytes, void **ret_space,
			   size_t *ret_bytes)
{
	uint64_t bytes;
	int r;

	r = ring_producer_reserve(&stream->ring, minimum_bytes, ret_space, &bytes);
	if (r)
		return r;
	*ret_bytes = (size_t)bytes;
	return 0;
}

int forebay_stream_commit(struct forebay_stream *stream, size_t bytes)
{
	return ring_producer_commit(&stream->ring, bytes);
}

uint64_t forebay_stream_position(const struct forebay_stream *stream)
{
	return stream->ring.head;
}

/* Something on the connection that nobody asked for: the daemon hung up. */
static void look_at_connection(struct forebay_stream *stream)
{
	if (!stream->ring.lost && connection_check_idle(stream->connection))
		stream->ring.lost = true;
}

static int wait_drain_until(struct forebay_stream *stream, uint64_t deadline_ns)
{
	struct pollfd waits[2] = {
		{ .fd = stream->ring.signal_fd, .events = POLLIN },
		{ .fd = stream->connection->conn_fd, .events = POLLIN },
	};
	int r;

	for (;;) {
		if (!stream->ring.waiting || ring_producer_take_drain(&stream->ring))
			return 0;
		r = ring_producer_check(&stream->ring);
		if (r)
			return r;
		r = deadline_poll(waits, 2, deadline_ns);
		if (r)
			return r;
		if (waits[0].revents)
			ring_producer_read_signal(&stream->ring);
		if (waits[1].revents)
			look_at_connection(stream);
	}
}

int forebay_stream_wait_drain(struct forebay_stream *stream, uint64_t timeout_usec)
{
	return wait_drain_until(stream, deadline_after(timeout_usec));
}

/* As much as fits, and a part at most: what is no more than the ring can be waited for. */
static uint64_t part_bytes(const struct ring_producer *ring, uint64_t bytes)
{
	uint64_t room = ring->ring_bytes - (ring->head - ring->tail);
	uint64_t most = room > 0 ? room : ring->ring_bytes;

	if (most > WRITE_PART_BYTES)
		most = WRITE_PART_BYTES;
	return bytes < most ? bytes : most;
}

int forebay_stream_write_all(struct forebay_stream *stream, const void *data, size_t bytes,
			     uint64_t timeout_usec)
{
	uint64_t deadline_ns = deadline_after(timeout_usec);
	const unsigned char *next = data;

	while (bytes > 0) {
		uint64_t part;
		int r;

		r = wait_drain_until(stream, deadline_ns);
		if (r)
			return r;
		part = part_bytes(&stream->ring, bytes);
		r = ring_producer_write(&stream->ring, next, part);
		if (r == -EAGAIN)
			continue;
		if (r < 0)
			return r;
		next += part;
		bytes -= part;
	}
	return 0;
}

static int watch(int epoll_fd, int fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = fd };

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

int forebay_stream_fd(struct forebay_stream *stream)
{
	int epoll_fd, r;

	if (stream->epoll_fd >= 0)
		return stream->epoll_fd;
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		return -errno;
	r = watch(epoll_fd, stream->ring.signal_fd);
	if (r == 0)
		r = watch(epoll_fd, stream->connection->conn_fd);
	if (r) {
		(void)close(epoll_fd);
		return r;
	}
	stream->epoll_fd = epoll_fd;
	return epoll_fd;
}

/* Sockets that are hung up would make the descriptor readable for ever. */
static void stop_watching(struct forebay_stream *stream)
{
	if (stream->epoll_fd < 0)
		return;
	(void)epoll_ctl(stream->epoll_fd, EPOLL_CTL_DEL, stream->ring.signal_fd, NULL);
	(void)epoll_ctl(stream->epoll_fd, EPOLL_CTL_DEL, stream->connection->conn_fd, NULL);
}

static unsigned int look_at_state(const struct forebay_stream *stream)
{
	switch (ring_producer_state(&stream->ring)) {
	case FOREBAY_RING_FINISHED:
		return FOREBAY_EVENT_FINISH;
	case FOREBAY_RING_ABORTED:
	case FOREBAY_RING_FAILED:
		return FOREBAY_EVENT_FAIL;
	default:
		return stream->ring.lost ? FOREBAY_EVENT_LOST : 0;
	}
}

int forebay_stream_dispatch(struct forebay_stream *stream, unsigned int *ret_events)
{
	unsigned int events;

	ring_producer_read_signal(&stream->ring);
	look_at_connection(stream);
	if (stream->ring.lost)
		stop_watching(stream);
	events = look_at_state(stream) & ~stream->told;
	stream->told |= events;
	if (ring_producer_take_drain(&stream->ring))
		events |= FOREBAY_EVENT_DRAIN;
	if (ret_events)
		*ret_events = events;
	return 0;
}

int forebay_stream_end(struct forebay_stream *stream)
{
	return ring_producer_end(&stream->ring);
}

void forebay_stream_get_numbers(const struct forebay_stream *stream,
				struct forebay_stream_numbers *ret_numbers, size_t numbers_size)
{
	const struct ring_producer *ring = &stream->ring;
	uint64_t done = ring_producer_done_bytes(ring);
	struct forebay_stream_numbers numbers = {
		.accepted_bytes = ring->head,
		.done_bytes = done,
		.synced_bytes = ring_producer_synced_bytes(ring),
		.length_bytes = ring->head - done,
		.ring_bytes = ring->ring_bytes,
		.high_water_mark = ring->high_water_mark,
		.low_water_mark = ring->low_water_mark,
		.drains = ring->drains,
		.state = (uint32_t)ring_producer_state(ring),
		.need_drain = ring->waiting,
	};

	memset(ret_numbers, 0, numbers_size);
	memcpy(ret_numbers, &numbers,
	       numbers_size < sizeof(numbers) ? numbers_size : sizeof(numbers));
}
