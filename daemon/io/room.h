/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_ROOM_H
#define FOREBAY_IO_ROOM_H

/*
 * Those who wait for room in an engine, and whose turn it is: a queue for each device, by
 * core/fair among users and their streams; devices one after the other. For io_engine.c,
 * which counts what is in flight. Thread: the loop's.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/list.h"
#include "daemon/core/fair.h"
#include "daemon/io/lanes.h"

struct engine_waiter;
struct room;

struct room_queue {
	struct list link; /* room::queues, where somebody is in it */
	struct room *room;
	uint64_t device;
	struct fair fair; /* struct engine_waiter::place */
};

struct room {
	struct list queues; /* struct room_queue, the next one's turn first */
	struct room_queue table[LANES_MAX + 1];
	uint32_t waiting;
	struct engine_waiter *served; /* its room() is being called; NULL: nobody's */
	bool took;		      /* it has put something in flight */
};

void room_init(struct room *room);
/* Nobody is called. */
void room_drop_all(struct room *room);

/* Joins the queue of its device, or, if it is in there, says what it wants now. */
void room_join(struct room *room, struct engine_waiter *waiter);
/* Also of one that is in no queue. */
void room_leave(struct engine_waiter *waiter);

/*
 * Whether a request may be put in flight now, as far as the others are concerned: it is of
 * the one that is being served and within its turn, or nobody waits whose device has room.
 */
bool room_is_free(const struct room *room, const struct lanes *lanes, uint64_t device,
		  uint64_t bytes);
/* Whether others than the one that is being served wait for the device. */
bool room_is_wanted(const struct room *room, uint64_t device);
/* Whether it is the one that is being served, and has not asked again. */
bool room_is_served(const struct engine_waiter *waiter);
/* It was put in flight. */
void room_use(struct room *room, uint64_t device, uint64_t bytes);

/* Whose turn it is, of those whose device has room; NULL: nobody's. */
struct engine_waiter *room_next(struct room *room, const struct lanes *lanes);
/* Gives it its turn. False: it took nothing, and asks again; now it stands behind the others. */
bool room_serve(struct room *room, struct engine_waiter *waiter);

#endif
