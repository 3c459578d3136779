/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/retention_sweep.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/log.h"
#include "daemon/core/path_rule.h"
#include "daemon/core/retention.h"
#include "daemon/io/catalogue_file.h"
#include "daemon/io/clock.h"
#include "daemon/io/root.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/registry.h"

#define NS_PER_USEC 1000

struct sweep {
	struct errand errand;
	struct catalogue_find find;
	struct registry *registry;
	struct retention_rules rules;

	/* A worker's while the errand is under way. */
	struct retention_entry *entries; /* `order` is the file's index in `find` */
	size_t entry_count;
	bool *over;	       /* of each file found: it is not there any more, or another is */
	int dir_fd;	       /* -1: none */
	const char *directory; /* that it is of: points into a path found */
	size_t directory_bytes;
	size_t removed;

	size_t next; /* the row to be looked at for forgetting */
};

static void sweep_free(struct sweep *sweep)
{
	catalogue_files_fini(&sweep->find.found);
	fd_close(sweep->dir_fd);
	free(sweep->entries);
	free(sweep->over);
	free(sweep);
}

static void log_failure(const char *path, int error)
{
	char quoted[256];

	log_warning("retention", "failed", "path=%s errno=%s",
		    log_quote(path, quoted, sizeof(quoted)), err_name(error));
}

/* ---- on a worker ---- */

/* What was unlinked must not come back after its row is gone. */
static int leave_directory(struct sweep *sweep)
{
	int r = sweep->dir_fd >= 0 && fsync(sweep->dir_fd) < 0 ? -errno : 0;

	sweep->dir_fd = fd_close(sweep->dir_fd);
	return r;
}

/*
 * The path was free of links when it was recorded; it may lie below what a user owns, so a
 * link that is there now is not followed.
 */
static int enter_directory_of(struct sweep *sweep, const char *path)
{
	size_t bytes = path_directory_length(path);
	cleanup_close int root_fd = -1;
	cleanup_free char *directory = NULL;
	const char *reason;
	int r;

	if (sweep->dir_fd >= 0 && bytes == sweep->directory_bytes &&
	    memcmp(path, sweep->directory, bytes) == 0)
		return 0;
	r = leave_directory(sweep);
	if (r < 0)
		return r;
	root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return -errno;
	directory = bytes > 1 ? strndup(path + 1, bytes - 1) : strdup(".");
	if (!directory)
		return -ENOMEM;
	sweep->directory = path;
	sweep->directory_bytes = bytes;
	r = root_open_directory(root_fd, directory, &sweep->dir_fd, &reason);
	return r == ROOT_E_REFUSED ? -ELOOP : r;
}

