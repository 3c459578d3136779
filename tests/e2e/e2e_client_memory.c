/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/forebay.h"
#include "client/forebay_job.h"
#include "client/forebay_memory.h"
#include "tests/support/own_daemon.h"

/*
 * Views and leases of libforebay, through its public headers alone, against the daemon as built:
 * one daemon for each test, in a directory of its own.
 */

#define SECOND FOREBAY_USEC_PER_SEC
#define LEASE_BYTES ((size_t)1 << 20)

static struct forebay_connection *connection;
static struct forebay_pool *pool;
static struct forebay_lease *lease;

static void setup(void)
{
	own_daemon_setup();
	connection = own_daemon.connection;
	ck_assert_int_eq(forebay_pool_acquire(connection, "default", 0, &pool), 0);
	ck_assert_int_eq(forebay_lease_open(connection, pool, LEASE_BYTES, &lease), 0);
}

static void teardown(void)
{
	forebay_lease_release(lease);
	forebay_pool_unmap(pool);
	own_daemon_teardown();
}

static struct forebay_view take(size_t bytes)
{
	struct forebay_view view = { 0 };

	ck_assert_int_eq(forebay_lease_alloc(lease, bytes, &view), 0);
	return view;
}

static void check_stored(const char *name, const struct forebay_view *view)
{
	own_daemon_check_file(name, view->memory, view->bytes);
}

/* What the command prints, for the range of the view. */
static void check_printed(const struct forebay_view *view, const char *options,
			  const char *expected)
{
	char command[1024], printed[256];
	FILE *output;
	size_t count;

	(void)snprintf(command, sizeof(command),
		       "'%s' buffer read %s --socket '%s' --offset %llu --length %zu %s",
		       getenv("FOREBAYCTL"), forebay_buffer_id(view->buffer),
		       own_daemon.socket_path, (unsigned long long)view->offset, view->bytes,
		       options);
	output = popen(command, "re");
	ck_assert_ptr_nonnull(output);
	count = fread(printed, 1, sizeof(printed) - 1, output);
	printed[count] = '\0';
	ck_assert_int_eq(pclose(output), 0);
	ck_assert_str_eq(printed, expected);
}

static void call(const char *method, const char *parameters, char id[static FOREBAY_ID_BYTES])
{
	struct forebay_reply reply;
	const char *found;

	ck_assert_int_eq(forebay_call(connection, method, parameters, NULL, &reply), 0);
	found = strstr(reply.parameters, "\"id\":\"");
	if (found)
		ck_assert_int_eq(sscanf(found, "\"id\":\"%63[^\"]\"", id), 1);
	forebay_reply_fini(&reply);
}

/* Writes the range of the view to a file, out of the memory where it lies. */
static void write_by_stream(const struct forebay_view *view, const char *path)
{
	char parameters[512], id[FOREBAY_ID_BYTES], ignored[FOREBAY_ID_BYTES];

	(void)snprintf(parameters, sizeof(parameters), "{\"context\":{\"path\":\"%s\"}}", path);
	call("io.forebay.stream.Open", parameters, id);
	(void)snprintf(parameters, sizeof(parameters),
		       "{\"id\":\"%s\",\"buffer\":\"%s\",\"offset\":%llu,\"length\":%zu}", id,
		       forebay_buffer_id(view->buffer), (unsigned long long)view->offset,
		       view->bytes);
	call("io.forebay.stream.Write", parameters, ignored);
	(void)snprintf(parameters, sizeof(parameters), "{\"id\":\"%s\"}", id);
	call("io.forebay.stream.End", parameters, ignored);
	(void)snprintf(parameters, sizeof(parameters), "{\"id\":\"%s\",\"level\":\"finish\"}", id);
	call("io.forebay.stream.Wait", parameters, ignored);
}

START_TEST(what_is_set_in_a_lease_is_read_by_the_daemon)
{
	struct forebay_view before = take(3), view = take(12), text = take(5);
	size_t bytes = 0;

	ck_assert_int_eq(forebay_view_fill(&before, "x", 1), 0);
	ck_assert_int_eq(forebay_view_set_float64be(&view, 0, -0.5), 0);
	ck_assert_int_eq(forebay_view_set_uint32le(&view, 8, 0xfeedbeef), 0);
	ck_assert_int_eq(
		forebay_view_set_text(&text, FOREBAY_ENCODING_UTF8, "h\xc3\xa9llo", 6, &bytes), 0);
	ck_assert_uint_eq(bytes, 5);
	check_printed(&view, "--encoding hex", "bfe0000000000000efbeedfe\n");
	check_printed(&text, "--encoding utf8", "h\xc3\xa9ll\n");
	check_printed(&before, "--encoding latin1", "xxx\n");
}
END_TEST

START_TEST(what_the_daemon_sets_is_got_from_the_view)
{
	struct forebay_view view = take(24);
	char parameters[256], ignored[FOREBAY_ID_BYTES];
	double numbers[3] = { 0 };

	(void)snprintf(parameters, sizeof(parameters),
		       "{\"id\":\"%s\",\"type\":\"float64le\",\"offset\":%llu,"
		       "\"texts\":[\"1.5\",\"-Infinity\",\"1e-300\"]}",
		       forebay_buffer_id(view.buffer), (unsigned long long)view.offset);
	call("io.forebay.buffer.SetNumber", parameters, ignored);
	ck_assert_int_eq(forebay_view_get_float64le_array(&view, 0, numbers, 3), 0);
	ck_assert(numbers[0] == 1.5 && numbers[1] < -1e300 && numbers[2] == 1e-300);
}
END_TEST

