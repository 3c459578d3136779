/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The producer's coming and going: who may take a stream over, and what becomes of it when
 * nobody does. A stream is disconnected once; from then on it only ends.
 */

#include "config.h"

#include <string.h>

#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

#define NS_PER_USEC UINT64_C(1000)

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
	r = stream_refuse_if_over(stream, refusal);
	if (r != 0)
		return r;
	if (!token_matches(stream->token, token))
		return refuse(refusal, REFUSAL_PERMISSION);
	if (stream->producer_gone)
		return stream_refuse_state(stream, refusal);
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
		stream_give_up(stream);
	else if (rule == STREAM_DISCONNECT_SALVAGE && stream->accepted == 0)
		stream_give_up(stream);
	else
		stream_end_as(stream, rule == STREAM_DISCONNECT_SALVAGE ? STREAM_ENDING_SALVAGE :
									  STREAM_ENDING_FINISH);
}

static bool has_no_producer_to_lose(const struct stream *stream)
{
	return stream->producer_gone || stream->stopping || stream_has_ended(stream) ||
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
			stream_go_on(stream);
		else
			stream_give_up(stream); /* nobody will resume it, ended or not */
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
