/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What onError says when a destination fails: fail, or keep the bytes, say so once, and try
 * again every second and on Resume until it works. What can be tried again:
 *
 *	writes that failed		stream_transfer.c
 *	a data sync that failed		stream_rewrite.c
 *	the sync of a new name		stream_transfer.c
 *	a stage of putting in place	stream_publish.c
 *	the next segment's beginning	stream_rotate.c
 *
 * The producer was told to stop by its marks, so what is kept is bounded.
 */

#include "config.h"

#include "daemon/base/log.h"
#include "daemon/objects/stream.h"

/* A destination that failed is tried again this often. */
#define RETRY_NS UINT64_C(1000000000)

bool stream_may_pause(const struct stream *stream, int error)
{
	return stream->options.on_error == STREAM_ON_ERROR_PAUSE && !stream->stopping &&
	       fault_may_pass(error);
}

void stream_pause_for_error(struct stream *stream, const char *operation, int error, int64_t offset)
{
	/* Said once: the same trouble at the next try is no news. */
	if (stream->error_pause)
		return;
	stream_note_fault(stream, operation, error, offset);
	stream->error_pause = true;
	flow_hold(&stream->flow, true);
	stream_set_state(stream, STREAM_STATE_PAUSED);
	stream_tell(stream, STREAM_EVENT_PAUSED);
	stream_set_due(stream, STREAM_DUE_RETRY, stream_now_ns() + RETRY_NS);
}

void stream_retry_held(struct stream *stream)
{
	if (stream->rewrite)
		stream_rewrite_retry(stream);
	if (stream->name_retry == STREAM_RETRY_WAITS)
		stream->name_retry = STREAM_RETRY_WANTED;
	stream_rotate_retry(stream);
	stream_publish_retry(stream);
}

void stream_retry(struct stream *stream, uint64_t now_ns)
{
	stream_set_due(stream, STREAM_DUE_RETRY, now_ns + RETRY_NS);
	if (!stream->error_pause || stream->pause_asked || stream->stopping)
		return;
	stream_retry_held(stream);
	/* Writing again what the failed sync covered writes what failed to be written, too. */
	if (!stream->rewrite)
		stream_transfer_retry(stream);
}

bool stream_recover(struct stream *stream)
{
	if (!stream->error_pause || stream->pause_asked || stream->rewrite ||
	    stream->name_retry != STREAM_RETRY_NONE || stream->final_retry != STREAM_RETRY_NONE ||
	    stream_rotate_waits(stream))
		return false;
	stream_set_due(stream, STREAM_DUE_RETRY, STREAM_NEVER);
	log_info("stream", "resumed", "id=%s", stream->id_text);
	stream_go_on(stream);
	return true;
}
