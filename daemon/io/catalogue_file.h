/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_CATALOGUE_FILE_H
#define FOREBAY_IO_CATALOGUE_FILE_H

/*
 * The catalogue's table of files that were put in place: what their content was, and whose
 * rotation they are part of. One row for each absolute path; a new record takes the place of
 * the old one.
 *
 * A row says nothing about what somebody else puts under the same path later. So it carries
 * what tells files apart, and counts only as long as catalogue_file_is_same() says so. The
 * number of the device is not part of it: btrfs, NFS and others give another one after each
 * mount.
 *
 * Beside it, for each template (core/path_template), the highest number that was ever taken:
 * it stays when the files are gone, so that no number is used twice.
 *
 * All is asynchronous, as in catalogue.h: set request.done and request.owner before. Results
 * of -ENOMEM mean that nothing was taken and done is not called. Loop thread only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/base/err.h"
#include "daemon/io/catalogue.h"

struct stat;

/* What tells a file, unchanged, from any other under the same path. */
struct catalogue_identity {
	uint64_t inode;
	uint64_t bytes;
	int64_t mtime_ns;
};

/* All texts are needed. */
struct catalogue_file {
	int64_t row_id; /* the catalogue's name for it */
	uid_t owner;
	const char *store;	   /* "" for a passed directory */
	const char *path;	   /* absolute */
	const char *template_text; /* "": it is part of no rotation */
	const char *digest;	   /* "kind:hex", "": none was made */
	uint64_t bytes;
	int64_t published_usec;
	uint64_t inode;
	int64_t mtime_ns;
	uint64_t number; /* what stands for {n}; 0: nothing does */
};

/* Whose numbers, or files: those of one user, store and template. */
struct catalogue_template {
	uid_t owner;
	const char *store;
	const char *template_text;
};

struct catalogue_files {
	struct catalogue_file *list;
	size_t count;
};

/* A request that has something to tell. Embedded; free the files when it is done. */
struct catalogue_find {
	struct catalogue_request request;
	struct catalogue_files found;
	uint64_t number;
};

/* Copies `row`; raises the highest number of its template too. */
int must_check catalogue_add_file(struct catalogue *catalogue, const struct catalogue_file *row,
				  struct catalogue_request *request);

/* A row that is not there is no error. */
void catalogue_remove_file(struct catalogue *catalogue, int64_t row_id,
			   struct catalogue_request *request);

/* The same for whoever has removed the file: a row of this path and inode, if there is one. */
int must_check catalogue_forget_file(struct catalogue *catalogue, const char *path, uint64_t inode,
				     struct catalogue_request *request);

/* The file of this path, if it is recorded, is about to become another one: its digest goes. */
int must_check catalogue_void_digest(struct catalogue *catalogue, const char *path,
				     struct catalogue_request *request);

/* The one of this absolute path, or none. */
int must_check catalogue_find_file(struct catalogue *catalogue, const char *path,
				   struct catalogue_find *find);

/* Those whose absolute path begins with `prefix`, sorted by path (strcmp). */
int must_check catalogue_find_files(struct catalogue *catalogue, const char *prefix,
				    struct catalogue_find *find);

/* Those of the template, the oldest record first; and the highest number ever taken. */
int must_check catalogue_find_template(struct catalogue *catalogue,
				       const struct catalogue_template *template,
				       struct catalogue_find *find);

/*
 * Takes the number after the highest one that was ever taken, or after `present` (the highest
 * in the directory) if that is more: find->number, nobody else's from now on.
 */
int must_check catalogue_take_number(struct catalogue *catalogue,
				     const struct catalogue_template *template, uint64_t present,
				     struct catalogue_find *find);

void catalogue_files_fini(struct catalogue_files *files);

struct catalogue_identity catalogue_identity(const struct stat *facts);

/* Whether this is the very file that was recorded, unchanged since. */
bool catalogue_file_is_same(const struct catalogue_file *row,
			    const struct catalogue_identity *identity);

#endif
