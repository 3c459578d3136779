/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/root.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/io/io_test.h"

static const struct root_owner nobody = { (uid_t)-1, (gid_t)-1 };
static char *folder;
static int root_fd;
static unsigned int fds_before;
static bool without_openat2;

static void make(const char *name, mode_t type)
{
	ck_assert_int_eq(mknod(in_folder(folder, name), type | 0600, 0), 0);
}

static void set_up(void)
{
	if (without_openat2)
		refuse_system_call(SYS_openat2, ENOSYS);
	fds_before = count_fds();
	folder = make_folder();
	root_fd = open_folder(folder);
	ck_assert_int_eq(mkdir(in_folder(folder, "dir"), 0755), 0);
	make("dir/file", S_IFREG);
	make("dir/fifo", S_IFIFO);
	ck_assert_int_eq(symlink("file", in_folder(folder, "dir/link")), 0);
	ck_assert_int_eq(symlink("dir", in_folder(folder, "dirlink")), 0);
	ck_assert_int_eq(symlink("/etc", in_folder(folder, "out")), 0);
	ck_assert_int_eq(symlink("/proc/self/root", in_folder(folder, "magic")), 0);
}

static void tear_down(void)
{
	close(root_fd);
	remove_folder(folder);
	ck_assert_uint_eq(count_fds(), fds_before);
}

static const struct {
	const char *path;
	int result;
	const char *reason;
} openings[] = {
	{ "dir/file", 0, NULL },
	{ "dir/link", ROOT_E_REFUSED, "link" },
	{ "dirlink/file", ROOT_E_REFUSED, "link" },
	{ "out/passwd", ROOT_E_REFUSED, "link" },
	{ "magic/etc/passwd", ROOT_E_REFUSED, "link" },
	{ "dir/../dir/file", ROOT_E_REFUSED, "\"..\"" },
	{ "/etc/passwd", ROOT_E_REFUSED, "absolute" },
	{ "dir/fifo", ROOT_E_REFUSED, "regular" },
	{ "dir/file/", ROOT_E_REFUSED, "empty component" },
	{ "dir/none", -ENOENT, NULL },
	{ "none/file", -ENOENT, NULL },
	{ "dir/file/x", -ENOTDIR, NULL },
	{ "dir", -EISDIR, NULL },
};

