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
#include "client/forebay_readable.h"
#include "tests/support/own_daemon.h"

/*
 * Pipes of libforebay, through its public headers alone, against the daemon
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

/* A file of the store with so many of the bytes. */
static void store(const char *path, size_t bytes)
{
	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_stream *stream;

	options.path = path;
	ck_assert_int_eq(forebay_stream_open(connection, &options, &stream), 0);
	ck_assert_int_eq(forebay_stream_write_all(stream, content, bytes, 60 * SECOND), 0);
	ck_assert_int_eq(forebay_stream_end(stream), 0);
	ck_assert_int_eq(forebay_stream_wait(stream, FOREBAY_LEVEL_FINISH, 60 * SECOND), 0);
	forebay_stream_close(stream);
}

/* What a pipe told of its way. */
struct way {
	unsigned int count;
	int stop; /* after the first */
	uint64_t last_bytes;
	char id[FOREBAY_ID_BYTES];
};

static int note(const struct forebay_pipe_progress *progress, void *data)
{
	struct way *way = data;

	ck_assert_int_eq(progress->done, 0);
	ck_assert_int_eq(progress->total_bytes, LARGE_BYTES);
	ck_assert_uint_ge(progress->bytes_read, way->last_bytes);
	if (progress->id)
		(void)snprintf(way->id, sizeof(way->id), "%s", progress->id);
	way->last_bytes = progress->bytes_read;
	way->count++;
	return way->stop;
}

START_TEST(a_pipe_tells_how_far_it_is_and_what_it_came_to)
{
	struct forebay_readable_options source = FOREBAY_READABLE_OPTIONS_INIT;
	struct forebay_stream_options sink = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_pipe_options options = FOREBAY_PIPE_OPTIONS_INIT;
	struct forebay_pipe_progress *result;
	struct way way = { 0 };
	char wanted[300];

	store("file", LARGE_BYTES);
	source.path = "file";
	source.steps = "[{\"name\":\"gzip\"},{\"name\":\"gunzip\"}]";
	sink.path = "copy";
	sink.ack = "published";
	sink.context = "{\"checksum\":\"sha256\"}";
	sink.rate_bytes_per_second = 20 * MIB;
	options.source = &source;
	options.sink = &sink;
	options.progress_interval_usec = 20000;
	ck_assert_int_eq(forebay_pipe(connection, &options, note, &way, &result), 0);
	ck_assert_uint_gt(way.count, 1);
	ck_assert_int_eq(way.id[0], 's');
	ck_assert_int_ne(result->done, 0);
	ck_assert_uint_eq(result->bytes_read, LARGE_BYTES);
	ck_assert_uint_eq(result->bytes_written, LARGE_BYTES);
	(void)snprintf(wanted, sizeof(wanted), "%s/copy", own_daemon.store_path);
	ck_assert_str_eq(result->path, wanted);
	ck_assert_int_eq(strncmp(result->digest, "sha256:", 7), 0);
	ck_assert_ptr_nonnull(strstr(result->parameters, "\"done\":true"));
	forebay_pipe_progress_free(result);
	own_daemon_check_file("copy", content, LARGE_BYTES);
}
END_TEST

START_TEST(a_pipe_writes_into_a_buffer)
{
	struct forebay_readable_options source = FOREBAY_READABLE_OPTIONS_INIT;
	struct forebay_pipe_options options = FOREBAY_PIPE_OPTIONS_INIT;
	struct forebay_buffer *buffer;
	struct forebay_pool *pool;

	store("file", MIB);
	ck_assert_int_eq(forebay_pool_acquire(connection, "default", 0, &pool), 0);
	ck_assert_int_eq(forebay_buffer_alloc(connection, pool, 100, 0, &buffer), 0);
	source.path = "file";
	source.offset = 5;
	source.length = 50;
	options.source = &source;
	options.buffer = forebay_buffer_id(buffer);
	options.buffer_offset = 20;
	ck_assert_int_eq(forebay_pipe(connection, &options, NULL, NULL, NULL), 0);
	ck_assert_mem_eq((char *)forebay_buffer_data(buffer) + 20, content + 5, 50);
	ck_assert_int_eq(((char *)forebay_buffer_data(buffer))[19], 0);
	ck_assert_int_eq(((char *)forebay_buffer_data(buffer))[70], 0);
	options.buffer_offset = 101;
	ck_assert_int_eq(forebay_pipe(connection, &options, NULL, NULL, NULL), -ERANGE);
	ck_assert_int_eq(forebay_buffer_free(connection, buffer), 0);
	forebay_pool_unmap(pool);
}
END_TEST

