/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_LABELS_H
#define FOREBAY_CORE_LABELS_H

/* The labels that a user hangs on an object: texts by name, kept as given and never read. */

#include <stdint.h>

#include "daemon/base/err.h"

struct label {
	char *name;
	char *value;
};

struct labels {
	struct label *items;
	uint32_t count;
};

#define LABELS_MAX 64

/* Outcome of labels_add(): there are LABELS_MAX already. */
#define LABELS_E_FULL 1

void labels_init(struct labels *labels);
void labels_fini(struct labels *labels);

/* Copies both texts. 0, LABELS_E_FULL or -ENOMEM. */
int must_check labels_add(struct labels *labels, const char *name, const char *value);

/* Moves all of `from` to `to`, which must be empty. */
void labels_move(struct labels *to, struct labels *from);

#endif
