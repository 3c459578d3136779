/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/io_engine.h"

/*
 * What all engines have in common: which requests are taken, how many are in flight, who
 * waits for room. Invariant: where somebody waits and its device has room, room_event is active.
 */

#include <assert.h>
#include <errno.h>
#include <string.h>

#include <event2/event.h>

#include "daemon/io/engine_backend.h"
#include "daemon/io/engine_step.h"

static const char *const operation_names[] = {
	[IO_WRITE] = "write",
	[IO_SYNC_DATA] = "syncData",
	[IO_SYNC_DIRECTORY] = "syncDirectory",
	[IO_WRITEBACK] = "writeback",
	[IO_ALLOCATE] = "allocate",
	[IO_TRUNCATE] = "truncate",
	[IO_RUN] = "run",
};

static const char *const kind_names[] = {
	[ENGINE_AUTO] = "auto",
	[ENGINE_URING] = "uring",
	[ENGINE_THREADS] = "threads",
};

const char *io_operation_name(enum io_operation operation)
{
	return operation_names[operation];
}

bool engine_kind_parse(const char *text, enum engine_kind *ret_kind)
{
	for (size_t i = 0; i < sizeof(kind_names) / sizeof(kind_names[0]); i++) {
		if (strcmp(text, kind_names[i]) != 0)
			continue;
		*ret_kind = (enum engine_kind)i;
		return true;
	}
	return false;
}

int engine_open(enum engine_kind kind, struct event_base *base,
		const struct engine_options *options, struct io_engine **ret_engine)
{
	int r;

	if (kind != ENGINE_THREADS) {
		r = engine_uring_new(base, options, ret_engine);
		if (r == 0 || kind == ENGINE_URING)
			return r;
	}
	return engine_threads_new(base, options, ret_engine);
}

static bool has_room(const struct io_engine *engine, uint64_t device)
{
	return engine->transfers < engine->depth && lanes_have_room(&engine->lanes, device);
}

static void give_room(evutil_socket_t fd, short what, void *owner)
{
	struct io_engine *engine = owner;
	struct engine_waiter *waiter;

	(void)fd;
	(void)what;
	while (engine->transfers < engine->depth &&
	       (waiter = room_next(&engine->room, &engine->lanes))) {
		if (room_serve(&engine->room, waiter))
			continue;
		/* Refused for another reason than room: other events have their turn before. */
		event_active(engine->room_event, EV_TIMEOUT, 0);
		break;
	}
}

int engine_init(struct io_engine *engine, const struct io_engine_ops *ops, struct event_base *base,
		uint32_t depth)
{
	engine->ops = ops;
	engine->name = ops->name;
	engine->depth = depth;
	room_init(&engine->room);
	lanes_init(&engine->lanes, depth);
	shared_syncs_init(&engine->syncs);
	engine->room_event = event_new(base, -1, 0, give_room, engine);
	return engine->room_event ? 0 : -ENOMEM;
}

void engine_fini(struct io_engine *engine)
{
	assert(list_is_empty(&engine->room.queues));
	assert(engine->transfers == 0 && engine->runs == 0 && engine->sharing == 0);
	if (engine->room_event)
		event_free(engine->room_event);
	engine->room_event = NULL;
}

static enum engine_answer answer_now(struct io_request *request, int64_t result)
{
	request->result = result;
	return ENGINE_DONE;
}

/* What counts in the turns of those who wait. */
static uint64_t bytes_of(const struct io_request *request)
{
	return request->operation == IO_WRITE ? request->total_bytes : 0;
}

static bool may_take(const struct io_engine *engine, const struct io_request *request)
{
	return has_room(engine, request->device) &&
	       room_is_free(&engine->room, &engine->lanes, request->device, bytes_of(request));
}

static void enter(struct io_engine *engine, struct io_request *request)
{
	engine->transfers++;
	lanes_enter(&engine->lanes, request->device);
	request->engine = engine;
}

/* The engine inside of another one is only given those that are carried out. */
static bool may_share(const struct io_request *request)
{
	return !request->wrapper && shared_syncs_concern(request);
}

enum engine_answer engine_submit(struct io_engine *engine, struct io_request *request)
{
	bool transfer = request->operation != IO_RUN;
	bool busy = false;
	int r = step_prepare(request);

