/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_READABLE_H
#define FOREBAY_OBJECTS_READABLE_H

/*
 * Readable streams: a source, through steps, read ahead to a mark and taken by a client, by
 * calls or through a ring the other way round (proto/ring.h). What is not taken is not read.
 * It belongs to the connection that opened it and goes with it; once it has ended it holds
 * nothing more and stays, with a few others, so that it can be asked how. Loop thread only.
 *
 *	readable.c		the object itself, and who may find it
 *	readable_take.c		what is taken by calls
 *	readable_ring.c		and through the ring
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/core/labels.h"
#include "daemon/core/stream_state.h"
#include "daemon/objects/conduit.h"
#include "daemon/objects/streams.h"
#include "proto/encoding.h"

struct holder;
struct readable;

struct readable_request {
	struct conduit_request source;
	int64_t ring_bytes; /* OPTION_UNSET: no ring */
};

/*
 * On 0 `done` is called later, with the readable and, for a ring, the client's two
 * descriptors. What conduit_open() refuses; PARAMETER for the ring; STREAM_FAILED.
 */
typedef void (*readable_open_fn)(void *data, int result, struct readable *readable,
				 struct stream_ring_fds *fds, const struct refusal *refusal);
int must_check readable_open(struct holder *holder, struct readable_request *request,
			     readable_open_fn done, void *data, struct refusal *refusal);

/* Of this user, or any for root. */
int must_check readable_find(struct user *user, uint64_t id, struct readable **ret_readable,
			     struct refusal *refusal);

/* Calls `each` for every one that this user may see, until it returns false. */
void readable_for_each(struct user *user, bool (*each)(void *data, struct readable *readable),
		       void *data);

/* Embedded by whoever reads. Set what stands above the line before. */
struct readable_read {
	uint64_t length;	/* at most so many bytes; UINT64_MAX: what there is */
	enum encoding encoding; /* utf8, hex or base64 */
	uint64_t limit_bytes;	/* how long the text, spelt in JSON, may be */
	/* text is the callback's to free; NULL, if it failed */
	void (*done)(struct readable_read *read, int result, char *text, uint64_t bytes, bool ended,
		     const struct refusal *refusal);
	void *owner;

	struct list link; /* readable::reads */
	struct readable *readable;
	struct event *deadline;
};

/*
 * Waits for bytes or the end. timeout_usec OPTION_UNSET: 30 s; 0: for ever. `done` may be called
 * later only. PARAMETER on a ring's; later TIMED_OUT, BAD_ENCODING, STREAM_FAILED.
 */
int must_check readable_read(struct readable *readable, struct readable_read *read,
			     int64_t timeout_usec, struct refusal *refusal);
void readable_read_cancel(struct readable_read *read);

int must_check readable_pause(struct readable *readable, struct refusal *refusal);
int must_check readable_resume(struct readable *readable, struct refusal *refusal);
/* What was read and not taken is gone. Of one that has ended WRONG_STATE. */
int must_check readable_abort(struct readable *readable, uint64_t *ret_discarded_bytes,
			      struct refusal *refusal);

/* io.forebay.stream.Readable. Texts are borrowed until the loop goes on. */
struct readable_runtime {
	uint64_t id;
	enum stream_state state;
	uid_t owner_uid;
	uint64_t high_water_mark;
	uint64_t readable_length;
	uint64_t read_bytes;
	uint64_t taken_bytes;
	uint64_t total_bytes; /* UINT64_MAX: not known */
	const char *path;     /* NULL: none */
	const struct fault *fault;
};
void readable_get_runtime(const struct readable *readable, struct readable_runtime *ret_runtime);

/* For holder_gone(). */
void readable_holder_gone(struct readable *readable);
/* For pools: fails those that read a buffer of this pool. */
struct pool;
void readable_fail_users_of(struct registry *registry, const struct pool *pool);

#endif
