/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_FS_FILE_H
#define FOREBAY_TESTS_VECTORS_REPLAY_FS_FILE_H

/*
 * A file that is opened, read, written, synced and closed by requests to the engine, one at a
 * time. Each call ends in `done`, from the loop, with 0, a count of bytes, or a negative
 * errno. A position is kept as the daemon keeps it: counted from where the file was begun, so
 * that a file that is appended to is written from its end.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "daemon/core/flow.h"
#include "daemon/io/io_engine.h"

struct fs_world;

/* A write of the flow, and what it writes. */
struct fs_chunk {
	struct flow_write write;
	unsigned char *bytes;
};

struct fs_file {
	/* Set before. */
	struct fs_world *world;
	int flags;   /* of open(2); -1: -EINVAL */
	mode_t mode; /* of a new file */
	uint64_t start;
	void (*done)(struct fs_file *file, int64_t result);
	void *owner;

	int fd; /* -1: not open */
	bool was_opened;
	uint64_t bytes_found;	/* its size then */
	uint64_t position;	/* where the next byte goes, or comes from */
	uint64_t bytes_written; /* as the kernel says */

	/* The call that is under way. */
	struct io_request request;
	struct iovec iov[IO_IOV_MAX];
	struct list *next; /* of the writes; the list's head: none is left */
	struct list *writes;
	unsigned char *memory;
	uint64_t count;
};

/* `open` says where it begins: at `start`, or at the file's end if it is appended to. */
void fs_file_open(struct fs_file *file);

/* All of a sink call: struct fs_chunk by write.step.link. */
void fs_file_write(struct fs_file *file, struct flow_sink *sink);

/* What one read gives, 0 at the end. */
void fs_file_read(struct fs_file *file, void *memory, uint64_t count);

/* All of it from the start on, into memory of that size: 0 or negative errno. */
void fs_file_load(struct fs_file *file, void *memory, uint64_t count);

void fs_file_sync(struct fs_file *file);
void fs_file_close(struct fs_file *file);

#endif
