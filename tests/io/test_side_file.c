/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/side_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/io/io_test.h"

/* Of "content\n". */
#define HEX "434728a410a78f56fc1b5899c3593436e61ab0c731e9072d95e96db290205e53"

static char *folder;
static int dir_fd;

static void set_up(void)
{
	folder = make_folder();
	dir_fd = open_folder(folder);
}

static void tear_down(void)
{
	close(dir_fd);
	remove_folder(folder);
}

static int make_content(const char *name, mode_t mode)
{
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);

	ck_assert_int_eq(write(fd, "content\n", 8), 8);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	return fd;
}

/* What the distribution's own tool says of it. */
static bool is_accepted(const char *name)
{
	char command[1024];

	(void)snprintf(command, sizeof(command), "cd '%s' && sha256sum --strict --status -c '%s%s'",
		       folder, name, SIDE_FILE_SUFFIX);
	return system(command) == 0;
}

START_TEST(sha256sum_accepts_it_whatever_the_name)
{
	const char *names[] = { "plain", "with blanks", "back\\slash", "\xc3\xa4", "*star" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		int fd = make_content(names[i], 0640);

		ck_assert_int_eq(side_file_make(dir_fd, names[i], fd, HEX), 0);
		ck_assert_msg(is_accepted(names[i]), "%s", names[i]);
		ck_assert_int_eq(pwrite(fd, "X", 1, 0), 1);
		ck_assert(!is_accepted(names[i]));
		close(fd);
	}
}
END_TEST

START_TEST(it_has_the_permissions_of_its_file)
{
	int fd = make_content("file", 0604);
	struct stat facts;

	ck_assert_int_eq(side_file_make(dir_fd, "file", fd, HEX), 0);
	ck_assert_int_eq(stat(in_folder(folder, "file.sha256"), &facts), 0);
	ck_assert_int_eq(facts.st_mode & 0777, 0604);
	ck_assert_int_eq(facts.st_nlink, 1);
	close(fd);
}
END_TEST

START_TEST(one_that_is_there_is_told_and_only_removed_when_asked)
{
	int fd = make_content("file", 0600);

	ck_assert_int_eq(side_file_check_free(dir_fd, "file"), 0);
	ck_assert_int_eq(side_file_make(dir_fd, "file", fd, HEX), 0);
	ck_assert_int_eq(side_file_check_free(dir_fd, "file"), -EEXIST);
	ck_assert_int_eq(side_file_make(dir_fd, "file", fd, HEX), -EEXIST);
	ck_assert_int_eq(side_file_remove(dir_fd, "file"), 0);
	ck_assert_int_eq(side_file_check_free(dir_fd, "file"), 0);
	ck_assert_int_eq(side_file_remove(dir_fd, "file"), 0);
	close(fd);
}
END_TEST

START_TEST(the_longest_name_has_one_and_the_next_is_refused)
{
	char name[NAME_MAX + 1];
	int fd;

	memset(name, 'n', sizeof(name));
	name[SIDE_FILE_NAME_MAX] = '\0';
	fd = make_content(name, 0600);
	ck_assert_int_eq(side_file_make(dir_fd, name, fd, HEX), 0);
	ck_assert(is_accepted(name));
	close(fd);

	name[SIDE_FILE_NAME_MAX] = 'n';
	name[SIDE_FILE_NAME_MAX + 1] = '\0';
	ck_assert_int_eq(side_file_check_free(dir_fd, name), -ENAMETOOLONG);
	ck_assert_int_eq(side_file_remove(dir_fd, name), -ENAMETOOLONG);
	fd = make_content(name, 0600);
	ck_assert_int_eq(side_file_make(dir_fd, name, fd, HEX), -ENAMETOOLONG);
	close(fd);
}
END_TEST

int main(void)
{
	TCase *tests = tcase_create("side_file");

	tcase_add_checked_fixture(tests, set_up, tear_down);
	tcase_add_test(tests, sha256sum_accepts_it_whatever_the_name);
	tcase_add_test(tests, it_has_the_permissions_of_its_file);
	tcase_add_test(tests, one_that_is_there_is_told_and_only_removed_when_asked);
	tcase_add_test(tests, the_longest_name_has_one_and_the_next_is_refused);
	return run_case(tests, "side_file", 20);
}
