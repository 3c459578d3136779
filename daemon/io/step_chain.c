/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/step_chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * A call that had no room is made again, and must not lose its place. It needs no memory of
 * where it stopped: a step that has ended its frame gives nothing for being told so again,
 * and what it gave is in the link behind it, which is emptied before anything else is done.
 */

/* What a step gave out and the next one has not taken yet. */
struct link {
	unsigned char *bytes; /* NULL behind the last step: that one gives to the caller */
	size_t begin;
	size_t end;
};

struct place {
	struct step *step;
	struct link link;
};

struct step_chain {
	struct place places[STREAM_STEPS_MAX];
	size_t count;
	const struct place *failed;
	bool empty_is_given; /* the first compressing step has done its part of end_empty() */
};

static int place_init(struct place *place, const struct stream_step *step, bool is_last)
{
	int r = step_new(step->kind, step->level, &place->step);

	if (r < 0 || is_last)
		return r;
	place->link.bytes = malloc(STEP_CHAIN_LINK_BYTES);
	return place->link.bytes ? 0 : -ENOMEM;
}

int step_chain_new(const struct stream_step *steps, size_t count, struct step_chain **ret_chain)
{
	struct step_chain *chain;

	if (count > STREAM_STEPS_MAX)
		return -EINVAL;
	chain = calloc(1, sizeof(*chain));
	if (!chain)
		return -ENOMEM;
	chain->count = count;
	for (size_t i = 0; i < count; i++) {
		int r = place_init(&chain->places[i], &steps[i], i + 1 == count);

		if (r < 0) {
			step_chain_free(chain);
			return r;
		}
	}
	*ret_chain = chain;
	return 0;
}

struct step_chain *step_chain_free(struct step_chain *chain)
{
	if (!chain)
		return NULL;
	for (size_t i = 0; i < chain->count; i++) {
		step_free(chain->places[i].step);
		free(chain->places[i].link.bytes);
	}
	free(chain);
	return NULL;
}

static int copy(struct step_data *data)
{
	size_t bytes = data->in_bytes < data->out_bytes ? data->in_bytes : data->out_bytes;

	if (bytes > 0) {
		memcpy(data->out, data->in, bytes);
		data->in += bytes;
		data->in_bytes -= bytes;
		data->out += bytes;
		data->out_bytes -= bytes;
	}
	return data->in_bytes > 0 ? STEP_E_FULL : 0;
}

static int note(struct step_chain *chain, const struct place *place, int result)
{
	if (result < 0)
		chain->failed = place;
	return result;
}

static int push(struct step_chain *chain, size_t index, struct step_data *data,
		enum step_flush flush);

/* What is in the link behind `index`, to the step behind that. */
static int push_link(struct step_chain *chain, size_t index, struct step_data *data)
{
	struct link *link = &chain->places[index].link;
	struct step_data piece = {
		.in = link->bytes + link->begin,
		.in_bytes = link->end - link->begin,
		.out = data->out,
		.out_bytes = data->out_bytes,
	};
	int r = push(chain, index + 1, &piece, STEP_RUN);

	link->begin = link->end - piece.in_bytes;
	data->out = piece.out;
	data->out_bytes = piece.out_bytes;
	return r;
}

/* The step takes from data and gives into its link, which is empty. */
static int run_into_link(struct place *place, struct step_data *data, enum step_flush flush)
{
	struct link *link = &place->link;
	struct step_data piece = {
		.in = data->in,
		.in_bytes = data->in_bytes,
		.out = link->bytes,
		.out_bytes = STEP_CHAIN_LINK_BYTES,
	};
	int r = step_run(place->step, &piece, flush);

	link->begin = 0;
	link->end = STEP_CHAIN_LINK_BYTES - piece.out_bytes;
	data->in = piece.in;
	data->in_bytes = piece.in_bytes;
	return r;
}

/* All steps from `index` on had everything that was before them: their frames end. */
static int end_frames(struct step_chain *chain, size_t index, struct step_data *data)
{
	struct step_data nothing = { .out = data->out, .out_bytes = data->out_bytes };
	int r = push(chain, index, &nothing, STEP_END_FRAME);

	data->out = nothing.out;
	data->out_bytes = nothing.out_bytes;
	return r;
}

/* data.in to the step at `index`, and what it gives to those behind it. At most four deep. */
static int push(struct step_chain *chain, size_t index, struct step_data *data,
		enum step_flush flush)
{
	struct place *place = &chain->places[index];
	bool is_last = index + 1 == chain->count;
	int r, result;

	if (is_last)
		return note(chain, place, step_run(place->step, data, flush));
	r = push_link(chain, index, data);
	if (r)
		return r;
	do {
		result = note(chain, place, run_into_link(place, data, flush));
		if (result < 0)
			return result;
		r = push_link(chain, index, data);
		if (r)
			return r;
	} while (result == STEP_E_FULL);
	return flush == STEP_END_FRAME ? end_frames(chain, index + 1, data) : 0;
}

int step_chain_run(struct step_chain *chain, struct step_data *data, enum step_flush flush)
{
	return chain->count > 0 ? push(chain, 0, data, flush) : copy(data);
}

/* An empty frame is a few bytes, and the link behind a step that did nothing has room. */
static int give_empty(struct step_chain *chain, size_t index, struct step_data *data)
{
	struct place *place = &chain->places[index];
	struct step_data piece = { .out = place->link.bytes, .out_bytes = STEP_CHAIN_LINK_BYTES };
	int r;

	if (index + 1 == chain->count)
		return note(chain, place, step_end_empty(place->step, data));
	r = note(chain, place, step_end_empty(place->step, &piece));
	place->link.begin = 0;
	place->link.end = STEP_CHAIN_LINK_BYTES - piece.out_bytes;
	return r;
}

int step_chain_end_empty(struct step_chain *chain, struct step_data *data)
{
	size_t index = 0;
	int r;

	while (index < chain->count &&
	       !stream_step_is_compressing(step_kind(chain->places[index].step)))
		index++;
	if (index == chain->count)
		return 0;
	if (!chain->empty_is_given) {
		r = give_empty(chain, index, data);
		if (r)
			return r;
		chain->empty_is_given = true;
	}
	r = end_frames(chain, index, data);
	if (r == 0)
		chain->empty_is_given = false;
	return r;
}

bool step_chain_is_at_boundary(const struct step_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		const struct place *place = &chain->places[i];

		if (!step_is_at_boundary(place->step) || place->link.begin != place->link.end)
			return false;
	}
	return true;
}

static const struct place *find_unfinished(const struct step_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		const struct place *place = &chain->places[i];

		if (!stream_step_is_compressing(step_kind(place->step)) &&
		    !step_is_at_boundary(place->step))
			return place;
	}
	return NULL;
}

bool step_chain_expects_more(const struct step_chain *chain)
{
	return find_unfinished(chain) != NULL;
}

const char *step_chain_failed_name(const struct step_chain *chain)
{
	const struct place *place = chain->failed ? chain->failed : find_unfinished(chain);

	return place ? stream_step_name(step_kind(place->step)) : NULL;
}

void step_chain_reset(struct step_chain *chain)
{
	for (size_t i = 0; i < chain->count; i++) {
		step_reset(chain->places[i].step);
		chain->places[i].link.begin = 0;
		chain->places[i].link.end = 0;
	}
	chain->failed = NULL;
	chain->empty_is_given = false;
}
