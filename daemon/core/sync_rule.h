/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_SYNC_RULE_H
#define FOREBAY_CORE_SYNC_RULE_H

/*
 * When a stream's written bytes are synced: at once if somebody waits for it, when enough has
 * gathered, or when the oldest of them has waited for the sync interval. So a mark of one byte
 * works, and a slow logger is safe within a second.
 */

#include <stdbool.h>
#include <stdint.h>

#define SYNC_RULE_BYTES_MAX (UINT64_C(64) * 1024 * 1024)

struct sync_facts {
	uint64_t unsynced_bytes; /* written and not covered by a sync that has begun */
	uint64_t limit_bytes;	 /* sync_rule_limit() */
	uint64_t oldest_ns;	 /* when the first of them was written */
	uint64_t now_ns;
	uint64_t interval_ns;
	bool waited_for; /* by a due drain, a Wait, an End or a full ring */
};

/* How much may gather: a quarter of the ring (it holds bytes until they are synced), 64 MiB. */
uint64_t sync_rule_limit(uint64_t ring_bytes, bool held_until_synced);

/* True: begin one now. False with *ret_due_ns: look again then; UINT64_MAX: no need to. */
bool sync_rule_is_due(const struct sync_facts *facts, uint64_t *ret_due_ns);

#endif
