/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include "daemon/watchdog.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

#include <event2/event.h>

#include "daemon/io/io_engine.h"
#include "daemon/io/notify.h"

struct watchdog {
	struct io_engine *engine;
	struct event *timer;
	uint64_t progress;
};

static void on_timer(int fd, short what, void *owner)
{
	struct watchdog *watchdog = owner;
	uint64_t progress = engine_progress(watchdog->engine);

	(void)fd;
	(void)what;
	if (engine_pending(watchdog->engine) == 0 || progress != watchdog->progress)
		(void)notify_watchdog();
	watchdog->progress = progress;
}

int watchdog_new(struct event_base *base, struct io_engine *engine, struct watchdog **ret_watchdog)
{
	uint64_t usec = notify_watchdog_usec() / 2;
	const struct timeval interval = {
		.tv_sec = (time_t)(usec / 1000000),
		.tv_usec = (suseconds_t)(usec % 1000000),
	};
	struct watchdog *watchdog;

	*ret_watchdog = NULL;
	if (usec == 0)
		return 0;
	watchdog = calloc(1, sizeof(*watchdog));
	if (!watchdog)
		return -ENOMEM;
	watchdog->engine = engine;
	watchdog->timer = event_new(base, -1, EV_PERSIST, on_timer, watchdog);
	if (!watchdog->timer || event_add(watchdog->timer, &interval) < 0) {
		watchdog_free(watchdog);
		return -ENOMEM;
	}
	*ret_watchdog = watchdog;
	return 0;
}

struct watchdog *watchdog_free(struct watchdog *watchdog)
{
	if (!watchdog)
		return NULL;
	if (watchdog->timer)
		event_free(watchdog->timer);
	free(watchdog);
	return NULL;
}
