/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * When a job is due, and whose turn it is. All jobs that wait for a time are in one heap, and
 * one timer waits for the first of them. What is due is ready; the users who have something
 * ready take turns, so that a thousand jobs of one do not keep another's single one waiting,
 * and only so many runs go on at once.
 */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include <event2/event.h>

#include "daemon/base/log.h"
#include "daemon/core/id_text.h"
#include "daemon/io/clock.h"
#include "daemon/io/timekeeper.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/job.h"
#include "daemon/objects/job_calendar.h"

#define NS_PER_USEC UINT64_C(1000)

/* So many are looked at in one turn of the loop: others want theirs. */
#define DUE_AT_ONCE 256

static struct schedule_clocks read_clocks(void)
{
	return (struct schedule_clocks){
		.real_usec = (int64_t)(clock_real_ns() / NS_PER_USEC),
		.boot_usec = (int64_t)(clock_boot_ns() / NS_PER_USEC),
	};
}

/* ---- the schedule ---- */

struct schedule job_due_schedule(const struct job_options *options,
				 const struct job_calendar *calendar)
{
	struct schedule schedule = SCHEDULE_NONE;

	if (options->at_usec != OPTION_UNSET)
		schedule.at_usec = options->at_usec;
	if (options->after_usec != OPTION_UNSET)
		schedule.after_usec = options->after_usec;
	if (options->every_usec != OPTION_UNSET)
		schedule.every_usec = options->every_usec;
	schedule.calendar = job_calendar_get(calendar);
	schedule.jitter_usec = (uint64_t)options->jitter_usec;
	schedule.missed =
		options->missed == JOB_MISSED_SKIP ? SCHEDULE_MISSED_SKIP : SCHEDULE_MISSED_ONCE;
	return schedule;
}

bool job_due_has_times(const struct job_options *options)
{
	return options->at_usec != OPTION_UNSET || options->after_usec != OPTION_UNSET ||
	       options->every_usec != OPTION_UNSET || options->on_change;
}

bool job_has_schedule(const struct job *job)
{
	return job_due_has_times(&job->setup.options) || job->setup.calendar_text;
}

bool job_has_future(const struct job *job)
{
	return job->due_ns[JOB_DUE_TIME] != JOB_NEVER || job->due_ns[JOB_DUE_RETRY] != JOB_NEVER ||
	       job->setup.options.on_change || job->missed_usec != OPTION_UNSET || job->ready;
}

int64_t job_next_usec(const struct job *job)
{
	bool has_time = job->due_ns[JOB_DUE_TIME] != JOB_NEVER;
	bool has_retry = job->due_ns[JOB_DUE_RETRY] != JOB_NEVER;

	if (has_time && (!has_retry || job->time_usec < job->retry.due_usec))
		return job->time_usec;
	return has_retry ? job->retry.due_usec : OPTION_UNSET;
}

void job_due_init(struct job *job)
{
	for (int i = 0; i < JOB_DUES; i++)
		job->due_ns[i] = JOB_NEVER;
	job->schedule = (struct schedule)SCHEDULE_NONE;
	job->ready_usec = OPTION_UNSET;
	job->missed_usec = OPTION_UNSET;
	job_retry_clear(&job->retry);
	job->retry_ns = JOB_NEVER;
}

/* ---- the timer ---- */

static void arm(struct jobs *jobs)
{
	const struct heap_node *first = heap_first(&jobs->heap);
	uint64_t at_ns = first ? first->key : TIMEKEEPER_NEVER;

	if (at_ns == jobs->armed_ns)
		return;
	jobs->armed_ns = at_ns;
	timekeeper_set(jobs->timekeeper, at_ns);
}

void job_set_due(struct job *job, enum job_due due, uint64_t at_ns)
{
	struct jobs *jobs = job->jobs;
	uint64_t first_ns = JOB_NEVER;

	job->due_ns[due] = at_ns;
	for (int i = 0; i < JOB_DUES; i++)
		if (job->due_ns[i] < first_ns)
			first_ns = job->due_ns[i];
	if (first_ns == JOB_NEVER)
		heap_remove(&jobs->heap, &job->node);
	else if (job->node.place == 0 || job->node.key != first_ns)
		heap_put(&jobs->heap, &job->node, first_ns);
	arm(jobs);
}

static void plan_time(struct job *job, const struct schedule_clocks *clocks)
{
	struct schedule_due due;

	if (schedule_next(&job->schedule, &job->times, clocks, &due) != 0) {
		job_set_due(job, JOB_DUE_TIME, JOB_NEVER);
		return;
	}
	job->time_usec = due.real_usec;
	job->scheduled_usec = due.scheduled_usec;
	job_set_due(job, JOB_DUE_TIME,
		    due.boot_usec > 0 ? (uint64_t)due.boot_usec * NS_PER_USEC : 0);
}

static void plan_look(struct job *job)
{
	if (job->setup.options.on_change)
		job_set_due(job, JOB_DUE_CHANGE,
			    clock_boot_ns() +
				    (uint64_t)job->setup.options.settle_usec * NS_PER_USEC);
}

