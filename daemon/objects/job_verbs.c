/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What is asked of a job, by the table of core/job_state, and where it goes from there. What
 * would have to wait for a run only leaves a wish behind, which the end of the run obeys: so
 * no verb waits for the disk that a file goes to. The answer waits until the catalogue has the
 * new state, or the wish, so that what was answered holds after a crash too.
 */

#include "config.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/io/clock.h"
#include "daemon/objects/job.h"

/* ---- state ---- */

void job_set_state(struct job *job, enum job_state state)
{
	if (!job_state_set(&job->state, state))
		log_error("job", "a move that is none", "id=%s from=%s to=%s", job->id_text,
			  job_state_name(job->state), job_state_name(state));
	else
		job_tell(job, JOB_EVENT_STATE, NULL);
}

/* Most paths are short, and there may be very many jobs: only what is used of it is kept. */
struct fault *job_copy_fault(const struct fault *fault)
{
	size_t bytes = offsetof(struct fault, path) + strlen(fault->path) + 1;
	struct fault *copy = malloc(bytes);

	if (copy)
		memcpy(copy, fault, bytes);
	return copy;
}

void job_set_fault(struct job *job, const struct fault *fault)
{
	free(job->fault);
	/* Without memory it is told without a reason. */
	job->fault = fault ? job_copy_fault(fault) : NULL;
}

static void pause_now(struct job *job)
{
	job_unready(job);
	job_unplan(job);
	job_set_state(job, JOB_STATE_PAUSED);
}

void job_pause_for(struct job *job, const struct fault *fault)
{
	char errno_name[32];

	if (job->state == JOB_STATE_FINISHED)
		return;
	(void)snprintf(errno_name, sizeof(errno_name), "%s", err_name(fault->error));
	log_notice("job", "paused", "id=%s operation=%s errno=%s", job->id_text, fault->operation,
		   errno_name);
	job_set_fault(job, fault);
	job_drop_retry(job);
	if (job->run) {
		job->pause_wanted = true;
		/* One that is over did not end because of this. */
		if (!job->run->over)
			job->run->fault = *fault;
		job_run_stop(job->run, JOB_RESULT_FAILED);
	} else if (job->state == JOB_STATE_WAITING) {
		job_drop_waits(job, JOB_RESULT_FAILED);
		pause_now(job);
	}
	job_save(job);
}

static void finish(struct job *job)
{
	bool forget = job->setup.options.auto_dismiss ||
		      (job->setup.one_run && job->last_result == JOB_RESULT_DONE);

	job_unready(job);
	job_unplan(job);
	job_set_state(job, JOB_STATE_FINISHED);
	job_set_buffer(job, NULL);
	if (forget)
		job_forget(job);
}

void job_settle(struct job *job)
{
	bool over = job->cancel_wanted || job->setup.one_run ||
		    (job_has_schedule(job) && !job_has_future(job));

	if (over && !(job->pause_wanted && !job->cancel_wanted)) {
		finish(job);
		return;
	}
	if (job->pause_wanted) {
		job->pause_wanted = false;
		pause_now(job);
	} else if (job->state != JOB_STATE_WAITING) {
		job_set_state(job, JOB_STATE_WAITING);
		if (job->missed_usec != OPTION_UNSET)
			job_make_ready(job, job->missed_usec, false);
		job->missed_usec = OPTION_UNSET;
	}
}

/* ---- verbs ---- */

static int refuse_state(const struct job *job, struct refusal *refusal)
{
	(void)refuse_id(refusal, REFUSAL_JOB_WRONG_STATE, job->id);
	refusal->first = job->state;
	return REFUSED;
}

int job_run(struct job *job, struct job_wait *wait, struct refusal *refusal)
{
	if (job->jobs->registry->lifecycle != LIFECYCLE_SERVING)
		return refuse(refusal, REFUSAL_SHUTTING_DOWN);
	if (job_state_judge(job->state, JOB_VERB_RUN) == JOB_ANSWER_REFUSE)
		return refuse_state(job, refusal);
	list_append(&job->waits, &wait->link);
	if (job->state == JOB_STATE_PAUSED)
		job->pause_wanted = true;
	/* Whoever waits for its turn already gets the same run. */
	job_make_ready(job, OPTION_UNSET, true);
	return 0;
}

void job_wait_cancel(struct job_wait *wait)
{
	list_remove(&wait->link);
}

/* Before a verb is carried out, */
static void expect_save(struct job *job, struct job_save_wait *wait)
{
	list_append(&job->unsaved_waits, &wait->link);
}

