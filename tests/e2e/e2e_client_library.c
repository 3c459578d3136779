/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/forebay.h"
#include "tests/support/own_daemon.h"

/*
 * libforebay, through its public header alone, against the daemon as built: one daemon for
 * each test, in a directory of its own.
 */

#define SECOND FOREBAY_USEC_PER_SEC
#define MIB ((size_t)1 << 20)

static struct forebay_connection *connection;

static void setup(void)
{
	own_daemon_setup();
	connection = own_daemon.connection;
}

static unsigned char *make_content(size_t bytes)
{
	unsigned char *content = malloc(bytes);
	size_t i;

	ck_assert_ptr_nonnull(content);
	for (i = 0; i < bytes; i++)
		content[i] = (unsigned char)(i * 31 + i / 253);
	return content;
}

static struct forebay_stream *open_path(const char *path, uint64_t ring_bytes, const char *context)
{
	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_stream *stream = NULL;

	options.path = path;
	options.ring_bytes = ring_bytes;
	options.context = context;
	ck_assert_int_eq(forebay_stream_open(connection, &options, &stream), 0);
	return stream;
}

START_TEST(all_of_a_large_write_is_published)
{
	unsigned char *content = make_content(20 * MIB + 7);
	struct forebay_stream *stream = open_path("dir/large", 64 << 10, "{\"ack\":\"published\"}");
	struct forebay_stream_numbers numbers;
	char wanted[300];

	ck_assert_int_eq(forebay_stream_write_all(stream, content, 20 * MIB + 7, 60 * SECOND), 0);
	ck_assert_uint_eq(forebay_stream_position(stream), 20 * MIB + 7);
	ck_assert_ptr_null(forebay_stream_path(stream));
	ck_assert_int_eq(forebay_stream_end(stream), 0);
	ck_assert_int_eq(forebay_stream_wait(stream, FOREBAY_LEVEL_FINISH, 60 * SECOND), 0);
	forebay_stream_get_numbers(stream, &numbers, sizeof(numbers));
	ck_assert_uint_eq(numbers.done_bytes, 20 * MIB + 7);
	ck_assert_uint_eq(numbers.synced_bytes, 20 * MIB + 7);
	ck_assert_uint_eq(numbers.state, FOREBAY_STREAM_FINISHED);
	ck_assert_uint_gt(numbers.drains, 0);
	(void)snprintf(wanted, sizeof(wanted), "%s/dir/large", own_daemon.store_path);
	ck_assert_str_eq(forebay_stream_path(stream), wanted);
	forebay_stream_close(stream);
	own_daemon_check_file("dir/large", content, 20 * MIB + 7);
	free(content);
}
END_TEST

START_TEST(a_loop_of_ones_own_is_woken_by_one_descriptor)
{
	unsigned char *content = make_content(4 * MIB);
	struct forebay_stream *stream = open_path("polled", 64 << 10, NULL);
	struct pollfd wait = { .fd = forebay_stream_fd(stream), .events = POLLIN };
	unsigned int events = 0, drains = 0;
	size_t position = 0;
	int r;

	ck_assert_int_ge(wait.fd, 0);
	while (position < 4 * MIB) {
		r = forebay_stream_write(stream, content + position, 16384);
		ck_assert_int_ge(r, 0);
		position += 16384;
		for (events = 0; r == 0 && !(events & FOREBAY_EVENT_DRAIN);) {
			ck_assert_int_eq(poll(&wait, 1, 30000), 1);
			ck_assert_int_eq(forebay_stream_dispatch(stream, &events), 0);
		}
		drains += r == 0;
	}
	ck_assert_uint_gt(drains, 0);
	ck_assert_int_eq(forebay_stream_end(stream), 0);
	for (events = 0; !(events & FOREBAY_EVENT_FINISH);) {
		ck_assert_int_eq(poll(&wait, 1, 30000), 1);
		ck_assert_int_eq(forebay_stream_dispatch(stream, &events), 0);
		ck_assert_uint_eq(events & (FOREBAY_EVENT_FAIL | FOREBAY_EVENT_LOST), 0);
	}
	forebay_stream_close(stream);
	own_daemon_check_file("polled", content, 4 * MIB);
	free(content);
}
END_TEST