START_TEST(a_stream_writes_a_view_out_of_the_lease)
{
	struct forebay_view views[20];

	for (unsigned int i = 0; i < 20; i++) {
		views[i] = take(1 + i * 977);
		ck_assert_int_eq(forebay_view_fill(&views[i], &i, 1), 0);
	}
	for (unsigned int i = 0; i < 20; i += 3) {
		char path[32];

		(void)snprintf(path, sizeof(path), "piece/%u", i);
		write_by_stream(&views[i], path);
		check_stored(path, &views[i]);
	}
	for (unsigned int i = 0; i < 20; i++)
		ck_assert_int_eq(forebay_lease_free(lease, &views[i]), 0);
	ck_assert_int_eq(forebay_lease_close(connection, lease), 0);
	lease = NULL;
}
END_TEST

START_TEST(a_job_saves_a_view_out_of_the_lease)
{
	struct forebay_job_options options = FOREBAY_JOB_OPTIONS_INIT;
	struct forebay_view other = take(500), view = take(10000);

	ck_assert_int_eq(forebay_view_fill(&other, "o", 1), 0);
	ck_assert_int_eq(forebay_buffer_begin_update(view.buffer), 0);
	ck_assert_int_eq(forebay_view_touch(&view), 0);
	ck_assert_int_eq(forebay_view_fill(&view, "state ", 6), 0);
	ck_assert_int_eq(forebay_buffer_end_update(view.buffer), 0);
	options.buffer = forebay_buffer_id(view.buffer);
	options.offset = (int64_t)view.offset;
	options.length = (int64_t)view.bytes;
	options.path = "saved";
	options.consistency = "versioned";
	ck_assert_int_eq(forebay_job_save(connection, &options, 60 * SECOND, NULL), 0);
	check_stored("saved", &view);
}
END_TEST

START_TEST(a_lease_goes_with_one_free_however_many_pieces_it_has)
{
	char id[FOREBAY_ID_BYTES];
	struct forebay_buffer *buffer;
	int pieces = 0;
	struct forebay_view view;

	strcpy(id, forebay_buffer_id(forebay_lease_buffer(lease)));
	while (forebay_lease_alloc(lease, 100, &view) == 0)
		pieces++;
	ck_assert_int_gt(pieces, 9000);
	ck_assert_int_eq(forebay_lease_close(connection, lease), 0);
	lease = NULL;
	ck_assert_int_eq(forebay_buffer_describe(connection, pool, id, &buffer), -ENOENT);
}
END_TEST

START_TEST(a_lease_that_cannot_be_had_says_why)
{
	struct forebay_lease *other = NULL;
	struct forebay_pool *reading = NULL;

	ck_assert_int_eq(forebay_lease_open(connection, pool, 7, &other), -EINVAL);
	ck_assert_int_eq(forebay_lease_open(connection, pool, forebay_pool_size(pool) + 1, &other),
			 -ENOSPC);
	ck_assert_int_eq(forebay_pool_acquire(connection, "default", 1, &reading), 0);
	ck_assert_int_eq(forebay_lease_open(connection, reading, LEASE_BYTES, &other), -EROFS);
	ck_assert_ptr_null(other);
	forebay_pool_unmap(reading);
}
END_TEST

START_TEST(what_another_process_set_is_seen_through_a_pool_for_reading)
{
	struct forebay_pool *reading = NULL;
	struct forebay_buffer *buffer = NULL;
	struct forebay_view view = take(8), same;
	uint64_t number = 0;

	ck_assert_int_eq(forebay_view_set_uint64be(&view, 0, 0x0102030405060708), 0);
	ck_assert_int_eq(forebay_pool_acquire(connection, "default", 1, &reading), 0);
	ck_assert_int_eq(forebay_buffer_describe(connection, reading,
						 forebay_buffer_id(view.buffer), &buffer),
			 0);
	same = forebay_view_of_buffer(buffer);
	same = forebay_view_slice(&same, (int64_t)view.offset, FOREBAY_VIEW_END);
	ck_assert_int_eq(forebay_view_get_uint64be(&same, 0, &number), 0);
	ck_assert_uint_eq(number, 0x0102030405060708);
	ck_assert_int_eq(forebay_view_set_uint64be(&same, 0, 0), -EROFS);
	forebay_buffer_release(buffer);
	forebay_pool_unmap(reading);
}
END_TEST

START_TEST(a_lease_outlives_its_daemon_until_it_is_let_go)
{
	struct forebay_view view = take(8), other;
	int32_t number = 0;

	ck_assert_int_eq(forebay_view_set_int32be(&view, 0, -7), 0);
	own_daemon_stop(SIGKILL);
	ck_assert_int_eq(forebay_view_get_int32be(&view, 0, &number), 0);
	ck_assert_int_eq(number, -7);
	ck_assert_int_eq(forebay_lease_alloc(lease, 100, &other), 0);
	ck_assert_int_lt(forebay_lease_close(connection, lease), 0);
	ck_assert_int_eq(forebay_lease_free(lease, &other), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client_memory");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, all);
	tcase_set_timeout(all, 120);
	tcase_add_checked_fixture(all, setup, teardown);
	tcase_add_test(all, what_is_set_in_a_lease_is_read_by_the_daemon);
	tcase_add_test(all, what_the_daemon_sets_is_got_from_the_view);
	tcase_add_test(all, a_stream_writes_a_view_out_of_the_lease);
	tcase_add_test(all, a_job_saves_a_view_out_of_the_lease);
	tcase_add_test(all, a_lease_goes_with_one_free_however_many_pieces_it_has);
	tcase_add_test(all, a_lease_that_cannot_be_had_says_why);
	tcase_add_test(all, what_another_process_set_is_seen_through_a_pool_for_reading);
	tcase_add_test(all, a_lease_outlives_its_daemon_until_it_is_let_go);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
