/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/* Who leads and who is answered; then both engines, with faults that count what is carried out. */

#include <errno.h>
#include <string.h>

#include <event2/event.h>

#include "daemon/base/fd.h"
#include "daemon/io/fault_plan.h"
#include "daemon/io/io_engine.h"
#include "daemon/io/shared_syncs.h"
#include "tests/io/io_test.h"

#define MANY 40 /* more than an engine has places */

struct sync {
	struct io_request request;
	bool over;
};

static void sync_done(struct io_request *request)
{
	struct sync *sync = request->owner;

	ck_assert(!sync->over);
	sync->over = true;
}

static void prepare(struct sync *sync, int dir_fd, uint64_t device, uint64_t directory)
{
	memset(sync, 0, sizeof(*sync));
	sync->request.operation = IO_SYNC_DIRECTORY;
	sync->request.fd = dir_fd;
	sync->request.device = device;
	sync->request.directory = directory;
	sync->request.done = sync_done;
	sync->request.owner = sync;
}

static struct sync *take_answered(struct list *answered)
{
	struct list *link = list_take_first(answered);

	return link ? container_of(link, struct sync, request.sync_link) : NULL;
}

START_TEST(only_syncs_of_the_same_known_directory_concern_each_other)
{
	struct shared_syncs syncs;
	struct sync first, other_directory, other_device, unknown, data;

	shared_syncs_init(&syncs);
	prepare(&first, 0, 1, 10);
	prepare(&other_directory, 0, 1, 11);
	prepare(&other_device, 0, 2, 10);
	prepare(&unknown, 0, 1, 0);
	prepare(&data, 0, 1, 10);
	data.request.operation = IO_SYNC_DATA;

	ck_assert(shared_syncs_concern(&first.request));
	ck_assert(!shared_syncs_concern(&unknown.request));
	ck_assert(!shared_syncs_concern(&data.request));
	ck_assert(!shared_syncs_follow(&syncs, &first.request));
	shared_syncs_lead(&syncs, &first.request);
	ck_assert(!shared_syncs_follow(&syncs, &other_directory.request));
	ck_assert(!shared_syncs_follow(&syncs, &other_device.request));
}
END_TEST

START_TEST(a_sync_answers_those_who_asked_before_it_began_and_no_others)
{
	struct list answered = LIST_INIT(answered);
	struct shared_syncs syncs;
	struct sync sync[5];

	shared_syncs_init(&syncs);
	for (int i = 0; i < 5; i++)
		prepare(&sync[i], 0, 1, 10);
	shared_syncs_lead(&syncs, &sync[0].request);
	ck_assert(shared_syncs_follow(&syncs, &sync[1].request));
	ck_assert(shared_syncs_follow(&syncs, &sync[2].request));

	/* The first one began before they came: it answers nobody but itself. */
	ck_assert_ptr_eq(shared_syncs_end(&syncs, &sync[0].request, &answered), &sync[1].request);
	ck_assert_ptr_null(take_answered(&answered));

	ck_assert(shared_syncs_follow(&syncs, &sync[3].request));
	ck_assert(shared_syncs_follow(&syncs, &sync[4].request));
	ck_assert_ptr_eq(shared_syncs_end(&syncs, &sync[1].request, &answered), &sync[3].request);
	ck_assert_ptr_eq(take_answered(&answered), &sync[2]);
	ck_assert_ptr_null(take_answered(&answered));

	ck_assert_ptr_null(shared_syncs_end(&syncs, &sync[3].request, &answered));
	ck_assert_ptr_eq(take_answered(&answered), &sync[4]);
	ck_assert_ptr_null(take_answered(&answered));
	ck_assert(!shared_syncs_follow(&syncs, &sync[0].request));
}
END_TEST

struct fixture {
	struct event_base *base;
	struct io_engine *engine;
	char *folder;
	int dir_fd;
};

/* False where the kernel has no io_uring for us; the other engine is tested all the same. */
static bool set_up(struct fixture *fixture, enum engine_kind kind, const char *faults)
{
	struct fault_plan *plan;
	const char *reason;
	int r;

	fixture->base = event_base_new();
	ck_assert_ptr_nonnull(fixture->base);
	r = engine_open(kind, fixture->base, NULL, &fixture->engine);
	if (r == -ENOSYS || r == -EPERM || r == -ENOMEM) {
		event_base_free(fixture->base);
		return false;
	}
	ck_assert_int_eq(r, 0);
	ck_assert_int_eq(fault_plan_parse(faults, &plan, &reason), 0);
	ck_assert_int_eq(engine_faulty_new(fixture->base, fixture->engine, plan, &fixture->engine),
			 0);
	fixture->folder = make_folder();
	fixture->dir_fd = open_folder(fixture->folder);
	return true;
}

