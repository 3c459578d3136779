/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_FLOW_H
#define FOREBAY_CORE_FLOW_H

/*
 * The drain contract: what a producer of a stream is told, and when. This is the rule of
 * Node's Writable, with a low-water mark (0 is Node's rule) and more than one sink call in
 * flight. It holds no bytes, only their counts; it calls nobody. Every call leaves actions
 * behind, and the caller performs them in the order in which flow_next() gives them, until
 * there is none, before it makes the next call:
 *
 *	flow_write(&flow, write);
 *	while (flow_next(&flow, &action))
 *		perform(&action);
 *	writable = flow_judge(&flow);
 *	...				more calls of the same wake-up
 *	while (flow_next_deferred(&flow, &action))
 *		perform(&action);
 *
 * Deferred actions are those that must come after the present call has been answered. They
 * are decided when they are taken, so that a wake-up with many completions gives at most one
 * drain. flow_next_deferred() gives what flow_next() would give too; a wake-up that ends with
 * it leaves nothing behind.
 *
 * A call may be made while an action is being performed. Between flow_write() and
 * flow_judge() flow_next() gives FLOW_DO_SINK only, so that a write made from within an
 * action is complete before the rest of the outer actions comes.
 *
 *	        flow_opened            flow_end           last sink call, FINAL
 *	OPENING ────────▶ OPEN ─────────────▶ ENDING ─────────────────▶ FINISHED ──┐
 *	   └────────────────┴────────┬──────────┘                         │        │
 *	                       error │ flow_destroy                       │ release│
 *	                             ▼                                    ▼        ▼
 *	                          FAILED ────────────────────────────▶ DESTROYED ──▶ CLOSED
 *
 * Where this departs from Node (each time because acknowledged bytes must not be lost):
 *   - a write after end is refused and harms nothing;
 *   - a write on a failed stream is answered at once;
 *   - destroying waits for the sink calls in hand, then answers every write, then closes.
 *
 * Where it follows Node and one might not expect it:
 *   - an end that is asked for first on a destroyed stream without an error is never answered;
 *   - a stream whose final step has succeeded says finish, even if it is destroyed meanwhile;
 *   - without `release`, what was written to a stream that could not be opened is answered
 *     when it is destroyed;
 *   - with one sink call at a time, a call that fails before flow_next() is called again does
 *     not stop the queue; report the failure later where that matters.
 *
 * No allocation, no descriptor, no clock. Thread: whoever owns the flow; no lock.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/list.h"

/* Why a write or an end was not carried out. Negative values are the caller's own errors. */
enum flow_error {
	FLOW_ERROR_NONE = 0,
	FLOW_ERROR_WRITE_AFTER_END,
	FLOW_ERROR_DESTROYED,
	FLOW_ERROR_ALREADY_FINISHED,
	FLOW_ERROR_PUSH_AFTER_END,    /* read_flow's */
	FLOW_ERROR_UNSHIFT_AFTER_END, /* read_flow's */
	FLOW_ERROR_PREMATURE_CLOSE,   /* pipe's: destroyed without an error before the end */
};

/*
 * OPENING	writes queue; flow_opened() or flow_open_failed() moves it on
 * OPEN		writes go to the sink; flow_end() moves it on
 * ENDING	what was accepted goes to the sink, nothing more is; the flow moves it on by itself
 * FINISHED	everything accepted is done and said so; with `release` the flow moves it on
 * FAILED	the sink, the opening or the final step failed: what is in hand is waited for, the
 *		rest is answered; with `release` the flow moves it on, else flow_destroy() does
 * DESTROYED	waits for the opening, for sink calls in hand, then for flow_released()
 * CLOSED	the destination is let go
 */
#define FLOW_PHASE_LIST(X)                                                                         \
	X(OPENING, "opening")                                                                      \
	X(OPEN, "open")                                                                            \
	X(ENDING, "ending")                                                                        \
	X(FINISHED, "finished")                                                                    \
	X(FAILED, "failed")                                                                        \
	X(DESTROYED, "destroyed")                                                                  \
	X(CLOSED, "closed")

#define FLOW_PHASE_ENUM(name, text) FLOW_##name,

enum flow_phase { FLOW_PHASE_LIST(FLOW_PHASE_ENUM) };

enum flow_do {
	FLOW_DO_SINK,	 /* carry out `sink->writes`, then flow_complete() or flow_fail() */
	FLOW_DO_FINAL,	 /* put the file in place, then flow_final_done() */
	FLOW_DO_RELEASE, /* close the destination, then flow_released(); FINAL may be under way */
	FLOW_DO_ANSWER_WRITE, /* `write` is over with `error`; its memory is the caller's again */
	FLOW_DO_ANSWER_END,   /* `end` is over with `error`; its memory is the caller's again */
	FLOW_DO_DRAIN,	      /* tell the producer to go on */
	FLOW_DO_FINISH,	      /* everything accepted is done */
	FLOW_DO_ERROR,	      /* the one terminal `error` */
	FLOW_DO_CLOSE,	      /* nothing but the answers to later calls comes after this */
};