START_TEST(reserved_room_is_written_without_a_copy)
{
	struct forebay_stream *stream = open_path("reserved", 64 << 10, NULL);
	size_t room;
	void *space;

	ck_assert_int_eq(forebay_stream_reserve(stream, 100, &space, &room), 0);
	ck_assert_uint_eq(room, 64 << 10);
	memset(space, 'x', 100);
	ck_assert_int_eq(forebay_stream_commit(stream, 3), 1);
	ck_assert_int_eq(forebay_stream_wait(stream, FOREBAY_LEVEL_SYNCED, 30 * SECOND), 0);
	ck_assert_int_eq(forebay_stream_end(stream), 0);
	ck_assert_int_eq(forebay_stream_end(stream), -EALREADY);
	ck_assert_int_eq(forebay_stream_write(stream, "y", 1), -EPIPE);
	ck_assert_int_eq(forebay_stream_wait(stream, FOREBAY_LEVEL_FINISH, 30 * SECOND), 0);
	forebay_stream_close(stream);
	own_daemon_check_file("reserved", "xxx", 3);
}
END_TEST

START_TEST(a_successor_goes_on_where_the_producer_died)
{
	struct forebay_stream *first =
		open_path("taken-over", 64 << 10, "{\"onDisconnect\":\"detach\"}");
	struct forebay_stream *second = NULL;
	char id[FOREBAY_ID_BYTES], token[128];

	(void)snprintf(id, sizeof(id), "%s", forebay_stream_id(first));
	(void)snprintf(token, sizeof(token), "%s", forebay_stream_token(first));
	ck_assert_int_eq(forebay_stream_write(first, "first ", 6), 1);
	forebay_stream_close(first);

	ck_assert_int_eq(forebay_stream_attach(connection, id, "no such token", &second), -EPERM);
	ck_assert_int_eq(forebay_stream_attach(connection, id, token, &second), 0);
	ck_assert_uint_eq(forebay_stream_position(second), 6);
	ck_assert_int_eq(forebay_stream_write(second, "second", 6), 1);
	ck_assert_int_eq(forebay_stream_end(second), 0);
	ck_assert_int_eq(forebay_stream_wait(second, FOREBAY_LEVEL_FINISH, 30 * SECOND), 0);
	forebay_stream_close(second);
	own_daemon_check_file("taken-over", "first second", 12);
}
END_TEST

START_TEST(an_open_that_is_refused_says_why)
{
	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_stream *stream = NULL;

	options.path = "../outside";
	ck_assert_int_eq(forebay_stream_open(connection, &options, &stream), -EACCES);
	ck_assert_ptr_null(stream);
	ck_assert_str_eq(forebay_error_name(connection), "io.forebay.stream.PathRefused");
	ck_assert_ptr_nonnull(strstr(forebay_error_parameters(connection), "../outside"));

	options.path = "x";
	options.context = "{\"path\":\"y\"}";
	ck_assert_int_eq(forebay_stream_open(connection, &options, &stream), -EINVAL);
	options.context = "no object";
	ck_assert_int_eq(forebay_stream_open(connection, &options, &stream), -EINVAL);
	ck_assert_ptr_null(forebay_error_name(connection));
	options.size = 3;
	ck_assert_int_eq(forebay_stream_open(connection, &options, &stream), -EINVAL);
}
END_TEST

START_TEST(an_aborted_stream_takes_nothing_and_leaves_no_file)
{
	struct forebay_stream *stream = open_path("aborted", 64 << 10, NULL);
	char path[300];

	ck_assert_int_eq(forebay_stream_write(stream, "x", 1), 1);
	ck_assert_int_eq(forebay_stream_abort(stream, "test"), 0);
	ck_assert_int_eq(forebay_stream_write(stream, "x", 1), -ECANCELED);
	forebay_stream_close(stream);
	(void)snprintf(path, sizeof(path), "%s/aborted", own_daemon.store_path);
	ck_assert_int_eq(access(path, F_OK), -1);
}
END_TEST

