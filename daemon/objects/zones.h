/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_ZONES_H
#define FOREBAY_OBJECTS_ZONES_H

/*
 * Time zones, read by a worker and kept: whoever asks for one gets a reference, and many may
 * have the same. What was read more than a minute ago is read again when it is asked for, so
 * that new rules are found without a restart; who holds the old ones keeps them. Loop thread
 * only.
 */

#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/base/list.h"
#include "daemon/core/zone.h"

struct registry;

enum zones_outcome {
	ZONES_E_NONE = 1, /* no such zone */
};

struct held_zone {
	struct list link; /* registry::zones, or on its own when a newer one has its place */
	const struct zone *zone;
	uint32_t references;
	uint64_t read_ns;
	char name[ZONE_NAME_BYTES]; /* "" for the daemon's own */
};

/* 0 with a reference; ZONES_E_NONE; negative errno. */
typedef void (*zones_done_fn)(void *data, int result, struct held_zone *zone);

/* `name` NULL: the daemon's own zone. `done` is called later if this returns 0. */
int must_check zones_acquire(struct registry *registry, const char *name, zones_done_fn done,
			     void *data);

/* Takes NULL. */
void zones_release(struct held_zone *zone);

/* At the end; nobody holds any. */
void zones_free_all(struct registry *registry);

#endif
