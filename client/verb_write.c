/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "client/context_fields.h"
#include "client/context_rows.h"
#include "client/deadline.h"
#include "client/destination.h"
#include "client/file_copy.h"
#include "client/forebay.h"
#include "client/print.h"
#include "client/progress.h"
#include "client/report.h"
#include "proto/ring.h"

/*
 * Bytes are read straight into the ring: there is no other buffer, so the memory of this
 * process is the ring and little more, whatever is written.
 */

#define RING_BYTES_DEFAULT ((int64_t)64 << 20)

/*
 * One read: large enough for few calls, and a small part of the ring, so that the disk begins
 * early and the high mark is not far overshot.
 */
#define READ_BYTES_MAX ((size_t)1 << 20)
#define READ_PART_OF_RING 8

/* How long to wait for the story of a stream that failed. */
#define FAULT_TIMEOUT_USEC (10 * FOREBAY_USEC_PER_SEC)

const struct option_row verb_write_options[] = {
	CONTEXT_ROWS,
	{ "compress", OPTION_STEPS, "HOW[:LEVEL]", NULL, "steps", "gzip or zstd" },
	{ "steps", OPTION_STEPS, "STEP,...", NULL, "steps", "gzip, gunzip, zstd, unzstd in a row" },
	{ "ring", OPTION_SIZE, "N", NULL, NULL, "size of the ring, 64M if not told" },
	{ "ring-bytes", OPTION_SIZE, "N", NULL, NULL, "the same" },
	{ "timeout", OPTION_SPAN, "TIME", NULL, NULL, "wait no longer than this for the end" },
	{ NULL, OPTION_FLAG, NULL, NULL, NULL, NULL },
};

struct writing {
	struct verb_call *call;
	struct forebay_stream *stream;
	struct progress progress;
	uint64_t total_bytes; /* 0: some input does not tell */
	size_t read_bytes;
};

static struct progress_state state_of(const struct writing *writing)
{
	struct forebay_stream_numbers numbers;

	forebay_stream_get_numbers(writing->stream, &numbers, sizeof(numbers));
	return (struct progress_state){
		.taken_bytes = numbers.accepted_bytes,
		.done_bytes = numbers.done_bytes,
		.length_bytes = numbers.length_bytes,
		.ring_bytes = numbers.ring_bytes,
	};
}

static void show_progress(struct writing *writing)
{
	struct progress_state state;

	if (!writing->progress.enabled)
		return;
	state = state_of(writing);
	progress_update(&writing->progress, &state);
}

/* For as long as it takes: the disk may be slow, or the stream paused. */
static int wait_drain(struct writing *writing)
{
	int r;

	do {
		show_progress(writing);
		r = forebay_stream_wait_drain(writing->stream, PROGRESS_INTERVAL_USEC);
	} while (r == -ETIMEDOUT);
	return r;
}

/*
 * A source that may be slow is waited for together with the stream, so that the end of the
 * daemon is noticed while nothing comes.
 */
static int wait_for_input(struct writing *writing, int input_fd)
{
	struct pollfd waits[2] = {
		{ .fd = input_fd, .events = POLLIN },
		{ .fd = forebay_stream_fd(writing->stream), .events = POLLIN },
	};
	unsigned int events;
	int r;

	if (waits[1].fd < 0)
		return waits[1].fd;
	for (;;) {
		show_progress(writing);
		r = deadline_poll(waits, 2, deadline_after(PROGRESS_INTERVAL_USEC));
		if (r && r != -ETIMEDOUT)
			return r;
		if (r == 0 && waits[1].revents) {
			r = forebay_stream_dispatch(writing->stream, &events);
			if (r)
				return r;
			if (events & FOREBAY_EVENT_LOST)
				return -ECONNRESET;
			if (events & FOREBAY_EVENT_FAIL)
				return -EIO;
		}
		if (waits[0].revents)
			return 0;
	}
}

