/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_ID_MAP_H
#define FOREBAY_CORE_ID_MAP_H

/*
 * Objects by their 64-bit id. Ids are random, so they are their own hash. Open addressing
 * with linear probing; grows, never shrinks; deletion moves the followers up, so there are
 * no tombstones.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct id_slot {
	uint64_t id;
	void *object; /* NULL: free */
};

struct id_map {
	struct id_slot *slots;
	size_t capacity; /* a power of two, or 0 */
	size_t count;
};

void id_map_init(struct id_map *map);
void id_map_fini(struct id_map *map);

/* NULL is normal. */
void *id_map_find(const struct id_map *map, uint64_t id);

/* Makes room for one more, so that the id_map_add() after it cannot fail. 0 or -ENOMEM. */
int must_check id_map_reserve(struct id_map *map);

/* `id` must not be there yet, and room must have been reserved. */
void id_map_add(struct id_map *map, uint64_t id, void *object);

/* Nothing happens where `id` is not there. */
void id_map_remove(struct id_map *map, uint64_t id);

#endif
