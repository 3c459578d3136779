/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_FS_FAULTS_H
#define FOREBAY_TESTS_VECTORS_REPLAY_FS_FAULTS_H

/* What is to go wrong in a case, for replay_fs_world.c; that header says how. */

#include <stdbool.h>

struct cJSON;
struct fault_plan;

/* False for a fault that cannot be committed here. */
bool fs_faults_read(const struct cJSON *list, struct fault_plan **ret_plan);

#endif
