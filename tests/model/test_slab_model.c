/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 * A million random operations over what a pool is made of: the allocator, slabs over it, and
 * slices over both, against the most naive model there is: each buffer is an array of its
 * own, each unit of the pool has one owner or none. After every operation no two buffers
 * overlap, the allocator has just what no backing holds, and what was read is every byte that
 * was written; at the end nothing is left.
 *
 * Then the cost. Nothing in a slab comes back before its last buffer, and best fit leaves
 * gaps; how much both may cost under this load, which frees in no order at all, is stated
 * here: while buffers have an eighth of the pool or more in them, the backings never hold more
 * than HELD_PERCENT_MAX of that; and no buffer of up to LARGE_BYTES is refused for the pieces
 * in which free memory is, while more than FREE_PERCENT_MAX of the pool is free.
 *
 * The seed is fixed, printed, and can be set by FOREBAY_SEED.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/list.h"
#include "daemon/core/allocator.h"
#include "daemon/core/slab.h"

#define SEED 20200720
#define STEPS 1000000

#define PAGE_BYTES 4096
#define PAGES 1024
#define POOL_BYTES ((uint64_t)PAGES * PAGE_BYTES)
#define UNIT_BYTES 8
#define SLAB_BYTES 8192
#define VIEWS 1500
#define LARGE_BYTES (64 * 1024)

#define HELD_PERCENT_MAX 200
#define FREE_PERCENT_MAX 25

/* Under test: what describes a piece of the pool, as the daemon has it. */
struct backing {
	struct slab slab;
	uint64_t offset;
	uint64_t bytes;
};

/* The model: what a buffer has in it, shared by its slices. */
struct content {
	unsigned char *bytes;
	uint64_t length;
	uint64_t offset; /* in the pool */
	uint32_t views;
};

struct view {
	struct content *content; /* NULL: none */
	struct backing *backing;
	uint64_t offset; /* in the content */
	uint64_t length;
};

static struct allocator allocator;
static struct slabs slabs = { .slab_bytes = SLAB_BYTES };
static unsigned char *memory;

static struct view views[VIEWS];
static bool unit_used[POOL_BYTES / UNIT_BYTES];
static uint32_t page_views[PAGES]; /* over the backing that begins there */
static uint64_t held_bytes;	   /* by backings, in whole pages */
static uint64_t live_bytes;	   /* in buffers, in whole units */
static uint64_t counts[4]; /* of slabs, of those with memory of their own, slices, refusals */
static uint64_t worst_held_percent;
static uint64_t worst_free_percent; /* of the pool, when a buffer was refused */
static uint64_t random_state;

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static bool is_sound(const char *what, bool holds)
{
	if (!holds)
		(void)fprintf(stderr, "slab: %s\n", what);
	return holds;
}

static uint64_t rounded(uint64_t bytes, uint64_t to)
{
	return (bytes + to - 1) / to * to;
}

static uint64_t pages_of(const struct backing *backing)
{
	return rounded(backing->bytes ? backing->bytes : 1, PAGE_BYTES);
}

/* ---- under test ---- */

static int backing_new(uint64_t bytes, struct backing **ret_backing)
{
	struct backing *backing = calloc(1, sizeof(*backing));
	int r;

	if (!backing)
		abort();
	backing->bytes = bytes;
	r = allocator_take(&allocator, bytes ? bytes : 1, &backing->offset);
	if (r != 0) {
		free(backing);
		return r;
	}
	*ret_backing = backing;
	return 0;
}

static int place(uint64_t bytes, bool may_share, struct backing **ret_backing, uint64_t *ret_at)
{
	enum slab_place choice = may_share ? slabs_choose(&slabs, bytes) : SLAB_PLACE_OWN;
	int r = 0;

	if (choice != SLAB_PLACE_CURRENT)
		r = backing_new(choice == SLAB_PLACE_NEW ? SLAB_BYTES : bytes, ret_backing);
	if (r != 0)
		return r;
	if (choice == SLAB_PLACE_NEW)
		slabs_begin(&slabs, &(*ret_backing)->slab);
	counts[0] += choice == SLAB_PLACE_NEW;
	counts[1] += choice == SLAB_PLACE_OWN;
	*ret_at = 0;
	if (choice != SLAB_PLACE_OWN) {
		*ret_backing = container_of(slabs.current, struct backing, slab);
		*ret_at = slabs_take(&slabs, bytes);
	}
	slab_hold(&(*ret_backing)->slab);
	return 0;
}

static bool unplace(struct backing *backing)
{
	if (!slabs_release(&slabs, &backing->slab))
		return false;
	allocator_give(&allocator, backing->offset, backing->bytes ? backing->bytes : 1);
	free(backing);
	return true;
}

/* ---- the model ---- */

/* False: a unit of it has an owner, or, of one that goes, none. */
static bool mark(const struct content *content, bool as)
{
	uint64_t units = rounded(content->length, UNIT_BYTES) / UNIT_BYTES;

	for (uint64_t i = 0; i < units; i++) {
		if (unit_used[content->offset / UNIT_BYTES + i] == as)
			return false;
		unit_used[content->offset / UNIT_BYTES + i] = as;
	}
	live_bytes = as ? live_bytes + units * UNIT_BYTES : live_bytes - units * UNIT_BYTES;
	return true;
}

static void view_begin(struct view *view)
{
	uint32_t *over = &page_views[view->backing->offset / PAGE_BYTES];

	if ((*over)++ == 0)
		held_bytes += pages_of(view->backing);
	view->content->views++;
}

