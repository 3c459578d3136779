/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "client/connection.h"
#include "client/ring_reply.h"
#include "client/stream_options.h"
#include "proto/args.h"

/*
 * A stream has a connection of its own. That connection holds the stream: its hang-up is how
 * the daemon learns that the producer died, and calls about the stream that take their time
 * (Wait) disturb nobody else. Bytes never travel on it.
 */

/* The daemon's own deadline of a Wait comes first; this is for its answer to arrive. */
#define WAIT_GRACE_USEC (10 * FOREBAY_USEC_PER_SEC)

static struct forebay_stream *stream_new(void)
{
	struct forebay_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return NULL;
	stream->ring.signal_fd = -1;
	stream->epoll_fd = -1;
	return stream;
}

void forebay_stream_close(struct forebay_stream *stream)
{
	if (!stream)
		return;
	if (stream->epoll_fd >= 0)
		(void)close(stream->epoll_fd);
	/* The connection first: whatever the ring says at its hang-up counts. */
	forebay_disconnect(stream->connection);
	ring_producer_unmap(&stream->ring);
	free(stream->token);
	free(stream->path);
	free(stream);
}

static int take_id(struct forebay_stream *stream, const char *id, const char *token)
{
	if (strlen(id) >= sizeof(stream->id))
		return -EPROTO;
	strcpy(stream->id, id);
	stream->token = strdup(token);
	return stream->token ? 0 : -ENOMEM;
}

static int take_ring(struct forebay_stream *stream, const cJSON *parameters,
		     struct forebay_reply *reply)
{
	int memory_fd, signal_fd, r;

	r = ring_reply_take(parameters, reply, &memory_fd, &signal_fd);
	if (r)
		return r;
	r = ring_producer_map(&stream->ring, memory_fd, signal_fd);
	(void)close(memory_fd);
	if (r)
		(void)close(signal_fd);
	return r;
}

static int keep_path(struct forebay_stream *stream, const cJSON *parameters)
{
	const cJSON *runtime;
	const char *path;
	char *copy;

	if (!args_get_object(parameters, "runtime", &runtime) ||
	    !args_get_string(runtime, "path", &path))
		return 0;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	free(stream->path);
	stream->path = copy;
	return 0;
}

/* What Open answered. */
static int take_opened(struct forebay_stream *stream, const cJSON *parameters,
		       struct forebay_reply *reply)
{
	const char *id, *token;
	int r;

	if (!args_get_string(parameters, "id", &id) ||
	    !args_get_string(parameters, "token", &token))
		return -EPROTO;
	r = take_id(stream, id, token);
	return r ? r : take_ring(stream, parameters, reply);
}

static int call_open(struct forebay_stream *stream, const struct forebay_stream_options *options)
{
	struct forebay_reply reply;
	struct forebay_fds fds;
	struct connection_call call = {
		.method = "io.forebay.stream.Open",
		.fds = &fds,
		.timeout_usec = stream->connection->timeout_usec,
	};
	cJSON *parameters;
	struct args args;
	int numbers[2];
	int r;

	args_init(&args);
	r = stream_options_build(options, &args, numbers, &fds);
	if (r) {
		args_fini(&args);
		return r;
	}
	r = connection_call_args(stream->connection, &call, &args, &reply, &parameters);
	if (r)
		return r;
	r = take_opened(stream, parameters, &reply);
	cJSON_Delete(parameters);
	forebay_reply_fini(&reply);
	return r;
}

static int call_attach(struct forebay_stream *stream, const char *id, const char *token)
{
	struct connection_call call = {
		.method = "io.forebay.stream.Attach",
		.timeout_usec = stream->connection->timeout_usec,
	};
	struct forebay_reply reply;
	cJSON *parameters;
	struct args args;
	int r;

	args_init(&args);
	args_add_string(&args, "id", id);
	args_add_string(&args, "token", token);
	r = connection_call_args(stream->connection, &call, &args, &reply, &parameters);
	if (r)
		return r;
	r = take_id(stream, id, token);
	if (r == 0)
		r = take_ring(stream, parameters, &reply);
	cJSON_Delete(parameters);
	forebay_reply_fini(&reply);
	return r;
}

static int make_stream(struct forebay_connection *connection, struct forebay_stream **ret_stream)
{
	struct forebay_stream *stream = stream_new();
	int r;

	connection_clear_error(connection);
	if (!stream)
		return -ENOMEM;
	r = forebay_connect(connection->socket_path, &stream->connection);
	if (r) {
		forebay_stream_close(stream);
		return r;
	}
	stream->connection->timeout_usec = connection->timeout_usec;
	*ret_stream = stream;
	return 0;
}

