/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/path_rule.h"

int publish_temporary_name(const char *instance, const char *id, char *buffer)
{
	int length = snprintf(buffer, PUBLISH_TEMPORARY_NAME_MAX, PATH_RULE_RESERVED "%s-%s",
			      instance, id);

	return length < 0 || length >= PUBLISH_TEMPORARY_NAME_MAX ? -ENAMETOOLONG : 0;
}

static int reserve(int fd, uint64_t size)
{
	if (size > INT64_MAX)
		return -EFBIG;
	while (size > 0 && fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, (off_t)size) < 0) {
		if (errno == EOPNOTSUPP || errno == ENOSYS)
			return 0;
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

static int furnish(int fd, const struct publish_temporary *request)
{
	const struct root_owner *owner = &request->owner;

	if ((owner->uid != (uid_t)-1 || owner->gid != (gid_t)-1) &&
	    fchown(fd, owner->uid, owner->gid) < 0)
		return -errno;
	/* After the owner, whose change may take bits away; and past the umask. */
	if (fchmod(fd, request->mode) < 0)
		return -errno;
	return reserve(fd, request->size_hint);
}

int publish_make_temporary(const struct publish_temporary *request, int *ret_fd)
{
	cleanup_close int fd = openat(request->dir_fd, request->name,
				      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	int r;

	if (fd < 0)
		return -errno;
	r = furnish(fd, request);
	if (r < 0) {
		(void)unlinkat(request->dir_fd, request->name, 0);
		return r;
	}
	*ret_fd = take_fd(&fd);
	return 0;
}

int publish_rename(int dir_fd, const char *temporary, const char *final)
{
	return renameat(dir_fd, temporary, dir_fd, final) < 0 ? -errno : 0;
}

static int link_and_unlink(int dir_fd, const char *temporary, const char *final)
{
	if (linkat(dir_fd, temporary, dir_fd, final, 0) < 0)
		return -errno;
	return publish_unlink(dir_fd, temporary);
}

int publish_rename_noreplace(int dir_fd, const char *temporary, const char *final)
{
	if (renameat2(dir_fd, temporary, dir_fd, final, RENAME_NOREPLACE) == 0)
		return 0;
	/* The file system, or the kernel, does not know how. */
	if (errno == EINVAL || errno == ENOSYS)
		return link_and_unlink(dir_fd, temporary, final);
	return -errno;
}

int publish_check_free(int dir_fd, const char *name)
{
	struct stat facts;

	if (fstatat(dir_fd, name, &facts, AT_SYMLINK_NOFOLLOW) == 0)
		return -EEXIST;
	return errno == ENOENT ? 0 : -errno;
}

int publish_unlink(int dir_fd, const char *name)
{
	return unlinkat(dir_fd, name, 0) < 0 && errno != ENOENT ? -errno : 0;
}
