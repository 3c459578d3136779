/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/event.h>

#include "tests/io/io_test.h"

static struct event_base *base;
static char *folder;
static int manager_fd;
static bool over;
static int over_result;

/* The test plays the manager: it owns the socket that the messages go to. */
static void set_up(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	base = event_base_new();
	folder = make_folder();
	over = false;
	strcpy(address.sun_path, in_folder(folder, "notify"));
	manager_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(manager_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", address.sun_path, 1);
}

static void tear_down(void)
{
	close(manager_fd);
	event_base_free(base);
	remove_folder(folder);
}

/* Returns the descriptor that came along, -1 for none. */
static int receive(const char *expected)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char text[512];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr message = { .msg_iov = &iov,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	ssize_t length = recvmsg(manager_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	struct cmsghdr *header;
	int fd = -1;

	ck_assert_int_gt(length, 0);
	text[length] = '\0';
	ck_assert_msg(strstr(text, expected), "%s", text);
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

START_TEST(each_message_says_what_systemd_reads)
{
	ck_assert(notify_is_on());
	ck_assert_int_eq(notify_ready("waiting"), 1);
	(void)receive("READY=1\nSTATUS=waiting");
	ck_assert_int_eq(notify_status("100% of it"), 1);
	(void)receive("STATUS=100% of it");
	ck_assert_int_eq(notify_reloading("reading"), 1);
	(void)receive("RELOADING=1\nMONOTONIC_USEC=");
	ck_assert_int_eq(notify_stopping("draining"), 1);
	(void)receive("STOPPING=1\nSTATUS=draining");
	ck_assert_int_eq(notify_extend_timeout(5000000), 1);
	(void)receive("EXTEND_TIMEOUT_USEC=5000000");
	ck_assert_int_eq(notify_errno(-ENOSPC), 1);
	(void)receive("ERRNO=28");
	ck_assert_int_eq(notify_watchdog(), 1);
	(void)receive("WATCHDOG=1");
	ck_assert_int_eq(notify_unstore("p1"), 1);
	(void)receive("FDSTOREREMOVE=1\nFDNAME=p1");
}
END_TEST

START_TEST(a_stored_descriptor_arrives_with_its_name)
{
	int pair[2], fd;
	char byte;

	ck_assert_int_eq(pipe(pair), 0);
	ck_assert_int_eq(notify_store(pair[1], "p0123456789abcdef"), 1);
	fd = receive("FDSTORE=1\nFDPOLL=0\nFDNAME=p0123456789abcdef");
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, "x", 1), 1);
	ck_assert_int_eq(read(pair[0], &byte, 1), 1);
	close(fd);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

static void barrier_done(void *owner, int result)
{
	ck_assert_ptr_eq(owner, &over);
	over = true;
	over_result = result;
}

START_TEST(a_barrier_is_over_when_the_manager_came_to_it)
{
	struct notify_barrier *barrier;
	unsigned int before = count_fds();
	int fd;

	/* Not counting what libevent opens at its first event. */
	ck_assert_int_eq(notify_barrier(base, barrier_done, &over, &barrier), 0);
	fd = receive("BARRIER=1");
	ck_assert_int_ge(fd, 0);
	for (int i = 0; i < 10; i++)
		(void)event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert(!over);
	close(fd);
	run_until(base, &over);
	ck_assert_int_eq(over_result, 0);
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

START_TEST(a_cancelled_barrier_is_never_heard_of)
{
	struct notify_barrier *barrier;
	unsigned int before = count_fds();

	ck_assert_int_eq(notify_barrier(base, barrier_done, &over, &barrier), 0);
	close(receive("BARRIER=1"));
	notify_barrier_cancel(barrier);
	(void)event_base_loop(base, EVLOOP_NONBLOCK);
	ck_assert(!over);
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

START_TEST(without_a_manager_nothing_is_sent_and_barriers_are_over_at_once)
{
	struct notify_barrier *barrier;

	unsetenv("NOTIFY_SOCKET");
	ck_assert(!notify_is_on());
	ck_assert_int_eq(notify_ready("x"), 0);
	ck_assert_int_eq(notify_store(0, "x"), 0);
	ck_assert_int_eq(notify_barrier(base, barrier_done, &over, &barrier), 0);
	ck_assert(!over);
	run_until(base, &over);
	ck_assert_int_eq(over_result, 0);
}
END_TEST

START_TEST(the_watchdog_interval_comes_from_the_environment)
{
	char text[32];

	ck_assert_uint_eq(notify_watchdog_usec(), 0);
	(void)snprintf(text, sizeof(text), "%d", getpid());
	setenv("WATCHDOG_PID", text, 1);
	setenv("WATCHDOG_USEC", "30000000", 1);
	ck_assert_uint_eq(notify_watchdog_usec(), 30000000);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("notify");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_test(all, each_message_says_what_systemd_reads);
	tcase_add_test(all, a_stored_descriptor_arrives_with_its_name);
	tcase_add_test(all, a_barrier_is_over_when_the_manager_came_to_it);
	tcase_add_test(all, a_cancelled_barrier_is_never_heard_of);
	tcase_add_test(all, without_a_manager_nothing_is_sent_and_barriers_are_over_at_once);
	tcase_add_test(all, the_watchdog_interval_comes_from_the_environment);
	return run_case(all, "notify", 20);
}
