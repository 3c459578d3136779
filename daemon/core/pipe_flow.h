/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_PIPE_FLOW_H
#define FOREBAY_CORE_PIPE_FLOW_H

/*
 * A row of parts through which bytes go: a source, steps between, a sink. This is the rule of
 * Node's Duplex, Transform, pipe, pipeline and finished, made of struct read_flow and struct
 * flow. Like those it holds no bytes, and it calls nobody:
 *
 *	pipe_flow_init(&pipe, parts, configs, count);
 *	pipe_flow_guard(&pipe);
 *	while (pipe_flow_next_deferred(&pipe, &action))
 *		perform(&action);
 *
 * Each part is a source (read from), a sink (written to) or a step: both. The caller calls
 * the functions of flow.h and read_flow.h on the sides of a part, but for those that have
 * their like below, and follows each such call with pipe_flow_wrote() or pipe_flow_read(),
 * which have the consequences carried out. After that, and after each call here, comes a loop
 * over pipe_flow_next(), also from within an action that is being performed: it ends when the
 * call is carried out. Those functions of read_flow.h that only defer are followed by
 * nothing.
 *
 * Backpressure goes through a step: the end of its sink call is withheld while what it gave
 * is at or over the mark of its reading side. What a step holds is bounded by both marks and
 * the output of one write; by the marks and one push if it pushes only while
 * pipe_flow_wants(), which after the end of its writes is the only bound.
 *
 * Guarded, the row is a pipeline: the first error destroys every part that is not over, and
 * DONE comes once, with that error or none, when every part is closed. A part that is closed
 * too early without an error counts as FLOW_ERROR_PREMATURE_CLOSE, which a real error
 * replaces. Not guarded, errors stay where they are: a failing source leaves its sink open.
 * Nothing but tests should want that.
 *
 * Where this departs from Node: what flow.h says; DONE never comes before the parts are
 * closed, as it can in Node before version 22; and a part that is closed before its end or
 * finish was said is premature even if nothing was left to read or write. One part goes to
 * one part. flow_want_drain() is for rings, not for parts of a row.
 *
 * A driver whose source is read by a worker and whose sink is written by an engine performs
 * the actions so:
 *
 *	READ		Start a read into memory that is free, or note that one is due. When it
 *			is back: read_flow_push() of its bytes, pipe_flow_read(), the loop; at
 *			the end of the file read_flow_push_end() likewise; after an error
 *			pipe_flow_destroy(). One push, or the end, for one READ. A false push
 *			leaves the chunk with the caller.
 *	WRITE		Start it: the `write`s of action.sink->writes in order, each the bytes of
 *			its chunk from `offset`. When it is back: pipe_flow_complete(), the loop.
 *			A step pushes its output before that, as long as pipe_flow_wants() says
 *			so; what does not fit waits with the write in hand, and the step looks
 *			again when a wake-up has taken all actions. A failure is told later
 *			than in the action: inside it, as in Node, the next WRITE still comes.
 *	FINAL		The same, with pipe_flow_final_done() at the end.
 *	RELEASE		No WRITE is in hand any more, but the READ or the FINAL may be: wait for
 *			it, answer FINAL, close, then pipe_flow_released() and the loop.
 *	RETURN		The chunk's memory is free. A READ that is due can start.
 *	DELIVER		With read.returned, too. In a guarded row only after a destroy.
 *
 * Nothing takes back a READ, WRITE or FINAL that was given. The sides of a destroyed part
 * wait for theirs: a WRITE or FINAL that waits for a peer rather than for a device is
 * completed, with any error, once pipe_flow_is_destroyed() says so after a wake-up. To give
 * up the whole row, destroy every part. To pause a row, hold its sink with flow_hold(): a
 * pause of the source is undone by the next drain. A wake-up ends with the loop over
 * pipe_flow_next_deferred(), which is called outside of all actions only.
 *
 * Every chunk that was pushed or written comes back once: by RETURN, by DELIVER, or after DONE
 * by read_flow_take_back() on each part that is read from.
 *
 * No allocation, no descriptor, no clock. Thread: whoever owns the pipe; no lock.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/list.h"
#include "daemon/core/flow.h"
#include "daemon/core/read_flow.h"

#define PIPE_FLOW_PARTS_MAX 8

/*
 * Bytes on their way. The caller's memory, on loan from the push (or write) to
 * PIPE_FLOW_DO_RETURN. A part is pushed and written nothing but `read` and `write` of these.
 */