/* The flow's own: something to be done later, on flow::now or flow::deferred. */
struct flow_step {
	struct list link;
	uint32_t ticket; /* its place among all that is deferred */
	uint8_t kind;
};

/* One write. The caller's memory, on loan from flow_write() to FLOW_DO_ANSWER_WRITE. */
struct flow_write {
	struct flow_step step; /* flow::queue, flow_sink::writes, flow::now or flow::deferred */
	uint64_t sequence;     /* the caller's name for it */
	uint64_t bytes;	       /* may be 0 */
	int error;	       /* flow's own use, as all below but `quiet` */
	bool quiet;	       /* nobody waits for the answer: it may come early */
	bool accepted;
	bool first; /* of the writes that one sink call completed: drain is decided here */
	bool last;  /* of them: the end is decided here */
};

/* Somebody who waits for the end. On loan from flow_end() to FLOW_DO_ANSWER_END. */
struct flow_end {
	struct flow_step step; /* flow::ends, flow::now or flow::deferred */
	uint64_t tag;	       /* the caller's name for it */
	int error;	       /* flow's own use */
};

/*
 * One sink call: the writes that went to the destination together. The flow owns the slots.
 * A slot is the caller's to read from FLOW_DO_SINK to flow_complete() or flow_fail().
 */
struct flow_sink {
	struct list writes; /* struct flow_write by step.link, in order */
	uint32_t count;
	uint64_t bytes;
	uint64_t number; /* 1, 2, ... */
	int error;	 /* flow's own use */
	bool done;	 /* over, but an older one is not */
};

#define FLOW_SINKS_MAX 16

struct flow_config {
	uint64_t high_water_mark;
	uint64_t low_water_mark; /* < high, or both 0 */
	uint64_t
		sink_bytes; /* a gathered sink call ends at this many bytes; UINT64_MAX: no bound */
	uint32_t sink_writes; /* and at this many writes; 1: one write a call, as without writev */
	uint32_t sinks;	      /* calls in flight at once, 1..FLOW_SINKS_MAX; Node's rule is 1 */
	bool opening;	      /* nothing reaches the sink before flow_opened() */
	bool final;	      /* FLOW_DO_FINAL comes before FINISH */
	bool release;	      /* FLOW_DO_RELEASE comes by itself at the end (autoDestroy) */
	bool announce_close;  /* FLOW_DO_CLOSE is wanted (emitClose) */
	bool other_side;      /* it is also read from: FINISH alone brings no RELEASE */
	uint32_t *tickets;    /* counts what is deferred, here and beside it; NULL: alone */
};

struct flow_action {
	enum flow_do what;
	struct flow_sink *sink;	  /* SINK */
	struct flow_write *write; /* ANSWER_WRITE */
	struct flow_end *end;	  /* ANSWER_END */
	int error;		  /* ANSWER_*, ERROR, RELEASE */
};

/* Steps of which there is at most one: they stand in the flow itself. */
enum flow_step_kind {
	FLOW_STEP_OPENED,
	FLOW_STEP_CHECK,
	FLOW_STEP_FINAL,
	FLOW_STEP_FINISH,
	FLOW_STEP_FINISH_SAY,
	FLOW_STEP_FAIL_REST,
	FLOW_STEP_ERROR,
	FLOW_STEP_RELEASE,
	FLOW_STEP_CLOSE,
	FLOW_STEP_OWN_COUNT,
	FLOW_STEP_WRITE = FLOW_STEP_OWN_COUNT,
	FLOW_STEP_END,
};

/* How far a call of flow_end() has come: its sink calls, then the end itself, then FINAL. */
enum flow_end_stage {
	FLOW_END_NONE,
	FLOW_END_MARK,
	FLOW_END_WAITER,
};

/*
 * The fields are the flow's own; read them through the functions below. The struct is here
 * so that a stream can embed it. It must not be moved.
 */
struct flow {
	struct flow_config config;
	enum flow_phase phase;
	struct list queue; /* writes taken and not yet at the sink */
	uint32_t queued;
	struct flow_sink sinks[FLOW_SINKS_MAX]; /* a circle of `sinks_count` from `sinks_first` */
	uint32_t sinks_first;
	uint32_t sinks_count;
	uint64_t sink_number;
	struct flow_sink *sink_in_call; /* just given by FLOW_DO_SINK: a completion is W21's */
	uint64_t length;		/* bytes taken and not yet done: queued and at the sink */
	uint64_t drain_limit; /* need is met at or below this, if it is under the low mark */
	uint64_t pending;     /* what finish waits for: accepted writes, FINAL, FINISH itself */
	uint32_t corked;
	uint32_t groups_deferred; /* sink calls whose answers are on `deferred` */

	struct list ends;	     /* struct flow_end, waiting for the end */
	struct flow_end *end_waiter; /* the call of flow_end() that is under way */
	int end_error;
	enum flow_end_stage end_stage;

