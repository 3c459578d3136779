/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/ring_producer.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/ring_side.h"
#include "proto/ring.h"

/* Kernel 5.14; the headers we are built with may be older. */
#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/*
 * The tail and the state stand in lines that the daemon writes, so they are looked at as
 * seldom as the protocol allows: the tail only when the copy of it says that there is no room
 * or that the high mark is reached. An old tail can only make the length look larger.
 */

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

int ring_producer_map(struct ring_producer *producer, int memory_fd, int signal_fd)
{
	struct forebay_ring_header *header;
	uint64_t ring_bytes;
	int r;

	r = ring_side_map(memory_fd, PROT_READ | PROT_WRITE, &header, &ring_bytes);
	if (r)
		return r;
	*producer = (struct ring_producer){
		.header = header,
		.data = ring_side_data(header),
		.signal_fd = -1,
		.ring_bytes = ring_bytes,
		.phase = header->phase,
		.high_water_mark = header->high_water_mark,
		.low_water_mark = header->low_water_mark,
		.head = ring_side_load(&header->head),
		.tail = ring_side_load(&header->tail),
		.need = ring_side_load(&header->need),
		.ended = ring_side_load(&header->ended) != 0,
		.untouched = ring_bytes < RING_SIDE_HUGE_BYTES,
	};
	if (producer->high_water_mark > ring_bytes ||
	    producer->head - producer->tail > ring_bytes) {
		ring_producer_unmap(producer);
		return -EPROTO;
	}
	producer->signal_fd = signal_fd;
	return 0;
}

void ring_producer_unmap(struct ring_producer *producer)
{
	if (producer->signal_fd >= 0)
		(void)close(producer->signal_fd);
	producer->signal_fd = -1;
	ring_side_unmap(producer->header, producer->ring_bytes);
	producer->header = NULL;
}

static void ring_bell(struct ring_producer *producer)
{
	if (!ring_side_send_signal(producer->signal_fd))
		producer->lost = true;
}

static void wake_sleeper(struct ring_producer *producer)
{
	ring_side_fence();
	if (ring_side_load(&producer->header->sleeping) == 1)
		ring_bell(producer);
}

static uint64_t look_at_tail(struct ring_producer *producer)
{
	producer->tail = ring_side_load(&producer->header->tail);
	return producer->head - producer->tail;
}

static bool may_go_on(struct ring_producer *producer)
{
	return look_at_tail(producer) <=
	       min_u64(producer->low_water_mark, producer->ring_bytes - producer->wanted);
}

/* "Told to stop", steps 1 and 2. True: the producer must wait. */
static bool tell_to_stop(struct ring_producer *producer, uint64_t wanted)
{
	producer->wanted = wanted;
	producer->need++;
	ring_side_store(&producer->header->wanted, wanted);
	ring_side_store(&producer->header->need, producer->need);
	wake_sleeper(producer);
	producer->waiting = !may_go_on(producer);
	return producer->waiting;
}

uint64_t ring_producer_state(const struct ring_producer *producer)
{
	return ring_side_load(&producer->header->state);
}

int ring_producer_check(const struct ring_producer *producer)
{
	if (producer->aborted)
		return -ECANCELED;
	switch (ring_producer_state(producer)) {
	case FOREBAY_RING_OPEN:
	case FOREBAY_RING_PAUSED:
		if (producer->ended)
			return -EPIPE;
		return producer->lost ? -ECONNRESET : 0;
	case FOREBAY_RING_ENDING:
	case FOREBAY_RING_FINISHED:
		return -EPIPE;
	case FOREBAY_RING_ABORTED:
		return -ECANCELED;
	case FOREBAY_RING_FAILED:
		return -EIO;
	default:
		return -EPROTO;
	}
}

/*
 * All small pages of a ring that has no huge ones: one at a time, as they are touched, they take
 * thrice as long. Not in Open, which is no place to wait for what may not be needed.
 */
static void touch(struct ring_producer *producer)
{
	producer->untouched = false;
	(void)madvise(producer->header, FOREBAY_RING_HEADER_BYTES + (size_t)producer->ring_bytes,
		      MADV_POPULATE_WRITE);
}

/* Steps 1 to 3 of a write: 0 when there is room for it. */
static int make_room(struct ring_producer *producer, uint64_t bytes)
{
	int r;

	if (bytes > producer->ring_bytes)
		return -EMSGSIZE;
	if (producer->untouched)
		touch(producer);
	r = ring_producer_check(producer);
	if (r)
		return r;
	if (producer->ring_bytes - (producer->head - producer->tail) >= bytes)
		return 0;
	if (look_at_tail(producer) > producer->ring_bytes)
		return -EPROTO;
	if (producer->ring_bytes - (producer->head - producer->tail) >= bytes)
		return 0;
	return tell_to_stop(producer, bytes) ? -EAGAIN : 0;
}

static unsigned char *place_of_head(const struct ring_producer *producer)
{
	return producer->data +
	       forebay_ring_data_offset(producer->head, producer->phase, producer->ring_bytes) -
	       FOREBAY_RING_HEADER_BYTES;
}

/* Steps 4 to 6: the bytes stand in the ring already. */
static int publish(struct ring_producer *producer, uint64_t bytes)
{
	producer->reserved_bytes = 0;
	if (bytes > 0) {
		producer->head += bytes;
		ring_side_store(&producer->header->head, producer->head);
		wake_sleeper(producer);
	}
	if (producer->head - producer->tail < producer->high_water_mark)
		return 1;
	if (look_at_tail(producer) < producer->high_water_mark)
		return 1;
	return tell_to_stop(producer, 0) ? 0 : 1;
}

int ring_producer_write(struct ring_producer *producer, const void *data, uint64_t bytes)
{
	int r;

	r = make_room(producer, bytes);
	if (r)
		return r;
	if (bytes > 0)
		memcpy(place_of_head(producer), data, bytes);
	return publish(producer, bytes);
}

int ring_producer_reserve(struct ring_producer *producer, uint64_t minimum_bytes, void **ret_space,
			  uint64_t *ret_bytes)
{
	int r;

	if (minimum_bytes == 0)
		return -EINVAL;
	r = make_room(producer, minimum_bytes);
	if (r)
		return r;
	producer->reserved_bytes = producer->ring_bytes - (producer->head - producer->tail);
	*ret_space = place_of_head(producer);
	*ret_bytes = producer->reserved_bytes;
	return 0;
}

int ring_producer_commit(struct ring_producer *producer, uint64_t bytes)
{
	int r;

	if (bytes > producer->reserved_bytes)
		return -EINVAL;
	r = ring_producer_check(producer);
	if (r)
		return r;
	return publish(producer, bytes);
}

int ring_producer_end(struct ring_producer *producer)
{
	if (producer->ended)
		return -EALREADY;
	producer->ended = true;
	producer->waiting = false;
	ring_side_store(&producer->header->ended, 1);
	ring_side_fence();
	ring_bell(producer);
	return producer->lost ? -ECONNRESET : 0;
}

void ring_producer_read_signal(struct ring_producer *producer)
{
	if (!ring_side_read_signal(producer->signal_fd))
		producer->lost = true;
}

bool ring_producer_take_drain(struct ring_producer *producer)
{
	if (!producer->waiting || !may_go_on(producer))
		return false;
	producer->waiting = false;
	producer->drains++;
	return true;
}

uint64_t ring_producer_done_bytes(const struct ring_producer *producer)
{
	return ring_side_load(&producer->header->tail);
}

uint64_t ring_producer_synced_bytes(const struct ring_producer *producer)
{
	return ring_side_load(&producer->header->progress);
}
