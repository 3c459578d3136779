/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/catalogue.h"

/*
 * Requests collect on `collecting`. When no commit is under way all of them move to
 * `committing` and one task of the single worker carries them out in one transaction; while
 * that waits for the disk the next ones collect. Lists and counts are the loop's; the worker
 * has `committing`, `database` and `commit_result` from workers_submit() until its task is
 * done.
 *
 * Each request runs inside a savepoint, so that one that fails takes nobody with it. If the
 * transaction itself fails, every request of it has failed.
 */

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/io/catalogue_schema.h"
#include "daemon/io/workers.h"

#define BUSY_TIMEOUT_MS 10000

struct catalogue {
	struct sqlite3 *database;
	struct workers *workers;
	enum catalogue_state state;
	char *set_aside_path;
	struct list collecting;		/* struct catalogue_request */
	struct list committing;		/* struct catalogue_request */
	struct worker_task task;
	bool is_committing;
	int commit_result;
	uint32_t pending;
	uint64_t progress;
};

int catalogue_errno(int sqlite_result)
{
	switch (sqlite_result & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_READONLY:
		return -EROFS;
	case SQLITE_PERM:
	case SQLITE_CANTOPEN:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		return -EUCLEAN;
	case SQLITE_CONSTRAINT:
		return -EEXIST;
	case SQLITE_TOOBIG:
		return -EFBIG;
	default:
		return -EIO;
	}
}

static int execute(struct sqlite3 *database, const char *text)
{
	return catalogue_errno(sqlite3_exec(database, text, NULL, NULL, NULL));
}

static int perform_one(struct catalogue_request *request, struct sqlite3 *database)
{
	int r = execute(database, "SAVEPOINT request");
	int result;

	if (r < 0)
		return r;
	result = request->perform(request, database);
	if (result < 0)
		r = execute(database, "ROLLBACK TO request");
	if (r == 0)
		r = execute(database, "RELEASE request");
	request->result = result;
	/* The savepoint itself in trouble: SQLite has given up the whole transaction. */
	return r;
}

static int commit_list(struct sqlite3 *database, struct list *requests)
{
	int r = execute(database, "BEGIN IMMEDIATE");

	if (r < 0)
		return r;
	list_for_each(link, requests) {
		r = perform_one(container_of(link, struct catalogue_request, link), database);
		if (r < 0)
			break;
	}
	if (r == 0)
		r = execute(database, "COMMIT");
	if (r < 0 && !sqlite3_get_autocommit(database))
		(void)execute(database, "ROLLBACK");	/* r says it all */
	return r;
}

static void run_commit(struct worker_task *task)
{
	struct catalogue *catalogue = container_of(task, struct catalogue, task);

	catalogue->commit_result = commit_list(catalogue->database, &catalogue->committing);
}

static void commit_done(struct worker_task *task);

static void start_commit(struct catalogue *catalogue)
{
	if (catalogue->is_committing || list_is_empty(&catalogue->collecting))
		return;
	catalogue->is_committing = true;
	list_splice(&catalogue->committing, &catalogue->collecting);
	catalogue->task.run = run_commit;
	catalogue->task.done = commit_done;
	workers_submit(catalogue->workers, &catalogue->task);
}

static void commit_done(struct worker_task *task)
{
	struct catalogue *catalogue = container_of(task, struct catalogue, task);
	int commit_result = catalogue->commit_result;
	struct list over = LIST_INIT(over);
	struct list *link;

	list_splice(&over, &catalogue->committing);
	catalogue->is_committing = false;
	start_commit(catalogue);
	while ((link = list_take_first(&over))) {
		struct catalogue_request *request =
			container_of(link, struct catalogue_request, link);

		if (commit_result < 0)
			request->result = commit_result;
		free(request->arguments);
		request->arguments = NULL;
		catalogue->pending--;
		catalogue->progress++;
		request->done(request);
	}
}

void catalogue_submit(struct catalogue *catalogue, struct catalogue_request *request)
{
	catalogue->pending++;
	list_append(&catalogue->collecting, &request->link);
	start_commit(catalogue);
}

int catalogue_perform(struct catalogue *catalogue, struct catalogue_request *request)
{
	struct list one = LIST_INIT(one);
	int r;

	list_append(&one, &request->link);
	r = commit_list(catalogue->database, &one);
	list_remove(&request->link);
	return r < 0 ? r : request->result;
}

