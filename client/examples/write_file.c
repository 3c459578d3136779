/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Standard input to a file in the default store, through shared memory:
 *
 *	cc write_file.c $(pkg-config --cflags --libs forebay) -o write_file
 *	./write_file logs/today <some-file
 *
 * The rule of the producer is all there is to it: write until it says 0, wait for drain, go
 * on; end once; wait until it is finished.
 */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <forebay.h>

#define TIMEOUT_USEC (60 * FOREBAY_USEC_PER_SEC)

static int copy(struct forebay_stream *stream)
{
	static char chunk[64 * 1024];
	ssize_t n;
	int r;

	while ((n = read(STDIN_FILENO, chunk, sizeof(chunk))) > 0) {
		/* 1: go on. 0: taken, but wait before the next one. Negative: nothing was taken. */
		r = forebay_stream_write(stream, chunk, (size_t)n);
		if (r == 0)
			r = forebay_stream_wait_drain(stream, TIMEOUT_USEC);
		if (r < 0)
			return r;
	}
	r = forebay_stream_end(stream);
	return r ? r : forebay_stream_wait(stream, FOREBAY_LEVEL_FINISH, TIMEOUT_USEC);
}

int main(int argc, char **argv)
{
	struct forebay_stream_options options = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_connection *connection;
	struct forebay_stream *stream;
	int r;

	if (argc != 2) {
		fprintf(stderr, "usage: write_file PATH <INPUT\n");
		return 2;
	}
	r = forebay_connect(NULL, &connection);
	if (r) {
		fprintf(stderr, "no daemon: %s\n", strerror(-r));
		return 3;
	}
	options.path = argv[1];
	options.ack = "published";
	r = forebay_stream_open(connection, &options, &stream);
	if (r) {
		fprintf(stderr, "open: %s (%s)\n", strerror(-r),
			forebay_error_name(connection) ? forebay_error_name(connection) : "-");
		forebay_disconnect(connection);
		return 1;
	}

	r = copy(stream);
	if (r)
		fprintf(stderr, "write: %s\n", strerror(-r));
	else
		printf("%s\n", forebay_stream_path(stream));
	forebay_stream_close(stream);
	forebay_disconnect(connection);
	return r ? 1 : 0;
}
