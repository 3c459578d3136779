/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_BASE_FD_H
#define FOREBAY_BASE_FD_H

/* Small certainties about file descriptors. Any thread. */

/* Closes and returns -1, for `fd = fd_close(fd)`. Takes -1. errno is kept. */
int fd_close(int fd);

/* 0 or negative errno. */
int fd_set_nonblock(int fd);
int fd_set_cloexec(int fd);

/* A copy with close-on-exec set, never 0..2; negative errno. */
int fd_duplicate(int fd);

#endif
