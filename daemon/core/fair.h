/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_FAIR_H
#define FOREBAY_CORE_FAIR_H

/*
 * Who goes next where many want the same thing: deficit round robin, first among groups
 * (users), then among the members (streams) of the group whose turn it is. A turn is worth
 * `quantum` bytes; what of it is too little for the next request is kept for the next turn.
 * So over any stretch of time two groups that always want something get the same number of
 * bytes, within 3 quanta, however many members they have and however large their requests
 * are; and so do two members of a group. Somebody new waits for one turn of each group that
 * was there before, and within the own group of each member, and no longer.
 *
 *	fair_add()	wants `cost` bytes
 *	fair_pick()	whose turn it is; the answer stays the same until one of these:
 *	fair_spend()	the one picked has had that many bytes
 *	fair_ask()	and this is what it wants next
 *	fair_pass()	the one picked does not use the rest of its turn, nor its group
 *	fair_remove()	wants nothing any more: nothing is remembered of it
 *
 * Nothing is allocated: members are embedded in what their owner has anyway, and a group lives
 * in one of its members. Each call takes a constant time, but fair_add(), which looks for the
 * group among those that are there.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/list.h"

struct fair {
	struct list groups; /* struct fair_group, the first one's turn */
	uint64_t quantum_bytes;
	uint32_t count; /* members */
};

struct fair_group {
	struct list link;    /* fair::groups */
	struct list members; /* struct fair_member, the first one's turn */
	uint32_t key;
	uint64_t credit_bytes;
	bool has_turn; /* its quantum is in the credit */
};

struct fair_member {
	struct list link; /* fair_group::members */
	uint64_t cost_bytes;
	uint64_t credit_bytes;
	bool has_turn;
	struct fair_group lent; /* on fair::groups where the group lives in this member */
};

void fair_init(struct fair *fair, uint64_t quantum_bytes);

/* Before the first use of a member. */
void fair_member_init(struct fair_member *member);

/* Goes behind all others of its group, and a new group behind all others. */
void fair_add(struct fair *fair, struct fair_member *member, uint32_t key, uint64_t cost_bytes);
/* Also of one that was not added. */
void fair_remove(struct fair *fair, struct fair_member *member);

/* NULL: nobody wants anything. */
struct fair_member *fair_pick(struct fair *fair);

/* What the one picked may still have in this turn; at least its cost when it is picked. */
uint64_t fair_credit(const struct fair *fair);
/* At most fair_credit(). */
void fair_spend(struct fair *fair, uint64_t bytes);
void fair_pass(struct fair *fair);

/* What it wants next. A cost above the quantum counts as one quantum, here and in fair_add(). */
void fair_ask(const struct fair *fair, struct fair_member *member, uint64_t cost_bytes);

static inline bool fair_has(const struct fair_member *member)
{
	return !list_is_empty(&member->link);
}

#endif
