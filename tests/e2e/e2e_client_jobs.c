/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/forebay.h"
#include "client/forebay_job.h"
#include "tests/support/own_daemon.h"

/*
 * The jobs of libforebay, through its public headers alone, against the daemon as built: one
 * daemon for each test, with one buffer in it to be kept.
 */

#define SECOND FOREBAY_USEC_PER_SEC
#define HOUR_USEC INT64_C(3600000000)
#define CONTENT "what is to be kept"

static struct forebay_connection *connection;
static struct forebay_pool *pool;
static struct forebay_buffer *buffer;

static void setup(void)
{
	own_daemon_setup();
	connection = own_daemon.connection;
	ck_assert_int_eq(forebay_pool_acquire(connection, "default", 0, &pool), 0);
	ck_assert_int_eq(forebay_buffer_from(connection, pool, CONTENT, strlen(CONTENT), &buffer),
			 0);
}

static void teardown(void)
{
	forebay_buffer_release(buffer);
	forebay_pool_unmap(pool);
	own_daemon_teardown();
}

static struct forebay_job_options options_for(const char *name, const char *path)
{
	struct forebay_job_options options = FOREBAY_JOB_OPTIONS_INIT;

	options.name = name;
	options.buffer = forebay_buffer_id(buffer);
	options.path = path;
	return options;
}

static void make_job(const char *name, const char *path)
{
	struct forebay_job_options options = options_for(name, path);

	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), 0);
}

static struct forebay_job *describe(const char *name)
{
	struct forebay_job *job = NULL;

	ck_assert_int_eq(forebay_job_describe(connection, name, &job), 0);
	return job;
}

static void check_state(const char *name, enum forebay_job_state state)
{
	struct forebay_job *job = describe(name);

	ck_assert_int_eq((int)job->state, (int)state);
	forebay_job_free(job);
}

static void check_error(const char *name, const char *part)
{
	ck_assert_ptr_nonnull(forebay_error_name(connection));
	ck_assert_str_eq(forebay_error_name(connection), name);
	ck_assert_ptr_nonnull(strstr(forebay_error_parameters(connection), part));
}

/* An update that is begun and never ended: no consistent copy can be made. */
static void hold_buffer(void)
{
	ck_assert_int_eq(forebay_buffer_begin_update(buffer), 0);
}

START_TEST(a_job_is_made_found_and_run)
{
	struct forebay_job_options options = options_for("keeper", "{job}/{run}");
	struct forebay_job *made = NULL, *job;
	struct forebay_run *run = NULL;
	char wanted[300];

	options.every_usec = HOUR_USEC;
	options.checksum = "crc32";
	ck_assert_int_eq(forebay_job_create(connection, &options, &made), 0);
	ck_assert_str_eq(made->name, "keeper");
	ck_assert_int_eq((int)made->state, FOREBAY_JOB_WAITING);
	ck_assert_uint_eq(made->owner_uid, getuid());
	ck_assert_int_eq((int)made->last_result, FOREBAY_RUN_NONE);
	ck_assert_int_eq(made->last_start_usec, FOREBAY_UNSET);
	ck_assert_ptr_null(made->last_path);

	ck_assert_int_eq(forebay_job_run(connection, "keeper", 30 * SECOND, &run), 0);
	(void)snprintf(wanted, sizeof(wanted), "%s/keeper/1", own_daemon.store_path);
	ck_assert_str_eq(run->path, wanted);
	ck_assert_uint_eq(run->number, 1);
	ck_assert_uint_eq(run->bytes, strlen(CONTENT));
	ck_assert_int_eq((int)run->result, FOREBAY_RUN_DONE);
	ck_assert_int_eq(run->scheduled_usec, FOREBAY_UNSET);
	ck_assert_int_ge(run->end_usec, run->start_usec);
	ck_assert_int_eq(strncmp(run->digest, "crc32:", 6), 0);
	ck_assert_int_eq(run->fault.error, 0);
	own_daemon_check_file("keeper/1", CONTENT, strlen(CONTENT));

	job = describe(made->id);
	ck_assert_str_eq(job->id, made->id);
	ck_assert_str_eq(job->buffer, forebay_buffer_id(buffer));
	ck_assert_str_eq(job->store, "default");
	ck_assert_str_eq(job->path, "{job}/{run}");
	ck_assert_int_gt(job->next_usec, run->end_usec);
	ck_assert_uint_eq(job->runs, 1);
	ck_assert_uint_eq(job->last_run, 1);
	ck_assert_int_eq((int)job->last_result, FOREBAY_RUN_DONE);
	ck_assert_str_eq(job->last_path, wanted);
	ck_assert_int_eq(job->last_end_usec, run->end_usec);
	forebay_job_free(job);
	forebay_job_free(made);
	forebay_run_free(run);
}
END_TEST

