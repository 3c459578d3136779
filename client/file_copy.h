/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_FILE_COPY_H
#define FOREBAY_CLIENT_FILE_COPY_H

/* Bytes from one descriptor to another, for forebayctl. May wait as long as they do. */

#include <stddef.h>

#include "proto/must_check.h"

/* Everything up to the end. A negative errno of either. */
int file_copy(int from_fd, int to_fd) must_check;

/* All of it, however often it takes. */
int file_write_all(int fd, const void *data, size_t bytes) must_check;

/* A file for reading; "-" and NULL are standard input, and must not be closed. */
int file_open_input(const char *path, int *ret_fd) must_check;
void file_close_input(int fd);

#endif
