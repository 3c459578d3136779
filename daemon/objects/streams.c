/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/streams.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

#define NS_PER_SEC UINT64_C(1000000000)
#define NS_PER_USEC UINT64_C(1000)

/* A producer that corks and forgets must not keep bytes from the disk for ever. */
#define CORK_NS NS_PER_SEC

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

static int refuse_state(const struct stream *stream, struct refusal *refusal)
{
	(void)refuse_id(refusal, REFUSAL_WRONG_STATE, stream->id);
	refusal->first = stream->state;
	return REFUSED;
}

/* A stream that is over, or about to be: why nothing can be done with it any more. */
static int refuse_if_over(const struct stream *stream, struct refusal *refusal)
{
	if (stream->state == STREAM_STATE_FAILED || (stream->stopping && stream->fault.operation))
		return refuse_failed(refusal, stream->id, &stream->fault);
	if (stream->stopping || stream_state_is_terminal(stream->state))
		return refuse_state(stream, refusal);
	return 0;
}

static int refuse_if_held(const struct stream *stream, const struct holder *holder,
			  struct refusal *refusal)
{
	if (stream->holder && stream->holder != holder)
		return refuse(refusal, REFUSAL_PERMISSION);
	return 0;
}

static bool is_ended(const struct stream *stream)
{
	return stream->state == STREAM_STATE_FINISHED || stream->state == STREAM_STATE_ENDING ||
	       (!stream->ended && flow_is_ended(&stream->flow));
}

/* ---- writing ---- */

static int refuse_full(const struct stream *stream, uint64_t maximum, struct refusal *refusal)
{
	(void)refuse_id(refusal, REFUSAL_QUEUE_FULL, stream->id);
	refusal->first = (int64_t)flow_length(&stream->flow);
	refusal->second = (int64_t)maximum;
	return REFUSED;
}

static int take_inline(struct stream *stream, struct stream_entry *entry,
		       const struct stream_chunk *chunk, struct refusal *refusal)
{
	struct encoding_text text = { .utf8 = chunk->data, .length = strlen(chunk->data) };
	uint64_t maximum = (uint64_t)stream->options.maximum_length;
	size_t bytes = encoding_decode(chunk->encoding, text, NULL, 0);
	unsigned char *address;
	int r;

	if (stream->inline_bytes > 0 && (bytes > maximum || stream->inline_bytes > maximum - bytes))
		return refuse_full(stream, maximum, refusal);
	if (stream->entries > STREAM_INLINE_WRITES_MAX)
		return refuse_full(stream, STREAM_INLINE_WRITES_MAX, refusal);
	if (bytes == 0)
		return 0;
	r = inline_store_reserve(&stream->inline_store, stream->user, bytes, &entry->block,
				 &address, refusal);
	if (r != 0)
		return r;
	(void)encoding_decode(chunk->encoding, text, address, bytes);
	entry->address = address;
	entry->write.bytes = bytes;
	stream->inline_bytes += bytes;
	return 0;
}

static int take_range(struct stream *stream, struct stream_entry *entry, struct user *user,
		      const struct stream_chunk *chunk, struct refusal *refusal)
{
	struct buffer *buffer;
	int64_t offset = chunk->offset == OPTION_UNSET ? 0 : chunk->offset;
	int64_t length = chunk->length;
	int r;

	if (stream->ranges >= STREAM_RANGES_MAX)
		return refuse_full(stream, STREAM_RANGES_MAX, refusal);
	r = buffer_find(user, chunk->buffer, &buffer, refusal);
	if (r != 0)
		return r;
	if (offset < 0 || offset > (int64_t)buffer->length)
		return refuse_range(refusal, "offset", 0, (int64_t)buffer->length);
	if (length == OPTION_UNSET)
		length = (int64_t)buffer->length - offset;
	if (length < 0 || length > (int64_t)buffer->length - offset)
		return refuse_range(refusal, "length", 0, (int64_t)buffer->length - offset);
	r = buffer_pin(buffer, (uint64_t)offset, (uint64_t)length, &entry->address, refusal);
	if (r != 0)
		return r;
	entry->buffer = buffer;
	entry->write.bytes = (uint64_t)length;
	stream->ranges++;
	return 0;
}

/* Takes the chunk's memory; the entry is then ready for the flow. */
static int take_chunk(struct stream *stream, struct holder *holder,
		      const struct stream_chunk *chunk, struct stream_entry **ret_entry,
		      struct refusal *refusal)
{
	struct stream_entry *entry;
	int r;

