/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_RING_SIDE_H
#define FOREBAY_CLIENT_RING_SIDE_H

/*
 * What both sides of a ring do alike, whichever of them the client is: mapping it, looking at its
 * words, and the byte on the signal. Nothing is kept here. Any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/must_check.h"
#include "proto/ring.h"

/* The daemon asks for transparent huge pages, which on most machines have this size. */
#define RING_SIDE_HUGE_BYTES ((size_t)2 << 20)

/*
 * Maps the header page for writing and, right behind it, the data twice in a row with this
 * protection (PROT_...). memory_fd stays the caller's and is not needed afterwards. -EPROTO if it
 * is no ring that we know.
 */
int ring_side_map(int memory_fd, int protection, struct forebay_ring_header **ret_header,
		  uint64_t *ret_ring_bytes) must_check;

/* Takes NULL. */
void ring_side_unmap(struct forebay_ring_header *header, uint64_t ring_bytes);

static inline unsigned char *ring_side_data(struct forebay_ring_header *header)
{
	return (unsigned char *)header + FOREBAY_RING_HEADER_BYTES;
}

static inline uint64_t ring_side_load(const struct forebay_ring_word *word)
{
	return __atomic_load_n(&word->value, __ATOMIC_ACQUIRE);
}

static inline void ring_side_store(struct forebay_ring_word *word, uint64_t value)
{
	__atomic_store_n(&word->value, value, __ATOMIC_RELEASE);
}

static inline void ring_side_fence(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/*
 * One byte on the signal; if its buffer is full the daemon has bytes to read already. False: the
 * daemon's end is closed.
 */
bool ring_side_send_signal(int signal_fd) must_check;

/* Reads all bytes that came. False: the daemon's end is closed. */
bool ring_side_read_signal(int signal_fd) must_check;

#endif
