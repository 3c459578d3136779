/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_FILE_H
#define FOREBAY_IO_FILE_H

/*
 * What is done to a regular file that is open. All of these may wait for a disk: call them
 * from IO_RUN.
 */

#include <stdint.h>

#include "daemon/base/err.h"

/* Memory, offset and length of direct writes are multiples of this; every disk can do it. */
#define FILE_DIRECT_ALIGNMENT_BYTES 4096

enum file_outcome {
	FILE_E_LOCKED = 1,
};

struct file_facts {
	uint64_t device; /* st_dev */
	uint64_t inode;
	uint64_t size;
	uint64_t links;
};

int file_get_facts(int fd, struct file_facts *ret_facts) must_check;

/*
 * The absolute path, free of links, of what is open; with `name`, of what has that name in the
 * open directory. The caller's to free().
 */
int file_get_path(int fd, const char *name, char **ret_path) must_check;

/*
 * A write lock on the whole file that belongs to this open file description: it goes when
 * its last descriptor is closed, also that of a daemon that died. FILE_E_LOCKED if somebody
 * else has one.
 */
int file_lock_exclusive(int fd) must_check;
/* Gives the lock back before that; nothing happens where there is none. */
void file_unlock(int fd);

/*
 * The same file through a descriptor of its own, for writing, with `flags` (O_DIRECT or 0).
 * Whoever else has the old one cannot change flags or position of the new one. -EINVAL where
 * the file system has no O_DIRECT, -EACCES where this process may not open it itself.
 */
int file_reopen(int fd, int flags, int *ret_fd) must_check;

/*
 * The same with O_DIRECT, for writes aligned to FILE_DIRECT_ALIGNMENT_BYTES. -EINVAL also
 * where such writes would pass by no cache: a file system that is itself memory.
 */
int file_reopen_direct(int fd, int *ret_fd) must_check;

/*
 * The file reaches to offset + length at least, and what is new of it is reserved; until it is
 * written it counts as a hole. -EOPNOTSUPP where reserved and written cannot be told apart, or
 * where zeros that were written may count as a hole.
 */
int file_extend(int fd, uint64_t offset, uint64_t length) must_check;
/* To `length`; what is reserved behind it is given back. */
int file_cut(int fd, uint64_t length) must_check;
/* At the first hole, where file_extend() can be: what was written without a gap ends there. */
int file_cut_at_hole(int fd, uint64_t *ret_length) must_check;

/*
 * Has the page cache forget this file, so that what comes next is read from the disk; dirty
 * pages are written first. A page in use elsewhere stays. Errors tell nothing here.
 */
void file_drop_pages(int fd);
/* The same for whole pages of a range, of which dirty ones stay. */
void file_drop_range(int fd, uint64_t offset, uint64_t length);

#endif
