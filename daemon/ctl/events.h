/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_EVENTS_H
#define FOREBAY_CTL_EVENTS_H

/*
 * Subscriptions to what happens to streams: one call that is answered with one reply for each
 * event, for as long as its client listens or its one stream lives.
 *
 * What waits for a client that does not read is bounded. progress never waits: it is what the
 * stream is at when its turn comes, at most once in an interval. open, paused and resumed are
 * left out when there is no room. drain, rotate, finish, error, abort and close are not: when
 * the queue is full they are held in a few bytes each, repeated drains of a stream as one
 * with a count. Only a subscription to all streams whose client lets even these pile up to
 * four times the bound loses some. After a gap comes `overflow` with the number of events
 * that were left out, and then progress of every stream, so that the client is caught up.
 *
 * Loop thread only.
 */

#include <stdint.h>

#include "daemon/base/err.h"

struct call;
struct refusal;
struct stream;

struct subscription_request {
	struct stream *stream; /* NULL: all that the caller may see */
	uint32_t wanted;       /* bits of 1 << enum stream_event */
	uint64_t progress_interval_ns;
};

/* Answers `ready`, and from then on the call is the subscription's. */
int must_check events_subscribe(struct call *call, const struct subscription_request *request,
				struct refusal *refusal);

#endif
