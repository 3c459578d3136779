/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_FOREBAY_READABLE_H
#define FOREBAY_FOREBAY_READABLE_H

/*
 * libforebay, the other direction: bytes of a file, a buffer or a descriptor back into the
 * program, and from there to there without passing through it. For use with forebay.h, whose words
 * on results, time and threads hold here too.
 *
 *	struct forebay_readable_options options = FOREBAY_READABLE_OPTIONS_INIT;
 *	struct forebay_readable *readable;
 *	const void *data;
 *	ssize_t n;
 *
 *	options.path = "logs/today.gz";
 *	options.steps = "[{\"name\":\"gunzip\"}]";
 *	r = forebay_readable_open(connection, &options, &readable);
 *	for (;;) {
 *		n = forebay_readable_peek(readable, &data);
 *		if (n == -EAGAIN && forebay_readable_wait(readable, 5 * FOREBAY_USEC_PER_SEC) == 0)
 *			continue;
 *		if (n <= 0)
 *			break;
 *		use(data, n);
 *		forebay_readable_consume(readable, n);
 *	}
 *	forebay_readable_close(readable);
 *
 * The daemon reads ahead into a ring of memory that it shares with the program, up to the mark,
 * and no further: what is not taken is not read. An error comes behind the bytes that are in the
 * ring by then; what the daemon has in hand besides is lost with it.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct forebay_connection;
struct forebay_readable;
struct forebay_reply;
struct forebay_stream_options;

/*
 * What to read, which is one of path, buffer and file_fd. Texts that are NULL and numbers that are
 * FOREBAY_UNSET are left to the daemon.
 */
struct forebay_readable_options {
	size_t size;			/* of this struct: FOREBAY_READABLE_OPTIONS_INIT sets it */
	const char *store;		/* name of the store; NULL: the default one */
	const char *path;		/* of a file in the store */
	const char *buffer;		/* its id: forebay_buffer_id() */
	const char *steps;		/* JSON text of an array, as [{"name":"gunzip"}], or NULL */
	uint64_t ring_bytes;		/* 64 KiB to 1 GiB, rounded up to a power of two; 0: 1 MiB */
	int64_t offset;			/* of the first byte in the file or buffer; unset: 0 */
	int64_t length;			/* bytes from there; unset: to its end as it is now */
	int64_t high_water_mark;	/* each part of the stream holds no more; unset: 64 KiB */
	int file_fd;			/* read this, open for reading; -1: not */
};

#define FOREBAY_READABLE_OPTIONS_INIT                                                              \
	{                                                                                          \
		sizeof(struct forebay_readable_options), NULL, NULL, NULL, NULL, 0, FOREBAY_UNSET, \
			FOREBAY_UNSET, FOREBAY_UNSET, -1                                           \
	}

/*
 * Opens a readable stream with a ring and becomes its consumer. It makes a connection of its own
 * to the same daemon, so it may be used by another thread than `connection`, and outlives it. If
 * it fails, forebay_error_name(connection) tells. No such file, buffer or store: -ENOENT. A range
 * that is not there: -ERANGE.
 */
int forebay_readable_open(struct forebay_connection *connection,
			  const struct forebay_readable_options *options,
			  struct forebay_readable **ret_readable);

/* Lets go of it; the daemon reads no further. What was mapped is not valid any more. */
void forebay_readable_close(struct forebay_readable *readable);

/* For forebayctl and for calls of one's own. Valid as long as the stream is. */
const char *forebay_readable_id(const struct forebay_readable *readable);

/*
 * Copies what is there, at most `bytes` (1 or more), and does not wait.
 *
 *	1 or more	so many bytes were copied
 *	0		the end: all of it was read
 *	-EAGAIN		nothing is there yet; forebay_readable_wait()
 *	-ECANCELED	the stream was aborted
 *	-EIO		the stream failed; forebay_readable_fault() says how
 *	-ECONNRESET	the daemon is gone
 *	-EPROTO		the daemon broke the rules of the ring
 */
ssize_t forebay_readable_read(struct forebay_readable *readable, void *data, size_t bytes);

/*
 * Copies until `bytes` are there or the end comes, and waits where it must. The timeout is for all
 * of it. ret_bytes, which may be NULL, tells how many there were: fewer means the end. After a
 * failure forebay_readable_position() has moved by as much as was copied.
 */
int forebay_readable_read_all(struct forebay_readable *readable, void *data, size_t bytes,
			      uint64_t timeout_usec, size_t *ret_bytes);

/*
 * The same without a copy: the result is as that of forebay_readable_read(), and ret_data is where
 * so many bytes lie in the ring, in one piece and to be read only. They stay until they are
 * consumed. More may be there the next time, without consuming any.
 */
ssize_t forebay_readable_peek(struct forebay_readable *readable, const void **ret_data);

/* The first `bytes` of what was seen are done with. More than that: -EINVAL. */
int forebay_readable_consume(struct forebay_readable *readable, size_t bytes);

