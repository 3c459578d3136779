/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "daemon/base/list.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/errmap.h"
#include "daemon/ctl/job_events.h"
#include "daemon/ctl/job_param.h"
#include "daemon/ctl/listing.h"
#include "daemon/ctl/param.h"
#include "daemon/ctl/view.h"
#include "daemon/objects/jobs.h"
#include "daemon/objects/registry.h"
#include "proto/args.h"

/* io.forebay.job: all that is asked of jobs. */

#define HISTORY_DEFAULT 100

static void view_one(struct args *args, const struct job *job)
{
	struct job_runtime runtime;

	job_get_runtime(job, &runtime);
	view_id(args, "id", ID_JOB, runtime.id);
	view_job(args, job);
}

static void created(void *data, int result, struct job *job, const struct refusal *refusal)
{
	struct call *call = data;
	struct args args;

	if (result) {
		call_fail(call, result, refusal);
		return;
	}
	args_init(&args);
	view_one(&args, job);
	call_reply(call, &args);
}

static int create(struct call *call, bool one_run, job_made_fn done, struct refusal *refusal)
{
	struct job_request request = { .one_run = one_run };
	int r;

	labels_init(&request.labels);
	r = job_param_request(call_args(call), &request, refusal);
	if (r == 0)
		r = job_create(call_user(call), &request, done, call, refusal);
	labels_fini(&request.labels);
	return r;
}

int cmd_job_create(struct call *call, struct refusal *refusal)
{
	return create(call, false, created, refusal);
}

/* ---- runs ---- */

static void run_progress(struct job_wait *wait, uint64_t current_bytes, uint64_t total_bytes)
{
	struct call *call = wait->owner;
	struct args args;

	/* Who does not read hears of the end only. */
	if (!call_wants_more(call) || !call_has_room(call))
		return;
	args_init(&args);
	args_add_bool(&args, "progress", true);
	view_count(&args, "currentBytes", current_bytes);
	view_count(&args, "totalBytes", total_bytes);
	/* If that has ended the call, it has cancelled the wait. */
	if (!call_continue(call, &args))
		return;
}

static void run_done(struct job_wait *wait, uint64_t job_id, const struct job_record *record)
{
	struct call *call = wait->owner;
	struct wire_error error;
	struct args args;

	call->cancel = NULL;
	call->data = NULL;
	free(wait);
	if (record->result != JOB_RESULT_DONE && record->result != JOB_RESULT_SKIPPED) {
		call_error(call, errmap_run_failed(job_id, record, &error), &error);
		return;
	}
	args_init(&args);
	view_record(&args, "run", record);
	call_reply(call, &args);
}

static void run_cancel(struct call *call)
{
	job_wait_cancel(call->data);
	free(call->data);
}

static int run(struct call *call, struct job *job, struct refusal *refusal)
{
	struct job_wait *wait = calloc(1, sizeof(*wait));
	int r;

	if (!wait)
		return -ENOMEM;
	wait->progress = run_progress;
	wait->done = run_done;
	wait->owner = call;
	r = job_run(job, wait, refusal);
	if (r) {
		free(wait);
		return r;
	}
	call->data = wait;
	call->cancel = run_cancel;
	return 0;
}

int cmd_job_run(struct call *call, struct refusal *refusal)
{
	struct job *job;
	int r = job_param_find(call, &job, refusal);

	return r ? r : run(call, job, refusal);
}

static void save_created(void *data, int result, struct job *job, const struct refusal *refused)
{
	struct call *call = data;
	struct refusal refusal;

	if (result == 0) {
		result = run(call, job, &refusal);
		refused = &refusal;
	}
	if (result)
		call_fail(call, result, refused);
}

int cmd_job_save(struct call *call, struct refusal *refusal)
{
	return create(call, true, save_created, refusal);
}

/* ---- looking ---- */

static bool view_item(struct call *call, const void *item, struct args *args)
{
	struct refusal refusal;
	struct job *job;
	uint64_t id;

	memcpy(&id, item, sizeof(id));
	if (job_find_id(call_user(call), id, &job, &refusal))
		return false;
	view_one(args, job);
	return true;
}

static bool add_item(void *data, struct job *job)
{
	struct job_runtime runtime;

	job_get_runtime(job, &runtime);
	listing_add(data, &runtime.id);
	return true;
}

int cmd_job_list(struct call *call, struct refusal *refusal)
{
	struct listing *listing = listing_new(sizeof(uint64_t), view_item);

	if (!listing)
		return -ENOMEM;
	job_for_each(call_user(call), add_item, listing);
	return listing_start(listing, call, refusal);
}

