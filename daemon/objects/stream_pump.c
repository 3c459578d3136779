/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The pump is the one place where a stream moves on: it is run after every wake-up that
 * concerns the stream (a call, a completion, a byte on the ring's signal, a timer) and goes
 * round until nothing moves any more. Whatever happens to a stream elsewhere only changes
 * fields and schedules the pump. So nothing here is entered twice, and what the producer is
 * told is decided once per wake-up, last.
 */

#include "config.h"

#include "daemon/objects/stream.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "daemon/base/log.h"
#include "daemon/io/clock.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/registry.h"

#define NS_PER_USEC UINT64_C(1000)

#define NAME_ROW(name, text) text,

static const char *const event_names[] = { STREAM_EVENT_LIST(NAME_ROW) };

const char *stream_event_name(enum stream_event event)
{
	return event_names[event];
}

uint64_t stream_now_ns(void)
{
	return clock_boot_ns();
}

/* ---- events and states ---- */

void stream_observe(struct stream *stream, struct stream_observer *observer)
{
	list_append(&stream->observers, &observer->link);
}

void stream_observe_all(struct registry *registry, struct stream_observer *observer)
{
	list_append(&registry->stream_observers, &observer->link);
}

void stream_unobserve(struct stream_observer *observer)
{
	list_remove(&observer->link);
}

static void tell_list(struct list *observers, struct stream *stream, enum stream_event event)
{
	list_for_each(link, observers) {
		struct stream_observer *observer = container_of(link, struct stream_observer, link);

		observer->event(observer, stream, event);
	}
}

void stream_tell(struct stream *stream, enum stream_event event)
{
	tell_list(&stream->observers, stream, event);
	tell_list(&stream->registry->stream_observers, stream, event);
}

void stream_set_state(struct stream *stream, enum stream_state state)
{
	if (state == stream->state)
		return;
	assert(stream_state_may_follow(stream->state, state));
	log_debug("stream", "state", "id=%s from=%s to=%s", stream->id_text,
		  stream_state_name(stream->state), stream_state_name(state));
	stream->state = state;
	stream_ring_tell_state(stream);
}

static void tell_terminal(struct stream *stream, enum stream_state state, enum stream_event event)
{
	char path[256];

	if (stream->terminal_told)
		return;
	stream->terminal_told = true;
	stream_set_state(stream, state);
	log_info("stream", stream_event_name(event), "id=%s uid=%u bytes=%llu path=%s",
		 stream->id_text, (unsigned)stream->user->uid, (unsigned long long)stream->accepted,
		 log_quote(stream->absolute_path ? stream->absolute_path : "", path, sizeof(path)));
	stream_tell(stream, event);
}

void stream_note_need(struct stream *stream, bool need)
{
	uint64_t now_ns;

	if (need == (stream->blocked_since_ns != 0))
		return;
	now_ns = stream_now_ns();
	if (!need)
		stream->blocked_ns += now_ns - stream->blocked_since_ns;
	stream->blocked_since_ns = need ? now_ns : 0;
}

void stream_note_fault(struct stream *stream, const char *operation, int error, int64_t offset)
{
	char path[256];

	/* The first fault is the cause; one that only paused the stream is no longer it. */
	if (fault_is_set(&stream->fault) && !stream->error_pause)
		return;
	fault_set(&stream->fault, operation, error, stream->absolute_path, offset);
	log_warning("stream", "failed", "id=%s operation=%s offset=%lld errno=%d path=%s",
		    stream->id_text, operation, (long long)offset, stream->fault.error,
		    log_quote(stream->fault.path, path, sizeof(path)));
}

void stream_fail(struct stream *stream, const char *operation, int error, int64_t offset)
{
	stream_note_fault(stream, operation, error, offset);
	stream_note_need(stream, false);
	stream->error_pause = false;
	stream->stopping = true;
	flow_destroy(&stream->flow, error < 0 ? error : -error);
	stream_schedule(stream);
}

void stream_end_as(struct stream *stream, enum stream_ending ending)
{
	stream->ending = ending;
	flow_end(&stream->flow, NULL, NULL);
	stream_note_need(stream, false);
	if (stream->state == STREAM_STATE_OPEN)
		stream_set_state(stream, STREAM_STATE_ENDING);
	/* Where nothing is left to write FINAL begins now: an abort that follows is too late. */
	stream_perform(stream);
	stream_ring_tell_state(stream);
	stream_schedule(stream);
}

/* ---- entries ---- */

struct stream_entry *stream_entry_new(struct stream *stream)
{
	struct list *link = list_take_first(&stream->free_entries);
	struct stream_entry *entry;

	if (link) {
		entry = container_of(link, struct stream_entry, link);
		*entry = (struct stream_entry){ 0 };
	} else {
		entry = calloc(1, sizeof(*entry));
		if (!entry)
			return NULL;
	}
	list_init(&entry->cut_link);
	list_append(&stream->used_entries, &entry->link);
	stream->entries++;
	return entry;
}

void stream_entry_release(struct stream *stream, struct stream_entry *entry)
{
	if (entry->buffer) {
		buffer_unpin(entry->buffer);
		stream->ranges--;
	}
	if (entry->block) {
		inline_store_release(&stream->inline_store, stream->user, entry->block);
		stream->inline_bytes -= entry->write.bytes;
	}
	entry->buffer = NULL;
	entry->block = NULL;
	stream->entries--;
	list_remove(&entry->cut_link);
	list_remove(&entry->link);
	list_append(&stream->free_entries, &entry->link);
}

/* ---- what the flow says ---- */

static void answer_write(struct stream *stream, const struct flow_action *action)
{
	struct stream_entry *entry = container_of(action->write, struct stream_entry, write);

	if (action->error == 0 && entry->write.sequence > stream->done_sequence)
		stream->done_sequence = entry->write.sequence;
	stream_entry_release(stream, entry);
}

static void tell_drain(struct stream *stream)
{
	stream->drains++;
	stream->registry->counters.drains++;
	stream_note_need(stream, false);
	if (stream->ring.bytes > 0) {
		stream->ring.need_answered = stream->ring.need;
		stream_ring_tell(stream);
		stream_ring_signal(stream);
	}
	stream_tell(stream, STREAM_EVENT_DRAIN);
}

/* Everything accepted is done: what that is called depends on why the stream ended. */
static void tell_finish(struct stream *stream)
{
	if (fault_is_set(&stream->fault))
		tell_terminal(stream, STREAM_STATE_FAILED, STREAM_EVENT_ERROR);
	else if (stream->ending == STREAM_ENDING_SALVAGE)
		tell_terminal(stream, STREAM_STATE_ABORTED, STREAM_EVENT_ABORT);
	else
		tell_terminal(stream, STREAM_STATE_FINISHED, STREAM_EVENT_FINISH);
}

static void perform(struct stream *stream, const struct flow_action *action)
{
	switch (action->what) {
	case FLOW_DO_SINK:
		stream_batch_begin(stream, action->sink);
		break;
	case FLOW_DO_FINAL:
		stream->final_held = stream->state == STREAM_STATE_PAUSED;
		if (!stream->final_held)
			stream_publish_begin(stream);
		break;
	case FLOW_DO_RELEASE:
		stream_release_begin(stream);
		break;
	case FLOW_DO_ANSWER_WRITE:
		answer_write(stream, action);
		break;
	case FLOW_DO_ANSWER_END:
		break;
	case FLOW_DO_DRAIN:
		tell_drain(stream);
		break;
	case FLOW_DO_FINISH:
		tell_finish(stream);
		break;
	case FLOW_DO_ERROR:
		tell_terminal(stream, STREAM_STATE_FAILED, STREAM_EVENT_ERROR);
		break;
	case FLOW_DO_CLOSE:
		/* Without a finish or an error before it, somebody gave the stream up. */
		tell_terminal(stream, STREAM_STATE_ABORTED, STREAM_EVENT_ABORT);
		stream_tell(stream, STREAM_EVENT_CLOSE);
		stream->ended = true;
		break;
	}
}

void stream_perform(struct stream *stream)
{
	struct flow_action action;

	while (flow_next(&stream->flow, &action))
		perform(stream, &action);
}

static bool perform_deferred(struct stream *stream)
{
	struct flow_action action;
	bool moved = false;

	while (flow_next_deferred(&stream->flow, &action)) {
		perform(stream, &action);
		moved = true;
	}
	return moved;
}

/* ---- timers ---- */

void stream_set_due(struct stream *stream, enum stream_due due, uint64_t at_ns)
{
	stream->due_ns[due] = at_ns;
}

static bool take_due(struct stream *stream, enum stream_due due, uint64_t now_ns)
{
	if (stream->due_ns[due] > now_ns)
		return false;
	stream->due_ns[due] = STREAM_NEVER;
	return true;
}

static void run_timers(struct stream *stream)
{
	uint64_t now_ns = stream_now_ns();

	if (take_due(stream, STREAM_DUE_CORK, now_ns))
		stream_lift_corks(stream);
	if (take_due(stream, STREAM_DUE_ATTACH, now_ns))
		stream_shutdown(stream, true);
	if (take_due(stream, STREAM_DUE_ROTATE, now_ns))
		stream_rotate_due(stream);
	if (take_due(stream, STREAM_DUE_RETRY, now_ns))
		stream_retry(stream, now_ns);
	/* SYNC, FRAME and PACE only have to wake the pump; who set them looks at the clock again. */
	(void)take_due(stream, STREAM_DUE_SYNC, now_ns);
	(void)take_due(stream, STREAM_DUE_FRAME, now_ns);
	(void)take_due(stream, STREAM_DUE_PACE, now_ns);
}

void stream_arm(struct stream *stream)
{
	uint64_t earliest_ns = STREAM_NEVER;
	uint64_t now_ns, wait_usec;
	struct timeval wait;

	for (int i = 0; i < STREAM_DUES; i++)
		if (stream->due_ns[i] < earliest_ns)
			earliest_ns = stream->due_ns[i];
	if (earliest_ns == STREAM_NEVER) {
		(void)event_del(stream->wake);
		return;
	}
	now_ns = stream_now_ns();
	wait_usec = earliest_ns > now_ns ? (earliest_ns - now_ns) / NS_PER_USEC + 1 : 0;
	wait = (struct timeval){ (time_t)(wait_usec / 1000000),
				 (suseconds_t)(wait_usec % 1000000) };
	(void)event_add(stream->wake, &wait);
}

void stream_schedule(struct stream *stream)
{
	if (stream->pumping)
		stream->pump_again = true;
	else
		event_active(stream->wake, EV_TIMEOUT, 0);
}

/* ---- the pump ---- */

static bool finish_task(struct stream *stream)
{
	if (!stream->task.over)
		return false;
	stream->task.over = false;
	stream->task.then(stream, stream->task.request.result);
	return true;
}

static bool turn(struct stream *stream)
{
	bool moved = finish_task(stream);

	if (stream->state == STREAM_STATE_OPENING || stream->ended)
		return moved && !stream->ended;
	run_timers(stream);
	moved |= stream_ring_look_lazily(stream);
	stream_perform(stream);
	moved |= stream->outlet ? stream_outlet_move(stream) : stream_transfer(stream);
	stream_perform(stream);
	moved |= perform_deferred(stream);
	return moved;
}

static void tell_progress(struct stream *stream)
{
	uint64_t done = stream_done_position(stream);

	if (done == stream->last_progress || stream->ended)
		return;
	stream->last_progress = done;
	stream_tell(stream, STREAM_EVENT_PROGRESS);
}

void stream_pump(struct stream *stream)
{
	if (stream->ended) {
		if (stream->due_ns[STREAM_DUE_FORGET] <= stream_now_ns())
			stream_free(stream);
		return;
	}
	if (stream->pumping) {
		stream->pump_again = true;
		return;
	}

	stream->pumping = true;
	do {
		stream->pump_again = false;
		while (turn(stream))
			;
		stream_ring_tell(stream);
	} while (stream->pump_again || stream_ring_sleep(stream));
	tell_progress(stream);
	stream->pumping = false;

	if (stream->state == STREAM_STATE_OPENING)
		return;
	/* First of all: whoever is answered may make the pump run once more. */
	if (!stream->ended)
		stream_arm(stream);
	stream_waits_check(stream);
	if (stream->ended)
		stream_retire(stream);
}

/* ---- tasks ---- */

static void task_done(struct io_request *request)
{
	struct stream *stream = request->owner;

	stream->task.over = true;
	stream_pump(stream);
}

static void task_try(struct stream *stream)
{
	struct stream_task *task = &stream->task;

	switch (engine_submit(stream->registry->engine, &task->request)) {
	case ENGINE_QUEUED:
		break;
	case ENGINE_DONE:
		task->over = true;
		stream_schedule(stream);
		break;
	case ENGINE_BUSY:
		task->waiter.device = task->request.device;
		task->waiter.group = stream->user->uid;
		engine_on_room(stream->registry->engine, &task->waiter);
		break;
	}
}

static void task_room(struct engine_waiter *waiter)
{
	task_try(waiter->owner);
}

void stream_task_init(struct stream *stream)
{
	engine_waiter_init(&stream->task.waiter);
	stream->task.waiter.room = task_room;
	stream->task.waiter.owner = stream;
}

void stream_task_submit(struct stream *stream, void (*then)(struct stream *, int64_t))
{
	struct io_request *request = &stream->task.request;

	stream->task.then = then;
	request->path = stream->absolute_path;
	request->device = stream->device;
	request->directory = stream->directory;
	request->done = task_done;
	request->owner = stream;
	task_try(stream);
}

void stream_task_run(struct stream *stream, const char *name, int (*run)(struct io_request *),
		     void (*then)(struct stream *, int64_t))
{
	struct io_request *request = &stream->task.request;

	request->operation = IO_RUN;
	request->name = name;
	request->run = run;
	stream_task_submit(stream, then);
}
