/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_READ_FLOW_H
#define FOREBAY_CORE_READ_FLOW_H

/*
 * The reading side of the stream contract: a source read ahead to a mark, its consumer that
 * pauses and resumes, and its end. This is the rule of Node's Readable. Like flow.h it holds
 * no bytes, only their counts, and calls nobody. Every call leaves actions behind, and the
 * caller performs them in order until there is none, before it makes the next call:
 *
 *	taken = read_flow_push(&flow, chunk);
 *	while (read_flow_next(&flow, &action))
 *		perform(&action);
 *	go_on = read_flow_wants(&flow);
 *	...				more calls of the same wake-up
 *	while (read_flow_next_deferred(&flow, &action))
 *		perform(&action);
 *
 * A call may be made while an action is being performed. It is followed by a loop of its own
 * over read_flow_next(), which ends when that call is carried out; the outer loop then goes
 * on with what was left. So a source that has bytes at hand pushes them while it performs
 * READ, and a consumer that has enough pauses while it performs DELIVER. The calls of which
 * it is said that they only defer are followed by no loop.
 *
 * A pause takes effect at once. The source is still asked to read until the mark is reached:
 * what is held is bounded by the mark and one push.
 *
 * Where this departs from Node: nowhere in what it says and when. But the chunks that a
 * destroyed source still holds are the caller's to take back with read_flow_take_back(), and
 * of what is due to be told as readable several times over, only the first few are kept.
 *
 * No allocation, no descriptor, no clock. Thread: whoever owns the flow; no lock.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/list.h"

enum read_flow_do {
	READ_FLOW_DO_READ,     /* read up to `bytes` from the source, then push or end */
	READ_FLOW_DO_DELIVER,  /* `bytes` of `chunk` from `offset` are the consumer's */
	READ_FLOW_DO_READABLE, /* tell that there is something to read, or the end */
	READ_FLOW_DO_PAUSE,    /* tell that it is paused */
	READ_FLOW_DO_RESUME,   /* tell that it goes on */
	READ_FLOW_DO_END,      /* everything was delivered */
	READ_FLOW_DO_RELEASE, /* let the source go, once no read is in hand; read_flow_released() */
	READ_FLOW_DO_ERROR,   /* the one terminal `error` */
	READ_FLOW_DO_CLOSE,   /* the source is let go */
};

/* Some bytes of the source. The caller's memory, on loan from read_flow_push(). */
struct read_chunk {
	struct list link; /* read_flow::chunks */
	uint64_t bytes;
	uint64_t used; /* read_flow's own use: so many were delivered */
};

struct read_flow_action {
	enum read_flow_do what;
	struct read_chunk *chunk; /* DELIVER */
	uint64_t offset;	  /* DELIVER */
	uint64_t bytes;		  /* READ, DELIVER */
	bool returned;		  /* DELIVER: with this the chunk is the caller's again */
	bool last;		  /* DELIVER: of the pieces of one read */
	bool unheard;		  /* DELIVER: it is closed; only an explicit read gets these */
	int error;		  /* RELEASE, ERROR */
};

struct read_flow_config {
	uint64_t high_water_mark; /* read ahead to here; 0: only on demand */
	bool other_side;	  /* it is also written to: see read_flow_follow() */
	uint32_t *tickets;	  /* as flow_config::tickets; may be NULL */
};

/*
 *	IDLE ──consume, resume──▶ FLOWING ◀──resume── PAUSED
 *	  │                          └──pause, watch────▶ ▲
 *	  └──────────────pause, watch─────────────────────┘
 *
 * IDLE		nobody has asked for anything yet; the caller moves it on
 * FLOWING	every chunk goes to the consumer as it comes
 * PAUSED	nothing is delivered but what an explicit read asks for
 */
enum read_flow_mode {
	READ_FLOW_IDLE,
	READ_FLOW_FLOWING,
	READ_FLOW_PAUSED,
};

/*
 * The flow's own: what is to be done later. One for each of what is deferred at most once;
 * a few where it may be deferred again before it was done.
 */
enum read_flow_step_kind {
	READ_FLOW_STEP_READABLE,
	READ_FLOW_STEP_READABLE_LAST = READ_FLOW_STEP_READABLE + 5,
	READ_FLOW_STEP_END,
	READ_FLOW_STEP_END_LAST = READ_FLOW_STEP_END + 1,
	READ_FLOW_STEP_RESUME,
	READ_FLOW_STEP_MORE,
	READ_FLOW_STEP_FIRST,
	READ_FLOW_STEP_CLOSE,
	READ_FLOW_STEP_COUNT,
};

struct read_flow_step {
	struct list link; /* read_flow::deferred */
	uint32_t ticket;
};

/* What is left to do of a call that is under way; see read_flow.c. */
struct read_flow_frame {
	uint64_t count;
	uint8_t kind;
	bool got;
};

