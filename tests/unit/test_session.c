/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <check.h>
#include <cjson/cJSON.h>
#include <event2/event.h>

#include "daemon/ctl/listener.h"
#include "daemon/ctl/session.h"
#include "tests/support/ctl_world.h"

#define PING "{\"method\":\"io.forebay.daemon.Ping\"}"

static struct ctl_world world;
static int client_fd;
static int fds_before;

static void set_up(void)
{
	ctl_world_init(&world);
	fds_before = ctl_world_count_fds();
	client_fd = ctl_world_connect(&world);
}

static void tear_down(void)
{
	close(client_fd);
	ctl_world_settle(&world);
	ck_assert_uint_eq(world.service.session_count, 0);
	ck_assert_ptr_null(user_find(&world.registry, getuid()));
	ck_assert_int_eq(ctl_world_count_fds(), fds_before);
	ctl_world_fini(&world);
}

static void check_is_dropped(void)
{
	ck_assert_ptr_null(ctl_world_receive(&world, client_fd));
}

static void check_pong(void)
{
	cJSON *reply = ctl_world_receive(&world, client_fd);

	ck_assert_ptr_nonnull(reply);
	ck_assert_ptr_null(cJSON_GetObjectItem(reply, "error"));
	cJSON_Delete(reply);
}

START_TEST(calls_in_one_write_are_answered_in_order)
{
	for (int i = 0; i < 200; i++)
		ctl_world_send(client_fd, PING);
	for (int i = 0; i < 200; i++)
		check_pong();
	ck_assert_uint_eq(world.service.counters.calls, 200);
}
END_TEST

START_TEST(a_call_may_come_byte_by_byte)
{
	for (size_t i = 0; i < sizeof(PING); i++) {
		ck_assert_int_eq(send(client_fd, &PING[i], 1, 0), 1);
		ctl_world_settle(&world);
	}
	check_pong();
}
END_TEST

START_TEST(what_is_no_call_ends_the_connection)
{
	int fds[2] = { STDIN_FILENO, STDOUT_FILENO };

	/* What came along is closed, as the end of the test makes sure. */
	ctl_world_send_fds(client_fd, "garbage", fds, 2);
	check_is_dropped();
	ck_assert_uint_eq(world.service.counters.clients_dropped, 1);
}
END_TEST

START_TEST(a_message_without_end_ends_the_connection_at_the_cap)
{
	static char braces[128 * 1024];
	ssize_t sent = 0;

	memset(braces, '{', sizeof(braces));
	for (int i = 0; i < 4; i++) {
		ssize_t more = send(client_fd, braces, sizeof(braces), MSG_NOSIGNAL);

		sent += more > 0 ? more : 0;
		ctl_world_settle(&world);
	}
	ck_assert_int_gt(sent, (ssize_t)world.service.limits.message_bytes);
	check_is_dropped();
}
END_TEST

START_TEST(a_message_that_is_not_finished_in_time_ends_the_connection)
{
	world.service.limits.message_timeout_usec = 20000;
	ck_assert_int_eq(send(client_fd, "{", 1, 0), 1);
	check_is_dropped();
}
END_TEST

START_TEST(bytes_that_trickle_in_do_not_move_the_deadline)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int sent = 0;

	world.service.limits.message_timeout_usec = 50000;
	while (sent < 1000 && send(client_fd, "{", 1, MSG_NOSIGNAL) == 1) {
		sent++;
		nanosleep(&pause, NULL);
		ctl_world_settle(&world);
	}
	ck_assert_int_lt(sent, 1000);
}
END_TEST

START_TEST(an_idle_connection_has_no_deadline)
{
	const struct timespec pause = { .tv_nsec = 60000000 };

	world.service.limits.message_timeout_usec = 20000;
	ctl_world_send(client_fd, PING);
	check_pong();
	nanosleep(&pause, NULL);
	ctl_world_send(client_fd, PING);
	check_pong();
}
END_TEST

START_TEST(a_half_closed_client_gets_its_replies_and_the_end)
{
	ctl_world_send(client_fd, PING);
	ctl_world_send(client_fd, PING);
	ck_assert_int_eq(shutdown(client_fd, SHUT_WR), 0);
	check_pong();
	check_pong();
	check_is_dropped();
}
END_TEST

START_TEST(calls_of_a_client_that_left_are_still_done)
{
	ctl_world_send(client_fd, "{\"method\":\"io.forebay.daemon.Shutdown\"}");
	ctl_world_send(client_fd, "{\"method\":\"io.forebay.daemon.Shutdown\",\"oneway\":true}");
	close(client_fd);
	ctl_world_settle(&world);
	ck_assert_int_eq(world.shutdowns, 2);
	client_fd = ctl_world_connect(&world);
}
END_TEST

