/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/events.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>

#include <event2/event.h>

#include "daemon/base/list.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/service.h"
#include "daemon/ctl/view.h"
#include "daemon/io/clock.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/streams.h"
#include "proto/args.h"

/* An event that waits, as the reply that it will be: the stream goes on meanwhile. */
struct queued {
	struct list link; /* subscription::queue */
	uint64_t id;
	enum stream_event event;
	bool is_last;	       /* the call's last reply */
	uint32_t repeats;      /* to be sent so often */
	struct call_text text; /* without bytes: not made yet */
};

/* What a subscription knows of one stream's progress. */
struct progress {
	struct list link; /* subscription::progresses */
	uint64_t id;
	uint64_t next_ns; /* not to be told before */
	bool due;	  /* there is something to tell */
};

struct subscription {
	struct call *call;
	struct stream_observer observer;
	uint64_t id; /* 0: all streams */
	uint32_t wanted;
	uint64_t interval_ns;
	struct list queue; /* queued::link, in order */
	size_t queue_bytes;
	uint64_t lost;
	struct list progresses; /* progress::link */
	struct event *timer;	/* on while a progress is due later */
	const char *doomed;	/* the connection is to be dropped, and why */
};

/*
 * Once the queue is full, what must not be left out is held in brief; of several streams, up
 * to so many times the bound.
 */
#define BRIEF_SHARE 4

#define BIT(event) (UINT32_C(1) << (event))
#define MAY_BE_LEFT_OUT                                                                            \
	(BIT(STREAM_EVENT_OPEN) | BIT(STREAM_EVENT_PAUSED) | BIT(STREAM_EVENT_RESUMED))

static size_t cost(const struct queued *queued)
{
	return sizeof(*queued) + queued->text.length;
}

static void queued_free(struct subscription *subscription, struct queued *queued)
{
	list_remove(&queued->link);
	subscription->queue_bytes -= cost(queued);
	free(queued->text.bytes);
	free(queued);
}

static void subscription_free(struct subscription *subscription)
{
	struct list *link;

	stream_unobserve(&subscription->observer);
	while ((link = list_first(&subscription->queue)))
		queued_free(subscription, container_of(link, struct queued, link));
	while ((link = list_take_first(&subscription->progresses)))
		free(container_of(link, struct progress, link));
	if (subscription->timer)
		event_free(subscription->timer);
	free(subscription);
}

static void cancel(struct call *call)
{
	subscription_free(call->data);
}

static uint64_t id_of(const struct stream *stream)
{
	struct stream_runtime runtime;

	stream_get_runtime(stream, &runtime);
	return runtime.id;
}

static void produce(struct call *call);

static void wake(struct subscription *subscription)
{
	subscription->call->produce = produce;
	call_wake(subscription->call);
}

/*
 * An observer must not end a stream, and dropping the connection may end those that it
 * holds: so it is done later, by produce().
 */
static void doom(struct subscription *subscription, const char *reason)
{
	subscription->doomed = reason;
	wake(subscription);
}

/* The reply for one event. NULL: nothing is known of the stream any more. */
static int build(struct subscription *subscription, const char *event, const struct stream *stream,
		 bool continues, struct call_text *ret_text)
{
	struct refusal refusal;
	struct args args;

	args_init(&args);
	args_add_string(&args, "event", event);
	if (stream) {
		view_id(&args, "id", ID_STREAM, id_of(stream));
		view_stream_runtime(&args, stream);
	}
	if (strcmp(event, "overflow") == 0)
		view_count(&args, "lost", subscription->lost);
	return call_build_text(subscription->call, &args, continues, ret_text, &refusal);
}

/*
 * Queue
 */

static void leave_out(struct subscription *subscription)
{
	subscription->lost++;
	call_service(subscription->call)->counters.events_dropped++;
}

static void purge(struct subscription *subscription)
{
	list_for_each(link, &subscription->queue) {
		struct queued *queued = container_of(link, struct queued, link);

		if (!(BIT(queued->event) & MAY_BE_LEFT_OUT))
			continue;
		queued_free(subscription, queued);
		leave_out(subscription);
	}
}

/* A drain that waits already and after which nothing else of its stream does. */
static struct queued *find_drain(struct subscription *subscription, uint64_t id)
{
	struct list *link;

	for (link = subscription->queue.previous; link != &subscription->queue;
	     link = link->previous) {
		struct queued *queued = container_of(link, struct queued, link);

		if (queued->id == id)
			return queued->event == STREAM_EVENT_DRAIN ? queued : NULL;
	}
	return NULL;
}

/* How an event that just happened is to be held. */
enum place {
	PLACE_WHOLE, /* as the reply that it will be */
	PLACE_BRIEF, /* as its name only; the runtime is looked up when it is sent */
	PLACE_NONE,  /* left out, or held together with another */
};

static enum place find_place(struct subscription *subscription, uint64_t id,
			     enum stream_event event)
{
	size_t limit = call_service(subscription->call)->limits.event_queue_bytes;
	struct queued *drain;

