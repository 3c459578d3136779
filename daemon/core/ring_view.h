/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_RING_VIEW_H
#define FOREBAY_CORE_RING_VIEW_H

/* What the producer of a ring says, read once into private memory, and whether it can be. */

#include <stdbool.h>
#include <stdint.h>

struct ring_view {
	uint64_t head;
	uint64_t ended;
	uint64_t need;
	uint64_t wanted;
};

/*
 * Positions only grow, and what lies between tail and head must fit the ring. `accepted` is
 * the last good head.
 */
bool ring_view_head_is_good(uint64_t head, uint64_t accepted, uint64_t tail, uint64_t ring_bytes);

#endif