START_TEST(only_regular_files_beneath_the_root_are_opened)
{
	const char *reason = "";
	int fd = -1;

	ck_assert_msg(root_open_file(root_fd, openings[_i].path, O_WRONLY, &fd, &reason) ==
			      openings[_i].result,
		      "%s: %s", openings[_i].path, reason);
	if (openings[_i].reason)
		ck_assert_msg(strstr(reason, openings[_i].reason), "%s", reason);
	if (fd >= 0) {
		ck_assert_int_eq(fcntl(fd, F_GETFL) & O_NONBLOCK, 0);
		ck_assert_int_eq(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		close(fd);
	}
}
END_TEST

START_TEST(devices_and_sockets_are_refused)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int socket_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	const char *reason = "";
	int fd;

	strcpy(address.sun_path, in_folder(folder, "socket"));
	ck_assert_int_eq(bind(socket_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(root_open_file(root_fd, "socket", O_WRONLY, &fd, &reason), ROOT_E_REFUSED);
	if (mknod(in_folder(folder, "null"), S_IFCHR | 0600, 0x103) == 0)
		ck_assert_int_ne(root_open_file(root_fd, "null", O_WRONLY, &fd, &reason), 0);
	close(socket_fd);
}
END_TEST

START_TEST(a_parent_is_opened_and_the_last_name_told)
{
	struct root_parent request = { .root_fd = root_fd, .path = "dir/new", .owner = nobody };
	const char *name, *reason;
	int dir_fd;

	ck_assert_int_eq(root_open_parent(&request, &dir_fd, &name, &reason), 0);
	ck_assert_str_eq(name, "new");
	ck_assert_int_eq(faccessat(dir_fd, "file", F_OK, 0), 0);
	ck_assert_int_eq(fsync(dir_fd), 0);
	close(dir_fd);
	request.path = "top";
	ck_assert_int_eq(root_open_parent(&request, &dir_fd, &name, &reason), 0);
	ck_assert_int_eq(faccessat(dir_fd, "dirlink", F_OK, AT_SYMLINK_NOFOLLOW), 0);
	close(dir_fd);
	request.path = "a/b/c";
	ck_assert_int_eq(root_open_parent(&request, &dir_fd, &name, &reason), -ENOENT);
	request.path = "dirlink/new";
	ck_assert_int_eq(root_open_parent(&request, &dir_fd, &name, &reason), ROOT_E_REFUSED);
	request.make_missing = true;
	ck_assert_int_eq(root_open_parent(&request, &dir_fd, &name, &reason), ROOT_E_REFUSED);
	request.path = "dirlink/x/new";
	ck_assert_int_eq(root_open_parent(&request, &dir_fd, &name, &reason), ROOT_E_REFUSED);
	ck_assert_int_lt(access(in_folder(folder, "dir/x"), F_OK), 0);
}
END_TEST

START_TEST(missing_directories_are_made_with_mode_and_owner)
{
	const bool is_root = geteuid() == 0;
	struct root_parent request = {
		.root_fd = root_fd,
		.path = "dir/a/b/c",
		.make_missing = true,
		.mode = 02750,
		.owner = { is_root ? 12345 : (uid_t)-1, is_root ? 54321 : (gid_t)-1 },
	};
	const char *name, *reason;
	struct stat facts;
	int dir_fd;

	umask(077);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(root_open_parent(&request, &dir_fd, &name, &reason), 0);
		close(dir_fd);
	}
	ck_assert_int_eq(stat(in_folder(folder, "dir/a/b"), &facts), 0);
	ck_assert_int_eq(facts.st_mode & 07777, 02750);
	if (is_root) {
		ck_assert_uint_eq(facts.st_uid, 12345);
		ck_assert_uint_eq(facts.st_gid, 54321);
	}
	ck_assert_int_eq(stat(in_folder(folder, "dir/a"), &facts), 0);
	ck_assert_int_eq(facts.st_mode & 07777, 02750);
	ck_assert_int_eq(stat(in_folder(folder, "dir"), &facts), 0);
	ck_assert_int_eq(facts.st_mode & 07777, 0755);
}
END_TEST

START_TEST(a_file_is_made_if_it_is_missing_and_left_as_it_is_if_not)
{
	struct root_file request = {
		.root_fd = root_fd,
		.path = "dir/made",
		.flags = O_RDWR | O_CREAT,
		.mode = 0644,
		.owner = nobody,
	};
	const char *reason;
	struct stat facts;
	bool made;
	int fd;

	umask(077);
	ck_assert_int_eq(root_make_file(&request, &fd, &made, &reason), 0);
	ck_assert(made);
	ck_assert_int_eq(write(fd, "data", 4), 4);
	close(fd);
	request.mode = 0600;
	ck_assert_int_eq(root_make_file(&request, &fd, &made, &reason), 0);
	ck_assert(!made);
	ck_assert_int_eq(fstat(fd, &facts), 0);
	ck_assert_int_eq(facts.st_mode & 0777, 0644);
	ck_assert_int_eq(facts.st_size, 4);
	close(fd);
	request.flags |= O_TRUNC;
	ck_assert_int_eq(root_make_file(&request, &fd, &made, &reason), 0);
	ck_assert_int_eq(fstat(fd, &facts), 0);
	ck_assert_int_eq(facts.st_size, 0);
	close(fd);
	request.flags |= O_EXCL;
	ck_assert_int_eq(root_make_file(&request, &fd, &made, &reason), -EEXIST);
	request.flags = O_RDWR | O_CREAT;
	request.path = "dir/link";
	ck_assert_int_eq(root_make_file(&request, &fd, &made, &reason), ROOT_E_REFUSED);
}
END_TEST

START_TEST(a_directory_is_opened_beneath_the_root)
{
	const char *reason;
	int dir_fd;

	ck_assert_int_eq(root_open_directory(root_fd, "dir", &dir_fd, &reason), 0);
	close(dir_fd);
	ck_assert_int_eq(root_open_directory(root_fd, "dirlink", &dir_fd, &reason), ROOT_E_REFUSED);
	ck_assert_int_eq(root_open_directory(root_fd, "dir/file", &dir_fd, &reason), -ENOTDIR);
}
END_TEST

static int run_all(const char *name)
{
	TCase *all = tcase_create(name);

	tcase_add_checked_fixture(all, set_up, tear_down);
	tcase_add_loop_test(all, only_regular_files_beneath_the_root_are_opened, 0,
			    sizeof(openings) / sizeof(openings[0]));
	tcase_add_test(all, devices_and_sockets_are_refused);
	tcase_add_test(all, a_parent_is_opened_and_the_last_name_told);
	tcase_add_test(all, missing_directories_are_made_with_mode_and_owner);
	tcase_add_test(all, a_file_is_made_if_it_is_missing_and_left_as_it_is_if_not);
	tcase_add_test(all, a_directory_is_opened_beneath_the_root);
	return run_case(all, name, 20);
}

int main(void)
{
	int result = run_all("root");

	without_openat2 = true;
	return run_all("root without openat2") == EXIT_SUCCESS ? result : EXIT_FAILURE;
}
