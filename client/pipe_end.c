/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/pipe_end.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/destination.h"
#include "client/relay.h"

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

struct pipe_end pipe_end_none(void)
{
	return (struct pipe_end){ .file_fd = -1, .directory_fd = -1 };
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

static void close_files(struct pipe_end *end)
{
	bool is_ours = end->kind == PIPE_END_OUTSIDE || end->relay;

	if (is_ours && end->file_fd >= 0)
		(void)close(end->file_fd);
	if (end->kind == PIPE_END_OUTSIDE && end->directory_fd >= 0)
		(void)close(end->directory_fd);
	end->file_fd = -1;
	end->directory_fd = -1;
}

/* Puts a relay in the place of a device. */
static int relay(struct pipe_end *end, int (*start)(int fd, pid_t *ret_pid, int *ret_pipe_fd))
{
	pid_t pid;
	int pipe_fd, r;

	if (end->file_fd < 0 || !relay_is_needed(end->file_fd))
		return 0;
	r = start(end->file_fd, &pid, &pipe_fd);
	close_files(end);
	if (r)
		return r;
	end->relay = pid;
	end->file_fd = pipe_fd;
	return 0;
}

int pipe_end_open_source(const char *word, struct pipe_end *ret_end)
{
	int r = 0;

	*ret_end = describe(word, STDIN_FILENO);
	if (ret_end->kind == PIPE_END_OUTSIDE)
		r = open_file(word, O_RDONLY, ret_end);
	return r ? r : relay(ret_end, relay_start_source);
}

int pipe_end_open_sink(const char *word, struct pipe_end *ret_end)
{
	struct stat status;
	int r = 0;

	*ret_end = describe(word, STDOUT_FILENO);
	if (ret_end->kind == PIPE_END_OUTSIDE) {
		if (stat(word, &status) == 0 && !S_ISREG(status.st_mode))
			r = open_file(word, O_WRONLY, ret_end);
		else
			r = open_beside(word, ret_end);
	}
	return r ? r : relay(ret_end, relay_start_sink);
}

void pipe_end_close_source(struct pipe_end *end)
{
	close_files(end);
	if (end->relay)
		relay_stop(end->relay);
	end->relay = 0;
}

int pipe_end_close_sink(struct pipe_end *end)
{
	pid_t pid = end->relay;

	close_files(end);
	end->relay = 0;
	return pid ? relay_wait(pid) : 0;
}
