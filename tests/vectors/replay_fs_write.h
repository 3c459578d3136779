/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_FS_WRITE_H
#define FOREBAY_TESTS_VECTORS_REPLAY_FS_WRITE_H

/*
 * A write stream being run: the daemon's flow in front of a file. It notes what a user of it
 * sees, in Node's words, and what may never happen.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/core/flow.h"
#include "tests/vectors/replay_case.h"
#include "tests/vectors/replay_fs_file.h"
#include "tests/vectors/replay_fs_options.h"
#include "tests/vectors/replay_fs_touch.h"

struct cJSON;
struct fs_world;

/* A step that writes. */
struct fs_step_write {
	struct fs_chunk chunk;
	struct fs_step_write *next; /* fs_write::writes, the latest first */
	int number;
	bool accepted;
	bool silent; /* its answer is that of the end it came with */
	bool closer; /* no write, but somebody who asks for the close of what is closed */
	unsigned int answers;
	int error;
};

/* A step that ends. */
struct fs_step_end {
	struct flow_end end;
	struct fs_step_end *next; /* fs_write::ends */
	char name[24];
};

struct fs_write {
	const struct cJSON *entry;
	struct fs_options options;
	struct fs_file file;
	struct flow flow;
	struct case_errors errors;
	struct fs_touch touch;
	struct flow_sink *sink; /* in hand */
	struct cJSON *log;
	struct cJSON *rets;
	struct fs_step_write *writes;
	struct fs_step_end *ends;
	int number;	      /* of the next step */
	unsigned int closers; /* those who wait for the close */
	bool destroy_at_finish;
	bool synced;
	bool finalizing;  /* the sync of FINAL is under way, */
	bool release_due; /* and RELEASE waits for it */
	int write_error;  /* of the last sink call */
	int sync_error;
	int release_error; /* what RELEASE told */
	unsigned int errors_said;
	unsigned int closes_said;
	const char *broken; /* the first thing that may never happen */
};

/* All phases of the entry. fs_write_fini() at last. */
void fs_write_run(struct fs_write *run, const struct cJSON *entry, struct fs_world *world,
		  const struct fs_options *options);
void fs_write_fini(struct fs_write *run);

void fs_write_break(struct fs_write *run, const char *what);

#endif
