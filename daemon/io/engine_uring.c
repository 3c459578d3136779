/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 * io_uring, with completions through an eventfd that the loop watches. Invariants:
 *   - a request has at most one entry in the ring, and there are no more requests than
 *     entries, so there is always a free one;
 *   - everything is handed to the kernel's own threads (IOSQE_ASYNC), because the rest may copy
 *     or wait in the calling one: also a direct write, which may stand behind a journal;
 *   - buffers are never registered: pages pinned once would be written stale after a client
 *     has punched a hole into its memory.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/base/fd.h"
#include "daemon/io/engine_backend.h"
#include "daemon/io/engine_step.h"
#include "daemon/io/io_engine.h"
#include "daemon/io/workers.h"

#define DEPTH_DEFAULT 32
#define RUN_THREADS_DEFAULT 16

/* Other events of the loop get their turn after this many completions. */
#define COMPLETIONS_A_TURN 64

struct engine_uring {
	struct io_engine engine;
	struct io_uring ring;
	bool has_ring;
	uint32_t in_ring; /* entries whose completion has not been seen */
	int event_fd;
	struct event *event;
	struct event *again; /* a timer: the kernel did not take an entry yet */
	struct workers *runs;
};

static void submit_entries(struct engine_uring *uring)
{
	static const struct timeval soon = { .tv_usec = 1000 };
	int r = io_uring_submit(&uring->ring);

	/* The entries stay where they are and are offered again. */
	if (r < 0 || io_uring_sq_ready(&uring->ring) > 0)
		(void)event_add(uring->again, &soon);
}

static void prepare_entry(struct io_uring_sqe *sqe, const struct io_request *request)
{
	const struct io_step *step = &request->step;
	int fd = request->fd;

	switch (request->operation) {
	case IO_WRITE:
		io_uring_prep_writev(sqe, fd, step->iov, step->count, step->offset);
		break;
	case IO_SYNC_DATA:
		io_uring_prep_fsync(sqe, fd, IORING_FSYNC_DATASYNC);
		break;
	case IO_SYNC_DIRECTORY:
		io_uring_prep_fsync(sqe, fd, 0);
		break;
	case IO_WRITEBACK:
		io_uring_prep_sync_file_range(sqe, fd, (unsigned int)step->length, step->offset,
					      SYNC_FILE_RANGE_WRITE);
		break;
	case IO_ALLOCATE:
		io_uring_prep_fallocate(sqe, fd, FALLOC_FL_KEEP_SIZE, (off_t)step->offset,
					(off_t)step->length);
		break;
	case IO_TRUNCATE:
	case IO_RUN:
		assert(!"these run on a thread");
		break;
	}
	sqe->flags |= IOSQE_ASYNC;
}

static void issue(struct engine_uring *uring, struct io_request *request)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&uring->ring);

	assert(sqe);
	step_begin(request);
	prepare_entry(sqe, request);
	io_uring_sqe_set_data(sqe, request);
	uring->in_ring++;
	submit_entries(uring);
}

static void run_task(struct worker_task *task)
{
	step_perform(container_of(task, struct io_request, task));
}

static void task_done(struct worker_task *task)
{
	struct io_request *request = container_of(task, struct io_request, task);

	engine_complete(request->engine, request);
}

static void uring_start(struct io_engine *engine, struct io_request *request)
{
	struct engine_uring *uring = container_of(engine, struct engine_uring, engine);

	/* io_uring learned to truncate later than the kernels we run on. */
	if (request->operation != IO_RUN && request->operation != IO_TRUNCATE) {
		issue(uring, request);
		return;
	}
	request->task.device = request->device;
	request->task.run = run_task;
	request->task.done = task_done;
	workers_submit(uring->runs, &request->task);
}

/* False if there was none. */
static bool reap_one(struct engine_uring *uring)
{
	struct io_request *request;
	struct io_uring_cqe *cqe;
	int result;

	if (io_uring_peek_cqe(&uring->ring, &cqe) != 0)
		return false;
	request = io_uring_cqe_get_data(cqe);
	result = cqe->res;
	io_uring_cqe_seen(&uring->ring, cqe);
	uring->in_ring--;
	if (step_end(request, result))
		issue(uring, request);
	else
		engine_complete(&uring->engine, request);
	return true;
}