#define READ_FLOW_FRAMES_MAX 24

/*
 * The fields are the flow's own; read them through the functions below. The struct is here
 * so that a stream can embed it. It must not be moved.
 */
struct read_flow {
	struct read_flow_config config;
	enum read_flow_mode mode;
	struct list chunks; /* struct read_chunk, pushed and not yet delivered */
	uint64_t length;    /* of them */

	struct list deferred;
	struct read_flow_step steps[READ_FLOW_STEP_COUNT];
	struct read_flow_frame frames[READ_FLOW_FRAMES_MAX];
	unsigned int depth;

	int error;	    /* the first one */
	int terminal_error; /* what RELEASE and ERROR tell */

	bool consumed;	    /* DELIVER has somebody to go to */
	bool watched;	    /* READABLE has */
	bool need_readable; /* the next bytes are news */
	bool readable_due;  /* and are about to be told */
	bool reading;	    /* READ was asked for and not answered by a push */
	bool sync;	    /* and is being performed */
	bool more_due;	    /* reading on is about to be looked at */
	bool resume_due;
	bool ended; /* the source has no more */
	bool end_said;
	bool destroyed;
	bool error_said;
	bool close_said;
	bool released;
};

/* Cannot fail. */
void read_flow_init(struct read_flow *flow, const struct read_flow_config *config);

/*
 * The source has these bytes. False: the chunk is still the caller's, for it is empty (which
 * answers a READ all the same), or it comes after the end (which destroys the source with
 * FLOW_ERROR_PUSH_AFTER_END), or the source is destroyed. It is never refused because there
 * is too much.
 */
bool read_flow_push(struct read_flow *flow, struct read_chunk *chunk);

/* The source has no more. */
void read_flow_push_end(struct read_flow *flow);

/* Puts bytes back in front, to be read again. False as above. */
bool read_flow_unshift(struct read_flow *flow, struct read_chunk *chunk);

/* Whether a push now would be welcome: the source stops reading if not. */
bool read_flow_wants(const struct read_flow *flow);

/*
 * Reads so many bytes, or what there is: they come in one or more DELIVER, the last of them
 * marked so, or not at all. A read beyond the mark raises it; false, and nothing is done, if
 * it is beyond READ_FLOW_READ_MAX as well. 0 only sees that the source is read. Not to be
 * called while DELIVER is being performed.
 */
#define READ_FLOW_ALL UINT64_MAX
#define READ_FLOW_READ_MAX (UINT64_C(1) << 30)
bool read_flow_read(struct read_flow *flow, uint64_t bytes);

void read_flow_pause(struct read_flow *flow);

/* Gives up, once: nothing more is read or told but the end of it. error 0: without one. */
void read_flow_destroy(struct read_flow *flow, int error);

/* From here on they only defer. */

void read_flow_resume(struct read_flow *flow);

/* A consumer takes every chunk as it comes; it starts the flow unless that is paused. */
void read_flow_consume(struct read_flow *flow);

/* The consumer is gone. Nothing pauses by this. */
void read_flow_leave(struct read_flow *flow);

/* Somebody reads by himself and wants READABLE; takes precedence over a consumer. */
void read_flow_watch(struct read_flow *flow);

/* What READ_FLOW_DO_RELEASE asked for is done; an error of its own is told instead. */
void read_flow_released(struct read_flow *flow, int error);

/*
 * With config.other_side there is no RELEASE, ERROR and CLOSE here: the written side has
 * them, and this side is told how that stands. `told`: ERROR or CLOSE was said.
 */
void read_flow_follow(struct read_flow *flow, int error, bool destroyed, bool told);

/* What a destroyed source holds, a chunk at a time; NULL: nothing is left. */
struct read_chunk *read_flow_take_back(struct read_flow *flow);

/* The next action of the present call; false: none is left. */
bool read_flow_next(struct read_flow *flow, struct read_flow_action *ret_action);

/* The next action at all. */
bool read_flow_next_deferred(struct read_flow *flow, struct read_flow_action *ret_action);

/* As flow_ticket() and flow_begin_deferred(). */
bool read_flow_ticket(const struct read_flow *flow, uint32_t *ret_ticket);
bool read_flow_begin_deferred(struct read_flow *flow);

uint64_t read_flow_length(const struct read_flow *flow);
enum read_flow_mode read_flow_mode(const struct read_flow *flow);
bool read_flow_is_consumed(const struct read_flow *flow);
bool read_flow_is_ended(const struct read_flow *flow); /* END was said */
bool read_flow_is_destroyed(const struct read_flow *flow);
bool read_flow_is_closed(const struct read_flow *flow);
int read_flow_errored(const struct read_flow *flow); /* the first error, else 0 */

#endif
