/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_FOREBAY_H
#define FOREBAY_FOREBAY_H

/*
 * libforebay: hand bytes to forebayd at memory speed, and know when they are safe on disk. Memory
 * that is kept on disk by a schedule is in forebay_job.h, and reading in forebay_readable.h.
 *
 *	struct forebay_connection *connection;
 *	struct forebay_stream *stream;
 *	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
 *
 *	r = forebay_connect(NULL, &connection);
 *	options.path = "logs/today";
 *	r = forebay_stream_open(connection, &options, &stream);
 *	r = forebay_stream_write(stream, line, line_bytes);
 *	if (r == 0)
 *		r = forebay_stream_wait_drain(stream, 5 * FOREBAY_USEC_PER_SEC);
 *	...
 *	r = forebay_stream_end(stream);
 *	r = forebay_stream_wait(stream, FOREBAY_LEVEL_FINISH, 30 * FOREBAY_USEC_PER_SEC);
 *	forebay_stream_close(stream);
 *	forebay_disconnect(connection);
 *
 * Results. An int is 0 or a negative errno unless it says otherwise. Results in `ret_`
 * parameters are set on success only. Functions that free take NULL.
 *
 * When the daemon answers with an error, the errno is the nearest there is (see
 * libforebay(3)), and forebay_error_name() and forebay_error_parameters() have the rest. When
 * the daemon is gone, the result is -ECONNRESET or -EPIPE. There is never a SIGPIPE.
 *
 * Time. Each timeout is in microseconds; 0 looks and does not wait; FOREBAY_FOREVER has no
 * end. One that ran out is -ETIMEDOUT.
 *
 * Threads. There is no global state and no thread of the library's own. A connection, a
 * stream, a pool and a buffer may each be used by one thread at a time; different ones at the
 * same time. Nothing is called back but what forebay_pipe() is given for that, no signal is
 * touched, nothing aborts.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FOREBAY_USEC_PER_SEC UINT64_C(1000000)

/* A number that is left to the daemon, or that it did not tell. */
#define FOREBAY_UNSET INT64_C(-1)

/* A timeout without an end. */
#define FOREBAY_FOREVER UINT64_MAX

/* Room for an id of any kind, its NUL counted. */
#define FOREBAY_ID_BYTES 64

struct forebay_connection;
struct forebay_pool;
struct forebay_buffer;
struct forebay_stream;

/* The version of the library, as "0.1.0". */
const char *forebay_version(void);

/*
 * Connections
 */

/*
 * Connects to the daemon. socket_path NULL: what $FOREBAY_SOCKET says; else
 * $XDG_RUNTIME_DIR/forebay/forebay.sock if somebody answers there; else
 * /run/forebay/forebay.sock. Nobody there: -ENOENT or -ECONNREFUSED.
 */
int forebay_connect(const char *socket_path, struct forebay_connection **ret_connection);

/* Pools of this connection's lifetime go with it, once nothing uses them. */
void forebay_disconnect(struct forebay_connection *connection);

/* How long a call may wait for its answer: 45 seconds unless said otherwise here. */
void forebay_set_timeout(struct forebay_connection *connection, uint64_t timeout_usec);

/* The path of the socket that this connection was made to; valid as long as it is. */
const char *forebay_socket_path(const struct forebay_connection *connection);

/*
 * Its descriptor, for polling between forebay_call_more() and forebay_call_next(): readable
 * means that forebay_call_next() has something to do. Stays the library's.
 */
int forebay_connection_fd(const struct forebay_connection *connection);

/* Asks whether the daemon is there and answers. */
int forebay_ping(struct forebay_connection *connection);

/*
 * What went wrong in the last call of this connection that failed: the full name of the
 * daemon's error, as "io.forebay.pool.PoolFull", and its parameters as JSON text. NULL if it
 * was not the daemon that said no. Valid until the next call.
 */
