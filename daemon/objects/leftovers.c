/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/leftovers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/log.h"
#include "daemon/core/partial_name.h"
#include "daemon/core/stream_options.h"
#include "daemon/io/catalogue.h"
#include "daemon/io/file.h"
#include "daemon/io/publish.h"
#include "daemon/io/root.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/registry.h"

struct leftover {
	struct errand errand;
	struct catalogue_request request;
	struct registry *registry;
	int64_t row_id;
	bool salvage;
	char *directory;
	char *temporary_name;
	char *final_name;
	const char *outcome; /* a constant, for the log */
};

static void leftover_free(struct leftover *leftover)
{
	free(leftover->directory);
	free(leftover->temporary_name);
	free(leftover->final_name);
	free(leftover);
}

/* ---- on a worker ---- */

/*
 * The file may be longer than what was written, and the last writes may be there without one
 * before them: what is kept is what is whole from the beginning. Nothing is left: it is removed.
 */
static int keep_as_partial(int dir_fd, struct leftover *leftover)
{
	char name[PARTIAL_NAME_BYTES];
	cleanup_close int file_fd =
		openat(dir_fd, leftover->temporary_name, O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t length;
	int r;

	if (file_fd < 0)
		return -errno;
	r = file_cut_at_hole(file_fd, &length);
	if (r < 0)
		return r;
	leftover->outcome = length > 0 ? "kept as partial" : "removed";
	if (length == 0)
		return publish_unlink(dir_fd, leftover->temporary_name);
	partial_name(leftover->final_name, name);
	if (fdatasync(file_fd) < 0)
		return -errno;
	return publish_rename(dir_fd, leftover->temporary_name, name);
}

/*
 * The path was free of links when it was written down. It may lie below what a user owns, so
 * a link that is there now leads where that user wants, and is not followed.
 */
static int open_directory(const char *path, int *ret_dir_fd)
{
	cleanup_close int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *reason;
	int r;

	if (root_fd < 0)
		return -errno;
	r = root_open_directory(root_fd, path + strspn(path, "/"), ret_dir_fd, &reason);
	return r == ROOT_E_REFUSED ? -ELOOP : r;
}

static int run_leftover(struct errand *errand)
{
	struct leftover *leftover = errand->owner;
	cleanup_close int dir_fd = -1;
	struct stat facts;
	int r = open_directory(leftover->directory, &dir_fd);

	/* Gone with its directory, or never made, or published just before the end. */
	leftover->outcome = "gone";
	if (r < 0)
		return r == -ENOENT || r == -ENOTDIR ? 0 : r;
	if (fstatat(dir_fd, leftover->temporary_name, &facts, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(facts.st_mode))
		return -EINVAL;

	if (leftover->salvage) {
		r = keep_as_partial(dir_fd, leftover);
	} else {
		leftover->outcome = "removed";
		r = publish_unlink(dir_fd, leftover->temporary_name);
	}
	if (r == 0 && fsync(dir_fd) < 0)
		r = -errno;
	return r;
}

/* ---- on the loop ---- */

static void row_gone(struct catalogue_request *request)
{
	leftover_free(request->owner);
}

static void leftover_done(struct errand *errand, int result)
{
	struct leftover *leftover = errand->owner;
	char directory[256], name[256];

	if (result < 0) {
		/* The row stays: the next start tries again. */
		log_warning("leftovers", "a temporary file stays", "directory=%s name=%s errno=%s",
			    log_quote(leftover->directory, directory, sizeof(directory)),
			    log_quote(leftover->final_name, name, sizeof(name)), err_name(result));
		leftover_free(leftover);
		return;
	}
	log_notice("leftovers", leftover->outcome, "directory=%s name=%s",
		   log_quote(leftover->directory, directory, sizeof(directory)),
		   log_quote(leftover->final_name, name, sizeof(name)));
	leftover->request.done = row_gone;
	leftover->request.owner = leftover;
	catalogue_remove_temporary(leftover->registry->catalogue, leftover->row_id,
				   &leftover->request);
}

static bool keeps_bytes(const char *on_disconnect)
{
	int64_t rule = stream_disconnect_parse(on_disconnect);

	/* A stream that could be taken over ends, without its daemon, as by default. */
	return rule == STREAM_DISCONNECT_SALVAGE || rule == STREAM_DISCONNECT_FINISH ||
	       rule == STREAM_DISCONNECT_DETACH;
}

static int begin(const struct catalogue_temporary *row, void *owner)
{
	struct leftover *leftover = calloc(1, sizeof(*leftover));

	if (!leftover)
		return -ENOMEM;
	leftover->registry = owner;
	leftover->row_id = row->row_id;
	leftover->salvage = keeps_bytes(row->on_disconnect);
	leftover->directory = strdup(row->directory);
	leftover->temporary_name = strdup(row->temporary_name);
	leftover->final_name = strdup(row->final_name);
	if (!leftover->directory || !leftover->temporary_name || !leftover->final_name) {
		leftover_free(leftover);
		return -ENOMEM;
	}
	leftover->errand.name = "leftover";
	leftover->errand.run = run_leftover;
	leftover->errand.done = leftover_done;
	leftover->errand.owner = leftover;
	errand_start(leftover->registry, &leftover->errand);
	return 0;
}

int leftovers_sweep(struct registry *registry)
{
	return catalogue_list_temporaries(registry->catalogue, begin, registry);
}
