/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 *	ping forebay|redis SOCKET CALLS		calls a second, one at a time
 *	ping idle SOCKET CONNECTIONS		connects so often, asks once on each, prints
 *						`ready`, and waits for the end of its input
 *
 * A raw client of either server: the same send, the same read up to the last byte of the
 * answer, no library.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/measure.h"

struct dialect {
	const char *name;
	const char *question;
	size_t question_bytes;
	char last;
};

static const struct dialect dialects[] = {
	{ "forebay", "{\"method\":\"io.forebay.daemon.Ping\"}",
	  sizeof("{\"method\":\"io.forebay.daemon.Ping\"}"), '\0' },
	{ "redis", "*1\r\n$4\r\nPING\r\n", sizeof("*1\r\n$4\r\nPING\r\n") - 1, '\n' },
};

static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		measure_fail("socket", fd < 0 ? errno : ENAMETOOLONG);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)))
		measure_fail(path, errno);
	return fd;
}

static void ask(int fd, const struct dialect *dialect)
{
	char answer[4096];
	ssize_t n;

	if (send(fd, dialect->question, dialect->question_bytes, MSG_NOSIGNAL) !=
	    (ssize_t)dialect->question_bytes)
		measure_fail("send", errno);
	do {
		n = recv(fd, answer, sizeof(answer), 0);
		if (n <= 0)
			measure_fail("recv", n < 0 ? errno : ECONNRESET);
	} while (answer[n - 1] != dialect->last);
	if (memmem(answer, (size_t)n, "rror", 4))
		measure_fail("the server said no", EPROTO);
}

static void count_calls(const struct dialect *dialect, const char *path, uint64_t calls)
{
	int fd = dial(path);
	uint64_t begin_ns;

	ask(fd, dialect);
	begin_ns = measure_now_ns();
	for (uint64_t i = 0; i < calls; i++)
		ask(fd, dialect);
	printf("rate %.1f\n", (double)calls * 1e9 / (double)(measure_now_ns() - begin_ns));
	(void)close(fd);
}

static void stay_connected(const char *path, uint64_t count)
{
	struct rlimit limit;
	char byte;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
	for (uint64_t i = 0; i < count; i++)
		ask(dial(path), &dialects[0]);
	printf("ready\n");
	(void)fflush(stdout);
	while (read(STDIN_FILENO, &byte, 1) > 0)
		continue;
}

int main(int argc, char **argv)
{
	if (argc != 4) {
		fprintf(stderr, "usage: ping forebay|redis|idle SOCKET COUNT\n");
		return 2;
	}
	if (strcmp(argv[1], "idle") == 0) {
		stay_connected(argv[2], measure_number(argv[3]));
		return 0;
	}
	for (size_t i = 0; i < sizeof(dialects) / sizeof(dialects[0]); i++) {
		if (strcmp(argv[1], dialects[i].name) == 0) {
			count_calls(&dialects[i], argv[2], measure_number(argv[3]));
			return 0;
		}
	}
	measure_fail(argv[1], EINVAL);
}