void job_plan(struct job *job)
{
	const struct schedule_clocks clocks = read_clocks();

	plan_time(job, &clocks);
	plan_look(job);
}

void job_unplan(struct job *job)
{
	for (int i = 0; i < JOB_DUES; i++)
		if (i != JOB_DUE_TIMEOUT && i != JOB_DUE_COPY)
			job_set_due(job, (enum job_due)i, JOB_NEVER);
	job->missed_usec = OPTION_UNSET;
}

void job_due_begin(struct job *job)
{
	const struct schedule_clocks clocks = read_clocks();
	uint64_t seed = 0;

	/* Without randomness all jitters are alike, and that is no reason to fail. */
	if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) < 0)
		seed = job->id;
	job->schedule = job_due_schedule(&job->setup.options, job->setup.calendar);
	schedule_begin(&job->schedule, &clocks, seed, &job->times);
	if (job->buffer)
		job->seen_version = buffer_version(job->buffer);
}

void job_due_restore(struct job *job, const struct schedule_past *past)
{
	const struct schedule_clocks clocks = read_clocks();
	struct schedule_due due;

	job->schedule = job_due_schedule(&job->setup.options, job->setup.calendar);
	if (schedule_restore(&job->schedule, past, &clocks, &job->times))
		job->skips++;
	job->missed_usec = OPTION_UNSET;
	if (schedule_next(&job->schedule, &job->times, &clocks, &due) == 0 &&
	    due.boot_usec <= clocks.boot_usec)
		job->missed_usec = due.scheduled_usec;
}

void job_due_recall(struct job *job)
{
	const struct schedule_past past = {
		.created_usec = job->times.created_usec,
		.handled_usec = job->times.handled_usec,
		.after_boot_usec = -1,
		.seed = job->times.seed,
		.at_done = job->times.next_usec[SCHEDULE_AT] == SCHEDULE_NEVER,
		.after_done = job->times.next_usec[SCHEDULE_AFTER] == SCHEDULE_NEVER,
	};

	job_due_restore(job, &past);
}

void job_due_skip(struct job *job)
{
	const struct schedule_clocks clocks = read_clocks();

	schedule_advance(&job->schedule, &job->times, &clocks);
}

void job_hold_retry(struct job *job)
{
	const struct schedule_clocks clocks = read_clocks();
	int64_t wait_usec = job_retry_wait_usec(&job->retry, job->last_end_usec, clocks.real_usec);

	job->retry_ns = JOB_NEVER;
	if (!job_retry_is_pending(&job->retry))
		return;
	if (wait_usec > 0)
		job->retry.due_usec = clocks.real_usec + wait_usec;
	job->retry_ns = (uint64_t)(clocks.boot_usec + wait_usec) * NS_PER_USEC;
}

bool job_holds_retry(const struct job *job)
{
	return job->retry_ns != JOB_NEVER && job->due_ns[JOB_DUE_RETRY] == JOB_NEVER;
}

void job_plan_retry(struct job *job)
{
	job_set_due(job, JOB_DUE_RETRY, job->retry_ns);
}

void job_drop_retry(struct job *job)
{
	job_retry_clear(&job->retry);
	job->retry_ns = JOB_NEVER;
	job_plan_retry(job);
}

/* ---- what is due ---- */

/* A run goes on, or waits for its turn: this one is counted, and made up for by rule. */
static void overlap(struct job *job, int64_t scheduled_usec)
{
	job->skips++;
	if (job->setup.options.missed == JOB_MISSED_ONCE && job->run)
		job->missed_usec = scheduled_usec;
}

static void want_run(struct job *job, int64_t scheduled_usec)
{
	if (job->state == JOB_STATE_WAITING && !job->ready)
		job_make_ready(job, scheduled_usec, false);
	else
		overlap(job, scheduled_usec);
}

static void on_time(struct job *job)
{
	const struct schedule_clocks clocks = read_clocks();
	int64_t scheduled_usec = job->scheduled_usec;

	schedule_advance(&job->schedule, &job->times, &clocks);
	/* The regular time makes up for what a retry was to. */
	job_drop_retry(job);
	plan_time(job, &clocks);
	want_run(job, scheduled_usec);
}

static void on_retry(struct job *job)
{
	int64_t scheduled_usec = job->retry.scheduled_usec;

	job_retry_make(&job->retry);
	job->retry_ns = JOB_NEVER;
	job_plan_retry(job);
	want_run(job, scheduled_usec);
}

static void look(struct job *job)
{
	uint64_t version;

	plan_look(job);
	if (!job->buffer || job->state != JOB_STATE_WAITING || job->ready)
		return;
	version = buffer_version(job->buffer);
	if (version == job->seen_version)
		return;
	job->seen_version = version;
	job_make_ready(job, (int64_t)(clock_real_ns() / NS_PER_USEC), false);
}

