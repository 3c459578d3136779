/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_TYPED_ARRAY_H
#define FOREBAY_TESTS_VECTORS_REPLAY_TYPED_ARRAY_H

/*
 * The cases of kind arraybuffer that are about typed arrays. Their rules are told in
 * replay_arraybuffer.c.
 */

#include "tests/vectors/replay.h"

struct cJSON;

struct replay_verdict replay_typed_array_new(const struct cJSON *entry);
struct replay_verdict replay_typed_array_store(const struct cJSON *entry);
struct replay_verdict replay_typed_array_from(const struct cJSON *entry);
struct replay_verdict replay_typed_array_sub(const struct cJSON *entry);
struct replay_verdict replay_typed_array_slice(const struct cJSON *entry);
struct replay_verdict replay_typed_array_fill(const struct cJSON *entry);
struct replay_verdict replay_typed_array_copy_within(const struct cJSON *entry);
struct replay_verdict replay_typed_array_set(const struct cJSON *entry);

#endif
