/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/pools.h"

/*
 * A pool is on user::new_pools while a worker makes its memory, then on user::pools, then,
 * destroyed, on no list until nothing uses it and a worker has unmapped it. Its name is taken
 * in the first two, its memory is charged in all three.
 *
 *	NEW ──▶ THERE ──▶ DESTROYED ──▶ (unmapped, freed)
 *	  ╰── could not be made ──▶ (freed)
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/fd.h"
#include "daemon/base/log.h"
#include "daemon/core/id_text.h"
#include "daemon/io/clock.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/ledger.h"
#include "daemon/objects/pipe.h"
#include "daemon/objects/pool_memory.h"
#include "daemon/objects/readable.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/streams.h"

/* Somebody who asked for the pool while it was being made; the first one asked for it to be. */
struct waiter {
	struct list link; /* home::waiters */
	struct holder *holder;
	pool_done_fn done;
	void *data;
};

/* What nobody else sees of a pool. */
struct home {
	struct pool pool;
	struct errand errand; /* making, then unmapping */
	struct list waiters;  /* while it is being made */
};

static struct home *home_of(struct pool *pool)
{
	return container_of(pool, struct home, pool);
}

static struct registry *registry_of(const struct pool *pool)
{
	return pool->user->registry;
}

static struct pool *find_in(const struct list *pools, const char *name)
{
	list_for_each(link, pools) {
		struct pool *pool = container_of(link, struct pool, user_link);

		if (strcmp(pool->name, name) == 0)
			return pool;
	}
	return NULL;
}

/* The end of a pool */

static void free_pool(struct pool *pool)
{
	struct user *user = pool->user;

	list_remove(&pool->user_link);
	list_remove(&pool->holder_link);
	labels_fini(&pool->labels);
	allocator_fini(&pool->allocator);
	user->pool_count--;
	user_discharge(user, QUOTA_POOL_BYTES, pool->size_bytes);
	free(home_of(pool));
	user_release(user);
}

static int run_drop(struct errand *errand)
{
	struct home *home = errand->owner;

	pool_memory_drop(&home->pool);
	return 0;
}

static void on_dropped(struct errand *errand, int result)
{
	struct home *home = errand->owner;

	/* An engine that is closing runs nothing; then the process ends, and nobody waits. */
	if (result == -ESHUTDOWN)
		pool_memory_drop(&home->pool);
	free_pool(&home->pool);
}

static bool is_idle(const struct pool *pool)
{
	return pool->uses == 0 && pool->stream_pins == 0 && list_is_empty(&pool->buffers);
}

static void reap(struct pool *pool)
{
	struct home *home = home_of(pool);

	sigbus_unwatch(&pool->memory_watch);
	sigbus_unwatch(&pool->version_watch);
	home->errand = (struct errand){
		.name = "unmap",
		.run = run_drop,
		.done = on_dropped,
		.owner = home,
	};
	errand_start(registry_of(pool), &home->errand);
}

/* Whatever reads or writes its memory. */
static void fail_users_of(struct pool *pool)
{
	stream_fail_users_of(registry_of(pool), pool);
	readable_fail_users_of(registry_of(pool), pool);
	pipe_fail_users_of(registry_of(pool), pool);
}

/* Off all lists, its buffers gone but for those that are pinned; reaped with the last use. */
static void retire(struct pool *pool)
{
	char id[ID_TEXT_BYTES];

	pool->destroyed = true;
	list_remove(&pool->user_link);
	list_remove(&pool->holder_link);
	ledger_forget(registry_of(pool)->ledger, ID_POOL, pool->id);
	id_format(ID_POOL, pool->id, id);
	log_info("pool", "destroyed", "id=%s uid=%u bytes=%llu", id, (unsigned int)pool->user->uid,
		 (unsigned long long)pool->size_bytes);
	pool_use(pool);
	buffers_drop_all(pool);
	if (pool->stream_pins > 0)
		fail_users_of(pool);
	pool_unuse(pool);
}

void pool_use(struct pool *pool)
{
	pool->uses++;
}

void pool_unuse(struct pool *pool)
{
	pool->uses--;
	if (pool->destroyed) {
		if (is_idle(pool))
			reap(pool);
		return;
	}
	if (pool->lingering && pool->uses == 0 && pool->stream_pins == 0 && pool->job_count == 0)
		retire(pool);
}

