/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/io/io_test.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <event2/event.h>

char *make_folder(void)
{
	const char *base = getenv("TMPDIR");
	char *folder;

	ck_assert_int_gt(asprintf(&folder, "%s/forebay-io-XXXXXX", base ? base : "/tmp"), 0);
	ck_assert_ptr_nonnull(mkdtemp(folder));
	return folder;
}

static int remove_one(const char *path, const struct stat *facts, int type, struct FTW *at)
{
	(void)facts;
	(void)type;
	(void)at;
	return remove(path);
}

void remove_folder(char *folder)
{
	(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(folder);
}

const char *in_folder(const char *folder, const char *name)
{
	static char paths[4][512];
	static unsigned int next;
	char *path = paths[next++ % 4];

	ck_assert_int_lt(snprintf(path, sizeof(paths[0]), "%s/%s", folder, name), 512);
	return path;
}

int open_folder(const char *folder)
{
	int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	return fd;
}

unsigned int count_fds(void)
{
	DIR *directory = opendir("/proc/self/fd");
	unsigned int count = 0;

	ck_assert_ptr_nonnull(directory);
	while (readdir(directory))
		count++;
	closedir(directory);
	return count;
}

void fill_pattern(unsigned char *bytes, size_t length, unsigned int seed)
{
	for (size_t i = 0; i < length; i++)
		bytes[i] = (unsigned char)(i * 7 + i / 251 + seed * 31);
}

bool file_holds(const char *path, size_t offset, const unsigned char *bytes, size_t length)
{
	unsigned char *found = malloc(length + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got;
	bool same;

	ck_assert_int_ge(fd, 0);
	ck_assert_ptr_nonnull(found);
	got = pread(fd, found, length, (off_t)offset);
	same = got == (ssize_t)length && memcmp(found, bytes, length) == 0;
	close(fd);
	free(found);
	return same;
}

void run_until(struct event_base *base, const bool *flag)
{
	while (!*flag)
		ck_assert_int_ge(event_base_loop(base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY), 0);
}

bool mount_small(const char *folder, const char *options)
{
	if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) < 0)
		return false;
	return mount("tmpfs", folder, "tmpfs", 0, options) == 0;
}

void refuse_system_call(long number, int error)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned int)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((unsigned int)error & 0xffff)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof(filter) / sizeof(filter[0]), filter };

	ck_assert_int_eq(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
	ck_assert_int_eq(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

int run_case(TCase *test_case, const char *name, double seconds)
{
	Suite *suite = suite_create(name);
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(test_case, seconds);
	suite_add_tcase(suite, test_case);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
