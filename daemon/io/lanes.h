/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_LANES_H
#define FOREBAY_IO_LANES_H

/*
 * Counts what is under way on each device, so that one that hangs cannot take all the places
 * there are. Device 0 means that it is not known and is not counted; nor is one that comes
 * when the table is full, which only weakens the protection. Whoever owns it locks it.
 */

#include <stdbool.h>
#include <stdint.h>

#define LANES_MAX 32

struct lane {
	uint64_t device;
	uint32_t count;
};

struct lanes {
	struct lane lane[LANES_MAX];	/* free where count is 0 */
	uint32_t limit;			/* places for one device */
};

/* One device may have three quarters of `places`, and at least one. */
void lanes_init(struct lanes *lanes, uint32_t places);

bool lanes_have_room(const struct lanes *lanes, uint64_t device);
/* The caller looked at lanes_have_room() before. */
void lanes_enter(struct lanes *lanes, uint64_t device);
void lanes_leave(struct lanes *lanes, uint64_t device);

#endif
