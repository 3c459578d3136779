/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/streams.h"

#include <errno.h>

#include "daemon/base/log.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

#define NS_PER_USEC UINT64_C(1000)

/* ---- looking ---- */

int stream_find(struct user *user, uint64_t id, struct stream **ret_stream, struct refusal *refusal)
{
	struct stream *stream = id_map_find(&user->registry->streams, id);

	if (!stream || stream->state == STREAM_STATE_OPENING ||
	    !user_may_use(user, stream->user->uid))
		return refuse_id(refusal, REFUSAL_NO_SUCH_STREAM, id);
	/* A hung disk wakes nobody: whoever asks hears of what stands in the ring all the same. */
	if (!stream->pumping && stream_ring_look(stream))
		stream_schedule(stream);
	*ret_stream = stream;
	return 0;
}

void stream_get_runtime(const struct stream *stream, struct stream_runtime *ret_runtime)
{
	bool live = !stream->ended;
	uint64_t blocked_ns = stream->blocked_ns;

	if (stream->blocked_since_ns != 0 && live)
		blocked_ns += stream_now_ns() - stream->blocked_since_ns;
	*ret_runtime = (struct stream_runtime){
		.id = stream->id,
		.state = stream->state,
		.owner_uid = stream->user->uid,
		.writable_length = live ? flow_length(&stream->flow) : 0,
		.need_drain = live && flow_needs_drain(&stream->flow),
		.corked = live ? flow_corked(&stream->flow) : 0,
		.attached = stream->holder != NULL,
		.sequence = stream->sequence,
		.done_sequence = stream->done_sequence,
		.bytes_accepted = stream->accepted,
		.bytes_written = stream->written,
		.bytes_synced = stream->synced,
		.drains = stream->drains,
		.blocked_usec = blocked_ns / NS_PER_USEC,
		.path = stream->absolute_path,
		.digest = stream->digest[0] != '\0' ? stream->digest : NULL,
		.fault = fault_is_set(&stream->fault) ? &stream->fault : NULL,
	};
}

void stream_get_context(const struct stream *stream, struct stream_context *ret_context)
{
	*ret_context = (struct stream_context){
		.options = &stream->options,
		.store = stream->store,
		.path = stream->path,
		.labels = &stream->labels,
		.target = stream->target,
	};
}

bool stream_is_closed(const struct stream *stream)
{
	return stream->ended;
}

const char *stream_token(const struct stream *stream)
{
	return stream->token;
}

static bool for_each_of(struct user *owner, bool (*each)(void *data, struct stream *stream),
			void *data)
{
	list_for_each(link, &owner->streams) {
		struct stream *stream = container_of(link, struct stream, user_link);

		if (stream->state != STREAM_STATE_OPENING && !each(data, stream))
			return false;
	}
	return true;
}

void stream_for_each(struct user *user, bool (*each)(void *data, struct stream *stream), void *data)
{
	if (user->uid != 0) {
		(void)for_each_of(user, each, data);
		return;
	}
	list_for_each(link, &user->registry->users)
		if (!for_each_of(container_of(link, struct user, registry_link), each, data))
			return;
}

/* ---- refusing ---- */

int stream_refuse_state(const struct stream *stream, struct refusal *refusal)
{
	(void)refuse_id(refusal, REFUSAL_WRONG_STATE, stream->id);
	refusal->first = stream->state;
	return REFUSED;
}

/* A stream that is over, or about to be: why nothing can be done with it any more. */
int stream_refuse_if_over(const struct stream *stream, struct refusal *refusal)
{
	if (stream->state == STREAM_STATE_FAILED || (stream->stopping && stream->fault.operation))
		return refuse_failed(refusal, stream->id, &stream->fault);
	if (stream->stopping || stream_state_is_terminal(stream->state))
		return stream_refuse_state(stream, refusal);
	return 0;
}

int stream_refuse_if_held(const struct stream *stream, const struct holder *holder,
			  struct refusal *refusal)
{
	if (stream->holder && stream->holder != holder)
		return refuse(refusal, REFUSAL_PERMISSION);
	return 0;
}

bool stream_has_ended(const struct stream *stream)
{
	return stream->state == STREAM_STATE_FINISHED || stream->state == STREAM_STATE_ENDING ||
	       (!stream->ended && flow_is_ended(&stream->flow));
}

/* ---- steering ---- */

