/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/forebay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "client/connection.h"
#include "client/deadline.h"

#define SYSTEM_SOCKET_PATH "/run/forebay/forebay.sock"
#define TIMEOUT_DEFAULT_USEC (45 * FOREBAY_USEC_PER_SEC)

/* A full backlog tells itself only by EAGAIN: there is nothing to poll for. */
#define BACKLOG_PAUSE_NS 10000000L

const char *forebay_version(void)
{
	return PACKAGE_VERSION;
}

static int connect_within(int conn_fd, const struct sockaddr_un *address, uint64_t deadline_ns)
{
	const struct timespec pause = { .tv_nsec = BACKLOG_PAUSE_NS };

	for (;;) {
		if (connect(conn_fd, (const struct sockaddr *)address, sizeof(*address)) == 0)
			return 0;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (deadline_now_ns() >= deadline_ns)
			return -ETIMEDOUT;
		(void)nanosleep(&pause, NULL);
	}
}

static int open_socket(const char *path, int *ret_conn_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int conn_fd, r;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	conn_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (conn_fd < 0)
		return -errno;
	r = connect_within(conn_fd, &address, deadline_after(TIMEOUT_DEFAULT_USEC));
	if (r) {
		(void)close(conn_fd);
		return r;
	}
	*ret_conn_fd = conn_fd;
	return 0;
}

static int connect_to(const char *path, struct forebay_connection **ret_connection)
{
	struct forebay_connection *connection;
	int r;

	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return -ENOMEM;
	connection->conn_fd = -1;
	connection->timeout_usec = TIMEOUT_DEFAULT_USEC;
	frame_reader_init(&connection->reader, FRAME_LIMIT_MAXIMUM_BYTES);
	connection->socket_path = strdup(path);
	r = connection->socket_path ? open_socket(path, &connection->conn_fd) : -ENOMEM;
	if (r) {
		forebay_disconnect(connection);
		return r;
	}
	*ret_connection = connection;
	return 0;
}

int forebay_connect(const char *socket_path, struct forebay_connection **ret_connection)
{
	const char *named = socket_path ? socket_path : getenv("FOREBAY_SOCKET");
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char *user_path;
	int r = -ENOENT;

	if (named && *named)
		return connect_to(named, ret_connection);
	if (runtime && *runtime) {
		if (asprintf(&user_path, "%s/forebay/forebay.sock", runtime) < 0)
			return -ENOMEM;
		r = connect_to(user_path, ret_connection);
		free(user_path);
	}
	return r ? connect_to(SYSTEM_SOCKET_PATH, ret_connection) : 0;
}

void forebay_disconnect(struct forebay_connection *connection)
{
	int fd;

	if (!connection)
		return;
	while (frame_reader_take_descriptor(&connection->reader, &fd))
		(void)close(fd);
	frame_reader_fini(&connection->reader);
	connection_clear_error(connection);
	if (connection->conn_fd >= 0)
		(void)close(connection->conn_fd);
	free(connection->socket_path);
	free(connection);
}
