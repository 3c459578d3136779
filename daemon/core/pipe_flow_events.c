/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/pipe_flow_events.h"

#include <assert.h>
#include <stddef.h>

/*
 * What a part says is gone through in stages, in the order in which Node's listeners stand:
 * each may put frames on top, which are run before the next stage.
 */

struct pipe_flow_frame *pipe_flow_frame_push(struct pipe_flow *pipe, enum pipe_flow_frame_kind kind,
					     unsigned int part)
{
	struct pipe_flow_frame *frame = &pipe->frames[pipe->depth];

	assert(pipe->depth < PIPE_FLOW_FRAMES_MAX);
	*frame = (struct pipe_flow_frame){ .kind = kind, .part = (uint8_t)part };
	pipe->depth++;
	return frame;
}

#define BIT(phase) (1u << PIPE_FLOW_##phase)

static const uint8_t allowed[] = {
	[PIPE_FLOW_LOOSE] = BIT(GUARDED),
	[PIPE_FLOW_GUARDED] = BIT(GIVING_UP) | BIT(DONE),
	[PIPE_FLOW_GIVING_UP] = BIT(DONE),
	[PIPE_FLOW_DONE] = 0,
};

void pipe_flow_set_phase(struct pipe_flow *pipe, enum pipe_flow_phase to)
{
	assert(allowed[pipe->phase] & (1u << to));
	pipe->phase = to;
}

void pipe_flow_defer(struct pipe_flow *pipe, struct pipe_flow_step *step,
		     enum pipe_flow_step_kind kind, unsigned int part)
{
	if (!list_is_empty(&step->link))
		return;
	step->kind = kind;
	step->part = (uint8_t)part;
	step->ticket = pipe->tickets++;
	list_append(&pipe->deferred, &step->link);
}

/* Whether it left something for the written side to do. */
bool pipe_flow_settle(struct pipe_flow_part *part)
{
	struct flow_sink *withheld = part->withheld;

	if (!part->writes || !part->reads)
		return false;
	read_flow_follow(&part->read, flow_errored(&part->write), flow_is_destroyed(&part->write),
			 part->told);
	if (!withheld || !flow_is_destroyed(&part->write))
		return false;
	/* Nobody will read what it gave; the write itself is over. */
	part->withheld = NULL;
	flow_complete(&part->write, withheld);
	return true;
}

void pipe_flow_hold(struct pipe_flow *pipe, unsigned int part)
{
	pipe->parts[part].hears_drain = true;
	read_flow_pause(&pipe->parts[part].read);
	pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_READ, part);
}

void pipe_flow_give_up(struct pipe_flow *pipe, unsigned int index, int error)
{
	struct pipe_flow_part *part = &pipe->parts[index];

	if (pipe_flow_is_destroyed(part))
		return;
	if (part->writes) {
		flow_destroy(&part->write, error);
		pipe_flow_settle(part);
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_WRITE, index);
	} else {
		read_flow_destroy(&part->read, error);
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_READ, index);
	}
}

int pipe_flow_outcome(const struct pipe_flow_part *part)
{
	if (pipe_flow_errored(part))
		return pipe_flow_errored(part);
	if ((part->reads && !read_flow_is_ended(&part->read)) ||
	    (part->writes && !flow_is_finished(&part->write)))
		return FLOW_ERROR_PREMATURE_CLOSE;
	return FLOW_ERROR_NONE;
}

/* ---- stages ---- */

static void unlink_before(struct pipe_flow *pipe, unsigned int part)
{
	if (part > 0 && pipe->parts[part - 1].linked)
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_UNLINK, part - 1);
}

static void end_next(struct pipe_flow *pipe, unsigned int part)
{
	pipe->parts[part].next_ended = true;
	flow_end(&pipe->parts[part + 1].write, NULL, NULL);
	pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_WRITE, part + 1);
}

/* A step is let go when both its sides are over. */
static void step_over(struct pipe_flow *pipe, unsigned int index)
{
	struct pipe_flow_part *part = &pipe->parts[index];

	if (part->reads && part->writes && read_flow_is_ended(&part->read) &&
	    flow_is_finished(&part->write))
		pipe_flow_give_up(pipe, index, FLOW_ERROR_NONE);
}

static void guard(struct pipe_flow *pipe, int error)
{
	if (pipe->phase == PIPE_FLOW_LOOSE || !error)
		return;
	if (!pipe->error || pipe->error == FLOW_ERROR_PREMATURE_CLOSE)
		pipe->error = error;
	if (pipe->phase != PIPE_FLOW_GUARDED)
		return;
	pipe_flow_set_phase(pipe, PIPE_FLOW_GIVING_UP);
	pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_GIVE_UP, 0);
}

