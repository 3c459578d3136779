/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/ledger.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "daemon/core/id_map.h"
#include "daemon/objects/registry.h"

/* What is kept of one object. Ids are unique over all kinds. */
struct entry {
	enum id_kind kind;
	uint32_t count;
};

struct ledger {
	struct registry *registry;
	struct id_map entries;
	uint32_t count;
};

int ledger_new(struct registry *registry, struct ledger **ret_ledger)
{
	struct ledger *ledger = calloc(1, sizeof(*ledger));

	if (!ledger)
		return -ENOMEM;
	ledger->registry = registry;
	id_map_init(&ledger->entries);
	*ret_ledger = ledger;
	return 0;
}

struct ledger *ledger_free(struct ledger *ledger)
{
	if (!ledger)
		return NULL;
	assert(ledger->count == 0);
	id_map_fini(&ledger->entries);
	free(ledger);
	return NULL;
}

static int find_or_add(struct ledger *ledger, enum id_kind kind, uint64_t id,
		       struct entry **ret_entry)
{
	struct entry *entry = id_map_find(&ledger->entries, id);

	if (!entry) {
		if (id_map_reserve(&ledger->entries) < 0)
			return -ENOMEM;
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		entry->kind = kind;
		id_map_add(&ledger->entries, id, entry);
	}
	assert(entry->kind == kind);
	*ret_entry = entry;
	return 0;
}

int ledger_keep(struct ledger *ledger, enum id_kind kind, uint64_t id, enum ledger_role role,
		int fd)
{
	struct entry *entry;
	int r;

	(void)role;
	(void)fd;
	if (ledger->count >= ledger->registry->descriptor_limit)
		return LEDGER_E_FULL;
	r = find_or_add(ledger, kind, id, &entry);
	if (r < 0)
		return r;
	entry->count++;
	ledger->count++;
	return 0;
}

void ledger_forget(struct ledger *ledger, enum id_kind kind, uint64_t id)
{
	struct entry *entry = id_map_find(&ledger->entries, id);

	if (!entry || entry->kind != kind)
		return;
	ledger->count -= entry->count;
	id_map_remove(&ledger->entries, id);
	free(entry);
}

uint32_t ledger_count(const struct ledger *ledger)
{
	return ledger->count;
}

uint32_t ledger_limit(const struct ledger *ledger)
{
	return ledger->registry->descriptor_limit;
}
