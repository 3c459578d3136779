/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_REFUSAL_H
#define FOREBAY_OBJECTS_REFUSAL_H

/*
 * Why an object's function did not do what a client asked for, with all that the client will
 * be told. Every function of objects/ that can refuse takes a `struct refusal *` as its last
 * parameter and answers
 *
 *	0		done
 *	REFUSED		refused; the refusal is filled in
 *	negative errno	unexpected; the refusal is untouched
 *
 * ctl/errmap turns a refusal into the wire's error.
 */

#include <stdint.h>

#include "daemon/core/fault.h"
#include "daemon/core/stream_state.h"

#define REFUSED 1

enum refusal_kind {
	REFUSAL_PARAMETER, /* text: the parameter's name */
	REFUSAL_LIMIT,	   /* text: the limit; first: its maximum */
	REFUSAL_PERMISSION,
	REFUSAL_SHUTTING_DOWN,
	REFUSAL_EXPECTED_MORE, /* several match, and the call did not say `more` */

	REFUSAL_NO_SUCH_POOL, /* text: name */
	REFUSAL_POOL_EXISTS,  /* text: name */
	REFUSAL_POOL_BUSY,    /* text: name; first: buffers; second: streams */
	REFUSAL_POOL_FULL,    /* text: name; first: bytes asked for; second: largest free */

	REFUSAL_NO_SUCH_BUFFER, /* id */
	REFUSAL_OUT_OF_RANGE,	/* text: parameter; first: minimum; second: maximum */
	REFUSAL_BAD_ENCODING,	/* text: parameter; reason: encoding */
	REFUSAL_BUFFER_PINNED,	/* id; first: pins */
	REFUSAL_BUFFER_BUSY,	/* id */

	REFUSAL_NO_SUCH_STREAM,	 /* id */
	REFUSAL_WRITE_AFTER_END, /* id */
	REFUSAL_STREAM_FAILED,	 /* id; fault */
	REFUSAL_QUEUE_FULL,	 /* id; first: length; second: maximum */
	REFUSAL_TIMED_OUT,	 /* id */
	REFUSAL_WRONG_STATE,	 /* id; first: enum stream_state */
	REFUSAL_PATH_BUSY,	 /* text: path */
	REFUSAL_PATH_REFUSED,	 /* text: path; reason */

	REFUSAL_NO_SUCH_STORE, /* text: store */
	REFUSAL_NO_SUCH_FILE,  /* text: store; reason: path */

	REFUSAL_NO_SUCH_JOB,	 /* id, or text as it was spelt */
	REFUSAL_JOB_EXISTS,	 /* text: name */
	REFUSAL_JOB_WRONG_STATE, /* id; first: enum job_state */
	REFUSAL_BAD_SCHEDULE,	 /* text: parameter; reason */
	REFUSAL_DIGEST_MISMATCH, /* text: expected; reason: got */
};

#define REFUSAL_TEXT_BYTES 4096

struct refusal {
	enum refusal_kind kind;
	uint64_t id;
	int64_t first;
	int64_t second;
	char text[REFUSAL_TEXT_BYTES];
	char reason[REFUSAL_TEXT_BYTES];
	struct fault fault;
};

/* Each fills in the refusal and returns REFUSED, so that it can stand behind `return`. */
int refuse(struct refusal *refusal, enum refusal_kind kind);
int refuse_text(struct refusal *refusal, enum refusal_kind kind, const char *text);
int refuse_id(struct refusal *refusal, enum refusal_kind kind, uint64_t id);
int refuse_range(struct refusal *refusal, const char *parameter, int64_t minimum, int64_t maximum);
int refuse_limit(struct refusal *refusal, const char *limit, uint64_t maximum);
int refuse_path(struct refusal *refusal, const char *path, const char *reason);
int refuse_schedule(struct refusal *refusal, const char *parameter, const char *reason);
int refuse_digest(struct refusal *refusal, const char *expected, const char *got);
int refuse_failed(struct refusal *refusal, uint64_t id, const struct fault *fault);

#endif
