/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/store_access.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/path_rule.h"
#include "daemon/io/file.h"
#include "daemon/io/root.h"
#include "daemon/objects/refusal.h"
#include "daemon/objects/stores.h"

int store_access_root(const struct store *store, uid_t uid, int *ret_root_fd,
		      const char **ret_reason)
{
	char name[16];
	int r;

	if (!store->per_user) {
		r = openat(store->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (r < 0)
			return -errno;
		*ret_root_fd = r;
		return 0;
	}
	(void)snprintf(name, sizeof(name), "%u", (unsigned int)uid);
	return root_open_directory(store->root_fd, name, ret_root_fd, ret_reason);
}

int store_access_open(const struct store *store, uid_t uid, const char *path,
		      struct store_opened *ret_opened, const char **ret_reason)
{
	cleanup_close int root_fd = -1, file_fd = -1;
	struct stat facts;
	int r = store_access_root(store, uid, &root_fd, ret_reason);

	if (r == 0)
		r = root_open_file(root_fd, path, O_RDONLY, &file_fd, ret_reason);
	if (r != 0)
		return r;
	if (fstat(file_fd, &facts) < 0)
		return -errno;
	r = file_get_path(file_fd, NULL, &ret_opened->absolute_path);
	if (r < 0)
		return r;
	ret_opened->identity = catalogue_identity(&facts);
	ret_opened->file_fd = take_fd(&file_fd);
	return 0;
}

int store_access_judge(const struct store *store, const char *path, int result, const char *reason,
		       struct refusal *refusal)
{
	if (result == -ENOENT || result == -ENOTDIR) {
		(void)refuse_text(refusal, REFUSAL_NO_SUCH_FILE, store->name);
		(void)snprintf(refusal->reason, sizeof(refusal->reason), "%s", path);
		return REFUSED;
	}
	if (result == ROOT_E_REFUSED)
		return refuse_path(refusal, path, reason);
	return result;
}

int store_access_check_path(const char *path, struct refusal *refusal)
{
	const char *reason;

	return path_check(path, &reason) ? 0 : refuse_path(refusal, path, reason);
}
