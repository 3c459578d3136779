/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/lanes.h"

#include <stddef.h>
#include <string.h>

void lanes_init(struct lanes *lanes, uint32_t places)
{
	memset(lanes, 0, sizeof(*lanes));
	lanes->limit = places - places / 4;
}

static const struct lane *find(const struct lanes *lanes, uint64_t device)
{
	for (size_t i = 0; device != 0 && i < LANES_MAX; i++)
		if (lanes->lane[i].count > 0 && lanes->lane[i].device == device)
			return &lanes->lane[i];
	return NULL;
}

bool lanes_have_room(const struct lanes *lanes, uint64_t device)
{
	const struct lane *lane = find(lanes, device);

	return !lane || lane->count < lanes->limit;
}

void lanes_enter(struct lanes *lanes, uint64_t device)
{
	struct lane *lane = (struct lane *)find(lanes, device);

	for (size_t i = 0; !lane && device != 0 && i < LANES_MAX; i++)
		if (lanes->lane[i].count == 0)
			lane = &lanes->lane[i];
	if (!lane)
		return;
	lane->device = device;
	lane->count++;
}

void lanes_leave(struct lanes *lanes, uint64_t device)
{
	struct lane *lane = (struct lane *)find(lanes, device);

	if (lane)
		lane->count--;
}