int pool_destroy(struct pool *pool, bool force, uint64_t *ret_freed_buffers,
		 struct refusal *refusal)
{
	if (!force && (pool->stream_pins > 0 || pool->job_count > 0)) {
		(void)refuse_text(refusal, REFUSAL_POOL_BUSY, pool->name);
		refusal->first = pool->buffer_count;
		refusal->second = pool->stream_pins;
		return REFUSED;
	}
	*ret_freed_buffers = pool->buffer_count;
	retire(pool);
	return 0;
}

void pool_drop(struct pool *pool)
{
	if (!pool->destroyed)
		retire(pool);
}

void pool_abandon(struct pool *pool)
{
	list_remove(&pool->holder_link);
	pool->lingering = true;
	pool_use(pool);
	pool_unuse(pool);
}

bool pool_check_damage(struct pool *pool)
{
	char id[ID_TEXT_BYTES];

	if (!sigbus_was_hit(&pool->memory_watch) && !sigbus_was_hit(&pool->version_watch))
		return false;
	if (pool->destroyed)
		return true;
	id_format(ID_POOL, pool->id, id);
	log_error("pool", "memory was lost, its buffers are gone", "id=%s uid=%u", id,
		  (unsigned int)pool->user->uid);
	retire(pool);
	return true;
}

void pool_destroy_all(struct registry *registry)
{
	struct list *user_link, *link;

	/* A user may go with its last pool: begin again after each. */
	for (user_link = registry->users.next; user_link != &registry->users;) {
		struct user *user = container_of(user_link, struct user, registry_link);

		link = list_first(&user->pools);
		if (link) {
			retire(container_of(link, struct pool, user_link));
			user_link = registry->users.next;
		} else {
			user_link = user_link->next;
		}
	}
}

/* Making one */

static int run_make(struct errand *errand)
{
	struct home *home = errand->owner;

	return pool_memory_make(&home->pool);
}

/* What a made pool needs before anyone may know of it. */
static int settle(struct pool *pool, struct refusal *refusal)
{
	struct ledger *ledger = registry_of(pool)->ledger;
	int r;

	r = sigbus_watch(pool->memory.bytes, pool->memory.length, &pool->memory_watch);
	if (r == 0)
		r = sigbus_watch(pool->versions.bytes, pool->versions.length, &pool->version_watch);
	if (r < 0)
		return r;
	r = ledger_keep(ledger, ID_POOL, pool->id, LEDGER_POOL_MEMORY, pool->memory_fd);
	if (r == 0)
		r = ledger_keep(ledger, ID_POOL, pool->id, LEDGER_POOL_VERSIONS, pool->version_fd);
	if (r == LEDGER_E_FULL)
		return refuse_limit(refusal, LEDGER_LIMIT_NAME, ledger_limit(ledger));
	return r;
}

/* `pool` NULL: it could not be made. Nobody may have ended it while the others are told. */
static void tell_waiters(struct list *waiters, int result, struct pool *pool,
			 const struct refusal *refusal)
{
	struct list *link;

	while ((link = list_take_first(waiters))) {
		struct waiter waiter = *container_of(link, struct waiter, link);
		bool lost = result == 0 && (pool->destroyed || waiter.holder->gone);

		free(container_of(link, struct waiter, link));
		if (lost)
			waiter.done(waiter.data, -ECANCELED, NULL, NULL);
		else
			waiter.done(waiter.data, result, result == 0 ? pool : NULL, refusal);
	}
}

static void discard_new(struct home *home, struct list *ret_waiters)
{
	list_splice(ret_waiters, &home->waiters);
	ledger_forget(registry_of(&home->pool)->ledger, ID_POOL, home->pool.id);
	home->pool.destroyed = true;
	list_remove(&home->pool.user_link);
	reap(&home->pool);
}