static void scribble(const struct view *view, uint64_t from, uint64_t length)
{
	uint64_t at = view->offset + from;

	for (uint64_t i = 0; i < length; i++)
		view->content->bytes[at + i] = (unsigned char)next_random();
	memcpy(memory + view->content->offset + at, view->content->bytes + at, length);
}

static bool check_view(const struct view *view)
{
	return is_sound("bytes differ",
			memcmp(memory + view->content->offset + view->offset,
			       view->content->bytes + view->offset, view->length) == 0);
}

static bool check_totals(void)
{
	uint64_t percent = live_bytes > POOL_BYTES / 8 ? held_bytes * 100 / live_bytes : 0;

	if (percent > worst_held_percent)
		worst_held_percent = percent;
	return is_sound("free bytes differ", allocator.free_bytes == POOL_BYTES - held_bytes) &&
	       is_sound("slabs and gaps cost too much", percent <= HELD_PERCENT_MAX);
}

/* ---- operations ---- */

/* Mostly small, some empty, some of pages. */
static uint64_t random_length(void)
{
	switch (next_random() % 16) {
	case 0:
		return next_random() % 3 * PAGE_BYTES;
	case 1:
		return next_random() % LARGE_BYTES + 1;
	case 2:
	case 3:
		return next_random() % (2 * PAGE_BYTES);
	default:
		return next_random() % 600;
	}
}

static bool check_place(const struct view *view, bool may_share)
{
	const struct backing *backing = view->backing;
	uint64_t at = view->content->offset - backing->offset;
	bool shares = may_share && view->length > 0 && view->length < SLAB_BYTES / 2;

	return is_sound("unaligned", backing->offset % PAGE_BYTES == 0 && at % UNIT_BYTES == 0) &&
	       is_sound("not as long as it should be",
			backing->bytes == (shares ? SLAB_BYTES : view->length)) &&
	       is_sound("not within its backing", at + view->length <= backing->bytes) &&
	       is_sound("gave a range twice", mark(view->content, true));
}

static bool make_view(struct view *view)
{
	uint64_t length = random_length();
	bool may_share = next_random() % 8 != 0;
	struct backing *backing;
	struct content *content;
	uint64_t at;

	if (place(length, may_share, &backing, &at) != 0) {
		uint64_t percent = allocator.free_bytes * 100 / POOL_BYTES;

		counts[3]++;
		if (percent > worst_free_percent)
			worst_free_percent = percent;
		return is_sound("refused, though much is free", percent <= FREE_PERCENT_MAX);
	}
	content = calloc(1, sizeof(*content));
	if (content)
		content->bytes = malloc(length + 1);
	if (!content || !content->bytes)
		abort();
	content->length = length;
	content->offset = backing->offset + at;
	*view = (struct view){ .content = content, .backing = backing, .length = length };
	if (!check_place(view, may_share))
		return false;
	view_begin(view);
	scribble(view, 0, length);
	return true;
}

static bool slice_view(const struct view *of, struct view *view)
{
	uint64_t start = next_random() % (of->length + 1);

	*view = *of;
	view->offset += start;
	view->length = next_random() % (of->length - start + 1);
	view_begin(view);
	slab_hold(&view->backing->slab);
	counts[2]++;
	return check_view(view);
}

static bool end_view(struct view *view)
{
	struct content *content = view->content;
	uint32_t *over = &page_views[view->backing->offset / PAGE_BYTES];
	uint64_t pages = pages_of(view->backing);
	bool is_last = --*over == 0;

	if (!check_view(view))
		return false;
	if (--content->views == 0) {
		if (!is_sound("the model lost a range", mark(content, false)))
			return false;
		free(content->bytes);
		free(content);
	}
	view->content = NULL;
	if (is_last)
		held_bytes -= pages;
	return is_sound("not given back with the last", unplace(view->backing) == is_last);
}

static bool step(void)
{
	struct view *view = &views[next_random() % VIEWS];
	struct view *other = &views[next_random() % VIEWS];
	uint64_t from;

	if (!view->content)
		return next_random() % 4 == 0 && other->content ? slice_view(other, view) :
								  make_view(view);
	switch (next_random() % 4) {
	case 0:
		from = next_random() % (view->length + 1);
		scribble(view, from, next_random() % (view->length - from + 1) % 1000);
		return true;
	case 1:
		return check_view(view);
	default:
		return end_view(view);
	}
}

static bool run(void)
{
	for (int i = 0; i < STEPS; i++)
		if (!step() || !check_totals()) {
			(void)fprintf(stderr, "failed at step %d\n", i);
			return false;
		}
	for (int i = 0; i < VIEWS; i++)
		if (views[i].content && !end_view(&views[i]))
			return false;
	return check_totals() &&
	       is_sound("something is left", allocator.free_bytes == POOL_BYTES &&
						     allocator.free_count == 1 && !slabs.current);
}

int main(void)
{
	const char *text = getenv("FOREBAY_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : SEED;
	bool passed;

	random_state = seed | 1;
	(void)printf("FOREBAY_SEED=%" PRIu64 "\n", seed);
	(void)fflush(stdout);
	memory = malloc(POOL_BYTES);
	if (!memory || allocator_init(&allocator, POOL_BYTES, PAGE_BYTES) < 0)
		return 99;
	passed = run();
	if (passed)
		(void)printf("%d operations: %" PRIu64 " slabs, %" PRIu64 " of their own, %" PRIu64
			     " slices, %" PRIu64 " refused\nat worst %" PRIu64
			     " %% of what was in buffers was held, and %" PRIu64
			     " %% of the pool was free when one was refused\n",
			     STEPS, counts[0], counts[1], counts[2], counts[3], worst_held_percent,
			     worst_free_percent);
	allocator_fini(&allocator);
	free(memory);
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
