/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/zone_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/zone.h"

#define DIRECTORY "/usr/share/zoneinfo"
#define OWN_PATH "/etc/localtime"

static int read_all(int fd, char *bytes, size_t length)
{
	size_t done = 0;

	while (done < length) {
		ssize_t got = read(fd, bytes + done, length - done);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		/* It has become shorter: then it is damaged, and will be found so. */
		if (got == 0)
			break;
		done += (size_t)got;
	}
	return 0;
}

static int read_path(const char *path, struct zone **ret_zone)
{
	cleanup_close int zone_fd = -1;
	cleanup_free char *bytes = NULL;
	struct stat facts;
	int r;

	/* Not to wait at a FIFO, should one stand there. */
	zone_fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (zone_fd < 0)
		return errno == ENOENT || errno == ENOTDIR ? ZONE_FILE_E_NONE : -errno;
	if (fstat(zone_fd, &facts) < 0)
		return -errno;
	if (!S_ISREG(facts.st_mode) || facts.st_size == 0 || facts.st_size > ZONE_FILE_BYTES_MAX)
		return ZONE_FILE_E_NONE;
	bytes = calloc(1, (size_t)facts.st_size);
	if (!bytes)
		return -ENOMEM;
	r = read_all(zone_fd, bytes, (size_t)facts.st_size);
	if (r == 0)
		r = zone_new(bytes, (size_t)facts.st_size, ret_zone);
	return r == ZONE_E_BAD ? ZONE_FILE_E_NONE : r;
}

int zone_file_read(const char *name, struct zone **ret_zone)
{
	char path[sizeof(DIRECTORY) + 1 + ZONE_NAME_BYTES];

	if (!zone_name_is_valid(name))
		return ZONE_FILE_E_NONE;
	(void)snprintf(path, sizeof(path), "%s/%s", DIRECTORY, name);
	return read_path(path, ret_zone);
}

int zone_file_read_own(struct zone **ret_zone)
{
	const char *name = getenv("TZ");
	int r = ZONE_FILE_E_NONE;

	if (name && name[0] == ':')
		name++;
	if (name)
		r = zone_file_read(name, ret_zone);
	if (r == ZONE_FILE_E_NONE)
		r = read_path(OWN_PATH, ret_zone);
	if (r != ZONE_FILE_E_NONE)
		return r;
	*ret_zone = (struct zone *)zone_utc;
	return 0;
}