	if (stream->ring.bytes > 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, chunk->data ? "data" : "buffer");
	if (chunk->data && chunk->buffer)
		return refuse_text(refusal, REFUSAL_PARAMETER, "buffer");
	if (chunk->data && chunk->offset != OPTION_UNSET)
		return refuse_text(refusal, REFUSAL_PARAMETER, "offset");
	if (chunk->data && chunk->length != OPTION_UNSET)
		return refuse_text(refusal, REFUSAL_PARAMETER, "length");
	entry = stream_entry_new(stream);
	if (!entry)
		return -ENOMEM;
	r = chunk->data ? take_inline(stream, entry, chunk, refusal) :
			  take_range(stream, entry, holder->user, chunk, refusal);
	if (r != 0) {
		stream_entry_release(stream, entry);
		return r;
	}
	entry->position = stream->accepted;
	stream->accepted += entry->write.bytes;
	stream->registry->counters.bytes_accepted += entry->write.bytes;
	entry->write.sequence = ++stream->sequence;
	*ret_entry = entry;
	return 0;
}

int stream_write(struct stream *stream, struct holder *holder, const struct stream_chunk *chunk,
		 struct stream_written *ret_written, struct refusal *refusal)
{
	struct stream_entry *entry;
	int r = refuse_if_held(stream, holder, refusal);

	if (r == 0 && is_ended(stream))
		r = refuse_id(refusal, REFUSAL_WRITE_AFTER_END, stream->id);
	if (r == 0)
		r = refuse_if_over(stream, refusal);
	if (r == 0 && !chunk->data && !chunk->buffer)
		r = refuse_text(refusal, REFUSAL_PARAMETER, "data");
	if (r == 0)
		r = take_chunk(stream, holder, chunk, &entry, refusal);
	if (r != 0)
		return r;

	(void)flow_write(&stream->flow, &entry->write);
	stream_perform(stream);
	ret_written->sequence = stream->sequence;
	ret_written->writable = flow_judge(&stream->flow);
	ret_written->need_drain = flow_needs_drain(&stream->flow);
	ret_written->writable_length = flow_length(&stream->flow);
	stream_note_need(stream, ret_written->need_drain);
	stream_schedule(stream);
	return 0;
}

/* The producer's last words, wherever they are. */
static void end_ring(struct stream *stream)
{
	if (stream->ring.bytes == 0 || stream->ring.closed)
		return;
	(void)stream_ring_look(stream);
	stream->ring.closed = true;
}

int stream_end(struct stream *stream, struct holder *holder, const struct stream_chunk *chunk,
	       uint64_t *ret_writable_length, struct refusal *refusal)
{
	bool has_chunk = chunk->data || chunk->buffer;
	struct stream_entry *entry = NULL;
	int r = refuse_if_held(stream, holder, refusal);

	if (r == 0 && has_chunk && is_ended(stream))
		r = refuse_id(refusal, REFUSAL_WRITE_AFTER_END, stream->id);
	if (r == 0 && stream->state != STREAM_STATE_FINISHED)
		r = refuse_if_over(stream, refusal);
	if (r == 0 && has_chunk)
		r = take_chunk(stream, holder, chunk, &entry, refusal);
	if (r != 0)
		return r;

	/* To end once more is no mistake: nothing is left to do. */
	if (!is_ended(stream)) {
		end_ring(stream);
		if (entry) {
			flow_end(&stream->flow, &entry->write, NULL);
			stream_perform(stream);
		}
		/* What was found in the ring may have ended it already, and otherwise. */
		if (entry || (!stream->stopping && !is_ended(stream)))
			stream_end_as(stream, STREAM_ENDING_FINISH);
	}
	*ret_writable_length = stream->ended ? 0 : flow_length(&stream->flow);
	return 0;
}

/* ---- corks ---- */

static int check_cork(struct stream *stream, struct holder *holder, struct refusal *refusal)
{
	int r = refuse_if_held(stream, holder, refusal);

	if (r == 0 && is_ended(stream))
		r = refuse_id(refusal, REFUSAL_WRITE_AFTER_END, stream->id);
	if (r == 0)
		r = refuse_if_over(stream, refusal);
	if (r == 0 && stream->ring.bytes > 0)
		r = refuse_text(refusal, REFUSAL_PARAMETER, "id");
	return r;
}

