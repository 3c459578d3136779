/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/base/fd.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

START_TEST(closing_gives_minus_one_and_the_number_back)
{
	int pipe_fds[2];

	ck_assert_int_eq(pipe(pipe_fds), 0);
	ck_assert_int_eq(fd_close(pipe_fds[0]), -1);
	ck_assert(!is_open(pipe_fds[0]));
	ck_assert(is_open(pipe_fds[1]));
	ck_assert_int_eq(fd_close(pipe_fds[1]), -1);
}
END_TEST

START_TEST(closing_keeps_errno_whatever_close_says)
{
	int pipe_fds[2];

	ck_assert_int_eq(pipe(pipe_fds), 0);
	(void)fd_close(pipe_fds[0]);
	errno = ENOSPC;
	/* The second time it is no descriptor any more. */
	ck_assert_int_eq(fd_close(pipe_fds[0]), -1);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(fd_close(-1), -1);
	ck_assert_int_eq(errno, ENOSPC);
	(void)fd_close(pipe_fds[1]);
	ck_assert_int_eq(errno, ENOSPC);
}
END_TEST

START_TEST(a_flag_is_added_and_no_other_is_lost)
{
	int pipe_fds[2];

	ck_assert_int_eq(pipe2(pipe_fds, O_DIRECT), 0);
	ck_assert_int_eq(fd_set_nonblock(pipe_fds[1]), 0);
	ck_assert_int_eq(fcntl(pipe_fds[1], F_GETFL) & (O_NONBLOCK | O_DIRECT | O_ACCMODE),
			 O_NONBLOCK | O_DIRECT | O_WRONLY);
	ck_assert_int_eq(fcntl(pipe_fds[1], F_GETFD), 0);
	ck_assert_int_eq(fd_set_cloexec(pipe_fds[1]), 0);
	ck_assert_int_eq(fcntl(pipe_fds[1], F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fcntl(pipe_fds[0], F_GETFD), 0);
	ck_assert_int_eq(fcntl(pipe_fds[0], F_GETFL) & O_NONBLOCK, 0);
	(void)fd_close(pipe_fds[0]);
	(void)fd_close(pipe_fds[1]);
}
END_TEST

START_TEST(what_is_no_descriptor_is_ebadf)
{
	ck_assert_int_eq(fd_set_nonblock(-1), -EBADF);
	ck_assert_int_eq(fd_set_cloexec(-1), -EBADF);
	ck_assert_int_eq(fd_duplicate(-1), -EBADF);
}
END_TEST

START_TEST(a_copy_is_the_same_file_closed_on_exec_and_no_standard_one)
{
	struct stat first, second;
	int pipe_fds[2];
	int copy_fd;

	ck_assert_int_eq(pipe(pipe_fds), 0);
	/* The lowest number is free, and must not be taken. */
	ck_assert_int_eq(close(STDIN_FILENO), 0);
	copy_fd = fd_duplicate(pipe_fds[0]);
	ck_assert_int_ge(copy_fd, 3);
	ck_assert_int_eq(fcntl(copy_fd, F_GETFD), FD_CLOEXEC);
	ck_assert_int_eq(fstat(pipe_fds[0], &first), 0);
	ck_assert_int_eq(fstat(copy_fd, &second), 0);
	ck_assert_uint_eq(first.st_ino, second.st_ino);
	(void)fd_close(copy_fd);
	ck_assert(is_open(pipe_fds[0]));
	(void)fd_close(pipe_fds[0]);
	(void)fd_close(pipe_fds[1]);
}
END_TEST

START_TEST(no_number_left_is_emfile)
{
	struct rlimit few;
	int copies[64];
	int count = 0;
	int r;

	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &few), 0);
	few.rlim_cur = 32;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	while ((r = fd_duplicate(STDERR_FILENO)) >= 0)
		copies[count++] = r;
	ck_assert_int_eq(r, -EMFILE);
	ck_assert_int_gt(count, 0);
	while (count > 0)
		(void)fd_close(copies[--count]);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("fd");
	TCase *tcase = tcase_create("fd");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, closing_gives_minus_one_and_the_number_back);
	tcase_add_test(tcase, closing_keeps_errno_whatever_close_says);
	tcase_add_test(tcase, a_flag_is_added_and_no_other_is_lost);
	tcase_add_test(tcase, what_is_no_descriptor_is_ebadf);
	tcase_add_test(tcase, a_copy_is_the_same_file_closed_on_exec_and_no_standard_one);
	tcase_add_test(tcase, no_number_left_is_emfile);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