/* Whether the very file that was recorded is there. Its directory is entered. 1, 0 or -errno. */
static int is_there(struct sweep *sweep, const struct catalogue_file *file)
{
	struct catalogue_identity identity;
	struct stat facts;
	int r = enter_directory_of(sweep, file->path);

	if (r < 0)
		return r;
	if (fstatat(sweep->dir_fd, path_base_name(file->path), &facts, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	identity = catalogue_identity(&facts);
	return S_ISREG(facts.st_mode) && catalogue_file_is_same(file, &identity);
}

static void look_at_files(struct sweep *sweep)
{
	const struct catalogue_files *found = &sweep->find.found;

	for (size_t i = 0; i < found->count; i++) {
		const struct catalogue_file *file = &found->list[i];
		int r = is_there(sweep, file);

		if (r > 0)
			sweep->entries[sweep->entry_count++] = (struct retention_entry){
				.time_usec = file->published_usec,
				.bytes = file->bytes,
				.order = i,
			};
		/* One that cannot be looked at is not counted, and not forgotten either. */
		sweep->over[i] = r == 0;
	}
}

static uint64_t free_bytes(const struct sweep *sweep)
{
	struct statvfs facts;

	/* Where the newest is, which was looked at last. Not known: no reason to remove anything. */
	if (sweep->dir_fd < 0 || fstatvfs(sweep->dir_fd, &facts) < 0)
		return UINT64_MAX;
	return (uint64_t)facts.f_bavail * facts.f_frsize;
}

static void remove_file(struct sweep *sweep, size_t index)
{
	const struct catalogue_file *file = &sweep->find.found.list[index];
	int r = is_there(sweep, file);

	if (r > 0 && unlinkat(sweep->dir_fd, path_base_name(file->path), 0) < 0)
		r = -errno;
	if (r < 0)
		log_failure(file->path, r);
	sweep->over[index] = r >= 0;
	sweep->removed += r > 0;
}

static int run_sweep(struct errand *errand)
{
	struct sweep *sweep = errand->owner;
	struct retention_present present;
	size_t gone;

	look_at_files(sweep);
	present = (struct retention_present){
		.now_usec = (int64_t)(clock_real_ns() / NS_PER_USEC),
		.free_bytes = free_bytes(sweep),
	};
	gone = retention_choose(&sweep->rules, &present, sweep->entries, sweep->entry_count);
	for (size_t i = 0; i < gone; i++)
		remove_file(sweep, (size_t)sweep->entries[i].order);
	return leave_directory(sweep);
}

/* ---- on the loop ---- */

static void forget_next(struct sweep *sweep);

static void row_forgotten(struct catalogue_request *request)
{
	forget_next(request->owner);
}

/* One row after the other; a row that stays is looked at by the next sweep. */
static void forget_next(struct sweep *sweep)
{
	const struct catalogue_files *found = &sweep->find.found;

	while (sweep->next < found->count && !sweep->over[sweep->next])
		sweep->next++;
	if (sweep->next == found->count) {
		sweep_free(sweep);
		return;
	}
	sweep->find.request.done = row_forgotten;
	sweep->find.request.owner = sweep;
	catalogue_remove_file(sweep->registry->catalogue, found->list[sweep->next++].row_id,
			      &sweep->find.request);
}

static void swept(struct errand *errand, int result)
{
	struct sweep *sweep = errand->owner;
	char quoted[256];

	if (sweep->removed > 0)
		log_info("retention", "removed", "files=%zu newest=%s", sweep->removed,
			 log_quote(sweep->find.found.list[sweep->find.found.count - 1].path, quoted,
				   sizeof(quoted)));
	if (result < 0) {
		log_failure(sweep->directory ? sweep->directory : "", result);
		sweep_free(sweep);
		return;
	}
	forget_next(sweep);
}

static void files_found(struct catalogue_request *request)
{
	struct sweep *sweep = request->owner;
	size_t count = sweep->find.found.count;

	if (request->result < 0 || count == 0) {
		if (request->result < 0)
			log_failure("", request->result);
		sweep_free(sweep);
		return;
	}
	sweep->entries = calloc(count, sizeof(*sweep->entries));
	sweep->over = calloc(count, sizeof(*sweep->over));
	if (!sweep->entries || !sweep->over) {
		log_failure("", -ENOMEM);
		sweep_free(sweep);
		return;
	}
	sweep->errand.name = "retention";
	sweep->errand.path = sweep->find.found.list[count - 1].path;
	sweep->errand.run = run_sweep;
	sweep->errand.done = swept;
	sweep->errand.owner = sweep;
	errand_start(sweep->registry, &sweep->errand);
}

void retention_sweep(struct registry *registry, const struct catalogue_template *template,
		     const struct retention_rules *rules)
{
	struct sweep *sweep = calloc(1, sizeof(*sweep));

	if (!sweep) {
		log_failure("", -ENOMEM);
		return;
	}
	sweep->registry = registry;
	sweep->rules = *rules;
	sweep->dir_fd = -1;
	sweep->find.request.done = files_found;
	sweep->find.request.owner = sweep;
	if (catalogue_find_template(registry->catalogue, template, &sweep->find) < 0) {
		log_failure("", -ENOMEM);
		sweep_free(sweep);
	}
}
