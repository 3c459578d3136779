/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/fd_kind.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "tests/io/io_test.h"

static char *folder;
static int other_fd = -1;

static int make_file(int flags)
{
	return open(in_folder(folder, "file"), flags | O_CREAT, 0600);
}

static int file_for_writing(void)
{
	return make_file(O_WRONLY);
}

static int file_for_both(void)
{
	return make_file(O_RDWR);
}

static int file_for_reading(void)
{
	return make_file(O_RDONLY);
}

static int file_as_path(void)
{
	close(make_file(O_RDONLY));
	return open(in_folder(folder, "file"), O_PATH);
}

static int memory(void)
{
	return memfd_create("x", 0);
}

static int sealed_memory(void)
{
	int fd = memfd_create("x", MFD_ALLOW_SEALING);

	ck_assert_int_eq(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), 0);
	return fd;
}

static int pipe_end(int which)
{
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	other_fd = fds[!which];
	return fds[which];
}

static int pipe_write_end(void)
{
	return pipe_end(1);
}

static int pipe_read_end(void)
{
	return pipe_end(0);
}

static int fifo(void)
{
	ck_assert_int_eq(mkfifo(in_folder(folder, "fifo"), 0600), 0);
	return open(in_folder(folder, "fifo"), O_RDWR);
}

static int make_pair(int type)
{
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, type, 0, fds), 0);
	other_fd = fds[0];
	return fds[1];
}

static int stream_socket(void)
{
	return make_pair(SOCK_STREAM);
}

static int datagram_socket(void)
{
	return make_pair(SOCK_DGRAM);
}

static int packet_socket(void)
{
	return make_pair(SOCK_SEQPACKET);
}

static int lonely_socket(void)
{
	return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int listening_socket(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	return fd;
}

static int directory(void)
{
	return open_folder(folder);
}

static int directory_as_path(void)
{
	return open(folder, O_PATH | O_DIRECTORY);
}

static int device(void)
{
	return open("/dev/null", O_RDWR);
}

static int epoll(void)
{
	return epoll_create1(0);
}

static int event(void)
{
	return eventfd(0, 0);
}

static int timer(void)
{
	return timerfd_create(CLOCK_MONOTONIC, 0);
}

static int signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	return signalfd(-1, &none, 0);
}

static int closed(void)
{
	return 1000;
}

static const struct {
	int (*make)(void);
	enum fd_kind destination;
	enum fd_kind source;
	enum fd_kind flowing_source;
	enum fd_kind directory;
	const char *reason; /* of the first refusal as a destination */
} kinds[] = {
	{ file_for_writing, FD_KIND_FILE, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, NULL },
	{ file_for_both, FD_KIND_FILE, FD_KIND_FILE, FD_KIND_FILE, FD_KIND_REFUSED, NULL },
	{ file_for_reading, FD_KIND_REFUSED, FD_KIND_FILE, FD_KIND_FILE, FD_KIND_REFUSED,
	  "for writing" },
	{ file_as_path, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED,
	  "O_PATH" },
	{ memory, FD_KIND_FILE, FD_KIND_FILE, FD_KIND_FILE, FD_KIND_REFUSED, NULL },
	{ sealed_memory, FD_KIND_REFUSED, FD_KIND_FILE, FD_KIND_FILE, FD_KIND_REFUSED, "sealed" },
	{ pipe_write_end, FD_KIND_PIPE, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, NULL },
	{ pipe_read_end, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_PIPE, FD_KIND_REFUSED,
	  "for writing" },
	{ fifo, FD_KIND_PIPE, FD_KIND_REFUSED, FD_KIND_PIPE, FD_KIND_REFUSED, NULL },
	{ stream_socket, FD_KIND_SOCKET, FD_KIND_REFUSED, FD_KIND_SOCKET, FD_KIND_REFUSED, NULL },
	{ datagram_socket, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED,
	  "stream" },
	{ packet_socket, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED,
	  "stream" },
	{ lonely_socket, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED,
	  "connected" },
	{ listening_socket, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED,
	  "listening" },
	{ directory, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_DIRECTORY,
	  "directory" },
	{ directory_as_path, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED,
	  "O_PATH" },
	{ device, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, "device" },
	{ epoll, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, "neither" },
	{ event, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, "neither" },
	{ timer, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, "neither" },
	{ signals, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, "neither" },
	{ closed, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED, FD_KIND_REFUSED,
	  "open descriptor" },
};

START_TEST(each_kind_is_what_it_is)
{
	const char *reason = "";
	int fd;

	folder = make_folder();
	fd = kinds[_i].make();
	ck_assert_int_ge(fd, 0);
	ck_assert_msg(fd_kind_destination(fd, &reason) == kinds[_i].destination, "%s", reason);
	if (kinds[_i].reason)
		ck_assert_msg(strstr(reason, kinds[_i].reason), "%s", reason);
	ck_assert_msg(fd_kind_source(fd, &reason) == kinds[_i].source, "%s", reason);
	ck_assert_msg(fd_kind_flowing_source(fd, &reason) == kinds[_i].flowing_source, "%s",
		      reason);
	ck_assert_msg(fd_kind_directory(fd, &reason) == kinds[_i].directory, "%s", reason);
	(void)close(fd);
	(void)close(other_fd);
	remove_folder(folder);
}
END_TEST

START_TEST(switches_of_the_kernel_are_no_data)
{
	int switch_fd = open("/proc/self/comm", O_RDWR);
	int data_fd = memory();

	ck_assert_int_ge(switch_fd, 0);
	ck_assert(!fd_kind_is_data(switch_fd));
	ck_assert(fd_kind_is_data(data_fd));
	ck_assert(!fd_kind_is_data(-1));
	close(switch_fd);
	close(data_fd);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("fd_kind");

	tcase_add_loop_test(all, each_kind_is_what_it_is, 0, sizeof(kinds) / sizeof(kinds[0]));
	tcase_add_test(all, switches_of_the_kernel_are_no_data);
	return run_case(all, "fd_kind", 20);
}
