/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_RING_CONSUMER_H
#define FOREBAY_CLIENT_RING_CONSUMER_H

/*
 * The consumer's side of a ring: "the other way round" in proto/ring.h, step by step. It knows
 * shared memory and the signal socket, and no connection. The data is mapped twice in a row, so
 * what is there never wraps, and for reading only.
 *
 * The memory comes from the daemon, which is believed as far as its constants check out;
 * positions that make no sense are -EPROTO.
 *
 * Thread: one at a time.
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/must_check.h"

struct forebay_ring_header;

struct ring_consumer {
	struct forebay_ring_header *header;
	const unsigned char *data;
	int signal_fd; /* owned from ring_consumer_map() on */
	uint64_t ring_bytes;
	uint64_t phase;
	uint64_t low_water_mark;
	uint64_t head; /* as last seen: may be old, never wrong */
	uint64_t tail; /* ours; the header's is a copy */
	uint64_t need; /* as last answered */
	bool sleeping; /* the daemon was told to send a byte when there is something */
	bool lost;     /* the daemon's end of the signal is closed */
};

/* Nothing more comes, and all that came was taken. */
#define RING_CONSUMER_E_END 1

/*
 * Maps the ring. Takes signal_fd on success; memory_fd stays the caller's and is not needed
 * afterwards. -EPROTO if it is no ring that we know.
 */
int ring_consumer_map(struct ring_consumer *consumer, int memory_fd, int signal_fd) must_check;
void ring_consumer_unmap(struct ring_consumer *consumer);

/*
 * What is there, in one piece. With -EAGAIN nothing is, and a byte comes on the signal when
 * there is. Once all bytes are taken: RING_CONSUMER_E_END, -ECANCELED (it was aborted), -EIO (it
 * failed), -ECONNRESET (the daemon is gone). -EPROTO: the daemon breaks the rules.
 */
int ring_consumer_peek(struct ring_consumer *consumer, const void **ret_data,
		       uint64_t *ret_bytes) must_check;

/* The first `bytes` of it are taken; -EINVAL if that is more than was seen. */
int ring_consumer_consume(struct ring_consumer *consumer, uint64_t bytes) must_check;

/* Whether the daemon may put more into the ring; what is there already can be taken. */
void ring_consumer_set_paused(struct ring_consumer *consumer, bool paused);

/* Reads all bytes of the signal, and notices if the daemon is gone. */
void ring_consumer_read_signal(struct ring_consumer *consumer);

#endif
