/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/jobs.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/objects/buffers.h"
#include "daemon/objects/job.h"
#include "daemon/objects/pools.h"

/* ---- owners and names ---- */

static int compare_names(const void *left, const void *right)
{
	const struct job *one = left, *other = right;

	return strcmp(one->setup.name, other->setup.name);
}

struct job_owner *job_owner_get(struct jobs *jobs, uid_t uid)
{
	struct job_owner *owner;

	list_for_each(link, &jobs->owners) {
		owner = container_of(link, struct job_owner, link);
		if (owner->user->uid == uid)
			return owner;
	}
	owner = calloc(1, sizeof(*owner));
	if (!owner)
		return NULL;
	owner->user = user_acquire(jobs->registry, uid);
	if (!owner->user) {
		free(owner);
		return NULL;
	}
	list_init(&owner->turn_link);
	list_init(&owner->jobs);
	list_init(&owner->ready);
	list_append(&jobs->owners, &owner->link);
	return owner;
}

void job_owner_release(struct job_owner *owner)
{
	if (!list_is_empty(&owner->jobs))
		return;
	list_remove(&owner->link);
	list_remove(&owner->turn_link);
	user_release(owner->user);
	free(owner);
}

struct job *job_owner_find(const struct job_owner *owner, const char *name)
{
	const struct job key = { .setup.name = (char *)name };
	struct job **found = tfind(&key, &owner->names, compare_names);

	return found ? *found : NULL;
}

int job_announce(struct job *job)
{
	struct jobs *jobs = job->jobs;

	/* So that neither the map nor the heap can fail later. */
	if (id_map_reserve(&jobs->ids) < 0 || heap_reserve(&jobs->heap, jobs->ids.count + 1) < 0)
		return -ENOMEM;
	if (job->setup.name && !tsearch(job, &job->owner->names, compare_names))
		return -ENOMEM;
	id_map_add(&jobs->ids, job->id, job);
	list_append(&job->owner->jobs, &job->owner_link);
	return 0;
}

void job_release_name(struct job *job)
{
	if (job->setup.name && job_owner_find(job->owner, job->setup.name) == job)
		tdelete(job, &job->owner->names, compare_names);
}

void job_free(struct job *job)
{
	struct job_owner *owner = job->owner;

	job_set_buffer(job, NULL);
	job_unready(job);
	job_unplan(job);
	if (id_map_find(&job->jobs->ids, job->id) == job) {
		id_map_remove(&job->jobs->ids, job->id);
		job_release_name(job);
	}
	if (job->charged)
		user_discharge(owner->user, QUOTA_JOBS, 1);
	list_remove(&job->owner_link);
	/* Such a run goes on to wait for its row. */
	list_remove(&job->unsaved_runs);
	job_setup_fini(&job->setup);
	free(job->fault);
	free(job->fault_word);
	free(job->last_path);
	free(job);
	job_owner_release(owner);
}

/* ---- looking ---- */

static bool is_seen(const struct job *job)
{
	return job && job->known && !job->gone;
}

int job_find_id(struct user *user, uint64_t id, struct job **ret_job, struct refusal *refusal)
{
	struct job *job = id_map_find(&user->registry->jobs->ids, id);

	if (!is_seen(job) || !user_may_use(user, job->owner->user->uid))
		return refuse_id(refusal, REFUSAL_NO_SUCH_JOB, id);
	*ret_job = job;
	return 0;
}

int job_find(struct user *user, const char *text, struct job **ret_job, struct refusal *refusal)
{
	struct jobs *jobs = user->registry->jobs;
	uint64_t id;

	if (id_parse(ID_JOB, text, &id))
		return job_find_id(user, id, ret_job, refusal);
	list_for_each(link, &jobs->owners) {
		const struct job_owner *owner = container_of(link, struct job_owner, link);
		struct job *job = owner->user == user ? job_owner_find(owner, text) : NULL;

		if (is_seen(job)) {
			*ret_job = job;
			return 0;
		}
	}
	(void)refuse_text(refusal, REFUSAL_NO_SUCH_JOB, text);
	refusal->id = 0;
	return REFUSED;
}

void job_for_each(struct user *user, bool (*each)(void *data, struct job *job), void *data)
{
	list_for_each(owner_link, &user->registry->jobs->owners) {
		const struct job_owner *owner = container_of(owner_link, struct job_owner, link);

		if (!user_may_use(user, owner->user->uid))
			continue;
		list_for_each(link, &owner->jobs) {
			struct job *job = container_of(link, struct job, owner_link);

			if (is_seen(job) && !each(data, job))
				return;
		}
	}
}

