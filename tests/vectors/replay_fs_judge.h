/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_FS_JUDGE_H
#define FOREBAY_TESTS_VECTORS_REPLAY_FS_JUDGE_H

/* Holds what came of a case against Node's answer. What is wrong is told by a complaint. */

#include <stdbool.h>

struct cJSON;
struct fs_write;

/* Complains, with the case, if they are not equal. */
bool fs_judge_same(const struct cJSON *entry, const char *what, const struct cJSON *expected,
		   const struct cJSON *got);

/* A write stream that is over: the whole of Node's answer, as far as its rules are kept. */
bool fs_judge_write(const struct fs_write *run);

/*
 * What holds of every write stream, with the file looked at and not Node's answer: the bytes
 * that were counted as written are in the file, in order and each at its place, those of every
 * write that was answered well are among them, and nothing else of the file has changed.
 */
bool fs_judge_always(const struct fs_write *run);

#endif
