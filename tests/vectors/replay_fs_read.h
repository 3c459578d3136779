/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_FS_READ_H
#define FOREBAY_TESTS_VECTORS_REPLAY_FS_READ_H

/* The cases that read: a stream through the daemon's read flow, and a whole file. */

#include <stdbool.h>

struct cJSON;
struct fs_options;
struct fs_world;

/* Whether it came out as `got` says. */
bool fs_read_stream(const struct cJSON *entry, struct fs_world *world,
		    const struct fs_options *options);
bool fs_read_file(const struct cJSON *entry, struct fs_world *world,
		  const struct fs_options *options);

#endif
