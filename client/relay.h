/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_RELAY_H
#define FOREBAY_CLIENT_RELAY_H

/*
 * Devices, as a terminal, which the daemon takes from nobody: a process of our own copies between
 * them and a pipe, which it does take.
 */

#include <stdbool.h>
#include <sys/types.h>

#include "proto/must_check.h"

/* A descriptor that needs this. */
bool relay_is_needed(int fd);

/*
 * Starts the process; the pipe's other end is the caller's to pass and to close. fd stays as it
 * is. A negative errno.
 */
int relay_start_source(int fd, pid_t *ret_pid, int *ret_pipe_fd) must_check;
int relay_start_sink(int fd, pid_t *ret_pid, int *ret_pipe_fd) must_check;

/* A source: it is read no further. */
void relay_stop(pid_t pid);

/* A sink: until all that is in the pipe was copied. A negative errno of the writing. */
int relay_wait(pid_t pid) must_check;

#endif