int stream_cork(struct stream *stream, struct holder *holder, uint32_t *ret_corked,
		struct refusal *refusal)
{
	int r = check_cork(stream, holder, refusal);

	if (r != 0)
		return r;
	/* Counted from the first: corks upon corks do not hold bytes back any longer. */
	if (flow_corked(&stream->flow) == 0)
		stream_set_due(stream, STREAM_DUE_CORK, stream_now_ns() + CORK_NS);
	flow_cork(&stream->flow);
	stream_schedule(stream);
	*ret_corked = flow_corked(&stream->flow);
	return 0;
}

int stream_uncork(struct stream *stream, struct holder *holder, uint32_t *ret_corked,
		  struct refusal *refusal)
{
	int r = check_cork(stream, holder, refusal);

	if (r != 0)
		return r;
	flow_uncork(&stream->flow);
	stream_perform(stream);
	stream_schedule(stream);
	*ret_corked = flow_corked(&stream->flow);
	return 0;
}

void stream_lift_corks(struct stream *stream)
{
	while (flow_corked(&stream->flow) > 0) {
		flow_uncork(&stream->flow);
		stream_perform(stream);
	}
	stream_schedule(stream);
}

/* ---- steering ---- */

int stream_pause(struct stream *stream, struct refusal *refusal)
{
	int r = refuse_if_over(stream, refusal);

	if (r != 0)
		return r;
	if (stream_is_publishing(stream))
		return refuse_state(stream, refusal);
	stream->pause_asked = true;
	if (stream->state == STREAM_STATE_PAUSED)
		return 0;
	flow_hold(&stream->flow, true);
	stream_set_state(stream, STREAM_STATE_PAUSED);
	stream_tell(stream, STREAM_EVENT_PAUSED);
	stream_schedule(stream);
	return 0;
}

