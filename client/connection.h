/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_CONNECTION_H
#define FOREBAY_CLIENT_CONNECTION_H

/*
 * One socket to the daemon, and one call on it at a time. What the public functions of
 * forebay.h about connections stand on. A connection that lost its place in the conversation
 * (a send cut short, an answer that did not come in time) is broken and stays so: every later
 * call gives -ENOTCONN, since the next answer might be that of another call.
 *
 * Thread: one at a time.
 */

#include <stdbool.h>
#include <stdint.h>

#include "proto/frame.h"
#include "proto/must_check.h"

struct args;
struct cJSON;
struct forebay_connection;
struct forebay_fds;
struct forebay_reply;

struct forebay_connection {
	int conn_fd;
	char *socket_path;
	uint64_t timeout_usec;
	struct frame_reader reader;
	bool awaiting;		/* call_more: answers are still to come */
	bool broken;
	char *error_name;
	char *error_parameters;
};

/* A call as the library itself makes it. */
struct connection_call {
	const char *method;
	const char *parameters;		/* JSON text of an object; NULL: {} */
	const struct forebay_fds *fds;	/* or NULL */
	bool more;
	uint64_t timeout_usec;
};

int connection_send(struct forebay_connection *connection,
		    const struct connection_call *call) must_check;

/* The next answer. An error of the daemon is kept in the connection and becomes its errno. */
int connection_receive(struct forebay_connection *connection, uint64_t deadline_ns,
		       struct forebay_reply *ret_reply) must_check;

/* Sends and receives one answer; ret_reply may be NULL. */
int connection_call(struct forebay_connection *connection, const struct connection_call *call,
		    struct forebay_reply *ret_reply) must_check;

/*
 * The same, with parameters that the writer holds (it is emptied in any case) and the answer's
 * parameters parsed, the caller's to cJSON_Delete(). ret_reply and ret_parameters may be NULL.
 */
int connection_call_args(struct forebay_connection *connection, struct connection_call *call,
			 struct args *args, struct forebay_reply *ret_reply,
			 struct cJSON **ret_parameters) must_check;

/* Forgets the error of an earlier call. */
void connection_clear_error(struct forebay_connection *connection);

/* Takes over the error of another connection, which has none afterwards. */
void connection_move_error(struct forebay_connection *connection, struct forebay_connection *from);

/* 0: the other side is there. -ECONNRESET: it is gone, or said something unasked. */
int connection_check_idle(struct forebay_connection *connection) must_check;

#endif
