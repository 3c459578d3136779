/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 *	snapshot_writer write SOCKET POOL BYTES UPDATES_PER_SECOND UPDATE_BYTES
 *
 * Makes a pool with one buffer over all of it, prints the buffer's id, and updates the buffer:
 * UPDATE_BYTES in 16 pieces, anywhere. UPDATES_PER_SECOND 0: one after the other, with no gap.
 * Updates that it is late for are left out. Every update keeps the buffer's own checksum right,
 * and only whole updates do. At the end of stdin it ends, and prints how many there were; with
 * gaps also the longest calls of the library, and how often the kernel put the thread to sleep
 * in one. A line "die" on stdin: it kills itself in the middle of an update.
 *
 *	snapshot_writer check FILE
 *
 * Prints the number of the update that left the content of FILE behind; status 3: it is torn.
 *
 * The content, in words of 64 bits: that number; the sum of each following word times its place
 * among odd numbers; and words at random.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "client/forebay.h"
#include "tests/bench/measure.h"

#define PIECES 16
#define STATUS_TORN 3
#define HEADER_WORDS 2
#define NS_PER_SEC UINT64_C(1000000000)

enum call { CALL_BEGIN, CALL_TOUCH, CALL_END, CALLS };

struct longest {
	uint64_t call_ns[CALLS]; /* not preempted */
	long slept_count;
};

struct writer {
	struct forebay_connection *connection;
	struct forebay_pool *pool;
	struct forebay_buffer *buffer;
	uint64_t *words;
	uint64_t count; /* of words */
	uint64_t piece; /* words */
	uint64_t random_state;
	bool has_gaps;
	struct longest longest;
};

static uint64_t next_random(struct writer *writer)
{
	writer->random_state ^= writer->random_state << 13;
	writer->random_state ^= writer->random_state >> 7;
	writer->random_state ^= writer->random_state << 17;
	return writer->random_state;
}

static uint64_t weight(uint64_t place)
{
	return place * 2 + 1;
}

/* ---- the library's calls, watched ---- */

static int do_call(struct writer *writer, enum call call, uint64_t first, uint64_t count)
{
	switch (call) {
	case CALL_BEGIN:
		return forebay_buffer_begin_update(writer->buffer);
	case CALL_TOUCH:
		return forebay_buffer_touch(writer->buffer, first * sizeof(uint64_t),
					    count * sizeof(uint64_t));
	default:
		return forebay_buffer_end_update(writer->buffer);
	}
}

/* To watch takes calls of the kernel, and so would make the gap that there shall not be. */
static void call(struct writer *writer, enum call call, uint64_t first, uint64_t count)
{
	struct rusage before, after;
	uint64_t begin_ns, call_ns;
	int r;

	if (!writer->has_gaps) {
		measure_need("update", do_call(writer, call, first, count));
		return;
	}
	(void)getrusage(RUSAGE_THREAD, &before);
	begin_ns = measure_now_ns();
	r = do_call(writer, call, first, count);
	call_ns = measure_now_ns() - begin_ns;
	(void)getrusage(RUSAGE_THREAD, &after);
	measure_need("update", r);
	if (after.ru_nivcsw == before.ru_nivcsw && call_ns > writer->longest.call_ns[call])
		writer->longest.call_ns[call] = call_ns;
	writer->longest.slept_count += after.ru_nvcsw - before.ru_nvcsw;
}

/* ---- updates ---- */

static void write_piece(struct writer *writer, uint64_t first, uint64_t count)
{
	uint64_t number = writer->words[0], sum = writer->words[1];
	uint64_t mix = next_random(writer);

	call(writer, CALL_TOUCH, first, count);
	for (uint64_t i = first; i < first + count; i++) {
		uint64_t word = (mix + i) * UINT64_C(0x9e3779b97f4a7c15) + number;

		sum += (word - writer->words[i]) * weight(i);
		writer->words[i] = word;
	}
	writer->words[1] = sum;
}

static void update(struct writer *writer, bool dies)
{
	uint64_t places = writer->count - HEADER_WORDS - writer->piece;

	call(writer, CALL_BEGIN, 0, 0);
	call(writer, CALL_TOUCH, 0, HEADER_WORDS);
	writer->words[0]++;
	for (int i = 0; i < PIECES; i++)
		write_piece(writer, HEADER_WORDS + next_random(writer) % places, writer->piece);
	if (dies) {
		writer->words[HEADER_WORDS]++;
		(void)raise(SIGKILL);
	}
	call(writer, CALL_END, 0, 0);
}

