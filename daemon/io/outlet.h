/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_OUTLET_H
#define FOREBAY_IO_OUTLET_H

/*
 * Writes to a pipe or stream socket that a client passed, from the loop, without ever
 * waiting: the client shares the open file description and can clear O_NONBLOCK at any
 * moment, so nothing here relies on it. SIGPIPE must be ignored in this process (a pipe has no
 * MSG_NOSIGNAL). One thread.
 */

#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "daemon/base/err.h"

struct outlet;

/* Takes fd, also on failure: a pipe, FIFO or stream socket open for writing, else -EINVAL. */
int outlet_open(int fd, struct outlet **ret_outlet) must_check;
struct outlet *outlet_close(struct outlet *outlet);

/*
 * Bytes written, at least 1 (fewer than given is normal); -EAGAIN when it is full: wait for
 * EV_WRITE on outlet_fd(); -EPIPE and others when it is over.
 */
ssize_t outlet_write(struct outlet *outlet, const struct iovec *iov, uint32_t count) must_check;

/* For EV_WRITE, and for noticing that the other end is gone. Stays the outlet's. */
int outlet_fd(const struct outlet *outlet);

#endif
