/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

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

void file_drop_pages(int fd)
{
	(void)sync_file_range(fd, 0, 0,
			      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
				      SYNC_FILE_RANGE_WAIT_AFTER);
	(void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
}
