/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 *	write_call SOURCE PATH ROUNDS
 *
 * What a write of 64 KiB costs its caller while there is room, against memcpy of the same
 * bytes into the same ring. The two take turns, chunk by chunk: one is written, the next is
 * copied into reserved room (timed) and committed (not timed), so both go to memory that the
 * daemon has just let go of, at the same pace. When the ring is more than half full the
 * producer waits until it is empty; that is not timed, and neither counts a call that was told
 * to stop. A round's pair is its two medians, and its two means, which hold the calls that
 * woke the daemon or were preempted. The first round, which faults the ring's pages in, is
 * not counted.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "client/forebay.h"
#include "tests/bench/measure.h"

#define CHUNK_BYTES ((size_t)64 << 10)
#define RING_BYTES ((size_t)64 << 20)
#define PAIRS_A_ROUND (4 * RING_BYTES / CHUNK_BYTES / 2)
#define SOURCE_CHUNKS ((size_t)256)
#define BUCKETS 24

struct bench {
	struct forebay_stream *stream;
	unsigned char *source;
	size_t next_chunk;
	uint64_t *write_ns; /* of the round */
	uint64_t *copy_ns;
	size_t write_count;
	size_t copy_count;
	uint64_t *all_ns; /* of all rounds that count */
	size_t all_count;
};

static void load_source(struct bench *bench, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	bench->source = aligned_alloc(4096, SOURCE_CHUNKS * CHUNK_BYTES);
	if (fd < 0 || !bench->source ||
	    read(fd, bench->source, SOURCE_CHUNKS * CHUNK_BYTES) !=
		    (ssize_t)(SOURCE_CHUNKS * CHUNK_BYTES))
		measure_fail(path, errno ? errno : EIO);
	(void)close(fd);
}

static const unsigned char *take_chunk(struct bench *bench)
{
	return bench->source + bench->next_chunk++ % SOURCE_CHUNKS * CHUNK_BYTES;
}

static void wait_for_room(struct bench *bench)
{
	const struct timespec pause = { .tv_nsec = 200000 };
	struct forebay_stream_numbers numbers;

	measure_need("drain", forebay_stream_wait_drain(bench->stream, FOREBAY_FOREVER));
	forebay_stream_get_numbers(bench->stream, &numbers, sizeof(numbers));
	if (numbers.length_bytes < RING_BYTES / 2)
		return;
	do {
		(void)nanosleep(&pause, NULL);
		forebay_stream_get_numbers(bench->stream, &numbers, sizeof(numbers));
	} while (numbers.length_bytes > 0);
}

static void time_write(struct bench *bench)
{
	const unsigned char *chunk = take_chunk(bench);
	uint64_t begin_ns = measure_now_ns();
	int r = forebay_stream_write(bench->stream, chunk, CHUNK_BYTES);
	uint64_t end_ns = measure_now_ns();

	if (measure_need("write", r) == 1)
		bench->write_ns[bench->write_count++] = end_ns - begin_ns;
}

static void time_copy(struct bench *bench)
{
	const unsigned char *chunk = take_chunk(bench);
	uint64_t begin_ns, end_ns;
	size_t room;
	void *space;

	measure_need("reserve", forebay_stream_reserve(bench->stream, CHUNK_BYTES, &space, &room));
	begin_ns = measure_now_ns();
	memcpy(space, chunk, CHUNK_BYTES);
	end_ns = measure_now_ns();
	bench->copy_ns[bench->copy_count++] = end_ns - begin_ns;
	measure_need("commit", forebay_stream_commit(bench->stream, CHUNK_BYTES));
}

/* The other of the two goes first each time, so that neither has the better place. */
static void run_round(struct bench *bench)
{
	bench->write_count = bench->copy_count = 0;
	for (size_t i = 0; i < PAIRS_A_ROUND; i++) {
		wait_for_room(bench);
		if (i % 2)
			time_copy(bench);
		time_write(bench);
		if (i % 2 == 0) {
			wait_for_room(bench);
			time_copy(bench);
		}
	}
	if (bench->write_count == 0)
		measure_fail("there was never room", ENOSPC);
}

static uint64_t mean_of(const uint64_t *values, size_t count)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum += values[i];
	return sum / count;
}

static void report_round(struct bench *bench)
{
	memcpy(bench->all_ns + bench->all_count, bench->write_ns,
	       bench->write_count * sizeof(*bench->write_ns));
	bench->all_count += bench->write_count;
	measure_sort(bench->write_ns, bench->write_count);
	measure_sort(bench->copy_ns, bench->copy_count);
	printf("pair %" PRIu64 " %" PRIu64 "\n",
	       measure_quantile(bench->write_ns, bench->write_count, 0.5),
	       measure_quantile(bench->copy_ns, bench->copy_count, 0.5));
	printf("means %" PRIu64 " %" PRIu64 "\n", mean_of(bench->write_ns, bench->write_count),
	       mean_of(bench->copy_ns, bench->copy_count));
}

static void report_histogram(struct bench *bench)
{
	size_t counts[BUCKETS] = { 0 };
	static const double quantiles[] = { 0.5, 0.9, 0.99, 0.999 };

	for (size_t i = 0; i < bench->all_count; i++) {
		size_t bucket = 0;

		while (bucket < BUCKETS - 1 && bench->all_ns[i] >= UINT64_C(1000) << bucket)
			bucket++;
		counts[bucket]++;
	}
	for (size_t i = 0; i < BUCKETS; i++)
		if (counts[i] > 0)
			printf("below_usec %" PRIu64 " %zu\n", UINT64_C(1) << i, counts[i]);
	measure_sort(bench->all_ns, bench->all_count);
	for (size_t i = 0; i < sizeof(quantiles) / sizeof(quantiles[0]); i++)
		printf("quantile %g %" PRIu64 "\n", quantiles[i],
		       measure_quantile(bench->all_ns, bench->all_count, quantiles[i]));
	printf("quantile 1 %" PRIu64 "\n", bench->all_ns[bench->all_count - 1]);
}

int main(int argc, char **argv)
{
	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_connection *connection;
	struct bench bench = { 0 };
	uint64_t rounds;

	if (argc != 4) {
		fprintf(stderr, "usage: write_call SOURCE PATH ROUNDS\n");
		return 2;
	}
	rounds = measure_number(argv[3]);
	load_source(&bench, argv[1]);
	bench.write_ns = measure_new_values(PAIRS_A_ROUND);
	bench.copy_ns = measure_new_values(PAIRS_A_ROUND);
	bench.all_ns = measure_new_values(PAIRS_A_ROUND * (size_t)rounds);
	options.path = argv[2];
	options.ring_bytes = RING_BYTES;
	options.ack = "written";
	options.on_disconnect = "abort";
	options.high_water_mark = RING_BYTES;
	measure_need("connect", forebay_connect(NULL, &connection));
	measure_need("open", forebay_stream_open(connection, &options, &bench.stream));
	run_round(&bench);
	for (uint64_t i = 0; i < rounds; i++) {
		run_round(&bench);
		report_round(&bench);
	}
	report_histogram(&bench);
	measure_need("abort", forebay_stream_abort(bench.stream, "measured"));
	return 0;
}
