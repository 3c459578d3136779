/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_JOB_RETRY_H
#define FOREBAY_CORE_JOB_RETRY_H

/*
 * Whether a scheduled run that failed is tried again, and when. It does not matter whether its
 * end was seen or a restart of the daemon cut it off: the rule and its count are the same. Pure;
 * times are those of the wall clock.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/core/job_state.h"

struct job_options;

struct job_retry {
	int64_t attempts;	/* so many were granted to one time of the schedule */
	int64_t due_usec;	/* of the last of them; OPTION_UNSET: none is pending */
	int64_t scheduled_usec; /* while one is pending: that time */
};

struct job_retry_run {
	enum job_result result;
	int64_t scheduled_usec; /* OPTION_UNSET: somebody asked for it */
	int64_t end_usec;
	bool last; /* whatever its result: the job was paused or canceled meanwhile */
};

void job_retry_clear(struct job_retry *retry);
bool job_retry_is_pending(const struct job_retry *retry);

/* A run is over. False: it was by hand, and has nothing to do with retries. */
bool job_retry_follow(struct job_retry *retry, const struct job_options *options,
		      const struct job_retry_run *run);

/* Whether the one that is pending is within what these allow. */
bool job_retry_is_allowed(const struct job_retry *retry, const struct job_options *options);

/*
 * How long until the one that is pending; 0: at once. A clock that was set back since a run
 * ended at `ended_usec` does not put it off.
 */
int64_t job_retry_wait_usec(const struct job_retry *retry, int64_t ended_usec, int64_t now_usec);

/* The one that was pending is made; it counts until it is known how it ends. */
void job_retry_make(struct job_retry *retry);

#endif
