/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/catalogue_job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "tests/io/io_test.h"

static struct event_base *base;
static char *folder;
static char path[512];
static struct catalogue *catalogue;

static const char labels[] = "a\0b\0\0empty";

static const struct catalogue_job job_sample = {
	.id = INT64_MIN + 1,
	.owner = 1000,
	.created_usec = 1700000000000000,
	.name = "o'ne",
	.labels = labels,
	.labels_bytes = sizeof(labels),
	.buffer = -5,
	.buffer_bytes = 4096,
	.offset = 1,
	.length = CATALOGUE_JOB_UNSET,
	.store = "default",
	.path = "a/{run}",
	.open = "replace",
	.mode = 0640,
	.ack = "published",
	.at_usec = CATALOGUE_JOB_UNSET,
	.after_usec = 0,
	.every_usec = 10000,
	.missed = "once",
	.consistency = "live",
	.steps = "gzip:6",
	.checksum = "none",
	.timeout_usec = 300000000,
	.state = "waiting",
	.next_usec = CATALOGUE_JOB_UNSET,
	.runs = 2,
	.attempts = 1,
	.retry_usec = 1700000000000007,
	.retry_scheduled_usec = 1699999999999999,
	.replaced_run = CATALOGUE_JOB_UNSET,
	.last_run = CATALOGUE_JOB_UNSET,
	.last_start_usec = CATALOGUE_JOB_UNSET,
	.last_end_usec = CATALOGUE_JOB_UNSET,
	.fault_operation = "open",
	.fault_errno = ENOENT,
	.fault_offset = -1,
};

static const struct catalogue_run run_sample = {
	.job = INT64_MIN + 1,
	.run = 2,
	.scheduled_usec = CATALOGUE_JOB_UNSET,
	.start_usec = 1700000000000001,
	.end_usec = CATALOGUE_JOB_UNSET,
	.fault_errno = CATALOGUE_JOB_UNSET,
	.fault_offset = CATALOGUE_JOB_UNSET,
};

static void set_up(void)
{
	base = event_base_new();
	folder = make_folder();
	strcpy(path, in_folder(folder, "catalogue"));
	ck_assert_int_eq(catalogue_open(base, path, &catalogue), 0);
}

static void tear_down(void)
{
	catalogue = catalogue_close(catalogue);
	event_base_free(base);
	remove_folder(folder);
}

static void reopen(void)
{
	catalogue = catalogue_close(catalogue);
	ck_assert_int_eq(catalogue_open(base, path, &catalogue), 0);
}

static void set_flag(struct catalogue_request *request)
{
	*(bool *)request->owner = true;
}

static void put(const struct catalogue_job *job, const struct catalogue_run *run)
{
	bool over = false;
	struct catalogue_request request = { .done = set_flag, .owner = &over };

	ck_assert_int_eq(catalogue_put_job(catalogue, job, run, &request), 0);
	run_until(base, &over);
	ck_assert_int_eq(request.result, 0);
}

static struct catalogue_run_find find(int64_t job, int64_t limit)
{
	bool over = false;
	struct catalogue_run_find found = { .request = { .done = set_flag, .owner = &over } };

	ck_assert_int_eq(catalogue_find_runs(catalogue, job, limit, &found), 0);
	run_until(base, &over);
	ck_assert_int_eq(found.request.result, 0);
	return found;
}

struct seen {
	int count;
	int cut_off;
};

static int look(const struct catalogue_job *job, const struct catalogue_run *cut_off, void *owner)
{
	struct seen *seen = owner;

	seen->count++;
	seen->cut_off += cut_off != NULL;
	if (cut_off)
		ck_assert_int_eq(cut_off->start_usec, run_sample.start_usec);
	ck_assert_int_eq(job->owner, 1000);
	ck_assert_str_eq(job->name, "o'ne");
	ck_assert_int_eq(job->labels_bytes, sizeof(labels));
	ck_assert_mem_eq(job->labels, labels, sizeof(labels));
	ck_assert_int_eq(job->length, CATALOGUE_JOB_UNSET);
	ck_assert_int_eq(job->after_usec, 0);
	ck_assert_int_eq(job->every_usec, 10000);
	ck_assert_ptr_null(job->calendar);
	ck_assert_str_eq(job->steps, "gzip:6");
	ck_assert_int_eq(job->attempts, 1);
	ck_assert_int_eq(job->retry_usec, 1700000000000007);
	ck_assert_int_eq(job->retry_scheduled_usec, 1699999999999999);
	ck_assert_int_eq(job->replaced_run, CATALOGUE_JOB_UNSET);
	ck_assert_str_eq(job->fault_operation, "open");
	ck_assert_int_eq(job->fault_offset, -1);
	return 0;
}

