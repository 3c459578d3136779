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
#include "daemon/core/path_rule.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/store_walk.h"

/* Outcomes of the worker's part. */
#define JOB_E_NO_SUCH_FILE 1
#define JOB_E_REFUSED 2

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
	fd_close(job->file_fd);
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
	if (result == -ENOENT || result == -ENOTDIR || result == JOB_E_NO_SUCH_FILE) {
		(void)refuse_text(&job->refusal, REFUSAL_NO_SUCH_FILE, job->store->name);
		(void)snprintf(job->refusal.reason, sizeof(job->refusal.reason), "%s", job->path);
		return REFUSED;
	}
	if (result == JOB_E_REFUSED)
		return refuse_path(&job->refusal, job->path, job->reason);
	return result;
}

/* -ENOENT: nothing was ever made for this user. */
static int open_existing_root(struct store_job *job, int *ret_root_fd)
{
	char name[16];
	int r;

	if (!job->store->per_user) {
		r = openat(job->store->root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (r < 0)
			return -errno;
		*ret_root_fd = r;
		return 0;
	}
	(void)snprintf(name, sizeof(name), "%u", (unsigned int)job->uid);
	r = root_open_directory(job->store->root_fd, name, ret_root_fd, &job->reason);
	return r == ROOT_E_REFUSED ? JOB_E_REFUSED : r;
}

/* By rule, before a worker is asked. */
static int check_path(const char *path, struct refusal *refusal)
{
	const char *reason;

	return path_check(path, &reason) ? 0 : refuse_path(refusal, path, reason);
}

/* List */

static int run_list(struct errand *errand)
{
	struct store_job *job = errand->owner;
	cleanup_close int root_fd = -1;
	int r = open_existing_root(job, &root_fd);

	if (r != 0)
		return r == -ENOENT ? 0 : r;
	return store_walk(root_fd, job->path, &job->files);
}

static void on_listed(struct errand *errand, int result)
{
	struct store_job *job = errand->owner;

	result = judge(job, result);
	job->list_done(job->data, result, job->files.list, result == 0 ? job->files.count : 0,
		       &job->refusal);
	job_free(job);
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
	cleanup_close int root_fd = -1;
	struct stat facts;
	int r = open_existing_root(job, &root_fd);

	if (r == 0)
		r = root_open_file(root_fd, job->path, O_RDONLY, &job->file_fd, &job->reason);
	if (r != 0)
		return r == ROOT_E_REFUSED ? JOB_E_REFUSED : r;
	if (fstat(job->file_fd, &facts) < 0)
		return -errno;
	job->file = (struct store_file){
		.path = job->path,
		.size_bytes = facts.st_size,
		.modified_usec =
			(int64_t)facts.st_mtim.tv_sec * 1000000 + facts.st_mtim.tv_nsec / 1000,
	};
	return 0;
}

static void on_opened(struct errand *errand, int result)
{
	struct store_job *job = errand->owner;

	result = judge(job, result);
	job->file_done(job->data, result, result == 0 ? take_fd(&job->file_fd) : -1, &job->file,
		       &job->refusal);
	job_free(job);
}

int store_open_file(struct user *user, struct store *store, const char *path, store_file_fn done,
		    void *data, struct refusal *refusal)
{
	struct store_job *job;
	int r = check_path(path, refusal);

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
	if (!S_ISREG(facts.st_mode)) {
		job->reason = "not a regular file";
		return JOB_E_REFUSED;
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
	int r = open_existing_root(job, &root_fd);

	if (r != 0)
		return r;
	parent.root_fd = root_fd;
	r = root_open_parent(&parent, &dir_fd, &name, &job->reason);
	if (r != 0)
		return r == ROOT_E_REFUSED ? JOB_E_REFUSED : r;
	return remove_from(job, dir_fd, name);
}

static void on_removed(struct errand *errand, int result)
{
	struct store_job *job = errand->owner;

	result = judge(job, result);
	job->done(job->data, result, &job->refusal);
	job_free(job);
}

int store_remove(struct user *user, struct store *store, const char *path, store_done_fn done,
		 void *data, struct refusal *refusal)
{
	struct store_job *job;
	int r = check_path(path, refusal);

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
