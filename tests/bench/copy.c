/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 *	copy SOURCE BYTES PATH RING_BYTES synced|published
 *
 * So many bytes through one ring, read straight into it from the source, again from its
 * beginning where it is shorter. Prints the seconds from before the stream
 * is opened until all of it is at its level.
 */

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/forebay.h"
#include "tests/bench/measure.h"

#define READ_BYTES ((size_t)1 << 20)

static size_t least(size_t left, uint64_t right)
{
	return left < right ? left : (size_t)right;
}

static void feed(struct forebay_stream *stream, int source_fd, uint64_t bytes)
{
	while (bytes > 0) {
		void *space;
		size_t room;
		ssize_t n;
		int r;

		r = forebay_stream_reserve(stream, 1, &space, &room);
		if (r == -EAGAIN) {
			measure_need("drain", forebay_stream_wait_drain(stream, FOREBAY_FOREVER));
			continue;
		}
		measure_need("reserve", r);
		n = read(source_fd, space, least(least(room, READ_BYTES), bytes));
		if (n < 0)
			measure_fail("read", errno);
		if (n == 0) {
			(void)lseek(source_fd, 0, SEEK_SET);
			continue;
		}
		bytes -= (uint64_t)n;
		if (measure_need("commit", forebay_stream_commit(stream, (size_t)n)) == 0)
			measure_need("drain", forebay_stream_wait_drain(stream, FOREBAY_FOREVER));
	}
}

int main(int argc, char **argv)
{
	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_connection *connection;
	struct forebay_stream *stream;
	struct stat status;
	uint64_t begin_ns, bytes;
	int source_fd;

	if (argc != 6) {
		fprintf(stderr, "usage: copy SOURCE BYTES PATH RING_BYTES ACK\n");
		return 2;
	}
	source_fd = open(argv[1], O_RDONLY | O_CLOEXEC);
	if (source_fd < 0 || fstat(source_fd, &status))
		measure_fail(argv[1], errno);
	if (status.st_size == 0)
		measure_fail(argv[1], ENODATA);
	bytes = measure_number(argv[2]);
	options.path = argv[3];
	options.ring_bytes = measure_number(argv[4]);
	options.ack = argv[5];
	options.size_hint = (int64_t)bytes;

	begin_ns = measure_now_ns();
	measure_need("connect", forebay_connect(NULL, &connection));
	measure_need("open", forebay_stream_open(connection, &options, &stream));
	feed(stream, source_fd, bytes);
	measure_need("end", forebay_stream_end(stream));
	measure_need("finish", forebay_stream_wait(stream, FOREBAY_LEVEL_FINISH, FOREBAY_FOREVER));
	printf("seconds %.6f\n", (double)(measure_now_ns() - begin_ns) / 1e9);
	forebay_stream_close(stream);
	forebay_disconnect(connection);
	return 0;
}