static struct seen list(void)
{
	struct seen seen = { .count = 0 };

	ck_assert_int_eq(catalogue_list_jobs(catalogue, look, &seen), 0);
	return seen;
}

START_TEST(a_job_comes_back_as_it_was)
{
	put(&job_sample, NULL);
	put(&job_sample, NULL);
	reopen();
	ck_assert_int_eq(list().count, 1);
	ck_assert_int_eq(list().cut_off, 0);
}
END_TEST

START_TEST(a_run_without_a_result_was_cut_off)
{
	struct catalogue_run ended = run_sample;

	put(&job_sample, &run_sample);
	reopen();
	ck_assert_int_eq(list().cut_off, 1);
	ended.result = "done";
	put(&job_sample, &ended);
	reopen();
	ck_assert_int_eq(list().cut_off, 0);
}
END_TEST

START_TEST(runs_are_found_newest_first)
{
	struct catalogue_run run = run_sample;
	struct catalogue_run_find found;

	run.result = "done";
	run.path = "/a/path";
	run.digest = "xxh3:0";
	for (run.run = 1; run.run <= 20; run.run++)
		put(&job_sample, &run);
	found = find(run.job, 5);
	ck_assert_uint_eq(found.count, 5);
	for (int i = 0; i < 5; i++) {
		ck_assert_int_eq(found.list[i].run, 20 - i);
		ck_assert_str_eq(found.list[i].path, "/a/path");
		ck_assert_str_eq(found.list[i].digest, "xxh3:0");
		ck_assert_str_eq(found.list[i].result, "done");
		ck_assert_ptr_null(found.list[i].fault_operation);
	}
	catalogue_runs_fini(&found);
	found = find(run.job + 1, 5);
	ck_assert_uint_eq(found.count, 0);
	catalogue_runs_fini(&found);
}
END_TEST

START_TEST(only_so_many_runs_are_kept)
{
	struct catalogue_run run = run_sample;
	struct catalogue_run_find found;

	run.result = "done";
	for (run.run = 1; run.run <= 3; run.run++)
		put(&job_sample, &run);
	run.run = CATALOGUE_JOB_RUNS_KEPT + 2;
	put(&job_sample, &run);
	found = find(run.job, INT64_MAX);
	ck_assert_uint_eq(found.count, 2);
	ck_assert_int_eq(found.list[1].run, 3);
	catalogue_runs_fini(&found);
}
END_TEST

START_TEST(a_job_goes_with_its_runs)
{
	bool over = false;
	struct catalogue_request request = { .done = set_flag, .owner = &over };
	struct catalogue_run_find found;

	put(&job_sample, &run_sample);
	ck_assert_int_eq(catalogue_remove_job(catalogue, job_sample.id, &request), 0);
	run_until(base, &over);
	ck_assert_int_eq(request.result, 0);
	ck_assert_int_eq(list().count, 0);
	found = find(job_sample.id, 5);
	ck_assert_uint_eq(found.count, 0);
	catalogue_runs_fini(&found);
}
END_TEST

static int stop(const struct catalogue_job *job, const struct catalogue_run *cut_off, void *owner)
{
	(void)job;
	(void)cut_off;
	(void)owner;
	return -ECANCELED;
}

START_TEST(listing_stops_when_told_to)
{
	put(&job_sample, NULL);
	ck_assert_int_eq(catalogue_list_jobs(catalogue, stop, NULL), -ECANCELED);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("catalogue_job");
	TCase *tests = tcase_create("catalogue_job");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, a_job_comes_back_as_it_was);
	tcase_add_test(tests, a_run_without_a_result_was_cut_off);
	tcase_add_test(tests, runs_are_found_newest_first);
	tcase_add_test(tests, only_so_many_runs_are_kept);
	tcase_add_test(tests, a_job_goes_with_its_runs);
	tcase_add_test(tests, listing_stops_when_told_to);
	suite_add_tcase(suite, tests);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
