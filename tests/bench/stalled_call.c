/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 *	stalled_call PATH MILLISECONDS
 *
 * A producer that writes 64 KiB every 2 ms for so long, while somebody else makes the disk
 * stall. The ring holds all of it. Prints the longest call, how often the kernel put the
 * thread to sleep inside of a call, and how often it was preempted in one: a preempted call is
 * long through no fault of its own. Then it aborts the stream.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#include "client/forebay.h"
#include "tests/bench/measure.h"

#define CHUNK_BYTES ((size_t)64 << 10)
#define RING_BYTES ((uint64_t)512 << 20)

struct worst {
	uint64_t call_ns;
	uint64_t unpreempted_ns;
	long slept_count;
	long preempted_count;
};

static void write_once(struct forebay_stream *stream, struct worst *worst)
{
	static unsigned char chunk[CHUNK_BYTES];
	struct rusage before, after;
	uint64_t begin_ns, call_ns;
	int r;

	(void)getrusage(RUSAGE_THREAD, &before);
	begin_ns = measure_now_ns();
	r = forebay_stream_write(stream, chunk, sizeof(chunk));
	call_ns = measure_now_ns() - begin_ns;
	(void)getrusage(RUSAGE_THREAD, &after);
	measure_need("write", r);
	if (call_ns > worst->call_ns)
		worst->call_ns = call_ns;
	if (after.ru_nivcsw == before.ru_nivcsw && call_ns > worst->unpreempted_ns)
		worst->unpreempted_ns = call_ns;
	worst->slept_count += after.ru_nvcsw - before.ru_nvcsw;
	worst->preempted_count += after.ru_nivcsw - before.ru_nivcsw;
}

int main(int argc, char **argv)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_stream_numbers numbers;
	struct forebay_connection *connection;
	struct forebay_stream *stream;
	struct worst worst = { 0 };
	uint64_t count = 0, end_ns, longest_bytes = 0;

	if (argc != 3) {
		fprintf(stderr, "usage: stalled_call PATH MILLISECONDS\n");
		return 2;
	}
	options.path = argv[1];
	options.ring_bytes = RING_BYTES;
	options.high_water_mark = (int64_t)RING_BYTES;
	options.ack = "synced";
	options.on_disconnect = "abort";
	measure_need("connect", forebay_connect(NULL, &connection));
	measure_need("open", forebay_stream_open(connection, &options, &stream));
	end_ns = measure_now_ns() + measure_number(argv[2]) * 1000000;
	while (measure_now_ns() < end_ns) {
		write_once(stream, &worst);
		count++;
		forebay_stream_get_numbers(stream, &numbers, sizeof(numbers));
		if (numbers.length_bytes > longest_bytes)
			longest_bytes = numbers.length_bytes;
		(void)nanosleep(&pause, NULL);
	}
	printf("calls %" PRIu64 "\nlongest_ns %" PRIu64 "\nunpreempted_ns %" PRIu64 "\n", count,
	       worst.call_ns, worst.unpreempted_ns);
	printf("slept %ld\npreempted %ld\nheld_bytes %" PRIu64 "\n", worst.slept_count,
	       worst.preempted_count, longest_bytes);
	measure_need("abort", forebay_stream_abort(stream, "measured"));
	return 0;
}
