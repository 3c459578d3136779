/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Create. All that can be refused is refused before anything is made; then, where there is a
 * calendar, it is made; then the name is taken, the row goes to the catalogue, and its maker
 * hears of the job once it is there. A job that is taken over goes by its new context from
 * the moment on when that goes to the catalogue; a run that is going on ends by the old one.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/core/path_template.h"
#include "daemon/io/clock.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/job.h"
#include "daemon/objects/job_calendar.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/stores.h"

#define USEC_PER_SEC 1000000
#define SOME_ID "j0123456789abcdef"

struct making {
	struct catalogue_request request;
	struct jobs *jobs;
	struct user *user; /* with a reference */
	struct job *job;   /* once its row is on its way */
	struct job_setup setup;
	bool replace;
	job_made_fn done;
	void *data;
};

void job_setup_fini(struct job_setup *setup)
{
	free(setup->name);
	free(setup->store);
	free(setup->path);
	free(setup->calendar_text);
	job_calendar_free(setup->calendar);
	labels_fini(&setup->labels);
	*setup = (struct job_setup){ .buffer_id = 0 };
}

struct job *job_new(struct jobs *jobs, struct job_owner *owner, uint64_t id)
{
	struct job *job = calloc(1, sizeof(*job));

	if (!job)
		return NULL;
	list_init(&job->owner_link);
	list_init(&job->ready_link);
	list_init(&job->buffer_link);
	list_init(&job->waits);
	list_init(&job->unsaved_runs);
	list_init(&job->unsaved_waits);
	list_init(&job->saved_waits);
	job->jobs = jobs;
	job->owner = owner;
	job->id = id;
	id_format(ID_JOB, id, job->id_text);
	(void)snprintf(job->mark, sizeof(job->mark), "job:%s", job->id_text);
	job->state = JOB_STATE_WAITING;
	job->last_result = JOB_RESULT_NONE;
	job->last_start_usec = OPTION_UNSET;
	job->last_end_usec = OPTION_UNSET;
	job_due_init(job);
	return job;
}

/* ---- checks ---- */

/* It stands in paths, and for an id. */
static bool is_good_name(const char *name)
{
	size_t length = strlen(name);
	uint64_t id;

	for (size_t i = 0; i < length; i++)
		if ((unsigned char)name[i] < 0x20 || name[i] == 0x7f || name[i] == '/')
			return false;
	return length > 0 && length < JOB_NAME_BYTES && !id_parse(ID_JOB, name, &id);
}

static int check_range(struct user *user, struct job_request *request, uint64_t *ret_buffer_bytes,
		       struct refusal *refusal)
{
	struct job_options *options = &request->options;
	struct buffer *buffer;
	int64_t most;
	int r = buffer_find(user, request->buffer, &buffer, refusal);

	if (r != 0)
		return r;
	most = (int64_t)buffer->length;
	if (options->offset != OPTION_UNSET && (options->offset < 0 || options->offset > most))
		return refuse_range(refusal, "offset", 0, most);
	if (options->offset != OPTION_UNSET)
		most -= options->offset;
	if (options->length == OPTION_UNSET)
		options->length = most;
	if (options->length < 0 || options->length > most)
		return refuse_range(refusal, "length", 0, most);
	*ret_buffer_bytes = buffer->length;
	return 0;
}

/* Where two runs in a row would have the same name, and none may take the place of the other. */
static bool collides(const struct job_request *request, const struct path_template_words *words)
{
	const struct job_options *options = &request->options;
	char first[PATH_TEMPLATE_BYTES], second[PATH_TEMPLATE_BYTES];
	struct path_template_words later = *words;
	int64_t every_usec = options->every_usec;
	bool once = every_usec == OPTION_UNSET && !request->calendar && !options->on_change;
	int64_t now_usec = (int64_t)(clock_real_ns() / 1000);

	if (options->stream.open != STREAM_OPEN_EXCLUSIVE || once)
		return false;
	later.run++;
	/* Of a calendar's times, and of changes, it is only known that they come again. */
	if (every_usec == OPTION_UNSET)
		every_usec = INT64_C(366) * 86400 * USEC_PER_SEC;
	return !job_expand_path(request->path, now_usec, words, first) ||
	       !job_expand_path(request->path, now_usec + every_usec, &later, second) ||
	       strcmp(first, second) == 0;
}

static int check_path(struct user *user, const struct job_request *request,
		      const struct store **ret_store, struct refusal *refusal)
{
	const struct path_template_words words = {
		.job = request->name ? request->name : SOME_ID,
		.host = user->registry->jobs->host,
		.run = 1,
	};
	struct store *store;
	const char *reason;
	int r = store_find(user, request->store, request->path, &store, refusal);

	if (r != 0)
		return r;
	*ret_store = store;
	if (!path_template_check_job(request->path, &words, &reason))
		return refuse_path(refusal, request->path, reason);
	if (collides(request, &words))
		return refuse_path(refusal, request->path, "two runs would have the same path");
	return 0;
}

