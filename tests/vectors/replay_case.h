/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_CASE_H
#define FOREBAY_TESTS_VECTORS_REPLAY_CASE_H

/* What the kinds that replay traces of streams share: members, errors, comparing logs. */

#include <stdbool.h>

struct cJSON;

/* NULL, 0, false for a member that is not there, or of another type. */
const char *case_text(const struct cJSON *object, const char *name);
int case_number(const struct cJSON *object, const char *name);
bool case_truth(const struct cJSON *object, const char *name);
bool case_has(const struct cJSON *object, const char *name);

/* NULL equals no text. */
bool case_is(const char *text, const char *other);

#define CASE_ERRORS_MAX 64

/* A scenario's own errors, as the flow's negative ones: -1 - index. */
struct case_errors {
	const char *names[CASE_ERRORS_MAX];
	int count;
};

/* The number of this error, which becomes one if it is new; 0 for none (NULL). */
int case_error_number(struct case_errors *errors, const char *name);

/* As Node says it; "" for none. */
const char *case_error_name(const struct case_errors *errors, int error);

/* Adds the error by its name, or null for none. */
void case_add_error(const struct case_errors *errors, struct cJSON *object, const char *name,
		    int error);

/* Complains if they are not equal. */
bool case_same(const struct cJSON *scenario, int turn, const char *what,
	       const struct cJSON *expected, const struct cJSON *got);

/* The first `count` entries of both logs; -1: all. Stops at the first that differs. */
bool case_same_log(const struct cJSON *scenario, int turn, const struct cJSON *expected,
		   const struct cJSON *got, int count);

#endif
