/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/readable.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "client/connection.h"
#include "client/readable_options.h"
#include "client/ring_reply.h"
#include "proto/args.h"

/*
 * A readable stream has a connection of its own. It belongs to that connection, whose hang-up is
 * how the daemon learns that nobody reads any more. Bytes never travel on it.
 */

#define RING_BYTES_DEFAULT ((int64_t)1 << 20)

void forebay_readable_close(struct forebay_readable *readable)
{
	if (!readable)
		return;
	if (readable->epoll_fd >= 0)
		(void)close(readable->epoll_fd);
	if (readable->ready_fd >= 0)
		(void)close(readable->ready_fd);
	forebay_disconnect(readable->connection);
	ring_consumer_unmap(&readable->ring);
	free(readable);
}

static int take_opened(struct forebay_readable *readable, const cJSON *parameters,
		       struct forebay_reply *reply)
{
	int memory_fd, signal_fd, r;
	const char *id;

	if (!args_get_string(parameters, "id", &id) || strlen(id) >= sizeof(readable->id))
		return -EPROTO;
	strcpy(readable->id, id);
	r = ring_reply_take(parameters, reply, &memory_fd, &signal_fd);
	if (r)
		return r;
	r = ring_consumer_map(&readable->ring, memory_fd, signal_fd);
	(void)close(memory_fd);
	if (r)
		(void)close(signal_fd);
	return r;
}

static int call_open(struct forebay_readable *readable,
		     const struct forebay_readable_options *options)
{
	int numbers[1];
	struct forebay_fds fds = { .fds = numbers };
	struct connection_call call = {
		.method = "io.forebay.stream.OpenReadable",
		.fds = &fds,
		.timeout_usec = readable->connection->timeout_usec,
	};
	struct forebay_reply reply;
	cJSON *parameters;
	struct args args;
	int r;

	args_init(&args);
	r = readable_options_add(options, &args, "fileDescriptorIndex", numbers, &fds.count);
	if (r) {
		args_fini(&args);
		return r;
	}
	args_add_int(&args, "ringBytes",
		     options->ring_bytes ? (int64_t)options->ring_bytes : RING_BYTES_DEFAULT);
	r = connection_call_args(readable->connection, &call, &args, &reply, &parameters);
	if (r)
		return r;
	r = take_opened(readable, parameters, &reply);
	cJSON_Delete(parameters);
	forebay_reply_fini(&reply);
	return r;
}

static struct forebay_readable *readable_new(void)
{
	struct forebay_readable *readable = calloc(1, sizeof(*readable));

	if (!readable)
		return NULL;
	readable->ring.signal_fd = -1;
	readable->epoll_fd = -1;
	readable->ready_fd = -1;
	return readable;
}

int forebay_readable_open(struct forebay_connection *connection,
			  const struct forebay_readable_options *options,
			  struct forebay_readable **ret_readable)
{
	struct forebay_readable_options known;
	struct forebay_readable *readable;
	int r;

	connection_clear_error(connection);
	r = readable_options_read(options, &known);
	if (r)
		return r;
	if (known.ring_bytes > INT64_MAX)
		return -EINVAL;
	readable = readable_new();
	if (!readable)
		return -ENOMEM;
	r = forebay_connect(connection->socket_path, &readable->connection);
	if (r) {
		forebay_readable_close(readable);
		return r;
	}
	readable->connection->timeout_usec = connection->timeout_usec;
	r = call_open(readable, &known);
	if (r) {
		connection_move_error(connection, readable->connection);
		forebay_readable_close(readable);
		return r;
	}
	*ret_readable = readable;
	return 0;
}

const char *forebay_readable_id(const struct forebay_readable *readable)
{
	return readable->id;
}

const char *forebay_readable_error_name(const struct forebay_readable *readable)
{
	return forebay_error_name(readable->connection);
}

const char *forebay_readable_error_parameters(const struct forebay_readable *readable)
{
	return forebay_error_parameters(readable->connection);
}

int forebay_readable_abort(struct forebay_readable *readable, const char *reason)
{
	struct connection_call call = {
		.method = "io.forebay.stream.Abort",
		.timeout_usec = readable->connection->timeout_usec,
	};
	struct args args;

	args_init(&args);
	args_add_string(&args, "id", readable->id);
	args_add_optional_string(&args, "reason", reason);
	return connection_call_args(readable->connection, &call, &args, NULL, NULL);
}

static int call_describe(struct forebay_readable *readable, struct forebay_reply *ret_reply,
			 cJSON **ret_parameters)
{
	struct connection_call call = {
		.method = "io.forebay.stream.DescribeReadable",
		.timeout_usec = readable->connection->timeout_usec,
	};
	struct args args;

	args_init(&args);
	args_add_string(&args, "id", readable->id);
	return connection_call_args(readable->connection, &call, &args, ret_reply, ret_parameters);
}

int forebay_readable_describe(struct forebay_readable *readable, struct forebay_reply *ret_reply)
{
	return call_describe(readable, ret_reply, NULL);
}

int forebay_readable_fault(struct forebay_readable *readable)
{
	const cJSON *state, *fault;
	cJSON *parameters;
	int64_t error;
	int r;

	r = call_describe(readable, NULL, &parameters);
	if (r)
		return r;
	if (args_get_object(parameters, "readable", &state) &&
	    args_get_object(state, "fault", &fault))
		r = args_get_int_within(fault, "errno", 1, 4095, &error) ? -EIO : -(int)error;
	cJSON_Delete(parameters);
	return r;
}
