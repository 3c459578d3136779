/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_SIGBUS_H
#define FOREBAY_IO_SIGBUS_H

/*
 * Survives the loss of a page under a mapping that clients share: the page is replaced by
 * private zeros, the mapping is marked, and whoever owns it looks at the mark and fails that
 * pool or stream. Seals make this impossible in theory; a machine without memory to fault a
 * punched page back in is the practice. A SIGBUS at any other address ends the process as if
 * nobody had caught it.
 *
 * sigbus_watch() and sigbus_unwatch() on the loop thread; the fault may be on any thread.
 */

#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/err.h"

#define SIGBUS_WATCHES_MAX 16384

/* Zeroed means that nothing is watched. */
struct sigbus_watch {
	unsigned int slot;	/* index + 1 */
};

/* Once, at start. */
int sigbus_install(void) must_check;

/* -ENOSPC when SIGBUS_WATCHES_MAX are watched. */
int sigbus_watch(void *address, size_t length, struct sigbus_watch *ret_watch) must_check;

/* Before the mapping is unmapped. Takes one that watches nothing. */
void sigbus_unwatch(struct sigbus_watch *watch);

/* Whether a page was lost since sigbus_watch(). */
bool sigbus_was_hit(const struct sigbus_watch *watch);

#endif
