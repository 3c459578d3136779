/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/fair.h"

/*
 * Invariants:
 *   - a group that is on the list has a member, and lives in one of its members (`lent`);
 *     where that one goes, the group moves into another;
 *   - no cost is above the quantum, so a member, or group, whose turn begins can always go, and
 *     fair_pick() passes over at most one member in each of two groups;
 *   - no credit is above two quanta.
 */

#include <assert.h>

static struct fair_group *first_group(const struct fair *fair)
{
	struct list *link = list_first(&fair->groups);

	return link ? container_of(link, struct fair_group, link) : NULL;
}

static struct fair_member *first_member(const struct fair_group *group)
{
	return container_of(list_first(&group->members), struct fair_member, link);
}

void fair_init(struct fair *fair, uint64_t quantum_bytes)
{
	list_init(&fair->groups);
	fair->quantum_bytes = quantum_bytes;
	fair->count = 0;
}

void fair_member_init(struct fair_member *member)
{
	list_init(&member->link);
	list_init(&member->lent.link);
	list_init(&member->lent.members);
}

void fair_ask(const struct fair *fair, struct fair_member *member, uint64_t cost_bytes)
{
	member->cost_bytes = cost_bytes < fair->quantum_bytes ? cost_bytes : fair->quantum_bytes;
}

static struct fair_group *find_group(const struct fair *fair, uint32_t key)
{
	list_for_each(link, &fair->groups) {
		struct fair_group *group = container_of(link, struct fair_group, link);

		if (group->key == key)
			return group;
	}
	return NULL;
}

void fair_add(struct fair *fair, struct fair_member *member, uint32_t key, uint64_t cost_bytes)
{
	struct fair_group *group = find_group(fair, key);

	assert(!fair_has(member));
	if (!group) {
		group = &member->lent;
		group->key = key;
		group->credit_bytes = 0;
		group->has_turn = false;
		list_append(&fair->groups, &group->link);
	}
	member->credit_bytes = 0;
	member->has_turn = false;
	fair_ask(fair, member, cost_bytes);
	list_append(&group->members, &member->link);
	fair->count++;
}

/* The group moves, at the place where it stands, into another of its members. */
static void move_group(struct fair_group *from)
{
	struct fair_group *to = &first_member(from)->lent;

	to->key = from->key;
	to->credit_bytes = from->credit_bytes;
	to->has_turn = from->has_turn;
	list_splice(&to->members, &from->members);
	list_insert_between(&to->link, &from->link, from->link.next);
}

void fair_remove(struct fair *fair, struct fair_member *member)
{
	if (!fair_has(member))
		return;
	list_remove(&member->link);
	if (!list_is_empty(&member->lent.members))
		move_group(&member->lent);
	list_remove(&member->lent.link);
	fair->count--;
}

static void begin_turn(const struct fair *fair, bool *io_has_turn, uint64_t *io_credit_bytes)
{
	if (*io_has_turn)
		return;
	*io_has_turn = true;
	*io_credit_bytes += fair->quantum_bytes;
	if (*io_credit_bytes > 2 * fair->quantum_bytes)
		*io_credit_bytes = 2 * fair->quantum_bytes;
}

static void end_turn(struct list *list, struct list *link, bool *ret_has_turn)
{
	*ret_has_turn = false;
	list_remove(link);
	list_append(list, link);
}

struct fair_member *fair_pick(struct fair *fair)
{
	struct fair_group *group;

	while ((group = first_group(fair))) {
		struct fair_member *member = first_member(group);

		begin_turn(fair, &group->has_turn, &group->credit_bytes);
		begin_turn(fair, &member->has_turn, &member->credit_bytes);
		if (member->cost_bytes > member->credit_bytes)
			end_turn(&group->members, &member->link, &member->has_turn);
		else if (member->cost_bytes > group->credit_bytes)
			end_turn(&fair->groups, &group->link, &group->has_turn);
		else
			return member;
	}
	return NULL;
}

uint64_t fair_credit(const struct fair *fair)
{
	const struct fair_group *group = first_group(fair);
	const struct fair_member *member = first_member(group);

	return member->credit_bytes < group->credit_bytes ? member->credit_bytes :
							    group->credit_bytes;
}

void fair_spend(struct fair *fair, uint64_t bytes)
{
	struct fair_group *group = first_group(fair);

	assert(bytes <= fair_credit(fair));
	group->credit_bytes -= bytes;
	first_member(group)->credit_bytes -= bytes;
}

void fair_pass(struct fair *fair)
{
	struct fair_group *group = first_group(fair);
	struct fair_member *member = first_member(group);

	end_turn(&group->members, &member->link, &member->has_turn);
	end_turn(&fair->groups, &group->link, &group->has_turn);
}
