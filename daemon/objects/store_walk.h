/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_STORE_WALK_H
#define FOREBAY_OBJECTS_STORE_WALK_H

/*
 * The files beneath a directory. For worker threads: it may take long. Names that no client
 * could name (temporaries, control characters, text that is not UTF-8) are left out, and so
 * is all that is not a regular file; links are not followed.
 */

#include <stddef.h>

#include "daemon/base/err.h"

struct store_file;

struct store_files {
	struct store_file *list;
	size_t count;
	size_t capacity;
};

/* Bounds, so that a tree without end does not take all memory. Beyond them: -EOVERFLOW. */
#define STORE_WALK_FILES_MAX 1000000
#define STORE_WALK_DEPTH_MAX 64

/*
 * Adds those whose path begins with `prefix`, sorted by path. On failure `io_files` holds what
 * was found until then; the caller frees it in any case.
 */
int must_check store_walk(int root_fd, const char *prefix, struct store_files *io_files);
void store_files_fini(struct store_files *files);

#endif
