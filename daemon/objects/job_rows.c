/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Jobs and runs to the catalogue. A job's row is written whenever its state changes; while one
 * is being written further changes wait, and go together. The rows of runs are never put
 * together with others.
 */

#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/objects/job.h"
#include "daemon/objects/job_row_texts.h"

/* A number that is not there is the same in both. */
_Static_assert(CATALOGUE_JOB_UNSET == OPTION_UNSET, "a job's numbers go into its row as they are");

struct row_texts {
	char steps[JOB_STEPS_TEXT_BYTES];
	char *labels;
};

static void fill_setup(const struct job *job, const struct row_texts *texts,
		       struct catalogue_job *row)
{
	const struct job_setup *setup = &job->setup;
	const struct job_options *options = &setup->options;
	const struct stream_options *stream = &options->stream;

	row->name = setup->name;
	row->labels = texts->labels;
	row->buffer = (int64_t)setup->buffer_id;
	row->buffer_bytes = (int64_t)setup->buffer_bytes;
	row->offset = options->offset;
	row->length = options->length;
	row->store = setup->store;
	row->path = setup->path;
	row->open = stream_open_name(stream->open);
	row->mode = stream->mode;
	row->ack = stream_ack_name(stream->ack);
	row->at_usec = options->at_usec;
	row->after_usec = options->after_usec;
	row->every_usec = options->every_usec;
	row->calendar = setup->calendar_text;
	row->on_change = options->on_change;
	row->jitter_usec = options->jitter_usec;
	row->settle_usec = options->settle_usec;
	row->missed = job_missed_name(options->missed);
	row->consistency = job_consistency_name(options->consistency);
	row->only_if_changed = options->only_if_changed;
	row->steps = texts->steps[0] != '\0' ? texts->steps : NULL;
	row->checksum = stream_checksum_name(stream->checksum);
	row->side_file = stream->side_file;
	row->keep_last = options->keep_last;
	row->keep_usec = options->keep_usec;
	row->maximum_bytes = options->maximum_bytes;
	row->minimum_free_bytes = options->minimum_free_bytes;
	row->timeout_usec = options->timeout_usec;
	row->retries = options->retries;
	row->retry_delay_usec = options->retry_delay_usec;
	row->auto_dismiss = options->auto_dismiss;
}

/*
 * What was asked for while a run goes on holds also if the end of that run is never seen, and
 * who asked for a single run does not come back to ask for another.
 */
static enum job_state state_to_save(const struct job *job)
{
	if (job->cancel_wanted)
		return JOB_STATE_FINISHED;
	if (job->pause_wanted || job->state == JOB_STATE_PAUSED)
		return JOB_STATE_PAUSED;
	return job->setup.one_run ? JOB_STATE_FINISHED : job->state;
}

static void fill_state(const struct job *job, struct catalogue_job *row)
{
	row->state = job_state_name(state_to_save(job));
	row->next_usec = job_next_usec(job);
	row->runs = (int64_t)job->runs;
	row->failures = (int64_t)job->failures;
	row->skips = (int64_t)job->skips;
	row->attempts = job->retry.attempts;
	row->retry_usec = job->retry.due_usec;
	row->retry_scheduled_usec = job->retry.scheduled_usec;
	row->replaced_run = CATALOGUE_JOB_UNSET;
	if (job->run && job->run->replaced)
		row->replaced_run = (int64_t)job->run->number;
	row->handled_usec = job->times.handled_usec;
	row->seed = (int64_t)job->times.seed;
	row->at_done = job->times.next_usec[SCHEDULE_AT] == SCHEDULE_NEVER;
	row->after_done = job->times.next_usec[SCHEDULE_AFTER] == SCHEDULE_NEVER;
	row->last_run = job->last_run > 0 ? (int64_t)job->last_run : CATALOGUE_JOB_UNSET;
	if (job->last_result != JOB_RESULT_NONE)
		row->last_result = job_result_name((enum job_result)job->last_result);
	row->last_start_usec = job->last_start_usec;
	row->last_end_usec = job->last_end_usec;
	row->last_path = job->last_path;
	row->content = job->content[0] != '\0' ? job->content : NULL;
	row->fault_errno = CATALOGUE_JOB_UNSET;
	row->fault_offset = CATALOGUE_JOB_UNSET;
	if (!job->fault)
		return;
	row->fault_operation = job->fault->operation;
	row->fault_errno = job->fault->error;
	row->fault_offset = job->fault->offset;
	row->fault_path = job->fault->path[0] != '\0' ? job->fault->path : NULL;
}

int job_save_with(struct job *job, const struct catalogue_run *run,
		  struct catalogue_request *request)
{
	struct catalogue_job row = {
		.id = (int64_t)job->id,
		.owner = job->owner->user->uid,
		.created_usec = job->created_usec,
	};
	struct row_texts texts;
	int r;