const char *forebay_error_name(const struct forebay_connection *connection);
const char *forebay_error_parameters(const struct forebay_connection *connection);

/*
 * Any method, in JSON
 */

/* One answer of the daemon. Give it to forebay_reply_fini() when it has been looked at. */
struct forebay_reply {
	char *parameters;	/* JSON text of one object, ended by a NUL */
	int *fds;		/* descriptors that came along, by their index; NULL if none */
	size_t fd_count;
	int continues;		/* not 0: another one follows */
};

/* Frees the text and closes the descriptors; set fds[i] to -1 to keep one. */
void forebay_reply_fini(struct forebay_reply *reply);

/* Descriptors to send along; they stay the caller's. NULL in a call: none. */
struct forebay_fds {
	const int *fds;
	size_t count;		/* at most 253 */
};

/*
 * Calls a method, as "io.forebay.pool.List", and waits for its one answer. parameters is the
 * JSON text of an object, or NULL for {}. fds and ret_reply may be NULL. Text that is no JSON
 * object: -EINVAL.
 */
int forebay_call(struct forebay_connection *connection, const char *method, const char *parameters,
		 const struct forebay_fds *fds, struct forebay_reply *ret_reply);

/*
 * Calls a method that answers more than once; forebay_call_next() gets the answers one by
 * one, the last has `continues` 0. The connection is busy until then: other calls are -EBUSY.
 * Who does not want the rest disconnects. forebay_call_next() with nothing left: -ENODATA. A
 * timeout of it loses nothing: it may be called again.
 */
int forebay_call_more(struct forebay_connection *connection, const char *method,
		      const char *parameters);
int forebay_call_next(struct forebay_connection *connection, uint64_t timeout_usec,
		      struct forebay_reply *ret_reply);

/*
 * Pools: shared memory of the daemon, mapped here
 */

struct forebay_pool_options {
	size_t size;		/* of this struct: FOREBAY_POOL_OPTIONS_INIT sets it */
	const char *name;	/* unique among the user's pools */
	uint64_t size_bytes;	/* 0: the daemon's default */
	int daemon_lifetime;	/* not 0: it outlives the connection */
	int huge_pages;		/* not 0: ask for transparent huge pages */
};

#define FOREBAY_POOL_OPTIONS_INIT                                                                  \
	{                                                                                          \
		sizeof(struct forebay_pool_options), NULL, 0, 0, 0                                 \
	}

/* Makes a pool. Map it with forebay_pool_acquire(). */
int forebay_pool_create(struct forebay_connection *connection,
			const struct forebay_pool_options *options);

/* Maps a pool of this user, for reading only if read_only is not 0. "default" is always there. */
int forebay_pool_acquire(struct forebay_connection *connection, const char *name, int read_only,
			 struct forebay_pool **ret_pool);

/* Unmaps it. Its buffers' handles must have been let go. The pool itself lives on. */
void forebay_pool_unmap(struct forebay_pool *pool);

/* Ends the pool in the daemon; what is mapped stays mapped. In use: -EBUSY, unless forced. */
int forebay_pool_destroy(struct forebay_connection *connection, const char *name, int force);

/* Its name, its first byte here, and its size. */
const char *forebay_pool_name(const struct forebay_pool *pool);
void *forebay_pool_memory(const struct forebay_pool *pool);
size_t forebay_pool_size(const struct forebay_pool *pool);

/*
 * Buffers: ranges of a pool. The pool must be mapped for as long as a handle is held.
 */

/* A new buffer of length bytes: zeroed, or (unsafe not 0) with whatever bytes were left there. */
int forebay_buffer_alloc(struct forebay_connection *connection, struct forebay_pool *pool,
			 size_t length, int unsafe, struct forebay_buffer **ret_buffer);

/* A new buffer that holds a copy of these bytes. The pool must be mapped for writing. */
int forebay_buffer_from(struct forebay_connection *connection, struct forebay_pool *pool,
			const void *data, size_t length, struct forebay_buffer **ret_buffer);

