/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 *	drain_latency FILE PATH ROUNDS
 *
 * From the moment when the last byte that a drain needs stands in the file until the producer,
 * asleep in forebay_stream_wait_drain(), runs again. FILE is the file that PATH names in the
 * store; it must lie on tmpfs and hold 64 KiB of zeros for each round. A second thread maps it
 * and spins on that last byte, on the first CPU; producer and daemon have the others (bench.sh
 * pins the daemon). Marks: high 64 KiB, low 0, level written, so each chunk is told to stop
 * and waits for all of itself. What lies between is the end of the kernel's write, its
 * completion, the daemon's loop, and the wake-up.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/forebay.h"
#include "tests/bench/measure.h"

#define CHUNK_BYTES ((size_t)64 << 10)

struct watch {
	const volatile unsigned char *file;
	uint64_t rounds;
	uint64_t *seen_ns;
	_Atomic uint64_t seen_rounds;
};

static void *spin(void *argument)
{
	struct watch *watch = argument;

	measure_pin(0);
	for (uint64_t i = 0; i < watch->rounds; i++) {
		while (watch->file[(i + 1) * CHUNK_BYTES - 1] == 0)
			continue;
		watch->seen_ns[i] = measure_now_ns();
		atomic_store(&watch->seen_rounds, i + 1);
	}
	return NULL;
}

static void map_file(struct watch *watch, const char *path)
{
	size_t bytes = (size_t)watch->rounds * CHUNK_BYTES;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		measure_fail(path, errno);
	/* Mapped in beforehand: a fault on the way would count as latency. */
	watch->file = mmap(NULL, bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	if (watch->file == MAP_FAILED)
		measure_fail(path, errno);
	(void)close(fd);
}

static void run_round(struct forebay_stream *stream, uint64_t *ret_awake_ns)
{
	static unsigned char chunk[CHUNK_BYTES];
	int r;

	memset(chunk, 'x', sizeof(chunk));
	r = measure_need("write", forebay_stream_write(stream, chunk, sizeof(chunk)));
	if (r == 0)
		measure_need("drain", forebay_stream_wait_drain(stream, FOREBAY_FOREVER));
	*ret_awake_ns = measure_now_ns();
}

static struct forebay_stream *open_stream(struct forebay_connection *connection, const char *path)
{
	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_stream *stream;

	options.path = path;
	options.open = "update";
	options.start = 0;
	options.ack = "written";
	options.ring_bytes = 1 << 20;
	options.high_water_mark = CHUNK_BYTES;
	options.low_water_mark = 0;
	measure_need("open", forebay_stream_open(connection, &options, &stream));
	return stream;
}

/* A wake-up before the watcher saw the byte is one of no latency at all, as far as it can see. */
static void report(const struct watch *watch, const uint64_t *awake_ns)
{
	uint64_t *latency_ns = measure_new_values(watch->rounds);

	for (uint64_t i = 0; i < watch->rounds; i++)
		latency_ns[i] =
			awake_ns[i] > watch->seen_ns[i] ? awake_ns[i] - watch->seen_ns[i] : 0;
	measure_sort(latency_ns, watch->rounds);
	printf("p50_ns %" PRIu64 "\np99_ns %" PRIu64 "\nmax_ns %" PRIu64 "\n",
	       measure_quantile(latency_ns, watch->rounds, 0.5),
	       measure_quantile(latency_ns, watch->rounds, 0.99), latency_ns[watch->rounds - 1]);
}

int main(int argc, char **argv)
{
	struct forebay_connection *connection;
	struct forebay_stream *stream;
	struct watch watch = { 0 };
	uint64_t *awake_ns;
	pthread_t thread;

	if (argc != 4) {
		fprintf(stderr, "usage: drain_latency FILE PATH ROUNDS\n");
		return 2;
	}
	watch.rounds = measure_number(argv[3]);
	watch.seen_ns = measure_new_values(watch.rounds);
	awake_ns = measure_new_values(watch.rounds);
	map_file(&watch, argv[1]);
	measure_need("connect", forebay_connect(NULL, &connection));
	stream = open_stream(connection, argv[2]);
	measure_need("thread", -pthread_create(&thread, NULL, spin, &watch));
	for (uint64_t i = 0; i < watch.rounds; i++) {
		run_round(stream, &awake_ns[i]);
		while (atomic_load(&watch.seen_rounds) <= i)
			(void)usleep(50);
	}
	(void)pthread_join(thread, NULL);
	report(&watch, awake_ns);
	measure_need("end", forebay_stream_end(stream));
	measure_need("finish", forebay_stream_wait(stream, FOREBAY_LEVEL_FINISH, FOREBAY_FOREVER));
	return 0;
}
