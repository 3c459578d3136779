/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/root.h"

/*
 * openat2() does the whole path in one call. Kernels and sandboxes without it get a walk with
 * O_NOFOLLOW at each component: with ".." refused by path_check() that reaches the same
 * files. Missing directories are made by that walk too.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/path_rule.h"

#define DIRECTORY_FLAGS (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define FILE_FLAGS (O_NONBLOCK | O_NOCTTY | O_CLOEXEC)

static int refuse(const char *reason, const char **ret_reason)
{
	*ret_reason = reason;
	return ROOT_E_REFUSED;
}

/* Which errors of opening are a rule that was broken. */
static int judge(int error, const char **ret_reason)
{
	switch (-error) {
	case ELOOP:
		return refuse("a symbolic link is on the way", ret_reason);
	case EXDEV:
		return refuse("the path leads out of its root", ret_reason);
	case ENXIO:
		return refuse("not a regular file", ret_reason);
	default:
		return error;
	}
}

static int open_component(int dir_fd, const char *name, int flags, mode_t mode)
{
	int fd = openat(dir_fd, name, flags | O_NOFOLLOW, mode);
	struct stat facts;
	int error = errno;

	if (fd >= 0)
		return fd;
	/* With O_DIRECTORY a link answers ENOTDIR, as a file does. */
	if (error == ENOTDIR && fstatat(dir_fd, name, &facts, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISLNK(facts.st_mode))
		return -ELOOP;
	return -error;
}

static int sync_directory(int dir_fd)
{
	return fsync(dir_fd) < 0 ? -errno : 0;
}

static int give(int fd, mode_t mode, const struct root_owner *owner)
{
	if ((owner->uid != (uid_t)-1 || owner->gid != (gid_t)-1) &&
	    fchown(fd, owner->uid, owner->gid) < 0)
		return -errno;
	/* After the change of owner, which may take mode bits away; and past the umask. */
	return fchmod(fd, mode) < 0 ? -errno : 0;
}

/* Another stream may make the same directory at the same time: then it is theirs. */
static int make_directory(int dir_fd, const char *name, const struct root_parent *request,
			  int *ret_fd)
{
	bool made = mkdirat(dir_fd, name, 0700) == 0;
	cleanup_close int fd = -1;
	int r;

	if (!made && errno != EEXIST)
		return -errno;
	fd = open_component(dir_fd, name, DIRECTORY_FLAGS, 0);
	if (fd < 0)
		return fd;
	if (made) {
		r = give(fd, request->mode, &request->owner);
		if (r == 0)
			r = sync_directory(fd);
		if (r < 0)
			return r;
	}
	/* Also if it was there: whoever made it may not have come to this yet. */
	r = sync_directory(dir_fd);
	if (r < 0)
		return r;
	*ret_fd = take_fd(&fd);
	return 0;
}

/* `length` bytes of request->path, one component after the other. */
static int walk(const struct root_parent *request, size_t length, int *ret_fd)
{
	char name[PATH_RULE_COMPONENT_BYTES_MAX + 1];
	cleanup_close int dir_fd = open_component(request->root_fd, ".", DIRECTORY_FLAGS, 0);
	const char *rest = request->path;
	const char *end = request->path + length;

	if (dir_fd < 0)
		return dir_fd;
	while (rest < end) {
		size_t bytes = strcspn(rest, "/");
		int next_fd, r = 0;

		if (bytes >= sizeof(name))
			return -ENAMETOOLONG;
		memcpy(name, rest, bytes);
		name[bytes] = '\0';
		next_fd = open_component(dir_fd, name, DIRECTORY_FLAGS, 0);
		if (next_fd == -ENOENT && request->make_missing)
			r = make_directory(dir_fd, name, request, &next_fd);
		if (r < 0 || next_fd < 0)
			return r < 0 ? r : next_fd;
		fd_close(dir_fd);
		dir_fd = next_fd;
		rest += bytes + 1;
	}
	*ret_fd = take_fd(&dir_fd);
	return 0;
}

/* -ENOSYS where it cannot be had, -EAGAIN where somebody renamed on the way: then walk(). */
static int call_openat2(int dir_fd, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)flags,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd;

	fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

static int open_parent(const struct root_parent *request, int *ret_dir_fd)
{
	char directory[PATH_RULE_BYTES_MAX + 1];
	size_t length = path_directory_length(request->path);
	int fd;

	if (length > PATH_RULE_BYTES_MAX)
		return -ENAMETOOLONG;
	memcpy(directory, request->path, length);
	directory[length] = '\0';
	fd = call_openat2(request->root_fd, length > 0 ? directory : ".", DIRECTORY_FLAGS);
	if (fd == -ENOSYS || fd == -EAGAIN || (fd == -ENOENT && request->make_missing))
		return walk(request, length, ret_dir_fd);
	if (fd < 0)
		return fd;
	*ret_dir_fd = fd;
	return 0;
}

int root_open_parent(const struct root_parent *request, int *ret_dir_fd, const char **ret_base_name,
		     const char **ret_reason)
{
	int r;

	if (!path_check(request->path, ret_reason))
		return ROOT_E_REFUSED;
	r = open_parent(request, ret_dir_fd);
	if (r < 0)
		return judge(r, ret_reason);
	*ret_base_name = path_base_name(request->path);
	return 0;
}

/* Looks at what was opened without waiting, then lets it behave as a file does. */
static int check_regular(int fd, const char **ret_reason)
{
	struct stat facts;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &facts) < 0)
		return -errno;
	if (!S_ISREG(facts.st_mode))
		return refuse("not a regular file", ret_reason);
	return fcntl(fd, F_SETFL, flags & ~O_NONBLOCK) < 0 ? -errno : 0;
}

