/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 * Blocking calls on threads: as many threads as requests can be in flight, so that none ever
 * stands behind one that hangs. Functions have threads of their own: an open or a rename
 * does not wait for writes.
 */

#include <errno.h>
#include <stdlib.h>

#include "daemon/io/engine_backend.h"
#include "daemon/io/engine_step.h"
#include "daemon/io/io_engine.h"
#include "daemon/io/workers.h"

#define DEPTH_DEFAULT 16
#define RUN_THREADS_DEFAULT 16

struct engine_threads {
	struct io_engine engine;
	struct workers *transfers;
	struct workers *runs;
};

static void run_task(struct worker_task *task)
{
	step_perform(container_of(task, struct io_request, task));
}

static void task_done(struct worker_task *task)
{
	struct io_request *request = container_of(task, struct io_request, task);

	engine_complete(request->engine, request);
}

static void threads_start(struct io_engine *engine, struct io_request *request)
{
	struct engine_threads *threads = container_of(engine, struct engine_threads, engine);

	/* Transfers are counted by device already, before they come here. */
	request->task.device = request->operation == IO_RUN ? request->device : 0;
	request->task.run = run_task;
	request->task.done = task_done;
	workers_submit(request->operation == IO_RUN ? threads->runs : threads->transfers,
		       &request->task);
}

static void threads_close(struct io_engine *engine)
{
	struct engine_threads *threads = container_of(engine, struct engine_threads, engine);

	threads->transfers = workers_free(threads->transfers);
	threads->runs = workers_free(threads->runs);
	engine_fini(engine);
	free(threads);
}

static const struct io_engine_ops threads_ops = {
	.name = "threads",
	.start = threads_start,
	.close = threads_close,
};

int engine_threads_new(struct event_base *base, const struct engine_options *options,
		       struct io_engine **ret_engine)
{
	uint32_t depth = options && options->depth > 0 ? options->depth : DEPTH_DEFAULT;
	uint32_t run_threads =
		options && options->run_threads > 0 ? options->run_threads : RUN_THREADS_DEFAULT;
	struct engine_threads *threads = calloc(1, sizeof(*threads));
	int r;

	if (!threads)
		return -ENOMEM;
	r = engine_init(&threads->engine, &threads_ops, base, depth);
	if (r == 0)
		r = workers_new(base, "forebay-write", depth, &threads->transfers);
	if (r == 0)
		r = workers_new(base, "forebay-file", run_threads, &threads->runs);
	if (r < 0) {
		threads_close(&threads->engine);
		return r;
	}
	*ret_engine = &threads->engine;
	return 0;
}
