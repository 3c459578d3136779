/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/heap.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#define CAPACITY_MIN 16

void heap_init(struct heap *heap)
{
	*heap = (struct heap){ 0 };
}

void heap_fini(struct heap *heap)
{
	free(heap->nodes);
	heap_init(heap);
}

int heap_reserve(struct heap *heap, size_t count)
{
	size_t capacity = heap->capacity ? heap->capacity : CAPACITY_MIN;
	struct heap_node **nodes;

	if (count <= heap->capacity)
		return 0;
	while (capacity < count)
		capacity *= 2;
	nodes = reallocarray(heap->nodes, capacity, sizeof(struct heap_node *));
	if (!nodes)
		return -ENOMEM;
	heap->nodes = nodes;
	heap->capacity = capacity;
	return 0;
}

static bool is_before(const struct heap_node *left, const struct heap_node *right)
{
	return left->key != right->key ? left->key < right->key : left->order < right->order;
}

static void set_place(struct heap *heap, size_t place, struct heap_node *node)
{
	heap->nodes[place - 1] = node;
	node->place = place;
}

static void move_up(struct heap *heap, struct heap_node *node)
{
	size_t place = node->place;

	while (place > 1 && is_before(node, heap->nodes[place / 2 - 1])) {
		set_place(heap, place, heap->nodes[place / 2 - 1]);
		place /= 2;
	}
	set_place(heap, place, node);
}

static void move_down(struct heap *heap, struct heap_node *node)
{
	size_t place = node->place;

	while (2 * place <= heap->count) {
		size_t child = 2 * place;

		if (child < heap->count && is_before(heap->nodes[child], heap->nodes[child - 1]))
			child++;
		if (!is_before(heap->nodes[child - 1], node))
			break;
		set_place(heap, place, heap->nodes[child - 1]);
		place = child;
	}
	set_place(heap, place, node);
}

void heap_put(struct heap *heap, struct heap_node *node, uint64_t key)
{
	node->key = key;
	node->order = heap->next_order++;
	if (node->place == 0)
		set_place(heap, ++heap->count, node);
	move_up(heap, node);
	move_down(heap, node);
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
	size_t place = node->place;
	struct heap_node *last;

	if (place == 0)
		return;
	last = heap->nodes[heap->count-- - 1];
	node->place = 0;
	if (last == node)
		return;
	set_place(heap, place, last);
	move_up(heap, last);
	move_down(heap, last);
}

struct heap_node *heap_first(const struct heap *heap)
{
	return heap->count > 0 ? heap->nodes[0] : NULL;
}
