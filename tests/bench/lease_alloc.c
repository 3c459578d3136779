/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 *	lease_alloc ROUNDS
 *
 * Small pieces of a lease against malloc(): in each round BATCH of them are had, of 8 to 264 bytes
 * in a fixed mixture, while those of the last LIVE rounds are still there; those of the oldest
 * are given back first, with a time of its own. Prints for each round, behind the first ones,
 * "alloc ours theirs" and "free ours theirs", in ns for one.
 */

#include <stdio.h>
#include <stdlib.h>

#include "client/forebay.h"
#include "client/forebay_memory.h"
#include "tests/bench/measure.h"

#define BATCH 128
#define LIVE 16
#define LEASE_BYTES ((size_t)4 << 20)

static struct forebay_view views[LIVE][BATCH];
static void *blocks[LIVE][BATCH];

static size_t size_of(unsigned int i)
{
	return 8 + i * 37 % 257;
}

static void alloc_views(struct forebay_lease *lease, struct forebay_view batch[static BATCH])
{
	for (unsigned int i = 0; i < BATCH; i++)
		if (forebay_lease_alloc(lease, size_of(i), &batch[i]))
			measure_fail("alloc", -1);
}

static void free_views(struct forebay_lease *lease, struct forebay_view batch[static BATCH])
{
	for (unsigned int i = 0; i < BATCH; i++)
		if (forebay_lease_free(lease, &batch[i]))
			measure_fail("free", -1);
}

static void alloc_blocks(void *batch[static BATCH])
{
	for (unsigned int i = 0; i < BATCH; i++) {
		batch[i] = malloc(size_of(i));
		if (!batch[i])
			measure_fail("malloc", -1);
	}
}

static void free_blocks(void *batch[static BATCH])
{
	for (unsigned int i = 0; i < BATCH; i++)
		free(batch[i]);
}

static double each_ns(uint64_t begin_ns, uint64_t end_ns)
{
	return (double)(end_ns - begin_ns) / BATCH;
}

static void measure_round(struct forebay_lease *lease, uint64_t round)
{
	uint64_t slot = round % LIVE;
	uint64_t times_ns[5];

	times_ns[0] = measure_now_ns();
	if (round >= LIVE)
		free_views(lease, views[slot]);
	times_ns[1] = measure_now_ns();
	alloc_views(lease, views[slot]);
	times_ns[2] = measure_now_ns();
	if (round >= LIVE)
		free_blocks(blocks[slot]);
	times_ns[3] = measure_now_ns();
	alloc_blocks(blocks[slot]);
	times_ns[4] = measure_now_ns();
	if (round < 2 * LIVE)
		return;
	printf("alloc %.2f %.2f\n", each_ns(times_ns[1], times_ns[2]),
	       each_ns(times_ns[3], times_ns[4]));
	printf("free %.2f %.2f\n", each_ns(times_ns[0], times_ns[1]),
	       each_ns(times_ns[2], times_ns[3]));
}

int main(int argc, char **argv)
{
	struct forebay_connection *connection;
	struct forebay_lease *lease;
	struct forebay_pool *pool;
	uint64_t rounds;

	if (argc != 2) {
		fprintf(stderr, "usage: lease_alloc ROUNDS\n");
		return 2;
	}
	rounds = measure_number(argv[1]) + 2 * LIVE;
	measure_need("connect", forebay_connect(NULL, &connection));
	measure_need("acquire", forebay_pool_acquire(connection, "default", 0, &pool));
	measure_need("lease", forebay_lease_open(connection, pool, LEASE_BYTES, &lease));
	for (uint64_t round = 0; round < rounds; round++)
		measure_round(lease, round);
	for (size_t slot = 0; slot < LIVE; slot++)
		free_blocks(blocks[slot]);
	measure_need("close", forebay_lease_close(connection, lease));
	forebay_pool_unmap(pool);
	forebay_disconnect(connection);
	return 0;
}