/* Whether to go on; with "die" in *dies. */
static bool listen_to_stdin(bool *dies)
{
	struct pollfd from = { .fd = STDIN_FILENO, .events = POLLIN };
	char line[16] = "";
	ssize_t n;

	if (poll(&from, 1, 0) <= 0)
		return true;
	n = read(STDIN_FILENO, line, sizeof(line) - 1);
	*dies = n > 0 && strcmp(line, "die\n") == 0;
	return n > 0;
}

static void sleep_until(uint64_t at_ns)
{
	const struct timespec at = {
		.tv_sec = (time_t)(at_ns / NS_PER_SEC),
		.tv_nsec = (long)(at_ns % NS_PER_SEC),
	};

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		continue;
}

/* How many updates there were. */
static uint64_t update_with_gaps(struct writer *writer, uint64_t per_second)
{
	uint64_t period_ns = NS_PER_SEC / per_second;
	uint64_t at_ns = measure_now_ns();
	uint64_t updates = 0;
	bool dies = false;

	for (; listen_to_stdin(&dies); updates++) {
		update(writer, dies);
		while (at_ns <= measure_now_ns())
			at_ns += period_ns;
		sleep_until(at_ns);
	}
	return updates;
}

/* ---- the two programs ---- */

static void make_buffer(struct writer *writer, const char *socket_path, const char *name,
			uint64_t bytes)
{
	struct forebay_pool_options options = FOREBAY_POOL_OPTIONS_INIT;

	options.name = name;
	options.size_bytes = bytes;
	measure_need("connect", forebay_connect(socket_path, &writer->connection));
	measure_need("create", forebay_pool_create(writer->connection, &options));
	measure_need("acquire", forebay_pool_acquire(writer->connection, name, 0, &writer->pool));
	measure_need("alloc", forebay_buffer_alloc(writer->connection, writer->pool, bytes, 0,
						   &writer->buffer));
	writer->words = forebay_buffer_data(writer->buffer);
	writer->count = bytes / sizeof(uint64_t);
}

static void leave(struct writer *writer)
{
	forebay_buffer_release(writer->buffer);
	forebay_pool_unmap(writer->pool);
	forebay_disconnect(writer->connection);
}

static void print_longest(const struct longest *longest)
{
	printf("begin_ns %" PRIu64 "\ntouch_ns %" PRIu64 "\nend_ns %" PRIu64 "\nslept %ld\n",
	       longest->call_ns[CALL_BEGIN], longest->call_ns[CALL_TOUCH],
	       longest->call_ns[CALL_END], longest->slept_count);
}

static int write_until_told(char **arguments)
{
	uint64_t per_second = measure_number(arguments[3]);
	struct writer writer = {
		.piece = measure_number(arguments[4]) / sizeof(uint64_t) / PIECES,
		.random_state = 1,
		.has_gaps = per_second > 0,
	};

	make_buffer(&writer, arguments[0], arguments[1], measure_number(arguments[2]));
	if (writer.count < HEADER_WORDS + writer.piece + 1)
		measure_fail("bytes", EINVAL);
	printf("%s\n", forebay_buffer_id(writer.buffer));
	(void)fflush(stdout);
	/* Not even a look at stdin: somebody kills it. */
	while (!writer.has_gaps)
		update(&writer, false);
	printf("updates %" PRIu64 "\n", update_with_gaps(&writer, per_second));
	print_longest(&writer.longest);
	leave(&writer);
	return EXIT_SUCCESS;
}

static const uint64_t *map_file(const char *path, uint64_t *ret_count)
{
	int file_fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat facts;
	void *bytes;

	if (file_fd < 0 || fstat(file_fd, &facts) < 0)
		measure_fail(path, errno);
	bytes = mmap(NULL, (size_t)facts.st_size, PROT_READ, MAP_PRIVATE | MAP_POPULATE, file_fd,
		     0);
	if (bytes == MAP_FAILED)
		measure_fail(path, errno);
	*ret_count = (uint64_t)facts.st_size / sizeof(uint64_t);
	return bytes;
}

static int check(const char *path)
{
	uint64_t count, sum = 0;
	const uint64_t *words = map_file(path, &count);

	for (uint64_t i = HEADER_WORDS; i < count; i++)
		sum += words[i] * weight(i);
	printf("%" PRIu64 "\n", words[0]);
	return sum == words[1] ? EXIT_SUCCESS : STATUS_TORN;
}

int main(int argc, char **argv)
{
	if (argc == 7 && strcmp(argv[1], "write") == 0)
		return write_until_told(argv + 2);
	if (argc == 3 && strcmp(argv[1], "check") == 0)
		return check(argv[2]);
	fprintf(stderr, "usage: snapshot_writer write SOCKET POOL BYTES UPDATES_PER_SECOND "
			"UPDATE_BYTES\n       snapshot_writer check FILE\n");
	return 2;
}