/* What Describe has of a job, without spaces. */
static void check_context(const char *name, const char *const *parts)
{
	struct forebay_reply reply;
	char parameters[100];

	(void)snprintf(parameters, sizeof(parameters), "{\"id\":\"%s\"}", name);
	ck_assert_int_eq(
		forebay_call(connection, "io.forebay.job.Describe", parameters, NULL, &reply), 0);
	for (; *parts; parts++)
		ck_assert_msg(strstr(reply.parameters, *parts) != NULL, "%s is not in %s", *parts,
			      reply.parameters);
	forebay_reply_fini(&reply);
}

START_TEST(every_option_reaches_the_daemon)
{
	static const char *const parts[] = {
		"\"store\":\"default\"",
		"\"open\":\"exclusive\"",
		"\"mode\":\"0600\"",
		"\"ack\":\"synced\"",
		"\"atUSec\":4000000000000000",
		"\"afterUSec\":7200000000",
		"\"everyUSec\":3600000000",
		"\"calendar\":\"daily\"",
		"\"onChange\":true",
		"\"missed\":\"skip\"",
		"\"consistency\":\"live\"",
		"\"checksum\":\"sha256\"",
		"\"sideFile\":true",
		"\"onlyIfChanged\":true",
		"\"offset\":5",
		"\"length\":2",
		"\"jitterUSec\":1000000",
		"\"settleUSec\":20000",
		"\"timeoutUSec\":9000000",
		"\"retries\":3",
		"\"retryDelayUSec\":4000000",
		"\"keepLast\":4",
		"\"keepUSec\":5000000",
		"\"maximumBytes\":6000",
		"\"minimumFreeBytes\":7000",
		"\"labels\":{\"a\":\"b\"}",
		"\"autoDismiss\":true",
		NULL,
	};
	struct forebay_job_options options = options_for("all", "{run}");

	options.store = "default";
	options.open = "exclusive";
	options.mode = "0600";
	options.ack = "synced";
	options.calendar = "daily";
	options.missed = "skip";
	options.consistency = "live";
	options.checksum = "sha256";
	options.context = "{\"labels\":{\"a\":\"b\"},\"autoDismiss\":true}";
	options.offset = 5;
	options.length = 2;
	options.at_usec = INT64_C(4000000000000000);
	options.after_usec = 2 * HOUR_USEC;
	options.every_usec = HOUR_USEC;
	options.jitter_usec = 1000000;
	options.settle_usec = 20000;
	options.keep_last = 4;
	options.keep_usec = 5000000;
	options.maximum_bytes = 6000;
	options.minimum_free_bytes = 7000;
	options.timeout_usec = 9000000;
	options.retries = 3;
	options.retry_delay_usec = 4000000;
	options.on_change = 1;
	options.only_if_changed = 1;
	options.side_file = 1;
	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), 0);
	check_context("all", parts);
	ck_assert_int_eq(forebay_job_run(connection, "all", 30 * SECOND, NULL), 0);
	own_daemon_check_file("1", "is", 2);
}
END_TEST

