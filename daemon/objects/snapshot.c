/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/snapshot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/base/fd.h"
#include "daemon/core/snapshot_plan.h"
#include "daemon/io/clock.h"
#include "daemon/io/memfd.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/pool_memory.h"
#include "proto/versions.h"

#define BLOCK_BYTES ((uint64_t)FOREBAY_VERSIONS_BLOCK_BYTES)

/* What a worker copies before others get their turn: a few milliseconds' worth. */
#define STEP_BLOCKS ((uint64_t)32 * 1024 * 1024 / BLOCK_BYTES)

/*
 * How often a step looks for a moment in which nobody writes, and how long it sleeps in
 * between. Each pass has less to copy than the one before, so tries in a row get somewhere
 * where tries with a rest in between would not.
 */
#define LOOKS_AT_ONCE 10
#define NAP_NS 50000

struct snapshot {
	struct snapshot_range range;
	const unsigned char *memory;
	uint64_t pool_offset; /* of the range */
	struct mapping copy;
	struct snapshot_plan plan;
	bool in_pass;
	uint64_t rest_ns;
};

int snapshot_new(const struct snapshot_range *range, const unsigned char *memory,
		 struct snapshot **ret_snapshot)
{
	struct snapshot *snapshot = calloc(1, sizeof(*snapshot));

	if (!snapshot)
		return -ENOMEM;
	snapshot->range = *range;
	snapshot->memory = memory;
	snapshot->pool_offset =
		range->buffer->backing->offset + range->buffer->offset + range->offset;
	*ret_snapshot = snapshot;
	return 0;
}

struct snapshot *snapshot_free(struct snapshot *snapshot)
{
	if (snapshot) {
		if (snapshot->copy.bytes)
			memfd_unmap(&snapshot->copy);
		snapshot_plan_fini(&snapshot->plan);
		free(snapshot);
	}
	return NULL;
}

static int make_memory(struct snapshot *snapshot)
{
	uint64_t bytes = snapshot->range.bytes;
	int fd, r;

	r = snapshot_plan_init(&snapshot->plan,
			       pool_memory_block_count(snapshot->pool_offset, bytes));
	if (r < 0 || bytes == 0)
		return r;
	r = memfd_make("forebay-staging", bytes, 0, &fd);
	if (r < 0)
		return r;
	r = memfd_map(fd, bytes, 0, &snapshot->copy);
	fd_close(fd);
	return r;
}

/*
 * For a live copy the version stands still and no word moves, whatever writers do. The fence
 * has what was read before, bytes or words, read before the version.
 */
static uint64_t read_version(const struct snapshot *snapshot)
{
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return snapshot->range.live ? 0 : buffer_version(snapshot->range.buffer);
}

static int look(struct snapshot *snapshot)
{
	uint64_t before = read_version(snapshot);

	if (!snapshot->range.live)
		pool_memory_read_blocks(snapshot->range.buffer->pool, snapshot->pool_offset,
					snapshot->range.bytes, snapshot->plan.words);
	return snapshot_plan_look(&snapshot->plan, before, read_version(snapshot));
}

/* Blocks are counted from that in which the range begins, and cut to the range. */
static void copy_blocks(struct snapshot *snapshot, uint64_t first, uint64_t count)
{
	uint64_t before_bytes = snapshot->pool_offset % BLOCK_BYTES;
	uint64_t from = first * BLOCK_BYTES;
	uint64_t to = from + count * BLOCK_BYTES;

	from = from > before_bytes ? from - before_bytes : 0;
	to -= before_bytes;
	if (to > snapshot->range.bytes)
		to = snapshot->range.bytes;
	memcpy(snapshot->copy.bytes + from, snapshot->memory + from, to - from);
}

/* Outcomes as those of a step, and SNAPSHOT_STEP_E_BUSY where the pass was in vain. */
static int go_on_with_pass(struct snapshot *snapshot, uint64_t *blocks_left)
{
	uint64_t first, count;

	while (*blocks_left > 0 &&
	       snapshot_plan_next(&snapshot->plan, *blocks_left, &first, &count)) {
		copy_blocks(snapshot, first, count);
		*blocks_left -= count;
	}
	if (*blocks_left == 0)
		return SNAPSHOT_STEP_E_MORE;
	snapshot->in_pass = false;
	if (snapshot_plan_end(&snapshot->plan, read_version(snapshot)) == 0)
		return 0;
	return SNAPSHOT_STEP_E_BUSY;
}

static int try_on(struct snapshot *snapshot)
{
	const struct timespec nap = { .tv_nsec = NAP_NS };
	uint64_t blocks_left = STEP_BLOCKS;
	int looks = 0, r;

	for (;;) {
		if (snapshot->in_pass) {
			r = go_on_with_pass(snapshot, &blocks_left);
			if (r != SNAPSHOT_STEP_E_BUSY)
				return r;
		}
		if (looks++ == LOOKS_AT_ONCE)
			return SNAPSHOT_STEP_E_BUSY;
		snapshot->in_pass = look(snapshot) == 0;
		if (!snapshot->in_pass)
			(void)nanosleep(&nap, NULL);
	}
}

int snapshot_step(struct snapshot *snapshot)
{
	uint64_t begin_ns = clock_monotonic_ns();
	int r = 0;

	if (!snapshot->plan.words)
		r = make_memory(snapshot);
	if (r == 0)
		r = try_on(snapshot);
	if (r == SNAPSHOT_STEP_E_BUSY)
		snapshot->rest_ns =
			snapshot_plan_rest_ns(&snapshot->plan, clock_monotonic_ns() - begin_ns);
	return r;
}

uint64_t snapshot_rest_ns(const struct snapshot *snapshot)
{
	return snapshot->rest_ns;
}

bool snapshot_is_held_up(const struct snapshot *snapshot)
{
	return snapshot->plan.odd != 0;
}

const unsigned char *snapshot_bytes(const struct snapshot *snapshot)
{
	return snapshot->copy.bytes;
}

uint64_t snapshot_version(const struct snapshot *snapshot)
{
	return snapshot->plan.version;
}
