/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_STORE_ACCESS_H
#define FOREBAY_OBJECTS_STORE_ACCESS_H

/* What the store_*.c files share: how a user's part of a store is found, and errors told. */

#include <sys/types.h>

#include "daemon/base/err.h"
#include "daemon/io/catalogue_file.h"

struct refusal;
struct store;

/* A file that is there, open for reading, and how it was at that moment. */
struct store_opened {
	int file_fd;
	char *absolute_path; /* free of links; the receiver's to free() */
	struct catalogue_identity identity;
};

/*
 * For worker threads, may wait: what this user's paths are relative to, without making it.
 * -ENOENT: nothing was ever made for this user. ROOT_E_REFUSED with *ret_reason, or errno.
 */
int must_check store_access_root(const struct store *store, uid_t uid, int *ret_root_fd,
				 const char **ret_reason);

/* The same for a file of that user: the receiver's to close. */
int must_check store_access_open(const struct store *store, uid_t uid, const char *path,
				 struct store_opened *ret_opened, const char **ret_reason);

/*
 * What a worker said about `path`, as a caller hears it: REFUSED with the refusal for what is
 * refused (ROOT_E_REFUSED, `reason`) or not there, any other errno as it is.
 */
int store_access_judge(const struct store *store, const char *path, int result, const char *reason,
		       struct refusal *refusal);

/* By rule, before a worker is asked. */
int must_check store_access_check_path(const char *path, struct refusal *refusal);

#endif
