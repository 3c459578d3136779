/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Those who wait for a level. A wait remembers how much had been accepted when it began; it
 * is answered when the stream has come that far, has failed, or its deadline has passed.
 */

#include "config.h"

#include <errno.h>

#include <event2/event.h>

#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

#define TIMEOUT_DEFAULT_USEC INT64_C(30000000)

static void end_wait(struct stream_wait *wait)
{
	list_remove(&wait->link);
	if (wait->deadline)
		event_free(wait->deadline);
	wait->deadline = NULL;
}

void stream_wait_cancel(struct stream_wait *wait)
{
	end_wait(wait);
}

static void answer(struct stream_wait *wait, int result, const struct refusal *refusal)
{
	end_wait(wait);
	wait->done(wait, result, refusal);
}

/* What kept the stream from its end: its fault, or that it was given up. */
static int refuse_ended(const struct stream *stream, struct refusal *refusal)
{
	struct fault fault = stream->fault;

	if (!fault_is_set(&fault))
		fault_set(&fault, "abort", ECANCELED, stream->absolute_path, -1);
	return refuse_failed(refusal, stream->id, &fault);
}

static bool is_reached(const struct stream *stream, const struct stream_wait *wait)
{
	switch (wait->level) {
	case STREAM_WAIT_DRAIN:
		/* To one that is about to fail no drain comes. */
		return !stream->stopping && !flow_needs_drain(&stream->flow);
	case STREAM_WAIT_WRITTEN:
		return stream->written >= wait->position;
	case STREAM_WAIT_SYNCED:
		return stream->synced >= wait->position;
	case STREAM_WAIT_PUBLISHED:
		return stream->published && stream->state == STREAM_STATE_FINISHED;
	case STREAM_WAIT_FINISH:
		break;
	}
	return stream->state == STREAM_STATE_FINISHED;
}

/* A level that can no longer be reached: the bytes may be lost, whatever was written. */
static bool is_hopeless(const struct stream *stream, const struct stream_wait *wait)
{
	if (stream->state == STREAM_STATE_FAILED || stream->state == STREAM_STATE_ABORTED)
		return true;
	if (stream->stopping)
		return stream->terminal_told;
	/* Finished, but making the name durable failed. */
	return stream->ended && wait->level == STREAM_WAIT_PUBLISHED && !stream->published;
}

void stream_waits_check(struct stream *stream)
{
	struct list ready = LIST_INIT(ready);
	struct refusal refusal;

	/* Whoever is answered may begin another wait, or end one: take them off first. */
	list_for_each(link, &stream->waits) {
		struct stream_wait *wait = container_of(link, struct stream_wait, link);

		if (is_hopeless(stream, wait) || is_reached(stream, wait)) {
			list_remove(link);
			list_append(&ready, link);
		}
	}
	for (struct list *link; (link = list_first(&ready));) {
		struct stream_wait *wait = container_of(link, struct stream_wait, link);

		if (is_hopeless(stream, wait))
			answer(wait, refuse_ended(stream, &refusal), &refusal);
		else
			answer(wait, 0, NULL);
	}
}

void stream_waits_drop(struct stream *stream)
{
	for (struct list *link; (link = list_first(&stream->waits));)
		answer(container_of(link, struct stream_wait, link), -ECANCELED, NULL);
}

bool stream_waits_for_sync(const struct stream *stream)
{
	list_for_each(link, &stream->waits) {
		const struct stream_wait *wait = container_of(link, struct stream_wait, link);

		if (wait->level == STREAM_WAIT_SYNCED && wait->position > stream->synced)
			return true;
	}
	return false;
}

bool stream_waits_for_written(const struct stream *stream)
{
	list_for_each(link, &stream->waits) {
		const struct stream_wait *wait = container_of(link, struct stream_wait, link);

		if ((wait->level == STREAM_WAIT_WRITTEN || wait->level == STREAM_WAIT_SYNCED) &&
		    wait->position > stream->written)
			return true;
	}
	return false;
}

