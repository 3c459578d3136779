/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/* Built in place of notify.c where there is no libsystemd: nobody is there. */

#include "daemon/io/notify.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

struct notify_barrier {
	struct event *event;
	void (*done)(void *owner, int result);
	void *owner;
};

bool notify_is_on(void)
{
	return false;
}

int notify_ready(const char *status)
{
	(void)status;
	return 0;
}

int notify_status(const char *status)
{
	(void)status;
	return 0;
}

int notify_reloading(const char *status)
{
	(void)status;
	return 0;
}

int notify_stopping(const char *status)
{
	(void)status;
	return 0;
}

int notify_errno(int error)
{
	(void)error;
	return 0;
}

int notify_extend_timeout(uint64_t usec)
{
	(void)usec;
	return 0;
}

int notify_watchdog(void)
{
	return 0;
}

uint64_t notify_watchdog_usec(void)
{
	return 0;
}

int notify_store(int fd, const char *name)
{
	(void)fd;
	(void)name;
	return 0;
}

int notify_unstore(const char *name)
{
	(void)name;
	return 0;
}

struct notify_barrier *notify_barrier_cancel(struct notify_barrier *barrier)
{
	if (!barrier)
		return NULL;
	if (barrier->event)
		event_free(barrier->event);
	free(barrier);
	return NULL;
}

static void on_barrier(evutil_socket_t fd, short what, void *argument)
{
	struct notify_barrier *barrier = argument;
	void (*done)(void *owner, int result) = barrier->done;
	void *owner = barrier->owner;

	(void)fd;
	(void)what;
	notify_barrier_cancel(barrier);
	done(owner, 0);
}

int notify_barrier(struct event_base *base, void (*done)(void *owner, int result), void *owner,
		   struct notify_barrier **ret_barrier)
{
	const struct timeval now = { 0 };
	struct notify_barrier *barrier = calloc(1, sizeof(*barrier));

	if (!barrier)
		return -ENOMEM;
	barrier->done = done;
	barrier->owner = owner;
	barrier->event = evtimer_new(base, on_barrier, barrier);
	if (!barrier->event || event_add(barrier->event, &now) < 0) {
		notify_barrier_cancel(barrier);
		return -ENOMEM;
	}
	*ret_barrier = barrier;
	return 0;
}

int notify_take_fds(char ***ret_names)
{
	(void)ret_names;
	return 0;
}