int cmd_job_describe(struct call *call, struct refusal *refusal)
{
	struct job *job;
	struct args args;
	int r = job_param_find(call, &job, refusal);

	if (r)
		return r;
	args_init(&args);
	view_one(&args, job);
	call_reply(call, &args);
	return 0;
}

/* A record as the object that will be sent. */
static bool view_record_item(struct call *call, const void *item, struct args *args)
{
	cJSON *const *object = item;

	(void)call;
	args_add_copy(args, "run", *object);
	return true;
}

static void release_record_item(void *item)
{
	cJSON_Delete(*(cJSON **)item);
}

static void add_record(struct listing *listing, const struct job_record *record)
{
	struct args args;
	cJSON *object, *run;
	int r;

	args_init(&args);
	view_record(&args, "run", record);
	r = args_take(&args, &object);
	if (r < 0) {
		listing_fail(listing, r);
		return;
	}
	run = cJSON_DetachItemFromObjectCaseSensitive(object, "run");
	cJSON_Delete(object);
	listing_add(listing, &run);
}

static void history_found(void *data, int result, const struct job_record *records, size_t count)
{
	struct call *call = data;
	struct listing *listing = NULL;
	struct refusal refusal;

	if (result == 0) {
		listing = listing_new(sizeof(cJSON *), view_record_item);
		result = listing ? 0 : -ENOMEM;
	}
	if (listing) {
		listing_set_release(listing, release_record_item);
		for (size_t i = 0; i < count; i++)
			add_record(listing, &records[i]);
		result = listing_start(listing, call, &refusal);
	}
	if (result)
		call_fail(call, result, &refusal);
}

int cmd_job_history(struct call *call, struct refusal *refusal)
{
	int64_t limit = HISTORY_DEFAULT;
	struct job *job;
	int r = job_param_find(call, &job, refusal);

	if (r == 0)
		r = param_number(call_args(call), "limit", 1, &limit, refusal);
	return r ? r : job_history(job, limit, history_found, call);
}

/* ---- steering ---- */

/* An answer that waits for the catalogue. */
struct change {
	struct job_save_wait wait;
	struct call *call;
	bool cancels;
	bool was_running;
};

static void changed(struct job_save_wait *wait, int result)
{
	struct change *change = container_of(wait, struct change, wait);
	struct call *call = change->call;
	struct args args;

	call->cancel = NULL;
	call->data = NULL;
	if (result < 0) {
		call_fail(call, result, NULL);
	} else {
		args_init(&args);
		if (change->cancels)
			args_add_bool(&args, "wasRunning", change->was_running);
		call_reply(call, &args);
	}
	free(change);
}

static void change_cancel(struct call *call)
{
	struct change *change = call->data;

	job_save_wait_cancel(&change->wait);
	free(change);
}

static int change_new(struct call *call, struct change **ret_change)
{
	struct change *change = calloc(1, sizeof(*change));

	if (!change)
		return -ENOMEM;
	change->wait.done = changed;
	change->call = call;
	call->data = change;
	call->cancel = change_cancel;
	*ret_change = change;
	return 0;
}

/* The verb was refused. */
static void change_drop(struct change *change)
{
	change->call->data = NULL;
	change->call->cancel = NULL;
	free(change);
}

static int change(struct call *call, struct refusal *refusal,
		  int (*verb)(struct job *, struct job_save_wait *, struct refusal *))
{
	struct change *change;
	struct job *job;
	int r = job_param_find(call, &job, refusal);

	if (r == 0)
		r = change_new(call, &change);
	if (r)
		return r;
	r = verb(job, &change->wait, refusal);
	if (r)
		change_drop(change);
	return r;
}

int cmd_job_pause(struct call *call, struct refusal *refusal)
{
	return change(call, refusal, job_pause);
}

int cmd_job_resume(struct call *call, struct refusal *refusal)
{
	return change(call, refusal, job_resume);
}

int cmd_job_dismiss(struct call *call, struct refusal *refusal)
{
	return change(call, refusal, job_dismiss);
}

int cmd_job_cancel(struct call *call, struct refusal *refusal)
{
	struct change *change;
	bool run_only = false;
	struct job *job;
	int r = job_param_find(call, &job, refusal);

	if (r == 0)
		r = change_new(call, &change);
	if (r)
		return r;
	(void)args_get_bool(call_args(call), "runOnly", &run_only);
	change->cancels = true;
	r = job_cancel(job, run_only, &change->was_running, &change->wait, refusal);
	if (r)
		change_drop(change);
	return r;
}

int cmd_job_subscribe_events(struct call *call, struct refusal *refusal)
{
	struct job *job = NULL;
	const char *id;
	int r = 0;

	if (args_get_string(call_args(call), "id", &id))
		r = job_param_find(call, &job, refusal);
	return r ? r : job_events_subscribe(call, job, refusal);
}