	if (subscription->queue_bytes < limit)
		return PLACE_WHOLE;
	if (BIT(event) & MAY_BE_LEFT_OUT) {
		leave_out(subscription);
		return PLACE_NONE;
	}
	purge(subscription);
	drain = event == STREAM_EVENT_DRAIN ? find_drain(subscription, id) : NULL;
	if (drain) {
		drain->repeats++;
		return PLACE_NONE;
	}
	if (subscription->queue_bytes < BRIEF_SHARE * limit || subscription->id != 0)
		return PLACE_BRIEF;
	leave_out(subscription);
	return PLACE_NONE;
}

static void enqueue(struct subscription *subscription, const struct stream *stream,
		    enum stream_event event)
{
	bool is_last = event == STREAM_EVENT_CLOSE && subscription->id != 0;
	enum place place = find_place(subscription, id_of(stream), event);
	struct queued *queued;

	if (place == PLACE_NONE)
		return;
	queued = calloc(1, sizeof(*queued));
	if (!queued || (place == PLACE_WHOLE && build(subscription, stream_event_name(event),
						      stream, !is_last, &queued->text))) {
		free(queued);
		doom(subscription, "no memory for an event");
		return;
	}
	list_init(&queued->link);
	queued->id = id_of(stream);
	queued->event = event;
	queued->is_last = is_last;
	queued->repeats = 1;
	list_append(&subscription->queue, &queued->link);
	subscription->queue_bytes += cost(queued);
	wake(subscription);
}

/*
 * Progress
 */

static struct progress *find_progress(struct subscription *subscription, uint64_t id)
{
	list_for_each(link, &subscription->progresses) {
		struct progress *progress = container_of(link, struct progress, link);

		if (progress->id == id)
			return progress;
	}
	return NULL;
}

static void forget_progress(struct subscription *subscription, uint64_t id)
{
	struct progress *progress = find_progress(subscription, id);

	if (progress) {
		list_remove(&progress->link);
		free(progress);
	}
}

static void set_timer(struct subscription *subscription, uint64_t delay_ns)
{
	const struct timeval delay = {
		.tv_sec = (time_t)(delay_ns / 1000000000),
		.tv_usec = (suseconds_t)(delay_ns % 1000000000 / 1000) + 1,
	};

	(void)evtimer_add(subscription->timer, &delay);
}

static void note_progress(struct subscription *subscription, uint64_t id)
{
	struct progress *progress = find_progress(subscription, id);

	if (!progress) {
		progress = calloc(1, sizeof(*progress));
		if (!progress) {
			leave_out(subscription);
			return;
		}
		progress->id = id;
		list_append(&subscription->progresses, &progress->link);
	} else if (progress->due && !call_has_room(subscription->call)) {
		/* One that nobody could be told of is followed by another. */
		leave_out(subscription);
	}
	progress->due = true;
	wake(subscription);
}

/* The stream whose progress is to be told now. NULL: none is, and the timer is set. */
static struct stream *next_progress(struct subscription *subscription)
{
	uint64_t now = clock_monotonic_ns(), earliest = UINT64_MAX;
	struct user *user = call_user(subscription->call);
	struct refusal refusal;
	struct stream *stream;

	list_for_each(link, &subscription->progresses) {
		struct progress *progress = container_of(link, struct progress, link);

		if (!progress->due)
			continue;
		if (progress->next_ns > now) {
			if (progress->next_ns < earliest)
				earliest = progress->next_ns;
			continue;
		}
		progress->due = false;
		progress->next_ns = now + subscription->interval_ns;
		if (stream_find(user, progress->id, &stream, &refusal) == 0)
			return stream;
		list_remove(&progress->link);
		free(progress);
	}
	if (earliest != UINT64_MAX)
		set_timer(subscription, earliest - now);
	return NULL;
}

static bool mark_one(void *data, struct stream *stream)
{
	struct subscription *subscription = data;
	struct stream_runtime runtime;

	stream_get_runtime(stream, &runtime);
	if (subscription->id == 0 && !stream_state_is_terminal(runtime.state))
		note_progress(subscription, runtime.id);
	return true;
}

static void on_timer(evutil_socket_t fd, short what, void *data)
{
	(void)fd;
	(void)what;
	wake(data);
}

/*
 * Sending. Each of these may find that the connection cannot go on, and then the call and
 * the subscription are gone when it returns.
 */

static void send_now(struct subscription *subscription, const char *event,
		     const struct stream *stream)
{
	struct call *call = subscription->call;
	struct call_text text;

	if (build(subscription, event, stream, true, &text)) {
		call_drop_client(call, "no memory for an event");
		return;
	}
	if (strcmp(event, "overflow") == 0)
		subscription->lost = 0;
	call_send_text(call, &text);
	free(text.bytes);
}

