/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_WORKERS_H
#define FOREBAY_IO_WORKERS_H

/*
 * A bounded set of threads that do what the loop must not wait for. Tasks are embedded by
 * their owners and start in the order in which they were submitted; `run` is called on a
 * worker with all signals blocked (but those that a fault raises), then `done` on the loop
 * thread. Between workers_submit() and `done` the task and what it points to belong to the
 * worker. A task cannot be taken back.
 *
 * Threads are started when there is work for them, up to `threads`; the first one at once,
 * so that a task always finds one. Tasks of one device (not 0) keep at most three quarters of
 * the threads busy. The queue has no bound of its own: each owner has a bounded number of
 * tasks. workers_submit(), workers_new() and workers_free() on the loop thread only.
 */

#include <stdint.h>

#include "daemon/base/err.h"
#include "daemon/base/list.h"

struct event_base;
struct workers;

struct worker_task {
	struct list link;	/* workers::queue, then workers::finished */
	uint64_t device;	/* st_dev of the disk it may wait for, 0 for none */
	void (*run)(struct worker_task *task);
	void (*done)(struct worker_task *task);	/* may free the task, or submit it again */
};

/* `name` is seen in ps and top (at most 15 characters). */
int workers_new(struct event_base *base, const char *name, uint32_t threads,
		struct workers **ret_workers) must_check;

/* Waits until every task has been run and its `done` called, then ends the threads. */
struct workers *workers_free(struct workers *workers);

void workers_submit(struct workers *workers, struct worker_task *task);

/* Tasks submitted whose `done` has not been called. */
uint32_t workers_pending(const struct workers *workers);

/* Counts tasks done: with tasks pending and no change, the workers are stuck. */
uint64_t workers_progress(const struct workers *workers);

#endif
