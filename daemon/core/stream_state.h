/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_STREAM_STATE_H
#define FOREBAY_CORE_STREAM_STATE_H

/*
 * The states of a stream as its users see them (io.forebay.stream.State).
 *
 *	OPENING ──▶ OPEN ◀──▶ PAUSED
 *	   │          │  ╲       │
 *	   │          ▼   ╲──────┤
 *	   │       ENDING ◀──────┘   (a paused stream may be ended; it ends when resumed)
 *	   │          │
 *	   ▼          ▼
 *	FAILED | FINISHED | ABORTED	nothing follows; kept for a while so that it can be told
 */

#include <stdbool.h>

#define STREAM_STATE_LIST(X)                                                                       \
	/* The destination is being opened; nobody but the opener knows the stream yet. */         \
	X(OPENING, "opening")                                                                      \
	/* Takes bytes and puts them on disk. */                                                   \
	X(OPEN, "open")                                                                            \
	/* Takes bytes up to its cap, puts none on disk: by Pause, or after an error. */           \
	X(PAUSED, "paused")                                                                        \
	/* Takes no more; the rest goes to disk and the file is put in place. */                   \
	X(ENDING, "ending")                                                                        \
	/* Done at the stream's ack level. */                                                      \
	X(FINISHED, "finished")                                                                    \
	/* Given up by Abort, or by its producer's going. */                                       \
	X(ABORTED, "aborted")                                                                      \
	/* Given up because of an error; the fault tells which. */                                 \
	X(FAILED, "failed")

#define STREAM_STATE_ENUM(name, text) STREAM_STATE_##name,

enum stream_state { STREAM_STATE_LIST(STREAM_STATE_ENUM) };

/* The wire's word. */
const char *stream_state_name(enum stream_state state);

/* May a stream go from one state to the other? Staying is no move. */
bool stream_state_may_follow(enum stream_state from, enum stream_state to);

/* finished, aborted or failed. */
bool stream_state_is_terminal(enum stream_state state);

#endif
