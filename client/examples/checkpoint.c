/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * An application that loses nothing: it counts the lines of its standard input, and the count
 * outlives it, and the daemon too.
 *
 *	cc checkpoint.c $(pkg-config --cflags --libs forebay) -o checkpoint
 *	./checkpoint lines <some-fifo
 *
 * Its state lives in a buffer of the daemon, which a job saves every ten seconds, and once more
 * when the application ends. Whatever is killed meanwhile, the next start goes on:
 *
 *	the application		the buffer and the job are still there, with the very last state
 *	within an update	what the buffer holds is half a state: the last file is a whole one
 *	the daemon		its memory is gone: the last file, and the job under its old id
 *	the daemon alone	the application has its state mapped, and hands it to the next one
 */

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <forebay.h>
#include <forebay_job.h>

#define TIMEOUT_USEC (60 * FOREBAY_USEC_PER_SEC)

struct state {
	uint64_t lines;
	uint64_t bytes;
};

struct application {
	const char *name; /* of the job, and of its file */
	int64_t interval_usec;
	struct forebay_connection *connection;
	struct forebay_pool *pool;
	struct forebay_buffer *buffer;
	struct forebay_buffer *torn; /* of an update that was never ended, or NULL */
};

static struct state *state_of(const struct application *app)
{
	return forebay_buffer_data(app->buffer);
}

/* Whoever saves the state meanwhile gets it as it was before, or as it is after. */
static int change(struct application *app, const struct state *state)
{
	int r;

	r = forebay_buffer_begin_update(app->buffer);
	if (r)
		return r;
	r = forebay_buffer_touch(app->buffer, 0, sizeof(*state));
	*state_of(app) = *state;
	return r ? r : forebay_buffer_end_update(app->buffer);
}

/* The buffer that the job of before saves. -ENOENT: there was none, or it is gone. */
static int find_memory(struct application *app)
{
	struct forebay_buffer *buffer;
	struct forebay_job *job;
	int r;

	r = forebay_job_describe(app->connection, app->name, &job);
	if (r)
		return r;
	r = forebay_buffer_describe(app->connection, app->pool, job->buffer, &buffer);
	forebay_job_free(job);
	if (r)
		return r;
	if (forebay_buffer_length(buffer) != sizeof(struct state) ||
	    forebay_buffer_begin_update(buffer) == -EBUSY) {
		app->torn = buffer;
		return -ENOENT;
	}
	app->buffer = buffer;
	return forebay_buffer_end_update(buffer);
}

/* The last file in a new buffer, or a new one if there never was any. */
static int load_file(struct application *app, const char **ret_from)
{
	struct forebay_load_options options = FOREBAY_LOAD_OPTIONS_INIT;
	int r;

	options.path = app->name;
	options.length = sizeof(struct state);
	*ret_from = "from the last file";
	r = forebay_buffer_load(app->connection, app->pool, &options, TIMEOUT_USEC, &app->buffer);
	if (r != -ENOENT)
		return r;
	*ret_from = "new";
	return forebay_buffer_alloc(app->connection, app->pool, sizeof(struct state), 0,
				    &app->buffer);
}

/* The same job each time, whatever has become of it: its id, history and files stay. */
static int make_job(struct application *app)
{
	struct forebay_job_options options = FOREBAY_JOB_OPTIONS_INIT;

	options.name = app->name;
	options.path = app->name;
	options.buffer = forebay_buffer_id(app->buffer);
	options.consistency = "versioned";
	options.every_usec = app->interval_usec;
	options.only_if_changed = 1;
	options.replace = 1;
	return forebay_job_create(app->connection, &options, NULL);
}

static void tear_down(struct application *app)
{
	forebay_buffer_release(app->torn);
	forebay_buffer_release(app->buffer);
	forebay_pool_unmap(app->pool);
	forebay_disconnect(app->connection);
	app->torn = app->buffer = NULL;
	app->pool = NULL;
	app->connection = NULL;
}

