/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_HEAP_H
#define FOREBAY_CORE_HEAP_H

/*
 * Objects in the order of a key: the least one is known at once, and an object can be moved
 * or taken out wherever it is. Nodes are embedded by their owners; those of one key come out
 * in the order in which they were put in. Each call takes up to log n steps. Pure.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct heap_node {
	uint64_t key;
	uint64_t order; /* the heap's own */
	size_t place;	/* from 1 on; 0: in no heap */
};

struct heap {
	struct heap_node **nodes;
	size_t count;
	size_t capacity;
	uint64_t next_order;
};

void heap_init(struct heap *heap);
void heap_fini(struct heap *heap);

/* Makes room for `count` nodes in all, so that heap_put() cannot fail. 0 or -ENOMEM. */
int must_check heap_reserve(struct heap *heap, size_t count);

/* Puts it in, or moves it to its new place; there must be room. */
void heap_put(struct heap *heap, struct heap_node *node, uint64_t key);

/* Nothing happens where it is not in. */
void heap_remove(struct heap *heap, struct heap_node *node);

/* The one with the least key. NULL: there is none. */
struct heap_node *heap_first(const struct heap *heap);

#endif
