/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_CONTEXT_JOIN_H
#define FOREBAY_CLIENT_CONTEXT_JOIN_H

/* A Context of which a part is the library's and a part is the caller's JSON text. Pure. */

#include "proto/must_check.h"

struct args;
struct cJSON;

/*
 * Both in one, the caller's to cJSON_Delete(); members may be NULL. The text goes in as it is, so
 * that no number changes on the way; the daemon refuses what is named in both. Empties the
 * writer. -EINVAL: members is no JSON object.
 */
int context_join(struct args *own, const char *members, struct cJSON **ret_context) must_check;

#endif
