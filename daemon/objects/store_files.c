/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/stores.h"

/* What is done with files that are in a store already; each on a worker, as one errand. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/io/catalogue_file.h"
#include "daemon/io/file.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/store_access.h"
#include "daemon/objects/store_walk.h"

struct store_job {
	struct errand errand;
	const struct store *store;
	uid_t uid;
	char *path;	    /* of the file, or the prefix */
	const char *reason; /* a constant, for JOB_E_REFUSED */
	void *data;

	struct store_files files;
	int file_fd;
	struct store_file file;
	int64_t free_bytes;
	int64_t used_bytes;
	struct refusal refusal;

	struct registry *registry;
	char *absolute_path; /* of the file, or what the paths of all listed begin with */
	struct catalogue_find find;

	store_list_fn list_done;
	store_file_fn file_done;
	store_done_fn done;
	store_space_fn space_done;
};

static struct store_job *job_new(struct user *user, const struct store *store, const char *path,
				 void *data)
{
	struct store_job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	job->registry = user->registry;
	job->store = store;
	job->uid = user->uid;
	job->data = data;
	job->file_fd = -1;
	job->path = strdup(path);
	if (!job->path) {
		free(job);
		return NULL;
	}
	return job;
}

static void job_free(struct store_job *job)
{
	store_files_fini(&job->files);
	catalogue_files_fini(&job->find.found);
	fd_close(job->file_fd);
	free(job->absolute_path);
	free(job->path);
	free(job);
}

static void job_start(struct user *user, struct store_job *job, const char *name,
		      int (*run)(struct errand *), void (*done)(struct errand *, int))
{
	job->errand = (struct errand){ .name = name, .run = run, .done = done, .owner = job };
	errand_start(user->registry, &job->errand);
}

/* What the worker said, as the callbacks hear it. */
static int judge(struct store_job *job, int result)
{
	return store_access_judge(job->store, job->path, result, job->reason, &job->refusal);
}

static int open_root(struct store_job *job, int *ret_root_fd)
{
	return store_access_root(job->store, job->uid, ret_root_fd, &job->reason);
}

/* The catalogue's part, which comes after the worker's; `then` is told the result. */
static void prepare_find(struct store_job *job, void (*then)(struct catalogue_request *))
{
	job->find.request.done = then;
	job->find.request.owner = job;
}

/* A digest counts for the very file that it was made of. */
static const char *digest_of(const struct catalogue_file *row, const struct store_file *file)
{
	bool counts = row->digest[0] != '\0' && catalogue_file_is_same(row, &file->identity);

	return counts ? row->digest : NULL;
}

/* List */

static int run_list(struct errand *errand)
{
	struct store_job *job = errand->owner;
	cleanup_close int root_fd = -1;
	int r = open_root(job, &root_fd);

	if (r != 0)
		return r == -ENOENT ? 0 : r;
	r = file_get_path(root_fd, job->path, &job->absolute_path);
	return r < 0 ? r : store_walk(root_fd, job->path, &job->files);
}

static void tell_list(struct store_job *job, int result)
{
	result = judge(job, result);
	job->list_done(job->data, result, job->files.list, result == 0 ? job->files.count : 0,
		       &job->refusal);
	job_free(job);
}

/* Both are sorted by the part of the path that differs. */
static void digests_found(struct catalogue_request *request)
{
	struct store_job *job = request->owner;
	const struct catalogue_files *rows = &job->find.found;
	size_t before = strlen(job->absolute_path) - strlen(job->path);
	size_t next = 0;

	for (size_t i = 0; i < job->files.count; i++) {
		struct store_file *file = &job->files.list[i];

		while (next < rows->count && strcmp(rows->list[next].path + before, file->path) < 0)
			next++;
		if (next < rows->count && strcmp(rows->list[next].path + before, file->path) == 0)
			file->digest = digest_of(&rows->list[next], file);
	}
	tell_list(job, request->result);
}

static void on_listed(struct errand *errand, int result)
{
	struct store_job *job = errand->owner;

	if (result == 0 && job->files.count > 0) {
		prepare_find(job, digests_found);
		result = catalogue_find_files(job->registry->catalogue, job->absolute_path,
					      &job->find);
		if (result == 0)
			return;
	}
	tell_list(job, result);
}

int store_list_files(struct user *user, struct store *store, const char *prefix, store_list_fn done,
		     void *data, struct refusal *refusal)
{
	struct store_job *job = job_new(user, store, prefix, data);

	(void)refusal;
	if (!job)
		return -ENOMEM;
	job->list_done = done;
	job_start(user, job, "listFiles", run_list, on_listed);
	return 0;
}

/* Open */

