/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_PATH_RULE_H
#define FOREBAY_CORE_PATH_RULE_H

/*
 * What a relative path from a client may look like, before any file system sees it. The
 * kernel keeps it beneath its root; this keeps out what the kernel would allow and nobody
 * wants: "..", names that cannot be printed in one line, our own temporary names.
 */

#include <stdbool.h>
#include <stddef.h>

/* Room is left for a suffix such as ".partial", and for the root in front. */
#define PATH_RULE_BYTES_MAX 3072
#define PATH_RULE_COMPONENT_BYTES_MAX 255

/* Names that begin so are ours. */
#define PATH_RULE_RESERVED ".forebay-"

/* False with *ret_reason, a constant text, for a path that is refused. */
bool path_check(const char *path, const char **ret_reason);

/* The last component; points into `path`, which path_check() has accepted. */
const char *path_base_name(const char *path);

/* Bytes of the directory part, without the last slash; 0 if there is none. */
size_t path_directory_length(const char *path);

#endif
