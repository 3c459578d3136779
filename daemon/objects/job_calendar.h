/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_JOB_CALENDAR_H
#define FOREBAY_OBJECTS_JOB_CALENDAR_H

/*
 * A calendar expression with the time zones that it borrows: the daemon's own, and the one
 * that it names. Reading those may wait, so it comes later. Loop thread only.
 */

#include "daemon/base/err.h"

struct calendar;
struct job_calendar;
struct refusal;
struct registry;

/* 0 with the calendar, the callback's; REFUSED with BAD_SCHEDULE; negative errno. */
typedef void (*job_calendar_fn)(void *data, int result, struct job_calendar *calendar,
				const struct refusal *refusal);

/* The text is copied. `done` is called later if this returns 0. */
int must_check job_calendar_make(struct registry *registry, const char *text, job_calendar_fn done,
				 void *data);
/* Takes NULL; returns NULL. */
struct job_calendar *job_calendar_free(struct job_calendar *calendar);

/* NULL for NULL. */
const struct calendar *job_calendar_get(const struct job_calendar *calendar);

#endif