/* What one source holds. 0, a failure of the stream; or of the source, told in ret_error. */
static int copy_source(struct writing *writing, int input_fd, bool slow, int *ret_error)
{
	for (;;) {
		size_t room = 0;
		void *space;
		ssize_t n;
		int r;

		r = slow ? wait_for_input(writing, input_fd) : 0;
		if (r == 0)
			r = forebay_stream_reserve(writing->stream, 1, &space, &room);
		if (r == -EAGAIN)
			r = wait_drain(writing);
		if (r)
			return r;
		if (room == 0)
			continue;
		n = read(input_fd, space, room < writing->read_bytes ? room : writing->read_bytes);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			*ret_error = n < 0 ? -errno : 0;
			return 0;
		}
		r = forebay_stream_commit(writing->stream, (size_t)n);
		if (r == 0)
			r = wait_drain(writing);
		if (r < 0)
			return r;
		show_progress(writing);
	}
}

static bool is_slow(int input_fd)
{
	struct stat status;

	return fstat(input_fd, &status) != 0 || !S_ISREG(status.st_mode);
}

/* Tells why the stream takes nothing more: the daemon knows, the ring says only that. */
static enum verb_status report_write(struct writing *writing, int error)
{
	int r = error;

	if (error == -EIO || error == -ECANCELED)
		r = forebay_stream_wait(writing->stream, FOREBAY_LEVEL_FINISH, FAULT_TIMEOUT_USEC);
	return report_stream(writing->call, writing->stream, r ? r : error);
}

static enum verb_status copy_file(struct writing *writing, const char *name)
{
	int input_fd, error = 0, r;

	r = file_open_input(name, &input_fd);
	if (r) {
		(void)report_errno(writing->call, name, r);
		return VERB_FAILED;
	}
	r = copy_source(writing, input_fd, is_slow(input_fd), &error);
	file_close_input(input_fd);
	if (r)
		return report_write(writing, r);
	if (error) {
		(void)report_errno(writing->call, name, error);
		return VERB_FAILED;
	}
	return VERB_DONE;
}

static enum verb_status copy_all(struct writing *writing)
{
	const struct options *options = &writing->call->options;
	enum verb_status status = VERB_DONE;
	size_t i;

	if (options->argument_count == 1)
		return copy_file(writing, "-");
	for (i = 1; i < options->argument_count && status == VERB_DONE; i++)
		status = copy_file(writing, options->arguments[i]);
	return status;
}

/* After the end: until all of it is at its level, redrawing meanwhile. */
static int wait_finish(struct writing *writing)
{
	uint64_t timeout_usec =
		(uint64_t)options_number(&writing->call->options, "timeout", INT64_MAX);
	uint64_t deadline_ns = deadline_after(timeout_usec);
	int r;

	if (!writing->progress.enabled)
		return forebay_stream_wait(writing->stream, FOREBAY_LEVEL_FINISH, timeout_usec);
	do {
		show_progress(writing);
		r = forebay_stream_wait(writing->stream, FOREBAY_LEVEL_FINISH,
					PROGRESS_INTERVAL_USEC);
	} while (r == -ETIMEDOUT && deadline_now_ns() < deadline_ns);
	return r;
}

static enum verb_status show_result(struct writing *writing)
{
	const char *path = forebay_stream_path(writing->stream);
	struct forebay_reply reply;
	int r;

	if (!writing->call->json) {
		print_text(path ? path : writing->call->options.arguments[0], stdout);
		(void)fputc('\n', stdout);
		return VERB_DONE;
	}
	r = forebay_stream_describe(writing->stream, &reply);
	if (r)
		return report_stream(writing->call, writing->stream, r);
	print_json_line(reply.parameters, stdout);
	forebay_reply_fini(&reply);
	return VERB_DONE;
}

static enum verb_status transfer(struct writing *writing)
{
	struct progress_state state = state_of(writing);
	enum verb_status status;
	int r;

