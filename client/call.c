/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/forebay.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "client/connection.h"
#include "client/deadline.h"

void forebay_set_timeout(struct forebay_connection *connection, uint64_t timeout_usec)
{
	connection->timeout_usec = timeout_usec;
}

const char *forebay_socket_path(const struct forebay_connection *connection)
{
	return connection->socket_path;
}

int forebay_connection_fd(const struct forebay_connection *connection)
{
	return connection->conn_fd;
}

const char *forebay_error_name(const struct forebay_connection *connection)
{
	return connection->error_name;
}

const char *forebay_error_parameters(const struct forebay_connection *connection)
{
	return connection->error_parameters;
}

void forebay_reply_fini(struct forebay_reply *reply)
{
	size_t i;

	if (!reply)
		return;
	for (i = 0; i < reply->fd_count; i++)
		if (reply->fds[i] >= 0)
			(void)close(reply->fds[i]);
	free(reply->fds);
	free(reply->parameters);
	*reply = (struct forebay_reply){ 0 };
}

int forebay_call(struct forebay_connection *connection, const char *method, const char *parameters,
		 const struct forebay_fds *fds, struct forebay_reply *ret_reply)
{
	const struct connection_call call = {
		.method = method,
		.parameters = parameters,
		.fds = fds,
		.timeout_usec = connection->timeout_usec,
	};

	return connection_call(connection, &call, ret_reply);
}

int forebay_ping(struct forebay_connection *connection)
{
	return forebay_call(connection, "io.forebay.daemon.Ping", NULL, NULL, NULL);
}

int forebay_call_more(struct forebay_connection *connection, const char *method,
		      const char *parameters)
{
	const struct connection_call call = {
		.method = method,
		.parameters = parameters,
		.more = true,
		.timeout_usec = connection->timeout_usec,
	};
	int r;

	r = connection_send(connection, &call);
	if (r)
		return r;
	connection->awaiting = true;
	return 0;
}

int forebay_call_next(struct forebay_connection *connection, uint64_t timeout_usec,
		      struct forebay_reply *ret_reply)
{
	if (!connection->awaiting) {
		connection_clear_error(connection);
		return connection->broken ? -ENOTCONN : -ENODATA;
	}
	return connection_receive(connection, deadline_after(timeout_usec), ret_reply);
}
