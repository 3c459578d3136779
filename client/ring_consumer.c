/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/ring_consumer.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/ring_side.h"
#include "proto/ring.h"

int ring_consumer_map(struct ring_consumer *consumer, int memory_fd, int signal_fd)
{
	struct forebay_ring_header *header;
	uint64_t ring_bytes;
	int r;

	r = ring_side_map(memory_fd, PROT_READ, &header, &ring_bytes);
	if (r)
		return r;
	*consumer = (struct ring_consumer){
		.header = header,
		.data = ring_side_data(header),
		.signal_fd = signal_fd,
		.ring_bytes = ring_bytes,
		.phase = header->phase,
		.low_water_mark = header->low_water_mark,
		.head = ring_side_load(&header->tail),
		.tail = ring_side_load(&header->tail),
	};
	return 0;
}

void ring_consumer_unmap(struct ring_consumer *consumer)
{
	if (consumer->signal_fd >= 0)
		(void)close(consumer->signal_fd);
	consumer->signal_fd = -1;
	ring_side_unmap(consumer->header, consumer->ring_bytes);
	consumer->header = NULL;
}

static void ring_bell(struct ring_consumer *consumer)
{
	if (!ring_side_send_signal(consumer->signal_fd))
		consumer->lost = true;
}

/* 0: there is something. -EAGAIN: not yet. */
static int look_at_head(struct ring_consumer *consumer)
{
	uint64_t head = ring_side_load(&consumer->header->head);

	if (head - consumer->tail > consumer->ring_bytes ||
	    head - consumer->tail < consumer->head - consumer->tail)
		return -EPROTO;
	consumer->head = head;
	return head == consumer->tail ? -EAGAIN : 0;
}

static int result_of_end(uint64_t ended)
{
	switch (ended) {
	case 0:
		return -EAGAIN;
	case FOREBAY_RING_ENDED:
		return RING_CONSUMER_E_END;
	case FOREBAY_RING_CUT:
		return -ECANCELED;
	case FOREBAY_RING_BROKEN:
		return -EIO;
	default:
		return -EPROTO;
	}
}

/* The end stands behind the last head: who has seen it sees all bytes there will ever be. */
static int look(struct ring_consumer *consumer)
{
	uint64_t ended = ring_side_load(&consumer->header->ended);
	int r;

	r = look_at_head(consumer);
	return r == -EAGAIN ? result_of_end(ended) : r;
}

static void set_sleeping(struct ring_consumer *consumer, bool sleeping)
{
	consumer->sleeping = sleeping;
	ring_side_store(&consumer->header->sleeping, sleeping);
}

int ring_consumer_peek(struct ring_consumer *consumer, const void **ret_data, uint64_t *ret_bytes)
{
	int r;

	r = look(consumer);
	if (r == -EAGAIN && !consumer->sleeping) {
		set_sleeping(consumer, true);
		ring_side_fence();
		r = look(consumer);
	}
	if (r == -EAGAIN)
		return consumer->lost ? -ECONNRESET : r;
	if (consumer->sleeping)
		set_sleeping(consumer, false);
	if (r)
		return r;
	*ret_data =
		consumer->data +
		forebay_ring_data_offset(consumer->tail, consumer->phase, consumer->ring_bytes) -
		FOREBAY_RING_HEADER_BYTES;
	*ret_bytes = consumer->head - consumer->tail;
	return 0;
}

/* No more than this may be in the ring for the daemon to go on: with nothing in it, it does. */
static uint64_t drain_length(const struct ring_consumer *consumer)
{
	uint64_t wanted = ring_side_load(&consumer->header->wanted);

	if (wanted == 0)
		return consumer->low_water_mark;
	return wanted < consumer->ring_bytes ? consumer->ring_bytes - wanted : 0;
}

/*
 * A daemon that was told to stop is woken once for each time, when there is room: it looks at
 * the tail then and goes on. Its head is as it was when it stored need.
 */
static void answer_need(struct ring_consumer *consumer)
{
	uint64_t need = ring_side_load(&consumer->header->need);
	uint64_t head;

	if (need == consumer->need)
		return;
	head = ring_side_load(&consumer->header->head);
	if (head - consumer->tail > drain_length(consumer))
		return;
	consumer->need = need;
	ring_bell(consumer);
}

int ring_consumer_consume(struct ring_consumer *consumer, uint64_t bytes)
{
	if (bytes > consumer->head - consumer->tail)
		return -EINVAL;
	if (bytes == 0)
		return 0;
	consumer->tail += bytes;
	ring_side_store(&consumer->header->tail, consumer->tail);
	ring_side_fence();
	answer_need(consumer);
	return 0;
}

void ring_consumer_set_paused(struct ring_consumer *consumer, bool paused)
{
	ring_side_store(&consumer->header->state, paused ? FOREBAY_RING_PAUSED : FOREBAY_RING_OPEN);
	ring_side_fence();
	ring_bell(consumer);
}

void ring_consumer_read_signal(struct ring_consumer *consumer)
{
	if (!ring_side_read_signal(consumer->signal_fd))
		consumer->lost = true;
}
