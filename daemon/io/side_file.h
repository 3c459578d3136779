/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_SIDE_FILE_H
#define FOREBAY_IO_SIDE_FILE_H

/*
 * NAME.sha256 beside NAME: one line that `sha256sum -c` understands. It is taken away before
 * NAME is replaced and appears whole after that, so a crash may leave none, but never one that
 * speaks of another content.
 *
 * Names are single components in `dir_fd`. All of these may wait: call them from IO_RUN. The
 * directory is not synced here. 0 or negative errno.
 */

#include <limits.h>

#include "daemon/base/err.h"

#define SIDE_FILE_SUFFIX ".sha256"

/* The name of one more than this would be too long for a file. */
#define SIDE_FILE_NAME_MAX (NAME_MAX - (int)sizeof(SIDE_FILE_SUFFIX) + 1)

/* -EEXIST if there is one, or anything else of that name. */
int side_file_check_free(int dir_fd, const char *name) must_check;

/* One that is not there is no error. */
int side_file_remove(int dir_fd, const char *name) must_check;

/*
 * Writes and syncs it, with the owner and the permissions of the open file `like_fd`. `hex` is
 * the digest. -EEXIST if somebody has made one meanwhile.
 */
int side_file_make(int dir_fd, const char *name, int like_fd, const char *hex) must_check;

#endif
