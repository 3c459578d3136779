/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_CONTEXT_FIELDS_H
#define FOREBAY_CLIENT_CONTEXT_FIELDS_H

/* Options of a command line as members of a Context. Pure, any thread. */

#include "proto/must_check.h"

struct cJSON;
struct options;

/*
 * Adds each option whose row names a field. Of an option given twice the last counts, but
 * labels add up. -EINVAL: a list of steps that is none. Otherwise -ENOMEM, -EILSEQ.
 */
int context_fields_add(const struct options *options, struct cJSON *object) must_check;

/* "gzip:6,unzstd" at the end of an array of steps. As above. */
int context_fields_add_steps(struct cJSON *steps, const char *text) must_check;

#endif
