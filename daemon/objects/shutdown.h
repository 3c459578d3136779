/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_SHUTDOWN_H
#define FOREBAY_OBJECTS_SHUTDOWN_H

/*
 * The orderly end: new work is refused, every stream is told to stop, and those with bytes in
 * hand get until a deadline to put them on the disk. As long as bytes move, the service
 * manager is asked for more time. What could not be saved is named, one line each.
 *
 * Loop thread only.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct registry;
struct shutdown;

/* `done` is called once, from the loop: `lost` streams did not come to their end. */
typedef void (*shutdown_done_fn)(void *data, uint32_t lost);

int must_check shutdown_new(struct registry *registry, shutdown_done_fn done, void *data,
			    struct shutdown **ret_shutdown);
struct shutdown *shutdown_free(struct shutdown *shutdown);

/*
 * Begins. Without `drain` streams are given up as their onDisconnect says, and only what is on
 * its way is waited for. timeout_usec 0: until all is done. Asked again, it can only become
 * shorter: the earlier deadline counts, and a drain can be turned into none.
 */
void shutdown_start(struct shutdown *shutdown, bool drain, uint64_t timeout_usec);

bool shutdown_is_under_way(const struct shutdown *shutdown);

#endif
