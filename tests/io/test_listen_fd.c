/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/listen_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/io/notify.h"
#include "tests/io/io_test.h"

static char *folder;
static char path[512];

static void set_up(void)
{
	folder = make_folder();
	strcpy(path, in_folder(folder, "sub/forebay.sock"));
}

static void tear_down(void)
{
	remove_folder(folder);
}

static int connect_to(const char *socket_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_uint_lt(strlen(socket_path), sizeof(address.sun_path));
	strcpy(address.sun_path, socket_path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -errno;
}

START_TEST(a_socket_is_made_with_its_mode_and_can_be_connected_to)
{
	int listen_fd, lock_fd, fd;
	struct stat facts;

	umask(077);
	ck_assert_int_eq(listen_fd_bind(path, 0666, &listen_fd, &lock_fd), 0);
	ck_assert_int_eq(stat(path, &facts), 0);
	ck_assert_int_eq(facts.st_mode & 0777, 0666);
	ck_assert_int_eq(fcntl(listen_fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
	fd = connect_to(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	close(listen_fd);
	close(lock_fd);
}
END_TEST

START_TEST(a_second_daemon_is_told_and_the_first_keeps_its_socket)
{
	int listen_fd, lock_fd, fd = -7;

	ck_assert_int_eq(listen_fd_bind(path, 0600, &listen_fd, &lock_fd), 0);
	ck_assert_int_eq(listen_fd_bind(path, 0600, &fd, &fd), LISTEN_FD_E_IN_USE);
	close(lock_fd);
	/* Without its lock (made by something else) a socket that answers is in use as well. */
	ck_assert_int_eq(listen_fd_bind(path, 0600, &fd, &fd), LISTEN_FD_E_IN_USE);
	ck_assert_int_eq(fd, -7);
	fd = connect_to(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	close(listen_fd);
}
END_TEST

START_TEST(a_daemon_that_has_the_lock_but_no_socket_yet_is_in_use)
{
	int listen_fd, lock_fd, fd;

	ck_assert_int_eq(listen_fd_bind(path, 0600, &listen_fd, &lock_fd), 0);
	close(listen_fd);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(listen_fd_bind(path, 0600, &fd, &fd), LISTEN_FD_E_IN_USE);
	close(lock_fd);
}
END_TEST

START_TEST(a_daemon_too_busy_to_accept_is_not_taken_for_dead)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int listen_fd, lock_fd, r, fd;

	ck_assert_int_eq(listen_fd_bind(path, 0600, &listen_fd, &lock_fd), 0);
	close(lock_fd);
	strcpy(address.sun_path, path);
	do {
		fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		r = connect(fd, (struct sockaddr *)&address, sizeof(address));
	} while (r == 0);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(listen_fd_bind(path, 0600, &fd, &fd), LISTEN_FD_E_IN_USE);
	close(listen_fd);
}
END_TEST

START_TEST(the_socket_of_a_dead_daemon_is_replaced)
{
	int listen_fd, lock_fd, fd;

	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(listen_fd_bind(path, 0600, &listen_fd, &lock_fd), 0);
		fd = connect_to(path);
		ck_assert_int_ge(fd, 0);
		close(fd);
		close(listen_fd);
		close(lock_fd);
		ck_assert_int_eq(connect_to(path), -ECONNREFUSED);
	}
}
END_TEST

START_TEST(what_is_no_socket_is_left_alone)
{
	int listen_fd, lock_fd, fd;
	unsigned int before = count_fds();

	ck_assert_int_eq(mkdir(in_folder(folder, "sub"), 0700), 0);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	close(fd);
	ck_assert_int_eq(listen_fd_bind(path, 0600, &listen_fd, &lock_fd), -EEXIST);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_uint_eq(count_fds(), before);
	memset(path, 'x', 200);
	path[200] = '\0';
	ck_assert_int_eq(listen_fd_bind(path, 0600, &listen_fd, &lock_fd), -ENAMETOOLONG);
}
END_TEST

static void move_to(int fd, int wanted)
{
	if (fd == wanted)
		return;
	ck_assert_int_eq(dup2(fd, wanted), wanted);
	close(fd);
}

/* In a process of its own: the numbers 3.. are given, and the environment is changed. */
static int start_activated(void)
{
	struct passed_fds passed;
	int listen_fd, lock_fd, pair[2], other[2];
	char text[32];

	if (listen_fd_bind(path, 0600, &listen_fd, &lock_fd) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, other) < 0)
		return 1;
	listen_fd = fcntl(listen_fd, F_DUPFD, 100);
	move_to(fcntl(pair[0], F_DUPFD, 100), 4);
	move_to(fcntl(other[0], F_DUPFD, 100), 5);
	move_to(listen_fd, 3);
	(void)snprintf(text, sizeof(text), "%d", getpid());
	setenv("LISTEN_PID", text, 1);
	setenv("LISTEN_FDS", "3", 1);
	setenv("LISTEN_FDNAMES", "varlink:varlink:s0123456789abcdef", 1);
	if (passed_fds_init(&passed) != 0 || passed.count != 3)
		return 2;
	if (passed.list[0].kind != PASSED_FD_LISTENING ||
	    passed.list[1].kind != PASSED_FD_CONNECTED || passed.list[2].kind != PASSED_FD_STORED)
		return 3;
	if (strcmp(passed.list[2].name, "s0123456789abcdef") != 0 || getenv("LISTEN_FDS"))
		return 4;
	if (!(fcntl(3, F_GETFD) & FD_CLOEXEC))
		return 5;
	passed.list[0].fd = -1;
	passed_fds_fini(&passed);
	return fcntl(3, F_GETFD) >= 0 && fcntl(4, F_GETFD) < 0 ? 0 : 6;
}

START_TEST(passed_descriptors_are_told_apart)
{
	struct passed_fds none;
	pid_t child;
	int status;

	/* Built without libsystemd, nobody passes anything. */
	setenv("NOTIFY_SOCKET", "x", 1);
	if (!notify_is_on())
		return;
	child = fork();
	if (child == 0)
		_exit(start_activated());
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);
	ck_assert_int_eq(passed_fds_init(&none), 0);
	ck_assert_uint_eq(none.count, 0);
	passed_fds_fini(&none);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("listen_fd");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_test(all, a_socket_is_made_with_its_mode_and_can_be_connected_to);
	tcase_add_test(all, a_second_daemon_is_told_and_the_first_keeps_its_socket);
	tcase_add_test(all, a_daemon_that_has_the_lock_but_no_socket_yet_is_in_use);
	tcase_add_test(all, a_daemon_too_busy_to_accept_is_not_taken_for_dead);
	tcase_add_test(all, the_socket_of_a_dead_daemon_is_replaced);
	tcase_add_test(all, what_is_no_socket_is_left_alone);
	tcase_add_test(all, passed_descriptors_are_told_apart);
	return run_case(all, "listen_fd", 20);
}
