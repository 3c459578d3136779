/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/pipe_flow.h"

#include <assert.h>
#include <stddef.h>

#include "daemon/core/pipe_flow_events.h"

/*
 * The calls; what follows from them is in pipe_flow_events.c. All that is deferred by the
 * parts and by the row itself takes a ticket from one counter, and goes in that order.
 */

/* A call from within another one: its loop ends where the other goes on. */
static void enter(struct pipe_flow *pipe)
{
	if (pipe->depth > 0)
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_CALL, 0);
}

static void part_init(struct pipe_flow *pipe, struct pipe_flow_part *part,
		      const struct pipe_flow_part_config *config)
{
	*part = (struct pipe_flow_part){ .reads = config->reads, .writes = config->writes };
	list_init(&part->late_end.link);
	list_init(&part->late_finished.link);
	if (config->reads) {
		struct read_flow_config read = {
			.high_water_mark = config->read_high_water_mark,
			.other_side = config->writes,
			.tickets = &pipe->tickets,
		};

		read_flow_init(&part->read, &read);
	}
	if (config->writes) {
		struct flow_config write = *config->write;

		/* The end of a sink call is withheld one at a time. */
		assert(!config->reads || write.sinks == 1);
		write.release = true;
		write.announce_close = true;
		write.other_side = config->reads;
		write.tickets = &pipe->tickets;
		/* The reading side of a step ends by its final step. */
		write.final = write.final || config->reads;
		flow_init(&part->write, &write);
	}
}

void pipe_flow_init(struct pipe_flow *pipe, struct pipe_flow_part *parts,
		    const struct pipe_flow_part_config *configs, unsigned int count)
{
	assert(count >= 1 && count <= PIPE_FLOW_PARTS_MAX);
	*pipe = (struct pipe_flow){ .parts = parts, .count = count };
	list_init(&pipe->deferred);
	list_init(&pipe->done_step.link);
	for (unsigned int i = 0; i < count; i++)
		part_init(pipe, &parts[i], &configs[i]);
}

void pipe_flow_fini(struct pipe_flow *pipe)
{
	if (!pipe)
		return;
	for (unsigned int i = 0; i < pipe->count; i++) {
		if (pipe->parts[i].reads)
			while (read_flow_take_back(&pipe->parts[i].read))
				;
		if (pipe->parts[i].writes)
			flow_fini(&pipe->parts[i].write);
	}
}

void pipe_flow_link(struct pipe_flow *pipe, unsigned int index, bool end)
{
	struct pipe_flow_part *part = &pipe->parts[index];
	struct pipe_flow_part *next = &pipe->parts[index + 1];

	assert(index + 1 < pipe->count && part->reads && next->writes && !part->linked);
	enter(pipe);
	part->linked = true;
	part->ends_next = end;
	part->hears_drain = false;
	if (read_flow_is_ended(&part->read))
		pipe_flow_defer(pipe, &part->late_end, PIPE_FLOW_STEP_END, index);
	read_flow_consume(&part->read);
	if (flow_needs_drain(&next->write))
		pipe_flow_hold(pipe, index);
	else
		read_flow_resume(&part->read);
}

void pipe_flow_unlink(struct pipe_flow *pipe, unsigned int index)
{
	enter(pipe);
	if (pipe->parts[index].linked)
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_UNLINK, index);
}

void pipe_flow_guard(struct pipe_flow *pipe)
{
	pipe_flow_set_phase(pipe, PIPE_FLOW_GUARDED);
	for (unsigned int i = 0; i + 1 < pipe->count; i++)
		pipe_flow_link(pipe, i, true);
}

void pipe_flow_watch(struct pipe_flow *pipe, unsigned int index)
{
	struct pipe_flow_part *part = &pipe->parts[index];

	part->watched = true;
	if (part->closed)
		pipe_flow_defer(pipe, &part->late_finished, PIPE_FLOW_STEP_FINISHED, index);
}

void pipe_flow_read(struct pipe_flow *pipe, unsigned int index)
{
	enter(pipe);
	pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_READ, index);
}

void pipe_flow_wrote(struct pipe_flow *pipe, unsigned int index)
{
	enter(pipe);
	pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_WRITE, index);
}

static bool output_is_full(const struct pipe_flow_part *part)
{
	uint64_t length = read_flow_length(&part->read);

	return !flow_is_ended(&part->write) && length != part->length_before &&
	       length >= part->read.config.high_water_mark;
}

