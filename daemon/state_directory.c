/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <config.h>

#include "daemon/state_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/log.h"
#include "daemon/io/catalogue.h"
#include "daemon/io/directory.h"
#include "daemon/io/file.h"

/* Users pass through root's on the way to their files in the store that lies there. */
#define MODE 0700
#define MODE_ROOT 0711

/* Two daemons over one state would take each other's temporaries for left over. */
static int lock(const char *directory, int *ret_lock_fd)
{
	cleanup_close int lock_fd = -1;
	char path[PATH_MAX];
	int r;

	if (snprintf(path, sizeof(path), "%s/lock", directory) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (lock_fd < 0)
		return -errno;
	r = file_lock_exclusive(lock_fd);
	if (r != 0)
		return r == FILE_E_LOCKED ? -EADDRINUSE : r;
	*ret_lock_fd = take_fd(&lock_fd);
	return 0;
}

static int open_catalogue(struct event_base *base, const char *directory,
			  struct catalogue **ret_catalogue)
{
	char path[PATH_MAX];
	mode_t before;
	int r;

	if (snprintf(path, sizeof(path), "%s/catalogue.db", directory) >= (int)sizeof(path))
		return -ENAMETOOLONG;
	/* It tells of all users' files. */
	before = umask(0077);
	r = catalogue_open(base, path, ret_catalogue);
	(void)umask(before);
	if (r == 0 && catalogue_set_aside_path(*ret_catalogue))
		log_error("daemon", "the catalogue was set aside, an empty one was made", "path=%s",
			  catalogue_set_aside_path(*ret_catalogue));
	return r;
}

int state_directory_open(struct event_base *base, const char *path, int *ret_lock_fd,
			 struct catalogue **ret_catalogue)
{
	cleanup_close int lock_fd = -1;
	int r = directory_make(path, geteuid() == 0 ? MODE_ROOT : MODE);

	if (r == 0)
		r = lock(path, &lock_fd);
	if (r == 0)
		r = open_catalogue(base, path, ret_catalogue);
	if (r == 0)
		*ret_lock_fd = take_fd(&lock_fd);
	return r;
}
