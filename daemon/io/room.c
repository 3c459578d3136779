/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/room.h"

/*
 * While a waiter is served it stays where it is in its queue, so that what is left of its turn
 * is not lost if it asks again; only when it comes back without having asked does it leave.
 * Its owner may as well take it back, and free it, while it is being called.
 */

#include "daemon/io/io_engine.h"

/* What one turn is worth: the largest request that streams make. */
#define TURN_BYTES (UINT64_C(1024) * 1024)

/* What a request costs at least, and so what a sync costs: a place for a while. */
#define COST_MIN_BYTES (UINT64_C(16) * 1024)

static uint64_t cost_of(uint64_t bytes)
{
	if (bytes < COST_MIN_BYTES)
		return COST_MIN_BYTES;
	return bytes < TURN_BYTES ? bytes : TURN_BYTES;
}

void room_init(struct room *room)
{
	list_init(&room->queues);
	for (size_t i = 0; i < LANES_MAX + 1; i++) {
		list_init(&room->table[i].link);
		room->table[i].room = room;
	}
	room->waiting = 0;
	room->served = NULL;
}

static struct engine_waiter *waiter_of(struct fair_member *member)
{
	return container_of(member, struct engine_waiter, place);
}

void room_drop_all(struct room *room)
{
	struct list *link;

	while ((link = list_first(&room->queues)))
		room_leave(
			waiter_of(fair_pick(&container_of(link, struct room_queue, link)->fair)));
}

/* The last one is for devices that are not known, and for those that find no other free. */
static struct room_queue *find_queue(struct room *room, uint64_t device)
{
	struct room_queue *queue = &room->table[LANES_MAX];

	list_for_each(link, &room->queues) {
		struct room_queue *other = container_of(link, struct room_queue, link);

		if (other->device == device)
			return other;
	}
	for (size_t i = 0; device != 0 && i < LANES_MAX; i++) {
		if (!list_is_empty(&room->table[i].link))
			continue;
		queue = &room->table[i];
		break;
	}
	if (list_is_empty(&queue->link)) {
		queue->device = queue == &room->table[LANES_MAX] ? 0 : device;
		fair_init(&queue->fair, TURN_BYTES);
		list_append(&room->queues, &queue->link);
	}
	return queue;
}

void room_join(struct room *room, struct engine_waiter *waiter)
{
	uint64_t cost_bytes = cost_of(waiter->cost_bytes);

	if (!waiter->waits)
		room->waiting++;
	waiter->waits = true;
	if (fair_has(&waiter->place)) {
		fair_ask(&waiter->queue->fair, &waiter->place, cost_bytes);
		return;
	}
	waiter->queue = find_queue(room, waiter->device);
	fair_add(&waiter->queue->fair, &waiter->place, waiter->group, cost_bytes);
}

void room_leave(struct engine_waiter *waiter)
{
	struct room_queue *queue = waiter->queue;

	if (!fair_has(&waiter->place))
		return;
	if (waiter->waits)
		queue->room->waiting--;
	waiter->waits = false;
	if (queue->room->served == waiter)
		queue->room->served = NULL;
	fair_remove(&queue->fair, &waiter->place);
	if (queue->fair.count == 0)
		list_remove(&queue->link);
}

/* The queue of the one that is served, as long as it has not asked again. */
static struct room_queue *served_queue(const struct room *room)
{
	return room->served && !room->served->waits ? room->served->queue : NULL;
}

bool room_is_free(const struct room *room, const struct lanes *lanes, uint64_t device,
		  uint64_t bytes)
{
	const struct room_queue *served = served_queue(room);

	if (served && room->served->device == device)
		return cost_of(bytes) <= fair_credit(&served->fair);
	if (room->waiting == 0)
		return true;
	list_for_each(link, &room->queues) {
		const struct room_queue *queue = container_of(link, struct room_queue, link);

		if (queue->fair.count > (queue == served) && lanes_have_room(lanes, queue->device))
			return false;
	}
	return true;
}

bool room_is_served(const struct engine_waiter *waiter)
{
	return fair_has(&waiter->place) && !waiter->waits && waiter->queue->room->served == waiter;
}

bool room_is_wanted(const struct room *room, uint64_t device)
{
	const struct room_queue *served = served_queue(room);

	list_for_each(link, &room->queues) {
		const struct room_queue *queue = container_of(link, struct room_queue, link);

		if (queue->device == device)
			return queue->fair.count > (queue == served);
	}
	return false;
}

void room_use(struct room *room, uint64_t device, uint64_t bytes)
{
	struct room_queue *served = served_queue(room);

	if (!served || room->served->device != device)
		return;
	fair_spend(&served->fair, cost_of(bytes));
	room->took = true;
}

struct engine_waiter *room_next(struct room *room, const struct lanes *lanes)
{
	list_for_each(link, &room->queues) {
		struct room_queue *queue = container_of(link, struct room_queue, link);
		struct engine_waiter *waiter = waiter_of(fair_pick(&queue->fair));

		if (!lanes_have_room(lanes, waiter->device))
			continue;
		list_remove(link);
		list_append(&room->queues, link);
		return waiter;
	}
	return NULL;
}

bool room_serve(struct room *room, struct engine_waiter *waiter)
{
	room->served = waiter;
	room->took = false;
	room->waiting--;
	waiter->waits = false;
	waiter->room(waiter);
	/* Taken back meanwhile, and perhaps gone. */
	if (room->served != waiter)
		return true;
	room->served = NULL;
	if (!waiter->waits)
		room_leave(waiter);
	else if (!room->took)
		fair_pass(&waiter->queue->fair);
	return !fair_has(&waiter->place) || room->took;
}