/* What to load: a stored file, or a part of it. */
struct forebay_load_options {
	size_t size;		/* of this struct: FOREBAY_LOAD_OPTIONS_INIT sets it */
	const char *store;	/* name of the store; NULL: the default one */
	const char *path;	/* in the store */
	const char *steps;	/* JSON text of an array, as [{"name":"gunzip"}], or NULL */
	const char *digest;	/* "sha256:...", which the stored file must have, or NULL */
	int64_t offset;		/* of the first byte, behind all steps; FOREBAY_UNSET: 0 */
	int64_t length;		/* bytes from there; FOREBAY_UNSET: all the rest */
};

#define FOREBAY_LOAD_OPTIONS_INIT                                                                  \
	{                                                                                          \
		sizeof(struct forebay_load_options), NULL, NULL, NULL, NULL, FOREBAY_UNSET,        \
			FOREBAY_UNSET                                                              \
	}

/*
 * A new buffer that holds what a file holds. Nobody stored it: -ENOENT. A digest that is not the
 * wanted or the recorded one: -EBADMSG. More than is there: -ERANGE. Reading failed: its errno.
 * After a timeout the connection is of no use any more.
 */
int forebay_buffer_load(struct forebay_connection *connection, struct forebay_pool *pool,
			const struct forebay_load_options *options, uint64_t timeout_usec,
			struct forebay_buffer **ret_buffer);

/* A handle for a buffer that exists in this pool already. */
int forebay_buffer_describe(struct forebay_connection *connection, struct forebay_pool *pool,
			    const char *id, struct forebay_buffer **ret_buffer);

/* Frees the buffer in the daemon, and the handle. Held by a stream or job: -EBUSY, both stay. */
int forebay_buffer_free(struct forebay_connection *connection, struct forebay_buffer *buffer);

/* Lets go of the handle only. */
void forebay_buffer_release(struct forebay_buffer *buffer);

/* Its id; its first byte here; its length; its place in the pool. */
const char *forebay_buffer_id(const struct forebay_buffer *buffer);
void *forebay_buffer_data(const struct forebay_buffer *buffer);
size_t forebay_buffer_length(const struct forebay_buffer *buffer);
uint64_t forebay_buffer_offset(const struct forebay_buffer *buffer);

/*
 * Changing a buffer so that whoever saves it meanwhile gets one whole state. Between begin and
 * end, touch each range before its bytes change. No system calls.
 *
 * begin: -EBUSY if somebody else is at it. touch: -ERANGE outside of the buffer, -EPERM
 * without a begin. end: -ESTALE if another writer took the buffer over, so that the update is
 * not complete. On a pool mapped for reading only: -EROFS.
 */
int forebay_buffer_begin_update(struct forebay_buffer *buffer);
int forebay_buffer_touch(struct forebay_buffer *buffer, size_t offset, size_t length);
int forebay_buffer_end_update(struct forebay_buffer *buffer);

/*
 * Streams: bytes to a file, through a ring of shared memory
 */

/* How far bytes have come. */
enum forebay_level {
	FOREBAY_LEVEL_DRAIN = 0,	/* the producer may go on */
	FOREBAY_LEVEL_WRITTEN = 1,	/* the kernel has the bytes */
	FOREBAY_LEVEL_SYNCED = 2,	/* the device has them */
	FOREBAY_LEVEL_PUBLISHED = 3,	/* and the file stands under its name for good */
	FOREBAY_LEVEL_FINISH = 4	/* the stream has ended and all of it is at its ack level */
};

/*
 * What to open. Texts that are NULL and numbers that are FOREBAY_UNSET are left to the daemon.
 * The interface io.forebay.stream, type Context, says what each of them means.
 */
