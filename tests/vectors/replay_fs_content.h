/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_FS_CONTENT_H
#define FOREBAY_TESTS_VECTORS_REPLAY_FS_CONTENT_H

/* The bytes of kind fs_streams: what is there before, what is written, what is found after. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/encoding.h"

struct cJSON;

#define FS_BEFORE_MODE 0644

struct fs_bytes {
	unsigned char *bytes; /* the caller's to free */
	size_t count;
};

/* Of the file that is there first; none if it is not. */
struct fs_bytes fs_content_before(const struct cJSON *entry);

/* Of `n`, chunk number `number`; or of `str`, in `enc` or else in `encoding`. */
bool fs_content_chunk(const struct cJSON *op, unsigned int number, enum encoding encoding,
		      struct fs_bytes *ret_bytes);

/* The first digits of the sha256, as the vectors have it. */
#define FS_SHA_BYTES 17
void fs_content_sha(const void *bytes, size_t count, char sha[static FS_SHA_BYTES]);

/* The whole file, and its mode; false if it is not there. */
bool fs_content_read(int folder_fd, const char *path, struct fs_bytes *ret_bytes,
		     unsigned int *ret_mode);

/* `after` as the vectors tell it: {size, mode, sha} and, of a short one, hex; or null. */
struct cJSON *fs_content_tell(int folder_fd, const char *path, bool with_hex);

#endif
