/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_FS_MAPPING_H
#define FOREBAY_TESTS_VECTORS_REPLAY_FS_MAPPING_H

/*
 * What the one rule that a case has met (replay_fs_touch.h) makes of Node's answer: what is
 * demanded instead, as an answer. Where several were met, and with those of late writes, it
 * stays as it is.
 */

struct cJSON;
struct fs_write;

/* `got` is a copy of Node's. */
void fs_mapping_apply(const struct fs_write *run, struct cJSON *got);

#endif
