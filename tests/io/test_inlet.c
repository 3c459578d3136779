/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/inlet.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/io/io_test.h"

/* Loop index: 0 a pipe, 1 a stream socket. The client's own copy of the end is kept. */
static void make_ends(int kind, int *ret_read_fd, int *ret_write_fd)
{
	int fds[2];

	ck_assert_int_eq(kind == 0 ? pipe(fds) : socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	*ret_read_fd = fds[0];
	*ret_write_fd = fds[1];
}

static ssize_t read_some(struct inlet *inlet)
{
	char bytes[64];

	return inlet_read(inlet, bytes, sizeof(bytes));
}

START_TEST(what_there_is_comes_in_order_and_nothing_is_eagain)
{
	struct inlet *inlet;
	int read_fd, write_fd;
	char bytes[4] = "";

	make_ends(_i, &read_fd, &write_fd);
	ck_assert_int_eq(inlet_open(dup(read_fd), &inlet), 0);
	ck_assert_int_eq(read_some(inlet), -EAGAIN);
	ck_assert_int_eq(write(write_fd, "abcdef", 6), 6);
	ck_assert_int_eq(inlet_read(inlet, bytes, 4), 4);
	ck_assert_mem_eq(bytes, "abcd", 4);
	ck_assert_int_eq(inlet_read(inlet, bytes, 4), 2);
	ck_assert_mem_eq(bytes, "ef", 2);
	ck_assert_int_eq(read_some(inlet), -EAGAIN);
	inlet_close(inlet);
	close(read_fd);
	close(write_fd);
}
END_TEST

START_TEST(it_does_not_wait_when_the_client_takes_o_nonblock_away)
{
	struct inlet *inlet;
	int read_fd, write_fd;

	make_ends(_i, &read_fd, &write_fd);
	ck_assert_int_eq(inlet_open(dup(read_fd), &inlet), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(fcntl(read_fd, F_SETFL, 0), 0);
		ck_assert_int_eq(read_some(inlet), -EAGAIN);
	}
	inlet_close(inlet);
	close(read_fd);
	close(write_fd);
}
END_TEST

START_TEST(the_writer_gone_is_the_end_behind_what_it_wrote)
{
	struct inlet *inlet;
	int read_fd, write_fd;

	make_ends(_i, &read_fd, &write_fd);
	ck_assert_int_eq(inlet_open(read_fd, &inlet), 0);
	ck_assert_int_eq(write(write_fd, "abc", 3), 3);
	close(write_fd);
	ck_assert_int_eq(read_some(inlet), 3);
	ck_assert_int_eq(read_some(inlet), 0);
	ck_assert_int_eq(read_some(inlet), 0);
	inlet_close(inlet);
}
END_TEST

/* As in test_outlet.c. Loop index 1: on a kernel whose pipes do not know RWF_NOWAIT. */
START_TEST(a_pipe_that_cannot_be_reopened_does_not_wait_either)
{
	char *folder = make_folder();
	const char *path = in_folder(folder, "fifo");
	struct inlet *inlet;
	int read_fd, write_fd;

	ck_assert_int_eq(mkfifo(path, 0600), 0);
	read_fd = open(path, O_RDONLY | O_NONBLOCK);
	write_fd = open(path, O_WRONLY);
	ck_assert_int_eq(chmod(path, 0), 0);
	ck_assert_int_eq(chmod(folder, 0777), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(54321, 54321, 0), 0);
	ck_assert_int_eq(inlet_open(dup(read_fd), &inlet), 0);
	if (_i == 1)
		refuse_system_call(SYS_preadv2, EOPNOTSUPP);
	ck_assert_int_eq(fcntl(read_fd, F_SETFL, 0), 0);
	ck_assert_int_eq(read_some(inlet), -EAGAIN);
	ck_assert_int_eq(write(write_fd, "abc", 3), 3);
	ck_assert_int_eq(fcntl(read_fd, F_SETFL, 0), 0);
	ck_assert_int_eq(read_some(inlet), 3);
	ck_assert_int_eq(fcntl(read_fd, F_SETFL, 0), 0);
	ck_assert_int_eq(read_some(inlet), -EAGAIN);
	close(write_fd);
	ck_assert_int_eq(read_some(inlet), 0);
	inlet_close(inlet);
	if (getuid() == 54321)
		ck_assert_int_eq(setresuid(0, 0, 0), 0);
	close(read_fd);
	remove_folder(folder);
}
END_TEST

START_TEST(what_is_neither_pipe_nor_socket_is_refused_and_closed)
{
	unsigned int before = count_fds();
	struct inlet *inlet;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(inlet_open(open("/dev/zero", O_RDONLY), &inlet), -EINVAL);
	ck_assert_int_eq(inlet_open(open("/", O_RDONLY), &inlet), -EINVAL);
	ck_assert_int_eq(inlet_open(open("/etc/passwd", O_RDONLY), &inlet), -EINVAL);
	ck_assert_int_eq(inlet_open(fds[1], &inlet), -EINVAL);
	ck_assert_int_eq(inlet_open(-1, &inlet), -EINVAL);
	close(fds[0]);
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("inlet");

	tcase_add_loop_test(all, what_there_is_comes_in_order_and_nothing_is_eagain, 0, 2);
	tcase_add_loop_test(all, it_does_not_wait_when_the_client_takes_o_nonblock_away, 0, 2);
	tcase_add_loop_test(all, the_writer_gone_is_the_end_behind_what_it_wrote, 0, 2);
	tcase_add_loop_test(all, a_pipe_that_cannot_be_reopened_does_not_wait_either, 0, 2);
	tcase_add_test(all, what_is_neither_pipe_nor_socket_is_refused_and_closed);
	return run_case(all, "inlet", 20);
}
