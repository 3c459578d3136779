/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/stream_destination.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/path_rule.h"
#include "daemon/core/path_template.h"
#include "daemon/io/fd_kind.h"
#include "daemon/io/file.h"
#include "daemon/io/side_file.h"
#include "daemon/objects/stores.h"
#include "daemon/objects/stream.h"
#include "proto/ring.h"

void stream_opening_free(struct stream_opening *opening)
{
	if (!opening)
		return;
	fd_close(opening->directory_fd);
	fd_close(opening->destination_fd);
	fd_close(opening->dir_fd);
	fd_close(opening->file_fd);
	fd_close(opening->direct_fd);
	fd_close(opening->ring_fd);
	fd_close(opening->client_fds.memory_fd);
	fd_close(opening->client_fds.signal_fd);
	memfd_unmap(&opening->ring);
	catalogue_files_fini(&opening->find.found);
	free(opening->segment_path);
	free(opening->path);
	free(opening->absolute_path);
	free(opening);
}

/* The highest number that a name in the directory has. */
static int find_highest_number(struct stream_opening *opening)
{
	const char *base = path_base_name(opening->path);
	int list_fd = openat(opening->dir_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *directory = list_fd < 0 ? NULL : fdopendir(list_fd);
	struct dirent *entry;
	uint64_t number;
	int r;

	if (!directory) {
		r = -errno;
		fd_close(list_fd);
		return r;
	}
	do {
		errno = 0;
		entry = readdir(directory);
		r = -errno;
		if (entry && path_template_match(base, entry->d_name, &number) &&
		    number > opening->present)
			opening->present = number;
	} while (entry);
	(void)closedir(directory);
	return r;
}

static size_t write_time(const struct path_template_time *time, char letter, char *room,
			 size_t room_bytes)
{
	const struct stream_opening *opening = container_of(time, struct stream_opening, time);
	const char format[] = { '%', letter, '\0' };

	return strftime(room, room_bytes, format, &opening->when);
}

/* With the longest number there is: what else is in the path is known. */
static int expand_template(struct stream_opening *opening)
{
	char path[PATH_TEMPLATE_BYTES];
	time_t now = time(NULL);

	opening->time.write = write_time;
	if (!localtime_r(&now, &opening->when) ||
	    !path_template_expand(opening->path, &opening->time, PATH_TEMPLATE_NUMBER_MAX, path))
		return -EOVERFLOW;
	opening->numbered = path_template_has_number(opening->path);
	opening->segment_path = strdup(path);
	return opening->segment_path ? 0 : -ENOMEM;
}

/* What stands under the final name must be a file, or nothing. */
static int check_present(struct stream_opening *opening)
{
	struct stat present;

	if (fstatat(opening->dir_fd, opening->base_name, &present, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (opening->open == STREAM_OPEN_EXCLUSIVE)
		return -EEXIST;
	if (S_ISDIR(present.st_mode))
		return -EISDIR;
	if (S_ISREG(present.st_mode))
		return 0;
	opening->reason =
		S_ISLNK(present.st_mode) ? "it is a symbolic link" : "it is not a regular file";
	return ROOT_E_REFUSED;
}

static int find_directory(struct stream_opening *opening)
{
	cleanup_close int user_root_fd = -1;
	struct root_parent parent = {
		.root_fd = opening->directory_fd,
		.path = opening->path,
		.make_missing = opening->open != STREAM_OPEN_UPDATE,
		.mode = opening->owner.uid == (uid_t)-1 ? 0750 : 0700,
		.owner = opening->owner,
	};
	struct stat facts;
	int r = 0;

	if (opening->rotates) {
		r = expand_template(opening);
		parent.path = opening->segment_path;
	}
	if (r < 0)
		return r;
	if (opening->store) {
		r = store_open_user_root(opening->store, opening->uid, &opening->owner,
					 &user_root_fd);
		if (r != 0)
			return r;
		parent.root_fd = user_root_fd;
	}
	r = root_open_parent(&parent, &opening->dir_fd, &opening->base_name, &opening->reason);
	if (r != 0)
		return r;
	if (fstat(opening->dir_fd, &facts) < 0)
		return -errno;
	opening->device = facts.st_dev;
	opening->directory = facts.st_ino;
	if (opening->side_file && strlen(opening->base_name) > SIDE_FILE_NAME_MAX) {
		opening->reason = "the name of its side file is too long";
		return ROOT_E_REFUSED;
	}
	r = file_get_path(opening->dir_fd, opening->base_name, &opening->absolute_path);
	if (r < 0)
		return r;
	/* A name with a number is found later, and is nobody's. */
	return opening->numbered ? find_highest_number(opening) : check_present(opening);
}

static int open_in_place(struct stream_opening *opening)
{
	struct root_file file = {
		.root_fd = opening->dir_fd,
		.path = opening->base_name,
		.flags = O_WRONLY | (opening->open == STREAM_OPEN_UPDATE ? 0 : O_CREAT),
		.mode = opening->mode,
		.owner = opening->owner,
	};
	struct file_facts facts;
	int r = root_make_file(&file, &opening->file_fd, &opening->made, &opening->reason);

	if (r != 0)
		return r;
	opening->operation = "lock";
	r = file_lock_exclusive(opening->file_fd);
	if (r == FILE_E_LOCKED)
		return -EBUSY;
	if (r < 0)
		return r;
	if (opening->open == STREAM_OPEN_TRUNCATE) {
		opening->operation = "truncate";
		if (ftruncate(opening->file_fd, 0) < 0)
			return -errno;
	}
	opening->operation = "open";
	r = file_get_facts(opening->file_fd, &facts);
	if (r < 0)
		return r;
	opening->base_offset = opening->open == STREAM_OPEN_APPEND ? facts.size :
			       opening->open == STREAM_OPEN_UPDATE ? opening->start :
								     0;
	return 0;
}

/*
 * A passed file is written from where its descriptor stands. Where we may, through a
 * description of our own, which the client cannot switch to appending meanwhile.
 */
static int open_passed_file(struct stream_opening *opening)
{
	int flags = fcntl(opening->destination_fd, F_GETFL);
	struct file_facts facts;
	off_t position;
	int r;

	if (!fd_kind_is_data(opening->destination_fd)) {
		opening->reason = "fileDescriptorIndex";
		return ROOT_E_REFUSED;
	}
	r = file_get_facts(opening->destination_fd, &facts);
	if (r < 0)
		return r;
	position = lseek(opening->destination_fd, 0, SEEK_CUR);
	if (flags < 0 || position < 0)
		return -errno;
	opening->device = facts.device;
	opening->base_offset = flags & O_APPEND ? facts.size : (uint64_t)position;
	r = file_reopen(opening->destination_fd, 0, &opening->file_fd);
	if (r == 0)
		return 0;
	if (flags & O_APPEND)
		return r;
	opening->file_fd = take_fd(&opening->destination_fd);
	return 0;
}

/* A stream that says it will stay small has no use for it. */
static void open_direct(struct stream_opening *opening)
{
	if (opening->size_hint > 0 && opening->size_hint < STREAM_DIRECT_BYTES_MIN)
		return;
	if (file_reopen_direct(opening->file_fd, &opening->direct_fd) < 0)
		opening->direct_fd = -1;
}

int stream_destination_find(struct errand *errand)
{
	struct stream_opening *opening = container_of(errand, struct stream_opening, errand);
	int r = 0;

	opening->operation = "open";
	if (opening->target == STREAM_TARGET_PATH) {
		r = find_directory(opening);
		if (r == 0 && !stream_open_is_temporary(opening->open))
			r = open_in_place(opening);
	} else if (opening->target == STREAM_TARGET_FILE) {
		r = open_passed_file(opening);
	}
	if (r == 0 && opening->file_fd >= 0)
		open_direct(opening);
	return r;
}

int stream_destination_make_ring(struct errand *errand)
{
	struct stream_opening *opening = container_of(errand, struct stream_opening, errand);
	uint64_t size = FOREBAY_RING_HEADER_BYTES + opening->ring_bytes;
	int r = memfd_make_ahead("forebay-ring", size, STREAM_RING_READY_BYTES, &opening->ring_fd);

	if (r < 0)
		return r;
	return memfd_map_twice(opening->ring_fd, FOREBAY_RING_HEADER_BYTES, opening->ring_bytes,
			       &opening->ring);
}

int stream_destination_make_temporary(struct errand *errand)
{
	struct stream_opening *opening = container_of(errand, struct stream_opening, errand);
	struct publish_temporary temporary = {
		.dir_fd = opening->stream->dir_fd,
		.name = opening->temporary_name,
		.mode = opening->mode,
		.owner = opening->owner,
		.size_hint = opening->size_hint,
	};

	int r = publish_make_temporary(&temporary, &opening->file_fd);

	if (r == 0)
		open_direct(opening);
	return r;
}
