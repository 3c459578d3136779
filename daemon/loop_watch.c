/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include "daemon/loop_watch.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/epoll.h>

#include "daemon/io/clock.h"

static struct {
	bool on;
	pthread_t thread;
	uint64_t woke_ns; /* 0: it has not waited yet */
	uint64_t *longest_usec;
} watch;

void loop_watch_start(uint64_t *longest_usec)
{
	watch.thread = pthread_self();
	watch.woke_ns = 0;
	watch.longest_usec = longest_usec;
	watch.on = true;
}

void loop_watch_stop(void)
{
	watch.on = false;
}

static void note_return(void)
{
	uint64_t away_usec = (clock_monotonic_ns() - watch.woke_ns) / 1000;

	if (watch.woke_ns != 0 && away_usec > *watch.longest_usec)
		*watch.longest_usec = away_usec;
}

int epoll_wait(int epoll_fd, struct epoll_event *events, int count, int timeout)
{
	bool measured = watch.on && pthread_equal(pthread_self(), watch.thread);
	int n;

	if (measured)
		note_return();
	n = epoll_pwait(epoll_fd, events, count, timeout, NULL);
	if (measured)
		watch.woke_ns = clock_monotonic_ns();
	return n;
}
