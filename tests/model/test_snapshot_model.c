/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/*
 * Long random runs of writers and a copier that take turns step by step, where a step is one
 * load or one store of shared memory, against what the plan of a copy promises:
 *
 *   - a copy that is said to be whole is the memory as it was at the version that it has, to
 *     the last cell;
 *   - once writers rest, the copy is whole after two passes.
 *
 * One writer updates the memory, with or without a rest between two updates; it dies in an
 * update now and then, and a successor takes over after a while. Another one writes to bytes
 * beside the memory, and moves the words of the blocks at both ends, which have bytes of both.
 * FOREBAY_SEED sets the seed, which is printed.
 */

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/snapshot_plan.h"

#define SEED UINT64_C(20260101)
#define BLOCKS 5
#define CELLS 3 /* of a block */
#define ALL (BLOCKS * CELLS)
#define RUNS 20000
#define STEPS 3000
#define UPDATES 1024 /* more than there are in a run */
#define PASSES_IN_PEACE 2

/* What both sides see. */
static uint64_t version;
static uint64_t words[BLOCKS];
static uint64_t cells[ALL];
/* Half the version is the index. */
static uint64_t history[UPDATES][ALL];
static uint64_t random_state;

enum writer_at { AT_REST, AT_TOUCH, AT_WRITE, AT_END, AT_DEATH };

struct writer {
	enum writer_at at;
	int first, last; /* blocks of this stretch */
	int next;	 /* block to touch, or cell to write */
	bool resting;	 /* for good */
	uint64_t seldom; /* one step in so many begins an update */
};

enum copier_at { COPIER_BEFORE, COPIER_WORDS, COPIER_AFTER, COPIER_COPY, COPIER_END };

struct copier {
	struct snapshot_plan plan;
	enum copier_at at;
	uint64_t before;
	uint64_t cell, end; /* being copied */
	uint64_t next;	    /* word to read */
	uint64_t most;	    /* blocks at once */
	uint64_t copy[ALL];
	int passes;
};

static uint64_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state;
}

static int random_below(int most)
{
	return (int)(next_random() % (uint64_t)most);
}

/* ---- who writes ---- */

static void choose_stretch(struct writer *writer)
{
	writer->first = random_below(BLOCKS);
	writer->last = writer->first + random_below(BLOCKS - writer->first);
	writer->next = writer->first;
	writer->at = AT_TOUCH;
}

/* It cannot know what the dead one has changed. */
static void take_over(struct writer *writer)
{
	version += 2;
	writer->first = 0;
	writer->last = BLOCKS - 1;
	writer->next = 0;
	writer->at = AT_TOUCH;
}

static void end_update(struct writer *writer)
{
	version++;
	memcpy(history[version / 2 % UPDATES], cells, sizeof(cells));
	writer->at = AT_REST;
}

static void write_step(struct writer *writer)
{
	switch (writer->at) {
	case AT_REST:
		if (writer->resting || next_random() % writer->seldom != 0)
			break;
		version++;
		choose_stretch(writer);
		break;
	case AT_TOUCH:
		words[writer->next++]++;
		if (writer->next <= writer->last)
			break;
		writer->next = writer->first * CELLS;
		writer->at = AT_WRITE;
		break;
	case AT_WRITE:
		cells[writer->next++] = next_random();
		if (next_random() % 64 == 0 && !writer->resting)
			writer->at = AT_DEATH;
		else if (writer->next == (writer->last + 1) * CELLS)
			writer->at = AT_END;
		break;
	case AT_END:
		if (next_random() % 2 == 0)
			choose_stretch(writer);
		else
			end_update(writer);
		break;
	case AT_DEATH:
		if (next_random() % 64 == 0)
			take_over(writer);
	}
}

/* ---- who copies ---- */

static void begin_copy(struct copier *copier)
{
	uint64_t first, count;

	if (!snapshot_plan_next(&copier->plan, copier->most, &first, &count)) {
		copier->at = COPIER_END;
		return;
	}
	copier->cell = first * CELLS;
	copier->end = (first + count) * CELLS;
	copier->at = COPIER_COPY;
}