static void guard_closed(struct pipe_flow *pipe)
{
	for (unsigned int i = 0; i < pipe->count; i++)
		if (!pipe->parts[i].closed)
			return;
	if (pipe->phase == PIPE_FLOW_LOOSE || pipe->phase == PIPE_FLOW_DONE)
		return;
	pipe_flow_set_phase(pipe, PIPE_FLOW_DONE);
	pipe_flow_defer(pipe, &pipe->done_step, PIPE_FLOW_STEP_DONE, 0);
}

static bool finished(struct pipe_flow *pipe, unsigned int index, int error,
		     struct pipe_flow_action *action)
{
	struct pipe_flow_part *part = &pipe->parts[index];

	if (!part->watched)
		return false;
	part->watched = false;
	*action = (struct pipe_flow_action){
		.what = PIPE_FLOW_DO_FINISHED,
		.part = index,
		.error = error,
	};
	return true;
}

static bool tell(struct pipe_flow_action *action, unsigned int part, enum pipe_flow_event event,
		 int error)
{
	*action = (struct pipe_flow_action){
		.what = PIPE_FLOW_DO_TELL,
		.part = part,
		.event = event,
		.error = error,
	};
	return true;
}

static bool run_drain(struct pipe_flow *pipe, struct pipe_flow_frame *frame,
		      struct pipe_flow_action *action)
{
	struct pipe_flow_part *before = frame->part > 0 ? &pipe->parts[frame->part - 1] : NULL;

	if (frame->stage++ == 0)
		return tell(action, frame->part, PIPE_FLOW_EVENT_DRAIN, 0);
	pipe->depth--;
	if (before && before->linked && before->hears_drain)
		read_flow_resume(&before->read);
	return false;
}

static bool run_finish(struct pipe_flow *pipe, struct pipe_flow_frame *frame,
		       struct pipe_flow_action *action)
{
	unsigned int part = frame->part;

	switch (frame->stage++) {
	case 0:
		return tell(action, part, PIPE_FLOW_EVENT_FINISH, 0);
	case 1:
		unlink_before(pipe, part);
		return false;
	default:
		pipe->depth--;
		step_over(pipe, part);
		return false;
	}
}

static bool run_end(struct pipe_flow *pipe, struct pipe_flow_frame *frame,
		    struct pipe_flow_action *action)
{
	unsigned int part = frame->part;

	switch (frame->stage++) {
	case 0:
		return tell(action, part, PIPE_FLOW_EVENT_END, 0);
	case 1:
		frame->error = pipe->parts[part].linked && pipe->parts[part].ends_next;
		if (pipe->parts[part].linked && (pipe->phase != PIPE_FLOW_LOOSE || !frame->error))
			pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_UNLINK, part);
		return false;
	case 2:
		if (frame->error)
			end_next(pipe, part);
		return false;
	default:
		pipe->depth--;
		step_over(pipe, part);
		return false;
	}
}

static bool run_error(struct pipe_flow *pipe, struct pipe_flow_frame *frame,
		      struct pipe_flow_action *action)
{
	switch (frame->stage++) {
	case 0:
		unlink_before(pipe, frame->part);
		return false;
	case 1:
		return tell(action, frame->part, PIPE_FLOW_EVENT_ERROR, frame->error);
	case 2:
		return finished(pipe, frame->part, frame->error, action);
	default:
		pipe->depth--;
		guard(pipe, frame->error);
		return false;
	}
}

static bool run_close(struct pipe_flow *pipe, struct pipe_flow_frame *frame,
		      struct pipe_flow_action *action)
{
	unsigned int part = frame->part;

	switch (frame->stage++) {
	case 0:
		pipe->parts[part].closed = true;
		return tell(action, part, PIPE_FLOW_EVENT_CLOSE, 0);
	case 1:
		if (part > 0 && !pipe->parts[part - 1].next_ended)
			guard(pipe, FLOW_ERROR_PREMATURE_CLOSE);
		return false;
	case 2:
		unlink_before(pipe, part);
		return false;
	case 3:
		return finished(pipe, part, pipe_flow_outcome(&pipe->parts[part]), action);
	case 4:
		guard(pipe, pipe_flow_outcome(&pipe->parts[part]));
		return false;
	default:
		pipe->depth--;
		guard_closed(pipe);
		return false;
	}
}

static bool run_unlink(struct pipe_flow *pipe, struct pipe_flow_frame *frame,
		       struct pipe_flow_action *action)
{
	struct pipe_flow_part *part = &pipe->parts[frame->part];

