/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_SNAPSHOT_PLAN_H
#define FOREBAY_CORE_SNAPSHOT_PLAN_H

/*
 * Copying memory that others go on writing to, so that the copy is the memory as one update
 * left it. Writers are never stopped; they keep a version, which is odd during an update, and
 * a word for each block, which moves in an update before the block's bytes change
 * (proto/versions.h). Which blocks to copy next, and when the copy is whole, is decided here;
 * the caller reads and copies, in passes:
 *
 *	look	reads the version, the words of all blocks, and the version again. The look
 *		is good if both are the same even one: nobody was writing, and so what the
 *		words count is in its place to the last byte.
 *	next	copies the blocks whose word has moved since the good look that came before
 *		they were copied; in the first pass, all.
 *	end	reads the version once more. If it is still that of the look, or nothing had
 *		moved, the copy is whole, and is the memory at the version of the look. Else
 *		the next pass, which has as much to copy as was written during this one.
 *
 * A word that is read during an update is worth nothing: it moves before the bytes do, so a
 * copy made in between would have the new word and, for good, the old bytes.
 *
 * What is read must be read in this order, each after the one before, words and version as
 * single loads. All of them come from memory that clients can write: whatever they are, the
 * blocks that are named lie in 0..block_count, and only the content of the copy depends on
 * them. The plan is used by one thread at a time.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

enum snapshot_outcome {
	SNAPSHOT_E_ODD = 1,   /* an update is going on */
	SNAPSHOT_E_MOVED = 2, /* there was one meanwhile */
};

struct snapshot_plan {
	uint64_t *words;      /* where the caller puts those that it reads for a look */
	uint64_t block_count; /* of words */
	uint64_t version;     /* of the last good look */

	/* The plan's own. */
	uint64_t *seen;	     /* by block: its word at the good look before it was copied */
	uint64_t at;	     /* the blocks before this one are dealt with in this pass */
	bool has_all;	     /* each block has been copied once */
	bool has_moved;	     /* blocks were copied in this pass */
	uint64_t odd;	     /* the version that the last look found odd; 0: it was not */
	uint64_t waited_for; /* snapshot_plan_rest_ns(): that version at the last rest */
	uint64_t rest_ns;
};

/* -ENOMEM. Of any number of blocks, none included. */
int must_check snapshot_plan_init(struct snapshot_plan *plan, uint64_t block_count);
/* Of a zeroed one too. */
void snapshot_plan_fini(struct snapshot_plan *plan);

/*
 * The version before and after snapshot_plan::words were read. 0: a pass begins. Any outcome:
 * look again, sooner or later. Not within a pass.
 */
int must_check snapshot_plan_look(struct snapshot_plan *plan, uint64_t before, uint64_t after);

/*
 * The next blocks to copy, as many in a row as there are and at most `most` (1 or more).
 * False: there are no more in this pass.
 */
bool must_check snapshot_plan_next(struct snapshot_plan *plan, uint64_t most, uint64_t *ret_first,
				   uint64_t *ret_count);

/* After the last block: the version now. 0: the copy is whole. SNAPSHOT_E_MOVED: look again. */
int must_check snapshot_plan_end(struct snapshot_plan *plan, uint64_t version);

/*
 * For how long to leave writers, and the thread that copies, alone after tries that came to
 * nothing: as long as these took, within bounds; and twice as long each time where one update
 * just goes on, since its writer may be dead.
 */
uint64_t snapshot_plan_rest_ns(struct snapshot_plan *plan, uint64_t took_ns);

#endif