/* and after it: what it changed is on its way to the catalogue, unless there was nothing. */
static void settle_saves(struct job *job)
{
	if (job->saving && !job->save_again)
		list_splice(&job->saved_waits, &job->unsaved_waits);
	else if (!job->saving)
		job_tell_saved(&job->unsaved_waits, 0);
}

void job_wait_saved(struct job *job, struct job_save_wait *wait)
{
	expect_save(job, wait);
	settle_saves(job);
}

void job_save_wait_cancel(struct job_save_wait *wait)
{
	list_remove(&wait->link);
}

static void pause(struct job *job)
{
	job_drop_retry(job);
	if (job->run || job->ready_by_hand) {
		job->pause_wanted = true;
	} else {
		job_set_fault(job, NULL);
		pause_now(job);
	}
	job_save(job);
}

static void resume(struct job *job)
{
	job->pause_wanted = false;
	job_drop_retry(job);
	job_due_skip(job);
	job_plan(job);
	/* All its times may have gone by while it was paused: then it is finished. */
	job_settle(job);
	if (!job->gone)
		job_save(job);
}

static int judge_and_do(struct job *job, enum job_verb verb, void (*action)(struct job *job),
			struct job_save_wait *wait, struct refusal *refusal)
{
	enum job_answer answer = job_state_judge(job->state, verb);

	if (answer == JOB_ANSWER_REFUSE)
		return refuse_state(job, refusal);
	expect_save(job, wait);
	if (answer == JOB_ANSWER_DO)
		action(job);
	settle_saves(job);
	return 0;
}

int job_pause(struct job *job, struct job_save_wait *wait, struct refusal *refusal)
{
	return judge_and_do(job, JOB_VERB_PAUSE, pause, wait, refusal);
}

int job_resume(struct job *job, struct job_save_wait *wait, struct refusal *refusal)
{
	return judge_and_do(job, JOB_VERB_RESUME, resume, wait, refusal);
}

int job_cancel(struct job *job, bool run_only, bool *ret_was_running, struct job_save_wait *wait,
	       struct refusal *refusal)
{
	enum job_verb verb = run_only ? JOB_VERB_CANCEL_RUN : JOB_VERB_CANCEL;

	if (job_state_judge(job->state, verb) == JOB_ANSWER_REFUSE)
		return refuse_state(job, refusal);
	*ret_was_running = job->run != NULL;
	expect_save(job, wait);
	if (!run_only) {
		job->cancel_wanted = true;
		job_drop_retry(job);
	}
	if (job->run) {
		job_run_stop(job->run, JOB_RESULT_CANCELED);
	} else {
		job->last_result = JOB_RESULT_CANCELED;
		job_drop_waits(job, JOB_RESULT_CANCELED);
		finish(job);
	}
	if (!run_only && !job->gone)
		job_save(job);
	settle_saves(job);
	return 0;
}

/* ---- the end ---- */

static void row_removed(struct catalogue_request *request)
{
	struct job *job = request->owner;

	if (request->result < 0)
		log_warning("job", "its row stays", "id=%s errno=%s", job->id_text,
			    err_name(request->result));
	job_tell_saved(&job->saved_waits, request->result);
	job_free(job);
}

/* Without memory for that it stays as it is, gone for everybody, until the daemon ends. */
static void remove_row(struct job *job)
{
	int r;

	job->save_request.done = row_removed;
	job->save_request.owner = job;
	job->saving = true;
	job->save_again = false;
	list_splice(&job->saved_waits, &job->unsaved_waits);
	r = catalogue_remove_job(job->jobs->registry->catalogue, (int64_t)job->id,
				 &job->save_request);
	if (r < 0) {
		job->saving = false;
		log_warning("job", "its row stays", "id=%s errno=%s", job->id_text, err_name(r));
		job_tell_saved(&job->saved_waits, r);
	}
}

void job_forget(struct job *job)
{
	job_tell(job, JOB_EVENT_GONE, NULL);
	log_info("job", "dismissed", "id=%s", job->id_text);
	job->gone = true;
	job_release_name(job);
	/* A row that is being written is removed after it. */
	job->save_again = job->saving;
	if (!job->saving)
		remove_row(job);
}

void job_saved_gone(struct job *job)
{
	remove_row(job);
}

int job_dismiss(struct job *job, struct job_save_wait *wait, struct refusal *refusal)
{
	return judge_and_do(job, JOB_VERB_DISMISS, job_forget, wait, refusal);
}