/* After a gap: how much is missing, and how things are by now. */
static void send_overflow(struct subscription *subscription)
{
	struct user *user = call_user(subscription->call);
	struct stream *stream = NULL;
	struct refusal refusal;

	if (subscription->id != 0 && stream_find(user, subscription->id, &stream, &refusal) != 0)
		stream = NULL;
	if (subscription->wanted & BIT(STREAM_EVENT_PROGRESS))
		stream_for_each(user, mark_one, subscription);
	send_now(subscription, "overflow", stream);
}

/* What was held in brief; a stream that is forgotten by now is named, and no more. */
static int complete(struct subscription *subscription, struct queued *queued)
{
	const char *event = stream_event_name(queued->event);
	struct refusal refusal;
	struct stream *stream;
	struct args args;
	int r;

	if (stream_find(call_user(subscription->call), queued->id, &stream, &refusal) == 0) {
		r = build(subscription, event, stream, !queued->is_last, &queued->text);
	} else {
		args_init(&args);
		args_add_string(&args, "event", event);
		view_id(&args, "id", ID_STREAM, queued->id);
		r = call_build_text(subscription->call, &args, !queued->is_last, &queued->text,
				    &refusal);
	}
	if (r == 0)
		subscription->queue_bytes += queued->text.length;
	return r;
}

static void send_queued(struct subscription *subscription, struct queued *queued)
{
	struct call *call = subscription->call;
	struct call_text text;

	if (!queued->text.bytes && complete(subscription, queued)) {
		call_drop_client(call, "no memory for an event");
		return;
	}
	text = queued->text;
	if (--queued->repeats > 0) {
		call_send_text(call, &text);
		return;
	}
	queued->text.bytes = NULL;
	queued_free(subscription, queued);
	if (!text.continues) {
		subscription_free(subscription);
		call->cancel = NULL;
		call->produce = NULL;
	}
	call_send_text(call, &text);
	free(text.bytes);
}

/* Sends the next reply, if there is one. */
static void produce(struct call *call)
{
	struct subscription *subscription = call->data;
	struct list *link = list_first(&subscription->queue);
	struct stream *stream;

	if (subscription->doomed) {
		call_drop_client(call, subscription->doomed);
		return;
	}
	if (subscription->lost > 0) {
		send_overflow(subscription);
		return;
	}
	if (link) {
		send_queued(subscription, container_of(link, struct queued, link));
		return;
	}
	stream = next_progress(subscription);
	if (stream)
		send_now(subscription, stream_event_name(STREAM_EVENT_PROGRESS), stream);
	else
		call->produce = NULL;
}

static void on_event(struct stream_observer *observer, struct stream *stream,
		     enum stream_event event)
{
	struct subscription *subscription = observer->owner;
	struct stream_runtime runtime;
	bool ends_call = event == STREAM_EVENT_CLOSE && subscription->id != 0;

	stream_get_runtime(stream, &runtime);
	if (!user_may_use(call_user(subscription->call), runtime.owner_uid))
		return;
	if (event == STREAM_EVENT_CLOSE)
		forget_progress(subscription, runtime.id);
	if (!(subscription->wanted & BIT(event)) && !ends_call)
		return;
	if (event == STREAM_EVENT_PROGRESS)
		note_progress(subscription, runtime.id);
	else
		enqueue(subscription, stream, event);
}

static int subscription_new(struct call *call, const struct subscription_request *request,
			    struct subscription **ret_subscription)
{
	struct subscription *subscription = calloc(1, sizeof(*subscription));

	if (!subscription)
		return -ENOMEM;
	subscription->call = call;
	list_init(&subscription->observer.link);
	subscription->observer.event = on_event;
	subscription->observer.owner = subscription;
	subscription->id = request->stream ? id_of(request->stream) : 0;
	subscription->wanted = request->wanted;
	subscription->interval_ns = request->progress_interval_ns;
	list_init(&subscription->queue);
	list_init(&subscription->progresses);
	subscription->timer = evtimer_new(call_service(call)->base, on_timer, subscription);
	if (!subscription->timer) {
		subscription_free(subscription);
		return -ENOMEM;
	}
	*ret_subscription = subscription;
	return 0;
}

int events_subscribe(struct call *call, const struct subscription_request *request,
		     struct refusal *refusal)
{
	struct subscription *subscription;
	struct call_text text;
	struct args args;
	int r = subscription_new(call, request, &subscription);

	if (r)
		return r;
	args_init(&args);
	args_add_bool(&args, "ready", true);
	if (request->stream) {
		view_id(&args, "id", ID_STREAM, subscription->id);
		view_stream_runtime(&args, request->stream);
	}
	r = call_build_text(call, &args, true, &text, refusal);
	if (r) {
		subscription_free(subscription);
		return r;
	}

	call->data = subscription;
	call->cancel = cancel;
	if (!request->stream)
		stream_observe_all(call_user(call)->registry, &subscription->observer);
	else if (!stream_is_closed(request->stream))
		stream_observe(request->stream, &subscription->observer);
	else
		enqueue(subscription, request->stream, STREAM_EVENT_CLOSE);
	call_send_text(call, &text);
	free(text.bytes);
	return 0;
}
