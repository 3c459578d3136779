/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/buffer_work.h"

#include <errno.h>

#include "daemon/objects/pool_memory.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/registry.h"

static void start(struct buffer_work *work);

static int run_work(struct errand *errand)
{
	struct buffer_work *work = errand->owner;
	struct backing *backing = work->backing;
	uint64_t version;
	int r;

	if (!work->writes)
		return work->run(work);
	if (!pool_memory_begin(backing->pool, backing->version_slot, &version))
		return BUFFER_WORK_E_BUSY;
	r = work->run(work);
	pool_memory_end(backing->pool, backing->version_slot, version);
	return r;
}

static void on_done(struct errand *errand, int result)
{
	struct buffer_work *work = errand->owner;
	struct backing *backing = work->backing;
	struct pool *pool = backing->pool;
	struct list *next = list_take_first(&backing->waiting);

	backing->busy = false;
	if (next)
		start(container_of(next, struct buffer_work, link));
	if (pool_check_damage(pool) && result >= 0)
		result = -EIO;
	work->done(work, result);
	backing_unuse(backing);
	pool_unuse(pool);
}

static void start(struct buffer_work *work)
{
	struct registry *registry = work->backing->pool->user->registry;

	work->backing->busy = true;
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

void buffer_work_submit(struct backing *backing, struct buffer_work *work)
{
	work->backing = backing;
	list_init(&work->link);
	backing_use(backing);
	pool_use(backing->pool);
	if (backing->busy)
		list_append(&backing->waiting, &work->link);
	else
		start(work);
}
