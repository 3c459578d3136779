/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/forebay.h"
#include "client/forebay_readable.h"
#include "tests/support/own_daemon.h"

/*
 * Readable streams of libforebay, through its public headers alone, against the daemon
 * as built: one daemon for each test, in a directory of its own.
 */

#define SECOND FOREBAY_USEC_PER_SEC
#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)
#define LARGE_BYTES (5 * MIB + 7)

static struct forebay_connection *connection;
static unsigned char *content;

static void setup(void)
{
	own_daemon_setup();
	connection = own_daemon.connection;
	content = malloc(LARGE_BYTES);
	ck_assert_ptr_nonnull(content);
	for (size_t i = 0; i < LARGE_BYTES; i++)
		content[i] = (unsigned char)(i * 31 + i / 253);
}

static void teardown(void)
{
	free(content);
	own_daemon_teardown();
}

/* A file of the store with so many of the bytes, through these steps. */
static void store(const char *path, size_t bytes, const char *context)
{
	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_stream *stream;

	options.path = path;
	options.context = context;
	ck_assert_int_eq(forebay_stream_open(connection, &options, &stream), 0);
	ck_assert_int_eq(forebay_stream_write_all(stream, content, bytes, 60 * SECOND), 0);
	ck_assert_int_eq(forebay_stream_end(stream), 0);
	ck_assert_int_eq(forebay_stream_wait(stream, FOREBAY_LEVEL_FINISH, 60 * SECOND), 0);
	forebay_stream_close(stream);
}

static struct forebay_readable *open_path(const char *path, uint64_t ring_bytes, const char *steps)
{
	struct forebay_readable_options options = FOREBAY_READABLE_OPTIONS_INIT;
	struct forebay_readable *readable = NULL;

	options.path = path;
	options.ring_bytes = ring_bytes;
	options.steps = steps;
	ck_assert_int_eq(forebay_readable_open(connection, &options, &readable), 0);
	return readable;
}

/* Exactly these bytes, and then the end. */
static void expect_all(struct forebay_readable *readable, const void *wanted, size_t bytes)
{
	unsigned char *got = malloc(bytes + 1);
	size_t count = 0;

	ck_assert_ptr_nonnull(got);
	ck_assert_int_eq(forebay_readable_read_all(readable, got, bytes + 1, 60 * SECOND, &count),
			 0);
	ck_assert_uint_eq(count, bytes);
	ck_assert(memcmp(got, wanted, bytes) == 0);
	ck_assert_int_eq(forebay_readable_read(readable, got, 1), 0);
	ck_assert_int_eq(forebay_readable_wait(readable, 0), 0);
	ck_assert_uint_eq(forebay_readable_position(readable), bytes);
	free(got);
}

static ssize_t wait_and_peek(struct forebay_readable *readable, const void **ret_data)
{
	ssize_t n = forebay_readable_peek(readable, ret_data);

	while (n == -EAGAIN) {
		ck_assert_int_eq(forebay_readable_wait(readable, 30 * SECOND), 0);
		n = forebay_readable_peek(readable, ret_data);
	}
	return n;
}

START_TEST(a_large_file_comes_through_a_ring_of_any_size)
{
	struct forebay_readable *readable;

	store("large", LARGE_BYTES, NULL);
	readable = open_path("large", _i ? 8 * MIB : 64 * KIB, NULL);
	expect_all(readable, content, LARGE_BYTES);
	forebay_readable_close(readable);
}
END_TEST

START_TEST(bytes_lie_in_the_ring_until_they_are_consumed)
{
	struct forebay_readable *readable;
	const void *first, *data = NULL;
	size_t position = 0;
	ssize_t n;

	store("file", MIB, NULL);
	readable = open_path("file", 64 * KIB, NULL);
	ck_assert_int_gt(wait_and_peek(readable, &first), 0);
	ck_assert_int_ge(wait_and_peek(readable, &data), 1);
	ck_assert_ptr_eq(first, data);
	ck_assert_int_eq(forebay_readable_consume(readable, 64 * KIB + 1), -EINVAL);
	ck_assert_uint_eq(forebay_readable_position(readable), 0);
	while ((n = wait_and_peek(readable, &data)) > 0) {
		/* Never all of it, so that what is there goes over the end of the ring. */
		size_t some = (size_t)n > 7 ? (size_t)n - 7 : (size_t)n;

		ck_assert(memcmp(data, content + position, some) == 0);
		ck_assert_int_eq(forebay_readable_consume(readable, some), 0);
		position += some;
	}
	ck_assert_int_eq(n, 0);
	ck_assert_uint_eq(position, MIB);
	forebay_readable_close(readable);
}
END_TEST

