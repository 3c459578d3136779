/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/id_map.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define CAPACITY_FIRST 64

void id_map_init(struct id_map *map)
{
	*map = (struct id_map){ 0 };
}

void id_map_fini(struct id_map *map)
{
	free(map->slots);
	id_map_init(map);
}

/* The slot that holds `id`, or the free one where it would go. The map is never full. */
static size_t slot_of(const struct id_map *map, uint64_t id)
{
	size_t mask = map->capacity - 1;
	size_t i = id & mask;

	while (map->slots[i].object && map->slots[i].id != id)
		i = (i + 1) & mask;
	return i;
}

void *id_map_find(const struct id_map *map, uint64_t id)
{
	return map->capacity == 0 ? NULL : map->slots[slot_of(map, id)].object;
}

static int grow(struct id_map *map)
{
	struct id_map bigger = {
		.capacity = map->capacity ? map->capacity * 2 : CAPACITY_FIRST,
	};

	bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (size_t i = 0; i < map->capacity; i++)
		if (map->slots[i].object)
			id_map_add(&bigger, map->slots[i].id, map->slots[i].object);
	id_map_fini(map);
	*map = bigger;
	return 0;
}

int id_map_reserve(struct id_map *map)
{
	/* At most three quarters full: a probe stays short. */
	if (map->count + 1 <= map->capacity / 4 * 3)
		return 0;
	return grow(map);
}

void id_map_add(struct id_map *map, uint64_t id, void *object)
{
	size_t i = slot_of(map, id);

	assert(object && !map->slots[i].object);
	map->slots[i] = (struct id_slot){ id, object };
	map->count++;
}

void id_map_remove(struct id_map *map, uint64_t id)
{
	size_t mask = map->capacity - 1;
	size_t hole, i;

	if (!id_map_find(map, id))
		return;
	hole = slot_of(map, id);
	map->slots[hole].object = NULL;
	map->count--;

	/* Whoever was pushed past the hole moves into it. */
	for (i = (hole + 1) & mask; map->slots[i].object; i = (i + 1) & mask) {
		size_t home = map->slots[i].id & mask;

		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		map->slots[hole] = map->slots[i];
		map->slots[i].object = NULL;
		hole = i;
	}
}
