/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/store_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/base/cleanup.h"
#include "daemon/core/path_rule.h"
#include "daemon/objects/stores.h"
#include "proto/encoding.h"

struct walk {
	struct store_files *files;
	const char *prefix;
	size_t prefix_bytes;
};

/* Takes `path`. */
static int add_file(struct store_files *files, char *path, const struct stat *facts)
{
	size_t capacity = files->capacity ? files->capacity * 2 : 64;
	struct store_file *list = files->list;

	if (files->count == files->capacity) {
		list = files->count < STORE_WALK_FILES_MAX ?
			       reallocarray(list, capacity, sizeof(*list)) :
			       NULL;
		if (!list) {
			free(path);
			return files->count < STORE_WALK_FILES_MAX ? -ENOMEM : -EOVERFLOW;
		}
		files->list = list;
		files->capacity = capacity;
	}
	files->list[files->count++] = (struct store_file){
		.path = path,
		.identity = catalogue_identity(facts),
	};
	return 0;
}

static int walk_directory(const struct walk *walk, int dir_fd, const char *path, int depth);

/* A directory is gone into if the prefix may still come true there. */
static bool may_match(const struct walk *walk, const char *path, bool is_directory)
{
	size_t length = strlen(path);

	if (length >= walk->prefix_bytes)
		return strncmp(path, walk->prefix, walk->prefix_bytes) == 0;
	return is_directory && strncmp(path, walk->prefix, length) == 0 &&
	       walk->prefix[length] == '/';
}

static int visit(const struct walk *walk, int dir_fd, const char *directory, const char *name,
		 int depth)
{
	cleanup_free char *path = NULL;
	const char *ignored;
	struct stat facts;
	int child_fd;

	if (asprintf(&path, "%s%s%s", directory, directory[0] ? "/" : "", name) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (!path_check(path, &ignored) || !encoding_utf8_is_valid(path, strlen(path)))
		return 0;
	/* Whoever removes files while we look removes them from the list too. */
	if (fstatat(dir_fd, name, &facts, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (!may_match(walk, path, S_ISDIR(facts.st_mode)))
		return 0;
	if (S_ISREG(facts.st_mode))
		return add_file(walk->files, take_ptr(path), &facts);
	if (!S_ISDIR(facts.st_mode))
		return 0;
	child_fd = openat(dir_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (child_fd < 0)
		return errno == EMFILE || errno == ENFILE ? -errno : 0;
	return walk_directory(walk, child_fd, path, depth + 1);
}

/* Takes dir_fd. */
static int walk_directory(const struct walk *walk, int dir_fd, const char *path, int depth)
{
	struct dirent *entry;
	DIR *directory;
	int r = 0;

	directory = depth < STORE_WALK_DEPTH_MAX ? fdopendir(dir_fd) : NULL;
	if (!directory) {
		r = depth < STORE_WALK_DEPTH_MAX ? -errno : -EOVERFLOW;
		fd_close(dir_fd);
		return r;
	}
	while (r == 0) {
		errno = 0;
		entry = readdir(directory);
		if (!entry) {
			r = -errno;
			break;
		}
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			r = visit(walk, dirfd(directory), path, entry->d_name, depth);
	}
	(void)closedir(directory);
	return r;
}

static int compare_paths(const void *left, const void *right)
{
	return strcmp(((const struct store_file *)left)->path,
		      ((const struct store_file *)right)->path);
}

int store_walk(int root_fd, const char *prefix, struct store_files *io_files)
{
	const struct walk walk = {
		.files = io_files,
		.prefix = prefix,
		.prefix_bytes = strlen(prefix),
	};
	/* A position of our own in the directory. */
	int dir_fd = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r = dir_fd < 0 ? -errno : walk_directory(&walk, dir_fd, "", 0);

	if (r == 0 && io_files->count > 0)
		qsort(io_files->list, io_files->count, sizeof(*io_files->list), compare_paths);
	return r;
}

void store_files_fini(struct store_files *files)
{
	for (size_t i = 0; i < files->count; i++)
		free(files->list[i].path);
	free(files->list);
	*files = (struct store_files){ 0 };
}