START_TEST(a_pipe_goes_between_descriptors)
{
	struct forebay_readable_options source = FOREBAY_READABLE_OPTIONS_INIT;
	struct forebay_stream_options sink = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_pipe_options options = FOREBAY_PIPE_OPTIONS_INIT;
	int from[2], to[2];
	char got[8];

	ck_assert_int_eq(pipe(from), 0);
	ck_assert_int_eq(pipe(to), 0);
	ck_assert_int_eq(write(from[1], "through", 7), 7);
	(void)close(from[1]);
	source.file_fd = from[0];
	sink.file_fd = to[1];
	options.source = &source;
	options.sink = &sink;
	ck_assert_int_eq(forebay_pipe(connection, &options, NULL, NULL, NULL), 0);
	(void)close(to[1]);
	ck_assert_int_eq(read(to[0], got, sizeof(got)), 7);
	ck_assert_mem_eq(got, "through", 7);
	ck_assert_int_eq(read(to[0], got, sizeof(got)), 0);
	(void)close(to[0]);
	(void)close(from[0]);
}
END_TEST

static void check_no_file(const char *name)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", own_daemon.store_path, name);
	ck_assert_int_eq(access(path, F_OK), -1);
}

START_TEST(a_pipe_that_is_given_up_leaves_no_file)
{
	struct forebay_readable_options source = FOREBAY_READABLE_OPTIONS_INIT;
	struct forebay_stream_options sink = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_pipe_options options = FOREBAY_PIPE_OPTIONS_INIT;
	struct forebay_pipe_progress *result = NULL;
	struct way way = { .stop = 1 };

	store("file", LARGE_BYTES);
	source.path = "file";
	sink.path = "never";
	sink.rate_bytes_per_second = 1000;
	options.source = &source;
	options.sink = &sink;
	ck_assert_int_eq(forebay_pipe(connection, &options, note, &way, &result), -ECANCELED);
	ck_assert_uint_eq(way.count, 1);
	way.stop = 0;
	options.timeout_usec = 100000;
	ck_assert_int_eq(forebay_pipe(connection, &options, note, &way, &result), -ETIMEDOUT);
	ck_assert_ptr_null(result);
	ck_assert_int_eq(forebay_ping(connection), 0);
	check_no_file("never");
}
END_TEST

START_TEST(a_pipe_that_fails_says_why)
{
	struct forebay_readable_options source = FOREBAY_READABLE_OPTIONS_INIT;
	struct forebay_stream_options sink = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_pipe_options options = FOREBAY_PIPE_OPTIONS_INIT;

	ck_assert_int_eq(forebay_pipe(connection, &options, NULL, NULL, NULL), -EINVAL);
	store("file", 1000);
	source.path = "file";
	source.steps = "[{\"name\":\"gunzip\"}]";
	sink.path = "never";
	options.source = &source;
	ck_assert_int_eq(forebay_pipe(connection, &options, NULL, NULL, NULL), -EINVAL);
	ck_assert_ptr_nonnull(forebay_error_name(connection));
	options.sink = &sink;
	ck_assert_int_eq(forebay_pipe(connection, &options, NULL, NULL, NULL), -EBADMSG);
	ck_assert_str_eq(forebay_error_name(connection), "io.forebay.stream.StreamFailed");
	ck_assert_ptr_nonnull(strstr(forebay_error_parameters(connection), "gunzip"));
	source.ring_bytes = 64 * KIB;
	ck_assert_int_eq(forebay_pipe(connection, &options, NULL, NULL, NULL), -EINVAL);
	ck_assert_ptr_null(forebay_error_name(connection));
	source.ring_bytes = 0;
	sink.ring_bytes = 64 * KIB;
	ck_assert_int_eq(forebay_pipe(connection, &options, NULL, NULL, NULL), -EINVAL);
	options.size = 3;
	ck_assert_int_eq(forebay_pipe(connection, &options, NULL, NULL, NULL), -EINVAL);
	check_no_file("never");
}
END_TEST

static Suite *pipe_suite(void)
{
	Suite *suite = suite_create("client pipes, end to end");
	TCase *pipes = tcase_create("pipes");

	tcase_add_checked_fixture(pipes, setup, teardown);
	tcase_set_timeout(pipes, 120);
	tcase_add_test(pipes, a_pipe_tells_how_far_it_is_and_what_it_came_to);
	tcase_add_test(pipes, a_pipe_writes_into_a_buffer);
	tcase_add_test(pipes, a_pipe_goes_between_descriptors);
	tcase_add_test(pipes, a_pipe_that_is_given_up_leaves_no_file);
	tcase_add_test(pipes, a_pipe_that_fails_says_why);
	suite_add_tcase(suite, pipes);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(pipe_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
