/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <check.h>
#include <cjson/cJSON.h>

#include "tests/support/ctl_world.h"

static struct ctl_world world;
static int client_fd;
static int events_fd;
static int sink_fd;
static char stream[32];

static void set_up(void)
{
	ctl_world_init(&world);
	client_fd = ctl_world_connect(&world);
	events_fd = ctl_world_connect(&world);
	sink_fd = -1;
}

static void tear_down(void)
{
	close(client_fd);
	close(events_fd);
	close(sink_fd);
	ctl_world_fini(&world);
}

/* A stream to a pipe, which needs no store. Every write tells its producer to stop. */
static void open_stream(void)
{
	int pipe_fds[2];
	cJSON *reply;

	close(sink_fd);
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK), 0);
	ctl_world_send_fds(client_fd,
			   "{\"method\":\"io.forebay.stream.Open\",\"parameters\":{\"context\":"
			   "{\"highWaterMark\":1},\"fileDescriptorIndex\":0}}",
			   &pipe_fds[1], 1);
	reply = ctl_world_receive(&world, client_fd);
	ck_assert_str_ne(ctl_world_text(reply, "id"), "");
	snprintf(stream, sizeof(stream), "%s", ctl_world_text(reply, "id"));
	cJSON_Delete(reply);
	close(pipe_fds[1]);
	sink_fd = pipe_fds[0];
}

/* Calls a method of the stream, with more parameters or "". */
static cJSON *call(int fd, const char *method, const char *more)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "{\"method\":\"io.forebay.stream.%s\",\"parameters\":{\"id\":\"%s\"%s}}", method,
		 stream, more);
	return ctl_world_call(&world, fd, text);
}

static void write_byte(void)
{
	char byte;
	cJSON *reply = call(client_fd, "Write", ",\"data\":\"x\"");

	ck_assert_ptr_null(cJSON_GetObjectItem(reply, "error"));
	cJSON_Delete(reply);
	cJSON_Delete(call(client_fd, "Wait", ",\"level\":\"drain\""));
	ck_assert_int_eq(read(sink_fd, &byte, 1), 1);
}

static void end_stream(void)
{
	cJSON_Delete(call(client_fd, "End", ""));
	cJSON_Delete(call(client_fd, "Wait", ",\"level\":\"finish\""));
}

static void subscribe(const char *parameters)
{
	char text[512];
	cJSON *reply;

	snprintf(text, sizeof(text),
		 "{\"method\":\"io.forebay.stream.SubscribeEvents\",\"more\":true,"
		 "\"parameters\":{%s}}",
		 parameters);
	reply = ctl_world_call(&world, events_fd, text);
	ck_assert(cJSON_IsTrue(
		cJSON_GetObjectItem(cJSON_GetObjectItem(reply, "parameters"), "ready")));
	ck_assert(cJSON_IsTrue(cJSON_GetObjectItem(reply, "continues")));
	cJSON_Delete(reply);
}

static void subscribe_to_stream(const char *more)
{
	char parameters[256];

	snprintf(parameters, sizeof(parameters), "\"id\":\"%s\"%s", stream, more);
	subscribe(parameters);
}

/* What a client heard. */
struct heard {
	int drains;
	int progresses;
	int closes;
	int finishes;
	int opens;
	int64_t lost;
	bool over; /* the last reply had no `continues` */
};

static void hear(struct heard *heard)
{
	cJSON *reply = ctl_world_receive(&world, events_fd);
	const char *event = ctl_world_text(reply, "event");

	ck_assert_ptr_nonnull(reply);
	heard->drains += strcmp(event, "drain") == 0;
	heard->progresses += strcmp(event, "progress") == 0;
	heard->finishes += strcmp(event, "finish") == 0;
	heard->closes += strcmp(event, "close") == 0;
	heard->opens += strcmp(event, "open") == 0;
	if (strcmp(event, "overflow") == 0)
		heard->lost += (int64_t)cJSON_GetObjectItem(
				       cJSON_GetObjectItem(reply, "parameters"), "lost")
				       ->valuedouble;
	heard->over = !cJSON_IsTrue(cJSON_GetObjectItem(reply, "continues"));
	cJSON_Delete(reply);
}

START_TEST(with_an_id_close_is_the_last_reply_and_the_connection_is_free)
{
	struct heard heard = { 0 };
	cJSON *reply;

	open_stream();
	subscribe_to_stream("");
	write_byte();
	end_stream();
	while (!heard.over)
		hear(&heard);
	ck_assert_int_eq(heard.drains, 1);
	ck_assert_int_eq(heard.finishes, 1);
	ck_assert_int_eq(heard.closes, 1);
	reply = ctl_world_call(&world, events_fd, "{\"method\":\"io.forebay.daemon.Ping\"}");
	ck_assert_ptr_null(cJSON_GetObjectItem(reply, "error"));
	cJSON_Delete(reply);
}
END_TEST

START_TEST(a_stream_that_has_ended_is_told_and_closed_at_once)
{
	struct heard heard = { 0 };

	open_stream();
	end_stream();
	ctl_world_settle(&world);
	subscribe_to_stream("");
	hear(&heard);
	ck_assert_int_eq(heard.closes, 1);
	ck_assert(heard.over);
}
END_TEST

START_TEST(only_what_was_asked_for_is_told_and_close_at_the_end)
{
	struct heard heard = { 0 };

	open_stream();
	subscribe_to_stream(",\"events\":[\"finish\"]");
	write_byte();
	end_stream();
	while (!heard.over)
		hear(&heard);
	ck_assert_int_eq(heard.drains, 0);
	ck_assert_int_eq(heard.progresses, 0);
	ck_assert_int_eq(heard.finishes, 1);
}
END_TEST