static int refuse_times(struct refusal *refusal, const char *parameter, const char *reason)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "%s%s",
		       strcmp(parameter, "jitterUSec") == 0 ? "" : "schedule.", parameter);
	return refuse_schedule(refusal, path, reason);
}

static int check_request(struct user *user, struct job_request *request, struct job_setup *setup,
			 const struct store **ret_store, struct refusal *refusal)
{
	struct schedule schedule;
	const char *text, *reason;
	int r;

	if (user->registry->lifecycle != LIFECYCLE_SERVING)
		return refuse(refusal, REFUSAL_SHUTTING_DOWN);
	if (request->name && !is_good_name(request->name))
		return refuse_text(refusal, REFUSAL_PARAMETER, "name");
	r = check_range(user, request, &setup->buffer_bytes, refusal);
	if (r != 0)
		return r;
	if (job_options_resolve(&request->options, &text) != 0)
		return refuse_text(refusal, REFUSAL_PARAMETER, text);
	schedule = job_due_schedule(&request->options, NULL);
	if (schedule_check(&schedule, &text, &reason) != 0)
		return refuse_times(refusal, text, reason);
	if (request->one_run && (request->calendar || job_due_has_times(&request->options)))
		return refuse_text(refusal, REFUSAL_PARAMETER, "schedule");
	return check_path(user, request, ret_store, refusal);
}

/* ---- making ---- */

static void making_free(struct making *making)
{
	job_setup_fini(&making->setup);
	user_release(making->user);
	free(making);
}

static void answer(struct making *making, int result, const struct refusal *refusal)
{
	struct making told = *making;

	making->job = NULL;
	if (result == 0)
		told.job->known = true;
	told.done(told.data, result, told.job, refusal);
	making_free(making);
}

static void row_written(struct catalogue_request *request)
{
	struct making *making = container_of(request, struct making, request);
	struct job *job = making->job;
	bool is_new = !job->known;

	if (request->result < 0) {
		answer(making, request->result, NULL);
		if (is_new)
			job_free(job);
		return;
	}
	if (is_new) {
		log_info("job", "made", "id=%s uid=%u", job->id_text,
			 (unsigned int)job->owner->user->uid);
		job_plan(job);
	}
	answer(making, 0, NULL);
	if (!job->gone)
		job_tell(job, JOB_EVENT_STATE, NULL);
}

/* One that was held, as the memory was gone, is waited for again. */
static void take_over_retry(struct job *job, bool wanted)
{
	if (wanted && job_retry_is_allowed(&job->retry, &job->setup.options))
		job_plan_retry(job);
	else
		job_drop_retry(job);
}

/* It stands in for the one before, from now on. */
static void take_over(struct job *job, struct making *making, struct buffer *buffer)
{
	bool held = job_holds_retry(job);
	int64_t missed_usec = job->missed_usec;

	job_unready(job);
	job_unplan(job);
	job_setup_fini(&job->setup);
	job->setup = making->setup;
	making->setup = (struct job_setup){ .buffer_id = 0 };
	job_set_buffer(job, buffer);
	job->content[0] = '\0';
	job->pause_wanted = false;
	job->cancel_wanted = false;
	if (job->state != JOB_STATE_RUNNING) {
		job_set_fault(job, NULL);
		if (job->state != JOB_STATE_WAITING)
			job_set_state(job, JOB_STATE_WAITING);
	}
	job_due_begin(job);
	job_plan(job);
	if (job->setup.options.missed != JOB_MISSED_ONCE)
		missed_usec = OPTION_UNSET;
	/* The run for a time that was missed makes up for what a retry was to. */
	take_over_retry(job, held && missed_usec == OPTION_UNSET);
	job->missed_usec = OPTION_UNSET;
	if (job->run) {
		/* The end of that run will see to what was missed. */
		job->run->replaced = true;
		job->missed_usec = missed_usec;
	} else if (!list_is_empty(&job->waits)) {
		job_make_ready(job, OPTION_UNSET, true);
	} else if (missed_usec != OPTION_UNSET) {
		/* Its time came while its memory was gone. */
		job_make_ready(job, missed_usec, false);
	}
}

static int new_job(struct making *making, struct job_owner *owner, struct job **ret_job)
{
	struct jobs *jobs = making->jobs;
	uint64_t id;
	int r;

	do
		r = registry_new_id(jobs->registry, &id);
	while (r == 0 && id_map_find(&jobs->ids, id));
	if (r < 0)
		return r;
	*ret_job = job_new(jobs, owner, id);
	return *ret_job ? 0 : -ENOMEM;
}

