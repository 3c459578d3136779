/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_JOB_EVENTS_H
#define FOREBAY_CTL_JOB_EVENTS_H

/*
 * Subscriptions to what happens to jobs: one call that is answered with one reply for each
 * event, for as long as its client listens or its one job is there.
 *
 * What waits for a client that does not read is bounded. progress never waits: where
 * something does, it is left out, and the next one tells as much. state and result wait up to
 * the bound; beyond it they are counted, and `overflow` tells how many there were: History
 * and Describe know the rest. A result, and what happened after it, waits until the catalogue
 * has the run, so that no kill undoes what was told. Loop thread only.
 */

#include "daemon/base/err.h"

struct call;
struct job;
struct refusal;

/* `job` NULL: all that the caller may see. Answers `ready`; the call is then the subscription's. */
int must_check job_events_subscribe(struct call *call, struct job *job, struct refusal *refusal);

#endif