/* What is known already (NULL: nothing) counts more than what is found. */
static int set_up(struct application *app, const struct state *known)
{
	const char *from = "in memory";
	int r;

	r = forebay_connect(NULL, &app->connection);
	if (r == 0)
		r = forebay_pool_acquire(app->connection, "default", 0, &app->pool);
	if (r == 0)
		r = find_memory(app);
	if (r == -ENOENT && app->pool)
		r = load_file(app, &from);
	if (r == 0 && known) {
		r = change(app, known);
		from = "known";
	}
	if (r == 0)
		r = make_job(app);
	if (r == 0 && app->torn && forebay_buffer_free(app->connection, app->torn) == 0)
		app->torn = NULL;
	if (r == 0)
		printf("%s: %llu\n", from, (unsigned long long)state_of(app)->lines);
	return r;
}

/* The daemon is gone and its files are not; as soon as there is one again, on it goes. */
static int set_up_again(struct application *app)
{
	const struct state known = *state_of(app);
	int r;

	printf("the daemon is gone\n");
	do {
		tear_down(app);
		(void)usleep(100000);
		r = set_up(app, &known);
	} while (r && (!app->connection || r == -ECONNRESET || r == -EPIPE));
	return r;
}

/* -ENODATA: it has ended. */
static int count_input(struct application *app)
{
	struct state state = *state_of(app);
	char chunk[4096];
	ssize_t n, i;
	int r;

	n = read(STDIN_FILENO, chunk, sizeof(chunk));
	if (n <= 0)
		return n < 0 ? -errno : -ENODATA;
	for (i = 0; i < n; i++)
		state.lines += chunk[i] == '\n';
	state.bytes += (uint64_t)n;
	r = change(app, &state);
	if (r == 0)
		printf("%llu\n", (unsigned long long)state.lines);
	return r;
}

/* One run more, behind the one that may be going on and began before the last line. */
static int save_last(struct application *app)
{
	int tries = 0, r;

	do
		r = forebay_job_run(app->connection, app->name, TIMEOUT_USEC, NULL);
	while (r == -EBADFD && ++tries < 1000 && usleep(10000) == 0);
	return r;
}

/* Until the input ends or a signal says so. */
static int work(struct application *app, int signal_fd)
{
	int r = 0;

	while (r == 0) {
		struct pollfd waits[3] = {
			{ .fd = forebay_connection_fd(app->connection), .events = POLLIN },
			{ .fd = signal_fd, .events = POLLIN },
			{ .fd = STDIN_FILENO, .events = POLLIN },
		};

		if (poll(waits, 3, -1) < 0)
			return -errno;
		/* Nothing was asked on the connection: that is its end. */
		if (waits[0].revents)
			r = set_up_again(app);
		else if (waits[1].revents)
			r = -ENODATA;
		else if (waits[2].revents)
			r = count_input(app);
	}
	return r == -ENODATA ? save_last(app) : r;
}

int main(int argc, char **argv)
{
	struct application app = { .interval_usec = 10 * (int64_t)FOREBAY_USEC_PER_SEC };
	sigset_t ends;
	int signal_fd, r;

	if (argc < 2) {
		fprintf(stderr, "usage: checkpoint NAME [SECONDS] <INPUT\n");
		return 2;
	}
	app.name = argv[1];
	if (argc > 2)
		app.interval_usec = (int64_t)(atof(argv[2]) * FOREBAY_USEC_PER_SEC);
	(void)setvbuf(stdout, NULL, _IOLBF, 0);
	(void)sigemptyset(&ends);
	(void)sigaddset(&ends, SIGTERM);
	(void)sigaddset(&ends, SIGINT);
	(void)sigprocmask(SIG_BLOCK, &ends, NULL);
	signal_fd = signalfd(-1, &ends, SFD_CLOEXEC);

	r = set_up(&app, NULL);
	if (r == 0)
		r = work(&app, signal_fd);
	if (r == 0)
		printf("saved\n");
	else
		fprintf(stderr, "checkpoint: %s (%s)\n", strerror(-r),
			app.connection && forebay_error_name(app.connection) ?
				forebay_error_name(app.connection) :
				"-");
	tear_down(&app);
	return r ? 1 : 0;
}
