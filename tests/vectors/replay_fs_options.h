/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_FS_OPTIONS_H
#define FOREBAY_TESTS_VECTORS_REPLAY_FS_OPTIONS_H

/*
 * The options of a stream or a whole file in Node's words, as the flow and the engine want
 * them. Whether a number can be taken is asked of what the daemon takes its options with
 * (proto/args, core/stream_options); only the name of the refusal is Node's.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "proto/encoding.h"

struct cJSON;

enum fs_use {
	FS_USE_WRITE_STREAM,
	FS_USE_READ_STREAM,
	FS_USE_WRITE_FILE,
	FS_USE_APPEND_FILE,
	FS_USE_READ_FILE,
};

struct fs_options {
	int flags; /* of open(2); -1: no flags that Node knows */
	mode_t mode;
	bool has_start;
	uint64_t start;
	uint64_t end; /* of the last byte to be read; UINT64_MAX: all */
	uint64_t high_water_mark;
	bool auto_close;
	bool emit_close;
	bool flush;
	bool has_encoding;
	enum encoding encoding;
};

/* NULL, or the code with which Node refuses them. */
const char *fs_options_read(const struct cJSON *opts, enum fs_use use,
			    struct fs_options *ret_options);

#endif