void job_get_context(const struct job *job, struct job_context *ret_context)
{
	*ret_context = (struct job_context){
		.options = &job->setup.options,
		.name = job->setup.name,
		.store = job->setup.store,
		.path = job->setup.path,
		.calendar = job->setup.calendar_text,
		.buffer = job->setup.buffer_id,
		.labels = &job->setup.labels,
	};
}

void job_get_runtime(const struct job *job, struct job_runtime *ret_runtime)
{
	const struct job_run *run = job->run;

	*ret_runtime = (struct job_runtime){
		.id = job->id,
		.state = job->state,
		.owner_uid = job->owner->user->uid,
		.next_usec = job_next_usec(job),
		.runs = job->runs,
		.failures = job->failures,
		.skips = job->skips,
		.current_run = run ? run->number : 0,
		.current_bytes = run ? run->bytes : 0,
		.total_bytes = run ? run->source.bytes : 0,
		.last_run = job->last_run,
		.last_result = job->last_result,
		.last_start_usec = job->last_start_usec,
		.last_end_usec = job->last_end_usec,
		.last_path = job->last_path,
		.fault = job->fault,
	};
}

uint32_t jobs_count_running(const struct registry *registry)
{
	return registry->jobs ? registry->jobs->running : 0;
}

/* ---- telling ---- */

void job_tell(struct job *job, enum job_event event, const struct job_record *record)
{
	if (!job->known)
		return;
	list_for_each(link, &job->jobs->observers) {
		struct job_observer *observer = container_of(link, struct job_observer, link);

		observer->event(observer, job, event, record);
	}
}

void jobs_tell_run_saved(struct jobs *jobs, uint64_t id, uint64_t run)
{
	list_for_each(link, &jobs->observers) {
		struct job_observer *observer = container_of(link, struct job_observer, link);

		observer->run_saved(observer, id, run);
	}
}

void job_observe_all(struct registry *registry, struct job_observer *observer)
{
	list_append(&registry->jobs->observers, &observer->link);
}

void job_unobserve(struct job_observer *observer)
{
	list_remove(&observer->link);
}

/* ---- memory that goes ---- */

void job_set_buffer(struct job *job, struct buffer *buffer)
{
	struct buffer *old = job->buffer;
	struct pool *pool = old ? old->pool : NULL;

	list_remove(&job->buffer_link);
	if (buffer) {
		list_append(&buffer->jobs, &job->buffer_link);
		buffer->job_count++;
		buffer->pool->job_count++;
	}
	job->buffer = buffer;
	if (!old)
		return;
	old->job_count--;
	/* It may linger for this job only. */
	pool_use(pool);
	pool->job_count--;
	pool_unuse(pool);
}

void jobs_lose_buffer(struct buffer *buffer)
{
	struct list *link;

	while ((link = list_first(&buffer->jobs))) {
		struct job *job = container_of(link, struct job, buffer_link);
		struct fault fault;

		job_set_buffer(job, NULL);
		fault_set(&fault, "destroy", ECANCELED, NULL, -1);
		job_pause_for(job, &fault);
	}
}

/* ---- made and ended ---- */

int jobs_open(struct registry *registry)
{
	struct jobs *jobs = calloc(1, sizeof(*jobs));
	int r;

	if (!jobs)
		return -ENOMEM;
	jobs->registry = registry;
	id_map_init(&jobs->ids);
	list_init(&jobs->owners);
	list_init(&jobs->turns);
	list_init(&jobs->observers);
	heap_init(&jobs->heap);
	registry->jobs = jobs;
	if (gethostname(jobs->host, sizeof(jobs->host) - 1) < 0 || jobs->host[0] == '\0')
		strcpy(jobs->host, "localhost");
	r = job_due_open(jobs);
	if (r == 0)
		r = jobs_restore(jobs);
	if (r < 0)
		jobs_close(registry);
	return r;
}

void jobs_start(struct registry *registry)
{
	registry->jobs->started = true;
	jobs_wake(registry->jobs);
}

void jobs_close(struct registry *registry)
{
	struct jobs *jobs = registry->jobs;

	if (!jobs)
		return;
	for (size_t i = 0; i < jobs->ids.capacity;) {
		struct job *job = jobs->ids.slots[i].object;

		if (!job) {
			i++;
			continue;
		}
		if (job->run)
			job_run_drop(job->run);
		job_free(job);
	}
	job_due_close(jobs);
	heap_fini(&jobs->heap);
	id_map_fini(&jobs->ids);
	registry->jobs = NULL;
	free(jobs);
}
