/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_FOLLOW_H
#define FOREBAY_CLIENT_FOLLOW_H

/*
 * Methods that take their time and tell how far they are: {"progress":..,"currentBytes":..,
 * "totalBytes":..} until the last answer, with a bar on a terminal. There is no timeout: the
 * daemon keeps the time of what it does.
 */

#include "client/verbs.h"

struct cJSON;

/* Shows the last answer, for people. */
typedef enum verb_status (*follow_show_fn)(struct verb_call *call, const struct cJSON *answer);

/* With --json the last answer is a line as the daemon wrote it. A failure has been reported. */
enum verb_status follow_call(struct verb_call *call, const char *method, const char *parameters,
			     follow_show_fn show);

#endif
