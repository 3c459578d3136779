/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_DEADLINE_H
#define FOREBAY_CLIENT_DEADLINE_H

/*
 * Waiting with an end. A deadline is a point of the monotonic clock in nanoseconds;
 * DEADLINE_NEVER has no end. Any thread.
 */

#include <stdint.h>

#include "proto/must_check.h"

struct pollfd;

#define DEADLINE_NEVER UINT64_MAX

uint64_t deadline_now_ns(void);

/* timeout_usec from now; FOREBAY_FOREVER gives DEADLINE_NEVER. */
uint64_t deadline_after(uint64_t timeout_usec);

/*
 * poll() that goes on after a signal. 0: something is ready. -ETIMEDOUT, or poll's errno.
 * With a deadline in the past it looks once.
 */
int deadline_poll(struct pollfd *fds, unsigned int count, uint64_t deadline_ns) must_check;

#endif
