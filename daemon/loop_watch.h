/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_LOOP_WATCH_H
#define FOREBAY_LOOP_WATCH_H

/*
 * How long the event loop was away: the time from its return from waiting to its next wait.
 * libevent 2.1 has no hook there and keeps its epoll descriptor to itself, so this file
 * defines epoll_wait(), which libevent then calls in place of the C library's: the same
 * system call with the clock read before and after. Only the thread that started the watch is
 * measured.
 */

#include <stdint.h>

/* Once, on the loop's thread. `longest_usec` is only ever made larger here. */
void loop_watch_start(uint64_t *longest_usec);

/* Before `longest_usec` goes. */
void loop_watch_stop(void);

#endif