struct pipe_flow_chunk {
	struct read_chunk read;
	struct flow_write write; /* `bytes` from `offset`, once it was read */
	uint64_t offset;
};

enum pipe_flow_do {
	PIPE_FLOW_DO_READ,     /* read about `bytes` from the source (0: any), then push or end */
	PIPE_FLOW_DO_DELIVER,  /* to nobody of the row: `read` as READ_FLOW_DO_DELIVER has it */
	PIPE_FLOW_DO_WRITE,    /* carry out `sink`: pipe_flow_complete(); a step pushes before */
	PIPE_FLOW_DO_FINAL,    /* nothing more is written: pipe_flow_final_done(); as above */
	PIPE_FLOW_DO_RELEASE,  /* let the part go, once nothing is in hand: pipe_flow_released() */
	PIPE_FLOW_DO_RETURN,   /* `chunk` is the caller's again; `error`: why it went no further */
	PIPE_FLOW_DO_TELL,     /* `event` of the part; nothing needs to be done */
	PIPE_FLOW_DO_FINISHED, /* the part that was watched is over, with `error` or well */
	PIPE_FLOW_DO_DONE,     /* the guarded row is over, with `error` or well */
};

enum pipe_flow_event {
	PIPE_FLOW_EVENT_READABLE,
	PIPE_FLOW_EVENT_PAUSE,
	PIPE_FLOW_EVENT_RESUME,
	PIPE_FLOW_EVENT_UNLINK, /* of the part that was written to */
	PIPE_FLOW_EVENT_DRAIN,
	PIPE_FLOW_EVENT_FINISH,
	PIPE_FLOW_EVENT_END,
	PIPE_FLOW_EVENT_ERROR,
	PIPE_FLOW_EVENT_CLOSE,
};

struct pipe_flow_action {
	enum pipe_flow_do what;
	unsigned int part;
	enum pipe_flow_event event;
	uint64_t bytes;
	struct flow_sink *sink;
	struct pipe_flow_chunk *chunk;
	struct read_flow_action read;
	int error;
};

struct pipe_flow_part_config {
	bool reads;			 /* the part can be read from */
	bool writes;			 /* it can be written to */
	uint64_t read_high_water_mark;	 /* with `reads` */
	const struct flow_config *write; /* with `writes`; release is set here; a step: 1 sink */
};

/* What the row defers itself: at most once for each part. */
struct pipe_flow_step {
	struct list link; /* pipe_flow::deferred */
	uint32_t ticket;
	uint8_t kind;
	uint8_t part;
};

/* The fields are the row's own, but for the two sides. It must not be moved. */
struct pipe_flow_part {
	struct read_flow read;
	struct flow write;
	struct flow_sink *withheld; /* of a step: done, but its output is to be read first */
	uint64_t length_before;	    /* of its reading side, when WRITE was given */
	struct pipe_flow_step late_end;
	struct pipe_flow_step late_finished;
	bool reads;
	bool writes;
	bool in_call; /* WRITE is being performed */
	bool told;    /* ERROR or CLOSE was */
	bool closed;
	bool watched;
	bool linked;	  /* to the next part */
	bool ends_next;	  /* its end ends that one */
	bool next_ended;  /* and did */
	bool hears_drain; /* that one made it pause once: from then on its drains resume it */
};