START_TEST(steps_are_undone_on_the_way)
{
	struct forebay_readable *readable;

	store("packed", LARGE_BYTES, "{\"steps\":[{\"name\":\"zstd\"},{\"name\":\"gzip\"}]}");
	readable = open_path("packed", 0, "[{\"name\":\"gunzip\"},{\"name\":\"unzstd\"}]");
	expect_all(readable, content, LARGE_BYTES);
	forebay_readable_close(readable);
}
END_TEST

START_TEST(a_part_of_a_file_or_a_buffer_can_be_read)
{
	struct forebay_readable_options options = FOREBAY_READABLE_OPTIONS_INIT;
	struct forebay_readable *readable;
	struct forebay_buffer *buffer;
	struct forebay_pool *pool;

	store("file", MIB, NULL);
	options.path = "file";
	options.offset = 1000;
	options.length = 5000;
	options.high_water_mark = 1;
	ck_assert_int_eq(forebay_readable_open(connection, &options, &readable), 0);
	expect_all(readable, content + 1000, 5000);
	forebay_readable_close(readable);

	ck_assert_int_eq(forebay_pool_acquire(connection, "default", 0, &pool), 0);
	ck_assert_int_eq(forebay_buffer_from(connection, pool, content, 6000, &buffer), 0);
	options.path = NULL;
	options.buffer = forebay_buffer_id(buffer);
	ck_assert_int_eq(forebay_readable_open(connection, &options, &readable), 0);
	expect_all(readable, content + 1000, 5000);
	forebay_readable_close(readable);
	ck_assert_int_eq(forebay_buffer_free(connection, buffer), 0);
	forebay_pool_unmap(pool);
}
END_TEST

START_TEST(a_pipe_is_read_as_it_is_written)
{
	struct forebay_readable_options options = FOREBAY_READABLE_OPTIONS_INIT;
	struct forebay_readable *readable;
	char text[16];
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	options.file_fd = ends[0];
	ck_assert_int_eq(forebay_readable_open(connection, &options, &readable), 0);
	(void)close(ends[0]);
	ck_assert_int_eq(forebay_readable_read(readable, text, sizeof(text)), -EAGAIN);
	ck_assert_int_eq(forebay_readable_wait(readable, 20000), -ETIMEDOUT);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(write(ends[1], "word", 4), 4);
		ck_assert_int_eq(forebay_readable_wait(readable, 30 * SECOND), 0);
		ck_assert_int_eq(forebay_readable_read(readable, text, sizeof(text)), 4);
		ck_assert_mem_eq(text, "word", 4);
	}
	(void)close(ends[1]);
	ck_assert_int_eq(forebay_readable_wait(readable, 30 * SECOND), 0);
	ck_assert_int_eq(forebay_readable_read(readable, text, sizeof(text)), 0);
	ck_assert_int_eq(forebay_readable_read(readable, text, 0), -EINVAL);
	forebay_readable_close(readable);
}
END_TEST

/* One turn of a loop that knows nothing but the descriptor. */
static unsigned int turn(struct forebay_readable *readable)
{
	struct pollfd wait = { .fd = forebay_readable_fd(readable), .events = POLLIN };
	unsigned int events = 0;

	ck_assert_int_ge(wait.fd, 0);
	ck_assert_int_eq(poll(&wait, 1, 30000), 1);
	ck_assert_int_eq(forebay_readable_dispatch(readable, &events), 0);
	return events;
}

START_TEST(a_loop_of_ones_own_is_woken_while_there_is_something)
{
	struct forebay_readable *readable;
	unsigned char part[3000];
	unsigned int events = 0;
	struct pollfd wait;
	size_t position = 0;

	store("polled", MIB, NULL);
	readable = open_path("polled", 64 * KIB, NULL);
	/* Something is there already when the descriptor is asked for, and less is taken each time. */
	ck_assert_int_eq(forebay_readable_wait(readable, 30 * SECOND), 0);
	while (!(events & FOREBAY_READABLE_EVENT_END)) {
		events = turn(readable);
		ck_assert_uint_eq(
			events & (FOREBAY_READABLE_EVENT_FAIL | FOREBAY_READABLE_EVENT_LOST), 0);
		if (events & FOREBAY_READABLE_EVENT_DATA) {
			ssize_t n = forebay_readable_read(readable, part, sizeof(part));

			ck_assert_int_gt(n, 0);
			ck_assert(memcmp(part, content + position, (size_t)n) == 0);
			position += (size_t)n;
		}
	}
	ck_assert_uint_eq(position, MIB);
	/* The end is told once; a byte that says so again may come, and then nothing does. */
	wait = (struct pollfd){ .fd = forebay_readable_fd(readable), .events = POLLIN };
	for (int bytes = 0; poll(&wait, 1, 200) == 1; bytes++) {
		ck_assert_int_lt(bytes, 10);
		ck_assert_int_eq(forebay_readable_dispatch(readable, &events), 0);
		ck_assert_uint_eq(events, 0);
	}
	forebay_readable_close(readable);
}
END_TEST