START_TEST(a_job_that_cannot_be_is_refused_with_the_reason)
{
	struct forebay_job_options options = options_for("taken", "taken");
	struct forebay_job *job = NULL;

	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), 0);
	ck_assert_int_eq(forebay_job_create(connection, &options, &job), -EEXIST);
	check_error("io.forebay.job.JobExists", "taken");
	ck_assert_ptr_null(job);

	options.name = "other";
	options.calendar = "no such day";
	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), -EINVAL);
	check_error("io.forebay.job.BadSchedule", "context.schedule.calendar");
	options.calendar = NULL;
	options.keep_last = 0;
	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), -EINVAL);
	check_error("org.varlink.service.InvalidParameter", "context.retention");
	options.keep_last = FOREBAY_UNSET;
	options.path = "../outside";
	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), -EACCES);
	options.path = "inside";
	options.buffer = "b0123456789abcdef";
	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), -ENOENT);
	check_error("io.forebay.buffer.NoSuchBuffer", "b0123456789abcdef");

	/* What never gets as far as the daemon. */
	options.buffer = forebay_buffer_id(buffer);
	options.context = "no object";
	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), -EINVAL);
	ck_assert_ptr_null(forebay_error_name(connection));
	options.context = "{\"path\":\"twice\"}";
	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), -EINVAL);
	options.context = NULL;
	options.size -= sizeof(int);
	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), -EINVAL);
}
END_TEST

START_TEST(options_of_a_later_version_are_taken_if_they_are_not_used)
{
	struct {
		struct forebay_job_options options;
		uint64_t later;
	} both = { .options = options_for("later", "later") };

	both.options.size = sizeof(both);
	both.later = 1;
	ck_assert_int_eq(forebay_job_create(connection, &both.options, NULL), -EINVAL);
	both.later = 0;
	ck_assert_int_eq(forebay_job_create(connection, &both.options, NULL), 0);
}
END_TEST

START_TEST(each_verb_changes_the_state_or_says_that_it_cannot)
{
	struct forebay_job *job = NULL;
	int was_running = 1;

	make_job("steered", "steered");
	ck_assert_int_eq(forebay_job_dismiss(connection, "steered"), -EBADFD);
	check_error("io.forebay.job.WrongState", "waiting");
	ck_assert_int_eq(forebay_job_pause(connection, "steered"), 0);
	check_state("steered", FOREBAY_JOB_PAUSED);
	ck_assert_int_eq(forebay_job_resume(connection, "steered"), 0);
	check_state("steered", FOREBAY_JOB_WAITING);
	ck_assert_int_eq(forebay_job_cancel(connection, "steered", 1, NULL), -EBADFD);
	ck_assert_int_eq(forebay_job_cancel(connection, "steered", 0, &was_running), 0);
	ck_assert_int_eq(was_running, 0);
	check_state("steered", FOREBAY_JOB_FINISHED);
	ck_assert_int_eq(forebay_job_run(connection, "steered", 30 * SECOND, NULL), -EBADFD);
	ck_assert_int_eq(forebay_job_pause(connection, "steered"), -EBADFD);
	ck_assert_int_eq(forebay_job_resume(connection, "steered"), -EBADFD);
	ck_assert_int_eq(forebay_job_dismiss(connection, "steered"), 0);
	ck_assert_int_eq(forebay_job_describe(connection, "steered", &job), -ENOENT);
	check_error("io.forebay.job.NoSuchJob", "steered");
	ck_assert_ptr_null(job);
}
END_TEST

START_TEST(a_run_that_goes_on_is_cancelled_from_elsewhere)
{
	struct forebay_connection *other;
	struct forebay_reply reply;
	int was_running = 0;

	make_job("stopped", "stopped");
	hold_buffer();
	ck_assert_int_eq(forebay_connect(own_daemon.socket_path, &other), 0);
	ck_assert_int_eq(forebay_call_more(other, "io.forebay.job.Run", "{\"id\":\"stopped\"}"), 0);
	while (forebay_job_cancel(connection, "stopped", 1, &was_running) == -EBADFD)
		(void)usleep(1000);
	ck_assert_int_eq(was_running, 1);
	ck_assert_int_eq(forebay_call_next(other, 30 * SECOND, &reply), -ECANCELED);
	ck_assert_str_eq(forebay_error_name(other), "io.forebay.job.RunFailed");
	check_state("stopped", FOREBAY_JOB_WAITING);
	forebay_disconnect(other);
}
END_TEST