/* A free name beside `path`, and everything that belongs to the database under it. */
static int set_aside(struct catalogue *catalogue, const char *path, const char *word)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char from[PATH_MAX], to[PATH_MAX];

	for (unsigned int n = 1; n < 10000; n++) {
		if (snprintf(to, sizeof(to), "%s.%s-%u", path, word, n) >= (int)sizeof(to) - 8)
			return -ENAMETOOLONG;
		if (access(to, F_OK) < 0)
			break;
	}
	catalogue->set_aside_path = strdup(to);
	if (!catalogue->set_aside_path)
		return -ENOMEM;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		(void)snprintf(from, sizeof(from), "%s%s", path, suffixes[i]);
		(void)snprintf(to, sizeof(to), "%s%s", catalogue->set_aside_path, suffixes[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			return -errno;
	}
	return 0;
}

/* What SQLite makes is as durable as its directory's entry. */
static int sync_parent(const char *path)
{
	cleanup_free char *copy = strdup(path);
	cleanup_close int dir_fd = -1;

	if (!copy)
		return -ENOMEM;
	dir_fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dir_fd < 0 || fsync(dir_fd) < 0 ? -errno : 0;
}

/* It tells of everybody's paths, so it is nobody else's to read; SQLite keeps the mode. */
static int make_private(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	if (fd < 0)
		return -errno;
	fd_close(fd);
	return 0;
}

static int open_database(struct catalogue *catalogue, const char *path)
{
	int r = make_private(path);

	if (r < 0)
		return r;
	r = sqlite3_open_v2(path, &catalogue->database,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, NULL);
	if (r != SQLITE_OK)
		return catalogue_errno(r);
	/* Somebody who looks into it with a tool delays us, and is no error. */
	(void)sqlite3_busy_timeout(catalogue->database, BUSY_TIMEOUT_MS);
	return catalogue_schema_prepare(catalogue->database);
}

static void close_database(struct catalogue *catalogue)
{
	(void)sqlite3_close(catalogue->database);
	catalogue->database = NULL;
}

static int open_or_set_aside(struct catalogue *catalogue, const char *path)
{
	const char *word = "damaged";
	int r;

	catalogue->state = access(path, F_OK) < 0 ? CATALOGUE_CREATED : CATALOGUE_OPENED;
	r = open_database(catalogue, path);
	if (r == CATALOGUE_SCHEMA_E_NEWER) {
		catalogue->state = CATALOGUE_NEWER;
		word = "newer";
	} else if (r == -EUCLEAN) {
		catalogue->state = CATALOGUE_DAMAGED;
	} else {
		return r;
	}
	close_database(catalogue);
	r = set_aside(catalogue, path, word);
	if (r == 0)
		r = open_database(catalogue, path);
	return r > 0 ? -EUCLEAN : r;
}

int catalogue_open(struct event_base *base, const char *path, struct catalogue **ret_catalogue)
{
	struct catalogue *catalogue = calloc(1, sizeof(*catalogue));
	int r;

	if (!catalogue)
		return -ENOMEM;
	list_init(&catalogue->collecting);
	list_init(&catalogue->committing);
	r = open_or_set_aside(catalogue, path);
	if (r == 0)
		r = sync_parent(path);
	if (r == 0)
		r = workers_new(base, "forebay-sqlite", 1, &catalogue->workers);
	if (r < 0) {
		catalogue_close(catalogue);
		return r;
	}
	*ret_catalogue = catalogue;
	return 0;
}

struct catalogue *catalogue_close(struct catalogue *catalogue)
{
	if (!catalogue)
		return NULL;
	catalogue->workers = workers_free(catalogue->workers);
	close_database(catalogue);
	free(catalogue->set_aside_path);
	free(catalogue);
	return NULL;
}

enum catalogue_state catalogue_state(const struct catalogue *catalogue)
{
	return catalogue->state;
}

const char *catalogue_set_aside_path(const struct catalogue *catalogue)
{
	return catalogue->set_aside_path;
}

uint32_t catalogue_pending(const struct catalogue *catalogue)
{
	return catalogue->pending;
}

uint64_t catalogue_progress(const struct catalogue *catalogue)
{
	return catalogue->progress;
}
