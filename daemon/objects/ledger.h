/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_LEDGER_H
#define FOREBAY_OBJECTS_LEDGER_H

/*
 * The one place through which everything passes that must outlive the process: descriptors
 * of memory and destinations, under a name, and (in the catalogue) the temporaries. Objects
 * tell the ledger before they tell the client.
 *
 * Without a descriptor store nothing outlives the process but the files; then keeping a
 * descriptor is only counting it. Loop thread only.
 */

#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/core/id_text.h"

struct catalogue_request;
struct registry;
struct stream;

/* What a descriptor is to its object: the last letter of its stored name. */
enum ledger_role {
	LEDGER_POOL_MEMORY = 'm',
	LEDGER_POOL_VERSIONS = 'v',
	LEDGER_RING = 'r',
	LEDGER_INLINE = 'i',
	LEDGER_DESTINATION = 'd',
	LEDGER_DIRECTORY = 'p',
};

struct ledger;

int must_check ledger_new(struct registry *registry, struct ledger **ret_ledger);
struct ledger *ledger_free(struct ledger *ledger);

/*
 * Keeps a descriptor of an object under a name of kind letter, id and role. Borrows the
 * descriptor. 0, or LEDGER_E_FULL: no more can be kept, refuse the object.
 */
#define LEDGER_E_FULL 1
int must_check ledger_keep(struct ledger *ledger, enum id_kind kind, uint64_t id,
			   enum ledger_role role, int fd);

/* All descriptors of the object; nothing happens where there are none. */
void ledger_forget(struct ledger *ledger, enum id_kind kind, uint64_t id);

/* The limit's name, for a refusal. */
#define LEDGER_LIMIT_NAME "storedDescriptorsTotal"

uint32_t ledger_count(const struct ledger *ledger);
uint32_t ledger_limit(const struct ledger *ledger);

#endif
