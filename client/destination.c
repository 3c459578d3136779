/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/destination.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool destination_is_outside(const char *path)
{
	return path[0] == '/' || strncmp(path, "./", 2) == 0;
}

int destination_open(const char *path, struct destination *ret_destination)
{
	const char *slash = strrchr(path, '/');
	char *directory;
	int directory_fd;

	if (!destination_is_outside(path)) {
		*ret_destination = (struct destination){ .directory_fd = -1, .path = path };
		return 0;
	}
	if (slash[1] == '\0')
		return -EISDIR;
	/* The slash stays: "/x" is in the directory "/". */
	directory = strndup(path, (size_t)(slash - path) + 1);
	if (!directory)
		return -ENOMEM;
	directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(directory);
	if (directory_fd < 0)
		return -errno;
	*ret_destination = (struct destination){ .directory_fd = directory_fd, .path = slash + 1 };
	return 0;
}

void destination_close(struct destination *destination)
{
	if (destination->directory_fd >= 0)
		(void)close(destination->directory_fd);
	destination->directory_fd = -1;
}