	if (r < 0)
		return answer_now(request, r);
	if (engine->closing && !request->wrapper)
		return answer_now(request, -ESHUTDOWN);
	if (step_is_empty(request))
		return answer_now(request, 0);
	if (may_share(request) && shared_syncs_follow(&engine->syncs, request)) {
		engine->sharing++;
		return ENGINE_QUEUED;
	}
	if (transfer && !may_take(engine, request))
		return ENGINE_BUSY;
	if (engine->ops->refuse && engine->ops->refuse(engine, request, &busy))
		return busy ? ENGINE_BUSY : ENGINE_DONE;
	if (may_share(request))
		shared_syncs_lead(&engine->syncs, request);
	if (transfer) {
		enter(engine, request);
		room_use(&engine->room, request->device, bytes_of(request));
	} else {
		engine->runs++;
		request->engine = engine;
	}
	engine->ops->start(engine, request);
	return ENGINE_QUEUED;
}

/* In the place of the one that is over, whether others wait for room or not. */
static void start_next_sync(struct io_engine *engine, struct io_request *next)
{
	bool busy;

	engine->sharing--;
	/* A fault is asked for; that there is no room would not be true. */
	if (engine->ops->refuse)
		(void)engine->ops->refuse(engine, next, &busy);
	enter(engine, next);
	engine->ops->start(engine, next);
}

static void answer_sharing(struct io_engine *engine, struct list *answered, int64_t result)
{
	struct list *link;

	while ((link = list_take_first(answered))) {
		struct io_request *request = container_of(link, struct io_request, sync_link);

		engine->sharing--;
		engine->completed++;
		request->result = result;
		request->done(request);
	}
}

static void complete_shared(struct io_engine *engine, struct io_request *request)
{
	struct list answered = LIST_INIT(answered);
	struct list dropped = LIST_INIT(dropped);
	int64_t result = request->result;
	struct io_request *next;

	if (engine->closing)
		list_splice(&dropped, &request->sync_waiting);
	next = shared_syncs_end(&engine->syncs, request, &answered);
	if (next)
		start_next_sync(engine, next);
	request->done(request);
	answer_sharing(engine, &answered, result);
	answer_sharing(engine, &dropped, -ESHUTDOWN);
}

void engine_complete(struct io_engine *engine, struct io_request *request)
{
	struct io_engine *wrapper = request->wrapper;

	if (request->operation == IO_RUN) {
		engine->runs--;
	} else {
		engine->transfers--;
		lanes_leave(&engine->lanes, request->device);
	}
	engine->completed++;
	if (request->operation == IO_WRITE)
		engine->bytes_written += request->bytes_done;
	if (engine->room.waiting > 0)
		event_active(engine->room_event, EV_TIMEOUT, 0);
	request->wrapper = NULL;
	if (wrapper)
		wrapper->ops->inner_done(wrapper, request);
	else if (shared_syncs_concern(request))
		complete_shared(engine, request);
	else
		request->done(request);
}

void engine_waiter_init(struct engine_waiter *waiter)
{
	*waiter = (struct engine_waiter){ 0 };
	fair_member_init(&waiter->place);
}

void engine_on_room(struct io_engine *engine, struct engine_waiter *waiter)
{
	if (engine->closing) {
		room_leave(waiter);
		return;
	}
	room_join(&engine->room, waiter);
	if (has_room(engine, waiter->device))
		event_active(engine->room_event, EV_TIMEOUT, 0);
}

void engine_stop_waiting(struct engine_waiter *waiter)
{
	room_leave(waiter);
}

bool engine_is_crowded(const struct io_engine *engine, uint64_t device)
{
	return room_is_wanted(&engine->room, device);
}

bool engine_has_turn(const struct engine_waiter *waiter)
{
	return room_is_served(waiter);
}

struct io_engine *engine_close(struct io_engine *engine)
{
	if (!engine)
		return NULL;
	engine->closing = true;
	room_drop_all(&engine->room);
	engine->ops->close(engine);
	return NULL;
}

const char *engine_name(const struct io_engine *engine)
{
	return engine->name;
}

uint32_t engine_pending(const struct io_engine *engine)
{
	return engine->transfers + engine->runs + engine->sharing;
}

uint64_t engine_progress(const struct io_engine *engine)
{
	return engine->completed;
}

uint64_t engine_bytes_written(const struct io_engine *engine)
{
	return engine->bytes_written;
}