START_TEST(a_wait_that_runs_out_is_told_and_the_stream_goes_on)
{
	struct forebay_stream *stream = open_path("slow", 64 << 10, NULL);

	ck_assert_int_eq(forebay_stream_write(stream, "x", 1), 1);
	ck_assert_int_eq(forebay_stream_wait(stream, FOREBAY_LEVEL_FINISH, 20000), -ETIMEDOUT);
	ck_assert_str_eq(forebay_stream_error_name(stream), "io.forebay.stream.TimedOut");
	ck_assert_int_eq(forebay_stream_wait_drain(stream, 0), 0);
	ck_assert_int_eq(forebay_stream_end(stream), 0);
	ck_assert_int_eq(forebay_stream_wait(stream, FOREBAY_LEVEL_FINISH, 30 * SECOND), 0);
	forebay_stream_close(stream);
	own_daemon_check_file("slow", "x", 1);
}
END_TEST

START_TEST(a_directory_that_is_passed_is_written_beneath)
{
	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_stream *stream = NULL;

	options.directory_fd = open(own_daemon.store_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	options.path = "passed";
	ck_assert_int_eq(forebay_stream_open(connection, &options, &stream), 0);
	(void)close(options.directory_fd);
	ck_assert_int_eq(forebay_stream_write(stream, "abc", 3), 1);
	ck_assert_int_eq(forebay_stream_end(stream), 0);
	ck_assert_int_eq(forebay_stream_wait(stream, FOREBAY_LEVEL_FINISH, 30 * SECOND), 0);
	forebay_stream_close(stream);
	own_daemon_check_file("passed", "abc", 3);
}
END_TEST

START_TEST(a_daemon_that_dies_ends_every_wait)
{
	struct forebay_stream *stream =
		open_path("orphan", 64 << 10, "{\"rateBytesPerSecond\":1000}");
	unsigned char *content = make_content(MIB);
	unsigned int events = 0;
	int r;

	ck_assert_int_ge(forebay_stream_write(stream, content, 60000), 0);
	own_daemon_stop(SIGKILL);
	r = forebay_stream_write_all(stream, content, MIB, 30 * SECOND);
	ck_assert_int_eq(r, -ECONNRESET);
	ck_assert_int_eq(forebay_stream_dispatch(stream, &events), 0);
	ck_assert_uint_eq(events & FOREBAY_EVENT_LOST, FOREBAY_EVENT_LOST);
	ck_assert_int_lt(forebay_stream_wait(stream, FOREBAY_LEVEL_FINISH, SECOND), 0);
	ck_assert_int_lt(forebay_ping(connection), 0);
	forebay_stream_close(stream);
	free(content);
}
END_TEST

START_TEST(a_pool_shows_the_same_bytes_to_all_who_map_it)
{
	struct forebay_pool_options options = FOREBAY_POOL_OPTIONS_INIT;
	struct forebay_buffer *buffer, *again;
	struct forebay_pool *pool, *view;

	options.name = "shared";
	options.size_bytes = MIB;
	ck_assert_int_eq(forebay_pool_create(connection, &options), 0);
	ck_assert_int_eq(forebay_pool_create(connection, &options), -EEXIST);
	ck_assert_int_eq(forebay_pool_acquire(connection, "shared", 0, &pool), 0);
	ck_assert_int_eq(forebay_pool_acquire(connection, "shared", 1, &view), 0);
	ck_assert_uint_eq(forebay_pool_size(pool), MIB);
	ck_assert_int_eq(forebay_buffer_from(connection, pool, "hello", 5, &buffer), 0);
	ck_assert_int_eq(
		forebay_buffer_describe(connection, view, forebay_buffer_id(buffer), &again), 0);
	ck_assert_mem_eq(forebay_buffer_data(again), "hello", 5);
	ck_assert_uint_eq(forebay_buffer_length(again), 5);
	ck_assert_int_eq(forebay_buffer_begin_update(again), -EROFS);
	ck_assert_int_eq(forebay_buffer_from(connection, view, "x", 1, &buffer), -EROFS);
	forebay_buffer_release(again);
	ck_assert_int_eq(forebay_buffer_free(connection, buffer), 0);
	forebay_pool_unmap(view);
	forebay_pool_unmap(pool);
	ck_assert_int_eq(forebay_pool_destroy(connection, "shared", 0), 0);
	ck_assert_int_eq(forebay_pool_acquire(connection, "shared", 0, &pool), -ENOENT);
}
END_TEST

START_TEST(an_update_shuts_out_others_until_its_end)
{
	struct forebay_buffer *buffer, *other;
	struct forebay_pool *pool;
	char parameters[200];

	ck_assert_int_eq(forebay_pool_acquire(connection, "default", 0, &pool), 0);
	ck_assert_int_eq(forebay_buffer_alloc(connection, pool, 70000, 0, &buffer), 0);
	ck_assert_int_eq(
		forebay_buffer_describe(connection, pool, forebay_buffer_id(buffer), &other), 0);
	ck_assert_int_eq(forebay_buffer_touch(buffer, 0, 1), -EPERM);
	ck_assert_int_eq(forebay_buffer_end_update(buffer), -EPERM);
	ck_assert_int_eq(forebay_buffer_begin_update(buffer), 0);
	ck_assert_int_eq(forebay_buffer_begin_update(other), -EBUSY);
	ck_assert_int_eq(forebay_buffer_touch(buffer, 69999, 1), 0);
	ck_assert_int_eq(forebay_buffer_touch(buffer, 70000, 1), -ERANGE);
	ck_assert_int_eq(forebay_buffer_touch(buffer, 1, SIZE_MAX), -ERANGE);

	/* The daemon's own writes keep to the same rule. */
	(void)snprintf(parameters, sizeof(parameters), "{\"id\":\"%s\",\"data\":\"x\"}",
		       forebay_buffer_id(buffer));
	ck_assert_int_eq(
		forebay_call(connection, "io.forebay.buffer.Write", parameters, NULL, NULL),
		-EBUSY);
	ck_assert_int_eq(forebay_buffer_end_update(buffer), 0);
	ck_assert_int_eq(
		forebay_call(connection, "io.forebay.buffer.Write", parameters, NULL, NULL), 0);
	ck_assert_int_eq(*(char *)forebay_buffer_data(buffer), 'x');
	ck_assert_int_eq(forebay_buffer_begin_update(other), 0);
	ck_assert_int_eq(forebay_buffer_end_update(other), 0);
	forebay_buffer_release(other);
	ck_assert_int_eq(forebay_buffer_free(connection, buffer), 0);
	forebay_pool_unmap(pool);
}
END_TEST

static Suite *library_suite(void)
{
	Suite *suite = suite_create("libforebay");
	TCase *all = tcase_create("library");

	tcase_set_timeout(all, 120);
	tcase_add_checked_fixture(all, setup, own_daemon_teardown);
	tcase_add_test(all, all_of_a_large_write_is_published);
	tcase_add_test(all, a_loop_of_ones_own_is_woken_by_one_descriptor);
	tcase_add_test(all, reserved_room_is_written_without_a_copy);
	tcase_add_test(all, a_successor_goes_on_where_the_producer_died);
	tcase_add_test(all, an_open_that_is_refused_says_why);
	tcase_add_test(all, an_aborted_stream_takes_nothing_and_leaves_no_file);
	tcase_add_test(all, a_wait_that_runs_out_is_told_and_the_stream_goes_on);
	tcase_add_test(all, a_directory_that_is_passed_is_written_beneath);
	tcase_add_test(all, a_daemon_that_dies_ends_every_wait);
	tcase_add_test(all, a_pool_shows_the_same_bytes_to_all_who_map_it);
	tcase_add_test(all, an_update_shuts_out_others_until_its_end);
	suite_add_tcase(suite, all);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(library_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
