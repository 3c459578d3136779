/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "client/file_copy.h"

bool relay_is_needed(int fd)
{
	struct stat status;

	return fstat(fd, &status) == 0 && S_ISCHR(status.st_mode);
}

/* The child has the pipe's end of that index, and the caller the other. */
static int start(int fd, int child_end, pid_t *ret_pid, int *ret_pipe_fd)
{
	int ends[2], r;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = fork();
	if (pid == 0) {
		(void)close(ends[!child_end]);
		r = child_end ? file_copy(fd, ends[1]) : file_copy(ends[0], fd);
		_exit(-r);
	}
	r = pid < 0 ? -errno : 0;
	(void)close(ends[child_end]);
	if (r) {
		(void)close(ends[!child_end]);
		return r;
	}
	*ret_pid = pid;
	*ret_pipe_fd = ends[!child_end];
	return 0;
}

int relay_start_source(int fd, pid_t *ret_pid, int *ret_pipe_fd)
{
	return start(fd, 1, ret_pid, ret_pipe_fd);
}

int relay_start_sink(int fd, pid_t *ret_pid, int *ret_pipe_fd)
{
	return start(fd, 0, ret_pid, ret_pipe_fd);
}

int relay_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

void relay_stop(pid_t pid)
{
	int status;

	(void)kill(pid, SIGTERM);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
}
