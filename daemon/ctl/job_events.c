/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/job_events.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "daemon/base/list.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/service.h"
#include "daemon/ctl/view.h"
#include "daemon/objects/jobs.h"
#include "daemon/objects/registry.h"
#include "proto/args.h"

/*
 * An event that waits, as the reply that it will be: the job goes on meanwhile. A result waits
 * for its row, and all that happened later waits behind it, so that events come in their order.
 * Who subscribes while results wait is shown the jobs before these, and has not heard of them:
 * what became of each such job is told as its state, once the last of its rows is written.
 */
struct queued {
	struct list link; /* subscription::queue */
	uint64_t job;
	uint64_t unsaved_run; /* it tells of this one, whose row is not written; 0: of none */
	struct call_text text;
};

struct subscription {
	struct call *call;
	struct job_observer observer;
	uint64_t id; /* 0: all jobs */
	struct list queue;
	size_t queue_bytes;
	uint64_t lost;
	bool doomed; /* no memory: the connection is to be dropped */
};

static void queued_free(struct subscription *subscription, struct queued *queued)
{
	list_remove(&queued->link);
	subscription->queue_bytes -= sizeof(*queued) + queued->text.length;
	free(queued->text.bytes);
	free(queued);
}

static void subscription_free(struct subscription *subscription)
{
	struct list *link;

	job_unobserve(&subscription->observer);
	while ((link = list_first(&subscription->queue)))
		queued_free(subscription, container_of(link, struct queued, link));
	free(subscription);
}

static void cancel(struct call *call)
{
	subscription_free(call->data);
}

static void produce(struct call *call);

static void wake(struct subscription *subscription)
{
	subscription->call->produce = produce;
	call_wake(subscription->call);
}

/* An observer must not change a job, and dropping the connection may: so produce() does it. */
static void doom(struct subscription *subscription)
{
	subscription->doomed = true;
	wake(subscription);
}

static const char *event_name(enum job_event event)
{
	return event == JOB_EVENT_PROGRESS ? "progress" :
	       event == JOB_EVENT_RESULT   ? "result" :
					     "state";
}

static int enqueue(struct subscription *subscription, const struct job *job, enum job_event event,
		   const struct job_record *record, uint64_t unsaved_run)
{
	bool continues = event != JOB_EVENT_GONE || subscription->id == 0;
	struct queued *queued = calloc(1, sizeof(*queued));
	struct job_runtime runtime;
	struct refusal refusal;
	struct args args;

	if (!queued)
		return -ENOMEM;
	job_get_runtime(job, &runtime);
	args_init(&args);
	args_add_string(&args, "event", event_name(event));
	view_id(&args, "id", ID_JOB, runtime.id);
	view_job_runtime(&args, &runtime);
	if (record)
		view_record(&args, "run", record);
	if (call_build_text(subscription->call, &args, continues, &queued->text, &refusal)) {
		free(queued);
		return -ENOMEM;
	}
	queued->job = runtime.id;
	queued->unsaved_run = unsaved_run;
	list_append(&subscription->queue, &queued->link);
	subscription->queue_bytes += sizeof(*queued) + queued->text.length;
	wake(subscription);
	return 0;
}

static void on_event(struct job_observer *observer, struct job *job, enum job_event event,
		     const struct job_record *record)
{
	struct subscription *subscription = observer->owner;
	size_t limit = call_service(subscription->call)->limits.event_queue_bytes;
	bool ends_call = event == JOB_EVENT_GONE && subscription->id != 0;
	struct job_runtime runtime;

	job_get_runtime(job, &runtime);
	if (subscription->id != 0 ? subscription->id != runtime.id :
				    !user_may_use(call_user(subscription->call), runtime.owner_uid))
		return;
	if (event == JOB_EVENT_PROGRESS && !list_is_empty(&subscription->queue))
		return;
	if (subscription->queue_bytes >= limit && !ends_call) {
		subscription->lost++;
		call_service(subscription->call)->counters.events_dropped++;
		return;
	}
	if (enqueue(subscription, job, event, record, record ? record->run : 0) < 0)
		doom(subscription);
}

static void on_run_saved(struct job_observer *observer, uint64_t job_id, uint64_t run)
{
	struct subscription *subscription = observer->owner;

	list_for_each(link, &subscription->queue) {
		struct queued *queued = container_of(link, struct queued, link);

		if (queued->job != job_id || queued->unsaved_run != run)
			continue;
		queued->unsaved_run = 0;
		wake(subscription);
		return;
	}
}

/* After a gap: how much is missing. */
static void send_overflow(struct subscription *subscription)
{
	struct call *call = subscription->call;
	struct refusal refusal;
	struct call_text text;
	struct args args;

	args_init(&args);
	args_add_string(&args, "event", "overflow");
	view_count(&args, "lost", subscription->lost);
	if (call_build_text(call, &args, true, &text, &refusal)) {
		call_drop_client(call, "no memory for an event");
		return;
	}
	subscription->lost = 0;
	call_send_text(call, &text);
	free(text.bytes);
}

static void send_queued(struct subscription *subscription, struct queued *queued)
{
	struct call *call = subscription->call;
	struct call_text text = queued->text;

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

/* Sends the next reply, if there is one. The call may be gone when it returns. */
static void produce(struct call *call)
{
	struct subscription *subscription = call->data;
	struct list *link = list_first(&subscription->queue);
	struct queued *first = link ? container_of(link, struct queued, link) : NULL;

	if (subscription->doomed)
		call_drop_client(call, "no memory for an event");
	else if (first && first->unsaved_run != 0)
		call->produce = NULL;
	else if (first)
		send_queued(subscription, first);
	else if (subscription->lost > 0)
		send_overflow(subscription);
	else
		call->produce = NULL;
}

static bool catch_up(void *data, struct job *job)
{
	struct subscription *subscription = data;
	uint64_t run = job_unsaved_run(job);

	if (run == 0 || enqueue(subscription, job, JOB_EVENT_STATE, NULL, run) == 0)
		return true;
	doom(subscription);
	return false;
}

int job_events_subscribe(struct call *call, struct job *job, struct refusal *refusal)
{
	struct subscription *subscription = calloc(1, sizeof(*subscription));
	struct job_runtime runtime;
	struct call_text text;
	struct args args;
	int r;

	if (!subscription)
		return -ENOMEM;
	args_init(&args);
	args_add_bool(&args, "ready", true);
	if (job) {
		job_get_shown(job, &runtime);
		subscription->id = runtime.id;
		view_id(&args, "id", ID_JOB, runtime.id);
		view_job_runtime(&args, &runtime);
	}
	r = call_build_text(call, &args, true, &text, refusal);
	if (r) {
		free(subscription);
		return r;
	}
	list_init(&subscription->queue);
	subscription->call = call;
	subscription->observer.event = on_event;
	subscription->observer.run_saved = on_run_saved;
	subscription->observer.owner = subscription;
	job_observe_all(call_user(call)->registry, &subscription->observer);
	call->data = subscription;
	call->cancel = cancel;
	if (job)
		(void)catch_up(subscription, job);
	else
		job_for_each(call_user(call), catch_up, subscription);
	call_send_text(call, &text);
	free(text.bytes);
	return 0;
}
