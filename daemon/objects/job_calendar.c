/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/job_calendar.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/calendar.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/refusal.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/zones.h"

struct job_calendar {
	struct errand errand;
	struct registry *registry;
	char *text;
	job_calendar_fn done;
	void *data;
	struct held_zone *own_zone;
	struct held_zone *named_zone; /* NULL: none is named, or there is none of that name */
	struct calendar *calendar;
	struct calendar_error error;
};

struct job_calendar *job_calendar_free(struct job_calendar *calendar)
{
	if (!calendar)
		return NULL;
	(void)calendar_free(calendar->calendar);
	zones_release(calendar->own_zone);
	zones_release(calendar->named_zone);
	free(calendar->text);
	free(calendar);
	return NULL;
}

const struct calendar *job_calendar_get(const struct job_calendar *calendar)
{
	return calendar ? calendar->calendar : NULL;
}

static void fail(struct job_calendar *calendar, int result, const struct refusal *refusal)
{
	job_calendar_fn done = calendar->done;
	void *data = calendar->data;

	job_calendar_free(calendar);
	done(data, result, NULL, refusal);
}

static int parse(struct errand *errand)
{
	struct job_calendar *calendar = errand->owner;
	const struct zone *named = calendar->named_zone ? calendar->named_zone->zone : NULL;

	return calendar_new(calendar->text, calendar->own_zone->zone, named, &calendar->calendar,
			    &calendar->error);
}

static void parsed(struct errand *errand, int result)
{
	struct job_calendar *calendar = errand->owner;
	struct refusal refusal;
	char reason[256];

	if (result == CALENDAR_E_SYNTAX) {
		if (calendar->error.position == CALENDAR_NOWHERE)
			(void)snprintf(reason, sizeof(reason), "%s", calendar->error.reason);
		else
			(void)snprintf(reason, sizeof(reason), "%s, at character %zu",
				       calendar->error.reason, calendar->error.position + 1);
		result = refuse_schedule(&refusal, "schedule.calendar", reason);
	}
	if (result)
		fail(calendar, result, &refusal);
	else
		calendar->done(calendar->data, 0, calendar, NULL);
}

static void start_parse(struct job_calendar *calendar)
{
	calendar->errand = (struct errand){
		.name = "calendar",
		.run = parse,
		.done = parsed,
		.owner = calendar,
	};
	errand_start(calendar->registry, &calendar->errand);
}

static void named_zone_read(void *data, int result, struct held_zone *zone)
{
	struct job_calendar *calendar = data;

	calendar->named_zone = zone;
	if (result < 0)
		fail(calendar, result, NULL);
	else
		start_parse(calendar);
}

static void own_zone_read(void *data, int result, struct held_zone *zone)
{
	struct job_calendar *calendar = data;
	const char *name = NULL;

	calendar->own_zone = zone;
	if (result == ZONES_E_NONE)
		result = -ENOENT;
	if (result == 0)
		name = calendar_zone_name(calendar->text, zone->zone);
	if (name)
		result = zones_acquire(calendar->registry, name, named_zone_read, calendar);
	if (result)
		fail(calendar, result, NULL);
	else if (!name)
		start_parse(calendar);
}

int job_calendar_make(struct registry *registry, const char *text, job_calendar_fn done, void *data)
{
	struct job_calendar *calendar = calloc(1, sizeof(*calendar));
	int r;

	if (!calendar)
		return -ENOMEM;
	calendar->registry = registry;
	calendar->done = done;
	calendar->data = data;
	calendar->text = strdup(text);
	r = calendar->text ? zones_acquire(registry, NULL, own_zone_read, calendar) : -ENOMEM;
	if (r < 0)
		job_calendar_free(calendar);
	return r;
}