START_TEST(a_wait_in_between_takes_nothing_from_the_loop)
{
	struct forebay_readable_options options = FOREBAY_READABLE_OPTIONS_INIT;
	struct forebay_readable *readable;
	int ends[2];

	ck_assert_int_eq(pipe(ends), 0);
	options.file_fd = ends[0];
	ck_assert_int_eq(forebay_readable_open(connection, &options, &readable), 0);
	(void)close(ends[0]);
	ck_assert_uint_eq(turn(readable), 0);
	ck_assert_int_eq(write(ends[1], "a", 1), 1);
	ck_assert_int_eq(forebay_readable_wait(readable, 30 * SECOND), 0);
	ck_assert_uint_eq(turn(readable), FOREBAY_READABLE_EVENT_DATA);
	(void)close(ends[1]);
	forebay_readable_close(readable);
}
END_TEST

/* Until nothing comes any more, with nobody who asks for it. */
static size_t take_what_is_there(struct forebay_readable *readable)
{
	const void *data;
	size_t bytes = 0;

	while (forebay_readable_wait(readable, 200000) == 0) {
		ssize_t n = forebay_readable_peek(readable, &data);

		if (n <= 0)
			break;
		ck_assert_int_eq(forebay_readable_consume(readable, (size_t)n), 0);
		bytes += (size_t)n;
	}
	return bytes;
}

START_TEST(what_is_paused_comes_to_a_stop_and_goes_on)
{
	struct forebay_readable *readable;
	size_t bytes;

	store("file", LARGE_BYTES, NULL);
	readable = open_path("file", 64 * KIB, NULL);
	ck_assert_int_eq(forebay_readable_pause(readable), 0);
	bytes = take_what_is_there(readable);
	ck_assert_uint_lt(bytes, LARGE_BYTES);
	ck_assert_int_eq(forebay_readable_resume(readable), 0);
	ck_assert_uint_eq(bytes + take_what_is_there(readable), LARGE_BYTES);
	forebay_readable_close(readable);
}
END_TEST

START_TEST(an_open_that_is_refused_says_why)
{
	struct forebay_readable_options options = FOREBAY_READABLE_OPTIONS_INIT;
	struct forebay_readable *readable = NULL;

	options.path = "none";
	ck_assert_int_eq(forebay_readable_open(connection, &options, &readable), -ENOENT);
	ck_assert_str_eq(forebay_error_name(connection), "io.forebay.store.NoSuchFile");
	ck_assert_ptr_nonnull(strstr(forebay_error_parameters(connection), "none"));
	options.file_fd = STDIN_FILENO;
	ck_assert_int_eq(forebay_readable_open(connection, &options, &readable), -EINVAL);
	options.file_fd = -1;
	options.path = NULL;
	options.buffer = "b0";
	ck_assert_int_eq(forebay_readable_open(connection, &options, &readable), -ENOENT);
	options.buffer = NULL;
	ck_assert_int_eq(forebay_readable_open(connection, &options, &readable), -EINVAL);
	store("file", 10, NULL);
	options.path = "file";
	options.offset = 11;
	ck_assert_int_eq(forebay_readable_open(connection, &options, &readable), -ERANGE);
	options.offset = FOREBAY_UNSET;
	options.steps = "[{\"name\":\"lz4\"}]";
	ck_assert_int_eq(forebay_readable_open(connection, &options, &readable), -EINVAL);
	options.steps = "gunzip";
	ck_assert_int_eq(forebay_readable_open(connection, &options, &readable), -EINVAL);
	ck_assert_ptr_null(forebay_error_name(connection));
	options.steps = NULL;
	options.size = 3;
	ck_assert_int_eq(forebay_readable_open(connection, &options, &readable), -EINVAL);
	ck_assert_ptr_null(readable);
}
END_TEST

