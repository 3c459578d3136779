/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_STREAMS_H
#define FOREBAY_OBJECTS_STREAMS_H

/*
 * Streams as commands see them: opened, written to, ended, waited for, looked at. What a
 * stream is made of is in objects/stream.h. Loop thread only; no function here waits for a
 * disk. A function that takes a `done` calls it once, later, from the loop, if it returned 0,
 * and not at all otherwise.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/base/list.h"
#include "daemon/core/labels.h"
#include "daemon/core/stream_options.h"
#include "daemon/core/stream_state.h"
#include "daemon/objects/refusal.h"
#include "proto/encoding.h"

struct event;
struct holder;
struct registry;
struct stream;
struct user;

#define STREAM_EVENT_LIST(X)                                                                       \
	X(OPEN, "open")                                                                            \
	X(DRAIN, "drain")                                                                          \
	X(PROGRESS, "progress")                                                                    \
	X(ROTATE, "rotate")                                                                        \
	X(FINISH, "finish")                                                                        \
	X(PAUSED, "paused")                                                                        \
	X(RESUMED, "resumed")                                                                      \
	X(ABORT, "abort")                                                                          \
	X(ERROR, "error")                                                                          \
	X(CLOSE, "close")

#define STREAM_EVENT_ENUM(name, text) STREAM_EVENT_##name,

enum stream_event { STREAM_EVENT_LIST(STREAM_EVENT_ENUM) STREAM_EVENTS };

const char *stream_event_name(enum stream_event event);

/* What Open is asked for. Texts are borrowed; labels are moved out on success. */
struct stream_request {
	struct stream_options options;
	const char *store;  /* NULL: default */
	const char *path;   /* NULL with destination_fd */
	int destination_fd; /* -1: none; taken on success */
	int directory_fd;   /* -1: none; taken on success */
	struct labels labels;
	const char *mark; /* what the catalogue is to file it under, as made by a job; or NULL */
};

/* The two descriptors of a ring for the client, the caller's to close. */
struct stream_ring_fds {
	int memory_fd;
	int signal_fd;
	uint64_t ring_bytes; /* 0: the stream has no ring */
};

/*
 * Opens the destination. On 0 `done` gets the stream and, for a ring, the client's two
 * descriptors. REFUSED by rule (PARAMETER, PATH_REFUSED, PATH_BUSY, NO_SUCH_STORE, LIMIT,
 * PERMISSION, SHUTTING_DOWN); any errno of the destination is STREAM_FAILED, with the id
 * under which the failed stream can be looked at.
 */
typedef void (*stream_open_fn)(void *data, int result, struct stream *stream,
			       struct stream_ring_fds *fds, const struct refusal *refusal);
int must_check stream_open(struct holder *holder, struct stream_request *request,
			   stream_open_fn done, void *data, struct refusal *refusal);

/* Of this user, or any for root; also one that has ended, while it is kept. */
int must_check stream_find(struct user *user, uint64_t id, struct stream **ret_stream,
			   struct refusal *refusal);

/* Takes the stream over as its producer. PERMISSION for a wrong token. */
int must_check stream_attach(struct stream *stream, struct holder *holder, const char *token,
			     struct stream_ring_fds *ret_fds, struct refusal *refusal);

/* One chunk: either text in an encoding, or a range of a buffer. */
struct stream_chunk {
	const char *data;	/* NULL: a buffer's range */
	enum encoding encoding; /* utf8, hex or base64 */
	uint64_t buffer;	/* id; 0 with data == NULL: no chunk at all (End) */
	int64_t offset;		/* OPTION_UNSET: 0 */
	int64_t length;		/* OPTION_UNSET: to the buffer's end */

	/*
	 * Or memory of the daemon's own, which must stay until the stream is done with
	 * it: until a wait for its level has ended well, or the stream has closed.
	 */
	const unsigned char *memory; /* NULL: none */
	uint64_t memory_bytes;
};

struct stream_written {
	uint64_t sequence;
	bool writable;
	bool need_drain;
	uint64_t writable_length;
};

/*
 * `holder` is the caller's: PERMISSION where another connection holds the stream.
 * WRITE_AFTER_END, QUEUE_FULL, STREAM_FAILED, WRONG_STATE, PARAMETER, OUT_OF_RANGE,
 * NO_SUCH_BUFFER: then nothing was taken.
 */
int must_check stream_write(struct stream *stream, struct holder *holder,
			    const struct stream_chunk *chunk, struct stream_written *ret_written,
			    struct refusal *refusal);
int must_check stream_end(struct stream *stream, struct holder *holder,
			  const struct stream_chunk *chunk, uint64_t *ret_writable_length,
			  struct refusal *refusal);