static void go_on(struct stream *stream)
{
	/* What paused it is over; if it is not, the next write says so again. */
	if (stream->error_pause) {
		stream->error_pause = false;
		stream->fault.operation = NULL;
		stream_set_due(stream, STREAM_DUE_RETRY, STREAM_NEVER);
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

void stream_recovered(struct stream *stream)
{
	log_info("stream", "resumed", "id=%s", stream->id_text);
	go_on(stream);
}

int stream_resume(struct stream *stream, struct refusal *refusal)
{
	int r = refuse_if_over(stream, refusal);

	if (r != 0)
		return r;
	if (stream->state == STREAM_STATE_PAUSED)
		go_on(stream);
	return 0;
}

int stream_set_rate(struct stream *stream, int64_t bytes_per_second, struct refusal *refusal)
{
	int r = refuse_if_over(stream, refusal);

	if (r != 0)
		return r;
	if (bytes_per_second < 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, "rateBytesPerSecond");
	stream->options.rate_bytes_per_second = bytes_per_second;
	pace_set_rate(&stream->pace, (uint64_t)bytes_per_second, stream_now_ns());
	stream_schedule(stream);
	return 0;
}

static void give_up(struct stream *stream)
{
	/* What only paused it is told, but is not why it ends. */
	bool failed = fault_is_set(&stream->fault) && !stream->error_pause;
	int error = failed ? -stream->fault.error : 0;

	stream->error_pause = false;
	stream->stopping = true;
	stream_note_need(stream, false);
	flow_destroy(&stream->flow, error);
	stream_schedule(stream);
}

int stream_abort(struct stream *stream, const char *reason, uint64_t *ret_discarded_bytes,
		 struct refusal *refusal)
{
	int r = refuse_if_over(stream, refusal);
	char quoted[256];

	if (r != 0)
		return r;
	/* Once the file is being put in place it is too late. */
	if (stream_is_publishing(stream))
		return refuse_state(stream, refusal);
	*ret_discarded_bytes =
		stream->temporary_name ? stream->accepted : flow_length(&stream->flow);
	log_info("stream", "aborted by its user", "id=%s reason=%s", stream->id_text,
		 log_quote(reason ? reason : "", quoted, sizeof(quoted)));
	give_up(stream);
	return 0;
}

/* ---- the producer's coming and going ---- */

static void leave_holder(struct stream *stream)
{
	list_remove(&stream->holder_link);
	stream->holder = NULL;
}

static bool token_matches(const char *token, const char *given)
{
	unsigned char differs = 0;

	if (strlen(given) != STREAM_TOKEN_BYTES - 1)
		return false;
	/* In constant time: the answer must not tell how much of a guess was right. */
	for (int i = 0; i < STREAM_TOKEN_BYTES - 1; i++)
		differs |= (unsigned char)(token[i] ^ given[i]);
	return differs == 0;
}

int stream_attach(struct stream *stream, struct holder *holder, const char *token,
		  struct stream_ring_fds *ret_fds, struct refusal *refusal)
{
	int r;

	/* What the producer before it left in the ring counts as taken. */
	(void)stream_ring_look(stream);
	r = refuse_if_over(stream, refusal);
	if (r != 0)
		return r;
	if (!token_matches(stream->token, token))
		return refuse(refusal, REFUSAL_PERMISSION);
	if (stream->producer_gone)
		return refuse_state(stream, refusal);
	*ret_fds = (struct stream_ring_fds){ .memory_fd = -1, .signal_fd = -1 };
	if (stream->ring.bytes > 0) {
		r = stream_ring_connect(stream, ret_fds);
		if (r < 0)
			return r;
	}
	leave_holder(stream);
	stream->holder = holder;
	list_append(&holder->streams, &stream->holder_link);
	stream_set_due(stream, STREAM_DUE_ATTACH, STREAM_NEVER);
	stream_schedule(stream);
	return 0;
}

static enum stream_disconnect default_disconnect(const struct stream *stream)
{
	return stream->temporary_name ? STREAM_DISCONNECT_SALVAGE : STREAM_DISCONNECT_FINISH;
}

static void disconnect_by(struct stream *stream, enum stream_disconnect rule)
{
	stream->producer_gone = true;
	stream->ring.closed = true;
	stream_set_due(stream, STREAM_DUE_ATTACH, STREAM_NEVER);
	stream_lift_corks(stream);
	if (rule == STREAM_DISCONNECT_ABORT)
		give_up(stream);
	else if (rule == STREAM_DISCONNECT_SALVAGE && stream->accepted == 0)
		give_up(stream);
	else
		stream_end_as(stream, rule == STREAM_DISCONNECT_SALVAGE ? STREAM_ENDING_SALVAGE :
									  STREAM_ENDING_FINISH);
}

static bool has_no_producer_to_lose(const struct stream *stream)
{
	return stream->producer_gone || stream->stopping || is_ended(stream) ||
	       stream_state_is_terminal(stream->state);
}

void stream_producer_gone(struct stream *stream)
{
	enum stream_disconnect rule = (enum stream_disconnect)stream->options.on_disconnect;

	if (has_no_producer_to_lose(stream))
		return;
	/* What it left in the ring; an end there, or a head that cannot be, is dealt with. */
	(void)stream_ring_look(stream);
	if (has_no_producer_to_lose(stream))
		return;
	leave_holder(stream);
	stream_lift_corks(stream);
	if (rule != STREAM_DISCONNECT_DETACH) {
		disconnect_by(stream, rule);
	} else if (fault_is_set(&stream->fault) && !stream->error_pause) {
		/* A broken ring cannot be taken over by anybody. */
		disconnect_by(stream, default_disconnect(stream));
	} else if (stream->options.attach_timeout_usec > 0) {
		stream_set_due(stream, STREAM_DUE_ATTACH,
			       stream_now_ns() +
				       (uint64_t)stream->options.attach_timeout_usec * NS_PER_USEC);
		stream_schedule(stream);
	}
}

void stream_holder_gone(struct stream *stream)
{
	leave_holder(stream);
	if (stream->state != STREAM_STATE_OPENING)
		stream_producer_gone(stream);
}

void stream_shutdown(struct stream *stream, bool drain)
{
	enum stream_disconnect rule = (enum stream_disconnect)stream->options.on_disconnect;

	if (stream->state == STREAM_STATE_OPENING) {
		leave_holder(stream);
		stream->shutting_down = true;
		return;
	}
	if (stream->state == STREAM_STATE_PAUSED && !stream->stopping) {
		if (drain)
			go_on(stream);
		else
			give_up(stream); /* nobody will resume it, ended or not */
	}
	(void)stream_ring_look(stream);
	if (has_no_producer_to_lose(stream))
		return;
	if (!drain)
		rule = STREAM_DISCONNECT_ABORT;
	else if (rule == STREAM_DISCONNECT_DETACH)
		rule = default_disconnect(stream);
	disconnect_by(stream, rule);
}

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
