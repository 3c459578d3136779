/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "client/forebay.h"
#include "client/forebay_job.h"
#include "tests/support/own_daemon.h"

/*
 * Jobs of libforebay that are watched, and what they saved, loaded again: against the daemon as
 * built, one daemon for each test.
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

static void check_error(const char *name, const char *part)
{
	ck_assert_ptr_nonnull(forebay_error_name(connection));
	ck_assert_str_eq(forebay_error_name(connection), name);
	ck_assert_ptr_nonnull(strstr(forebay_error_parameters(connection), part));
}

/* The next one that is no progress, waited for by the descriptor. */
static struct forebay_job_event *next_event(struct forebay_job_events *events)
{
	struct pollfd wait = { .fd = forebay_job_events_fd(events), .events = POLLIN };
	struct forebay_job_event *event = NULL;
	int r;

	for (;;) {
		r = forebay_job_events_next(events, 0, &event);
		if (r == 0 && event->kind != FOREBAY_JOB_EVENT_PROGRESS)
			return event;
		if (r == 0) {
			forebay_job_event_free(event);
			continue;
		}
		ck_assert_int_eq(r, -ETIMEDOUT);
		ck_assert_int_eq(poll(&wait, 1, 30000), 1);
	}
}

static void check_next_state(struct forebay_job_events *events, enum forebay_job_state state)
{
	struct forebay_job_event *event = next_event(events);

	ck_assert_int_eq((int)event->kind, FOREBAY_JOB_EVENT_STATE);
	ck_assert_int_eq((int)event->job->state, (int)state);
	ck_assert_ptr_null(event->run);
	forebay_job_event_free(event);
}

START_TEST(what_happens_to_a_job_is_told_until_it_is_gone)
{
	struct forebay_job_events *events = NULL;
	struct forebay_job_event *event = NULL;

	ck_assert_int_eq(forebay_job_events_open(connection, "watched", &events), -ENOENT);
	check_error("io.forebay.job.NoSuchJob", "watched");
	make_job("watched", "watched");
	ck_assert_int_eq(forebay_job_events_open(connection, "watched", &events), 0);
	ck_assert_int_eq(forebay_job_events_next(events, 0, &event), -ETIMEDOUT);
	make_job("another", "another");
	ck_assert_int_eq(forebay_job_pause(connection, "another"), 0);

	ck_assert_int_eq(forebay_job_run(connection, "watched", 30 * SECOND, NULL), 0);
	check_next_state(events, FOREBAY_JOB_RUNNING);
	event = next_event(events);
	ck_assert_int_eq((int)event->kind, FOREBAY_JOB_EVENT_RESULT);
	ck_assert_uint_eq(event->run->number, 1);
	ck_assert_int_eq((int)event->run->result, FOREBAY_RUN_DONE);
	forebay_job_event_free(event);
	check_next_state(events, FOREBAY_JOB_WAITING);
	ck_assert_int_eq(forebay_job_cancel(connection, "watched", 0, NULL), 0);
	check_next_state(events, FOREBAY_JOB_FINISHED);
	ck_assert_int_eq(forebay_job_dismiss(connection, "watched"), 0);
	forebay_job_event_free(next_event(events));
	ck_assert_int_eq(forebay_job_events_next(events, 30 * SECOND, &event), -ENODATA);
	forebay_job_events_close(events);
}
END_TEST

START_TEST(who_watches_all_jobs_hears_of_each_and_of_the_daemons_end)
{
	struct forebay_job_events *events = NULL;
	struct forebay_job_event *event = NULL;
	struct forebay_job *job;
	int r;

	ck_assert_int_eq(forebay_job_events_open(connection, NULL, &events), 0);
	make_job("one", "one");
	ck_assert_int_eq(forebay_job_pause(connection, "one"), 0);
	job = NULL;
	do {
		forebay_job_free(job);
		event = next_event(events);
		job = event->job;
		event->job = NULL;
		forebay_job_event_free(event);
	} while (job->state != FOREBAY_JOB_PAUSED);
	ck_assert_int_eq(job->id[0], 'j');
	ck_assert_ptr_null(job->name);
	forebay_job_free(job);
	own_daemon_stop(SIGKILL);
	do {
		r = forebay_job_events_next(events, 30 * SECOND, &event);
		if (r == 0)
			forebay_job_event_free(event);
	} while (r == 0);
	ck_assert_int_eq(r, -ECONNRESET);
	forebay_job_events_close(events);
}
END_TEST

static void check_loaded(const struct forebay_load_options *options, const char *content)
{
	struct forebay_buffer *loaded = NULL;

	ck_assert_int_eq(forebay_buffer_load(connection, pool, options, 30 * SECOND, &loaded), 0);
	ck_assert_uint_eq(forebay_buffer_length(loaded), strlen(content));
	ck_assert_mem_eq(forebay_buffer_data(loaded), content, strlen(content));
	ck_assert_int_eq(forebay_buffer_free(connection, loaded), 0);
}

