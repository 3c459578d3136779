/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_fs_world.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>
#include <event2/event.h>

#include "daemon/base/fd.h"
#include "daemon/io/fault_plan.h"
#include "daemon/io/io_engine.h"
#include "tests/vectors/replay.h"
#include "tests/vectors/replay_case.h"
#include "tests/vectors/replay_fs_content.h"
#include "tests/vectors/replay_fs_faults.h"

#define FILE_NAME "file"

struct later {
	struct fs_world *world;
	void (*call)(void *data);
	void *data;
};

static void on_later(evutil_socket_t fd, short what, void *data)
{
	struct later later = *(struct later *)data;

	(void)fd;
	(void)what;
	free(data);
	later.world->due--;
	later.call(later.data);
}

void fs_world_later(struct fs_world *world, void (*call)(void *data), void *data)
{
	const struct timeval at_once = { 0 };
	struct later *later = malloc(sizeof(*later));

	if (!later)
		abort();
	*later = (struct later){ world, call, data };
	world->due++;
	if (event_base_once(world->base, -1, EV_TIMEOUT, on_later, later, &at_once) < 0)
		abort();
}

void fs_world_settle(struct fs_world *world)
{
	while (engine_pending(world->engine) > 0 || world->due > 0)
		if (event_base_loop(world->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) < 0)
			abort();
}

static void make_folder(struct fs_world *world)
{
	const char *base = getenv("TMPDIR");

	if (asprintf(&world->folder, "%s/forebay-fs-XXXXXX", base ? base : "/tmp") < 0 ||
	    !mkdtemp(world->folder))
		abort();
	world->folder_fd = open(world->folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (world->folder_fd < 0)
		abort();
}

static void make_before(const struct fs_world *world, const cJSON *entry)
{
	const cJSON *before = cJSON_GetObjectItemCaseSensitive(entry, "before");
	struct fs_bytes bytes;
	int fd;

	if (!cJSON_IsNumber(before))
		return;
	bytes = fs_content_before(entry);
	fd = openat(world->folder_fd, FILE_NAME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, bytes.bytes, bytes.count) != (ssize_t)bytes.count ||
	    fchmod(fd, FS_BEFORE_MODE) < 0)
		abort();
	close(fd);
	free(bytes.bytes);
}

bool fs_world_init(struct fs_world *world, const cJSON *entry)
{
	struct fault_plan *plan;
	struct io_engine *threads;

	*world = (struct fs_world){
		.folder_fd = -1,
		.path = case_truth(entry, "dirMissing") ? "missing/" FILE_NAME : FILE_NAME,
	};
	make_folder(world);
	make_before(world, entry);
	if (!fs_faults_read(cJSON_GetObjectItemCaseSensitive(entry, "faults"), &plan)) {
		replay_complain(entry, "faults of an unknown kind");
		return false;
	}
	world->base = event_base_new();
	if (!world->base || engine_threads_new(world->base, NULL, &threads) < 0 ||
	    engine_faulty_new(world->base, threads, plan, &world->engine) < 0)
		abort();
	return true;
}

void fs_world_fini(struct fs_world *world)
{
	world->engine = engine_close(world->engine);
	if (world->base)
		event_base_free(world->base);
	(void)unlinkat(world->folder_fd, FILE_NAME, 0);
	world->folder_fd = fd_close(world->folder_fd);
	/* Anything else that is left in it is nobody's, and must not be. */
	if (rmdir(world->folder) < 0)
		abort();
	free(world->folder);
}