struct forebay_stream_options {
	size_t size;			/* of this struct: FOREBAY_STREAM_OPTIONS_INIT sets it */
	const char *store;		/* name of the store; NULL: the default one */
	const char *path;		/* in the store, or beneath directory_fd */
	const char *open;		/* "replace", "exclusive", "append", "truncate", "update" */
	const char *mode;		/* of a new file, in octal: "0640" */
	const char *ack;		/* "written", "synced", "published" */
	const char *on_disconnect;	/* "finish", "salvage", "abort", "detach" */
	const char *on_error;		/* "fail", "pause" */
	const char *context;		/* JSON text of an object: any other member of Context, or NULL */
	uint64_t ring_bytes;		/* 64 KiB to 1 GiB, rounded up to a power of two; 0: 1 MiB */
	int64_t start;			/* where to begin, for "update" */
	int64_t high_water_mark;	/* at or above it, write says stop */
	int64_t low_water_mark;		/* at or below it, drain comes */
	int64_t sync_interval_usec;	/* the longest that written bytes wait for their sync */
	int64_t rate_bytes_per_second;	/* no faster than this */
	int64_t size_hint;		/* how much will come, about */
	int directory_fd;		/* path is beneath this directory; -1: in the store */
	int file_fd;			/* write to this, open for writing, and to no path; -1: not */
};

#define FOREBAY_STREAM_OPTIONS_INIT                                                                \
	{                                                                                          \
		sizeof(struct forebay_stream_options), NULL, NULL, NULL, NULL, NULL, NULL, NULL,   \
			NULL, 0, FOREBAY_UNSET, FOREBAY_UNSET, FOREBAY_UNSET, FOREBAY_UNSET,       \
			FOREBAY_UNSET, FOREBAY_UNSET, -1, -1                                       \
	}

/*
 * Opens a stream with a ring and becomes its producer. The stream makes a connection of its
 * own to the same daemon, so it may be used by another thread than `connection`, and outlives
 * it. If it fails, forebay_error_name(connection) tells.
 */
int forebay_stream_open(struct forebay_connection *connection,
			const struct forebay_stream_options *options,
			struct forebay_stream **ret_stream);

/*
 * Comes back as the producer of a stream whose connection was lost, in this or another
 * process. forebay_stream_position() then says from which byte of the input to go on.
 */
int forebay_stream_attach(struct forebay_connection *connection, const char *id, const char *token,
			  struct forebay_stream **ret_stream);

/*
 * Lets go of the stream. One that was not ended is treated as its on_disconnect says; one that
 * was ended goes on to its end in the daemon.
 */
void forebay_stream_close(struct forebay_stream *stream);

/* What forebay_stream_attach() needs. Valid as long as the stream is. */
const char *forebay_stream_id(const struct forebay_stream *stream);
const char *forebay_stream_token(const struct forebay_stream *stream);

/*
 * Copies bytes into the ring; with room there, without a system call unless the daemon sleeps.
 *
 *	1		taken: go on
 *	0		taken: wait for drain before the next one
 *	-EAGAIN		nothing taken, no room; drain will come when there is
 *	-EMSGSIZE	nothing taken: it is larger than the ring
 *	-EPIPE		nothing taken: the stream has ended
 *	-ECANCELED	nothing taken: the stream was aborted
 *	-EIO		nothing taken: the stream failed; forebay_stream_describe() says how
 *	-ECONNRESET	nothing taken: the daemon is gone
 */
int forebay_stream_write(struct forebay_stream *stream, const void *data, size_t bytes);

/*
 * Writes all of it, of any size, and waits for drain where it must. The timeout is for all of
 * it; after a failure forebay_stream_position() has moved by as much as was taken.
 */
int forebay_stream_write_all(struct forebay_stream *stream, const void *data, size_t bytes,
			     uint64_t timeout_usec);

/*
 * Room in the ring itself, to be filled in place: at least minimum_bytes (1 or more), and
 * ret_bytes tells how much more. Less room than that: -EAGAIN, and drain will come when there
 * is enough. Other failures as forebay_stream_write(). Reserving again forgets the first one.
 */
