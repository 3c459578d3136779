/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/peer.h"

#include <errno.h>
#include <sys/socket.h>

int peer_get(int conn_fd, struct peer *ret_peer)
{
	struct ucred credentials;
	socklen_t size = sizeof(credentials);

	if (getsockopt(conn_fd, SOL_SOCKET, SO_PEERCRED, &credentials, &size) < 0)
		return -errno;
	/* A socket that was never connected has no peer; the kernel then says -1. */
	if (credentials.uid == (uid_t)-1)
		return -ENOTCONN;
	ret_peer->uid = credentials.uid;
	ret_peer->pid = credentials.pid;
	return 0;
}
