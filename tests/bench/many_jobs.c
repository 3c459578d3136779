/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 *	many_jobs waiting SOCKET COUNT	makes so many jobs that wait for a time years away
 *	many_jobs looking SOCKET COUNT	so many that look at their memory every 10 ms
 *	many_jobs ready SOCKET		prints the seconds until a daemon answers there
 *
 * A raw client with many connections and one call on each, so that the daemon can put many
 * jobs into one commit.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "tests/bench/measure.h"

#define CONNECTIONS 256
#define ANSWER_BYTES 8192

/* 2099-01-01; each a second later than the one before, so that none is due with another. */
#define FAR_USEC UINT64_C(4070908800000000)

struct link {
	int fd;
	char answer[ANSWER_BYTES];
	size_t bytes;
};

/* -1: nobody listens there. */
static int dial(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(address.sun_path))
		measure_fail("socket", fd < 0 ? errno : ENAMETOOLONG);
	memcpy(address.sun_path, path, strlen(path) + 1);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	(void)close(fd);
	return -1;
}

static void put(const struct link *link, const char *call)
{
	size_t bytes = strlen(call) + 1;

	if (send(link->fd, call, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
		measure_fail("send", errno);
}

/* Whether the answer is there as a whole; then the next one begins. */
static int take(struct link *link)
{
	ssize_t n = recv(link->fd, link->answer + link->bytes, ANSWER_BYTES - link->bytes, 0);

	if (n <= 0)
		measure_fail("recv", n < 0 ? errno : ECONNRESET);
	link->bytes += (size_t)n;
	if (link->answer[link->bytes - 1] != '\0')
		return link->bytes == ANSWER_BYTES ? -EMSGSIZE : 0;
	link->bytes = 0;
	if (strstr(link->answer, "\"error\""))
		measure_fail(link->answer, EPROTO);
	return 1;
}

static void ask(struct link *link, const char *call)
{
	put(link, call);
	while (measure_need("answer", take(link)) == 0)
		;
}

static void make_buffer(struct link *link, char id[static 32])
{
	const char *at;

	ask(link, "{\"method\":\"io.forebay.buffer.From\",\"parameters\":{\"data\":\"kept\"}}");
	at = strstr(link->answer, "\"id\":\"");
	if (!at || sscanf(at, "\"id\":\"%31[^\"]", id) != 1)
		measure_fail("no id", EPROTO);
}

static void put_job(const struct link *link, const char *buffer, uint64_t number, int looks)
{
	char call[512], schedule[128];

	if (looks)
		(void)snprintf(schedule, sizeof(schedule),
			       "\"schedule\":{\"onChange\":true},\"settleUSec\":10000");
	else
		(void)snprintf(schedule, sizeof(schedule), "\"schedule\":{\"atUSec\":%llu}",
			       (unsigned long long)(FAR_USEC + number * 1000000));
	(void)snprintf(call, sizeof(call),
		       "{\"method\":\"io.forebay.job.Create\",\"parameters\":{\"context\":{"
		       "\"name\":\"%s%llu\",\"buffer\":\"%s\",\"path\":\"jobs/%llu\",%s}}}",
		       looks ? "looks" : "waits", (unsigned long long)number, buffer,
		       (unsigned long long)number, schedule);
	put(link, call);
}

static void make_jobs(const char *path, uint64_t count, int looks)
{
	static struct link links[CONNECTIONS];
	static struct pollfd polled[CONNECTIONS];
	uint64_t begin_ns = measure_now_ns(), begun = 0, made = 0;
	char buffer[32];

	for (int i = 0; i < CONNECTIONS; i++) {
		links[i].fd = dial(path);
		if (links[i].fd < 0)
			measure_fail(path, errno);
		polled[i] = (struct pollfd){ .fd = links[i].fd, .events = POLLIN };
	}
	make_buffer(&links[0], buffer);
	for (int i = 0; i < CONNECTIONS && begun < count; i++)
		put_job(&links[i], buffer, begun++, looks);
	while (made < count) {
		if (poll(polled, CONNECTIONS, -1) < 0)
			measure_fail("poll", errno);
		for (int i = 0; i < CONNECTIONS; i++) {
			if (!polled[i].revents || measure_need("answer", take(&links[i])) == 0)
				continue;
			made++;
			if (begun < count)
				put_job(&links[i], buffer, begun++, looks);
		}
	}
	printf("seconds %.3f\n", (double)(measure_now_ns() - begin_ns) / 1e9);
}

static void wait_ready(const char *path)
{
	static struct link link;
	uint64_t begin_ns = measure_now_ns();

	while ((link.fd = dial(path)) < 0)
		(void)usleep(500);
	ask(&link, "{\"method\":\"io.forebay.daemon.Ping\"}");
	printf("seconds %.4f\n", (double)(measure_now_ns() - begin_ns) / 1e9);
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "waiting") == 0)
		make_jobs(argv[2], measure_number(argv[3]), 0);
	else if (argc == 4 && strcmp(argv[1], "looking") == 0)
		make_jobs(argv[2], measure_number(argv[3]), 1);
	else if (argc == 3 && strcmp(argv[1], "ready") == 0)
		wait_ready(argv[2]);
	else
		return 2;
	return 0;
}