	writing->read_bytes = (size_t)state.ring_bytes / READ_PART_OF_RING;
	if (writing->read_bytes > READ_BYTES_MAX)
		writing->read_bytes = READ_BYTES_MAX;
	progress_start(&writing->progress, stderr,
		       (uint64_t)options_number(&writing->call->options, "size-hint",
						(int64_t)writing->total_bytes));
	status = copy_all(writing);
	if (status != VERB_DONE)
		return status;
	r = forebay_stream_end(writing->stream);
	if (r == 0)
		r = wait_finish(writing);
	state = state_of(writing);
	progress_finish(&writing->progress, &state);
	return r ? report_write(writing, r) : show_result(writing);
}

/* The size of all sources together; 0 if one of them has none. */
static uint64_t measure_sources(const struct options *options)
{
	uint64_t total = 0;
	struct stat status;
	size_t i;

	if (options->argument_count == 1)
		return fstat(STDIN_FILENO, &status) == 0 && S_ISREG(status.st_mode) ?
			       (uint64_t)status.st_size :
			       0;
	for (i = 1; i < options->argument_count; i++) {
		if (stat(options->arguments[i], &status) != 0 || !S_ISREG(status.st_mode))
			return 0;
		total += (uint64_t)status.st_size;
	}
	return total;
}

static int build_context(const struct options *options, uint64_t total_bytes, char **ret_text)
{
	const char *how = options_text(options, "open");
	cJSON *context = cJSON_CreateObject();
	int r;

	if (!context)
		return -ENOMEM;
	(void)cJSON_AddStringToObject(context, "ack", "published");
	r = context_fields_add(options, context);
	if (r == 0 && total_bytes > 0 && !cJSON_HasObjectItem(context, "sizeHint") &&
	    (!how || strcmp(how, "replace") == 0 || strcmp(how, "exclusive") == 0))
		(void)cJSON_AddNumberToObject(context, "sizeHint", (double)total_bytes);
	if (r == 0)
		*ret_text = cJSON_PrintUnformatted(context);
	cJSON_Delete(context);
	if (r)
		return r;
	return *ret_text ? 0 : -ENOMEM;
}

/*
 * A segment ends where the ring's head was at one of the daemon's looks. In a ring no larger
 * than a segment no two looks are farther apart than that.
 */
static int64_t default_ring_bytes(const struct options *options)
{
	int64_t segment = options_number(options, "rotate-size", RING_BYTES_DEFAULT);
	int64_t ring = RING_BYTES_DEFAULT;

	while (ring > (int64_t)FOREBAY_RING_BYTES_MINIMUM && ring > segment)
		ring /= 2;
	return ring;
}

static int open_stream(struct writing *writing, const struct destination *destination)
{
	const struct options *options = &writing->call->options;
	struct forebay_stream_options open = FOREBAY_STREAM_OPTIONS_INIT;
	int64_t ring = options_number(options, "ring-bytes", default_ring_bytes(options));
	char *context;
	int r;

	r = build_context(options, writing->total_bytes, &context);
	if (r)
		return r;
	open.path = destination->path;
	open.directory_fd = destination->directory_fd;
	open.context = context;
	open.ring_bytes = (uint64_t)options_number(options, "ring", ring);
	r = forebay_stream_open(writing->call->connection, &open, &writing->stream);
	cJSON_free(context);
	return r;
}

enum verb_status verb_write(struct verb_call *call)
{
	const char *path = call->options.arguments[0];
	struct writing writing = { .call = call };
	struct destination destination;
	enum verb_status status;
	int r;

	writing.total_bytes = measure_sources(&call->options);
	r = destination_open(path, &destination);
	if (r) {
		(void)report_errno(call, path, r);
		return VERB_FAILED;
	}
	r = open_stream(&writing, &destination);
	destination_close(&destination);
	if (r)
		return report_call(call, r);
	status = transfer(&writing);
	forebay_stream_close(writing.stream);
	return status;
}
