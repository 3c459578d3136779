/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * A file of the default store to standard output, through shared memory, with the daemon undoing
 * what it is compressed with:
 *
 *	cc read_file.c $(pkg-config --cflags --libs forebay) -o read_file
 *	./read_file logs/today.gz gunzip | less
 *
 * The rule of the consumer is all there is to it: peek, use the bytes where they lie, consume
 * them; wait when there are none. Whoever is slow here slows down the reading, and nothing else.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <forebay.h>
#include <forebay_readable.h>

#define TIMEOUT_USEC (60 * FOREBAY_USEC_PER_SEC)

static int copy(struct forebay_readable *readable)
{
	for (;;) {
		const void *data;
		ssize_t n = forebay_readable_peek(readable, &data);

		if (n == -EAGAIN) {
			int r = forebay_readable_wait(readable, TIMEOUT_USEC);

			if (r)
				return r;
			continue;
		}
		if (n <= 0)
			return (int)n; /* 0 is the end */
		n = write(STDOUT_FILENO, data, (size_t)n);
		if (n < 0)
			return -errno;
		(void)forebay_readable_consume(readable, (size_t)n);
	}
}

int main(int argc, char **argv)
{
	struct forebay_readable_options options = FOREBAY_READABLE_OPTIONS_INIT;
	struct forebay_connection *connection;
	struct forebay_readable *readable;
	char steps[64];
	int r;

	if (argc != 2 && argc != 3) {
		fprintf(stderr, "usage: read_file PATH [gunzip|unzstd]\n");
		return 2;
	}
	r = forebay_connect(NULL, &connection);
	if (r) {
		fprintf(stderr, "no daemon: %s\n", strerror(-r));
		return 3;
	}
	options.path = argv[1];
	if (argc == 3) {
		(void)snprintf(steps, sizeof(steps), "[{\"name\":\"%s\"}]", argv[2]);
		options.steps = steps;
	}
	r = forebay_readable_open(connection, &options, &readable);
	if (r) {
		fprintf(stderr, "open: %s (%s)\n", strerror(-r),
			forebay_error_name(connection) ? forebay_error_name(connection) : "-");
		forebay_disconnect(connection);
		return 1;
	}

	r = copy(readable);
	if (r == -EIO)
		r = forebay_readable_fault(readable);
	if (r)
		fprintf(stderr, "read: %s\n", strerror(-r));
	forebay_readable_close(readable);
	forebay_disconnect(connection);
	return r ? 1 : 0;
}
