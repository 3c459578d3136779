/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/fd_kind.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>

static enum fd_kind refuse(const char *reason, const char **ret_reason)
{
	*ret_reason = reason;
	return FD_KIND_REFUSED;
}

/* The type bits; 0 for what has none (epoll, eventfd, ..) or cannot be looked at. */
static mode_t get_type(int fd)
{
	struct statx facts;

	if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE, &facts) < 0)
		return 0;
	return facts.stx_mode & S_IFMT;
}

static int get_socket_option(int fd, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &length) < 0 ? -1 : value;
}

static enum fd_kind judge_socket(int fd, const char **ret_reason)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);

	if (get_socket_option(fd, SO_TYPE) != SOCK_STREAM)
		return refuse("not a stream socket", ret_reason);
	if (get_socket_option(fd, SO_ACCEPTCONN) != 0)
		return refuse("a listening socket", ret_reason);
	if (getpeername(fd, (struct sockaddr *)&peer, &length) < 0)
		return refuse("a socket that is not connected", ret_reason);
	return FD_KIND_SOCKET;
}

static enum fd_kind judge_file(int fd, const char **ret_reason)
{
	int seals = fcntl(fd, F_GET_SEALS);

	if (seals >= 0 && seals & (F_SEAL_WRITE | F_SEAL_FUTURE_WRITE))
		return refuse("sealed against writing", ret_reason);
	return FD_KIND_FILE;
}

enum fd_kind fd_kind_destination(int fd, const char **ret_reason)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return refuse("not an open descriptor", ret_reason);
	if (flags & O_PATH)
		return refuse("opened with O_PATH", ret_reason);
	if (get_type(fd) == S_IFDIR)
		return refuse("a directory", ret_reason);
	if ((flags & O_ACCMODE) != O_WRONLY && (flags & O_ACCMODE) != O_RDWR)
		return refuse("not open for writing", ret_reason);
	switch (get_type(fd)) {
	case S_IFREG:
		return judge_file(fd, ret_reason);
	case S_IFIFO:
		return FD_KIND_PIPE;
	case S_IFSOCK:
		return judge_socket(fd, ret_reason);
	case S_IFCHR:
	case S_IFBLK:
		return refuse("a device", ret_reason);
	default:
		return refuse("neither a file nor a pipe nor a socket", ret_reason);
	}
}

static enum fd_kind judge_readable(int fd, const char **ret_reason)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return refuse("not an open descriptor", ret_reason);
	if (flags & O_PATH)
		return refuse("opened with O_PATH", ret_reason);
	if ((flags & O_ACCMODE) != O_RDONLY && (flags & O_ACCMODE) != O_RDWR)
		return refuse("not open for reading", ret_reason);
	switch (get_type(fd)) {
	case S_IFREG:
		return FD_KIND_FILE;
	case S_IFIFO:
		return FD_KIND_PIPE;
	case S_IFSOCK:
		return judge_socket(fd, ret_reason);
	default:
		return refuse("neither a file nor a pipe nor a socket", ret_reason);
	}
}

enum fd_kind fd_kind_source(int fd, const char **ret_reason)
{
	enum fd_kind kind = judge_readable(fd, ret_reason);

	if (kind == FD_KIND_PIPE || kind == FD_KIND_SOCKET)
		return refuse("not a regular file", ret_reason);
	return kind;
}

enum fd_kind fd_kind_flowing_source(int fd, const char **ret_reason)
{
	return judge_readable(fd, ret_reason);
}

enum fd_kind fd_kind_directory(int fd, const char **ret_reason)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0)
		return refuse("not an open descriptor", ret_reason);
	if (get_type(fd) != S_IFDIR)
		return refuse("not a directory", ret_reason);
	if (flags & O_PATH)
		return refuse("opened with O_PATH", ret_reason);
	return FD_KIND_DIRECTORY;
}

bool fd_kind_is_data(int fd)
{
	static const unsigned int switches[] = {
		BINFMTFS_MAGIC,	     BPF_FS_MAGIC,
		CGROUP2_SUPER_MAGIC, CGROUP_SUPER_MAGIC,
		DEBUGFS_MAGIC,	     EFIVARFS_MAGIC,
		NSFS_MAGIC,	     PROC_SUPER_MAGIC,
		SECURITYFS_MAGIC,    SELINUX_MAGIC,
		SMACK_MAGIC,	     SYSFS_MAGIC,
		TRACEFS_MAGIC,	     0x62656570 /* configfs */,
	};
	struct statfs facts;

	if (fstatfs(fd, &facts) < 0)
		return false;
	for (size_t i = 0; i < sizeof(switches) / sizeof(switches[0]); i++)
		if ((unsigned int)facts.f_type == switches[i])
			return false;
	return true;
}
