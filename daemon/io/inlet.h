/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_INLET_H
#define FOREBAY_IO_INLET_H

/*
 * Reads from a pipe or stream socket that a client passed, from the loop, without ever
 * waiting: the client shares the open file description and can clear O_NONBLOCK at any
 * moment, so nothing here relies on it. One thread.
 */

#include <stddef.h>
#include <sys/types.h>

#include "daemon/base/err.h"

struct inlet;

/* Takes fd, also on failure: a pipe, FIFO or stream socket open for reading, else -EINVAL. */
int inlet_open(int fd, struct inlet **ret_inlet) must_check;
struct inlet *inlet_close(struct inlet *inlet);

/*
 * Bytes read, at least 1; 0 at the end; -EAGAIN when there are none yet: wait for EV_READ on
 * inlet_fd(); -ECONNRESET and others when it is over. `length` is not 0.
 */
ssize_t inlet_read(struct inlet *inlet, void *bytes, size_t length) must_check;

/* For EV_READ. Stays the inlet's. */
int inlet_fd(const struct inlet *inlet);

#endif
