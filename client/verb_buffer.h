/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_VERB_BUFFER_H
#define FOREBAY_CLIENT_VERB_BUFFER_H

/* What the two files of the noun buffer share. */

#include "proto/must_check.h"

struct args;
struct options;

/* The options that Alloc and From share: pool, encoding, labels. 0 or a negative errno. */
int verb_buffer_add_common(const struct options *options, struct args *args) must_check;

#endif
