/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/timekeeper.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/base/fd.h"
#include "daemon/base/log.h"

#define NS_PER_SEC UINT64_C(1000000000)

/* The latest that a timer can be set to everywhere: what lies behind it is looked at then. */
#define LATEST_SECONDS INT32_MAX

struct timekeeper {
	struct timekeeper_owner owner;
	int due_fd;   /* CLOCK_BOOTTIME */
	int watch_fd; /* CLOCK_REALTIME, cancelled by whoever sets the clock */
	struct event *due_event;
	struct event *watch_event;
};

static void on_due(evutil_socket_t fd, short what, void *data)
{
	struct timekeeper *timekeeper = data;
	uint64_t count;

	(void)what;
	if (read(fd, &count, sizeof(count)) == (ssize_t)sizeof(count))
		timekeeper->owner.due(timekeeper->owner.data);
}

static int watch_clock(struct timekeeper *timekeeper)
{
	const struct itimerspec far = { .it_value.tv_sec = LATEST_SECONDS };

	return timerfd_settime(timekeeper->watch_fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET,
			       &far, NULL) < 0 ?
		       -errno :
		       0;
}

static void on_watch(evutil_socket_t fd, short what, void *data)
{
	struct timekeeper *timekeeper = data;
	uint64_t count;
	int r = 0;

	(void)what;
	if (read(fd, &count, sizeof(count)) < 0 && errno == ECANCELED) {
		r = watch_clock(timekeeper);
		/* To set it may itself be told that the clock was set. */
		if (r == -ECANCELED)
			r = watch_clock(timekeeper);
		timekeeper->owner.clock_set(timekeeper->owner.data);
	}
	if (r < 0)
		log_warning("timekeeper", "the wall clock is not watched", "errno=%s", err_name(r));
}

static int open_timers(struct timekeeper *timekeeper, struct event_base *base)
{
	timekeeper->due_fd = timerfd_create(CLOCK_BOOTTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (timekeeper->due_fd < 0)
		return -errno;
	timekeeper->watch_fd = timerfd_create(CLOCK_REALTIME, TFD_NONBLOCK | TFD_CLOEXEC);
	if (timekeeper->watch_fd < 0)
		return -errno;
	timekeeper->due_event =
		event_new(base, timekeeper->due_fd, EV_READ | EV_PERSIST, on_due, timekeeper);
	timekeeper->watch_event =
		event_new(base, timekeeper->watch_fd, EV_READ | EV_PERSIST, on_watch, timekeeper);
	if (!timekeeper->due_event || !timekeeper->watch_event ||
	    event_add(timekeeper->due_event, NULL) < 0 ||
	    event_add(timekeeper->watch_event, NULL) < 0)
		return -ENOMEM;
	return watch_clock(timekeeper);
}

int timekeeper_new(struct event_base *base, const struct timekeeper_owner *owner,
		   struct timekeeper **ret_timekeeper)
{
	struct timekeeper *timekeeper = calloc(1, sizeof(*timekeeper));
	int r;

	if (!timekeeper)
		return -ENOMEM;
	timekeeper->owner = *owner;
	timekeeper->due_fd = -1;
	timekeeper->watch_fd = -1;
	r = open_timers(timekeeper, base);
	if (r < 0) {
		timekeeper_free(timekeeper);
		return r;
	}
	*ret_timekeeper = timekeeper;
	return 0;
}

struct timekeeper *timekeeper_free(struct timekeeper *timekeeper)
{
	if (!timekeeper)
		return NULL;
	if (timekeeper->due_event)
		event_free(timekeeper->due_event);
	if (timekeeper->watch_event)
		event_free(timekeeper->watch_event);
	fd_close(timekeeper->due_fd);
	fd_close(timekeeper->watch_fd);
	free(timekeeper);
	return NULL;
}

void timekeeper_set(struct timekeeper *timekeeper, uint64_t boot_ns)
{
	uint64_t seconds = boot_ns / NS_PER_SEC;
	struct itimerspec when = { 0 };

	/* All zero would stand for no time. */
	if (boot_ns != TIMEKEEPER_NEVER) {
		when.it_value.tv_sec = seconds > LATEST_SECONDS ? LATEST_SECONDS : (time_t)seconds;
		when.it_value.tv_nsec = (long)(boot_ns % NS_PER_SEC) + (boot_ns == 0);
	}
	if (timerfd_settime(timekeeper->due_fd, TFD_TIMER_ABSTIME, &when, NULL) < 0)
		log_error("timekeeper", "no time can be set", "errno=%s", err_name(-errno));
}
