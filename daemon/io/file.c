/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

int file_get_facts(int fd, struct file_facts *ret_facts)
{
	struct stat facts;

	if (fstat(fd, &facts) < 0)
		return -errno;
	ret_facts->device = facts.st_dev;
	ret_facts->inode = facts.st_ino;
	ret_facts->size = (uint64_t)facts.st_size;
	ret_facts->links = facts.st_nlink;
	return 0;
}

int file_get_path(int fd, const char *name, char **ret_path)
{
	char link[32], path[PATH_MAX];
	ssize_t length;

	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	length = readlink(link, path, sizeof(path) - 1);
	if (length < 0)
		return -errno;
	/* The root's own path ends in the slash that is put before the name. */
	if (name && length == 1)
		length = 0;
	path[length] = '\0';
	if (asprintf(ret_path, "%s%s%s", path, name ? "/" : "", name ? name : "") < 0)
		return -ENOMEM;
	return 0;
}

int file_lock_exclusive(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EAGAIN || errno == EACCES ? FILE_E_LOCKED : -errno;
}

void file_unlock(int fd)
{
	struct flock lock = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	(void)fcntl(fd, F_OFD_SETLK, &lock);
}

int file_reopen(int fd, int flags, int *ret_fd)
{
	char path[32];
	int reopened;

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	reopened = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY | flags);
	if (reopened < 0)
		return -errno;
	*ret_fd = reopened;
	return 0;
}

int file_reopen_direct(int fd, int *ret_fd)
{
	struct statfs facts;

	if (fstatfs(fd, &facts) < 0)
		return -errno;
	/* They take the flag and ignore it. */
	if (facts.f_type == TMPFS_MAGIC || facts.f_type == RAMFS_MAGIC)
		return -EINVAL;
	return file_reopen(fd, O_DIRECT, ret_fd);
}

static bool has_honest_holes(int fd)
{
	struct statfs facts;

	if (fstatfs(fd, &facts) < 0)
		return false;
	return facts.f_type == EXT4_SUPER_MAGIC || facts.f_type == XFS_SUPER_MAGIC ||
	       facts.f_type == BTRFS_SUPER_MAGIC;
}

int file_extend(int fd, uint64_t offset, uint64_t length)
{
	int r;

	if (!has_honest_holes(fd))
		return -EOPNOTSUPP;
	do {
		r = fallocate(fd, 0, (off_t)offset, (off_t)length);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int file_cut(int fd, uint64_t length)
{
	int r;

	do {
		r = ftruncate(fd, (off_t)length);
	} while (r < 0 && errno == EINTR);
	return r < 0 ? -errno : 0;
}

int file_cut_at_hole(int fd, uint64_t *ret_length)
{
	off_t hole = has_honest_holes(fd) ? lseek(fd, 0, SEEK_HOLE) : -1;
	struct file_facts facts = { 0 };
	int r = file_get_facts(fd, &facts);

	if (r < 0)
		return r;
	/* None, or a file that is empty: what may be reserved behind the end goes all the same. */
	*ret_length = hole < 0 ? facts.size : (uint64_t)hole;
	return file_cut(fd, *ret_length);
}

void file_drop_pages(int fd)
{
	(void)sync_file_range(fd, 0, 0,
			      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
				      SYNC_FILE_RANGE_WAIT_AFTER);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}

void file_drop_range(int fd, uint64_t offset, uint64_t length)
{
	(void)posix_fadvise(fd, (off_t)offset, (off_t)length, POSIX_FADV_DONTNEED);
}
