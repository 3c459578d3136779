/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_NUMBERS_H
#define FOREBAY_TESTS_VECTORS_REPLAY_NUMBERS_H

/*
 * What the recorded cases of DataView and of typed arrays have in common: numbers, their types,
 * and positions. A number is set by its text and by its value, and both must do the same.
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/number.h"
#include "tests/vectors/replay.h"

struct cJSON;

/* What became of a number that was to be set. */
enum numbers_outcome {
	NUMBERS_SET,
	NUMBERS_REFUSED, /* no number for this type; nothing was written */
	NUMBERS_BROKEN,	 /* text and value do not agree; it has been complained about */
};

/* The named member's type. False: there is no such type. */
bool numbers_type(const struct cJSON *entry, const char *name, bool big_endian,
		  enum number_type *ret_type);

enum numbers_outcome numbers_set(const struct cJSON *entry, enum number_type type,
				 const struct cJSON *value, void *bytes);

/* False after a complaint: the number there is not the one expected. */
bool numbers_same(const struct cJSON *entry, enum number_type type, const void *bytes,
		  const struct cJSON *expected);

/*
 * A position from 0 to maximum, cut to an integer as JavaScript does; left out, it is the given
 * one. False: it is outside. Where only the cutting made it one, ret_rule is set to "A4".
 */
bool numbers_place(const struct cJSON *entry, const char *name, int64_t left_out, int64_t maximum,
		   int64_t *ret_place, const char **ret_rule);

/* "undefined" for a value that is not defined, else the rule. */
const char *numbers_value_rule(const struct cJSON *value, const char *rule);

#endif
