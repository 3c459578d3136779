/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "tests/io/io_test.h"

#define FLOOD (8 << 20)

static unsigned char bytes[FLOOD];

/* Loop index: 0 a pipe, 1 a stream socket. The client's own copy of the end is kept. */
static void make_ends(int kind, int *ret_read_fd, int *ret_write_fd)
{
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	fill_pattern(bytes, sizeof(bytes), 6);
	ck_assert_int_eq(kind == 0 ? pipe(fds) : socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	*ret_read_fd = fds[0];
	*ret_write_fd = fds[1];
}

static ssize_t write_some(struct outlet *outlet, size_t from)
{
	const struct iovec iov[2] = {
		{ bytes + from, (FLOOD - from) / 3 },
		{ bytes + from + (FLOOD - from) / 3, FLOOD - from - (FLOOD - from) / 3 },
	};

	return outlet_write(outlet, iov, 2);
}

static size_t fill(struct outlet *outlet, size_t from)
{
	ssize_t r;

	while ((r = write_some(outlet, from)) > 0)
		from += (size_t)r;
	ck_assert_int_eq(r, -EAGAIN);
	return from;
}

START_TEST(a_full_one_is_eagain_and_bytes_arrive_in_order)
{
	static unsigned char got[FLOOD];
	struct outlet *outlet;
	int read_fd, write_fd;
	size_t taken, read_count = 0;

	make_ends(_i, &read_fd, &write_fd);
	ck_assert_int_eq(outlet_open(dup(write_fd), &outlet), 0);
	taken = fill(outlet, 0);
	ck_assert_uint_gt(taken, 0);
	for (int i = 0; i < 10; i++) {
		ssize_t r = read(read_fd, got + read_count, 20000);

		ck_assert_int_gt(r, 0);
		read_count += (size_t)r;
		taken = fill(outlet, taken);
	}
	ck_assert_mem_eq(got, bytes, read_count);
	outlet_close(outlet);
	close(read_fd);
	close(write_fd);
}
END_TEST

START_TEST(it_does_not_wait_when_the_client_takes_o_nonblock_away)
{
	struct outlet *outlet;
	int read_fd, write_fd;

	make_ends(_i, &read_fd, &write_fd);
	ck_assert_int_eq(outlet_open(dup(write_fd), &outlet), 0);
	(void)fill(outlet, 0);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(fcntl(write_fd, F_SETFL, 0), 0);
		ck_assert_int_eq(write_some(outlet, 0), -EAGAIN);
	}
	outlet_close(outlet);
	close(read_fd);
	close(write_fd);
}
END_TEST

START_TEST(the_reader_gone_is_epipe_and_no_signal)
{
	struct outlet *outlet;
	int read_fd, write_fd;

	make_ends(_i, &read_fd, &write_fd);
	if (_i == 1)
		signal(SIGPIPE, SIG_DFL);
	ck_assert_int_eq(outlet_open(dup(write_fd), &outlet), 0);
	close(read_fd);
	ck_assert_int_eq(write_some(outlet, 0), -EPIPE);
	outlet_close(outlet);
	close(write_fd);
}
END_TEST

START_TEST(closing_gives_the_reader_its_end)
{
	struct outlet *outlet;
	int read_fd, write_fd;
	char byte;

	make_ends(_i, &read_fd, &write_fd);
	ck_assert_int_eq(outlet_open(write_fd, &outlet), 0);
	outlet_close(outlet);
	ck_assert_int_eq(read(read_fd, &byte, 1), 0);
	close(read_fd);
}
END_TEST

/*
 * What /proc refuses (here: a FIFO without the right to open it) is written all the same;
 * loop index 1: on a kernel whose pipes do not know RWF_NOWAIT.
 */
START_TEST(a_pipe_that_cannot_be_reopened_does_not_wait_either)
{
	char *folder = make_folder();
	const char *path = in_folder(folder, "fifo");
	struct outlet *outlet;
	int read_fd, write_fd;

	signal(SIGPIPE, SIG_IGN);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	read_fd = open(path, O_RDONLY | O_NONBLOCK);
	write_fd = open(path, O_WRONLY);
	ck_assert_int_eq(chmod(path, 0), 0);
	ck_assert_int_eq(chmod(folder, 0777), 0);
	if (geteuid() == 0)
		ck_assert_int_eq(setresuid(54321, 54321, 0), 0);
	ck_assert_int_eq(outlet_open(dup(write_fd), &outlet), 0);
	if (_i == 1)
		refuse_system_call(SYS_pwritev2, EOPNOTSUPP);
	ck_assert_uint_gt(fill(outlet, 0), 0);
	ck_assert_int_eq(fcntl(write_fd, F_SETFL, 0), 0);
	ck_assert_int_eq(write_some(outlet, 0), -EAGAIN);
	outlet_close(outlet);
	if (getuid() == 54321)
		ck_assert_int_eq(setresuid(0, 0, 0), 0);
	close(read_fd);
	close(write_fd);
	remove_folder(folder);
}
END_TEST

START_TEST(what_is_neither_pipe_nor_socket_is_refused_and_closed)
{
	unsigned int before = count_fds();
	struct outlet *outlet;

	ck_assert_int_eq(outlet_open(open("/dev/null", O_WRONLY), &outlet), -EINVAL);
	ck_assert_int_eq(outlet_open(open("/", O_RDONLY), &outlet), -EINVAL);
	ck_assert_int_eq(outlet_open(-1, &outlet), -EINVAL);
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("outlet");

	tcase_add_loop_test(all, a_full_one_is_eagain_and_bytes_arrive_in_order, 0, 2);
	tcase_add_loop_test(all, it_does_not_wait_when_the_client_takes_o_nonblock_away, 0, 2);
	tcase_add_loop_test(all, the_reader_gone_is_epipe_and_no_signal, 0, 2);
	tcase_add_loop_test(all, closing_gives_the_reader_its_end, 0, 2);
	tcase_add_loop_test(all, a_pipe_that_cannot_be_reopened_does_not_wait_either, 0, 2);
	tcase_add_test(all, what_is_neither_pipe_nor_socket_is_refused_and_closed);
	return run_case(all, "outlet", 20);
}