START_TEST(a_client_that_does_not_read_is_held_back)
{
	static const char text[] = "{\"method\":\"org.varlink.service.GetInterfaceDescription\","
				   "\"parameters\":{\"interface\":\"io.forebay.job\"}}";
	size_t calls = 0;
	int small = 4096;

	/* Fewer calls fit in, and it is soon seen who is held back. */
	ck_assert_int_eq(setsockopt(client_fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	for (int i = 0; i < 10000; i++) {
		ssize_t sent = send(client_fd, text, sizeof(text), MSG_NOSIGNAL);

		if (sent == (ssize_t)sizeof(text))
			calls++;
		ctl_world_settle(&world);
		if (sent < 0)
			break;
	}
	/* Its calls stay where they are: in the socket, and not in our memory. */
	ck_assert_uint_lt(world.service.counters.calls, calls);
	struct session *session =
		container_of(list_first(&world.service.sessions), struct session, service_link);
	ck_assert_uint_le(frame_writer_pending_bytes(&session->writer),
			  SESSION_PAUSE_BYTES + world.service.limits.message_bytes);
	for (size_t i = 0; i < calls; i++)
		cJSON_Delete(ctl_world_receive(&world, client_fd));
	ck_assert_uint_eq(world.service.counters.calls, calls);
}
END_TEST

START_TEST(descriptors_nobody_takes_are_closed_and_refused)
{
	int fds[253], before;
	size_t counts[] = { 1, 2, 3, 100, 253 };

	for (size_t i = 0; i < 253; i++)
		fds[i] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	before = ctl_world_count_fds();
	for (size_t i = 0; i < 5; i++) {
		ctl_world_send_fds(client_fd, PING, fds, counts[i]);
		ck_assert(ctl_world_is_error(ctl_world_receive(&world, client_fd),
					     "org.varlink.service.InvalidParameter"));
		ctl_world_send_fds(client_fd,
				   "{\"method\":\"io.forebay.buffer.From\",\"parameters\":"
				   "{\"data\":\"x\"}}",
				   fds, counts[i]);
		ck_assert(ctl_world_is_error(ctl_world_receive(&world, client_fd),
					     "org.varlink.service.InvalidParameter"));
		ck_assert_int_eq(ctl_world_count_fds(), before);
	}
	for (size_t i = 0; i < 253; i++)
		close(fds[i]);
}
END_TEST

START_TEST(descriptors_within_a_message_end_the_connection)
{
	int fds[2] = { STDIN_FILENO, STDOUT_FILENO };

	ck_assert_int_eq(send(client_fd, "{\"method\":", 10, 0), 10);
	ctl_world_settle(&world);
	ctl_world_send_fds(client_fd, "\"x\"}", fds, 2);
	check_is_dropped();
}
END_TEST

START_TEST(an_index_can_be_taken_once_and_must_be_there)
{
	int fd = STDIN_FILENO;

	for (int index = -1; index < 3; index += 2) {
		char text[160];

		snprintf(text, sizeof(text),
			 "{\"method\":\"io.forebay.buffer.From\",\"parameters\":"
			 "{\"fileDescriptorIndex\":%d}}",
			 index);
		ctl_world_send_fds(client_fd, text, &fd, 1);
		ck_assert(ctl_world_is_error(ctl_world_receive(&world, client_fd),
					     "org.varlink.service.InvalidParameter"));
	}
	ctl_world_send_fds(client_fd,
			   "{\"method\":\"io.forebay.stream.Open\",\"parameters\":{\"context\":{},"
			   "\"fileDescriptorIndex\":0,\"directoryFileDescriptorIndex\":0}}",
			   &fd, 1);
	ck_assert(ctl_world_is_error(ctl_world_receive(&world, client_fd),
				     "org.varlink.service.InvalidParameter"));
}
END_TEST

START_TEST(each_user_has_so_many_connections)
{
	int fds[16], pair[2];
	cJSON *reply;

	for (int i = 0; i < 7; i++)
		fds[i] = ctl_world_connect(&world);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	ck_assert_int_eq(session_open(&world.service, pair[1]), REFUSED);
	reply = ctl_world_receive(&world, pair[0]);
	ck_assert_str_eq(ctl_world_text(reply, "limit"), "connections");
	ck_assert(ctl_world_is_error(reply, "io.forebay.daemon.LimitExceeded"));
	ck_assert_ptr_null(ctl_world_receive(&world, pair[0]));
	close(pair[0]);
	for (int i = 0; i < 7; i++)
		close(fds[i]);
	ctl_world_settle(&world);
	close(ctl_world_connect(&world));
}
END_TEST

START_TEST(descriptors_that_nobody_reads_are_bounded_for_each_connection)
{
	int other_fd = ctl_world_connect(&world), fds[2];
	int refused = 0;
	size_t count;
	cJSON *reply;

	for (int i = 0; i < 20; i++)
		ctl_world_send(client_fd, "{\"method\":\"io.forebay.pool.Acquire\",\"parameters\":"
					  "{\"name\":\"default\"}}");
	reply = ctl_world_call(&world, other_fd, PING);
	cJSON_Delete(reply);
	ctl_world_send(other_fd, "{\"method\":\"io.forebay.pool.Acquire\",\"parameters\":"
				 "{\"name\":\"default\"}}");
	reply = ctl_world_receive_fds(&world, other_fd, fds, 2, &count);
	ck_assert_msg(count == 2, "%s", cJSON_PrintUnformatted(reply));
	cJSON_Delete(reply);
	close(fds[0]);
	close(fds[1]);

	while (world.service.counters.calls < 22)
		event_base_loop(world.base, EVLOOP_NONBLOCK);
	for (int i = 0; i < 20; i++) {
		reply = ctl_world_receive(&world, client_fd);
		refused += cJSON_GetObjectItem(reply, "error") != NULL;
		cJSON_Delete(reply);
	}
	ck_assert_int_gt(refused, 0);
	ck_assert_int_lt(refused, 20);

	/* Once they were read there is room again. */
	ctl_world_send(client_fd, "{\"method\":\"io.forebay.pool.Acquire\",\"parameters\":"
				  "{\"name\":\"default\"}}");
	reply = ctl_world_receive(&world, client_fd);
	ck_assert_ptr_null(cJSON_GetObjectItem(reply, "error"));
	cJSON_Delete(reply);
	close(other_fd);
	cJSON_Delete(ctl_world_call(&world, client_fd,
				    "{\"method\":\"io.forebay.pool.Destroy\",\"parameters\":"
				    "{\"name\":\"default\"}}"));
}
END_TEST

START_TEST(a_client_that_hangs_up_with_descriptors_unread_keeps_its_place_until_it_closes)
{
	cJSON *reply = ctl_world_call(&world, client_fd,
				      "{\"method\":\"io.forebay.pool.Create\",\"parameters\":"
				      "{\"context\":{\"name\":\"p\",\"sizeBytes\":4096}}}");

	cJSON_Delete(reply);
	ctl_world_send(client_fd, "{\"method\":\"io.forebay.pool.Acquire\",\"parameters\":"
				  "{\"name\":\"p\"}}");
	ctl_world_settle(&world);
	ck_assert_int_eq(shutdown(client_fd, SHUT_RDWR), 0);
	ctl_world_settle(&world);
	ck_assert_uint_eq(world.service.session_count, 1);
	close(client_fd);
	for (int i = 0; i < 200 && world.service.session_count > 0; i++) {
		const struct timespec pause = { .tv_nsec = 10000000 };

		nanosleep(&pause, NULL);
		ctl_world_settle(&world);
	}
	ck_assert_uint_eq(world.service.session_count, 0);
	client_fd = ctl_world_connect(&world);
}
END_TEST

START_TEST(a_call_that_outlives_its_connection_ends_quietly)
{
	for (int i = 0; i < 20; i++) {
		ctl_world_send(client_fd, "{\"method\":\"io.forebay.pool.Create\",\"parameters\":"
					  "{\"context\":{\"name\":\"p\",\"sizeBytes\":65536}}}");
		event_base_loop(world.base, EVLOOP_NONBLOCK);
		close(client_fd);
		client_fd = ctl_world_connect(&world);
	}
	cJSON_Delete(ctl_world_call(&world, client_fd, PING));
	for (int i = 0; i < 500 && world.service.session_count > 1; i++) {
		const struct timespec pause = { .tv_nsec = 10000000 };

		nanosleep(&pause, NULL);
		ctl_world_settle(&world);
	}
	ck_assert_uint_eq(world.service.session_count, 1);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("session");
	TCase *tcase = tcase_create("session");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, set_up, tear_down);
	tcase_add_test(tcase, calls_in_one_write_are_answered_in_order);
	tcase_add_test(tcase, a_call_may_come_byte_by_byte);
	tcase_add_test(tcase, what_is_no_call_ends_the_connection);
	tcase_add_test(tcase, a_message_without_end_ends_the_connection_at_the_cap);
	tcase_add_test(tcase, a_message_that_is_not_finished_in_time_ends_the_connection);
	tcase_add_test(tcase, bytes_that_trickle_in_do_not_move_the_deadline);
	tcase_add_test(tcase, an_idle_connection_has_no_deadline);
	tcase_add_test(tcase, a_half_closed_client_gets_its_replies_and_the_end);
	tcase_add_test(tcase, calls_of_a_client_that_left_are_still_done);
	tcase_add_test(tcase, a_client_that_does_not_read_is_held_back);
	tcase_add_test(tcase, descriptors_nobody_takes_are_closed_and_refused);
	tcase_add_test(tcase, descriptors_within_a_message_end_the_connection);
	tcase_add_test(tcase, an_index_can_be_taken_once_and_must_be_there);
	tcase_add_test(tcase, each_user_has_so_many_connections);
	tcase_add_test(tcase, descriptors_that_nobody_reads_are_bounded_for_each_connection);
	tcase_add_test(
		tcase,
		a_client_that_hangs_up_with_descriptors_unread_keeps_its_place_until_it_closes);
	tcase_add_test(tcase, a_call_that_outlives_its_connection_ends_quietly);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