void pipe_flow_complete(struct pipe_flow *pipe, unsigned int index, struct flow_sink *sink,
			int error)
{
	struct pipe_flow_part *part = &pipe->parts[index];

	enter(pipe);
	if (error)
		flow_fail(&part->write, sink, error);
	else if (part->reads && output_is_full(part))
		part->withheld = sink;
	else
		flow_complete(&part->write, sink);
	pipe_flow_settle(part);
	/* In the call the loop that gave WRITE goes on with the queue. */
	if (!part->in_call)
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_WRITE, index);
}

void pipe_flow_final_done(struct pipe_flow *pipe, unsigned int index, int error)
{
	struct pipe_flow_part *part = &pipe->parts[index];
	struct pipe_flow_frame *frame;

	enter(pipe);
	frame = pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_FINAL, index);
	frame->error = error;
	if (part->reads && !error) {
		read_flow_push_end(&part->read);
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_READ, index);
	}
}

void pipe_flow_destroy(struct pipe_flow *pipe, unsigned int index, int error)
{
	enter(pipe);
	pipe_flow_give_up(pipe, index, error);
}

void pipe_flow_released(struct pipe_flow *pipe, unsigned int index, int error)
{
	struct pipe_flow_part *part = &pipe->parts[index];

	enter(pipe);
	if (part->writes)
		flow_released(&part->write, error);
	else
		read_flow_released(&part->read, error);
	pipe_flow_settle(part);
}

bool pipe_flow_next(struct pipe_flow *pipe, struct pipe_flow_action *ret_action)
{
	while (pipe->depth > 0) {
		if (pipe->frames[pipe->depth - 1].kind == PIPE_FLOW_FRAME_CALL) {
			pipe->depth--;
			return false;
		}
		if (pipe_flow_run(pipe, ret_action))
			return true;
	}
	return false;
}

/* Whose turn it is: the oldest ticket, which may be on either side of a part. */
struct oldest {
	bool any;
	uint32_t ticket;
	unsigned int part;
	bool reads;
};

static void oldest_look(struct oldest *oldest, uint32_t ticket, unsigned int part, bool reads)
{
	/* The counter may have gone round. */
	if (oldest->any && (int32_t)(ticket - oldest->ticket) >= 0)
		return;
	*oldest = (struct oldest){ true, ticket, part, reads };
}

static struct oldest oldest_of(const struct pipe_flow *pipe)
{
	struct oldest oldest = { 0 };
	uint32_t ticket;

	for (unsigned int i = 0; i < pipe->count; i++) {
		const struct pipe_flow_part *part = &pipe->parts[i];

		if (part->writes && flow_ticket(&part->write, &ticket))
			oldest_look(&oldest, ticket, i, false);
		if (part->reads && read_flow_ticket(&part->read, &ticket))
			oldest_look(&oldest, ticket, i, true);
	}
	return oldest;
}

/* Whether there was anything; if it gave an action at once, *ret_given. */
static bool begin_deferred(struct pipe_flow *pipe, struct pipe_flow_action *action, bool *ret_given)
{
	struct oldest oldest = oldest_of(pipe);
	struct list *link = list_first(&pipe->deferred);
	struct pipe_flow_step *step = NULL;

	*ret_given = false;
	if (link)
		step = container_of(link, struct pipe_flow_step, link);
	if (step && (!oldest.any || (int32_t)(step->ticket - oldest.ticket) < 0)) {
		list_remove(link);
		*ret_given = pipe_flow_run_step(pipe, step, action);
		return true;
	}
	if (!oldest.any)
		return false;
	if (oldest.reads)
		read_flow_begin_deferred(&pipe->parts[oldest.part].read);
	else
		flow_begin_deferred(&pipe->parts[oldest.part].write);
	pipe_flow_frame_push(pipe, oldest.reads ? PIPE_FLOW_FRAME_READ : PIPE_FLOW_FRAME_WRITE,
			     oldest.part);
	return true;
}

bool pipe_flow_next_deferred(struct pipe_flow *pipe, struct pipe_flow_action *ret_action)
{
	bool given;

	do {
		if (pipe_flow_next(pipe, ret_action))
			return true;
		if (!begin_deferred(pipe, ret_action, &given))
			return false;
	} while (!given);
	return true;
}

bool pipe_flow_wants(const struct pipe_flow_part *part)
{
	return pipe_flow_is_destroyed(part) || read_flow_wants(&part->read);
}

bool pipe_flow_is_destroyed(const struct pipe_flow_part *part)
{
	return part->writes ? flow_is_destroyed(&part->write) : read_flow_is_destroyed(&part->read);
}

int pipe_flow_errored(const struct pipe_flow_part *part)
{
	return part->writes ? flow_errored(&part->write) : read_flow_errored(&part->read);
}
