/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_STATE_DIRECTORY_H
#define FOREBAY_STATE_DIRECTORY_H

/*
 * Where the daemon keeps what it must know after a crash: a lock, so that there is one daemon
 * over one state, and the catalogue. At start; waits for the disk.
 */

#include "daemon/base/err.h"

struct catalogue;
struct event_base;

/*
 * Makes the directory where it is missing. -EADDRINUSE: another daemon has it. The lock is
 * held until *ret_lock_fd, the caller's, is closed.
 */
int state_directory_open(struct event_base *base, const char *path, int *ret_lock_fd,
			 struct catalogue **ret_catalogue) must_check;

#endif
