/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/pipe_end.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/destination.h"

#define BUFFER_PREFIX "buffer:"
#define BUFFER_PREFIX_BYTES (sizeof(BUFFER_PREFIX) - 1)

enum pipe_end_kind pipe_end_classify(const char *word)
{
	if (strcmp(word, "-") == 0)
		return PIPE_END_STANDARD;
	if (strncmp(word, BUFFER_PREFIX, BUFFER_PREFIX_BYTES) == 0)
		return PIPE_END_BUFFER;
	return destination_is_outside(word) ? PIPE_END_OUTSIDE : PIPE_END_STORE;
}

static int open_file(const char *word, int flags, struct pipe_end *end)
{
	end->file_fd = open(word, flags | O_CLOEXEC | O_NOCTTY);
	return end->file_fd < 0 ? -errno : 0;
}

static int open_beside(const char *word, struct pipe_end *end)
{
	struct destination destination;
	int r;

	r = destination_open(word, &destination);
	if (r)
		return r;
	end->path = destination.path;
	end->directory_fd = destination.directory_fd;
	return 0;
}

/* What needs no file to be opened here. */
static struct pipe_end describe(const char *word, int standard_fd)
{
	const enum pipe_end_kind kind = pipe_end_classify(word);

	return (struct pipe_end){
		.kind = kind,
		.path = kind == PIPE_END_STORE ? word : NULL,
		.buffer = kind == PIPE_END_BUFFER ? word + BUFFER_PREFIX_BYTES : NULL,
		.file_fd = kind == PIPE_END_STANDARD ? standard_fd : -1,
		.directory_fd = -1,
	};
}

int pipe_end_open_source(const char *word, struct pipe_end *ret_end)
{
	*ret_end = describe(word, STDIN_FILENO);
	return ret_end->kind == PIPE_END_OUTSIDE ? open_file(word, O_RDONLY, ret_end) : 0;
}

int pipe_end_open_sink(const char *word, struct pipe_end *ret_end)
{
	struct stat status;

	*ret_end = describe(word, STDOUT_FILENO);
	if (ret_end->kind != PIPE_END_OUTSIDE)
		return 0;
	if (stat(word, &status) == 0 && !S_ISREG(status.st_mode))
		return open_file(word, O_WRONLY, ret_end);
	return open_beside(word, ret_end);
}

void pipe_end_close(struct pipe_end *end)
{
	if (end->kind != PIPE_END_OUTSIDE)
		return;
	if (end->file_fd >= 0)
		(void)close(end->file_fd);
	if (end->directory_fd >= 0)
		(void)close(end->directory_fd);
	end->file_fd = -1;
	end->directory_fd = -1;
}