static void end_look(struct copier *copier)
{
	if (snapshot_plan_look(&copier->plan, copier->before, version) != 0)
		copier->at = COPIER_BEFORE;
	else
		begin_copy(copier);
}

/* True: the copy is whole. */
static bool copy_step(struct copier *copier)
{
	switch (copier->at) {
	case COPIER_BEFORE:
		copier->before = version;
		copier->next = 0;
		copier->at = COPIER_WORDS;
		break;
	case COPIER_WORDS:
		copier->plan.words[copier->next] = words[copier->next];
		if (++copier->next == BLOCKS)
			copier->at = COPIER_AFTER;
		break;
	case COPIER_AFTER:
		end_look(copier);
		break;
	case COPIER_COPY:
		copier->copy[copier->cell] = cells[copier->cell];
		if (++copier->cell == copier->end)
			begin_copy(copier);
		break;
	case COPIER_END:
		copier->passes++;
		copier->at = COPIER_BEFORE;
		return snapshot_plan_end(&copier->plan, version) == 0;
	}
	return false;
}

/* ---- one copy ---- */

static bool is_right(const struct copier *copier)
{
	uint64_t of = copier->plan.version;

	if (of % 2 == 0 && of <= version &&
	    memcmp(copier->copy, history[of / 2 % UPDATES], sizeof(cells)) == 0)
		return true;
	(void)fprintf(stderr, "version %" PRIu64 " is torn, %d passes\n", of, copier->passes);
	return false;
}

/* Until the update that goes on has ended. */
static void bring_to_rest(struct writer *writer)
{
	writer->resting = true;
	while (writer->at != AT_REST)
		write_step(writer);
}

static bool ends_in_peace(struct copier *copier)
{
	int most = copier->passes + PASSES_IN_PEACE;

	/* A pass that has begun does not count. */
	if (copier->at != COPIER_BEFORE)
		most++;
	while (!copy_step(copier)) {
		if (copier->passes < most)
			continue;
		(void)fprintf(stderr, "nobody writes, and the copy is not whole\n");
		return false;
	}
	return true;
}

/* *in_turn: the copy was whole while writers were at it, after so many passes. */
static bool run_once(struct copier *copier, int *in_turn)
{
	struct writer writer = { .seldom = UINT64_C(1) << (next_random() % 10) };
	uint64_t share = next_random() % 15 + 1; /* of 16 steps, the copier's */
	uint64_t neighbour = UINT64_C(1) << (next_random() % 10);

	version = 0;
	memcpy(history[0], cells, sizeof(cells));
	*copier = (struct copier){ .most = next_random() % BLOCKS + 1 };
	if (snapshot_plan_init(&copier->plan, BLOCKS) < 0)
		return false;
	for (int i = 0; i < STEPS; i++) {
		if (next_random() % neighbour == 0)
			words[next_random() % 2 * (BLOCKS - 1)]++;
		if (next_random() % 16 >= share)
			write_step(&writer);
		else if (copy_step(copier)) {
			*in_turn = copier->passes;
			return is_right(copier);
		}
	}
	bring_to_rest(&writer);
	return ends_in_peace(copier) && is_right(copier);
}

int main(void)
{
	const char *text = getenv("FOREBAY_SEED");
	uint64_t seed = text ? strtoull(text, NULL, 0) : SEED;
	int in_turn, whole = 0, after_passes = 0;
	struct copier copier;
	bool good = true;

	random_state = seed | 1;
	(void)printf("FOREBAY_SEED=%" PRIu64 "\n", seed);
	(void)fflush(stdout);
	for (int run = 0; run < RUNS && good; run++) {
		in_turn = 0;
		good = run_once(&copier, &in_turn);
		snapshot_plan_fini(&copier.plan);
		whole += in_turn > 0;
		after_passes += in_turn > 1;
		if (!good)
			(void)fprintf(stderr, "failed in run %d\n", run);
	}
	(void)printf("%d of %d whole in turn with writers, %d of them after several passes\n",
		     whole, RUNS, after_passes);
	/* Or nothing of this was tried. */
	return good && whole > RUNS / 4 && after_passes > RUNS / 16 ? EXIT_SUCCESS : EXIT_FAILURE;
}