static void tear_down(struct fixture *fixture)
{
	fixture->engine = engine_close(fixture->engine);
	fd_close(fixture->dir_fd);
	event_base_free(fixture->base);
	remove_folder(fixture->folder);
}

static void submit_many(struct fixture *fixture, struct sync *syncs, uint64_t directory)
{
	for (int i = 0; i < MANY; i++) {
		prepare(&syncs[i], fixture->dir_fd, 1, directory);
		ck_assert_int_eq(engine_submit(fixture->engine, &syncs[i].request), ENGINE_QUEUED);
	}
}

static const enum engine_kind kinds[] = { ENGINE_URING, ENGINE_THREADS };

START_TEST(all_who_wait_are_answered_by_one_sync_also_with_its_error)
{
	struct sync syncs[MANY], later;
	struct fixture fixture;

	if (!set_up(&fixture, kinds[_i], "syncDirectory:EIO@2"))
		return;
	submit_many(&fixture, syncs, 10);
	ck_assert_uint_eq(engine_pending(fixture.engine), MANY);
	for (int i = 0; i < MANY; i++)
		run_until(fixture.base, &syncs[i].over);
	ck_assert_uint_eq(engine_pending(fixture.engine), 0);
	ck_assert_int_eq(syncs[0].request.result, 0);
	for (int i = 1; i < MANY; i++)
		ck_assert_int_eq(syncs[i].request.result, -EIO);
	ck_assert_uint_eq(engine_progress(fixture.engine), MANY);

	/* Whoever asks afterwards is carried out by itself, the third. */
	prepare(&later, fixture.dir_fd, 1, 10);
	ck_assert_int_eq(engine_submit(fixture.engine, &later.request), ENGINE_QUEUED);
	run_until(fixture.base, &later.over);
	ck_assert_int_eq(later.request.result, 0);
	tear_down(&fixture);
}
END_TEST

START_TEST(directories_that_are_not_known_share_nothing)
{
	struct fixture fixture;
	struct sync syncs[3];

	if (!set_up(&fixture, kinds[_i], "syncDirectory:EIO@2"))
		return;
	for (int i = 0; i < 3; i++) {
		prepare(&syncs[i], fixture.dir_fd, 1, 0);
		ck_assert_int_eq(engine_submit(fixture.engine, &syncs[i].request), ENGINE_QUEUED);
	}
	for (int i = 0; i < 3; i++)
		run_until(fixture.base, &syncs[i].over);
	ck_assert_int_eq(syncs[0].request.result, 0);
	ck_assert_int_eq(syncs[1].request.result, -EIO);
	ck_assert_int_eq(syncs[2].request.result, 0);
	tear_down(&fixture);
}
END_TEST

START_TEST(an_engine_that_closes_answers_those_who_wait)
{
	struct sync syncs[MANY];
	struct fixture fixture;

	if (!set_up(&fixture, kinds[_i], "syncDirectory:hang@1"))
		return;
	submit_many(&fixture, syncs, 10);
	tear_down(&fixture);
	for (int i = 0; i < MANY; i++)
		ck_assert(syncs[i].over);
	ck_assert_int_eq(syncs[0].request.result, 0);
	ck_assert_int_eq(syncs[1].request.result, -ESHUTDOWN);
	ck_assert_int_eq(syncs[MANY - 1].request.result, -ESHUTDOWN);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("all");

	tcase_add_test(all, only_syncs_of_the_same_known_directory_concern_each_other);
	tcase_add_test(all, a_sync_answers_those_who_asked_before_it_began_and_no_others);
	tcase_add_loop_test(all, all_who_wait_are_answered_by_one_sync_also_with_its_error, 0, 2);
	tcase_add_loop_test(all, directories_that_are_not_known_share_nothing, 0, 2);
	tcase_add_loop_test(all, an_engine_that_closes_answers_those_who_wait, 0, 2);
	return run_case(all, "shared syncs", 30);
}