/* What is left to do of a call that is under way; see pipe_flow_events.c. */
struct pipe_flow_frame {
	uint8_t kind;
	uint8_t part;
	uint8_t stage;
	int error;
};

#define PIPE_FLOW_FRAMES_MAX (12 * PIPE_FLOW_PARTS_MAX)

/*
 *	LOOSE ──guard──▶ GUARDED ──the first error──▶ GIVING_UP ──┐
 *	                    └─────────── every part is closed ────┴──▶ DONE
 *
 * LOOSE	errors stay where they are; whoever made the row may guard it
 * GUARDED	all is well; what a part says moves it on
 * GIVING_UP	every part is being destroyed, or is over; the last one to close moves it on
 * DONE		the outcome is told, or about to be
 */
enum pipe_flow_phase {
	PIPE_FLOW_LOOSE,
	PIPE_FLOW_GUARDED,
	PIPE_FLOW_GIVING_UP,
	PIPE_FLOW_DONE,
};

struct pipe_flow {
	struct pipe_flow_part *parts;
	unsigned int count;
	uint32_t tickets;
	struct list deferred;
	struct pipe_flow_step done_step;
	struct pipe_flow_frame frames[PIPE_FLOW_FRAMES_MAX];
	unsigned int depth;
	enum pipe_flow_phase phase;
	int error; /* the outcome, so far */
};

/* Cannot fail: 1..PIPE_FLOW_PARTS_MAX parts, the caller's memory. Nothing is linked yet. */
void pipe_flow_init(struct pipe_flow *pipe, struct pipe_flow_part *parts,
		    const struct pipe_flow_part_config *configs, unsigned int count);

/* Takes every loaned node off the lists without an answer. Takes NULL. */
void pipe_flow_fini(struct pipe_flow *pipe);

/* Links every part to the next one and makes the row a pipeline. */
void pipe_flow_guard(struct pipe_flow *pipe);

/* What is read from the part is written to the next one; `end`: its end ends that one. */
void pipe_flow_link(struct pipe_flow *pipe, unsigned int part, bool end);
void pipe_flow_unlink(struct pipe_flow *pipe, unsigned int part);

/* FINISHED comes once for this part, also if it is over already. */
void pipe_flow_watch(struct pipe_flow *pipe, unsigned int part);

/* A function of read_flow.h, or of flow.h, was called on that side of the part. */
void pipe_flow_read(struct pipe_flow *pipe, unsigned int part);
void pipe_flow_wrote(struct pipe_flow *pipe, unsigned int part);

/* What PIPE_FLOW_DO_WRITE asked for is done; error 0: well. A step has pushed its output. */
void pipe_flow_complete(struct pipe_flow *pipe, unsigned int part, struct flow_sink *sink,
			int error);

/* What PIPE_FLOW_DO_FINAL asked for is done. The reading side of a step ends by it. */
void pipe_flow_final_done(struct pipe_flow *pipe, unsigned int part, int error);

/* Gives the part up, once, with both its sides. */
void pipe_flow_destroy(struct pipe_flow *pipe, unsigned int part, int error);

/* What PIPE_FLOW_DO_RELEASE asked for is done; an error of its own is told instead. */
void pipe_flow_released(struct pipe_flow *pipe, unsigned int part, int error);

/* The next action of the present call; false: none is left. */
bool pipe_flow_next(struct pipe_flow *pipe, struct pipe_flow_action *ret_action);

/* The next action at all. */
bool pipe_flow_next_deferred(struct pipe_flow *pipe, struct pipe_flow_action *ret_action);

/*
 * Whether a step goes on with its output: what it gave is under the mark, or the part is
 * destroyed, so that its pushes are refused and it may as well be done at once.
 */
bool pipe_flow_wants(const struct pipe_flow_part *part);

bool pipe_flow_is_destroyed(const struct pipe_flow_part *part);
int pipe_flow_errored(const struct pipe_flow_part *part); /* the first error, else 0 */

#endif