static int make_new(struct making *making, struct buffer *buffer, struct refusal *refusal)
{
	struct job_owner *owner = job_owner_get(making->jobs, making->user->uid);
	struct job *job;
	int r;

	if (!owner)
		return -ENOMEM;
	r = user_charge(making->user, QUOTA_JOBS, 1, refusal);
	if (r == 0) {
		r = new_job(making, owner, &job);
		if (r < 0)
			user_discharge(making->user, QUOTA_JOBS, 1);
	}
	if (r != 0) {
		job_owner_release(owner);
		return r;
	}
	job->charged = true;
	job->setup = making->setup;
	making->setup = (struct job_setup){ .buffer_id = 0 };
	job->created_usec = (int64_t)(clock_real_ns() / 1000);
	r = job_announce(job);
	if (r < 0) {
		job_free(job);
		return r;
	}
	job_set_buffer(job, buffer);
	job_due_begin(job);
	making->job = job;
	return 0;
}

/* The name is taken, and the row is on its way. */
static int settle(struct making *making, struct refusal *refusal)
{
	struct jobs *jobs = making->jobs;
	struct job_owner *owner = job_owner_get(jobs, making->user->uid);
	struct job *before = NULL;
	struct buffer *buffer;
	int r = owner ? 0 : -ENOMEM;

	if (r == 0 && making->setup.name)
		before = job_owner_find(owner, making->setup.name);
	if (owner)
		job_owner_release(owner);
	if (before && (!making->replace || !before->known || before->gone))
		return refuse_text(refusal, REFUSAL_JOB_EXISTS, making->setup.name);
	if (r == 0)
		r = buffer_find(making->user, making->setup.buffer_id, &buffer, refusal);
	if (r != 0)
		return r;
	if (before) {
		making->job = before;
		take_over(before, making, buffer);
	} else {
		r = make_new(making, buffer, refusal);
		if (r != 0)
			return r;
	}
	making->request.done = row_written;
	r = job_save_with(making->job, NULL, &making->request);
	if (r < 0 && !before)
		job_free(making->job);
	return r;
}

static int check_ahead(const struct making *making, struct refusal *refusal)
{
	struct schedule schedule = job_due_schedule(&making->setup.options, making->setup.calendar);
	const char *parameter, *reason;

	if (schedule_check_ahead(&schedule, (int64_t)(clock_real_ns() / 1000), &parameter,
				 &reason) != 0)
		return refuse_times(refusal, parameter, reason);
	return 0;
}

static void calendar_made(void *data, int result, struct job_calendar *calendar,
			  const struct refusal *refused)
{
	struct making *making = data;
	struct refusal refusal;

	making->setup.calendar = calendar;
	if (result == 0 && making->user->registry->lifecycle != LIFECYCLE_SERVING) {
		result = refuse(&refusal, REFUSAL_SHUTTING_DOWN);
		refused = &refusal;
	}
	if (result == 0) {
		result = check_ahead(making, &refusal);
		if (result == 0)
			result = settle(making, &refusal);
		refused = &refusal;
	}
	if (result != 0)
		answer(making, result, refused);
}

static int copy_setup(struct job_setup *setup, struct job_request *request,
		      const struct store *store)
{
	setup->options = request->options;
	setup->buffer_id = request->buffer;
	setup->one_run = request->one_run;
	setup->store = strdup(store->name);
	setup->path = strdup(request->path);
	if (request->name)
		setup->name = strdup(request->name);
	if (request->calendar)
		setup->calendar_text = strdup(request->calendar);
	labels_init(&setup->labels);
	if (!setup->store || !setup->path || (request->name && !setup->name) ||
	    (request->calendar && !setup->calendar_text))
		return -ENOMEM;
	return 0;
}

int job_create(struct user *user, struct job_request *request, job_made_fn done, void *data,
	       struct refusal *refusal)
{
	const struct store *store = NULL;
	struct making *making = calloc(1, sizeof(*making));
	int r;

	if (!making)
		return -ENOMEM;
	user->references++;
	making->user = user;
	making->jobs = user->registry->jobs;
	making->replace = request->replace;
	making->done = done;
	making->data = data;
	r = check_request(user, request, &making->setup, &store, refusal);
	if (r == 0)
		r = copy_setup(&making->setup, request, store);
	if (r == 0) {
		labels_move(&making->setup.labels, &request->labels);
		if (request->calendar)
			r = job_calendar_make(user->registry, request->calendar, calendar_made,
					      making);
		else
			r = check_ahead(making, refusal);
		if (r == 0 && !request->calendar)
			r = settle(making, refusal);
	}
	if (r != 0)
		making_free(making);
	return r;
}