	if (frame->stage++ == 0) {
		part->linked = false;
		read_flow_pause(&part->read);
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_READ, frame->part);
		return false;
	}
	pipe->depth--;
	read_flow_leave(&part->read);
	return tell(action, frame->part + 1u, PIPE_FLOW_EVENT_UNLINK, 0);
}

static bool run_give_up(struct pipe_flow *pipe, struct pipe_flow_frame *frame)
{
	unsigned int part = frame->stage++;

	if (part < pipe->count)
		pipe_flow_give_up(pipe, part, pipe->error);
	else
		pipe->depth--;
	return false;
}

/* ---- the two sides of a part ---- */

static struct pipe_flow_chunk *chunk_of_read(struct read_chunk *chunk)
{
	return container_of(chunk, struct pipe_flow_chunk, read);
}

static bool give_back(struct pipe_flow_action *action, unsigned int part,
		      struct pipe_flow_chunk *chunk, int error)
{
	*action = (struct pipe_flow_action){
		.what = PIPE_FLOW_DO_RETURN,
		.part = part,
		.chunk = chunk,
		.error = error,
	};
	return true;
}

static bool on_deliver(struct pipe_flow *pipe, unsigned int index,
		       const struct read_flow_action *read, struct pipe_flow_action *action)
{
	struct pipe_flow_chunk *chunk = chunk_of_read(read->chunk);

	if (!pipe->parts[index].linked) {
		action->what = PIPE_FLOW_DO_DELIVER;
		action->chunk = chunk;
		return true;
	}
	/* A linked part flows, and so gives whole chunks. */
	assert(read->returned);
	if (read->unheard)
		return give_back(action, index, chunk, FLOW_ERROR_DESTROYED);
	chunk->offset = read->offset;
	chunk->write.bytes = read->bytes;
	chunk->write.quiet = true;
	flow_write(&pipe->parts[index + 1].write, &chunk->write);
	pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_WROTE, index);
	pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_WRITE, index + 1);
	return false;
}

/* The source of a step's reading side is its written side. */
static bool on_read(struct pipe_flow *pipe, unsigned int index, struct pipe_flow_action *action)
{
	struct pipe_flow_part *part = &pipe->parts[index];
	struct flow_sink *withheld = part->withheld;

	action->what = PIPE_FLOW_DO_READ;
	if (!part->writes)
		return true;
	if (!withheld)
		return false;
	part->withheld = NULL;
	flow_complete(&part->write, withheld);
	pipe_flow_settle(part);
	pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_WRITE, index);
	return false;
}

static bool on_read_side(struct pipe_flow *pipe, unsigned int index,
			 const struct read_flow_action *read, struct pipe_flow_action *action)
{
	*action = (struct pipe_flow_action){
		.part = index,
		.bytes = read->bytes,
		.read = *read,
		.error = read->error,
	};
	switch (read->what) {
	case READ_FLOW_DO_READ:
		return on_read(pipe, index, action);
	case READ_FLOW_DO_DELIVER:
		return on_deliver(pipe, index, read, action);
	case READ_FLOW_DO_READABLE:
		return tell(action, index, PIPE_FLOW_EVENT_READABLE, 0);
	case READ_FLOW_DO_PAUSE:
		return tell(action, index, PIPE_FLOW_EVENT_PAUSE, 0);
	case READ_FLOW_DO_RESUME:
		return tell(action, index, PIPE_FLOW_EVENT_RESUME, 0);
	case READ_FLOW_DO_END:
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_END, index);
		return false;
	case READ_FLOW_DO_RELEASE:
		action->what = PIPE_FLOW_DO_RELEASE;
		return true;
	case READ_FLOW_DO_ERROR:
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_ERROR, index)->error = read->error;
		return false;
	case READ_FLOW_DO_CLOSE:
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_CLOSE, index);
		return false;
	}
	return false;
}

static bool run_read_side(struct pipe_flow *pipe, unsigned int index,
			  struct pipe_flow_action *action)
{
	struct read_flow_action read;

	if (read_flow_next(&pipe->parts[index].read, &read))
		return on_read_side(pipe, index, &read, action);
	pipe->depth--;
	return false;
}

static bool on_sink(struct pipe_flow_part *part, const struct flow_action *write,
		    struct pipe_flow_action *action)
{
	action->what = PIPE_FLOW_DO_WRITE;
	action->sink = write->sink;
	part->in_call = true;
	if (part->reads)
		part->length_before = read_flow_length(&part->read);
	return true;
}

