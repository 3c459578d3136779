/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/side_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/io/publish.h"

/* The digest, two blanks, a name of which each character may be escaped, a line feed. */
#define LINE_BYTES (128 + 2 * NAME_MAX)

static int side_name(const char *name, char buffer[static NAME_MAX + 1])
{
	int length = snprintf(buffer, NAME_MAX + 1, "%s%s", name, SIDE_FILE_SUFFIX);

	return length > NAME_MAX ? -ENAMETOOLONG : 0;
}

int side_file_check_free(int dir_fd, const char *name)
{
	char side[NAME_MAX + 1];
	int r = side_name(name, side);

	return r < 0 ? r : publish_check_free(dir_fd, side);
}

int side_file_remove(int dir_fd, const char *name)
{
	char side[NAME_MAX + 1];
	int r = side_name(name, side);

	return r < 0 ? r : publish_unlink(dir_fd, side);
}

/* As sha256sum writes it: a backslash in the name is doubled, and one before the line says so. */
static size_t make_line(const char *name, const char *hex, char line[static LINE_BYTES])
{
	char *at = line;

	if (strchr(name, '\\'))
		*at++ = '\\';
	at += sprintf(at, "%.100s  ", hex);
	for (; *name != '\0'; name++) {
		if (*name == '\\')
			*at++ = '\\';
		*at++ = *name;
	}
	*at++ = '\n';
	return (size_t)(at - line);
}

static int furnish(int fd, int like_fd, const char *line, size_t length)
{
	struct stat like;

	if (fstat(like_fd, &like) < 0)
		return -errno;
	/* Only root can give it away, and only root has files of others. */
	if (fchown(fd, like.st_uid, like.st_gid) < 0 && errno != EPERM)
		return -errno;
	if (fchmod(fd, like.st_mode & 0777) < 0)
		return -errno;
	if (write(fd, line, length) != (ssize_t)length)
		return errno ? -errno : -EIO;
	return fdatasync(fd) < 0 ? -errno : 0;
}

static int link_nameless(int fd, int dir_fd, const char *side)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return linkat(AT_FDCWD, path, dir_fd, side, AT_SYMLINK_FOLLOW) < 0 ? -errno : 0;
}

int side_file_make(int dir_fd, const char *name, int like_fd, const char *hex)
{
	char side[NAME_MAX + 1], line[LINE_BYTES];
	size_t length = make_line(name, hex, line);
	cleanup_close int fd = openat(dir_fd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0600);
	bool nameless = fd >= 0;
	int r = side_name(name, side);

	if (r < 0)
		return r;
	/* Where a file cannot be without a name, a crash may leave an unfinished line. */
	if (!nameless)
		fd = openat(dir_fd, side, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			    0600);
	if (fd < 0)
		return -errno;
	errno = 0;
	r = furnish(fd, like_fd, line, length);
	if (nameless)
		return r < 0 ? r : link_nameless(fd, dir_fd, side);
	if (r < 0)
		(void)unlinkat(dir_fd, side, 0);
	return r;
}
