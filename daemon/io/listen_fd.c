/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/listen_fd.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/io/file.h"
#include "daemon/io/notify.h"

#define FIRST_PASSED_FD 3
#define BACKLOG 128

static int get_socket_option(int fd, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, option, &value, &length) < 0 ? -1 : value;
}

/* "varlink" and "connection" are the names that starters of one connection use. */
static enum passed_fd_kind judge(int fd, const char *name)
{
	if (get_socket_option(fd, SO_DOMAIN) != AF_UNIX ||
	    get_socket_option(fd, SO_TYPE) != SOCK_STREAM)
		return PASSED_FD_STORED;
	if (get_socket_option(fd, SO_ACCEPTCONN) == 1)
		return PASSED_FD_LISTENING;
	if (strcmp(name, "varlink") == 0 || strcmp(name, "connection") == 0)
		return PASSED_FD_CONNECTED;
	return PASSED_FD_STORED;
}

int passed_fds_init(struct passed_fds *passed)
{
	char **names = NULL;
	int count = notify_take_fds(&names);

	memset(passed, 0, sizeof(*passed));
	if (count <= 0)
		return count;
	passed->list = calloc((size_t)count, sizeof(passed->list[0]));
	for (int i = 0; i < count; i++) {
		if (!passed->list) {
			fd_close(FIRST_PASSED_FD + i);
			free(names[i]);
			continue;
		}
		passed->list[i].fd = FIRST_PASSED_FD + i;
		passed->list[i].name = names[i];
		passed->list[i].kind = judge(FIRST_PASSED_FD + i, names[i]);
		passed->count++;
	}
	free(names);
	return passed->list ? 0 : -ENOMEM;
}

void passed_fds_fini(struct passed_fds *passed)
{
	for (uint32_t i = 0; i < passed->count; i++) {
		fd_close(passed->list[i].fd);
		free(passed->list[i].name);
	}
	free(passed->list);
	memset(passed, 0, sizeof(*passed));
}

static int make_parent(const char *path)
{
	cleanup_free char *copy = strdup(path);

	if (!copy)
		return -ENOMEM;
	return mkdir(dirname(copy), 0755) < 0 && errno != EEXIST ? -errno : 0;
}

static int take_lock(const char *path, int *ret_lock_fd)
{
	cleanup_close int fd = -1;
	char lock_path[PATH_MAX];
	int r;

	if (snprintf(lock_path, sizeof(lock_path), "%s.lock", path) >= (int)sizeof(lock_path))
		return -ENAMETOOLONG;
	fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (fd < 0)
		return -errno;
	r = file_lock_exclusive(fd);
	if (r != 0)
		return r == FILE_E_LOCKED ? LISTEN_FD_E_IN_USE : r;
	*ret_lock_fd = take_fd(&fd);
	return 0;
}

/* Only a socket that refuses to be connected to is dead; full or forbidden ones live. */
static int remove_stale(const struct sockaddr_un *address)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct stat facts;

	if (fd < 0)
		return -errno;
	if (lstat(address->sun_path, &facts) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(facts.st_mode))
		return -EEXIST;
	if (connect(fd, (const struct sockaddr *)address, sizeof(*address)) == 0 || errno == EAGAIN)
		return LISTEN_FD_E_IN_USE;
	if (errno == ENOENT)
		return 0;
	if (errno != ECONNREFUSED)
		return -errno;
	return unlink(address->sun_path) < 0 && errno != ENOENT ? -errno : 0;
}

static int bind_and_listen(const struct sockaddr_un *address, mode_t mode, int *ret_listen_fd)
{
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	/* Before it has a name: so there is no moment at which too many may connect. */
	if (fchmod(fd, mode) < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	/* The umask took its part of the mode at bind(); this puts it back. */
	if (chmod(address->sun_path, mode) < 0 || listen(fd, BACKLOG) < 0)
		return -errno;
	*ret_listen_fd = take_fd(&fd);
	return 0;
}

int listen_fd_bind(const char *path, mode_t mode, int *ret_listen_fd, int *ret_lock_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	cleanup_close int lock_fd = -1;
	int r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	r = make_parent(path);
	if (r == 0)
		r = take_lock(path, &lock_fd);
	if (r == 0)
		r = remove_stale(&address);
	if (r == 0)
		r = bind_and_listen(&address, mode, ret_listen_fd);
	if (r == 0)
		*ret_lock_fd = take_fd(&lock_fd);
	return r;
}
