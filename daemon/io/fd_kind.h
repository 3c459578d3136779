/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_FD_KIND_H
#define FOREBAY_IO_FD_KIND_H

/*
 * What a descriptor that a client passed is, looked at before anything else is done with it.
 * These
 * ask only for what the kernel has at hand, so they never wait, not even for a file system
 * whose server hangs. Any thread.
 */

#include <stdbool.h>

enum fd_kind {
	FD_KIND_REFUSED,	/* *ret_reason says why */
	FD_KIND_FILE,		/* a regular file or memfd */
	FD_KIND_PIPE,		/* a pipe or FIFO */
	FD_KIND_SOCKET,		/* a connected stream socket */
	FD_KIND_DIRECTORY,
};

/*
 * As a destination of bytes: FILE, PIPE or SOCKET, open for writing. The reason is a
 * constant, such as "not open for writing".
 */
enum fd_kind fd_kind_destination(int fd, const char **ret_reason);

/* As a source to be read with pread or mapped: FILE, open for reading. */
enum fd_kind fd_kind_source(int fd, const char **ret_reason);

/* As a source to be read from front to back: FILE, PIPE or SOCKET, open for reading. */
enum fd_kind fd_kind_flowing_source(int fd, const char **ret_reason);

/* As a place for paths: DIRECTORY, open for reading (so that it can be synced). */
enum fd_kind fd_kind_directory(int fd, const char **ret_reason);

/*
 * False for files that are switches of the kernel (/proc, /sys and their like): the client
 * may have been allowed to open them, but the write would be done with our rights. May wait:
 * call it from IO_RUN, before the first write to a FD_KIND_FILE.
 */
bool fd_kind_is_data(int fd);

#endif
