/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/file_copy.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define COPY_BYTES ((size_t)128 << 10)

int file_write_all(int fd, const void *data, size_t bytes)
{
	const char *next = data;

	while (bytes > 0) {
		ssize_t n = write(fd, next, bytes);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		next += n;
		bytes -= (size_t)n;
	}
	return 0;
}

int file_copy(int from_fd, int to_fd)
{
	static char chunk[COPY_BYTES];

	for (;;) {
		ssize_t n = read(from_fd, chunk, sizeof(chunk));
		int r;

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		r = file_write_all(to_fd, chunk, (size_t)n);
		if (r)
			return r;
	}
}

int file_open_input(const char *path, int *ret_fd)
{
	int fd;

	if (!path || strcmp(path, "-") == 0) {
		*ret_fd = STDIN_FILENO;
		return 0;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	*ret_fd = fd;
	return 0;
}

void file_close_input(int fd)
{
	if (fd != STDIN_FILENO)
		(void)close(fd);
}
