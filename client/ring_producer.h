/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_RING_PRODUCER_H
#define FOREBAY_CLIENT_RING_PRODUCER_H

/*
 * The producer's side of a ring: proto/ring.h, step by step. It knows shared memory and the
 * signal socket, and no connection. The data is mapped twice in a row, so a chunk never wraps.
 *
 * The memory comes from the daemon, which is believed as far as its constants check out;
 * positions that make no sense are -EPROTO.
 *
 * Thread: one at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/must_check.h"

struct forebay_ring_header;

struct ring_producer {
	struct forebay_ring_header *header;
	unsigned char *data;
	int signal_fd;			/* owned from ring_producer_map() on */
	uint64_t ring_bytes;
	uint64_t phase;
	uint64_t high_water_mark;
	uint64_t low_water_mark;
	uint64_t head;			/* ours; the header's is a copy */
	uint64_t tail;			/* as last seen: may be old, never wrong */
	uint64_t need;
	uint64_t wanted;
	uint64_t reserved_bytes;
	uint64_t drains;
	bool untouched;			/* no page of the memory was written to by us */
	bool waiting;			/* told to stop and not yet to go on */
	bool ended;
	bool aborted;			/* by our own call: the state may say so a little later */
	bool lost;			/* the daemon's end of the signal is closed */
};

/*
 * Maps the ring. Takes signal_fd on success; memory_fd stays the caller's and is not needed
 * afterwards. -EPROTO if it is no ring that we know.
 */
int ring_producer_map(struct ring_producer *producer, int memory_fd, int signal_fd) must_check;
void ring_producer_unmap(struct ring_producer *producer);

/* 1: go on. 0: taken, wait for drain. Negative as forebay_stream_write(). */
int ring_producer_write(struct ring_producer *producer, const void *data,
			uint64_t bytes) must_check;

/* Room to fill in place, and the hand-over of what was filled. */
int ring_producer_reserve(struct ring_producer *producer, uint64_t minimum_bytes, void **ret_space,
			  uint64_t *ret_bytes) must_check;
int ring_producer_commit(struct ring_producer *producer, uint64_t bytes) must_check;

/* Nothing more will come. -EALREADY the second time, -ECONNRESET if the daemon is gone. */
int ring_producer_end(struct ring_producer *producer) must_check;

/* Reads all bytes of the signal, and notices if the daemon is gone. */
void ring_producer_read_signal(struct ring_producer *producer);

/* True if a producer that was told to stop may go on; told once. */
bool ring_producer_take_drain(struct ring_producer *producer);

/* 0 while the stream takes bytes; else the reason why not. */
int ring_producer_check(const struct ring_producer *producer) must_check;

/* enum forebay_ring_state, as the daemon wrote it. */
uint64_t ring_producer_state(const struct ring_producer *producer);

/* The daemon's words of the moment: bytes at the ack level, bytes on the device. */
uint64_t ring_producer_done_bytes(const struct ring_producer *producer);
uint64_t ring_producer_synced_bytes(const struct ring_producer *producer);

#endif
