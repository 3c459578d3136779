/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_BASE_CLEANUP_H
#define FOREBAY_BASE_CLEANUP_H

/*
 * Locals that clean up after themselves. On success the value is moved out with take_ptr()
 * or take_fd(), which leave NULL and -1 behind.
 */

#include <stdlib.h>

#include "daemon/base/fd.h"

static inline void cleanup_free_pointer(void *pointer)
{
	free(*(void **)pointer);
}

static inline void cleanup_close_fd(int *fd)
{
	fd_close(*fd);
}

#define cleanup_free __attribute__((cleanup(cleanup_free_pointer)))
#define cleanup_close __attribute__((cleanup(cleanup_close_fd)))

#define take_ptr(pointer)                                                                          \
	({                                                                                         \
		__typeof__(pointer) taken_ = (pointer);                                            \
		(pointer) = NULL;                                                                  \
		taken_;                                                                            \
	})

static inline int take_fd(int *fd)
{
	int taken = *fd;

	*fd = -1;
	return taken;
}

#endif