static void on_deadline(evutil_socket_t unused_fd, short unused_events, void *data)
{
	struct stream_wait *wait = data;
	struct refusal refusal;

	(void)unused_fd;
	(void)unused_events;
	answer(wait, refuse_id(&refusal, REFUSAL_TIMED_OUT, wait->stream->id), &refusal);
}

static int choose_level(const struct stream *stream, int64_t level, int64_t timeout_usec,
			enum stream_wait_level *ret_level, struct refusal *refusal)
{
	/* One that is about to fail counts as ended: its waiters hear why. */
	bool ended = flow_is_ended(&stream->flow) || stream->ended || stream->stopping;

	if (level == OPTION_UNSET) {
		/* The ack level; for published, what of it can be had before the end. */
		bool synced = stream->options.ack != STREAM_ACK_WRITTEN;

		level = !synced ? STREAM_WAIT_WRITTEN : STREAM_WAIT_SYNCED;
		if (stream->options.ack == STREAM_ACK_PUBLISHED && ended)
			level = STREAM_WAIT_PUBLISHED;
	}
	*ret_level = (enum stream_wait_level)level;
	if (stream->target == STREAM_TARGET_OUTLET &&
	    (level == STREAM_WAIT_SYNCED || level == STREAM_WAIT_PUBLISHED))
		return refuse_text(refusal, REFUSAL_PARAMETER, "level");
	if (flow_corked(&stream->flow) > 0 && !ended)
		return refuse_text(refusal, REFUSAL_PARAMETER, "level");
	if (!ended && timeout_usec == OPTION_UNSET &&
	    (level == STREAM_WAIT_PUBLISHED || level == STREAM_WAIT_FINISH)) {
		(void)refuse_id(refusal, REFUSAL_WRONG_STATE, stream->id);
		refusal->first = stream->state;
		return REFUSED;
	}
	return 0;
}

static int arm_deadline(struct stream_wait *wait, struct event_base *base, int64_t timeout_usec)
{
	struct timeval deadline = { timeout_usec / 1000000, timeout_usec % 1000000 };

	if (timeout_usec == 0)
		return 0;
	wait->deadline = event_new(base, -1, EV_TIMEOUT, on_deadline, wait);
	if (!wait->deadline || event_add(wait->deadline, &deadline) < 0) {
		if (wait->deadline)
			event_free(wait->deadline);
		wait->deadline = NULL;
		return -ENOMEM;
	}
	return 0;
}

/* For one that has ended, whose pump runs no more. */
static void on_ended(evutil_socket_t unused_fd, short unused_events, void *data)
{
	struct stream_wait *wait = data;
	struct refusal refusal;

	(void)unused_fd;
	(void)unused_events;
	if (is_hopeless(wait->stream, wait))
		answer(wait, refuse_ended(wait->stream, &refusal), &refusal);
	else
		answer(wait, 0, NULL);
}

int stream_wait(struct stream *stream, struct stream_wait *wait, int64_t level,
		int64_t timeout_usec, struct refusal *refusal)
{
	int r;

	if (timeout_usec != OPTION_UNSET && timeout_usec < 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, "timeoutUSec");
	/* What stands in the ring counts, `ended` too. */
	if (!stream->ended && stream->ring.bytes > 0)
		(void)stream_ring_look(stream);
	r = choose_level(stream, level, timeout_usec, &wait->level, refusal);
	if (r != 0)
		return r;
	list_init(&wait->link);
	wait->stream = stream;
	wait->position = stream->accepted;
	wait->deadline = NULL;
	if (stream->ended) {
		wait->deadline = event_new(stream->registry->base, -1, EV_TIMEOUT, on_ended, wait);
		if (!wait->deadline)
			return -ENOMEM;
		list_append(&stream->waits, &wait->link);
		event_active(wait->deadline, EV_TIMEOUT, 0);
		return 0;
	}
	r = arm_deadline(wait, stream->registry->base,
			 timeout_usec == OPTION_UNSET ? TIMEOUT_DEFAULT_USEC : timeout_usec);
	if (r < 0)
		return r;
	list_append(&stream->waits, &wait->link);
	stream_schedule(stream);
	return 0;
}
