/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_BUFFER_NUMBERS_H
#define FOREBAY_TESTS_VECTORS_REPLAY_BUFFER_NUMBERS_H

/*
 * Those cases of kind buffer_ops that turn numbers into bytes or back.
 *
 *	B4	text that is no number is refused, where Node makes it 0
 *	B24	a value beyond its type wraps, as in a DataView, where Buffer refuses it; and there
 *		are no integers of 3, 5 or 6 bytes
 */

#include "tests/vectors/replay.h"

struct replay_verdict replay_buffer_numbers_from_array(const struct cJSON *entry);
struct replay_verdict replay_buffer_numbers_from_copy(const struct cJSON *entry);
struct replay_verdict replay_buffer_numbers_read(const struct cJSON *entry);
struct replay_verdict replay_buffer_numbers_to_json(const struct cJSON *entry);
struct replay_verdict replay_buffer_numbers_write(const struct cJSON *entry);

#endif