START_TEST(a_failure_is_told_with_what_failed)
{
	struct forebay_readable *readable;
	struct forebay_reply reply;
	unsigned int events;
	const void *data;
	char text[8];

	store("garbage", 100, NULL);
	readable = open_path("garbage", 0, "[{\"name\":\"gunzip\"}]");
	ck_assert_int_eq(forebay_readable_wait(readable, 30 * SECOND), -EIO);
	ck_assert_int_eq(forebay_readable_peek(readable, &data), -EIO);
	ck_assert_int_eq(forebay_readable_read(readable, text, sizeof(text)), -EIO);
	ck_assert_int_eq(forebay_readable_dispatch(readable, &events), 0);
	ck_assert_uint_eq(events, FOREBAY_READABLE_EVENT_FAIL);
	ck_assert_int_eq(forebay_readable_fault(readable), -EBADMSG);
	ck_assert_int_eq(forebay_readable_describe(readable, &reply), 0);
	ck_assert_ptr_nonnull(strstr(reply.parameters, "\"operation\":\"gunzip\""));
	forebay_reply_fini(&reply);
	forebay_readable_close(readable);
}
END_TEST

START_TEST(an_aborted_one_says_so)
{
	struct forebay_readable *readable;

	store("file", LARGE_BYTES, NULL);
	readable = open_path("file", 64 * KIB, NULL);
	ck_assert_int_eq(forebay_readable_abort(readable, "test"), 0);
	ck_assert_uint_lt(take_what_is_there(readable), LARGE_BYTES);
	ck_assert_int_eq(forebay_readable_wait(readable, 30 * SECOND), -ECANCELED);
	ck_assert_int_eq(forebay_readable_fault(readable), -ECANCELED);
	ck_assert_int_eq(forebay_readable_abort(readable, NULL), -EBADFD);
	ck_assert_str_eq(forebay_readable_error_name(readable), "io.forebay.stream.WrongState");
	forebay_readable_close(readable);
}
END_TEST

START_TEST(one_that_is_closed_is_gone)
{
	struct forebay_readable *readable;
	struct forebay_reply reply;
	int found = 1;

	store("file", LARGE_BYTES, NULL);
	readable = open_path("file", 64 * KIB, NULL);
	ck_assert_int_gt(strlen(forebay_readable_id(readable)), 1);
	forebay_readable_close(readable);
	for (int tries = 0; found && tries < 3000; tries++) {
		ck_assert_int_eq(
			forebay_call_more(connection, "io.forebay.stream.ListReadables", NULL), 0);
		ck_assert_int_eq(forebay_call_next(connection, 30 * SECOND, &reply), 0);
		ck_assert_int_eq(reply.continues, 0);
		found = strstr(reply.parameters, "\"highWaterMark\"") != NULL;
		forebay_reply_fini(&reply);
		(void)usleep(10000);
	}
	ck_assert_int_eq(found, 0);
}
END_TEST

START_TEST(a_daemon_that_dies_ends_every_wait)
{
	struct forebay_readable *readable;
	unsigned int events;
	int r;

	store("file", LARGE_BYTES, NULL);
	readable = open_path("file", 64 * KIB, NULL);
	ck_assert_int_eq(forebay_readable_wait(readable, 30 * SECOND), 0);
	own_daemon_stop(SIGKILL);
	ck_assert_uint_lt(take_what_is_there(readable), LARGE_BYTES);
	r = forebay_readable_wait(readable, 30 * SECOND);
	ck_assert_int_eq(r, -ECONNRESET);
	ck_assert_int_eq(forebay_readable_dispatch(readable, &events), 0);
	ck_assert_uint_eq(events, FOREBAY_READABLE_EVENT_LOST);
	ck_assert_int_lt(forebay_readable_fault(readable), 0);
	forebay_readable_close(readable);
}
END_TEST

static Suite *readable_suite(void)
{
	Suite *suite = suite_create("client readables, end to end");
	TCase *readables = tcase_create("readables");

	tcase_add_checked_fixture(readables, setup, teardown);
	tcase_set_timeout(readables, 120);
	tcase_add_loop_test(readables, a_large_file_comes_through_a_ring_of_any_size, 0, 2);
	tcase_add_test(readables, bytes_lie_in_the_ring_until_they_are_consumed);
	tcase_add_test(readables, steps_are_undone_on_the_way);
	tcase_add_test(readables, a_part_of_a_file_or_a_buffer_can_be_read);
	tcase_add_test(readables, a_pipe_is_read_as_it_is_written);
	tcase_add_test(readables, a_loop_of_ones_own_is_woken_while_there_is_something);
	tcase_add_test(readables, a_wait_in_between_takes_nothing_from_the_loop);
	tcase_add_test(readables, what_is_paused_comes_to_a_stop_and_goes_on);
	tcase_add_test(readables, an_open_that_is_refused_says_why);
	tcase_add_test(readables, a_failure_is_told_with_what_failed);
	tcase_add_test(readables, an_aborted_one_says_so);
	tcase_add_test(readables, one_that_is_closed_is_gone);
	tcase_add_test(readables, a_daemon_that_dies_ends_every_wait);
	suite_add_tcase(suite, readables);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(readable_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
