/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_NOTIFY_H
#define FOREBAY_IO_NOTIFY_H

/*
 * What goes between us and the service manager. Where there is none ($NOTIFY_SOCKET is not
 * set, or built without libsystemd: notify_null.c) everything here does nothing and says so.
 * Messages are datagrams to the manager's socket. Loop thread.
 *
 * Results: 1 sent, 0 nobody to send to, negative errno.
 */

#include <stdbool.h>
#include <stdint.h>

struct event_base;
struct notify_barrier;

bool notify_is_on(void);

int notify_ready(const char *status);
int notify_status(const char *status);
int notify_reloading(const char *status);
int notify_stopping(const char *status);
int notify_errno(int error);
int notify_extend_timeout(uint64_t usec);
int notify_watchdog(void);

/* How often the manager wants notify_watchdog(); 0 for never. Take half of it. */
uint64_t notify_watchdog_usec(void);

/*
 * The descriptor store. The manager takes copies, and says nothing if it is full. `name` is
 * ASCII without a colon. Takes no fd.
 */
int notify_store(int fd, const char *name);
int notify_unstore(const char *name);

/*
 * Calls `done` from the loop once the manager has read everything sent before: 0, or
 * -ETIMEDOUT, or at once (but not inside the call) where nobody is there, with 0 as well:
 * notify_is_on() tells. Returns 0 or negative errno.
 */
int notify_barrier(struct event_base *base, void (*done)(void *owner, int result), void *owner,
		   struct notify_barrier **ret_barrier);
/* Drops it without a call. Takes NULL. Not after `done` was called, which frees it. */
struct notify_barrier *notify_barrier_cancel(struct notify_barrier *barrier);

/*
 * Descriptors we were started with, from 3 on: their count, and with a count above 0 a list
 * of as many names, each and the list to be freed. The environment's part in it is removed.
 */
int notify_take_fds(char ***ret_names);

#endif
