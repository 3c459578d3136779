/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_PEER_H
#define FOREBAY_CTL_PEER_H

/* Who is at the other end of a Unix socket, as the kernel saw it when it connected. */

#include <sys/types.h>

#include "daemon/base/err.h"

/* The UID is what decides; the process id is for logs, since it can be somebody else's later. */
struct peer {
	uid_t uid;
	pid_t pid;
};

int must_check peer_get(int conn_fd, struct peer *ret_peer);

#endif
