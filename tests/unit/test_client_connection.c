/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/connection.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "client/forebay.h"

/*
 * A connection against the other end of a socketpair. The answer is put into the socket before
 * the call is made, so no second thread is needed.
 */

static struct forebay_connection *connection;
static int daemon_fd;
static struct forebay_reply reply;

static void setup(void)
{
	int pair[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	connection = calloc(1, sizeof(*connection));
	ck_assert_ptr_nonnull(connection);
	connection->conn_fd = pair[0];
	connection->timeout_usec = 5 * FOREBAY_USEC_PER_SEC;
	frame_reader_init(&connection->reader, FRAME_LIMIT_MAXIMUM_BYTES);
	daemon_fd = pair[1];
	memset(&reply, 0, sizeof(reply));
}

static void teardown(void)
{
	forebay_reply_fini(&reply);
	forebay_disconnect(connection);
	if (daemon_fd >= 0)
		(void)close(daemon_fd);
}

static void answer(const char *text)
{
	ck_assert_int_eq(send(daemon_fd, text, strlen(text) + 1, 0), (ssize_t)strlen(text) + 1);
}

static void check_sent(const char *wanted)
{
	char text[4096];
	ssize_t n = recv(daemon_fd, text, sizeof(text), MSG_DONTWAIT);

	ck_assert_int_eq(n, (ssize_t)strlen(wanted) + 1);
	ck_assert_str_eq(text, wanted);
}

START_TEST(numbers_go_and_come_with_every_digit)
{
	answer("{\"parameters\":{\"n\":9223372036854775807}}");
	ck_assert_int_eq(
		forebay_call(connection, "a.b.C", "{\"n\":1000000000000000}", NULL, &reply), 0);
	check_sent("{\"method\":\"a.b.C\",\"parameters\":{\"n\":1000000000000000}}");
	ck_assert_str_eq(reply.parameters, "{\"n\":9223372036854775807}");
	ck_assert_int_eq(reply.continues, 0);
}
END_TEST

START_TEST(an_error_has_its_name_and_parameters_until_the_next_call)
{
	answer("{\"error\":\"io.forebay.pool.PoolFull\",\"parameters\":{\"name\":\"p\"}}");
	ck_assert_int_eq(forebay_ping(connection), -ENOSPC);
	ck_assert_str_eq(forebay_error_name(connection), "io.forebay.pool.PoolFull");
	ck_assert_str_eq(forebay_error_parameters(connection), "{\"name\":\"p\"}");
	answer("{}");
	ck_assert_int_eq(forebay_ping(connection), 0);
	ck_assert_ptr_null(forebay_error_name(connection));
}
END_TEST

static const struct {
	const char *text;
	int error;
} errors[] = {
	{ "{\"error\":\"io.forebay.stream.NoSuchStream\"}", -ENOENT },
	{ "{\"error\":\"org.varlink.service.PermissionDenied\",\"parameters\":{}}", -EPERM },
	{ "{\"error\":\"io.forebay.stream.TimedOut\",\"parameters\":{\"id\":\"s\"}}", -ETIMEDOUT },
	{ "{\"error\":\"io.forebay.stream.StreamFailed\",\"parameters\":{\"fault\":{\"errno\":28}}}",
	  -ENOSPC },
	{ "{\"error\":\"io.forebay.stream.StreamFailed\",\"parameters\":{}}", -EIO },
	{ "{\"error\":\"com.example.Other\"}", -EREMOTEIO },
};

START_TEST(an_error_becomes_the_nearest_errno_and_breaks_nothing)
{
	answer(errors[_i].text);
	ck_assert_int_eq(forebay_ping(connection), errors[_i].error);
	answer("{}");
	ck_assert_int_eq(forebay_ping(connection), 0);
}
END_TEST

static const char *const bad_parameters[] = { "", "[]", "{", "{}}", "{} {}", "{\"a\":}", "\"x\"" };

START_TEST(text_that_is_no_object_is_not_sent)
{
	char byte;

	ck_assert_int_eq(forebay_call(connection, "a.b.C", bad_parameters[_i], NULL, NULL),
			 -EINVAL);
	ck_assert_int_eq(forebay_call(connection, "a\"b", NULL, NULL, NULL), -EINVAL);
	ck_assert_int_eq(recv(daemon_fd, &byte, 1, MSG_DONTWAIT), -1);
	answer("{}");
	ck_assert_int_eq(forebay_ping(connection), 0);
}
END_TEST

static const char *const bad_replies[] = {
	"{", "[]", "{\"error\":1}", "{\"parameters\":{\"a\":1,\"a\":2}}", "{\"continues\":true}",
};

START_TEST(an_answer_that_breaks_the_rules_breaks_the_connection)
{
	answer(bad_replies[_i]);
	ck_assert_int_eq(forebay_ping(connection), -EPROTO);
	answer("{}");
	ck_assert_int_eq(forebay_ping(connection), -ENOTCONN);
}
END_TEST

START_TEST(no_answer_in_time_breaks_the_connection)
{
	forebay_set_timeout(connection, 1000);
	ck_assert_int_eq(forebay_ping(connection), -ETIMEDOUT);
	answer("{}");
	ck_assert_int_eq(forebay_ping(connection), -ENOTCONN);
}
END_TEST

START_TEST(a_daemon_that_hangs_up_is_an_error_and_no_signal)
{
	(void)close(daemon_fd);
	daemon_fd = -1;
	ck_assert_int_eq(forebay_ping(connection), -EPIPE);
	ck_assert_int_eq(forebay_ping(connection), -ENOTCONN);
}
END_TEST

START_TEST(a_daemon_that_hangs_up_after_the_call_is_a_reset)
{
	(void)shutdown(daemon_fd, SHUT_WR);
	ck_assert_int_eq(forebay_ping(connection), -ECONNRESET);
}
END_TEST

START_TEST(several_answers_come_one_by_one)
{
	ck_assert_int_eq(forebay_call_next(connection, 0, &reply), -ENODATA);
	ck_assert_int_eq(forebay_call_more(connection, "a.b.C", NULL), 0);
	check_sent("{\"method\":\"a.b.C\",\"parameters\":{},\"more\":true}");
	ck_assert_int_eq(forebay_ping(connection), -EBUSY);
	ck_assert_int_eq(forebay_call_next(connection, 0, &reply), -ETIMEDOUT);

	answer("{\"parameters\":{\"n\":1},\"continues\":true}");
	answer("{\"parameters\":{\"n\":2}}");
	ck_assert_int_eq(forebay_call_next(connection, 0, &reply), 0);
	ck_assert_str_eq(reply.parameters, "{\"n\":1}");
	ck_assert_int_eq(reply.continues, 1);
	forebay_reply_fini(&reply);
	ck_assert_int_eq(forebay_call_next(connection, 0, &reply), 0);
	ck_assert_str_eq(reply.parameters, "{\"n\":2}");
	ck_assert_int_eq(reply.continues, 0);
	forebay_reply_fini(&reply);
	ck_assert_int_eq(forebay_call_next(connection, 0, &reply), -ENODATA);
	answer("{}");
	ck_assert_int_eq(forebay_ping(connection), 0);
}
END_TEST

START_TEST(an_error_ends_several_answers)
{
	ck_assert_int_eq(forebay_call_more(connection, "a.b.C", NULL), 0);
	answer("{\"error\":\"a.b.NoSuchPool\"}");
	ck_assert_int_eq(forebay_call_next(connection, 0, &reply), -ENOENT);
	ck_assert_int_eq(forebay_call_next(connection, 0, &reply), -ENODATA);
}
END_TEST

/* Sends a message with descriptors, as the daemon would. */
static void answer_with(const char *text, const int *fds, size_t count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { 0 };
	struct iovec part = { .iov_base = (char *)text, .iov_len = strlen(text) + 1 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = control.bytes,
				  .msg_controllen = CMSG_SPACE(count * sizeof(int)) };
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(header), fds, count * sizeof(int));
	ck_assert_int_gt(sendmsg(daemon_fd, &message, 0), 0);
}

