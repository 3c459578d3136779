/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/sync_rule.h"

uint64_t sync_rule_limit(uint64_t ring_bytes, bool held_until_synced)
{
	uint64_t quarter = ring_bytes / 4;

	/* With ack written the ring does not wait for syncs, so its size does not matter. */
	if (ring_bytes == 0 || !held_until_synced || quarter > SYNC_RULE_BYTES_MAX)
		return SYNC_RULE_BYTES_MAX;
	return quarter;
}

bool sync_rule_is_due(const struct sync_facts *facts, uint64_t *ret_due_ns)
{
	*ret_due_ns = UINT64_MAX;
	if (facts->unsynced_bytes == 0)
		return false;
	if (facts->waited_for || facts->unsynced_bytes >= facts->limit_bytes)
		return true;
	if (facts->now_ns - facts->oldest_ns >= facts->interval_ns)
		return true;
	*ret_due_ns = facts->oldest_ns + facts->interval_ns;
	return false;
}
