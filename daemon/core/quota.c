/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/quota.h"

#include <assert.h>

#define NAME_ROW(name, text) text,

static const char *const names[] = { QUOTA_LIST(NAME_ROW) };

int quota_take(struct quota *quota, const struct quota_limits *limits, enum quota_kind kind,
	       uint64_t amount)
{
	uint64_t used = quota->used[kind];
	uint64_t maximum = limits->maximum[kind];

	/* A reload may have lowered the limit below what is held. */
	if (used > maximum || amount > maximum - used)
		return QUOTA_E_EXCEEDED;
	quota->used[kind] = used + amount;
	return 0;
}

void quota_give(struct quota *quota, enum quota_kind kind, uint64_t amount)
{
	assert(quota->used[kind] >= amount);
	quota->used[kind] -= amount;
}

const char *quota_name(enum quota_kind kind)
{
	return names[kind];
}
