/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_FS_WORLD_H
#define FOREBAY_TESTS_VECTORS_REPLAY_FS_WORLD_H

/*
 * Where one case of kind fs_streams happens: a folder of its own, an event loop, and the
 * engine of threads, behind the one that spoils what the case's faults name.
 *
 * Faults of "open", "fsync" and "close" are those of whole requests, a plan for
 * engine_faulty. Those of "write" and "writev" are of single kernel calls, because it is the
 * engine that has to go on after them: the linker puts a function of ours between the engine
 * and pwritev(2), which counts the calls of both names, as Node's file system does.
 */

#include <stdbool.h>
#include <stdint.h>

struct cJSON;
struct event_base;
struct io_engine;

struct fs_world {
	struct event_base *base;
	struct io_engine *engine;
	char *folder;
	int folder_fd;
	const char *path; /* of the case's file, in the folder */
	unsigned int due; /* calls of fs_world_later() that are to come */
};

/*
 * With the file that `before` tells of. False after a complaint, for faults that nobody here
 * can commit. fs_world_fini() in any case.
 */
bool fs_world_init(struct fs_world *world, const struct cJSON *entry);
void fs_world_fini(struct fs_world *world);

/* Turns the loop until nothing is under way. */
void fs_world_settle(struct fs_world *world);

/* Calls back from the loop. */
void fs_world_later(struct fs_world *world, void (*call)(void *data), void *data);

/* What the kernel calls of the next write are called: a batch is a "writev". */
void fs_world_name_writes(bool batch);

/*
 * Node writes 0 bytes as it writes others, and the daemon asks no kernel for that. The call is
 * counted, and if it is to fail it does: 0 or negative errno.
 */
int fs_world_write_nothing(void);

#endif
