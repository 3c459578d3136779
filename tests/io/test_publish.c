/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/io/file.h"
#include "tests/io/io_test.h"

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

static int make_temporary(const char *name, uint64_t size_hint)
{
	const struct publish_temporary request = {
		.dir_fd = dir_fd,
		.name = name,
		.mode = 0644,
		.owner = { (uid_t)-1, (gid_t)-1 },
		.size_hint = size_hint,
	};
	int fd = -1;
	int r = publish_make_temporary(&request, &fd);

	return r < 0 ? r : fd;
}

static void make_file(const char *name, const char *text)
{
	int fd = open(in_folder(folder, name), O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static bool holds(const char *name, const char *text)
{
	return file_holds(in_folder(folder, name), 0, (const unsigned char *)text, strlen(text));
}

static bool exists(const char *name)
{
	return access(in_folder(folder, name), F_OK) == 0;
}

START_TEST(a_temporary_has_its_name_mode_and_space)
{
	char name[PUBLISH_TEMPORARY_NAME_MAX];
	struct stat facts;
	int fd;

	umask(077);
	ck_assert_int_eq(publish_temporary_name("0123abcd", "s99", name), 0);
	ck_assert_str_eq(name, ".forebay-0123abcd-s99");
	fd = make_temporary(name, 1 << 20);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &facts), 0);
	ck_assert_int_eq(facts.st_mode & 0777, 0644);
	ck_assert_int_eq(facts.st_size, 0);
	ck_assert_int_ge(facts.st_blocks, (1 << 20) / 512);
	ck_assert_int_eq(make_temporary(name, 0), -EEXIST);
	close(fd);
}
END_TEST

