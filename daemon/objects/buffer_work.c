/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/buffer_work.h"

#include <errno.h>

#include "daemon/objects/pool_memory.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/registry.h"

static int change(struct buffer_work *work)
{
	struct backing *backing = work->backing;
	uint64_t version;
	int r;

	if (!pool_memory_begin(backing->pool, backing->version_slot, &version))
		return BUFFER_WORK_E_BUSY;
	r = work->run(work);
	pool_memory_end(backing->pool, backing->version_slot, version);
	return r;
}

static int run_work(struct errand *errand)
{
	struct buffer_work *work = errand->owner;
	int r = work->prepare ? work->prepare(work) : 0;

	if (r != 0)
		return r;
	return work->writes ? change(work) : work->run(work);
}

static void on_done(struct errand *errand, int result);

static void start(struct buffer_work *work)
{
	struct registry *registry = work->backing->pool->user->registry;

	work->errand = (struct errand){
		.name = work->name,
		.device = work->device,
		.path = work->path,
		.run = run_work,
		.done = on_done,
		.owner = work,
	};
	if (work->bytes > BUFFER_WORK_HERE_BYTES)
		errand_start(registry, &work->errand);
	else
		errand_start_here(registry, &work->errand);
}

static void turn_come(struct buffer_turn *turn)
{
	turn->backing->turn = turn;
	turn->work->missing--;
	if (turn->work->missing == 0)
		start(turn->work);
}

/* The last in the backing's queue, also where that is the only one. */
static const struct buffer_turn *last_turn(const struct backing *backing)
{
	const struct list *last = list_last(&backing->waiting);

	return last ? container_of(last, struct buffer_turn, link) : backing->turn;
}

/* Gets into the queue; whether the turn has come is looked at once it is in all. */
static void turn_ask(struct buffer_turn *turn, struct backing *backing, struct buffer_work *work)
{
	const struct buffer_turn *last = last_turn(backing);

	list_init(&turn->link);
	turn->backing = backing;
	turn->work = NULL;
	backing_use(backing);
	pool_use(backing->pool);
	if (last && last->work == work)
		return;
	turn->work = work;
	work->missing++;
	list_append(&backing->waiting, &turn->link);
}

static void turn_next(struct backing *backing)
{
	struct list *next = backing->turn ? NULL : list_take_first(&backing->waiting);

	if (next)
		turn_come(container_of(next, struct buffer_turn, link));
}

/* Whoever waits behind it goes on. */
static void turn_pass(struct buffer_turn *turn)
{
	if (!turn->work)
		return;
	turn->backing->turn = NULL;
	turn_next(turn->backing);
}

/* The backing and the pool may be gone then. Says whether the pool was whole. */
static bool turn_leave(struct backing *backing)
{
	struct pool *pool = backing->pool;
	bool whole = !pool_check_damage(pool);

	backing_unuse(backing);
	pool_unuse(pool);
	return whole;
}

static void on_done(struct errand *errand, int result)
{
	struct buffer_work *work = errand->owner;
	struct backing *backing = work->backing;
	struct pool *pool = backing->pool;
	bool whole = !pool_check_damage(pool);

	turn_pass(&work->turn);
	for (size_t i = 0; i < work->others_count; i++)
		turn_pass(&work->others[i]);
	for (size_t i = 0; i < work->others_count; i++)
		whole = turn_leave(work->others[i].backing) && whole;
	if (!whole && result >= 0)
		result = -EIO;
	work->done(work, result);
	backing_unuse(backing);
	pool_unuse(pool);
}

void buffer_work_submit(struct backing *backing, struct buffer_work *work)
{
	size_t others_count = work->others_count;

	work->backing = backing;
	/* One more, so that it does not start before it is in every queue. */
	work->missing = 1;
	turn_ask(&work->turn, backing, work);
	for (size_t i = 0; i < others_count; i++)
		turn_ask(&work->others[i], work->others[i].backing, work);
	turn_next(backing);
	for (size_t i = 0; i < others_count; i++)
		turn_next(work->others[i].backing);
	work->missing--;
	if (work->missing == 0)
		start(work);
}