static bool on_write_side(struct pipe_flow *pipe, unsigned int index,
			  const struct flow_action *write, struct pipe_flow_action *action)
{
	struct pipe_flow_part *part = &pipe->parts[index];

	*action = (struct pipe_flow_action){ .part = index, .error = write->error };
	switch (write->what) {
	case FLOW_DO_SINK:
		return on_sink(part, write, action);
	case FLOW_DO_FINAL:
		action->what = PIPE_FLOW_DO_FINAL;
		return true;
	case FLOW_DO_RELEASE:
		action->what = PIPE_FLOW_DO_RELEASE;
		return true;
	case FLOW_DO_ANSWER_WRITE:
		return give_back(action, index,
				 container_of(write->write, struct pipe_flow_chunk, write),
				 write->error);
	case FLOW_DO_ANSWER_END:
		return false;
	case FLOW_DO_DRAIN:
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_DRAIN, index);
		return false;
	case FLOW_DO_FINISH:
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_FINISH, index);
		return false;
	case FLOW_DO_ERROR:
		part->told = true;
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_ERROR, index)->error = write->error;
		return false;
	case FLOW_DO_CLOSE:
		part->told = true;
		pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_CLOSE, index);
		return false;
	}
	return false;
}

static bool run_write_side(struct pipe_flow *pipe, unsigned int index,
			   struct pipe_flow_action *action)
{
	struct pipe_flow_part *part = &pipe->parts[index];
	struct flow_action write;
	bool given;

	part->in_call = false;
	if (flow_next(&part->write, &write)) {
		given = on_write_side(pipe, index, &write, action);
		pipe_flow_settle(part);
		return given;
	}
	if (!pipe_flow_settle(part))
		pipe->depth--;
	return false;
}

/* The end of the write may have left answers, which are given before anything is waited for. */
static bool run_wrote(struct pipe_flow *pipe, struct pipe_flow_frame *frame)
{
	unsigned int part = frame->part;
	bool go_on = flow_judge(&pipe->parts[part + 1].write);

	*frame = (struct pipe_flow_frame){
		.kind = PIPE_FLOW_FRAME_WRITE,
		.part = (uint8_t)(part + 1),
	};
	if (!go_on && pipe->parts[part].linked)
		pipe_flow_hold(pipe, part);
	return false;
}

static bool run_final(struct pipe_flow *pipe, struct pipe_flow_frame *frame)
{
	struct pipe_flow_part *part = &pipe->parts[frame->part];

	frame->kind = PIPE_FLOW_FRAME_WRITE;
	flow_final_done(&part->write, frame->error);
	pipe_flow_settle(part);
	return false;
}

bool pipe_flow_run(struct pipe_flow *pipe, struct pipe_flow_action *action)
{
	struct pipe_flow_frame *frame = &pipe->frames[pipe->depth - 1];

	switch (frame->kind) {
	case PIPE_FLOW_FRAME_READ:
		return run_read_side(pipe, frame->part, action);
	case PIPE_FLOW_FRAME_WRITE:
		return run_write_side(pipe, frame->part, action);
	case PIPE_FLOW_FRAME_WROTE:
		return run_wrote(pipe, frame);
	case PIPE_FLOW_FRAME_FINAL:
		return run_final(pipe, frame);
	case PIPE_FLOW_FRAME_UNLINK:
		return run_unlink(pipe, frame, action);
	case PIPE_FLOW_FRAME_DRAIN:
		return run_drain(pipe, frame, action);
	case PIPE_FLOW_FRAME_FINISH:
		return run_finish(pipe, frame, action);
	case PIPE_FLOW_FRAME_END:
		return run_end(pipe, frame, action);
	case PIPE_FLOW_FRAME_ERROR:
		return run_error(pipe, frame, action);
	case PIPE_FLOW_FRAME_CLOSE:
		return run_close(pipe, frame, action);
	default:
		return run_give_up(pipe, frame);
	}
}

bool pipe_flow_run_step(struct pipe_flow *pipe, const struct pipe_flow_step *step,
			struct pipe_flow_action *action)
{
	struct pipe_flow_part *part = &pipe->parts[step->part];

	switch (step->kind) {
	case PIPE_FLOW_STEP_END:
		if (part->linked && part->ends_next)
			end_next(pipe, step->part);
		else if (part->linked)
			pipe_flow_frame_push(pipe, PIPE_FLOW_FRAME_UNLINK, step->part);
		return false;
	case PIPE_FLOW_STEP_FINISHED:
		return finished(pipe, step->part, pipe_flow_outcome(part), action);
	default:
		*action = (struct pipe_flow_action){
			.what = PIPE_FLOW_DO_DONE,
			.error = pipe->error,
		};
		return true;
	}
}
