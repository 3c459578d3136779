/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 *	many_streams SOURCE PREFIX STREAMS BYTES
 *
 * So many streams at once, each of so many bytes of the source, through a ring of 1 MiB,
 * published. They are opened over a few connections, by a thread each, as producers that begin
 * together would; then one thread feeds them all. Prints the seconds from before the first is
 * opened until the last has finished; then, of each stream's rate (its bytes over the time from when all were open until
 * it had finished), the slowest and the mean.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "client/forebay.h"
#include "tests/bench/measure.h"

#define CHUNK_BYTES ((uint64_t)64 << 10)
#define RING_BYTES ((uint64_t)1 << 20)
#define EVENTS 256
#define CONNECTIONS 8

struct producer {
	struct forebay_stream *stream;
	uint64_t end_ns;
	const unsigned char *source;
};

struct bench {
	struct producer *producers;
	uint64_t count;
	uint64_t bytes;
	const unsigned char *source;
	uint64_t source_bytes;
	int epoll_fd;
	const char *prefix;
};

/* Every eighth of them, over a connection of its own. */
struct opener {
	struct bench *bench;
	pthread_t thread;
	uint64_t first;
};

static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit);
	}
}

static void map_source(struct bench *bench, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;

	if (fd < 0 || fstat(fd, &status))
		measure_fail(path, errno);
	bench->source_bytes = (uint64_t)status.st_size;
	if (bench->source_bytes < bench->bytes)
		measure_fail(path, ENODATA);
	bench->source = mmap(NULL, bench->source_bytes, PROT_READ, MAP_SHARED, fd, 0);
	if (bench->source == MAP_FAILED)
		measure_fail(path, errno);
}

static void open_one(struct bench *bench, struct forebay_connection *connection, uint64_t index)
{
	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
	struct producer *producer = &bench->producers[index];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = producer };
	char path[256];

	(void)snprintf(path, sizeof(path), "%s%" PRIu64, bench->prefix, index);
	options.path = path;
	options.ack = "published";
	options.ring_bytes = RING_BYTES;
	options.size_hint = (int64_t)bench->bytes;
	producer->source =
		bench->source + index * bench->bytes % (bench->source_bytes - bench->bytes + 1);
	measure_need("open", forebay_stream_open(connection, &options, &producer->stream));
	if (epoll_ctl(bench->epoll_fd, EPOLL_CTL_ADD,
		      measure_need("descriptor", forebay_stream_fd(producer->stream)), &event))
		measure_fail("epoll", errno);
}

static void *open_some(void *data)
{
	const struct opener *opener = data;
	struct bench *bench = opener->bench;
	struct forebay_connection *connection;

	measure_need("connect", forebay_connect(NULL, &connection));
	for (uint64_t i = opener->first; i < bench->count; i += CONNECTIONS)
		open_one(bench, connection, i);
	return NULL;
}

static void open_all(struct bench *bench)
{
	struct opener openers[CONNECTIONS];

	for (uint64_t i = 0; i < CONNECTIONS; i++) {
		openers[i] = (struct opener){ .bench = bench, .first = i };
		measure_need("thread",
			     -pthread_create(&openers[i].thread, NULL, open_some, &openers[i]));
	}
	for (int i = 0; i < CONNECTIONS; i++)
		measure_need("join", -pthread_join(openers[i].thread, NULL));
}

/* As much as it takes now; the end, once all is written. */
static void feed(const struct bench *bench, struct producer *producer)
{
	uint64_t position = forebay_stream_position(producer->stream);
	int r = 1;

	if (position == bench->bytes)
		return;
	while (r == 1 && position < bench->bytes) {
		uint64_t left = bench->bytes - position;
		uint64_t chunk = left < CHUNK_BYTES ? left : CHUNK_BYTES;

		r = forebay_stream_write(producer->stream, producer->source + position, chunk);
		if (r == -EAGAIN)
			return;
		measure_need("write", r);
		position += chunk;
	}
	if (position == bench->bytes)
		measure_need("end", forebay_stream_end(producer->stream));
}

static bool look(const struct bench *bench, struct producer *producer)
{
	unsigned int events;

	measure_need("dispatch", forebay_stream_dispatch(producer->stream, &events));
	if (events & (FOREBAY_EVENT_FAIL | FOREBAY_EVENT_LOST))
		measure_fail("a stream failed", EIO);
	if (events & FOREBAY_EVENT_FINISH) {
		producer->end_ns = measure_now_ns();
		return true;
	}
	if (events & FOREBAY_EVENT_DRAIN)
		feed(bench, producer);
	return false;
}

static void run(struct bench *bench)
{
	struct epoll_event events[EVENTS];
	uint64_t left = bench->count;

	for (uint64_t i = 0; i < bench->count; i++)
		feed(bench, &bench->producers[i]);
	while (left > 0) {
		int n = epoll_wait(bench->epoll_fd, events, EVENTS, -1);

		for (int i = 0; i < n; i++)
			if (look(bench, events[i].data.ptr))
				left--;
	}
}

static void report(const struct bench *bench, uint64_t begin_ns, uint64_t opened_ns)
{
	double slowest = 0, sum = 0;
	uint64_t last_ns = 0;

	for (uint64_t i = 0; i < bench->count; i++) {
		uint64_t end_ns = bench->producers[i].end_ns;
		double rate = (double)bench->bytes * 1e9 / (double)(end_ns - opened_ns);

		sum += rate;
		if (i == 0 || rate < slowest)
			slowest = rate;
		if (end_ns > last_ns)
			last_ns = end_ns;
	}
	printf("seconds %.6f\nopening %.6f\n", (double)(last_ns - begin_ns) / 1e9,
	       (double)(opened_ns - begin_ns) / 1e9);
	printf("slowest %.1f\nmean %.1f\n", slowest, sum / (double)bench->count);
}

int main(int argc, char **argv)
{
	struct bench bench = { 0 };
	uint64_t begin_ns, opened_ns;

	if (argc != 5) {
		fprintf(stderr, "usage: many_streams SOURCE PREFIX STREAMS BYTES\n");
		return 2;
	}
	bench.count = measure_number(argv[3]);
	bench.bytes = measure_number(argv[4]);
	bench.producers = calloc((size_t)bench.count, sizeof(*bench.producers));
	bench.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (!bench.producers || bench.epoll_fd < 0 || bench.count == 0)
		measure_fail("start", errno ? errno : EINVAL);
	raise_descriptors();
	map_source(&bench, argv[1]);
	bench.prefix = argv[2];
	begin_ns = measure_now_ns();
	open_all(&bench);
	opened_ns = measure_now_ns();
	run(&bench);
	report(&bench, begin_ns, opened_ns);
	return 0;
}