int forebay_stream_reserve(struct forebay_stream *stream, size_t minimum_bytes, void **ret_space,
			   size_t *ret_bytes);

/* The first `bytes` of the reserved room are filled. As forebay_stream_write(): 1, 0, negative. */
int forebay_stream_commit(struct forebay_stream *stream, size_t bytes);

/* Bytes taken since the stream began. */
uint64_t forebay_stream_position(const struct forebay_stream *stream);

/*
 * Waits until a producer that was told to wait may go on. Not told to: at once. Also -EPIPE,
 * -ECANCELED, -EIO, -ECONNRESET, as forebay_stream_write().
 */
int forebay_stream_wait_drain(struct forebay_stream *stream, uint64_t timeout_usec);

/* What forebay_stream_dispatch() found, each told once. */
#define FOREBAY_EVENT_DRAIN 1u	/* a producer that was told to wait may go on */
#define FOREBAY_EVENT_FINISH 2u	/* it ended, and all of it is at its ack level */
#define FOREBAY_EVENT_FAIL 4u	/* it failed or was aborted */
#define FOREBAY_EVENT_LOST 8u	/* the daemon is gone */

/*
 * For programs with a loop of their own: one descriptor that is readable when there is
 * something for forebay_stream_dispatch() to do. It stays the library's. Negative: an errno.
 */
int forebay_stream_fd(struct forebay_stream *stream);

/* Looks, without waiting, at what came. */
int forebay_stream_dispatch(struct forebay_stream *stream, unsigned int *ret_events);

/* No more bytes will come. Does not wait. A second time: -EALREADY. */
int forebay_stream_end(struct forebay_stream *stream);

/*
 * Waits until everything taken so far is at the level. The stream failed: the errno of what
 * failed, and forebay_stream_error_parameters() has the details.
 */
int forebay_stream_wait(struct forebay_stream *stream, enum forebay_level level,
			uint64_t timeout_usec);

/* Throws away what is not written and ends the stream; the old file stays. reason may be NULL. */
int forebay_stream_abort(struct forebay_stream *stream, const char *reason);

enum forebay_stream_state {
	FOREBAY_STREAM_OPEN = 1,
	FOREBAY_STREAM_PAUSED = 2,
	FOREBAY_STREAM_ENDING = 3,
	FOREBAY_STREAM_FINISHED = 4,
	FOREBAY_STREAM_ABORTED = 5,
	FOREBAY_STREAM_FAILED = 6
};

struct forebay_stream_numbers {
	uint64_t accepted_bytes;	/* taken since the stream began */
	uint64_t done_bytes;		/* of them at the ack level */
	uint64_t synced_bytes;		/* of them on the device */
	uint64_t length_bytes;		/* taken and not done */
	uint64_t ring_bytes;
	uint64_t high_water_mark;
	uint64_t low_water_mark;
	uint64_t drains;		/* how often this producer waited and was told to go on */
	uint32_t state;			/* enum forebay_stream_state */
	uint32_t need_drain;		/* not 0: told to wait */
};

/* Read from the shared memory, without a call. numbers_size is sizeof(*ret_numbers). */
void forebay_stream_get_numbers(const struct forebay_stream *stream,
				struct forebay_stream_numbers *ret_numbers, size_t numbers_size);

/* The whole description, as io.forebay.stream.Describe answers it: context and runtime. */
int forebay_stream_describe(struct forebay_stream *stream, struct forebay_reply *ret_reply);

/*
 * Where the file is, as an absolute path, once forebay_stream_wait() has told; NULL before
 * that, and for a passed descriptor. Valid until the next call on the stream.
 */
const char *forebay_stream_path(const struct forebay_stream *stream);

/* As forebay_error_name() and forebay_error_parameters(), for the calls of the stream. */
const char *forebay_stream_error_name(const struct forebay_stream *stream);
const char *forebay_stream_error_parameters(const struct forebay_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