static void on_made(struct errand *errand, int result)
{
	struct list waiters = LIST_INIT(waiters);
	struct home *home = errand->owner;
	struct pool *pool = &home->pool;
	struct holder *maker =
		container_of(list_first(&home->waiters), struct waiter, link)->holder;
	struct refusal *refusal = malloc(sizeof(*refusal));

	if (result == 0)
		result = refusal ? settle(pool, refusal) : -ENOMEM;
	/* Nobody would ever end it. */
	if (result == 0 && maker->gone &&
	    (pool->own_for_buffer || pool->lifetime == POOL_LIFETIME_CONNECTION))
		result = -ECANCELED;
	if (result != 0) {
		discard_new(home, &waiters);
		tell_waiters(&waiters, result, NULL, refusal);
		free(refusal);
		return;
	}
	list_remove(&pool->user_link);
	list_append(&pool->user->pools, &pool->user_link);
	if (pool->lifetime == POOL_LIFETIME_CONNECTION)
		list_append(&maker->pools, &pool->holder_link);
	/* A waiter may destroy the pool. */
	list_splice(&waiters, &home->waiters);
	pool_use(pool);
	tell_waiters(&waiters, 0, pool, NULL);
	pool_unuse(pool);
	free(refusal);
}

static int add_waiter(struct home *home, struct holder *holder, pool_done_fn done, void *data)
{
	struct waiter *waiter = malloc(sizeof(*waiter));

	if (!waiter)
		return -ENOMEM;
	*waiter = (struct waiter){ .holder = holder, .done = done, .data = data };
	list_append(&home->waiters, &waiter->link);
	return 0;
}

static int new_pool(struct user *user, const struct pool_request *request, struct home **ret_home)
{
	struct home *home = calloc(1, sizeof(*home));
	struct pool *pool;
	int r;

	if (!home)
		return -ENOMEM;
	pool = &home->pool;
	list_init(&home->waiters);
	list_init(&pool->user_link);
	list_init(&pool->holder_link);
	list_init(&pool->buffers);
	pool->memory_fd = -1;
	pool->version_fd = -1;
	pool->size_bytes = request->size_bytes;
	pool->huge_pages = request->huge_pages;
	pool->own_for_buffer = request->own_for_buffer;
	pool->lifetime = request->lifetime;
	pool->slabs.slab_bytes = BUFFER_SLAB_BYTES;
	pool->generation = 1;
	pool->created_usec = clock_real_ns() / 1000;
	r = registry_new_id(user->registry, &pool->id);
	if (r == 0)
		r = allocator_init(&pool->allocator, pool->size_bytes, POOL_GRANULE_BYTES);
	if (r < 0) {
		free(home);
		return r;
	}
	if (request->own_for_buffer)
		id_format(ID_POOL, pool->id, pool->name);
	else
		strcpy(pool->name, request->name);
	*ret_home = home;
	return 0;
}

static bool is_good_name(const char *name)
{
	size_t length = strlen(name);

	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f)
			return false;
	return length > 0 && length < POOL_NAME_BYTES;
}

/* By rule, before anything is made; rounds the size. */
static int check_request(struct user *user, struct pool_request *request, struct refusal *refusal)
{
	uint64_t size = request->size_bytes ? request->size_bytes : POOL_SIZE_DEFAULT_BYTES;

	if (user->registry->lifecycle >= LIFECYCLE_DRAINING)
		return refuse(refusal, REFUSAL_SHUTTING_DOWN);
	if (!request->own_for_buffer) {
		if (!is_good_name(request->name))
			return refuse_text(refusal, REFUSAL_PARAMETER, "name");
		if (find_in(&user->pools, request->name) ||
		    find_in(&user->new_pools, request->name))
			return refuse_text(refusal, REFUSAL_POOL_EXISTS, request->name);
	}
	if (user->pool_count >= POOLS_MAX)
		return refuse_limit(refusal, "pools", POOLS_MAX);
	if (size > INT64_MAX - POOL_GRANULE_BYTES)
		return refuse_limit(refusal, quota_name(QUOTA_POOL_BYTES),
				    user->registry->limits.maximum[QUOTA_POOL_BYTES]);
	request->size_bytes = (size + POOL_GRANULE_BYTES - 1) & ~(uint64_t)(POOL_GRANULE_BYTES - 1);
	return 0;
}

int pool_create(struct holder *holder, struct pool_request *request, pool_done_fn done, void *data,
		struct refusal *refusal)
{
	struct user *user = holder->user;
	struct home *home;
	int r = check_request(user, request, refusal);

