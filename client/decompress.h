/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_DECOMPRESS_H
#define FOREBAY_CLIENT_DECOMPRESS_H

/*
 * From one descriptor to another, with gzip or zstd compression undone: what it is, the first
 * bytes tell, and what is neither goes through as it is. Members and frames may follow one
 * another. Compression within compression is undone once. May wait as long as the descriptors
 * do; holds up to 128 MiB, if a zstd frame asks for that much.
 */

#include "proto/must_check.h"

enum decompress_outcome {
	/* What is there is no gzip and no zstd, though it began as such, or its check fails. */
	DECOMPRESS_E_DAMAGED = 1,
	/* The end came in the middle of a member or frame. All before it was given out. */
	DECOMPRESS_E_CUT_SHORT,
};

/* 0, an outcome, or a negative errno of either descriptor; -ENOMEM. */
int decompress_copy(int from_fd, int to_fd) must_check;

/* What its first bytes ask for: "gunzip", "unzstd", or NULL. 0, or negative errno. */
int decompress_find_step(int file_fd, const char **ret_step) must_check;

/* A sentence without its point. */
const char *decompress_outcome_text(enum decompress_outcome outcome);

#endif