/* A stream that could not be made takes its connection along, but not the reason. */
static int give_up(struct forebay_connection *connection, struct forebay_stream *stream, int error)
{
	connection_move_error(connection, stream->connection);
	forebay_stream_close(stream);
	return error;
}

int forebay_stream_open(struct forebay_connection *connection,
			const struct forebay_stream_options *options,
			struct forebay_stream **ret_stream)
{
	struct forebay_stream_options known;
	struct forebay_stream *stream;
	int r;

	r = stream_options_read(options, &known);
	if (r) {
		connection_clear_error(connection);
		return r;
	}
	r = make_stream(connection, &stream);
	if (r)
		return r;
	r = call_open(stream, &known);
	if (r)
		return give_up(connection, stream, r);
	*ret_stream = stream;
	return 0;
}

int forebay_stream_attach(struct forebay_connection *connection, const char *id, const char *token,
			  struct forebay_stream **ret_stream)
{
	struct forebay_stream *stream;
	int r;

	r = make_stream(connection, &stream);
	if (r)
		return r;
	r = call_attach(stream, id, token);
	if (r)
		return give_up(connection, stream, r);
	*ret_stream = stream;
	return 0;
}

const char *forebay_stream_id(const struct forebay_stream *stream)
{
	return stream->id;
}

const char *forebay_stream_token(const struct forebay_stream *stream)
{
	return stream->token;
}

const char *forebay_stream_path(const struct forebay_stream *stream)
{
	return stream->path;
}

const char *forebay_stream_error_name(const struct forebay_stream *stream)
{
	return forebay_error_name(stream->connection);
}

const char *forebay_stream_error_parameters(const struct forebay_stream *stream)
{
	return forebay_error_parameters(stream->connection);
}

static const char *level_name(enum forebay_level level)
{
	switch (level) {
	case FOREBAY_LEVEL_DRAIN:
		return "drain";
	case FOREBAY_LEVEL_WRITTEN:
		return "written";
	case FOREBAY_LEVEL_SYNCED:
		return "synced";
	case FOREBAY_LEVEL_PUBLISHED:
		return "published";
	case FOREBAY_LEVEL_FINISH:
		return "finish";
	default:
		return NULL;
	}
}

/* In the interface 0 is for ever, so no wait at all becomes the shortest one. */
static int64_t wire_timeout(uint64_t timeout_usec)
{
	if (timeout_usec == 0)
		return 1;
	return timeout_usec < (uint64_t)ARGS_EXACT_MAX ? (int64_t)timeout_usec : 0;
}

int forebay_stream_wait(struct forebay_stream *stream, enum forebay_level level,
			uint64_t timeout_usec)
{
	int64_t wire_usec = wire_timeout(timeout_usec);
	struct connection_call call = {
		.method = "io.forebay.stream.Wait",
		.timeout_usec = wire_usec ? (uint64_t)wire_usec + WAIT_GRACE_USEC : FOREBAY_FOREVER,
	};
	cJSON *parameters;
	struct args args;
	int r;

	if (!level_name(level))
		return -EINVAL;
	args_init(&args);
	args_add_string(&args, "id", stream->id);
	args_add_string(&args, "level", level_name(level));
	args_add_int(&args, "timeoutUSec", wire_usec);
	r = connection_call_args(stream->connection, &call, &args, NULL, &parameters);
	if (r)
		return r;
	r = keep_path(stream, parameters);
	cJSON_Delete(parameters);
	return r;
}

int forebay_stream_abort(struct forebay_stream *stream, const char *reason)
{
	struct connection_call call = {
		.method = "io.forebay.stream.Abort",
		.timeout_usec = stream->connection->timeout_usec,
	};
	struct args args;
	int r;

	args_init(&args);
	args_add_string(&args, "id", stream->id);
	args_add_optional_string(&args, "reason", reason);
	r = connection_call_args(stream->connection, &call, &args, NULL, NULL);
	if (r == 0)
		stream->ring.aborted = true;
	return r;
}

int forebay_stream_describe(struct forebay_stream *stream, struct forebay_reply *ret_reply)
{
	struct connection_call call = {
		.method = "io.forebay.stream.Describe",
		.timeout_usec = stream->connection->timeout_usec,
	};
	struct args args;

	args_init(&args);
	args_add_string(&args, "id", stream->id);
	return connection_call_args(stream->connection, &call, &args, ret_reply, NULL);
}