static void on_completions(evutil_socket_t fd, short what, void *owner)
{
	struct engine_uring *uring = owner;
	uint64_t count;

	(void)what;
	/* The count says nothing that the ring does not say better; there may be none. */
	if (read(fd, &count, sizeof(count)) < 0)
		count = 0;
	for (int i = 0; i < COMPLETIONS_A_TURN; i++)
		if (!reap_one(uring))
			return;
	event_active(uring->event, EV_READ, 0);
}

static void on_again(evutil_socket_t fd, short what, void *owner)
{
	(void)fd;
	(void)what;
	submit_entries(owner);
}

static bool can_all(struct io_uring *ring)
{
	static const int needed[] = { IORING_OP_WRITEV, IORING_OP_FSYNC, IORING_OP_FALLOCATE,
				      IORING_OP_SYNC_FILE_RANGE };
	struct io_uring_probe *probe = io_uring_get_probe_ring(ring);
	bool all = probe != NULL;

	for (size_t i = 0; all && i < sizeof(needed) / sizeof(needed[0]); i++)
		all = io_uring_opcode_supported(probe, needed[i]);
	io_uring_free_probe(probe);
	return all;
}

static int open_ring(struct engine_uring *uring, uint32_t depth)
{
	/* One kernel thread for each request, so that none stands behind one that hangs. */
	unsigned int kernel_threads[2] = { depth, 0 };
	int r = io_uring_queue_init(depth, &uring->ring, IORING_SETUP_CLAMP);

	if (r < 0)
		return r;
	uring->has_ring = true;
	if (!can_all(&uring->ring))
		return -ENOSYS;
	r = io_uring_register_iowq_max_workers(&uring->ring, kernel_threads);
	if (r < 0)
		return r == -EINVAL ? -ENOSYS : r;
	uring->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (uring->event_fd < 0)
		return -errno;
	return io_uring_register_eventfd(&uring->ring, uring->event_fd);
}

static int add_events(struct engine_uring *uring, struct event_base *base)
{
	uring->event =
		event_new(base, uring->event_fd, EV_READ | EV_PERSIST, on_completions, uring);
	uring->again = evtimer_new(base, on_again, uring);
	if (!uring->event || !uring->again || event_add(uring->event, NULL) < 0)
		return -ENOMEM;
	return 0;
}

static void uring_close(struct io_engine *engine)
{
	struct engine_uring *uring = container_of(engine, struct engine_uring, engine);

	while (uring->in_ring > 0) {
		(void)io_uring_submit_and_wait(&uring->ring, 1);
		while (reap_one(uring))
			;
	}
	uring->runs = workers_free(uring->runs);
	if (uring->event)
		event_free(uring->event);
	if (uring->again)
		event_free(uring->again);
	if (uring->has_ring)
		io_uring_queue_exit(&uring->ring);
	fd_close(uring->event_fd);
	engine_fini(engine);
	free(uring);
}

static const struct io_engine_ops uring_ops = {
	.name = "uring",
	.start = uring_start,
	.close = uring_close,
};

int engine_uring_new(struct event_base *base, const struct engine_options *options,
		     struct io_engine **ret_engine)
{
	uint32_t depth = options && options->depth > 0 ? options->depth : DEPTH_DEFAULT;
	uint32_t run_threads =
		options && options->run_threads > 0 ? options->run_threads : RUN_THREADS_DEFAULT;
	struct engine_uring *uring = calloc(1, sizeof(*uring));
	int r;

	if (!uring)
		return -ENOMEM;
	uring->event_fd = -1;
	r = engine_init(&uring->engine, &uring_ops, base, depth);
	if (r == 0)
		r = open_ring(uring, depth);
	if (r == 0)
		r = add_events(uring, base);
	if (r == 0)
		r = workers_new(base, "forebay-file", run_threads, &uring->runs);
	if (r < 0) {
		uring_close(&uring->engine);
		return r;
	}
	*ret_engine = &uring->engine;
	return 0;
}