START_TEST(descriptors_come_with_their_answer)
{
	int pair[2];
	char byte;

	ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
	answer_with("{\"parameters\":{}}", pair, 2);
	ck_assert_int_eq(forebay_call(connection, "a.b.C", NULL, NULL, &reply), 0);
	ck_assert_uint_eq(reply.fd_count, 2);
	ck_assert_int_eq(write(reply.fds[1], "x", 1), 1);
	ck_assert_int_eq(read(pair[0], &byte, 1), 1);
	ck_assert_int_eq(fcntl(reply.fds[0], F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	(void)close(pair[0]);
	(void)close(pair[1]);
}
END_TEST

START_TEST(descriptors_that_nobody_asked_for_are_closed)
{
	int pair[2];
	char byte;

	ck_assert_int_eq(pipe2(pair, O_CLOEXEC), 0);
	answer_with("{\"error\":\"a.b.C\"}", pair, 2);
	ck_assert_int_eq(forebay_ping(connection), -EREMOTEIO);
	(void)close(pair[1]);
	/* The end of file says that no other copy of the writing end is left. */
	ck_assert_int_eq(read(pair[0], &byte, 1), 0);
	(void)close(pair[0]);
}
END_TEST

START_TEST(descriptors_are_sent_and_stay_the_callers)
{
	const struct forebay_fds fds = { .fds = &daemon_fd, .count = 1 };
	const struct forebay_fds bad = { .fds = (const int[]){ -1 }, .count = 1 };

	answer("{}");
	ck_assert_int_eq(forebay_call(connection, "a.b.C", NULL, &fds, NULL), 0);
	ck_assert_int_ge(fcntl(daemon_fd, F_GETFD), 0);
	ck_assert_int_eq(forebay_call(connection, "a.b.C", NULL, &bad, NULL), -EBADF);
	answer("{}");
	ck_assert_int_eq(forebay_ping(connection), 0);
}
END_TEST

static Suite *connection_suite(void)
{
	Suite *suite = suite_create("client connection");
	TCase *calls = tcase_create("calls");

	tcase_add_checked_fixture(calls, setup, teardown);
	tcase_add_test(calls, numbers_go_and_come_with_every_digit);
	tcase_add_test(calls, an_error_has_its_name_and_parameters_until_the_next_call);
	tcase_add_loop_test(calls, an_error_becomes_the_nearest_errno_and_breaks_nothing, 0,
			    (int)(sizeof(errors) / sizeof(errors[0])));
	tcase_add_loop_test(calls, text_that_is_no_object_is_not_sent, 0,
			    (int)(sizeof(bad_parameters) / sizeof(bad_parameters[0])));
	tcase_add_loop_test(calls, an_answer_that_breaks_the_rules_breaks_the_connection, 0,
			    (int)(sizeof(bad_replies) / sizeof(bad_replies[0])));
	tcase_add_test(calls, no_answer_in_time_breaks_the_connection);
	tcase_add_test(calls, a_daemon_that_hangs_up_is_an_error_and_no_signal);
	tcase_add_test(calls, a_daemon_that_hangs_up_after_the_call_is_a_reset);
	tcase_add_test(calls, several_answers_come_one_by_one);
	tcase_add_test(calls, an_error_ends_several_answers);
	tcase_add_test(calls, descriptors_come_with_their_answer);
	tcase_add_test(calls, descriptors_that_nobody_asked_for_are_closed);
	tcase_add_test(calls, descriptors_are_sent_and_stay_the_callers);
	suite_add_tcase(suite, calls);
	return suite;
}

int main(void)
{
	SRunner *runner = srunner_create(connection_suite());
	int failed;

	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
