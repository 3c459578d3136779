/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/snapshot_plan.h"

#include <errno.h>
#include <stdlib.h>

#define REST_LEAST_NS UINT64_C(1000000)
#define REST_MOST_NS UINT64_C(64000000)

int snapshot_plan_init(struct snapshot_plan *plan, uint64_t block_count)
{
	*plan = (struct snapshot_plan){ .block_count = block_count };
	/* One more, so that none has an address too. */
	plan->words = calloc(block_count + 1, sizeof(*plan->words));
	plan->seen = calloc(block_count + 1, sizeof(*plan->seen));
	if (plan->words && plan->seen)
		return 0;
	snapshot_plan_fini(plan);
	return -ENOMEM;
}

void snapshot_plan_fini(struct snapshot_plan *plan)
{
	free(plan->words);
	free(plan->seen);
	plan->words = NULL;
	plan->seen = NULL;
}

int snapshot_plan_look(struct snapshot_plan *plan, uint64_t before, uint64_t after)
{
	plan->odd = before % 2 != 0 ? before : 0;
	if (plan->odd != 0)
		return SNAPSHOT_E_ODD;
	if (after != before)
		return SNAPSHOT_E_MOVED;
	plan->version = before;
	plan->at = 0;
	plan->has_moved = false;
	return 0;
}

static bool is_due(const struct snapshot_plan *plan, uint64_t block)
{
	return !plan->has_all || plan->words[block] != plan->seen[block];
}

bool snapshot_plan_next(struct snapshot_plan *plan, uint64_t most, uint64_t *ret_first,
			uint64_t *ret_count)
{
	uint64_t first = plan->at;

	while (first < plan->block_count && !is_due(plan, first))
		first++;
	plan->at = first;
	while (plan->at < plan->block_count && plan->at - first < most && is_due(plan, plan->at)) {
		plan->seen[plan->at] = plan->words[plan->at];
		plan->at++;
	}
	if (plan->at == first)
		return false;
	plan->has_moved = true;
	*ret_first = first;
	*ret_count = plan->at - first;
	return true;
}

int snapshot_plan_end(struct snapshot_plan *plan, uint64_t version)
{
	plan->has_all = true;
	return !plan->has_moved || version == plan->version ? 0 : SNAPSHOT_E_MOVED;
}

uint64_t snapshot_plan_rest_ns(struct snapshot_plan *plan, uint64_t took_ns)
{
	uint64_t rest_ns = took_ns;

	if (plan->odd != 0 && plan->odd == plan->waited_for)
		rest_ns = plan->rest_ns * 2;
	if (rest_ns < REST_LEAST_NS)
		rest_ns = REST_LEAST_NS;
	if (rest_ns > REST_MOST_NS)
		rest_ns = REST_MOST_NS;
	plan->waited_for = plan->odd;
	plan->rest_ns = rest_ns;
	return rest_ns;
}