int must_check stream_cork(struct stream *stream, struct holder *holder, uint32_t *ret_corked,
			   struct refusal *refusal);
int must_check stream_uncork(struct stream *stream, struct holder *holder, uint32_t *ret_corked,
			     struct refusal *refusal);

enum stream_wait_level {
	STREAM_WAIT_DRAIN,
	STREAM_WAIT_WRITTEN,
	STREAM_WAIT_SYNCED,
	STREAM_WAIT_PUBLISHED,
	STREAM_WAIT_FINISH,
};

/* Embedded by whoever waits; on stream::waits from stream_wait() until `done` or cancel. */
struct stream_wait {
	struct list link;
	struct stream *stream;
	enum stream_wait_level level;
	uint64_t position; /* bytes accepted when it began */
	struct event *deadline;
	void (*done)(struct stream_wait *wait, int result, const struct refusal *refusal);
	void *owner;
};

/*
 * Set done and owner before. level OPTION_UNSET: the stream's ack level. timeout_usec
 * OPTION_UNSET: 30 s; 0: for ever. `done` may be called later only.
 */
int must_check stream_wait(struct stream *stream, struct stream_wait *wait, int64_t level,
			   int64_t timeout_usec, struct refusal *refusal);
void stream_wait_cancel(struct stream_wait *wait);

int must_check stream_pause(struct stream *stream, struct refusal *refusal);
int must_check stream_resume(struct stream *stream, struct refusal *refusal);
int must_check stream_set_rate(struct stream *stream, int64_t bytes_per_second,
			       struct refusal *refusal);
/* Answers at once; the terminal event comes when the writes in hand are over. */
int must_check stream_abort(struct stream *stream, const char *reason,
			    uint64_t *ret_discarded_bytes, struct refusal *refusal);

/* io.forebay.stream.Runtime. Texts are borrowed until the loop goes on. */
struct stream_runtime {
	uint64_t id;
	enum stream_state state;
	uid_t owner_uid;
	uint64_t writable_length;
	bool need_drain;
	uint32_t corked;
	bool attached;
	uint64_t sequence;
	uint64_t done_sequence;
	uint64_t bytes_accepted;
	uint64_t bytes_written;
	uint64_t bytes_synced;
	uint64_t drains;
	uint64_t blocked_usec;
	const char *path;	   /* absolute, where it is known; NULL: a descriptor */
	const char *digest;	   /* "kind:hex" of what is stored; NULL: none, or not yet */
	const struct fault *fault; /* NULL: none */
};
void stream_get_runtime(const struct stream *stream, struct stream_runtime *ret_runtime);

/* io.forebay.stream.Context as it is in force. */
struct stream_context {
	const struct stream_options *options;
	const char *store; /* NULL: none */
	const char *path;  /* as given; NULL: a descriptor */
	const struct labels *labels;
	enum stream_target target;
};
void stream_get_context(const struct stream *stream, struct stream_context *ret_context);

/* `close` has been told: it is kept only so that it can be asked how it ended. */
bool stream_is_closed(const struct stream *stream);

/* 32 hexadecimal digits, for the producer alone. */
const char *stream_token(const struct stream *stream);

/* Calls `each` for every stream that this user may see, until it returns false. */
void stream_for_each(struct user *user, bool (*each)(void *data, struct stream *stream),
		     void *data);

/*
 * Hears what happens to one stream, or (link on registry::stream_observers) to all. It is
 * taken off after the close of its one stream. Must not end the stream inside the call.
 */
struct stream_observer {
	struct list link;
	void (*event)(struct stream_observer *observer, struct stream *stream,
		      enum stream_event event);
	void *owner;
};
void stream_observe(struct stream *stream, struct stream_observer *observer);
void stream_observe_all(struct registry *registry, struct stream_observer *observer);
void stream_unobserve(struct stream_observer *observer);

/* For pools: fails the streams that have a write in hand over a buffer of this pool. */
struct pool;
void stream_fail_users_of(struct registry *registry, const struct pool *pool);

/* For holder_gone(). */
void stream_holder_gone(struct stream *stream);
/* An ended stream is kept for its producer no longer. */
void stream_leave_last(struct stream *stream);
/* For one that has closed and nobody will ask for: it is gone. Not from an observer. */
void stream_forget(struct stream *stream);

/* For shutdown: how many have not ended. */
uint32_t stream_count_pending(const struct registry *registry);
/* For shutdown: everyone is told to stop; whoever has no more bytes ends by its own rule. */
void stream_shutdown(struct stream *stream, bool drain);
/* Frees every stream; the engine must be idle. */
void stream_free_all(struct registry *registry);

#endif