	struct list now;      /* steps of the present call */
	struct list deferred; /* steps for after it, first in, first out */
	struct flow_step own[FLOW_STEP_OWN_COUNT];

	int error; /* the first one */
	int open_error;
	int sink_error;	    /* after it, sink calls that succeed are answered with it */
	int failure;	    /* what FLOW_DO_ERROR tells if the stream is not destroyed by it */
	int terminal_error; /* what RELEASE, and FLOW_DO_ERROR after it, tell */

	bool need;    /* the producer was told to stop and not yet to go on */
	bool wanted;  /* flow_want_drain() found it met already */
	bool judging; /* between flow_write() and flow_judge() */
	bool held;
	bool opening;
	bool ended; /* flow_end() took effect, whatever became of it */
	bool finished;
	bool final_asked;
	bool final_in_call;
	bool after_deferred; /* a deferred step will decide about drain anyway */
	bool sink_failed;    /* a sink call failed and the rest was not answered yet */
	bool sink_stopped;   /* after a failure: nothing more goes to the sink */
	bool release_due;    /* destroyed, and RELEASE waits for the sink calls in hand */
	bool error_said;
};

/* Cannot fail. The configuration must be as its comments say. */
void flow_init(struct flow *flow, const struct flow_config *config);

/* Takes NULL. Takes every loaned node off the flow's lists without an answer. */
void flow_fini(struct flow *flow);

/*
 * Takes the node in any case: a refused write comes back by FLOW_DO_ANSWER_WRITE, deferred,
 * with the reason. It is never refused because the flow is full. flow_judge() must follow,
 * once flow_next() has given all.
 */
bool flow_write(struct flow *flow, struct flow_write *write);

/* Ends a write: notes that the producer must stop, and says whether it may go on. */
bool flow_judge(struct flow *flow);

/*
 * Joins up to `bytes` bytes to the last write still queued, as far as sink_bytes allows, and
 * says how many were joined (0: make a new write). For rings, whose writes have no boundaries.
 */
uint64_t flow_grow(struct flow *flow, uint64_t bytes);

/*
 * The end: `last` is written first (NULL: nothing), corks are lifted, `waiter` (may be NULL)
 * is answered when everything is done or the end was refused. In effect only when flow_next()
 * has given all.
 */
void flow_end(struct flow *flow, struct flow_write *last, struct flow_end *waiter);

/* Corked, nothing goes to the sink and so no drain can come. They are counted. */
void flow_cork(struct flow *flow);
void flow_uncork(struct flow *flow);

/* The destination is open, or will never be. One of them, once, if config.opening is set. */
void flow_opened(struct flow *flow);
void flow_open_failed(struct flow *flow, int error);

/*
 * A sink call is over. Calls may come back in any order; a younger one waits here for the
 * older ones, so that the producer sees them in order.
 */
void flow_complete(struct flow *flow, struct flow_sink *sink);
void flow_fail(struct flow *flow, struct flow_sink *sink, int error);

/* What FLOW_DO_FINAL asked for is done; error 0: well. */
void flow_final_done(struct flow *flow, int error);

/* Gives up, once: what is queued is not written. error 0: without one. */
void flow_destroy(struct flow *flow, int error);

/* What FLOW_DO_RELEASE asked for is done; an error of its own is told instead of the earlier. */
void flow_released(struct flow *flow, int error);

/* A pause: no new sink call while held, everything else as usual. */
void flow_hold(struct flow *flow, bool held);

/*
 * The producer says by itself that it was told to stop (a ring). Drain comes when length is
 * at or below both the low-water mark and `limit`; if it is now, in flow_next_deferred().
 */
void flow_want_drain(struct flow *flow, uint64_t limit);

/* The next action of the present call; false: none is left. */
bool flow_next(struct flow *flow, struct flow_action *ret_action);

/* The next action at all. */
bool flow_next_deferred(struct flow *flow, struct flow_action *ret_action);

/*
 * For several flows whose deferred actions must come in the order in which they were
 * deferred: they count in one config.tickets, and whose flow_ticket() is the oldest goes
 * next, by flow_begin_deferred() and then flow_next() until there is none.
 */
bool flow_ticket(const struct flow *flow, uint32_t *ret_ticket); /* false: nothing deferred */
bool flow_begin_deferred(struct flow *flow);

enum flow_phase flow_phase(const struct flow *flow);
const char *flow_phase_name(enum flow_phase phase);

uint64_t flow_length(const struct flow *flow);
uint32_t flow_queued(const struct flow *flow); /* writes not yet at the sink */
uint32_t flow_corked(const struct flow *flow);
bool flow_needs_drain(const struct flow *flow); /* a drain will come, unless it is destroyed */
bool flow_is_writable(const struct flow *flow);
bool flow_is_ended(const struct flow *flow);
bool flow_is_finished(const struct flow *flow);
bool flow_is_destroyed(const struct flow *flow);
bool flow_is_closed(const struct flow *flow);
int flow_errored(const struct flow *flow); /* the first error, else 0 */

#endif
