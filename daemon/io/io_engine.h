/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_IO_ENGINE_H
#define FOREBAY_IO_IO_ENGINE_H

/*
 * Everything that may wait for a disk goes through here. The caller embeds a request, fills
 * in its first part and submits it; from then until `done` the request and all it points to
 * belong to the engine. Nothing can be called back: a request ends when the kernel says so.
 *
 *	engine_submit() answers
 *	ENGINE_QUEUED	`done` is called later, from the event loop, never inside engine_submit()
 *	ENGINE_DONE	it is over already, `result` is set, and `done` is not called: nothing to
 *			do, a request that makes no sense (-EINVAL), or an engine that is closing
 *			(-ESHUTDOWN)
 *	ENGINE_BUSY	nothing was taken: too much is in flight, or others have waited longer.
 *			Wait with engine_on_room().
 *			IO_RUN is never answered so; whoever owns an object runs one at a time.
 *
 * A write is reported once, as a whole: the engine goes on by itself after a short write,
 * after a bounded number of EINTRs, and where the kernel took nothing (0, or EAGAIN); the
 * sixth time in a row that is -EAGAIN. `result` is then the number of bytes, or a negative
 * errno, with `bytes_done` telling how many bytes from the start had been taken.
 * A sync is tried once and never again, because the kernel tells of a lost page only once.
 * Syncs of one directory that are asked for while one of it is under way wait for it to end
 * and are then one sync, with one result for all of them; they are never ENGINE_BUSY.
 * EFAULT (the memory is gone) is an errno like any other. A descriptor with O_DIRECT is
 * written as it is: where memory, offset or length do not fit, the answer is -EINVAL, also
 * after a short write that ended between two blocks, and the caller writes what is missing
 * through a descriptor without O_DIRECT. A descriptor with O_APPEND ignores the offset:
 * do not use one. No order holds between requests in flight.
 *
 * How far one hung disk reaches. In flight at once are `depth` requests (uring 32, threads
 * 16), and of those at most three quarters on one `device`, so another disk always finds
 * room. The threads engine has a thread for each request in flight, started when first
 * needed; in the kernel, uring has as many. IO_RUN has threads of its own (16, again at most
 * three quarters on one device) and a queue without a bound. If two disks hang, each with
 * enough requests, all requests wait; the loop never does.
 *
 * Thread: all calls, and all callbacks but `run`, on the thread of the event loop.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "daemon/base/err.h"
#include "daemon/base/list.h"
#include "daemon/core/fair.h"
#include "daemon/io/workers.h"

struct event_base;
struct fault_plan;
struct io_engine;
struct room_queue;

#define IO_IOV_MAX 128

/*
 * The device of an IO_RUN that waits for no disk but computes at length: so many that compress
 * leave threads for those that open and rename.
 */
#define IO_DEVICE_PROCESSOR UINT64_MAX

enum io_operation {
	IO_WRITE,		/* iov to fd at offset */
	IO_SYNC_DATA,		/* fdatasync */
	IO_SYNC_DIRECTORY,	/* fsync, of a directory's descriptor (not one with O_PATH) */
	IO_WRITEBACK,		/* start writing the pages of offset, length; a hint, no promise */
	IO_ALLOCATE,		/* reserve offset, length; the file's size stays; often -EOPNOTSUPP */
	IO_TRUNCATE,		/* set the file's size to length */
	IO_RUN,			/* run() on a thread that may wait */
};

/* What one kernel call of a request was asked for; the engine's own. */
struct io_step {
	struct iovec *iov;	/* WRITE: a part of the request's */
	uint32_t count;
	uint64_t offset;
	uint64_t length;
	uint64_t cut;		/* bytes hidden at the start of the first of iov, */
	uint64_t trimmed;	/* and at the end of the last */
};

/* Zero it once; after done it may be used again. */
struct io_request {
	enum io_operation operation;
	const char *name;	/* IO_RUN: "open", "rename", ..: a constant, for faults and logs */
	const char *path;	/* for faults; may be NULL */
	int fd;			/* stays the caller's, open until done */
	uint64_t device;	/* st_dev of the destination, 0 if not known */
	uint64_t directory;	/* SYNC_DIRECTORY: its st_ino, 0 if not known */
	uint64_t offset;
	uint64_t length;	/* WRITEBACK, ALLOCATE, TRUNCATE; a WRITE's is that of its iov */
	struct iovec *iov;	/* changed while in flight, as it was again in done */
	uint32_t iov_count;	/* at most IO_IOV_MAX */
	int (*run)(struct io_request *request);		/* its return value becomes result */
	void (*done)(struct io_request *request);	/* may submit, also this very request */
	void *owner;

	int64_t result;
	uint64_t bytes_done;

