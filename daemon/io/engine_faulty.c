/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 * Stands in front of another engine and spoils what the plan says. It has the same bounds as
 * the inner engine and counts for itself, so the inner one always has room for what this one
 * took. A request that is held is on `held`, in order of its time; one that is over without
 * the inner engine is on `over` until the loop comes round, because nothing may complete
 * inside engine_submit().
 */

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "daemon/io/clock.h"
#include "daemon/io/engine_backend.h"
#include "daemon/io/fault_plan.h"
#include "daemon/io/io_engine.h"

struct engine_faulty {
	struct io_engine engine;
	struct io_engine *inner;
	struct fault_plan *plan;
	struct list held;	/* struct io_request */
	struct list over;	/* struct io_request */
	struct event *held_event;
	struct event *over_event;
	struct injection next;	/* decided in refuse(), used in start() */
};

static const char *request_name(const struct io_request *request)
{
	/* A request that is used again may still have the name of what was run before. */
	if (request->operation == IO_RUN && request->name)
		return request->name;
	return io_operation_name(request->operation);
}

static bool faulty_refuse(struct io_engine *engine, struct io_request *request, bool *ret_busy)
{
	struct engine_faulty *faulty = container_of(engine, struct engine_faulty, engine);

	faulty->next = fault_plan_next(faulty->plan, request_name(request), request->path);
	*ret_busy = faulty->next.kind == INJECT_BUSY && request->operation != IO_RUN;
	return *ret_busy;
}

static void put_over(struct engine_faulty *faulty, struct io_request *request)
{
	list_append(&faulty->over, &request->link);
	event_active(faulty->over_event, EV_TIMEOUT, 0);
}

static void pass_on(struct engine_faulty *faulty, struct io_request *request)
{
	request->wrapper = &faulty->engine;
	switch (engine_submit(faulty->inner, request)) {
	case ENGINE_QUEUED:
		break;
	case ENGINE_DONE:
		request->wrapper = NULL;
		put_over(faulty, request);
		break;
	case ENGINE_BUSY:
		assert(!"the inner engine has the same bounds");
		break;
	}
}

static void set_timer(struct engine_faulty *faulty)
{
	struct list *first = list_first(&faulty->held);
	struct timeval wait = { 0 };
	uint64_t now_ns = clock_monotonic_ns();
	uint64_t due_ns;

	if (!first)
		return;
	due_ns = container_of(first, struct io_request, link)->due_ns;
	if (due_ns == UINT64_MAX)
		return;
	if (due_ns > now_ns) {
		wait.tv_sec = (time_t)((due_ns - now_ns) / 1000000000);
		wait.tv_usec = (suseconds_t)((due_ns - now_ns) % 1000000000 / 1000 + 1);
	}
	(void)event_add(faulty->held_event, &wait);
}

static void hold(struct engine_faulty *faulty, struct io_request *request, uint64_t due_ns)
{
	struct list *after = &faulty->held;

	request->due_ns = due_ns;
	list_for_each(link, &faulty->held) {
		if (container_of(link, struct io_request, link)->due_ns > due_ns)
			break;
		after = link;
	}
	list_insert_between(&request->link, after, after->next);
	set_timer(faulty);
}

static void shorten(struct io_request *request, int error)
{
	if (request->operation != IO_WRITE)
		return;
	/* Blocks stay whole where there are several, so that O_DIRECT can go on. */
	request->step_limit = request->total_bytes / (error != 0 ? 2 : 3);
	if (request->step_limit > 4096)
		request->step_limit -= request->step_limit % 4096;
	if (request->step_limit == 0)
		request->step_limit = 1;
	request->step_error = error;
}

static void faulty_start(struct io_engine *engine, struct io_request *request)
{
	struct engine_faulty *faulty = container_of(engine, struct engine_faulty, engine);
	struct injection injection = faulty->next;

	request->step_limit = 0;
	request->step_error = 0;
	switch (injection.kind) {
	case INJECT_ERROR:
		request->result = -injection.error;
		put_over(faulty, request);
		return;
	case INJECT_DELAY:
		hold(faulty, request, clock_monotonic_ns() + injection.delay_ns);
		return;
	case INJECT_HANG:
		hold(faulty, request, UINT64_MAX);
		return;
	case INJECT_SHORT:
		shorten(request, injection.error);
		break;
	case INJECT_NOTHING:
	case INJECT_BUSY:
		break;
	}
	pass_on(faulty, request);
}

static void faulty_inner_done(struct io_engine *engine, struct io_request *request)
{
	engine_complete(engine, request);
}

static void on_over(evutil_socket_t fd, short what, void *owner)
{
	struct engine_faulty *faulty = owner;
	struct list over = LIST_INIT(over);
	struct list *link;

	(void)fd;
	(void)what;
	list_splice(&over, &faulty->over);
	while ((link = list_take_first(&over)))
		engine_complete(&faulty->engine, container_of(link, struct io_request, link));
}

static void release_held(struct engine_faulty *faulty, uint64_t until_ns)
{
	struct list *link;

	while ((link = list_first(&faulty->held))) {
		struct io_request *request = container_of(link, struct io_request, link);

		if (request->due_ns > until_ns)
			break;
		list_remove(link);
		pass_on(faulty, request);
	}
}

static void on_held(evutil_socket_t fd, short what, void *owner)
{
	struct engine_faulty *faulty = owner;

	(void)fd;
	(void)what;
	release_held(faulty, clock_monotonic_ns());
	set_timer(faulty);
}

static void faulty_close(struct io_engine *engine)
{
	struct engine_faulty *faulty = container_of(engine, struct engine_faulty, engine);

	release_held(faulty, UINT64_MAX);
	faulty->inner = engine_close(faulty->inner);
	on_over(-1, 0, faulty);
	if (faulty->held_event)
		event_free(faulty->held_event);
	if (faulty->over_event)
		event_free(faulty->over_event);
	fault_plan_free(faulty->plan);
	engine_fini(engine);
	free(faulty);
}

static const struct io_engine_ops faulty_ops = {
	.name = "faulty",
	.refuse = faulty_refuse,
	.start = faulty_start,
	.inner_done = faulty_inner_done,
	.close = faulty_close,
};

static int build(struct engine_faulty *faulty, struct event_base *base)
{
	int r = engine_init(&faulty->engine, &faulty_ops, base, faulty->inner->depth);

	if (r < 0)
		return r;
	faulty->engine.name = faulty->inner->name;
	faulty->held_event = evtimer_new(base, on_held, faulty);
	faulty->over_event = event_new(base, -1, 0, on_over, faulty);
	return faulty->held_event && faulty->over_event ? 0 : -ENOMEM;
}

int engine_faulty_new(struct event_base *base, struct io_engine *inner, struct fault_plan *plan,
		      struct io_engine **ret_engine)
{
	struct engine_faulty *faulty = calloc(1, sizeof(*faulty));
	int r;

	if (!faulty) {
		engine_close(inner);
		fault_plan_free(plan);
		return -ENOMEM;
	}
	faulty->inner = inner;
	faulty->plan = plan;
	list_init(&faulty->held);
	list_init(&faulty->over);
	r = build(faulty, base);
	if (r < 0) {
		faulty_close(&faulty->engine);
		return r;
	}
	*ret_engine = &faulty->engine;
	return 0;
}
