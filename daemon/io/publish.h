/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_PUBLISH_H
#define FOREBAY_IO_PUBLISH_H

/*
 * The steps by which a new file comes into being whole or not at all, each for itself, so
 * that a stream can put them in order and wait between them:
 *
 *	catalogue row, temporary file, IO_SYNC_DIRECTORY, writes, IO_TRUNCATE, IO_SYNC_DATA,
 *	publish_rename(), IO_SYNC_DIRECTORY, catalogue row gone
 *
 * Names are single components in `dir_fd`. All of these may wait: call them from IO_RUN.
 * 0 or negative errno. None of them syncs.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/base/err.h"
#include "daemon/io/root.h"

#define PUBLISH_TEMPORARY_NAME_MAX 80

struct publish_temporary {
	int dir_fd;
	const char *name;
	mode_t mode;			/* exactly */
	struct root_owner owner;
	uint64_t size_hint;		/* reserved on the disk where that is possible; 0: none */
};

/* ".forebay-<instance>-<id>" into `buffer` of PUBLISH_TEMPORARY_NAME_MAX; -ENAMETOOLONG. */
int publish_temporary_name(const char *instance, const char *id, char *buffer) must_check;

/*
 * Makes the file, which must not exist (-EEXIST), open for writing. -ENOSPC also if the hint
 * does not fit. Whatever fails, no file is left behind.
 */
int publish_make_temporary(const struct publish_temporary *request, int *ret_fd) must_check;

/* In place of whatever has the final name. */
int publish_rename(int dir_fd, const char *temporary, const char *final) must_check;

/*
 * -EEXIST if the final name is taken, by anything. Where the file system cannot do this in
 * one step it is a link and an unlink, with both names there for a moment.
 */
int publish_rename_noreplace(int dir_fd, const char *temporary, const char *final) must_check;

/* -EEXIST if the name is taken, by anything. */
int publish_check_free(int dir_fd, const char *name) must_check;

/* A name that is gone already is no error. */
int publish_unlink(int dir_fd, const char *name) must_check;

#endif
