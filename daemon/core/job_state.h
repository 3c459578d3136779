/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_JOB_STATE_H
#define FOREBAY_CORE_JOB_STATE_H

/*
 * The states of a job as its users see them (io.forebay.job.State), what may be asked of a
 * job in each of them, and how a run can end. Pure.
 *
 *	WAITING ◀──▶ RUNNING ◀──▶ PAUSED ──▶ WAITING
 *	   ╰────────────┴────────────┴──▶ FINISHED ──▶ WAITING (made anew under its name)
 */

#include <stdbool.h>
#include <stdint.h>

#define JOB_STATE_LIST(X)                                                                          \
	/* For its next time, or for Run. */                                                       \
	X(WAITING, "waiting")                                                                      \
	/* One run is going on. */                                                                 \
	X(RUNNING, "running")                                                                      \
	/* Only Run starts one: by Pause, or because its memory is gone. */                        \
	X(PAUSED, "paused")                                                                        \
	/* No further run; kept until it is dismissed. */                                          \
	X(FINISHED, "finished")

#define JOB_RESULT_LIST(X)                                                                         \
	X(DONE, "done")                                                                            \
	/* Stopped by Cancel. */                                                                   \
	X(CANCELED, "canceled")                                                                    \
	/* Stopped because it took longer than it may. */                                          \
	X(TIMEOUT, "timeout")                                                                      \
	X(FAILED, "failed")                                                                        \
	/* Nothing had changed since the last file. */                                             \
	X(SKIPPED, "skipped")

#define JOB_STATE_ENUM(name, text) JOB_STATE_##name,
#define JOB_RESULT_ENUM(name, text) JOB_RESULT_##name,

enum job_state { JOB_STATE_LIST(JOB_STATE_ENUM) JOB_STATES };
enum job_result { JOB_RESULT_LIST(JOB_RESULT_ENUM) JOB_RESULTS };

/* No result yet, where a result is kept as a number. */
#define JOB_RESULT_NONE (-1)

enum job_verb {
	JOB_VERB_RUN,
	JOB_VERB_PAUSE,
	JOB_VERB_RESUME,
	JOB_VERB_CANCEL,
	JOB_VERB_CANCEL_RUN, /* Cancel with runOnly */
	JOB_VERB_DISMISS,
	JOB_VERBS,
};

enum job_answer {
	JOB_ANSWER_REFUSE,  /* WrongState */
	JOB_ANSWER_NOTHING, /* it is so already */
	JOB_ANSWER_DO,
};

enum job_answer job_state_judge(enum job_state state, enum job_verb verb);

/* The only way in which a state changes. False: no such move, and nothing was done. */
bool job_state_set(enum job_state *state, enum job_state next);

/* The wire's words; parsing gives -1 for any other. */
const char *job_state_name(enum job_state state);
const char *job_result_name(enum job_result result);
int job_state_parse(const char *text);
int job_result_parse(const char *text);

/* Whether a scheduled run that ended so is to be tried again. */
bool job_result_is_failure(enum job_result result);

#endif