	job_steps_to_text(&job->setup.options.stream, texts.steps);
	texts.labels = job_labels_to_bytes(&job->setup.labels, &row.labels_bytes);
	if (!texts.labels)
		return -ENOMEM;
	fill_setup(job, &texts, &row);
	fill_state(job, &row);
	r = catalogue_put_job(job->jobs->registry->catalogue, &row, run, request);
	free(texts.labels);
	return r;
}

static void not_saved(const struct job *job, int error)
{
	log_warning("job", "not in the catalogue as it is", "id=%s errno=%s", job->id_text,
		    err_name(error));
}

void job_tell_saved(struct list *waits, int result)
{
	struct list *link;

	while ((link = list_take_first(waits))) {
		struct job_save_wait *wait = container_of(link, struct job_save_wait, link);

		wait->done(wait, result);
	}
}

static void saved(struct catalogue_request *request)
{
	struct job *job = request->owner;

	job->saving = false;
	if (request->result < 0)
		not_saved(job, request->result);
	job_tell_saved(&job->saved_waits, request->result);
	if (job->gone)
		job_saved_gone(job);
	else if (job->save_again)
		job_save(job);
}

void job_save(struct job *job)
{
	int r;

	job->save_again = job->saving;
	if (job->saving || job->gone || !job->known)
		return;
	job->save_request.done = saved;
	job->save_request.owner = job;
	r = job_save_with(job, NULL, &job->save_request);
	job->saving = r == 0;
	if (r < 0)
		not_saved(job, r);
	list_splice(&job->saved_waits, &job->unsaved_waits);
	if (r < 0)
		job_tell_saved(&job->saved_waits, r);
}

struct run_save {
	struct catalogue_request request;
	char id_text[ID_TEXT_BYTES];
	unsigned long long run;
};

static void run_saved(struct catalogue_request *request)
{
	struct run_save *save = container_of(request, struct run_save, request);

	if (request->result < 0)
		log_warning("job", "a run is not in the catalogue", "id=%s run=%llu errno=%s",
			    save->id_text, save->run, err_name(request->result));
	free(save);
}

static void fill_run(const struct job *job, const struct job_record *record,
		     struct catalogue_run *row)
{
	*row = (struct catalogue_run){
		.job = (int64_t)job->id,
		.run = (int64_t)record->run,
		.scheduled_usec = record->scheduled_usec,
		.start_usec = record->start_usec,
		.end_usec = record->end_usec,
		.bytes = (int64_t)record->bytes,
		.path = record->path,
		.digest = record->digest,
		.fault_operation = record->fault_operation,
		.fault_errno = record->fault_operation ? record->fault_errno : CATALOGUE_JOB_UNSET,
		.fault_path = record->fault_path,
		.fault_offset =
			record->fault_operation ? record->fault_offset : CATALOGUE_JOB_UNSET,
	};
	if (record->result != JOB_RESULT_NONE)
		row->result = job_result_name((enum job_result)record->result);
}

void job_save_record(struct job *job, const struct job_record *record)
{
	struct run_save *save = calloc(1, sizeof(*save));
	struct catalogue_run row;
	int r = save ? 0 : -ENOMEM;

	fill_run(job, record, &row);
	if (r == 0) {
		save->request.done = run_saved;
		memcpy(save->id_text, job->id_text, sizeof(save->id_text));
		save->run = record->run;
		r = job_save_with(job, &row, &save->request);
	}
	if (r < 0) {
		not_saved(job, r);
		free(save);
	}
}

static void check_run_saved(const struct catalogue_request *request, const struct job_run *run)
{
	char id_text[ID_TEXT_BYTES];

	id_format(ID_JOB, run->job_id, id_text);
	if (request->result < 0)
		log_warning("job", "a run is not in the catalogue", "id=%s run=%llu errno=%s",
			    id_text, (unsigned long long)run->number, err_name(request->result));
}

static void run_begun_saved(struct catalogue_request *request)
{
	struct job_run *run = request->owner;

	check_run_saved(request, run);
	job_run_known(run, request->result);
}

static void run_over_saved(struct catalogue_request *request)
{
	struct job_run *run = request->owner;

	check_run_saved(request, run);
	job_run_saved(run);
}

static int save_run(struct job_run *run, struct catalogue_request *request,
		    void (*done)(struct catalogue_request *request))
{
	struct job_record record;
	struct catalogue_run row;
	int r;

	job_run_get_record(run, &record);
	fill_run(run->job, &record, &row);
	request->done = done;
	request->owner = run;
	r = job_save_with(run->job, &row, request);
	if (r < 0)
		not_saved(run->job, r);
	return r;
}

void job_save_run_begun(struct job_run *run)
{
	int r = save_run(run, &run->begun_request, run_begun_saved);

	if (r < 0)
		job_run_known(run, r);
}

void job_save_run_over(struct job_run *run)
{
	if (save_run(run, &run->save_request, run_over_saved) < 0)
		job_run_saved(run);
}