START_TEST(a_run_that_fails_gives_its_errno)
{
	struct forebay_job_options options = options_for("failing", "block/file");
	struct forebay_run **runs, *run = NULL;
	struct forebay_job *job;
	size_t count;
	FILE *block;
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/block", own_daemon.store_path);
	block = fopen(path, "we");
	ck_assert_ptr_nonnull(block);
	(void)fclose(block);
	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), 0);
	ck_assert_int_eq(forebay_job_run(connection, "failing", 30 * SECOND, &run), -ENOTDIR);
	check_error("io.forebay.job.RunFailed", "ENOTDIR");
	ck_assert_ptr_null(run);
	job = describe("failing");
	ck_assert_int_eq(job->fault.error, -ENOTDIR);
	ck_assert_ptr_nonnull(job->fault.operation);
	ck_assert_ptr_nonnull(job->fault.message);
	ck_assert_int_eq((int)job->last_result, FOREBAY_RUN_FAILED);
	ck_assert_uint_eq(job->failures, 1);
	forebay_job_free(job);
	ck_assert_int_eq(forebay_job_history(connection, "failing", 9, &runs, &count), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq((int)runs[0]->result, FOREBAY_RUN_FAILED);
	ck_assert_int_eq(runs[0]->fault.error, -ENOTDIR);
	forebay_run_list_free(runs, count);

	/* A save that fails is found in the list until it is dismissed. */
	options.name = NULL;
	ck_assert_int_eq(forebay_job_save(connection, &options, 30 * SECOND, NULL), -ENOTDIR);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(forebay_job_save(connection, &options, 30 * SECOND, &run), 0);
	ck_assert_uint_eq(run->bytes, strlen(CONTENT));
	forebay_run_free(run);
	own_daemon_check_file("block/file", CONTENT, strlen(CONTENT));
}
END_TEST

START_TEST(a_run_that_takes_too_long_is_told)
{
	struct forebay_job_options options = options_for("slow", "slow");

	options.timeout_usec = 60000;
	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), 0);
	hold_buffer();
	ck_assert_int_eq(forebay_job_run(connection, "slow", 30 * SECOND, NULL), -EBUSY);
	check_error("io.forebay.job.RunFailed", "snapshot");

	/* The caller's own patience: the answer of that run would be taken for another's. */
	options.name = "slower";
	options.timeout_usec = 30 * (int64_t)SECOND;
	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), 0);
	ck_assert_int_eq(forebay_job_run(connection, "slower", 50000, NULL), -ETIMEDOUT);
	ck_assert_ptr_null(forebay_error_name(connection));
	ck_assert_int_eq(forebay_ping(connection), -ENOTCONN);
}
END_TEST

START_TEST(what_has_not_changed_is_skipped)
{
	struct forebay_job_options options = options_for("same", "same/{run}");
	struct forebay_run *run = NULL;

	options.only_if_changed = 1;
	ck_assert_int_eq(forebay_job_create(connection, &options, NULL), 0);
	ck_assert_int_eq(forebay_job_run(connection, "same", 30 * SECOND, NULL), 0);
	ck_assert_int_eq(forebay_job_run(connection, "same", 30 * SECOND, &run), 0);
	ck_assert_int_eq((int)run->result, FOREBAY_RUN_SKIPPED);
	forebay_run_free(run);
	ck_assert_int_eq(forebay_buffer_begin_update(buffer), 0);
	ck_assert_int_eq(forebay_buffer_touch(buffer, 0, 4), 0);
	memcpy(forebay_buffer_data(buffer), "WHAT", 4);
	ck_assert_int_eq(forebay_buffer_end_update(buffer), 0);
	ck_assert_int_eq(forebay_job_run(connection, "same", 30 * SECOND, &run), 0);
	ck_assert_int_eq((int)run->result, FOREBAY_RUN_DONE);
	ck_assert_uint_eq(run->number, 3);
	forebay_run_free(run);
	own_daemon_check_file("same/3", "WHAT is to be kept", 18);
}
END_TEST