START_TEST(without_an_id_all_streams_are_told_and_no_close_is_the_last)
{
	struct heard heard = { 0 };

	subscribe("");
	for (int i = 0; i < 3; i++) {
		open_stream();
		end_stream();
	}
	while (heard.closes < 3)
		hear(&heard);
	ck_assert(!heard.over);
	ck_assert_int_eq(heard.opens, 3);
	ck_assert_int_eq(heard.finishes, 3);
}
END_TEST

START_TEST(progress_is_told_once_in_an_interval)
{
	struct heard heard = { 0 };

	open_stream();
	subscribe_to_stream(",\"events\":[\"progress\"],\"progressIntervalUSec\":3600000000");
	for (int i = 0; i < 50; i++)
		write_byte();
	end_stream();
	while (!heard.over)
		hear(&heard);
	ck_assert_int_eq(heard.progresses, 1);
}
END_TEST

START_TEST(every_drain_reaches_a_client_that_did_not_read_for_long)
{
	struct heard heard = { 0 };
	int small = 4096;

	open_stream();
	ck_assert_int_eq(setsockopt(events_fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small)), 0);
	subscribe_to_stream("");
	for (int i = 0; i < 600; i++)
		write_byte();
	end_stream();
	while (!heard.over)
		hear(&heard);
	ck_assert_int_eq(heard.drains, 600);
	ck_assert_int_eq(heard.finishes, 1);
	ck_assert_int_eq(heard.closes, 1);
}
END_TEST

START_TEST(what_is_left_out_is_counted_and_ends_are_told_all_the_same)
{
	struct heard heard = { 0 };

	world.service.limits.event_queue_bytes = 32 * 1024;
	subscribe("\"events\":[\"open\",\"finish\",\"close\"]");
	for (int i = 0; i < 450; i++) {
		open_stream();
		end_stream();
	}
	while (heard.closes < 450)
		hear(&heard);
	ck_assert_int_eq(heard.finishes, 450);
	ck_assert_int_gt(heard.lost, 0);
	ck_assert_int_eq(heard.opens + heard.lost, 450);
	ck_assert_uint_eq(world.service.counters.events_dropped, (uint64_t)heard.lost);
}
END_TEST

START_TEST(a_client_that_never_reads_is_held_in_bounded_memory)
{
	world.service.limits.event_queue_bytes = 1024;
	subscribe("");
	for (int i = 0; i < 400; i++) {
		open_stream();
		end_stream();
	}
	/* Even ends are counted now, and the connection is still there. */
	ck_assert_uint_gt(world.service.counters.events_dropped, 50);
	ck_assert_uint_eq(world.service.session_count, 2);
}
END_TEST

START_TEST(a_subscriber_that_leaves_is_forgotten)
{
	open_stream();
	subscribe_to_stream("");
	close(events_fd);
	ctl_world_settle(&world);
	ck_assert_uint_eq(world.service.session_count, 1);
	write_byte();
	end_stream();
	events_fd = ctl_world_connect(&world);
}
END_TEST

START_TEST(a_half_closed_subscriber_goes_on_hearing)
{
	struct heard heard = { 0 };

	open_stream();
	subscribe_to_stream("");
	ck_assert_int_eq(shutdown(events_fd, SHUT_WR), 0);
	ctl_world_settle(&world);
	end_stream();
	while (!heard.over)
		hear(&heard);
	ck_assert_int_eq(heard.finishes, 1);
	ck_assert_ptr_null(ctl_world_receive(&world, events_fd));
}
END_TEST

START_TEST(a_wait_ends_with_its_connection)
{
	char text[128];

	open_stream();
	snprintf(text, sizeof(text),
		 "{\"method\":\"io.forebay.stream.Wait\",\"parameters\":{\"id\":\"%s\","
		 "\"level\":\"finish\",\"timeoutUSec\":0}}",
		 stream);
	ctl_world_send(events_fd, text);
	/* Gone before we have looked, and gone while we wait. */
	close(events_fd);
	ctl_world_settle(&world);
	ck_assert_uint_eq(world.service.session_count, 1);

	events_fd = ctl_world_connect(&world);
	ctl_world_send(events_fd, text);
	ctl_world_settle(&world);
	close(events_fd);
	ctl_world_settle(&world);
	ck_assert_uint_eq(world.service.session_count, 1);
	events_fd = ctl_world_connect(&world);
	end_stream();
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("events");
	TCase *tcase = tcase_create("events");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 120);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, with_an_id_close_is_the_last_reply_and_the_connection_is_free);
	tcase_add_test(tcase, a_stream_that_has_ended_is_told_and_closed_at_once);
	tcase_add_test(tcase, only_what_was_asked_for_is_told_and_close_at_the_end);
	tcase_add_test(tcase, without_an_id_all_streams_are_told_and_no_close_is_the_last);
	tcase_add_test(tcase, progress_is_told_once_in_an_interval);
	tcase_add_test(tcase, every_drain_reaches_a_client_that_did_not_read_for_long);
	tcase_add_test(tcase, what_is_left_out_is_counted_and_ends_are_told_all_the_same);
	tcase_add_test(tcase, a_client_that_never_reads_is_held_in_bounded_memory);
	tcase_add_test(tcase, a_subscriber_that_leaves_is_forgotten);
	tcase_add_test(tcase, a_half_closed_subscriber_goes_on_hearing);
	tcase_add_test(tcase, a_wait_ends_with_its_connection);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
