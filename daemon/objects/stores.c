/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/stores.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/base/fd.h"
#include "daemon/io/directory.h"
#include "daemon/objects/registry.h"

/* A root that many users pass through, and one that is the daemon's alone. */
#define SHARED_ROOT_MODE 0755
#define OWN_ROOT_MODE 0750
#define USER_ROOT_MODE 0700
#define USER_ROOT_GROUP_MODE 0750

#define UID_TEXT_BYTES 12

static struct store *find(const struct registry *registry, const char *name)
{
	list_for_each(link, &registry->stores) {
		struct store *store = container_of(link, struct store, link);

		if (strcmp(store->name, name) == 0)
			return store;
	}
	return NULL;
}

int store_add(struct registry *registry, const char *name, const char *location, bool per_user)
{
	struct store *store;
	int r;

	if (find(registry, name))
		return -EEXIST;
	if (strlen(name) >= STORE_NAME_BYTES || location[0] != '/')
		return -EINVAL;
	store = calloc(1, sizeof(*store));
	if (!store)
		return -ENOMEM;
	list_init(&store->link);
	strcpy(store->name, name);
	store->per_user = per_user;
	store->root_fd = -1;
	store->location = strdup(location);
	r = store->location ?
		    directory_make(location, per_user ? SHARED_ROOT_MODE : OWN_ROOT_MODE) :
		    -ENOMEM;
	if (r == 0) {
		store->root_fd = open(location, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		r = store->root_fd < 0 ? -errno : 0;
	}
	if (r < 0) {
		store_free(store);
		return r;
	}
	list_append(&registry->stores, &store->link);
	return 0;
}

struct store *store_free(struct store *store)
{
	if (!store)
		return NULL;
	list_remove(&store->link);
	fd_close(store->root_fd);
	free(store->location);
	free(store);
	return NULL;
}

int store_find(struct user *user, const char *name, const char *path, struct store **ret_store,
	       struct refusal *refusal)
{
	struct registry *registry = user->registry;
	struct store *store = find(registry, name ? name : STORE_DEFAULT_NAME);

	if (!store)
		return refuse_text(refusal, REFUSAL_NO_SUCH_STORE,
				   name ? name : STORE_DEFAULT_NAME);
	if (!store->per_user && !user_may_use(user, registry->own_uid))
		return refuse_path(refusal, path, "the store serves the daemon's own user only");
	*ret_store = store;
	return 0;
}

struct root_owner store_owner_for(const struct registry *registry, uid_t uid)
{
	const struct root_owner ourselves = { (uid_t)-1, (gid_t)-1 };
	const struct root_owner user = { uid, (gid_t)-1 };

	return registry->own_uid == 0 ? user : ourselves;
}

int store_open_user_root(const struct store *store, uid_t uid, const struct root_owner *owner,
			 int *ret_root_fd)
{
	char path[UID_TEXT_BYTES + 2];
	const char *ignored;
	/* The last component is never opened: it stands for what will be beneath the directory. */
	const struct root_parent parent = {
		.root_fd = store->root_fd,
		.path = path,
		.make_missing = true,
		.mode = owner->uid == (uid_t)-1 ? USER_ROOT_GROUP_MODE : USER_ROOT_MODE,
		.owner = *owner,
	};
	int r;

	if (!store->per_user) {
		*ret_root_fd = openat(store->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return *ret_root_fd < 0 ? -errno : 0;
	}
	(void)snprintf(path, sizeof(path), "%u/x", (unsigned int)uid);
	r = root_open_parent(&parent, ret_root_fd, &ignored, &ignored);
	return r == ROOT_E_REFUSED ? -ELOOP : r;
}

char *store_absolute_path(const struct store *store, uid_t uid, const char *path)
{
	/* "/" as a location ends in its slash already. */
	const char *slash = store->location[strlen(store->location) - 1] == '/' ? "" : "/";
	char *absolute;
	int r;

	if (store->per_user)
		r = asprintf(&absolute, "%s%s%u/%s", store->location, slash, (unsigned int)uid,
			     path);
	else
		r = asprintf(&absolute, "%s%s%s", store->location, slash, path);
	return r < 0 ? NULL : absolute;
}