START_TEST(all_jobs_and_their_runs_are_listed)
{
	struct forebay_job **jobs = NULL;
	struct forebay_run **runs = NULL;
	unsigned int i, seen = 0;
	size_t count = 1;
	char name[32];

	ck_assert_int_eq(forebay_job_list(connection, &jobs, &count), 0);
	ck_assert_uint_eq(count, 0);
	ck_assert_ptr_null(jobs);
	for (i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "job%u", i);
		make_job(name, "{job}");
	}
	ck_assert_int_eq(forebay_job_history(connection, "job7", 10, &runs, &count), 0);
	ck_assert_uint_eq(count, 0);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(forebay_job_run(connection, "job7", 30 * SECOND, NULL), 0);

	ck_assert_int_eq(forebay_job_list(connection, &jobs, &count), 0);
	ck_assert_uint_eq(count, 100);
	for (i = 0; i < count; i++)
		seen += jobs[i]->runs == 3 && strcmp(jobs[i]->name, "job7") == 0;
	ck_assert_uint_eq(seen, 1);
	forebay_job_list_free(jobs, count);

	ck_assert_int_eq(forebay_job_history(connection, "job7", 2, &runs, &count), 0);
	ck_assert_uint_eq(count, 2);
	ck_assert_uint_eq(runs[0]->number, 3);
	ck_assert_uint_eq(runs[1]->number, 2);
	forebay_run_list_free(runs, count);
	ck_assert_int_eq(forebay_job_history(connection, "nobody", 2, &runs, &count), -ENOENT);
	ck_assert_int_eq(forebay_job_history(connection, "job7", 0, &runs, &count), -EINVAL);
	ck_assert_int_eq(forebay_ping(connection), 0);
}
END_TEST

START_TEST(a_schedule_is_tried_without_a_job)
{
	struct forebay_job_options options = FOREBAY_JOB_OPTIONS_INIT;
	int64_t times_usec[101];
	size_t count = 3;

	options.calendar = "*-*-* 00:00:00 UTC";
	ck_assert_int_eq(
		forebay_job_test_schedule(connection, &options, 86400000000, times_usec, &count),
		0);
	ck_assert_uint_eq(count, 3);
	ck_assert_int_eq(times_usec[0], 2 * INT64_C(86400000000));
	ck_assert_int_eq(times_usec[2], 4 * INT64_C(86400000000));
	options.calendar = NULL;
	options.at_usec = INT64_C(4000000000000000);
	count = 3;
	ck_assert_int_eq(
		forebay_job_test_schedule(connection, &options, FOREBAY_UNSET, times_usec, &count),
		0);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(times_usec[0], INT64_C(4000000000000000));
	options.calendar = "13 o'clock";
	ck_assert_int_eq(
		forebay_job_test_schedule(connection, &options, FOREBAY_UNSET, times_usec, &count),
		-EINVAL);
	check_error("io.forebay.job.BadSchedule", "schedule.calendar");
	count = 101;
	ck_assert_int_eq(
		forebay_job_test_schedule(connection, &options, FOREBAY_UNSET, times_usec, &count),
		-EINVAL);
	ck_assert_ptr_null(forebay_error_name(connection));
}
END_TEST

static Suite *jobs_suite(void)
{
	Suite *suite = suite_create("libforebay_jobs");
	TCase *all = tcase_create("jobs");

	tcase_set_timeout(all, 120);
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, a_job_is_made_found_and_run);
	tcase_add_test(all, every_option_reaches_the_daemon);
	tcase_add_test(all, a_job_that_cannot_be_is_refused_with_the_reason);
	tcase_add_test(all, options_of_a_later_version_are_taken_if_they_are_not_used);
	tcase_add_test(all, each_verb_changes_the_state_or_says_that_it_cannot);
	tcase_add_test(all, a_run_that_goes_on_is_cancelled_from_elsewhere);
	tcase_add_test(all, a_run_that_fails_gives_its_errno);
	tcase_add_test(all, a_run_that_takes_too_long_is_told);
	tcase_add_test(all, what_has_not_changed_is_skipped);
	tcase_add_test(all, all_jobs_and_their_runs_are_listed);
	tcase_add_test(all, a_schedule_is_tried_without_a_job);
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(jobs_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