static int open_in(int dir_fd, const struct root_file *request, int *ret_fd, bool *ret_made)
{
	const char *name = path_base_name(request->path);
	int flags = request->flags | FILE_FLAGS;
	int fd = -ENOENT;
	int r;

	/* First without O_CREAT: so it is known who made it, and O_TRUNC meets files only. */
	*ret_made = false;
	if (!(flags & O_EXCL))
		fd = open_component(dir_fd, name, flags & ~(O_CREAT | O_TRUNC), 0);
	if (fd == -ENOENT && flags & O_CREAT) {
		fd = open_component(dir_fd, name, flags | O_EXCL, 0600);
		if (fd == -EEXIST && !(flags & O_EXCL))
			return -EAGAIN;
		*ret_made = fd >= 0;
	}
	if (fd < 0)
		return fd;
	r = *ret_made ? give(fd, request->mode, &request->owner) : 0;
	if (r < 0) {
		(void)unlinkat(dir_fd, name, 0);
		fd_close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int root_make_file(const struct root_file *request, int *ret_fd, bool *ret_made,
		   const char **ret_reason)
{
	const struct root_parent parent = { .root_fd = request->root_fd, .path = request->path };
	cleanup_close int dir_fd = -1;
	cleanup_close int fd = -1;
	bool made = false;
	int r;

	if (!path_check(request->path, ret_reason))
		return ROOT_E_REFUSED;
	r = open_parent(&parent, &dir_fd);
	if (r == 0)
		r = open_in(dir_fd, request, &fd, &made);
	if (r == -EAGAIN)
		r = open_in(dir_fd, request, &fd, &made);
	if (r < 0)
		return judge(r, ret_reason);
	r = check_regular(fd, ret_reason);
	if (r == 0 && !made && request->flags & O_TRUNC && ftruncate(fd, 0) < 0)
		r = -errno;
	if (r != 0)
		return r;
	*ret_made = made;
	*ret_fd = take_fd(&fd);
	return 0;
}

int root_open_file(int root_fd, const char *path, int flags, int *ret_fd, const char **ret_reason)
{
	const struct root_file request = {
		.root_fd = root_fd,
		.path = path,
		.flags = flags & ~O_CREAT,
	};
	bool made;

	return root_make_file(&request, ret_fd, &made, ret_reason);
}

int root_open_directory(int root_fd, const char *path, int *ret_dir_fd, const char **ret_reason)
{
	const struct root_parent whole = { .root_fd = root_fd, .path = path };
	int fd;
	int r;

	if (!path_check(path, ret_reason))
		return ROOT_E_REFUSED;
	fd = call_openat2(root_fd, path, DIRECTORY_FLAGS);
	r = fd < 0 ? fd : 0;
	if (fd == -ENOSYS || fd == -EAGAIN)
		r = walk(&whole, strlen(path), &fd);
	if (r < 0)
		return judge(r, ret_reason);
	*ret_dir_fd = fd;
	return 0;
}