	if (r == 0)
		r = user_charge(user, QUOTA_POOL_BYTES, request->size_bytes, refusal);
	if (r != 0)
		return r;
	r = new_pool(user, request, &home);
	if (r < 0) {
		user_discharge(user, QUOTA_POOL_BYTES, request->size_bytes);
		return r;
	}
	home->pool.user = user;
	user->references++;
	user->pool_count++;
	r = add_waiter(home, holder, done, data);
	if (r < 0) {
		free_pool(&home->pool);
		return r;
	}
	labels_move(&home->pool.labels, &request->labels);
	list_append(&user->new_pools, &home->pool.user_link);
	home->errand = (struct errand){
		.name = "makePool",
		.run = run_make,
		.done = on_made,
		.owner = home,
	};
	errand_start(user->registry, &home->errand);
	return 0;
}

/* Finding one */

int pool_find(struct user *user, uid_t owner_uid, const char *name, struct pool **ret_pool,
	      struct refusal *refusal)
{
	struct user *owner = user_find(user->registry, owner_uid);
	struct pool *pool = NULL;

	if (owner && user_may_use(user, owner_uid))
		pool = find_in(&owner->pools, name);
	if (!pool)
		return refuse_text(refusal, REFUSAL_NO_SUCH_POOL, name);
	*ret_pool = pool;
	return 0;
}

/* An answer that is known already and comes from the loop all the same. */
struct lookup {
	struct errand errand;
	struct pool *pool; /* in use until the answer */
	struct holder *holder;
	pool_done_fn done;
	void *data;
};

static void on_looked_up(struct errand *errand, int result)
{
	struct lookup lookup = *(struct lookup *)errand->owner;

	free(errand->owner);
	if (result == 0 && (lookup.pool->destroyed || lookup.holder->gone))
		result = -ECANCELED;
	lookup.done(lookup.data, result, result == 0 ? lookup.pool : NULL, NULL);
	pool_unuse(lookup.pool);
}

static int answer_later(struct holder *holder, struct pool *pool, pool_done_fn done, void *data)
{
	struct lookup *lookup = malloc(sizeof(*lookup));

	if (!lookup)
		return -ENOMEM;
	*lookup = (struct lookup){
		.errand = { .name = "findPool", .done = on_looked_up, .owner = lookup },
		.pool = pool,
		.holder = holder,
		.done = done,
		.data = data,
	};
	pool_use(pool);
	errand_start_here(holder->user->registry, &lookup->errand);
	return 0;
}

int pool_get(struct holder *holder, const char *name, pool_done_fn done, void *data,
	     struct refusal *refusal)
{
	struct user *user = holder->user;
	struct pool_request request = {
		.name = POOL_DEFAULT_NAME,
		.size_bytes = user->registry->default_pool_bytes,
		.lifetime = POOL_LIFETIME_DAEMON,
	};
	struct pool *pool;

	if (!name)
		name = POOL_DEFAULT_NAME;
	pool = find_in(&user->pools, name);
	if (pool)
		return answer_later(holder, pool, done, data);
	if (strcmp(name, POOL_DEFAULT_NAME) != 0)
		return refuse_text(refusal, REFUSAL_NO_SUCH_POOL, name);
	pool = find_in(&user->new_pools, name);
	if (pool)
		return add_waiter(home_of(pool), holder, done, data);
	return pool_create(holder, &request, done, data, refusal);
}

int pool_acquire(struct pool *pool, bool read_only, int *ret_memory_fd, int *ret_version_fd)
{
	int memory_fd, version_fd = -1;
	int r = 0;

	if (read_only) {
		r = memfd_reopen_read_only(pool->memory_fd, &memory_fd);
		if (r < 0)
			return r;
		r = memfd_reopen_read_only(pool->version_fd, &version_fd);
	} else {
		memory_fd = fd_duplicate(pool->memory_fd);
		if (memory_fd < 0)
			return memory_fd;
		version_fd = fd_duplicate(pool->version_fd);
		r = version_fd < 0 ? version_fd : 0;
	}
	if (r < 0) {
		fd_close(memory_fd);
		return r;
	}
	*ret_memory_fd = memory_fd;
	*ret_version_fd = version_fd;
	return 0;
}