START_TEST(what_was_saved_is_loaded)
{
	struct forebay_load_options options = FOREBAY_LOAD_OPTIONS_INIT;
	struct forebay_job_options save = options_for(NULL, "saved.gz");
	struct forebay_buffer *loaded = NULL;
	struct forebay_run *run;

	save.context = "{\"steps\":[{\"name\":\"gzip\"}]}";
	save.checksum = "sha256";
	ck_assert_int_eq(forebay_job_save(connection, &save, 30 * SECOND, &run), 0);
	options.path = "saved.gz";
	options.store = "default";
	options.steps = "[{\"name\":\"gunzip\"}]";
	options.digest = run->digest;
	check_loaded(&options, CONTENT);
	options.offset = 5;
	options.length = 2;
	check_loaded(&options, "is");
	options.length = 100;
	ck_assert_int_eq(forebay_buffer_load(connection, pool, &options, 30 * SECOND, &loaded),
			 -ERANGE);
	options.length = options.offset = FOREBAY_UNSET;
	options.digest = "crc32:00000000";
	ck_assert_int_eq(forebay_buffer_load(connection, pool, &options, 30 * SECOND, &loaded),
			 -EBADMSG);
	options.digest = NULL;
	options.steps = "[{\"name\":\"unzstd\"}]";
	ck_assert_int_lt(forebay_buffer_load(connection, pool, &options, 30 * SECOND, &loaded), 0);
	check_error("io.forebay.job.RunFailed", "unzstd");
	options.path = "nothing";
	ck_assert_int_eq(forebay_buffer_load(connection, pool, &options, 30 * SECOND, &loaded),
			 -ENOENT);
	options.steps = "{}";
	ck_assert_int_eq(forebay_buffer_load(connection, pool, &options, 30 * SECOND, &loaded),
			 -EINVAL);
	options.steps = NULL;
	options.size = 8;
	ck_assert_int_eq(forebay_buffer_load(connection, pool, &options, 30 * SECOND, &loaded),
			 -EINVAL);
	ck_assert_ptr_null(loaded);
	forebay_run_free(run);
}
END_TEST

START_TEST(a_job_whose_memory_is_gone_is_taken_over_with_its_history)
{
	struct forebay_load_options load = FOREBAY_LOAD_OPTIONS_INIT;
	struct forebay_job_options options = options_for("again", "again");
	struct forebay_job *before = NULL, *after = NULL;

	options.every_usec = HOUR_USEC;
	options.replace = 1;
	ck_assert_int_eq(forebay_job_create(connection, &options, &before), 0);
	ck_assert_int_eq(forebay_job_run(connection, "again", 30 * SECOND, NULL), 0);
	own_daemon_stop(SIGKILL);
	own_daemon_restart();
	connection = own_daemon.connection;
	after = describe("again");
	ck_assert_int_eq((int)after->state, FOREBAY_JOB_PAUSED);
	ck_assert_int_eq(after->fault.error, -ENXIO);
	ck_assert_str_eq(after->fault.operation, "restore");
	ck_assert_uint_eq(after->runs, 1);
	forebay_job_free(after);

	forebay_buffer_release(buffer);
	forebay_pool_unmap(pool);
	buffer = NULL;
	ck_assert_int_eq(forebay_pool_acquire(connection, "default", 0, &pool), 0);
	load.path = "again";
	ck_assert_int_eq(forebay_buffer_load(connection, pool, &load, 30 * SECOND, &buffer), 0);
	ck_assert_mem_eq(forebay_buffer_data(buffer), CONTENT, strlen(CONTENT));
	options.buffer = forebay_buffer_id(buffer);
	ck_assert_int_eq(forebay_job_create(connection, &options, &after), 0);
	ck_assert_str_eq(after->id, before->id);
	ck_assert_int_eq((int)after->state, FOREBAY_JOB_WAITING);
	ck_assert_uint_eq(after->runs, 1);
	ck_assert_int_eq(forebay_job_run(connection, "again", 30 * SECOND, NULL), 0);
	forebay_job_free(before);
	forebay_job_free(after);
}
END_TEST

static Suite *job_events_suite(void)
{
	Suite *suite = suite_create("libforebay_job_events");
	TCase *all = tcase_create("job_events");

	tcase_set_timeout(all, 120);
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, what_happens_to_a_job_is_told_until_it_is_gone);
	tcase_add_test(all, who_watches_all_jobs_hears_of_each_and_of_the_daemons_end);
	tcase_add_test(all, what_was_saved_is_loaded);
	tcase_add_test(all, a_job_whose_memory_is_gone_is_taken_over_with_its_history);
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(job_events_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
