/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_MEMFD_H
#define FOREBAY_IO_MEMFD_H

/*
 * Shared memory: made, sealed and mapped. All of it is allocated at once, so that nothing
 * can be missing later; that takes time in proportion to the size, and so do mapping with
 * MEMFD_MAP_POPULATE and unmapping: above 256 KiB call these from a worker (IO_RUN).
 * Any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

enum memfd_flags {
	MEMFD_UNSEALED = 1,	/* for ourselves only: may grow */
	MEMFD_HUGE = 2,		/* ask for transparent huge pages, sysfs or not; no promise */
};

enum memfd_map_flags {
	MEMFD_MAP_READ_ONLY = 1,
	MEMFD_MAP_HUGE = 2,	/* ask for transparent huge pages; no promise */
	MEMFD_MAP_POPULATE = 4,	/* have the page tables filled now */
};

enum memfd_outcome {
	MEMFD_E_FOREIGN = 1,	/* not one that memfd_make() made, or not of that size */
};

struct mapping {
	unsigned char *bytes;	/* NULL when not mapped */
	size_t length;
};

/*
 * A memfd of `size` bytes, zeroed and allocated, mode 0600, sealed SHRINK, GROW and SEAL:
 * whoever gets it can neither cut it nor seal it against us. -ENOMEM, -ENOSPC, -EMFILE, ...
 * The caller has a budget: asked for more than there is, the kernel does not fail, it kills.
 */
int memfd_make(const char *name, uint64_t size, unsigned int flags, int *ret_fd) must_check;

/*
 * The same, but beyond its first `ready` bytes nothing is allocated yet; memfd_fill() does that.
 * Not where the machine counts promised memory strictly: there all of it is ready.
 */
int memfd_make_ahead(const char *name, uint64_t size, uint64_t ready, int *ret_fd) must_check;

/*
 * Allocates and zeroes a part of such a one, in huge pages where that can be, from a multiple
 * of MEMFD_FILL_BYTES on; what is there already stays. Whoever touches it before makes do with
 * small pages. Takes a few milliseconds.
 */
#define MEMFD_FILL_BYTES (UINT64_C(8) * 1024 * 1024)
int memfd_fill(int fd, uint64_t offset, uint64_t bytes) must_check;

/* Of an unsealed one: allocates up to `size`, never shrinks. */
int memfd_grow(int fd, uint64_t size) must_check;

int memfd_map(int fd, size_t size, unsigned int flags, struct mapping *ret_mapping) must_check;

/*
 * For a ring: `header` bytes, then `data` bytes twice in a row, so that any range of up to
 * `data` bytes is in one piece. Both are multiples of the page size. Placed so that one entry
 * of the page tables can map a huge page of it.
 */
int memfd_map_twice(int fd, size_t header, size_t data, struct mapping *ret_mapping) must_check;

void memfd_unmap(struct mapping *mapping);

/* Whether a descriptor from elsewhere may be mapped: nobody can cut it under our feet. */
bool memfd_cannot_shrink(int fd);

/* After a restart: is this one of ours, of this size? 0 or MEMFD_E_FOREIGN. */
int memfd_check(int fd, uint64_t size) must_check;

/* A descriptor of the same memory that cannot be written or mapped for writing. */
int memfd_reopen_read_only(int fd, int *ret_fd) must_check;

#endif