static void serve(struct job *job, uint64_t now_ns)
{
	if (job->due_ns[JOB_DUE_TIMEOUT] <= now_ns) {
		job_set_due(job, JOB_DUE_TIMEOUT, JOB_NEVER);
		if (job->run)
			job_run_stop(job->run, JOB_RESULT_TIMEOUT);
	}
	if (job->due_ns[JOB_DUE_COPY] <= now_ns) {
		job_set_due(job, JOB_DUE_COPY, JOB_NEVER);
		if (job->run)
			job_source_again(job->run);
	}
	if (job->due_ns[JOB_DUE_TIME] <= now_ns)
		on_time(job);
	if (job->due_ns[JOB_DUE_RETRY] <= now_ns)
		on_retry(job);
	if (job->due_ns[JOB_DUE_CHANGE] <= now_ns)
		look(job);
}

static void on_due(void *data)
{
	struct jobs *jobs = data;
	uint64_t now_ns = clock_boot_ns();
	struct heap_node *first;

	jobs->armed_ns = TIMEKEEPER_NEVER;
	for (int i = 0; i < DUE_AT_ONCE; i++) {
		first = heap_first(&jobs->heap);
		if (!first || first->key > now_ns)
			break;
		serve(container_of(first, struct job, node), now_ns);
	}
	arm(jobs);
}

/* What goes by the wall clock is due at another time now. */
static void on_clock_set(void *data)
{
	const struct schedule_clocks clocks = read_clocks();
	struct jobs *jobs = data;

	log_notice("jobs", "the wall clock was set", "jobs=%zu", jobs->ids.count);
	for (size_t i = 0; i < jobs->ids.capacity; i++) {
		struct job *job = jobs->ids.slots[i].object;

		if (!job || !job->known || job->gone)
			continue;
		if (schedule_clock_set(&job->schedule, &job->times, &clocks))
			job->skips++;
		if (job->state == JOB_STATE_WAITING || job->state == JOB_STATE_RUNNING)
			plan_time(job, &clocks);
		if (job->retry_ns != JOB_NEVER)
			job->retry.due_usec = clocks.real_usec - clocks.boot_usec +
					      (int64_t)(job->retry_ns / NS_PER_USEC);
	}
}

/* ---- whose turn it is ---- */

void job_make_ready(struct job *job, int64_t scheduled_usec, bool by_hand)
{
	struct job_owner *owner = job->owner;

	if (by_hand)
		job->ready_by_hand = true;
	if (job->ready)
		return;
	job->ready = true;
	job->ready_usec = scheduled_usec;
	/* Somebody waits for those. */
	if (by_hand)
		list_prepend(&owner->ready, &job->ready_link);
	else
		list_append(&owner->ready, &job->ready_link);
	if (list_is_empty(&owner->turn_link))
		list_append(&job->jobs->turns, &owner->turn_link);
	jobs_wake(job->jobs);
}

void job_unready(struct job *job)
{
	job->ready = false;
	job->ready_by_hand = false;
	list_remove(&job->ready_link);
	if (list_is_empty(&job->owner->ready))
		list_remove(&job->owner->turn_link);
}

void jobs_wake(struct jobs *jobs)
{
	if (jobs->started)
		event_active(jobs->start_event, EV_TIMEOUT, 0);
}

static void begin_next(struct jobs *jobs)
{
	struct job_owner *owner =
		container_of(list_take_first(&jobs->turns), struct job_owner, turn_link);
	struct job *job = container_of(list_first(&owner->ready), struct job, ready_link);
	int64_t scheduled_usec = job->ready_usec;

	list_init(&owner->turn_link);
	job_unready(job);
	if (!list_is_empty(&owner->ready))
		list_append(&jobs->turns, &owner->turn_link);
	if (job_run_begin(job, scheduled_usec) < 0) {
		log_error("job", "no memory for a run", "id=%s", job->id_text);
		job_drop_waits(job, JOB_RESULT_FAILED);
	}
}

static void on_start(evutil_socket_t fd, short what, void *data)
{
	struct jobs *jobs = data;

	(void)fd;
	(void)what;
	if (jobs->registry->lifecycle != LIFECYCLE_SERVING)
		return;
	while (jobs->running < JOB_RUNS_AT_ONCE && !list_is_empty(&jobs->turns))
		begin_next(jobs);
}

int job_due_open(struct jobs *jobs)
{
	const struct timekeeper_owner owner = {
		.due = on_due,
		.clock_set = on_clock_set,
		.data = jobs,
	};

	jobs->armed_ns = TIMEKEEPER_NEVER;
	jobs->start_event = event_new(jobs->registry->base, -1, 0, on_start, jobs);
	if (!jobs->start_event)
		return -ENOMEM;
	return timekeeper_new(jobs->registry->base, &owner, &jobs->timekeeper);
}

void job_due_close(struct jobs *jobs)
{
	jobs->timekeeper = timekeeper_free(jobs->timekeeper);
	if (jobs->start_event)
		event_free(jobs->start_event);
}
