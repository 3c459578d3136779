/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/* The same cases over both engines, plain and with the faulty one in front. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <event2/event.h>

#include "daemon/base/fd.h"
#include "daemon/io/clock.h"
#include "daemon/io/fault_plan.h"
#include "daemon/io/io_engine.h"
#include "tests/io/io_test.h"

#define DEPTH 8
#define KINDS 4		/* loop index: bit 0: threads, bit 1: behind a faulty engine */

struct fixture {
	struct event_base *base;
	struct io_engine *engine;
	char *folder;
	int fd;
};

struct job {
	struct io_request request;
	struct iovec iov[4];
	bool over;
	unsigned int order;
};

static unsigned int finished_count;

static void job_done(struct io_request *request)
{
	struct job *job = request->owner;

	job->over = true;
	job->order = finished_count++;
}

/* False where the kernel has no io_uring for us; the other engine is tested all the same. */
static bool set_up(struct fixture *fixture, int kind, const char *faults)
{
	const struct engine_options options = { .depth = DEPTH };
	struct fault_plan *plan;
	const char *reason;
	int r;

	finished_count = 0;
	fixture->base = event_base_new();
	ck_assert_ptr_nonnull(fixture->base);
	r = engine_open(kind & 1 ? ENGINE_THREADS : ENGINE_URING, fixture->base, &options,
			&fixture->engine);
	if (r == -ENOSYS || r == -EPERM || r == -ENOMEM) {
		event_base_free(fixture->base);
		return false;
	}
	ck_assert_int_eq(r, 0);
	if (kind & 2) {
		ck_assert_int_eq(fault_plan_parse(faults, &plan, &reason), 0);
		ck_assert_int_eq(
			engine_faulty_new(fixture->base, fixture->engine, plan, &fixture->engine),
			0);
	}
	ck_assert_str_eq(engine_name(fixture->engine), kind & 1 ? "threads" : "uring");
	fixture->folder = make_folder();
	fixture->fd = open(in_folder(fixture->folder, "file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	ck_assert_int_ge(fixture->fd, 0);
	return true;
}

static void tear_down(struct fixture *fixture)
{
	fixture->engine = engine_close(fixture->engine);
	fd_close(fixture->fd);
	event_base_free(fixture->base);
	remove_folder(fixture->folder);
}

static void prepare(struct job *job, enum io_operation operation, int fd)
{
	memset(job, 0, sizeof(*job));
	job->request.operation = operation;
	job->request.fd = fd;
	job->request.iov = job->iov;
	job->request.done = job_done;
	job->request.owner = job;
}

static void prepare_write(struct job *job, int fd, void *bytes, size_t length, uint64_t offset)
{
	prepare(job, IO_WRITE, fd);
	job->iov[0].iov_base = bytes;
	job->iov[0].iov_len = length;
	job->request.iov_count = 1;
	job->request.offset = offset;
}

static void submit(struct fixture *fixture, struct job *job)
{
	ck_assert_int_eq(engine_submit(fixture->engine, &job->request), ENGINE_QUEUED);
	ck_assert_msg(!job->over, "completed inside engine_submit()");
}

static int64_t perform(struct fixture *fixture, struct job *job)
{
	submit(fixture, job);
	run_until(fixture->base, &job->over);
	return job->request.result;
}

START_TEST(a_write_of_many_pieces_lands_whole_at_its_offset)
{
	static unsigned char bytes[100000];
	struct fixture fixture;
	struct iovec before[3];
	struct job job;

	if (!set_up(&fixture, _i, ""))
		return;
	fill_pattern(bytes, sizeof(bytes), 1);
	prepare(&job, IO_WRITE, fixture.fd);
	job.iov[0] = (struct iovec){ bytes, 1 };
	job.iov[1] = (struct iovec){ bytes + 1, 70000 };
	job.iov[2] = (struct iovec){ bytes + 70001, sizeof(bytes) - 70001 };
	job.request.iov_count = 3;
	job.request.offset = 4097;
	memcpy(before, job.iov, sizeof(before));
	ck_assert_int_eq(perform(&fixture, &job), sizeof(bytes));
	ck_assert_uint_eq(job.request.bytes_done, sizeof(bytes));
	ck_assert_mem_eq(before, job.iov, sizeof(before));
	ck_assert(file_holds(in_folder(fixture.folder, "file"), 4097, bytes, sizeof(bytes)));
	ck_assert_uint_eq(engine_pending(fixture.engine), 0);
	ck_assert_uint_eq(engine_progress(fixture.engine), 1);
	ck_assert_uint_eq(engine_bytes_written(fixture.engine), sizeof(bytes));
	tear_down(&fixture);
}
END_TEST

START_TEST(a_short_write_is_continued)
{
	static unsigned char bytes[100001];
	struct fixture fixture;
	struct iovec before[3];
	struct job job;

	if (!set_up(&fixture, _i | 2, "write:short"))
		return;
	fill_pattern(bytes, sizeof(bytes), 2);
	prepare(&job, IO_WRITE, fixture.fd);
	job.iov[0] = (struct iovec){ bytes, 3 };
	job.iov[1] = (struct iovec){ bytes + 3, 60000 };
	job.iov[2] = (struct iovec){ bytes + 60003, sizeof(bytes) - 60003 };
	job.request.iov_count = 3;
	memcpy(before, job.iov, sizeof(before));
	ck_assert_int_eq(perform(&fixture, &job), sizeof(bytes));
	ck_assert_mem_eq(before, job.iov, sizeof(before));
	ck_assert(file_holds(in_folder(fixture.folder, "file"), 0, bytes, sizeof(bytes)));
	tear_down(&fixture);
}
END_TEST

START_TEST(a_write_that_fails_half_way_tells_how_far_it_came)
{
	static unsigned char bytes[65536];
	struct fixture fixture;
	struct stat facts;
	struct job job;

	if (!set_up(&fixture, _i | 2, "write:short/ENOSPC@1"))
		return;
	fill_pattern(bytes, sizeof(bytes), 3);
	prepare_write(&job, fixture.fd, bytes, sizeof(bytes), 0);
	ck_assert_int_eq(perform(&fixture, &job), -ENOSPC);
	ck_assert_uint_eq(job.request.bytes_done, sizeof(bytes) / 2);
	ck_assert_int_eq(fstat(fixture.fd, &facts), 0);
	ck_assert_int_eq(facts.st_size, sizeof(bytes) / 2);
	ck_assert_uint_eq(job.iov[0].iov_len, sizeof(bytes));
	/* The plan is over, the very same request goes through. */
	job.over = false;
	ck_assert_int_eq(perform(&fixture, &job), sizeof(bytes));
	tear_down(&fixture);
}
END_TEST

START_TEST(a_full_disk_is_enospc_with_the_bytes_that_fitted)
{
	static unsigned char bytes[256 * 1024];
	struct fixture fixture;
	struct job job;
	int fd;

	if (!set_up(&fixture, _i, ""))
		return;
	if (mount_small(fixture.folder, "size=128k")) {
		fd = open(in_folder(fixture.folder, "full"), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
		ck_assert_int_ge(fd, 0);
		prepare_write(&job, fd, bytes, sizeof(bytes), 0);
		ck_assert_int_eq(perform(&fixture, &job), -ENOSPC);
		ck_assert_uint_eq(job.request.bytes_done, 128 * 1024);
		close(fd);
	}
	tear_down(&fixture);
}
END_TEST

START_TEST(memory_that_is_gone_is_efault)
{
	struct fixture fixture;
	struct job job;
	int memory_fd = memfd_create("gone", MFD_CLOEXEC);
	void *gone;

	if (!set_up(&fixture, _i, ""))
		return;
	ck_assert_int_eq(ftruncate(memory_fd, 65536), 0);
	gone = mmap(NULL, 65536, PROT_READ, MAP_SHARED, memory_fd, 0);
	ck_assert(gone != MAP_FAILED);
	ck_assert_int_eq(ftruncate(memory_fd, 0), 0);
	prepare_write(&job, fixture.fd, gone, 65536, 0);
	ck_assert_int_eq(perform(&fixture, &job), -EFAULT);
	ck_assert_uint_eq(job.request.bytes_done, 0);
	munmap(gone, 65536);
	close(memory_fd);
	tear_down(&fixture);
}
END_TEST

START_TEST(a_descriptor_that_cannot_be_written_is_ebadf)
{
	struct fixture fixture;
	struct job job;
	char byte = 'x';
	int fd;

	if (!set_up(&fixture, _i, ""))
		return;
	fd = open(in_folder(fixture.folder, "file"), O_RDONLY | O_CLOEXEC);
	prepare_write(&job, fd, &byte, 1, 0);
	ck_assert_int_eq(perform(&fixture, &job), -EBADF);
	close(fd);
	tear_down(&fixture);
}
END_TEST

START_TEST(direct_writes_go_through_when_aligned_and_are_einval_when_not)
{
	struct fixture fixture;
	struct job job;
	unsigned char *bytes;
	int fd;

	if (!set_up(&fixture, _i, ""))
		return;
	fd = open(in_folder(fixture.folder, "file"), O_WRONLY | O_DIRECT | O_CLOEXEC);
	if (fd >= 0) {
		bytes = aligned_alloc(4096, 1 << 20);
		ck_assert_ptr_nonnull(bytes);
		fill_pattern(bytes, 1 << 20, 4);
		prepare_write(&job, fd, bytes, 1 << 20, 8192);
		ck_assert_int_eq(perform(&fixture, &job), 1 << 20);
		ck_assert(file_holds(in_folder(fixture.folder, "file"), 8192, bytes, 1 << 20));
		prepare_write(&job, fd, bytes + 1, 4096, 1);
		ck_assert_int_eq(perform(&fixture, &job), -EINVAL);
		free(bytes);
		close(fd);
	}
	tear_down(&fixture);
}
END_TEST

START_TEST(syncs_hints_and_sizes_reach_the_file)
{
	static const enum io_operation plain[] = { IO_SYNC_DATA, IO_WRITEBACK };
	static unsigned char bytes[8192];
	struct fixture fixture;
	struct stat facts;
	struct job job;
	int dir_fd;

	if (!set_up(&fixture, _i, ""))
		return;
	prepare_write(&job, fixture.fd, bytes, sizeof(bytes), 0);
	ck_assert_int_eq(perform(&fixture, &job), sizeof(bytes));
	for (size_t i = 0; i < 2; i++) {
		prepare(&job, plain[i], fixture.fd);
		job.request.length = sizeof(bytes);
		ck_assert_int_eq(perform(&fixture, &job), 0);
	}
	prepare(&job, IO_ALLOCATE, fixture.fd);
	job.request.length = 1 << 20;
	ck_assert_int_eq(perform(&fixture, &job), 0);
	ck_assert_int_eq(fstat(fixture.fd, &facts), 0);
	ck_assert_int_eq(facts.st_size, sizeof(bytes));
	ck_assert_int_ge(facts.st_blocks, (1 << 20) / 512);
	prepare(&job, IO_TRUNCATE, fixture.fd);
	job.request.length = 100;
	ck_assert_int_eq(perform(&fixture, &job), 0);
	ck_assert_int_eq(fstat(fixture.fd, &facts), 0);
	ck_assert_int_eq(facts.st_size, 100);
	dir_fd = open_folder(fixture.folder);
	prepare(&job, IO_SYNC_DIRECTORY, dir_fd);
	ck_assert_int_eq(perform(&fixture, &job), 0);
	close(dir_fd);
	tear_down(&fixture);
}
END_TEST

static int64_t refuse_at_once(struct fixture *fixture, struct job *job)
{
	ck_assert_int_eq(engine_submit(fixture->engine, &job->request), ENGINE_DONE);
	ck_assert(!job->over);
	return job->request.result;
}

START_TEST(requests_without_sense_or_work_are_done_at_once)
{
	struct fixture fixture;
	struct job job;
	char byte = 'x';

	if (!set_up(&fixture, _i, ""))
		return;
	prepare_write(&job, fixture.fd, &byte, 0, 0);
	ck_assert_int_eq(refuse_at_once(&fixture, &job), 0);
	prepare_write(&job, fixture.fd, &byte, 1, 0);
	job.request.iov_count = IO_IOV_MAX + 1;
	ck_assert_int_eq(refuse_at_once(&fixture, &job), -EINVAL);
	prepare_write(&job, fixture.fd, &byte, 1, INT64_MAX);
	ck_assert_int_eq(refuse_at_once(&fixture, &job), -EFBIG);
	prepare_write(&job, -1, &byte, 1, 0);
	ck_assert_int_eq(refuse_at_once(&fixture, &job), -EBADF);
	prepare(&job, IO_RUN, -1);
	ck_assert_int_eq(refuse_at_once(&fixture, &job), -EINVAL);
	ck_assert_uint_eq(engine_pending(fixture.engine), 0);
	tear_down(&fixture);
}
END_TEST

struct asker {
	struct engine_waiter waiter;
	struct job job;
	struct fixture *fixture;
	unsigned int turn;
	bool called;
	bool had_turn;	  /* while it was called, */
	bool was_crowded; /* and whether others waited then */
};

static unsigned int turns;

static void room(struct engine_waiter *waiter)
{
	struct asker *asker = waiter->owner;

	asker->called = true;
	asker->turn = turns++;
	asker->had_turn = engine_has_turn(waiter);
	asker->was_crowded = engine_is_crowded(asker->fixture->engine, waiter->device);
	submit(asker->fixture, &asker->job);
}

static void ask(struct fixture *fixture, struct asker *asker, uint64_t device, void *byte)
{
	memset(asker, 0, sizeof(*asker));
	prepare_write(&asker->job, fixture->fd, byte, 1, 0);
	asker->job.request.device = device;
	asker->fixture = fixture;
	engine_waiter_init(&asker->waiter);
	asker->waiter.room = room;
	asker->waiter.owner = asker;
	asker->waiter.device = device;
	ck_assert_int_eq(engine_submit(fixture->engine, &asker->job.request), ENGINE_BUSY);
	engine_on_room(fixture->engine, &asker->waiter);
}

START_TEST(beyond_the_depth_is_busy_and_room_is_given_in_order)
{
	struct fixture fixture;
	struct job jobs[DEPTH];
	struct asker askers[3];
	char byte = 'x';

	if (!set_up(&fixture, _i, ""))
		return;
	turns = 0;
	for (int i = 0; i < DEPTH; i++) {
		prepare_write(&jobs[i], fixture.fd, &byte, 1, (uint64_t)i);
		submit(&fixture, &jobs[i]);
	}
	ck_assert_uint_eq(engine_pending(fixture.engine), DEPTH);
	for (int i = 0; i < 3; i++)
		ask(&fixture, &askers[i], 0, &byte);
	engine_stop_waiting(&askers[1].waiter);
	ck_assert(!askers[0].called);
	run_until(fixture.base, &askers[0].job.over);
	run_until(fixture.base, &askers[2].job.over);
	ck_assert_uint_eq(askers[0].turn, 0);
	ck_assert_uint_eq(askers[2].turn, 1);
	ck_assert(!askers[1].called);
	tear_down(&fixture);
}
END_TEST

START_TEST(a_device_is_crowded_while_others_wait_for_it)
{
	struct fixture fixture;
	struct job jobs[DEPTH];
	struct asker askers[2];
	char byte = 'x';

	if (!set_up(&fixture, _i, ""))
		return;
	for (int i = 0; i < DEPTH; i++) {
		prepare_write(&jobs[i], fixture.fd, &byte, 1, (uint64_t)i);
		submit(&fixture, &jobs[i]);
	}
	ck_assert(!engine_is_crowded(fixture.engine, 7));
	ask(&fixture, &askers[0], 7, &byte);
	ck_assert(engine_is_crowded(fixture.engine, 7));
	ck_assert(!engine_is_crowded(fixture.engine, 8));
	ck_assert(!engine_has_turn(&askers[0].waiter));
	ask(&fixture, &askers[1], 7, &byte);
	for (int i = 0; i < 2; i++)
		run_until(fixture.base, &askers[i].job.over);
	/* The one whose turn it is does not count. */
	ck_assert(askers[0].had_turn && askers[0].was_crowded);
	ck_assert(askers[1].had_turn && !askers[1].was_crowded);
	ck_assert(!engine_has_turn(&askers[1].waiter));
	ck_assert(!engine_is_crowded(fixture.engine, 7));
	tear_down(&fixture);
}
END_TEST

START_TEST(room_is_given_to_each_group_in_turn)
{
	static const unsigned int turn_expected[] = { 0, 2, 3, 1 };
	struct fixture fixture;
	struct job jobs[DEPTH];
	struct asker askers[4];
	char byte = 'x';

	if (!set_up(&fixture, _i, ""))
		return;
	turns = 0;
	for (int i = 0; i < DEPTH; i++) {
		prepare_write(&jobs[i], fixture.fd, &byte, 1, (uint64_t)i);
		submit(&fixture, &jobs[i]);
	}
	for (int i = 0; i < 4; i++) {
		ask(&fixture, &askers[i], 0, &byte);
		/* Three of one user, then one of another; each wants a whole turn. */
		engine_stop_waiting(&askers[i].waiter);
		askers[i].waiter.group = i < 3 ? 1000 : 1001;
		askers[i].waiter.cost_bytes = 1024 * 1024;
		engine_on_room(fixture.engine, &askers[i].waiter);
	}
	for (int i = 0; i < 4; i++)
		run_until(fixture.base, &askers[i].job.over);
	for (int i = 0; i < 4; i++)
		ck_assert_uint_eq(askers[i].turn, turn_expected[i]);
	tear_down(&fixture);
}
END_TEST

struct newcomer {
	struct job job;
	struct job next;
	struct asker *before;
	struct fixture *fixture;
	bool came;
};

static void come_when_done(struct io_request *request)
{
	struct newcomer *newcomer = request->owner;
	struct asker *asker = newcomer->before;

	/* There is room now, and somebody who has waited for it. */
	ck_assert(!asker->called);
	ck_assert_int_eq(engine_submit(newcomer->fixture->engine, &newcomer->next.request),
			 ENGINE_BUSY);
	newcomer->came = true;
}

START_TEST(nobody_overtakes_who_waits_for_the_same_device)
{
	enum { LANE = DEPTH - DEPTH / 4 };
	struct fixture fixture;
	struct job jobs[LANE];
	struct newcomer newcomer = { .fixture = &fixture };
	struct asker asker;
	char byte = 'x';

	if (!set_up(&fixture, _i | 2, "write:delay=100ms@1"))
		return;
	newcomer.before = &asker;
	prepare_write(&newcomer.next, fixture.fd, &byte, 1, 1);
	newcomer.next.request.device = 7;
	for (int i = 0; i < LANE; i++) {
		prepare_write(&jobs[i], fixture.fd, &byte, 1, 0);
		jobs[i].request.device = 7;
		submit(&fixture, &jobs[i]);
	}
	ask(&fixture, &asker, 7, &byte);
	jobs[1].request.done = come_when_done;
	jobs[1].request.owner = &newcomer;
	run_until(fixture.base, &newcomer.came);
	run_until(fixture.base, &asker.job.over);
	ck_assert_int_eq(perform(&fixture, &newcomer.next), 1);
	run_until(fixture.base, &jobs[0].over);
	tear_down(&fixture);
}
END_TEST

struct greedy {
	struct fixture *fixture;
	struct engine_waiter waiter;
	struct job jobs[DEPTH];
	int taken;
	int calls;
};

static void take_all(struct engine_waiter *waiter)
{
	struct greedy *greedy = waiter->owner;

	greedy->calls++;
	ck_assert(!engine_is_waiting(waiter));
	while (greedy->taken < DEPTH) {
		if (engine_submit(greedy->fixture->engine, &greedy->jobs[greedy->taken].request) ==
		    ENGINE_BUSY) {
			engine_on_room(greedy->fixture->engine, waiter);
			return;
		}
		greedy->taken++;
	}
}

/* 600 KiB of a turn of 1 MiB; then two of what has been kept and the next turn; and so on. */
START_TEST(who_is_given_room_takes_a_turns_worth_and_asks_again)
{
	static unsigned char bytes[600 * 1024];
	struct fixture fixture;
	struct greedy greedy = { .fixture = &fixture };
	struct asker asker;
	char byte = 'x';

	if (!set_up(&fixture, _i, ""))
		return;
	for (int i = 0; i < DEPTH; i++)
		prepare_write(&greedy.jobs[i], fixture.fd, bytes, sizeof(bytes), 0);
	engine_waiter_init(&greedy.waiter);
	greedy.waiter.room = take_all;
	greedy.waiter.owner = &greedy;
	greedy.waiter.cost_bytes = sizeof(bytes);
	engine_on_room(fixture.engine, &greedy.waiter);
	prepare_write(&asker.job, fixture.fd, &byte, 1, 0);
	asker.fixture = &fixture;
	engine_waiter_init(&asker.waiter);
	asker.waiter.room = room;
	asker.waiter.owner = &asker;
	asker.waiter.group = 1;
	engine_on_room(fixture.engine, &asker.waiter);
	run_until(fixture.base, &asker.job.over);
	for (int i = 0; i < DEPTH; i++)
		run_until(fixture.base, &greedy.jobs[i].over);
	ck_assert_int_ge(greedy.calls, DEPTH * 600 / 1024);
	ck_assert(!engine_is_waiting(&greedy.waiter));
	tear_down(&fixture);
}
END_TEST

static void leave(struct engine_waiter *waiter)
{
	struct asker *asker = waiter->owner;

	asker->called = true;
	engine_stop_waiting(waiter);
	memset(waiter, 0xa5, sizeof(*waiter));
}

START_TEST(who_is_given_room_may_go_for_good)
{
	struct fixture fixture;
	struct job jobs[DEPTH];
	struct asker askers[3];
	char byte = 'x';

	if (!set_up(&fixture, _i, ""))
		return;
	for (int i = 0; i < DEPTH; i++) {
		prepare_write(&jobs[i], fixture.fd, &byte, 1, (uint64_t)i);
		submit(&fixture, &jobs[i]);
	}
	for (int i = 0; i < 3; i++) {
		ask(&fixture, &askers[i], 0, &byte);
		askers[i].waiter.room = leave;
	}
	for (int i = 0; i < 3; i++)
		run_until(fixture.base, &askers[i].called);
	tear_down(&fixture);
}
END_TEST

START_TEST(one_device_leaves_a_quarter_of_the_depth_to_others)
{
	struct fixture fixture;
	struct job jobs[DEPTH];
	struct asker asker;
	char byte = 'x';
	int count = 0;

	if (!set_up(&fixture, _i, ""))
		return;
	for (; count < DEPTH - DEPTH / 4; count++) {
		prepare_write(&jobs[count], fixture.fd, &byte, 1, 0);
		jobs[count].request.device = 7;
		submit(&fixture, &jobs[count]);
	}
	ask(&fixture, &asker, 7, &byte);
	for (; count < DEPTH; count++) {
		prepare_write(&jobs[count], fixture.fd, &byte, 1, 0);
		jobs[count].request.device = 8;
		submit(&fixture, &jobs[count]);
	}
	run_until(fixture.base, &asker.job.over);
	ck_assert(asker.called);
	tear_down(&fixture);
}
END_TEST

START_TEST(asking_for_room_that_is_there_gives_it)
{
	struct fixture fixture;
	struct asker asker;
	char byte = 'x';

	if (!set_up(&fixture, _i, ""))
		return;
	memset(&asker, 0, sizeof(asker));
	prepare_write(&asker.job, fixture.fd, &byte, 1, 0);
	asker.fixture = &fixture;
	engine_waiter_init(&asker.waiter);
	asker.waiter.room = room;
	asker.waiter.owner = &asker;
	engine_on_room(fixture.engine, &asker.waiter);
	ck_assert(!asker.called);
	run_until(fixture.base, &asker.job.over);
	tear_down(&fixture);
}
END_TEST

#define THOUSAND 1000
#define PIECE 777

struct crowd {
	struct fixture *fixture;
	struct job jobs[THOUSAND];
	struct engine_waiter waiter;
	unsigned char *bytes;
	int next;
	bool over;
	int done;
};

static void crowd_submit(struct crowd *crowd)
{
	while (crowd->next < THOUSAND) {
		struct job *job = &crowd->jobs[crowd->next];

		if (engine_submit(crowd->fixture->engine, &job->request) == ENGINE_BUSY) {
			engine_on_room(crowd->fixture->engine, &crowd->waiter);
			return;
		}
		crowd->next++;
	}
}

static void crowd_room(struct engine_waiter *waiter)
{
	crowd_submit(waiter->owner);
}

static void crowd_done(struct io_request *request)
{
	struct crowd *crowd = request->owner;

	ck_assert_int_eq(request->result, PIECE);
	crowd->over = ++crowd->done == THOUSAND;
}

START_TEST(a_thousand_writes_all_land)
{
	struct crowd *crowd = calloc(1, sizeof(*crowd));
	struct fixture fixture;

	if (!set_up(&fixture, _i, "write:short@5;write:busy@7;write:delay=1ms@20")) {
		free(crowd);
		return;
	}
	crowd->fixture = &fixture;
	engine_waiter_init(&crowd->waiter);
	crowd->waiter.room = crowd_room;
	crowd->waiter.owner = crowd;
	crowd->bytes = malloc(THOUSAND * PIECE);
	fill_pattern(crowd->bytes, THOUSAND * PIECE, 5);
	for (size_t i = 0; i < THOUSAND; i++) {
		prepare_write(&crowd->jobs[i], fixture.fd, crowd->bytes + i * PIECE, PIECE,
			      i * PIECE);
		crowd->jobs[i].request.done = crowd_done;
		crowd->jobs[i].request.owner = crowd;
	}
	crowd_submit(crowd);
	run_until(fixture.base, &crowd->over);
	ck_assert(file_holds(in_folder(fixture.folder, "file"), 0, crowd->bytes, THOUSAND * PIECE));
	ck_assert_uint_eq(engine_progress(fixture.engine), THOUSAND);
	free(crowd->bytes);
	free(crowd);
	tear_down(&fixture);
}
END_TEST

static pthread_t loop_thread;

static int run_elsewhere(struct io_request *request)
{
	(void)request;
	return pthread_equal(pthread_self(), loop_thread) ? -1 : 42;
}

START_TEST(a_function_runs_on_another_thread_and_its_value_is_the_result)
{
	struct fixture fixture;
	struct job job;

	if (!set_up(&fixture, _i, ""))
		return;
	loop_thread = pthread_self();
	prepare(&job, IO_RUN, -1);
	job.request.name = "open";
	job.request.run = run_elsewhere;
	ck_assert_int_eq(perform(&fixture, &job), 42);
	tear_down(&fixture);
}
END_TEST

static int gate[2];

static int wait_at_gate(struct io_request *request)
{
	char byte;

	(void)request;
	return read(gate[0], &byte, 1) == 1 ? 0 : -EIO;
}

START_TEST(functions_that_hang_on_one_disk_stop_neither_writes_nor_other_disks)
{
	struct fixture fixture;
	struct job hanging[30];
	struct job job;
	char byte = 'x';

	if (!set_up(&fixture, _i, ""))
		return;
	ck_assert_int_eq(pipe(gate), 0);
	loop_thread = pthread_self();
	for (size_t i = 0; i < 30; i++) {
		prepare(&hanging[i], IO_RUN, -1);
		hanging[i].request.run = wait_at_gate;
		hanging[i].request.device = 1;
		submit(&fixture, &hanging[i]);
	}
	prepare(&job, IO_RUN, -1);
	job.request.run = run_elsewhere;
	job.request.device = 2;
	ck_assert_int_eq(perform(&fixture, &job), 42);
	prepare_write(&job, fixture.fd, &byte, 1, 0);
	job.request.device = 1;
	ck_assert_int_eq(perform(&fixture, &job), 1);
	for (int i = 0; i < 30; i++)
		ck_assert(!hanging[i].over);
	for (int i = 0; i < 30; i++)
		ck_assert_int_eq(write(gate[1], &byte, 1), 1);
	for (int i = 0; i < 30; i++)
		run_until(fixture.base, &hanging[i].over);
	close(gate[0]);
	close(gate[1]);
	tear_down(&fixture);
}
END_TEST

struct again {
	struct job job;
	struct fixture *fixture;
	int times;
	bool over;
};

static void submit_again(struct io_request *request)
{
	struct again *again = request->owner;

	ck_assert_int_eq(request->result, 1);
	again->over = ++again->times == 100;
	if (!again->over)
		ck_assert_int_eq(engine_submit(again->fixture->engine, request), ENGINE_QUEUED);
}

START_TEST(done_may_submit_the_same_request_again)
{
	struct fixture fixture;
	struct again again = { .fixture = &fixture };
	char byte = 'x';

	if (!set_up(&fixture, _i, ""))
		return;
	prepare_write(&again.job, fixture.fd, &byte, 1, 0);
	again.job.request.done = submit_again;
	again.job.request.owner = &again;
	ck_assert_int_eq(engine_submit(fixture.engine, &again.job.request), ENGINE_QUEUED);
	run_until(fixture.base, &again.over);
	tear_down(&fixture);
}
END_TEST

static void submit_while_closing(struct io_request *request)
{
	struct again *again = request->owner;

	again->times++;
	ck_assert_int_eq(engine_submit(again->fixture->engine, request), ENGINE_DONE);
	ck_assert_int_eq(request->result, -ESHUTDOWN);
}

START_TEST(closing_waits_for_what_is_in_flight_and_takes_nothing_new)
{
	static unsigned char bytes[1 << 20];
	struct fixture fixture;
	struct again again[4] = { 0 };
	struct job hanging;

	if (!set_up(&fixture, _i, "syncData:hang;syncData:delay=1s"))
		return;
	for (int i = 0; i < 4; i++) {
		again[i].fixture = &fixture;
		prepare_write(&again[i].job, fixture.fd, bytes, sizeof(bytes), 0);
		again[i].job.request.done = submit_while_closing;
		again[i].job.request.owner = &again[i];
		submit(&fixture, &again[i].job);
	}
	prepare(&hanging, IO_SYNC_DATA, fixture.fd);
	submit(&fixture, &hanging);
	tear_down(&fixture);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(again[i].times, 1);
	ck_assert(hanging.over);
	ck_assert_int_eq(hanging.request.result, 0);
}
END_TEST

START_TEST(an_engine_leaves_no_descriptor_behind)
{
	struct fixture fixture;
	unsigned int before;

	if (!set_up(&fixture, _i, ""))
		return;
	tear_down(&fixture);
	before = count_fds();
	ck_assert(set_up(&fixture, _i, ""));
	tear_down(&fixture);
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

START_TEST(faults_come_when_the_plan_says)
{
	struct fixture fixture;
	struct job job;
	char byte = 'x';

	if (!set_up(&fixture, _i | 2,
		    "write(slow):EDQUOT;write:EIO@3;syncData:EIO@2+;open:ENOSPC@1"))
		return;
	for (int i = 1; i <= 4; i++) {
		prepare_write(&job, fixture.fd, &byte, 1, 0);
		ck_assert_int_eq(perform(&fixture, &job), i == 3 ? -EIO : 1);
		prepare(&job, IO_SYNC_DATA, fixture.fd);
		ck_assert_int_eq(perform(&fixture, &job), i >= 2 ? -EIO : 0);
	}
	prepare_write(&job, fixture.fd, &byte, 1, 0);
	job.request.path = "/disks/slow/file";
	ck_assert_int_eq(perform(&fixture, &job), -EDQUOT);
	for (int i = 1; i <= 2; i++) {
		prepare(&job, IO_RUN, -1);
		job.request.name = "open";
		job.request.run = run_elsewhere;
		ck_assert_int_eq(perform(&fixture, &job), i == 1 ? -ENOSPC : 42);
	}
	tear_down(&fixture);
}
END_TEST

START_TEST(a_delayed_write_comes_late_and_others_pass_it)
{
	uint64_t start_ns = clock_monotonic_ns();
	struct fixture fixture;
	struct job late, quick;
	char byte = 'x';

	if (!set_up(&fixture, _i | 2, "write:delay=100ms@1"))
		return;
	prepare_write(&late, fixture.fd, &byte, 1, 0);
	submit(&fixture, &late);
	prepare_write(&quick, fixture.fd, &byte, 1, 1);
	ck_assert_int_eq(perform(&fixture, &quick), 1);
	ck_assert(!late.over);
	run_until(fixture.base, &late.over);
	ck_assert_int_eq(late.request.result, 1);
	ck_assert_uint_ge(clock_monotonic_ns() - start_ns, 100000000);
	tear_down(&fixture);
}
END_TEST

START_TEST(an_injected_busy_is_followed_by_room)
{
	struct fixture fixture;
	struct asker asker;
	char byte = 'x';

	if (!set_up(&fixture, _i | 2, "write:busy@1"))
		return;
	ask(&fixture, &asker, 0, &byte);
	run_until(fixture.base, &asker.job.over);
	ck_assert_int_eq(asker.job.request.result, 1);
	tear_down(&fixture);
}
END_TEST

START_TEST(the_null_engine_says_done_and_counts)
{
	struct event_base *base = event_base_new();
	struct io_engine *engine;
	struct job job;
	char byte = 'x';

	ck_assert_int_eq(engine_null_new(base, &engine), 0);
	prepare_write(&job, 99, &byte, 1, 0);
	ck_assert_int_eq(engine_submit(engine, &job.request), ENGINE_DONE);
	ck_assert_int_eq(job.request.result, 1);
	loop_thread = pthread_self();
	prepare(&job, IO_RUN, -1);
	job.request.run = run_elsewhere;
	ck_assert_int_eq(engine_submit(engine, &job.request), ENGINE_DONE);
	ck_assert_int_eq(job.request.result, -1);
	ck_assert_uint_eq(engine_progress(engine), 2);
	ck_assert_uint_eq(engine_bytes_written(engine), 1);
	engine_close(engine);
	event_base_free(base);
}
END_TEST

START_TEST(auto_finds_an_engine)
{
	struct event_base *base = event_base_new();
	enum engine_kind kind = ENGINE_THREADS;
	struct io_engine *engine;

	ck_assert(!engine_kind_parse("aio", &kind));
	ck_assert(engine_kind_parse("auto", &kind));
	ck_assert_int_eq(engine_open(kind, base, NULL, &engine), 0);
	engine_close(engine);
	event_base_free(base);
}
END_TEST

START_TEST(auto_takes_threads_where_io_uring_is_refused)
{
	static const int errors[] = { EPERM, ENOSYS, ENOMEM };
	struct event_base *base = event_base_new();
	struct io_engine *engine;
	unsigned int before;

	refuse_system_call(SYS_io_uring_setup, errors[_i]);
	before = count_fds();
	ck_assert_int_eq(engine_open(ENGINE_URING, base, NULL, &engine), -errors[_i]);
	ck_assert_uint_eq(count_fds(), before);
	ck_assert_int_eq(engine_open(ENGINE_AUTO, base, NULL, &engine), 0);
	ck_assert_str_eq(engine_name(engine), "threads");
	engine_close(engine);
	event_base_free(base);
}
END_TEST

/* The first sync says it was interrupted: whatever was lost then is told no second time. */
START_TEST(a_sync_that_fails_in_any_way_is_not_repeated)
{
	static const int errors[] = { EIO, EAGAIN, EINTR };
	struct fixture fixture;
	struct job job;

	refuse_system_call(SYS_fdatasync, errors[_i]);
	ck_assert(set_up(&fixture, 1, ""));
	prepare(&job, IO_SYNC_DATA, fixture.fd);
	ck_assert_int_eq(perform(&fixture, &job), -errors[_i]);
	ck_assert_uint_eq(job.request.fruitless + job.request.interruptions, 0);
	tear_down(&fixture);
}
END_TEST

START_TEST(a_write_that_is_always_interrupted_ends)
{
	struct fixture fixture;
	struct job job;
	char byte = 'x';

	refuse_system_call(SYS_pwritev, EINTR);
	ck_assert(set_up(&fixture, 1, ""));
	prepare_write(&job, fixture.fd, &byte, 1, 0);
	ck_assert_int_eq(perform(&fixture, &job), -EINTR);
	tear_down(&fixture);
}
END_TEST

/* 0: it takes nothing and does not say why. */
START_TEST(the_sixth_write_in_a_row_that_brings_nothing_is_the_last)
{
	static const int errors[] = { EAGAIN, 0 };
	struct fixture fixture;
	struct job job;
	char byte = 'x';

	refuse_system_call(SYS_pwritev, errors[_i]);
	ck_assert(set_up(&fixture, 1, ""));
	prepare_write(&job, fixture.fd, &byte, 1, 0);
	ck_assert_int_eq(perform(&fixture, &job), -EAGAIN);
	ck_assert_uint_eq(job.request.fruitless, 6);
	ck_assert_uint_eq(job.request.bytes_done, 0);
	tear_down(&fixture);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("engine");

	tcase_add_loop_test(all, a_write_of_many_pieces_lands_whole_at_its_offset, 0, KINDS);
	tcase_add_loop_test(all, a_short_write_is_continued, 0, 2);
	tcase_add_loop_test(all, a_write_that_fails_half_way_tells_how_far_it_came, 0, 2);
	tcase_add_loop_test(all, a_full_disk_is_enospc_with_the_bytes_that_fitted, 0, KINDS);
	tcase_add_loop_test(all, memory_that_is_gone_is_efault, 0, KINDS);
	tcase_add_loop_test(all, a_descriptor_that_cannot_be_written_is_ebadf, 0, KINDS);
	tcase_add_loop_test(all, direct_writes_go_through_when_aligned_and_are_einval_when_not, 0,
			    KINDS);
	tcase_add_loop_test(all, syncs_hints_and_sizes_reach_the_file, 0, KINDS);
	tcase_add_loop_test(all, requests_without_sense_or_work_are_done_at_once, 0, KINDS);
	tcase_add_loop_test(all, beyond_the_depth_is_busy_and_room_is_given_in_order, 0, KINDS);
	tcase_add_loop_test(all, a_device_is_crowded_while_others_wait_for_it, 0, KINDS);
	tcase_add_loop_test(all, room_is_given_to_each_group_in_turn, 0, KINDS);
	tcase_add_loop_test(all, nobody_overtakes_who_waits_for_the_same_device, 0, 2);
	tcase_add_loop_test(all, who_is_given_room_takes_a_turns_worth_and_asks_again, 0, KINDS);
	tcase_add_loop_test(all, who_is_given_room_may_go_for_good, 0, KINDS);
	tcase_add_loop_test(all, one_device_leaves_a_quarter_of_the_depth_to_others, 0, KINDS);
	tcase_add_loop_test(all, asking_for_room_that_is_there_gives_it, 0, KINDS);
	tcase_add_loop_test(all, a_thousand_writes_all_land, 0, KINDS);
	tcase_add_loop_test(all, a_function_runs_on_another_thread_and_its_value_is_the_result, 0,
			    KINDS);
	tcase_add_loop_test(
		all, functions_that_hang_on_one_disk_stop_neither_writes_nor_other_disks, 0, KINDS);
	tcase_add_loop_test(all, done_may_submit_the_same_request_again, 0, KINDS);
	tcase_add_loop_test(all, closing_waits_for_what_is_in_flight_and_takes_nothing_new, 0,
			    KINDS);
	tcase_add_loop_test(all, an_engine_leaves_no_descriptor_behind, 0, KINDS);
	tcase_add_loop_test(all, faults_come_when_the_plan_says, 0, 2);
	tcase_add_loop_test(all, a_delayed_write_comes_late_and_others_pass_it, 0, 2);
	tcase_add_loop_test(all, an_injected_busy_is_followed_by_room, 0, 2);
	tcase_add_test(all, the_null_engine_says_done_and_counts);
	tcase_add_test(all, auto_finds_an_engine);
	tcase_add_loop_test(all, auto_takes_threads_where_io_uring_is_refused, 0, 3);
	tcase_add_loop_test(all, a_sync_that_fails_in_any_way_is_not_repeated, 0, 3);
	tcase_add_test(all, a_write_that_is_always_interrupted_ends);
	tcase_add_loop_test(all, the_sixth_write_in_a_row_that_brings_nothing_is_the_last, 0, 2);
	return run_case(all, "engine", 60);
}