int stream_pause(struct stream *stream, struct refusal *refusal)
{
	int r = stream_refuse_if_over(stream, refusal);

	if (r != 0)
		return r;
	if (stream_is_publishing(stream) && !stream_rotate_is_placing(stream))
		return stream_refuse_state(stream, refusal);
	stream->pause_asked = true;
	if (stream->state == STREAM_STATE_PAUSED)
		return 0;
	flow_hold(&stream->flow, true);
	stream_set_state(stream, STREAM_STATE_PAUSED);
	stream_tell(stream, STREAM_EVENT_PAUSED);
	stream_schedule(stream);
	return 0;
}

void stream_go_on(struct stream *stream)
{
	/* What paused it is over; if it is not, the next write says so again. */
	if (stream->error_pause) {
		stream->error_pause = false;
		stream->fault.operation = NULL;
		stream_set_due(stream, STREAM_DUE_RETRY, STREAM_NEVER);
		stream_retry_held(stream);
	}
	stream->pause_asked = false;
	flow_hold(&stream->flow, false);
	stream_set_state(stream,
			 flow_is_ended(&stream->flow) ? STREAM_STATE_ENDING : STREAM_STATE_OPEN);
	stream_tell(stream, STREAM_EVENT_RESUMED);
	if (stream->final_held) {
		stream->final_held = false;
		stream_publish_begin(stream);
	}
	stream_schedule(stream);
}

int stream_resume(struct stream *stream, struct refusal *refusal)
{
	int r = stream_refuse_if_over(stream, refusal);

	if (r != 0)
		return r;
	if (stream->state == STREAM_STATE_PAUSED)
		stream_go_on(stream);
	return 0;
}

int stream_set_rate(struct stream *stream, int64_t bytes_per_second, struct refusal *refusal)
{
	int r = stream_refuse_if_over(stream, refusal);

	if (r != 0)
		return r;
	if (bytes_per_second < 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, "rateBytesPerSecond");
	stream->options.rate_bytes_per_second = bytes_per_second;
	pace_set_rate(&stream->pace, (uint64_t)bytes_per_second, stream_now_ns());
	stream_schedule(stream);
	return 0;
}

void stream_give_up(struct stream *stream)
{
	/* What only paused it is told, but is not why it ends. */
	bool failed = fault_is_set(&stream->fault) && !stream->error_pause;
	int error = failed ? -stream->fault.error : 0;

	if (stream_publish_give_up(stream))
		return;
	stream->error_pause = false;
	stream->stopping = true;
	stream_note_need(stream, false);
	flow_destroy(&stream->flow, error);
	stream_schedule(stream);
}

int stream_abort(struct stream *stream, const char *reason, uint64_t *ret_discarded_bytes,
		 struct refusal *refusal)
{
	int r = stream_refuse_if_over(stream, refusal);
	char quoted[256];

	if (r != 0)
		return r;
	/* Once the file is being put in place it is too late. */
	if (stream_is_publishing(stream) && !stream_rotate_is_placing(stream) &&
	    stream->final_retry == STREAM_RETRY_NONE)
		return stream_refuse_state(stream, refusal);
	*ret_discarded_bytes = stream->temporary_name ?
				       stream->accepted - stream_rotate_placed_bytes(stream) :
				       flow_length(&stream->flow);
	log_info("stream", "aborted by its user", "id=%s reason=%s", stream->id_text,
		 log_quote(reason ? reason : "", quoted, sizeof(quoted)));
	stream_give_up(stream);
	return 0;
}

/* ---- pools that go ---- */

static void fail_if_user_of(struct stream *stream, const struct pool *pool)
{
	list_for_each(link, &stream->used_entries) {
		struct stream_entry *entry = container_of(link, struct stream_entry, link);

		if (!entry->buffer || entry->buffer->pool != pool)
			continue;
		if (!stream->stopping)
			stream_fail(stream, "destroy", ECANCELED, (int64_t)entry->position);
		return;
	}
}

void stream_fail_users_of(struct registry *registry, const struct pool *pool)
{
	/* Of all users: root may write anybody's buffers. */
	list_for_each(user_link, &registry->users) {
		struct user *user = container_of(user_link, struct user, registry_link);

		list_for_each(link, &user->streams)
			fail_if_user_of(container_of(link, struct stream, user_link), pool);
	}
}
