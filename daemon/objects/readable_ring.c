/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "daemon/base/fd.h"
#include "daemon/objects/readable_parts.h"
#include "daemon/objects/registry.h"
#include "proto/ring.h"

/*
 * The ring the other way round (proto/ring.h): the daemon is the producer. What the client
 * writes into it is read once, checked, and used from there.
 */

#define SIGNAL_READ_BYTES 256

static uint64_t load(const struct forebay_ring_word *word)
{
	return __atomic_load_n(&word->value, __ATOMIC_ACQUIRE);
}

static void store(struct forebay_ring_word *word, uint64_t value)
{
	__atomic_store_n(&word->value, value, __ATOMIC_RELEASE);
}

static void disconnect(struct readable_ring *ring)
{
	if (ring->signal_event)
		event_free(ring->signal_event);
	ring->signal_event = NULL;
	ring->signal_fd = fd_close(ring->signal_fd);
}

static void signal_client(struct readable_ring *ring)
{
	/* EAGAIN: bytes are there to be read already. EPIPE: the hang-up is on its way. */
	if (ring->signal_fd >= 0)
		(void)send(ring->signal_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- memory ---- */

int readable_ring_make(struct readable *readable)
{
	struct readable_ring *ring = &readable->ring;
	int r = memfd_make("forebay-ring", FOREBAY_RING_HEADER_BYTES + ring->bytes, 0,
			   &ring->memory_fd);

	return r < 0 ? r :
		       memfd_map_twice(ring->memory_fd, FOREBAY_RING_HEADER_BYTES, ring->bytes,
				       &ring->mapping);
}

void readable_ring_fini(struct readable *readable)
{
	struct readable_ring *ring = &readable->ring;

	disconnect(ring);
	if (ring->header)
		sigbus_unwatch(&ring->watch);
	ring->header = NULL;
	if (ring->mapping.bytes)
		memfd_unmap(&ring->mapping);
	ring->memory_fd = fd_close(ring->memory_fd);
}

static void on_signal(evutil_socket_t signal_fd, short unused_events, void *data)
{
	struct readable *readable = data;
	char bytes[SIGNAL_READ_BYTES];
	ssize_t n = recv((int)signal_fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)unused_events;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		disconnect(&readable->ring);
		if (!stream_state_is_terminal(readable->state)) {
			readable->aborted = true;
			conduit_give_up(&readable->conduit, -ECANCELED);
		}
		return;
	}
	readable->ring.asked = false;
	if (!stream_state_is_terminal(readable->state))
		conduit_run(&readable->conduit);
}

static void lay_out(struct readable *readable)
{
	struct readable_ring *ring = &readable->ring;
	struct forebay_ring_header *header = (struct forebay_ring_header *)ring->mapping.bytes;

	ring->header = header;
	ring->data = ring->mapping.bytes + FOREBAY_RING_HEADER_BYTES;
	header->magic = FOREBAY_RING_MAGIC;
	header->version = FOREBAY_RING_VERSION;
	header->header_bytes = FOREBAY_RING_HEADER_BYTES;
	header->ring_bytes = ring->bytes;
	header->high_water_mark = readable->conduit.mark;
	store(&header->state, FOREBAY_RING_OPEN);
}

int readable_ring_connect(struct readable *readable, struct stream_ring_fds *ret_fds)
{
	struct readable_ring *ring = &readable->ring;
	int memory_fd, pair[2];
	int r = sigbus_watch(ring->mapping.bytes, ring->mapping.length, &ring->watch);

	if (r < 0)
		return r;
	lay_out(readable);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	ring->signal_fd = pair[0];
	ring->signal_event = event_new(readable->user->registry->base, ring->signal_fd,
				       EV_READ | EV_PERSIST, on_signal, readable);
	memory_fd = fd_duplicate(ring->memory_fd);
	if (memory_fd < 0 || !ring->signal_event || event_add(ring->signal_event, NULL) < 0) {
		fd_close(pair[1]);
		fd_close(memory_fd);
		return memory_fd < 0 ? memory_fd : -ENOMEM;
	}
	*ret_fds = (struct stream_ring_fds){
		.memory_fd = memory_fd,
		.signal_fd = pair[1],
		.ring_bytes = ring->bytes,
	};
	return 0;
}

/* ---- words ---- */

/* Reads the client's words. False: it has broken the rules, and the stream has failed. */
static bool look(struct readable *readable)
{
	struct readable_ring *ring = &readable->ring;
	uint64_t tail = load(&ring->header->tail);

	ring->paused = load(&ring->header->state) == FOREBAY_RING_PAUSED;
	if (sigbus_was_hit(&ring->watch)) {
		readable_fail(readable, "ring", -EFAULT);
		return false;
	}
	if (tail < ring->tail || tail > ring->head) {
		readable_fail(readable, "ring", -EPROTO);
		return false;
	}
	ring->tail = tail;
	return true;
}

static uint64_t room(const struct readable_ring *ring)
{
	return ring->bytes - (ring->head - ring->tail);
}

/* Asks to be told when so many bytes are free, unless they are by now. */
static void ask(struct readable *readable, uint64_t wanted)
{
	struct readable_ring *ring = &readable->ring;

	store(&ring->header->wanted, wanted);
	if (!ring->asked)
		store(&ring->header->need, ++ring->need);
	ring->asked = true;
	atomic_thread_fence(memory_order_seq_cst);
	if (load(&ring->header->tail) - ring->tail >= wanted - room(ring))
		conduit_schedule(&readable->conduit);
}

static void hand_on(struct readable *readable)
{
	struct readable_ring *ring = &readable->ring;
	uint64_t count = readable_available(readable);

	if (count > room(ring))
		count = room(ring);
	if (count > READABLE_TURN_BYTES)
		count = READABLE_TURN_BYTES;
	if (count == 0)
		return;
	/* Mapped twice in a row: it is in one piece. */
	readable_take(readable, ring->data + (ring->head & (ring->bytes - 1)), count);
	ring->head += count;
	store(&ring->header->head, ring->head);
	atomic_thread_fence(memory_order_seq_cst);
	if (load(&ring->header->sleeping) != 0)
		signal_client(ring);
}

static void tell_ended(struct readable_ring *ring, uint64_t how)
{
	store(&ring->header->ended, how);
	ring->told_end = true;
	signal_client(ring);
}

static bool finish(struct readable *readable)
{
	struct readable_ring *ring = &readable->ring;

	if (!ring->told_end)
		tell_ended(ring, FOREBAY_RING_ENDED);
	if (ring->tail != ring->head) {
		ask(readable, ring->bytes);
		return false;
	}
	readable_finish(readable);
	return true;
}

bool readable_ring_turn(struct readable *readable)
{
	struct readable_ring *ring = &readable->ring;
	uint64_t left;

	if (!look(readable))
		return true;
	if (ring->paused || readable->state == STREAM_STATE_PAUSED)
		return false;
	hand_on(readable);
	if (readable_end_write(readable))
		return true;
	left = readable_available(readable);
	if (left == 0)
		return readable->finishing && finish(readable);
	if (room(ring) > 0)
		conduit_schedule(&readable->conduit);
	else
		ask(readable, left < ring->bytes / 2 ? left : ring->bytes / 2);
	return false;
}

void readable_ring_tell_end(struct readable *readable)
{
	struct readable_ring *ring = &readable->ring;

	if (ring->bytes == 0 || readable->state == STREAM_STATE_FINISHED)
		return;
	tell_ended(ring, readable->aborted ? FOREBAY_RING_CUT : FOREBAY_RING_BROKEN);
}