static int run_open(struct errand *errand)
{
	struct store_job *job = errand->owner;
	struct store_opened opened;
	int r = store_access_open(job->store, job->uid, job->path, &opened, &job->reason);

	if (r != 0)
		return r;
	job->file_fd = opened.file_fd;
	job->absolute_path = opened.absolute_path;
	job->file.identity = opened.identity;
	return 0;
}

static void tell_opened(struct store_job *job, int result)
{
	result = judge(job, result);
	job->file.path = job->path;
	job->file_done(job->data, result, result == 0 ? take_fd(&job->file_fd) : -1, &job->file,
		       &job->refusal);
	job_free(job);
}

static void digest_found(struct catalogue_request *request)
{
	struct store_job *job = request->owner;

	if (job->find.found.count > 0)
		job->file.digest = digest_of(&job->find.found.list[0], &job->file);
	tell_opened(job, request->result);
}

static void on_opened(struct errand *errand, int result)
{
	struct store_job *job = errand->owner;

	if (result == 0) {
		prepare_find(job, digest_found);
		result = catalogue_find_file(job->registry->catalogue, job->absolute_path,
					     &job->find);
		if (result == 0)
			return;
	}
	tell_opened(job, result);
}

int store_open_file(struct user *user, struct store *store, const char *path, store_file_fn done,
		    void *data, struct refusal *refusal)
{
	struct store_job *job;
	int r = store_access_check_path(path, refusal);

	if (r != 0)
		return r;
	job = job_new(user, store, path, data);
	if (!job)
		return -ENOMEM;
	job->file_done = done;
	job_start(user, job, "openFile", run_open, on_opened);
	return 0;
}

/* Remove */

static int remove_from(struct store_job *job, int dir_fd, const char *name)
{
	struct stat facts;

	if (fstatat(dir_fd, name, &facts, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	job->file.identity = catalogue_identity(&facts);
	if (!S_ISREG(facts.st_mode)) {
		job->reason = "not a regular file";
		return ROOT_E_REFUSED;
	}
	if (unlinkat(dir_fd, name, 0) < 0)
		return -errno;
	return fsync(dir_fd) < 0 ? -errno : 0;
}

static int run_remove(struct errand *errand)
{
	struct store_job *job = errand->owner;
	struct root_parent parent = { .path = job->path };
	cleanup_close int root_fd = -1;
	cleanup_close int dir_fd = -1;
	const char *name;
	int r = open_root(job, &root_fd);

	if (r != 0)
		return r;
	parent.root_fd = root_fd;
	r = root_open_parent(&parent, &dir_fd, &name, &job->reason);
	if (r == 0)
		r = file_get_path(dir_fd, name, &job->absolute_path);
	return r != 0 ? r : remove_from(job, dir_fd, name);
}

static void tell_removed(struct store_job *job, int result)
{
	result = judge(job, result);
	job->done(job->data, result, &job->refusal);
	job_free(job);
}

/* The file is gone: what the catalogue could not forget says nothing about another one. */
static void record_gone(struct catalogue_request *request)
{
	tell_removed(request->owner, 0);
}

static void on_removed(struct errand *errand, int result)
{
	struct store_job *job = errand->owner;

	prepare_find(job, record_gone);
	if (result != 0 || catalogue_forget_file(job->registry->catalogue, job->absolute_path,
						 job->file.identity.inode, &job->find.request) < 0)
		tell_removed(job, result);
}

int store_remove(struct user *user, struct store *store, const char *path, store_done_fn done,
		 void *data, struct refusal *refusal)
{
	struct store_job *job;
	int r = store_access_check_path(path, refusal);

	if (r != 0)
		return r;
	job = job_new(user, store, path, data);
	if (!job)
		return -ENOMEM;
	job->done = done;
	job_start(user, job, "removeFile", run_remove, on_removed);
	return 0;
}

/* Space */

static int run_space(struct errand *errand)
{
	struct store_job *job = errand->owner;
	struct statvfs facts;

	if (fstatvfs(job->store->root_fd, &facts) < 0)
		return -errno;
	job->free_bytes = (int64_t)(facts.f_bavail * facts.f_frsize);
	job->used_bytes = (int64_t)((facts.f_blocks - facts.f_bfree) * facts.f_frsize);
	return 0;
}

static void on_space(struct errand *errand, int result)
{
	struct store_job *job = errand->owner;

	job->space_done(job->data, result == 0 ? job->free_bytes : -1,
			result == 0 ? job->used_bytes : -1);
	job_free(job);
}

int store_get_space(struct user *user, struct store *store, store_space_fn done, void *data)
{
	struct store_job *job = job_new(user, store, "", data);

	if (!job)
		return -ENOMEM;
	job->space_done = done;
	job_start(user, job, "statStore", run_space, on_space);
	return 0;
}
