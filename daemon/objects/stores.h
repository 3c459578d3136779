/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_STORES_H
#define FOREBAY_OBJECTS_STORES_H

/*
 * Stores: the named directories that the daemon may write to. A path in a store is relative
 * to its root, or, in a perUser store, to ROOT/<decimal uid>/. A store that is not perUser
 * serves the daemon's own user and root; others get REFUSAL_PATH_REFUSED. All that touches
 * the disk goes to the engine. Loop thread only.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/base/list.h"
#include "daemon/io/catalogue_file.h"
#include "daemon/io/root.h"
#include "daemon/objects/refusal.h"

struct registry;
struct user;

#define STORE_NAME_BYTES 64
#define STORE_DEFAULT_NAME "default"

struct store {
	struct list link; /* registry::stores */
	char name[STORE_NAME_BYTES];
	char *location; /* absolute path of the root */
	bool per_user;
	int root_fd; /* O_DIRECTORY, stays open */
};

/* At start (may wait for the disk): makes the root where it is missing. 0, -EEXIST, errno. */
int must_check store_add(struct registry *registry, const char *name, const char *location,
			 bool per_user);
struct store *store_free(struct store *store);

/* NULL means "default". REFUSAL_NO_SUCH_STORE, or REFUSAL_PATH_REFUSED where not served. */
int must_check store_find(struct user *user, const char *name, const char *path,
			  struct store **ret_store, struct refusal *refusal);

/*
 * For worker threads, may wait: the directory that this user's paths are relative to, made
 * where it is missing. Looks at nothing but its parameters.
 */
int must_check store_open_user_root(const struct store *store, uid_t uid,
				    const struct root_owner *owner, int *ret_root_fd);

/* Who is to own what is made for this user: the user itself where the daemon is root. */
struct root_owner store_owner_for(const struct registry *registry, uid_t uid);

/* The absolute path under which a user finds a stored file; malloc'd, NULL: no memory. */
char *store_absolute_path(const struct store *store, uid_t uid, const char *path);

struct store_file {
	char *path;	    /* relative to the user's root */
	const char *digest; /* "kind:hex" of what is in it; NULL: not known */
	struct catalogue_identity identity;
};

/* `files` are the callback's to read until it returns. */
typedef void (*store_list_fn)(void *data, int result, const struct store_file *files, size_t count,
			      const struct refusal *refusal);
/* `file_fd` is the callback's to close. */
typedef void (*store_file_fn)(void *data, int result, int file_fd, const struct store_file *file,
			      const struct refusal *refusal);
typedef void (*store_done_fn)(void *data, int result, const struct refusal *refusal);
/* -1 where the file system does not tell. */
typedef void (*store_space_fn)(void *data, int64_t free_bytes, int64_t used_bytes);

/* Regular files whose path begins with `prefix` ("" for all), sorted by path; no temporaries. */
int must_check store_list_files(struct user *user, struct store *store, const char *prefix,
				store_list_fn done, void *data, struct refusal *refusal);
int must_check store_open_file(struct user *user, struct store *store, const char *path,
			       store_file_fn done, void *data, struct refusal *refusal);
/* Unlinks the file and syncs its directory. */
int must_check store_remove(struct user *user, struct store *store, const char *path,
			    store_done_fn done, void *data, struct refusal *refusal);
int must_check store_get_space(struct user *user, struct store *store, store_space_fn done,
			       void *data);

#endif
