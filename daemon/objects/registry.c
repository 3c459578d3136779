/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/registry.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "daemon/objects/pools.h"
#include "daemon/objects/readable.h"
#include "daemon/objects/readable_parts.h"
#include "daemon/objects/stream.h"
#include "daemon/objects/streams.h"
#include "daemon/objects/zones.h"

/* Over all users; a name of its own, since no single user has reached a limit. */
#define TOTAL_NAME "memoryBytesTotal"

void registry_init(struct registry *registry)
{
	*registry = (struct registry){ 0 };
	list_init(&registry->users);
	list_init(&registry->stores);
	list_init(&registry->zones);
	list_init(&registry->stream_observers);
	id_map_init(&registry->buffers);
	id_map_init(&registry->streams);
	id_map_init(&registry->readable_ids);
	list_init(&registry->readables);
	list_init(&registry->pipes);
}

void registry_fini(struct registry *registry)
{
	assert(list_is_empty(&registry->users));
	assert(list_is_empty(&registry->stores));
	assert(list_is_empty(&registry->stream_observers));
	assert(registry->buffers.count == 0 && registry->streams.count == 0);
	assert(list_is_empty(&registry->readables) && list_is_empty(&registry->pipes));
	assert(registry->memory_bytes == 0 && registry->errands == 0);
	zones_free_all(registry);
	id_map_fini(&registry->buffers);
	id_map_fini(&registry->streams);
	id_map_fini(&registry->readable_ids);
}

int registry_new_id(struct registry *registry, uint64_t *ret_id)
{
	uint64_t id;

	do {
		if (getrandom(&id, sizeof(id), 0) < 0)
			return -errno;
	} while (id == 0 || id_map_find(&registry->buffers, id) ||
		 id_map_find(&registry->streams, id) || id_map_find(&registry->readable_ids, id));
	*ret_id = id;
	return 0;
}

struct user *user_find(struct registry *registry, uid_t uid)
{
	list_for_each(link, &registry->users) {
		struct user *user = container_of(link, struct user, registry_link);

		if (user->uid == uid)
			return user;
	}
	return NULL;
}

static struct user *user_new(struct registry *registry, uid_t uid)
{
	struct user *user = calloc(1, sizeof(*user));

	if (!user)
		return NULL;
	user->registry = registry;
	user->uid = uid;
	list_init(&user->pools);
	list_init(&user->new_pools);
	list_init(&user->streams);
	list_init(&user->ended_streams);
	list_append(&registry->users, &user->registry_link);
	return user;
}

struct user *user_acquire(struct registry *registry, uid_t uid)
{
	struct user *user = user_find(registry, uid);

	if (!user)
		user = user_new(registry, uid);
	if (user)
		user->references++;
	return user;
}

void user_release(struct user *user)
{
	assert(user->references > 0);
	if (--user->references > 0)
		return;
	for (int kind = 0; kind < QUOTA_KINDS; kind++)
		assert(user->quota.used[kind] == 0);
	assert(list_is_empty(&user->pools) && list_is_empty(&user->new_pools));
	assert(list_is_empty(&user->streams) && list_is_empty(&user->ended_streams));
	list_remove(&user->registry_link);
	free(user);
}

static bool is_memory(enum quota_kind kind)
{
	return kind == QUOTA_POOL_BYTES || kind == QUOTA_RING_BYTES || kind == QUOTA_STAGING_BYTES;
}

int user_charge(struct user *user, enum quota_kind kind, uint64_t amount, struct refusal *refusal)
{
	struct registry *registry = user->registry;
	uint64_t limit = registry->memory_limit_bytes;
	uint64_t used = registry->memory_bytes;

	if (quota_take(&user->quota, &registry->limits, kind, amount) != 0)
		return refuse_limit(refusal, quota_name(kind), registry->limits.maximum[kind]);
	if (!is_memory(kind))
		return 0;
	/* A reload may have lowered the limit below what is held. */
	if (amount > 0 && (used > limit || amount > limit - used)) {
		quota_give(&user->quota, kind, amount);
		return refuse_limit(refusal, TOTAL_NAME, limit);
	}
	registry->memory_bytes += amount;
	return 0;
}

void user_discharge(struct user *user, enum quota_kind kind, uint64_t amount)
{
	quota_give(&user->quota, kind, amount);
	if (!is_memory(kind))
		return;
	assert(user->registry->memory_bytes >= amount);
	user->registry->memory_bytes -= amount;
}

bool user_may_use(const struct user *user, uid_t owner_uid)
{
	return user->uid == 0 || user->uid == owner_uid;
}

int holder_init(struct holder *holder, struct registry *registry, uid_t uid)
{
	holder->user = user_acquire(registry, uid);
	if (!holder->user)
		return -ENOMEM;
	list_init(&holder->pools);
	list_init(&holder->streams);
	list_init(&holder->readables);
	list_init(&holder->ended_readables);
	holder->ended_readable_count = 0;
	holder->last_ended = NULL;
	holder->gone = false;
	return 0;
}

void holder_gone(struct holder *holder)
{
	struct list *link;

	if (holder->gone)
		return;
	holder->gone = true;
	while ((link = list_take_first(&holder->streams)))
		stream_holder_gone(container_of(link, struct stream, holder_link));
	while ((link = list_first(&holder->readables)))
		readable_holder_gone(container_of(link, struct readable, holder_link));
	while ((link = list_first(&holder->ended_readables)))
		readable_holder_gone(container_of(link, struct readable, holder_link));
	if (holder->last_ended)
		stream_leave_last(holder->last_ended);
	while ((link = list_take_first(&holder->pools)))
		pool_abandon(container_of(link, struct pool, holder_link));
}

void holder_fini(struct holder *holder)
{
	if (!holder->user)
		return;
	holder_gone(holder);
	user_release(holder->user);
	holder->user = NULL;
}
