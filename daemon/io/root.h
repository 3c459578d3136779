/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_ROOT_H
#define FOREBAY_IO_ROOT_H

/*
 * Opens what a client names, and nothing outside the directory it was given: no "..", no
 * absolute path, no link of any kind on the way or at the end. The kernel checks this
 * (openat2), or, where it cannot, a walk one component at a time. The text of the path is
 * checked first by core/path_rule.
 *
 * All of these may wait for a disk: call them from IO_RUN.
 *
 * Results: 0; ROOT_E_REFUSED with *ret_reason, a constant text such as "a symbolic link is
 * on the way"; negative errno for everything that is nobody's rule (ENOENT, EACCES, ..).
 */

#include <stdbool.h>
#include <sys/types.h>

#include "daemon/base/err.h"

enum root_outcome {
	ROOT_E_REFUSED = 1,
};

/* Who shall own what is made; (uid_t)-1 and (gid_t)-1: whoever we are. */
struct root_owner {
	uid_t uid;
	gid_t gid;
};

struct root_parent {
	int root_fd;
	const char *path;	/* of the file; its directory is opened */
	bool make_missing;	/* directories, and sync each one and the one it is in */
	mode_t mode;		/* of those made, exactly */
	struct root_owner owner;
};

/*
 * The directory that the file is to be in, readable (so that it can be synced), and the last
 * component, which points into request->path.
 */
int root_open_parent(const struct root_parent *request, int *ret_dir_fd, const char **ret_base_name,
		     const char **ret_reason) must_check;

/*
 * A regular file beneath `root_fd`. `flags` as for open(2), without O_CREAT. Anything but a
 * regular file is refused, and never waits (a FIFO) nor acts (a terminal).
 */
int root_open_file(int root_fd, const char *path, int flags, int *ret_fd,
		   const char **ret_reason) must_check;

/* The same, and makes it if it is missing, with exactly this mode and owner. */
struct root_file {
	int root_fd;
	const char *path;
	int flags;		/* O_CREAT, O_EXCL, .. */
	mode_t mode;
	struct root_owner owner;
};
int root_make_file(const struct root_file *request, int *ret_fd, bool *ret_made,
		   const char **ret_reason) must_check;

/* A directory beneath `root_fd`, for reading. */
int root_open_directory(int root_fd, const char *path, int *ret_dir_fd,
			const char **ret_reason) must_check;

#endif
