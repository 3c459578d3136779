/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/conduit_steps.h"

#include <errno.h>
#include <stdlib.h>

#include "daemon/base/cleanup.h"
#include "daemon/io/step_chain.h"
#include "daemon/objects/conduit.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/registry.h"

enum steps_work {
	STEPS_NONE,
	STEPS_WRITE, /* a write is in hand, */
	STEPS_FINAL, /* or the end */
};

struct conduit_steps {
	struct conduit *conduit;
	struct step_chain *chain;
	struct errand errand;
	enum steps_work work;
	bool busy;  /* a worker makes a piece */
	bool empty; /* nothing has come yet */
	bool release_due;
	struct flow_sink *sink; /* STEPS_WRITE */
	struct step_data data;	/* the worker's, while one is at work */
	struct conduit_chunk *out;
	size_t out_bytes; /* of room in it */
};

/* ---- ends ---- */

static void answer(struct conduit_steps *steps, int error)
{
	struct conduit *conduit = steps->conduit;
	enum steps_work work = steps->work;

	steps->work = STEPS_NONE;
	if (error && error != -ECANCELED) {
		const char *failed = step_chain_failed_name(steps->chain);

		conduit_note_fault(conduit, failed ? failed : "steps", error,
				   conduit_source_path(conduit), -1);
	}
	if (work == STEPS_WRITE)
		pipe_flow_complete(&conduit->flow, CONDUIT_STEPS, take_ptr(steps->sink), error);
	else
		pipe_flow_final_done(&conduit->flow, CONDUIT_STEPS, error);
}

static void push(struct conduit_steps *steps)
{
	struct conduit *conduit = steps->conduit;
	struct conduit_chunk *chunk = take_ptr(steps->out);
	size_t bytes = steps->out_bytes - steps->data.out_bytes;

	if (bytes == 0) {
		conduit_chunk_free(conduit, chunk);
		return;
	}
	chunk = conduit_chunk_cut(chunk, bytes);
	if (!read_flow_push(&conduit->parts[CONDUIT_STEPS].read, &chunk->flow.read))
		conduit_chunk_free(conduit, chunk);
	pipe_flow_read(&conduit->flow, CONDUIT_STEPS);
	conduit_settle(conduit);
}

/* ---- a piece ---- */

static int run_piece(struct errand *errand)
{
	struct conduit_steps *steps = errand->owner;
	int r;

	if (steps->work == STEPS_WRITE)
		return step_chain_run(steps->chain, &steps->data, STEP_RUN);
	if (steps->empty)
		return step_chain_end_empty(steps->chain, &steps->data);
	r = step_chain_run(steps->chain, &steps->data, STEP_END_FRAME);
	return r == 0 && step_chain_expects_more(steps->chain) ? -EBADMSG : r;
}

static void on_piece(struct errand *errand, int result)
{
	struct conduit_steps *steps = errand->owner;
	struct conduit *conduit = steps->conduit;

	steps->busy = false;
	if (steps->release_due) {
		conduit_chunk_free(conduit, take_ptr(steps->out));
		conduit_steps_release(conduit);
		return;
	}
	push(steps);
	if (result != STEP_E_FULL)
		answer(steps, result);
	conduit_run(conduit);
}

static bool start_piece(struct conduit_steps *steps)
{
	uint64_t mark = steps->conduit->mark;

	steps->out_bytes = mark < STEP_CHAIN_LINK_BYTES ? mark : STEP_CHAIN_LINK_BYTES;
	steps->out = conduit_chunk_new(steps->conduit, CONDUIT_STEPS, steps->out_bytes);
	if (!steps->out)
		return false;
	steps->data.out = steps->out->bytes;
	steps->data.out_bytes = steps->out_bytes;
	steps->errand = (struct errand){
		.name = "steps",
		.device = IO_DEVICE_PROCESSOR,
		.run = run_piece,
		.done = on_piece,
		.owner = steps,
	};
	steps->busy = true;
	errand_start(steps->conduit->registry, &steps->errand);
	return true;
}

bool conduit_steps_turn(struct conduit *conduit)
{
	struct conduit_steps *steps = conduit->steps;
	struct pipe_flow_part *part = &conduit->parts[CONDUIT_STEPS];

	if (steps->work == STEPS_NONE || steps->busy)
		return false;
	if (pipe_flow_is_destroyed(part)) {
		answer(steps, -ECANCELED);
		return true;
	}
	if (!pipe_flow_wants(part) || conduit->chunks[CONDUIT_STEPS] >= CONDUIT_CHUNKS_MAX ||
	    start_piece(steps))
		return false;
	answer(steps, -ENOMEM);
	return true;
}

/* ---- what the flow says ---- */

void conduit_steps_write(struct conduit *conduit, struct flow_sink *sink)
{
	struct conduit_steps *steps = conduit->steps;
	/* One at a time: see conduit_begin(). */
	struct conduit_chunk *chunk = conduit_chunk_of_write(list_first(&sink->writes));

	steps->work = STEPS_WRITE;
	steps->sink = sink;
	steps->empty = false;
	steps->data.in = chunk->bytes + chunk->flow.offset;
	steps->data.in_bytes = chunk->flow.write.bytes;
}

void conduit_steps_final(struct conduit *conduit)
{
	struct conduit_steps *steps = conduit->steps;

	steps->work = STEPS_FINAL;
	steps->data.in = NULL;
	steps->data.in_bytes = 0;
}

void conduit_steps_release(struct conduit *conduit)
{
	struct conduit_steps *steps = conduit->steps;

	steps->release_due = steps->busy;
	if (steps->busy)
		return;
	/* A write in hand is waited for, but the end may be under way. */
	if (steps->work != STEPS_NONE) {
		answer(steps, -ECANCELED);
		conduit_settle(conduit);
	}
	pipe_flow_released(&conduit->flow, CONDUIT_STEPS, 0);
	conduit_run(conduit);
}

/* ---- made and freed ---- */

uint64_t conduit_steps_memory_bytes(const struct stream_options *options)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < options->steps_count; i++)
		bytes += step_memory_bytes(options->steps[i].kind, options->steps[i].level) +
			 STEP_CHAIN_LINK_BYTES;
	return bytes;
}

int conduit_steps_new(struct conduit *conduit, const struct stream_options *options,
		      struct conduit_steps **ret_steps)
{
	struct conduit_steps *steps = calloc(1, sizeof(*steps));
	int r;

	if (!steps)
		return -ENOMEM;
	steps->conduit = conduit;
	steps->empty = true;
	r = step_chain_new(options->steps, options->steps_count, &steps->chain);
	if (r < 0) {
		free(steps);
		return r;
	}
	*ret_steps = steps;
	return 0;
}

struct conduit_steps *conduit_steps_free(struct conduit_steps *steps)
{
	if (!steps)
		return NULL;
	step_chain_free(steps->chain);
	conduit_chunk_free(steps->conduit, steps->out);
	free(steps);
	return NULL;
}