START_TEST(a_name_that_does_not_fit_is_refused)
{
	char name[PUBLISH_TEMPORARY_NAME_MAX];
	char id[PUBLISH_TEMPORARY_NAME_MAX + 1];

	memset(id, 'x', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	ck_assert_int_eq(publish_temporary_name("a", id, name), -ENAMETOOLONG);
}
END_TEST

START_TEST(a_temporary_that_finds_no_space_is_not_left_behind)
{
	unsigned int before = count_fds();

	ck_assert_int_lt(make_temporary("big", UINT64_MAX), 0);
	ck_assert(!exists("big"));
	if (mount_small(folder, "size=64k")) {
		close(dir_fd);
		dir_fd = open_folder(folder);
		ck_assert_int_eq(make_temporary("big", 1 << 20), -ENOSPC);
		ck_assert(!exists("big"));
	}
	ck_assert_uint_eq(count_fds(), before);
}
END_TEST

START_TEST(rename_replaces_what_is_there)
{
	make_file("temporary", "new");
	make_file("final", "old");
	ck_assert_int_eq(publish_rename(dir_fd, "temporary", "final"), 0);
	ck_assert(holds("final", "new"));
	ck_assert(!exists("temporary"));
	ck_assert_int_eq(publish_rename(dir_fd, "temporary", "final"), -ENOENT);
}
END_TEST

START_TEST(noreplace_leaves_what_is_there)
{
	make_file("temporary", "new");
	make_file("final", "old");
	ck_assert_int_eq(publish_rename_noreplace(dir_fd, "temporary", "final"), -EEXIST);
	ck_assert(holds("final", "old"));
	ck_assert(holds("temporary", "new"));
	ck_assert_int_eq(publish_check_free(dir_fd, "final"), -EEXIST);
	ck_assert_int_eq(publish_unlink(dir_fd, "final"), 0);
	ck_assert_int_eq(publish_unlink(dir_fd, "final"), 0);
	ck_assert_int_eq(publish_check_free(dir_fd, "final"), 0);
	ck_assert_int_eq(publish_rename_noreplace(dir_fd, "temporary", "final"), 0);
	ck_assert(holds("final", "new"));
	ck_assert(!exists("temporary"));
}
END_TEST

START_TEST(a_dangling_link_counts_as_there)
{
	make_file("temporary", "new");
	ck_assert_int_eq(symlinkat("nowhere", dir_fd, "final"), 0);
	ck_assert_int_eq(publish_check_free(dir_fd, "final"), -EEXIST);
	ck_assert_int_eq(publish_rename_noreplace(dir_fd, "temporary", "final"), -EEXIST);
}
END_TEST

START_TEST(a_locked_file_is_locked_for_every_other_opening)
{
	const char *path = in_folder(folder, "file");
	int one_fd = open(path, O_RDWR | O_CREAT, 0600);
	int two_fd = open(path, O_RDWR);
	int copy_fd;

	ck_assert_int_eq(file_lock_exclusive(one_fd), 0);
	ck_assert_int_eq(file_lock_exclusive(one_fd), 0);
	ck_assert_int_eq(file_lock_exclusive(two_fd), FILE_E_LOCKED);
	/* The lock belongs to the description: closing a copy, or another one, keeps it. */
	copy_fd = dup(one_fd);
	close(one_fd);
	close(open(path, O_RDWR));
	ck_assert_int_eq(file_lock_exclusive(two_fd), FILE_E_LOCKED);
	close(copy_fd);
	ck_assert_int_eq(file_lock_exclusive(two_fd), 0);
	close(two_fd);
}
END_TEST

START_TEST(a_file_without_a_name_is_reopened_as_the_same_file)
{
	const char *path = in_folder(folder, "file");
	int fd = open(path, O_RDWR | O_CREAT | O_APPEND, 0600);
	struct file_facts before, after;
	int own_fd;

	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(file_reopen(fd, 0, &own_fd), 0);
	ck_assert_int_eq(file_get_facts(fd, &before), 0);
	ck_assert_int_eq(file_get_facts(own_fd, &after), 0);
	ck_assert_uint_eq(before.inode, after.inode);
	ck_assert_uint_eq(before.device, after.device);
	ck_assert_uint_eq(after.links, 0);
	ck_assert_int_eq(fcntl(own_fd, F_GETFL) & (O_APPEND | O_ACCMODE), O_WRONLY);
	ck_assert_int_eq(write(own_fd, "x", 1), 1);
	ck_assert_int_eq(file_get_facts(fd, &after), 0);
	ck_assert_uint_eq(after.size, 1);
	ck_assert_int_eq(file_get_facts(-1, &after), -EBADF);
	close(own_fd);
	close(fd);
}
END_TEST

START_TEST(what_is_reserved_is_no_part_of_what_was_written)
{
	int fd = open(in_folder(folder, "file"), O_RDWR | O_CREAT, 0600);
	const uint64_t page = FILE_DIRECT_ALIGNMENT_BYTES;
	char bytes[2 * FILE_DIRECT_ALIGNMENT_BYTES] = { 1 };
	struct file_facts facts;
	uint64_t length;
	int r;

	ck_assert_int_eq(file_cut_at_hole(fd, &length), 0);
	ck_assert_uint_eq(length, 0);
	r = file_extend(fd, 0, 64 * page);
	ck_assert(r == 0 || r == -EOPNOTSUPP);
	if (r == 0) {
		ck_assert_int_eq(file_get_facts(fd, &facts), 0);
		ck_assert_uint_eq(facts.size, 64 * page);
	}
	ck_assert_int_eq(pwrite(fd, bytes, sizeof(bytes), 0), (ssize_t)sizeof(bytes));
	/* One that came before another. */
	if (r == 0)
		ck_assert_int_eq(pwrite(fd, bytes, page, (off_t)(8 * page)), (ssize_t)page);
	ck_assert_int_eq(file_cut_at_hole(fd, &length), 0);
	ck_assert_uint_eq(length, sizeof(bytes));
	ck_assert_int_eq(file_cut(fd, 5), 0);
	ck_assert_int_eq(file_get_facts(fd, &facts), 0);
	ck_assert_uint_eq(facts.size, 5);
	ck_assert_int_eq(file_cut(-1, 0), -EBADF);
	close(fd);
}
END_TEST

int main(void)
{
	TCase *all = tcase_create("publish");

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_test(all, a_temporary_has_its_name_mode_and_space);
	tcase_add_test(all, a_name_that_does_not_fit_is_refused);
	tcase_add_test(all, a_temporary_that_finds_no_space_is_not_left_behind);
	tcase_add_test(all, rename_replaces_what_is_there);
	tcase_add_test(all, noreplace_leaves_what_is_there);
	tcase_add_test(all, a_dangling_link_counts_as_there);
	tcase_add_test(all, a_locked_file_is_locked_for_every_other_opening);
	tcase_add_test(all, a_file_without_a_name_is_reopened_as_the_same_file);
	tcase_add_test(all, what_is_reserved_is_no_part_of_what_was_written);
	return run_case(all, "publish", 20);
}