	/* The engine's own. */
	struct list link;		/* engine_faulty::held */
	struct list sync_link;		/* of shared_syncs, or of another request's */
	struct list sync_followers;	/* those that this one answers too, */
	struct list sync_waiting;	/* and those that have come since it began */
	struct worker_task task;
	struct io_engine *engine;	/* who carries it out */
	struct io_engine *wrapper;	/* who passed it on to that one */
	uint64_t total_bytes;
	uint64_t step_limit;	/* no kernel call is given more; 0: no limit */
	int step_error;		/* an injected errno for the second one */
	uint32_t iov_first;	/* where the rest begins, */
	uint64_t iov_cut;	/* and how many bytes of that one are written already */
	uint32_t fruitless;	/* tries in a row that brought nothing */
	uint32_t interruptions;
	struct io_step step;
	uint64_t due_ns;	/* engine_faulty: when to let it go on */
};

enum engine_answer {
	ENGINE_DONE,
	ENGINE_QUEUED,
	ENGINE_BUSY,
};

/* Somebody who was told ENGINE_BUSY. engine_waiter_init() it, then set what follows. */
struct engine_waiter {
	uint64_t device;	/* as in the request that waits */
	uint32_t group;	     /* the user for whom it is */
	uint64_t cost_bytes; /* what the request writes; 0: no write */
	void (*room)(struct engine_waiter *waiter);
	void *owner;

	/* The engine's own. */
	struct fair_member place;
	struct room_queue *queue;
	bool waits;
};

enum engine_kind {
	ENGINE_AUTO,		/* uring, and threads where the kernel refuses it */
	ENGINE_URING,
	ENGINE_THREADS,
};

struct engine_options {
	uint32_t depth;		/* requests in flight, 0: the engine's default */
	uint32_t run_threads;	/* for IO_RUN, 0: 16 */
};

/* "write", "syncData", "syncDirectory", "writeback", "allocate", "truncate", "run". */
const char *io_operation_name(enum io_operation operation);

/* "auto", "uring", "threads"; false for any other text. */
bool engine_kind_parse(const char *text, enum engine_kind *ret_kind);

/* `options` may be NULL. With ENGINE_URING: -ENOSYS, -EPERM, -ENOMEM where it cannot be had. */
int engine_open(enum engine_kind kind, struct event_base *base,
		const struct engine_options *options, struct io_engine **ret_engine) must_check;

int engine_uring_new(struct event_base *base, const struct engine_options *options,
		     struct io_engine **ret_engine) must_check;
int engine_threads_new(struct event_base *base, const struct engine_options *options,
		       struct io_engine **ret_engine) must_check;

/* For tests of what is above: says ENGINE_DONE to everything, and runs IO_RUN at once. */
int engine_null_new(struct event_base *base, struct io_engine **ret_engine) must_check;

/* For tests: takes `inner` and `plan` (also on failure) and puts the plan's faults into it. */
int engine_faulty_new(struct event_base *base, struct io_engine *inner, struct fault_plan *plan,
		      struct io_engine **ret_engine) must_check;

/*
 * Waits for all that is in flight, without a bound, and calls each `done`. Waiters are
 * dropped without a call. Whoever has a deadline looks at engine_pending() before.
 */
struct io_engine *engine_close(struct io_engine *engine);

enum engine_answer engine_submit(struct io_engine *engine, struct io_request *request) must_check;

void engine_waiter_init(struct engine_waiter *waiter);

/*
 * Calls waiter->room once, from the loop, when a request for that device would be taken. It
 * waits no longer when it is called, and may ask again; what it submits then for that device
 * is taken while its turn lasts. Who asks again while waiting keeps the place it has.
 *
 * Those who wait for one device take turns by bytes: every group gets the same, and within a
 * group every waiter (core/fair.h); a small request, or none that writes, costs 16 KiB. Nobody
 * overtakes them: as long as somebody waits who could be given room, others are told
 * ENGINE_BUSY. So they have to wait too, and whoever has one more request for each that is
 * over gets his share and not more.
 */
void engine_on_room(struct io_engine *engine, struct engine_waiter *waiter);
/* Takes it back; before its memory goes. Also of one that does not wait. */
void engine_stop_waiting(struct engine_waiter *waiter);

/* Whether somebody waits for room for that device, beside the one whose turn it is. */
bool engine_is_crowded(const struct io_engine *engine, uint64_t device);
/* Whether its room() is being called: what it submits now is taken. */
bool engine_has_turn(const struct engine_waiter *waiter);

static inline bool engine_is_waiting(const struct engine_waiter *waiter)
{
	return waiter->waits;
}

/* "uring", "threads", "null"; a faulty engine has the name of what is inside. */
const char *engine_name(const struct io_engine *engine);

/* Requests in flight. */
uint32_t engine_pending(const struct io_engine *engine);

/* Counts completions: an engine with requests pending that does not move it is stuck. */
uint64_t engine_progress(const struct io_engine *engine);

/* Bytes that writes have reported as done. */
uint64_t engine_bytes_written(const struct io_engine *engine);

#endif
