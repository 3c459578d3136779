/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/labels.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void labels_init(struct labels *labels)
{
	*labels = (struct labels){ 0 };
}

void labels_fini(struct labels *labels)
{
	for (uint32_t i = 0; i < labels->count; i++) {
		free(labels->items[i].name);
		free(labels->items[i].value);
	}
	free(labels->items);
	labels_init(labels);
}

int labels_add(struct labels *labels, const char *name, const char *value)
{
	struct label *items;
	struct label label;

	if (labels->count == LABELS_MAX)
		return LABELS_E_FULL;
	items = reallocarray(labels->items, labels->count + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	labels->items = items;

	label = (struct label){ strdup(name), strdup(value) };
	if (!label.name || !label.value) {
		free(label.name);
		free(label.value);
		return -ENOMEM;
	}
	labels->items[labels->count++] = label;
	return 0;
}

void labels_move(struct labels *to, struct labels *from)
{
	*to = *from;
	labels_init(from);
}
