/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 *	stalled_call PATH MILLISECONDS [realtime]
 *
 * A producer that writes 64 KiB every 2 ms for so long, while somebody else makes the disk
 * stall. The ring holds all of it. Prints the longest call, how often the kernel put the
 * thread to sleep inside of a call, and how often it was preempted in one: a preempted call is
 * long through no fault of its own. How long that can be here is told by the longest of as many
 * copies of 64 KiB into memory of its own, in turn with the calls. Then it aborts the stream.
 * With `realtime` the producer has the lowest of the real-time
 * priorities, so that nothing else on the machine is in its figures; status 3: not allowed.
 */

#include <errno.h>
#include <inttypes.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "client/forebay.h"
#include "tests/bench/measure.h"

#define CHUNK_BYTES ((size_t)64 << 10)
#define RING_BYTES ((uint64_t)512 << 20)
#define OWN_BYTES ((size_t)64 << 20)

struct worst {
	uint64_t call_ns;
	uint64_t unpreempted_ns;
	uint64_t copy_ns; /* nothing but a memcpy, in private memory */
	uint64_t held_bytes;
	uint64_t calls;
	long slept_count;
	long preempted_count;
};

static unsigned char chunk[CHUNK_BYTES];

static void write_once(struct forebay_stream *stream, struct worst *worst)
{
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

static void copy_once(unsigned char *place, struct worst *worst)
{
	uint64_t begin_ns = measure_now_ns(), copy_ns;

	memcpy(place, chunk, sizeof(chunk));
	copy_ns = measure_now_ns() - begin_ns;
	if (copy_ns > worst->copy_ns)
		worst->copy_ns = copy_ns;
}

static bool is_realtime(int argc, char **argv)
{
	static const struct sched_param lowest = { .sched_priority = 1 };

	if (argc < 4)
		return true;
	return strcmp(argv[3], "realtime") == 0 && sched_setscheduler(0, SCHED_FIFO, &lowest) == 0;
}

static void produce(struct forebay_stream *stream, uint64_t end_ns, struct worst *worst)
{
	const struct timespec pause = { .tv_nsec = 2000000 };
	struct forebay_stream_numbers numbers;
	unsigned char *own = malloc(OWN_BYTES);
	size_t at = 0;

	if (!own)
		measure_fail("memory", ENOMEM);
	memset(own, 1, OWN_BYTES);
	while (measure_now_ns() < end_ns) {
		bool copy_first = worst->calls % 2 == 0;

		if (copy_first)
			copy_once(own + at, worst);
		write_once(stream, worst);
		if (!copy_first)
			copy_once(own + at, worst);
		at = (at + CHUNK_BYTES) % OWN_BYTES;
		worst->calls++;
		forebay_stream_get_numbers(stream, &numbers, sizeof(numbers));
		if (numbers.length_bytes > worst->held_bytes)
			worst->held_bytes = numbers.length_bytes;
		(void)nanosleep(&pause, NULL);
	}
	free(own);
}

int main(int argc, char **argv)
{
	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_connection *connection;
	struct forebay_stream *stream;
	struct worst worst = { 0 };

	if (argc != 3 && argc != 4) {
		fprintf(stderr, "usage: stalled_call PATH MILLISECONDS [realtime]\n");
		return 2;
	}
	if (!is_realtime(argc, argv))
		return 3;
	options.path = argv[1];
	options.ring_bytes = RING_BYTES;
	options.high_water_mark = (int64_t)RING_BYTES;
	options.ack = "synced";
	options.on_disconnect = "abort";
	measure_need("connect", forebay_connect(NULL, &connection));
	measure_need("open", forebay_stream_open(connection, &options, &stream));
	produce(stream, measure_now_ns() + measure_number(argv[2]) * 1000000, &worst);
	printf("calls %" PRIu64 "\nlongest_ns %" PRIu64 "\nunpreempted_ns %" PRIu64
	       "\ncopy_ns %" PRIu64 "\n",
	       worst.calls, worst.call_ns, worst.unpreempted_ns, worst.copy_ns);
	printf("slept %ld\npreempted %ld\nheld_bytes %" PRIu64 "\n", worst.slept_count,
	       worst.preempted_count, worst.held_bytes);
	measure_need("abort", forebay_stream_abort(stream, "measured"));
	return 0;
}