/* Bytes taken since the stream began. */
uint64_t forebay_readable_position(const struct forebay_readable *readable);

/*
 * Waits until forebay_readable_read() has something to say: 0 when there are bytes, or the end.
 * Else a failure as there, or -ETIMEDOUT.
 */
int forebay_readable_wait(struct forebay_readable *readable, uint64_t timeout_usec);

/* What forebay_readable_dispatch() found. All but the first are told once. */
#define FOREBAY_READABLE_EVENT_DATA 1u	/* there are bytes */
#define FOREBAY_READABLE_EVENT_END 2u	/* all bytes were taken, and nothing more comes */
#define FOREBAY_READABLE_EVENT_FAIL 4u	/* the same, because it failed or was aborted */
#define FOREBAY_READABLE_EVENT_LOST 8u	/* the daemon is gone */

/*
 * For programs with a loop of their own: one descriptor that is readable when there is something
 * for forebay_readable_dispatch() to do, also while bytes are there that were not taken. It stays
 * the library's. Negative: an errno.
 */
int forebay_readable_fd(struct forebay_readable *readable);

/* Looks, without waiting, at what came. */
int forebay_readable_dispatch(struct forebay_readable *readable, unsigned int *ret_events);

/* The daemon reads no further until it is resumed. What is in the ring can be taken meanwhile. */
int forebay_readable_pause(struct forebay_readable *readable);
int forebay_readable_resume(struct forebay_readable *readable);

/* Ends the stream: -ECANCELED comes behind what is in the ring. reason may be NULL. */
int forebay_readable_abort(struct forebay_readable *readable, const char *reason);

/* Asks the daemon what failed: its errno, -ECANCELED for one that was aborted. 0: nothing did. */
int forebay_readable_fault(struct forebay_readable *readable);

/* The whole description, as io.forebay.stream.DescribeReadable answers it. */
int forebay_readable_describe(struct forebay_readable *readable, struct forebay_reply *ret_reply);

/* As forebay_error_name() and forebay_error_parameters(), for the calls of the stream. */
const char *forebay_readable_error_name(const struct forebay_readable *readable);
const char *forebay_readable_error_parameters(const struct forebay_readable *readable);

/*
 * From a source through steps to a sink, all of it in the daemon
 */

/* How far it is, and at the end what it came to. Texts may be NULL. */
struct forebay_pipe_progress {
	int done;			/* not 0: this is the end */
	const char *id;			/* of the stream that writes */
	uint64_t bytes_read;		/* of the source */
	uint64_t bytes_written;		/* to the sink, behind all steps */
	int64_t total_bytes;		/* of the source; FOREBAY_UNSET: not known */
	const char *path;		/* of the file that was made, absolute */
	const char *digest;		/* of what is stored, as "sha256:...", if it was asked for */
	const char *parameters;		/* all that the daemon told, JSON text of an object */
};

/*
 * Is told how far it is, at once and then so often, by the thread that called forebay_pipe(). What
 * it is shown is gone when it returns. Anything but 0 gives the pipe up.
 */
typedef int (*forebay_pipe_progress_fn)(const struct forebay_pipe_progress *progress, void *data);

struct forebay_pipe_options {
	size_t size;			/* of this struct: FOREBAY_PIPE_OPTIONS_INIT sets it */

	/* What to read, with the steps and the mark of the whole. ring_bytes must be 0. */
	const struct forebay_readable_options *source;

	/* Where to: as for forebay_stream_open(), ring_bytes must be 0; or NULL, and */
	const struct forebay_stream_options *sink;
	const char *buffer;		/* into a buffer, */
	int64_t buffer_offset;		/* from this byte on */

	int64_t progress_interval_usec;	/* unset: a second */
	uint64_t timeout_usec;		/* for all of it; FOREBAY_FOREVER unless said otherwise */
};

#define FOREBAY_PIPE_OPTIONS_INIT                                                                  \
	{                                                                                          \
		sizeof(struct forebay_pipe_options), NULL, NULL, NULL, FOREBAY_UNSET,              \
			FOREBAY_UNSET, FOREBAY_FOREVER                                             \
	}

/*
 * Reads all of the source, through the steps, into the sink, and waits for the end of that on a
 * connection of its own. progress may be NULL; `data` is handed to it. ret_result may be NULL; it
 * is the caller's to forebay_pipe_progress_free().
 *
 * The first failure of any part ends all of it: its errno, and forebay_error_parameters() has the
 * details. Given up by progress: -ECANCELED. A timeout: -ETIMEDOUT. In each case a file is not put
 * in place, and what a descriptor or a buffer has got it keeps.
 */
int forebay_pipe(struct forebay_connection *connection, const struct forebay_pipe_options *options,
		 forebay_pipe_progress_fn progress, void *data,
		 struct forebay_pipe_progress **ret_result);

void forebay_pipe_progress_free(struct forebay_pipe_progress *progress);

#ifdef __cplusplus
}
#endif

#endif
