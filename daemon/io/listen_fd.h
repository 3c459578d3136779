/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_LISTEN_FD_H
#define FOREBAY_IO_LISTEN_FD_H

/*
 * Where clients connect: a socket that the service manager made, or one of our own. At start,
 * before the loop runs; these calls may wait a little.
 */

#include <stdint.h>
#include <sys/types.h>

#include "daemon/base/err.h"

enum listen_fd_outcome {
	LISTEN_FD_E_IN_USE = 1,		/* another daemon lives at that path */
};

enum passed_fd_kind {
	PASSED_FD_LISTENING,	/* a Unix stream socket that accepts */
	PASSED_FD_CONNECTED,	/* one that is a client's connection (varlinkctl starts us so) */
	PASSED_FD_STORED,	/* anything else: from the descriptor store, by its name */
};

struct passed_fd {
	int fd;			/* close-on-exec */
	enum passed_fd_kind kind;
	char *name;		/* "" if it has none */
};

/* What we were started with; its fds are the owner's to take (set -1 in their place). */
struct passed_fds {
	struct passed_fd *list;
	uint32_t count;
};

/* Once: the environment's part in it is removed. */
int passed_fds_init(struct passed_fds *passed) must_check;
/* Closes what was not taken. */
void passed_fds_fini(struct passed_fds *passed);

/*
 * Makes a socket at `path` with exactly `mode`. The directory is made if only it is missing.
 * A socket that nobody answers at is replaced, anything else that is there is -EEXIST.
 * `path`.lock is held through *ret_lock_fd for as long as the daemon lives and keeps two of
 * them from taking each other for dead; it stays on the disk.
 */
int listen_fd_bind(const char *path, mode_t mode, int *ret_listen_fd, int *ret_lock_fd) must_check;

#endif
