/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_WATCHDOG_H
#define FOREBAY_WATCHDOG_H

/*
 * Tells the service manager that we are alive, where it wants to know: from the loop, so the
 * loop goes round, and only if the engine has moved since the last time or has nothing to do.
 */

#include "daemon/base/err.h"

struct event_base;
struct io_engine;
struct watchdog;

/* *ret_watchdog is NULL where nobody wants to know. */
int must_check watchdog_new(struct event_base *base, struct io_engine *engine,
			    struct watchdog **ret_watchdog);
struct watchdog *watchdog_free(struct watchdog *watchdog);

#endif
