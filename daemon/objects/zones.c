/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/zones.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/io/clock.h"
#include "daemon/io/zone_file.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/registry.h"

#define FRESH_NS UINT64_C(60000000000)

/* Those that nobody holds are kept up to this many. */
#define IDLE_MAX 32

struct zone_errand {
	struct errand errand;
	struct held_zone *held; /* what was there, or a new one that is not on the list yet */
	struct zone *read;
	zones_done_fn done;
	void *data;
};

static void free_held(struct held_zone *held)
{
	list_remove(&held->link);
	(void)zone_free((struct zone *)held->zone);
	free(held);
}

static struct held_zone *find(struct registry *registry, const char *name)
{
	list_for_each(link, &registry->zones) {
		struct held_zone *held = container_of(link, struct held_zone, link);

		if (strcmp(held->name, name) == 0)
			return held;
	}
	return NULL;
}

/* The oldest of those without a holder make room. */
static void drop_idle(struct registry *registry)
{
	unsigned int idle = 0;

	list_for_each(link, &registry->zones) {
		struct held_zone *held = container_of(link, struct held_zone, link);

		if (held->references == 0 && ++idle > IDLE_MAX)
			free_held(held);
	}
}

static int run(struct errand *errand)
{
	struct zone_errand *work = errand->owner;
	const char *name = work->held->name;

	return name[0] != '\0' ? zone_file_read(name, &work->read) :
				 zone_file_read_own(&work->read);
}

static void put_in_place(struct registry *registry, struct held_zone *held)
{
	struct held_zone *before = find(registry, held->name);

	if (before) {
		list_remove(&before->link);
		if (before->references == 0)
			free_held(before);
	}
	held->read_ns = clock_monotonic_ns();
	list_prepend(&registry->zones, &held->link);
}

static void on_done(struct errand *errand, int result)
{
	struct zone_errand *work = errand->owner;
	struct held_zone *held = work->held;

	if (result == 0 && !held->zone) {
		held->zone = work->read;
		put_in_place(errand->registry, held);
		drop_idle(errand->registry);
	} else if (result) {
		free_held(held);
		held = NULL;
	}
	work->done(work->data, result == ZONE_FILE_E_NONE ? ZONES_E_NONE : result, held);
	free(work);
}

int zones_acquire(struct registry *registry, const char *name, zones_done_fn done, void *data)
{
	struct zone_errand *work = calloc(1, sizeof(*work));
	struct held_zone *held;

	if (!work)
		return -ENOMEM;
	held = find(registry, name ? name : "");
	if (held && clock_monotonic_ns() - held->read_ns > FRESH_NS)
		held = NULL;
	if (!held) {
		held = calloc(1, sizeof(*held));
		if (!held) {
			free(work);
			return -ENOMEM;
		}
		list_init(&held->link);
		(void)snprintf(held->name, sizeof(held->name), "%s", name ? name : "");
	}
	held->references++;
	*work = (struct zone_errand){ .held = held, .done = done, .data = data };
	work->errand.name = "zone";
	work->errand.done = on_done;
	work->errand.owner = work;
	if (held->zone) {
		errand_start_here(registry, &work->errand);
		return 0;
	}
	work->errand.run = run;
	errand_start(registry, &work->errand);
	return 0;
}

void zones_release(struct held_zone *zone)
{
	if (!zone)
		return;
	assert(zone->references > 0);
	/* One that a newer one has replaced is on no list. */
	if (--zone->references == 0 && list_is_empty(&zone->link))
		free_held(zone);
}

void zones_free_all(struct registry *registry)
{
	struct list *link;

	while ((link = list_first(&registry->zones)))
		free_held(container_of(link, struct held_zone, link));
}
