/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Jobs and runs from the catalogue: all jobs at the start, and the history of one when it is
 * asked for. Numbers that are not there are the same in a row and in a job (job_rows.c).
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/io/clock.h"
#include "daemon/objects/job.h"
#include "daemon/objects/job_calendar.h"
#include "daemon/objects/job_row_texts.h"

static void row_to_record(const struct catalogue_run *row, struct job_record *ret_record)
{
	*ret_record = (struct job_record){
		.run = (uint64_t)row->run,
		.result = row->result ? job_result_parse(row->result) : JOB_RESULT_NONE,
		.scheduled_usec = row->scheduled_usec,
		.start_usec = row->start_usec,
		.end_usec = row->end_usec,
		.bytes = (uint64_t)row->bytes,
		.path = row->path && row->path[0] != '\0' ? row->path : NULL,
		.digest = row->digest,
		.fault_operation = row->fault_operation,
		.fault_path = row->fault_path,
		.fault_errno = row->fault_operation ? (int)row->fault_errno : 0,
		.fault_offset = row->fault_operation ? row->fault_offset : -1,
	};
}

static int copy_text(const char *text, char **ret_copy)
{
	if (!text)
		return 0;
	*ret_copy = strdup(text);
	return *ret_copy ? 0 : -ENOMEM;
}

static void load_options(const struct catalogue_job *row, struct job_options *options)
{
	job_options_init(options);
	options->stream.open = stream_open_parse(row->open);
	options->stream.mode = row->mode;
	options->stream.ack = stream_ack_parse(row->ack);
	options->stream.checksum = stream_checksum_parse(row->checksum);
	options->stream.side_file = row->side_file == 1;
	options->offset = row->offset;
	options->length = row->length;
	options->at_usec = row->at_usec;
	options->after_usec = row->after_usec;
	options->every_usec = row->every_usec;
	options->on_change = row->on_change == 1;
	options->jitter_usec = row->jitter_usec;
	options->settle_usec = row->settle_usec;
	options->missed = job_missed_parse(row->missed);
	options->consistency = job_consistency_parse(row->consistency);
	options->only_if_changed = row->only_if_changed == 1;
	options->keep_last = row->keep_last;
	options->keep_usec = row->keep_usec;
	options->maximum_bytes = row->maximum_bytes;
	options->minimum_free_bytes = row->minimum_free_bytes;
	options->timeout_usec = row->timeout_usec;
	options->retries = row->retries;
	options->retry_delay_usec = row->retry_delay_usec;
	options->auto_dismiss = row->auto_dismiss == 1;
}

static int load_setup(const struct catalogue_job *row, struct job_setup *setup)
{
	const char *wrong;
	int r;

	load_options(row, &setup->options);
	setup->buffer_id = (uint64_t)row->buffer;
	setup->buffer_bytes = (uint64_t)row->buffer_bytes;
	if ((row->steps && !job_steps_from_text(row->steps, &setup->options.stream)) ||
	    job_options_resolve(&setup->options, &wrong) != 0)
		return -EUCLEAN;
	r = job_labels_from_bytes(row->labels ? row->labels : "", row->labels_bytes,
				  &setup->labels);
	if (r == 0)
		r = copy_text(row->name, &setup->name);
	if (r == 0)
		r = copy_text(row->store, &setup->store);
	if (r == 0)
		r = copy_text(row->path, &setup->path);
	if (r == 0)
		r = copy_text(row->calendar, &setup->calendar_text);
	return r;
}

static int load_fault(const struct catalogue_job *row, struct job *job)
{
	struct fault fault;
	int r = copy_text(row->fault_operation, &job->fault_word);

	if (r < 0 || !job->fault_word)
		return r;
	fault_set(&fault, job->fault_word, (int)row->fault_errno, row->fault_path,
		  row->fault_offset);
	job_set_fault(job, &fault);
	return 0;
}

static int load_state(const struct catalogue_job *row, struct job *job)
{
	int state = job_state_parse(row->state);

	if (state < 0)
		return -EUCLEAN;
	job->state = (enum job_state)state;
	job->created_usec = row->created_usec;
	job->runs = (uint64_t)row->runs;
	job->failures = (uint64_t)row->failures;
	job->skips = (uint64_t)row->skips;
	job->retry = (struct job_retry){
		.attempts = row->attempts,
		.due_usec = row->retry_usec,
		.scheduled_usec = row->retry_scheduled_usec,
	};
	job->last_run = row->last_run == CATALOGUE_JOB_UNSET ? 0 : (uint64_t)row->last_run;
	job->last_result = row->last_result ? job_result_parse(row->last_result) : JOB_RESULT_NONE;
	job->last_start_usec = row->last_start_usec;
	job->last_end_usec = row->last_end_usec;
	(void)snprintf(job->content, sizeof(job->content), "%s", row->content ? row->content : "");
	return copy_text(row->last_path, &job->last_path);
}

/* A run whose end nobody saw: what it was writing is swept away with the other temporaries. */
struct cut_off {
	struct list link;
	struct job *job;
	struct job_record record; /* without texts */
};

struct loading {
	struct jobs *jobs;
	struct list cut_offs;
};

static int note_cut_off(struct loading *loading, struct job *job, const struct catalogue_run *row)
{
	struct cut_off *cut_off = calloc(1, sizeof(*cut_off));

	if (!cut_off)
		return -ENOMEM;
	cut_off->job = job;
	row_to_record(row, &cut_off->record);
	cut_off->record.path = NULL;
	cut_off->record.digest = NULL;
	cut_off->record.result = JOB_RESULT_FAILED;
	cut_off->record.end_usec = (int64_t)(clock_real_ns() / 1000);
	cut_off->record.fault_operation = "restart";
	cut_off->record.fault_errno = ECANCELED;
	cut_off->record.fault_path = NULL;
	cut_off->record.fault_offset = -1;
	list_append(&loading->cut_offs, &cut_off->link);
	job->last_run = cut_off->record.run;
	job->last_result = JOB_RESULT_FAILED;
	job->last_start_usec = cut_off->record.start_usec;
	job->last_end_usec = cut_off->record.end_usec;
	job->failures++;
	return 0;
}

/* What the end of that run would have done, had it been seen. */
static void follow_cut_off(struct job *job, const struct catalogue_run *row)
{
	const struct job_retry_run ended = {
		.result = JOB_RESULT_FAILED,
		.scheduled_usec = row->scheduled_usec,
		.end_usec = job->last_end_usec,
		/* So it was to be after the run. */
		.last = job->state == JOB_STATE_PAUSED || job->state == JOB_STATE_FINISHED,
	};

	(void)job_retry_follow(&job->retry, &job->setup.options, &ended);
}

/* Its memory went with the daemon before. */
static void pause_without_memory(struct job *job)
{
	struct fault fault;

	if (job->state == JOB_STATE_PAUSED && job->fault &&
	    strcmp(job->fault->operation, "restore") == 0)
		return;
	fault_set(&fault, "restore", ENXIO, NULL, -1);
	job_set_fault(job, &fault);
	if (job->state != JOB_STATE_PAUSED)
		job_set_state(job, JOB_STATE_PAUSED);
	job->save_again = true;
}

static int bring_back(struct job *job, const struct catalogue_job *row)
{
	struct refusal refusal;
	int r = load_setup(row, &job->setup);

	if (r == 0)
		r = load_state(row, job);
	if (r == 0)
		r = load_fault(row, job);
	if (r == 0)
		r = job_announce(job);
	job->charged = r == 0 && user_charge(job->owner->user, QUOTA_JOBS, 1, &refusal) == 0;
	return r;
}

static int load(const struct catalogue_job *row, const struct catalogue_run *cut_off, void *data)
{
	struct loading *loading = data;
	const struct schedule_past past = {
		.created_usec = row->created_usec,
		.handled_usec = row->handled_usec,
		.after_boot_usec = -1,
		.seed = (uint64_t)row->seed,
		.at_done = row->at_done == 1,
		.after_done = row->after_done == 1,
	};
	struct job_owner *owner = job_owner_get(loading->jobs, (uid_t)row->owner);
	struct job *job = owner ? job_new(loading->jobs, owner, (uint64_t)row->id) : NULL;
	int r = job ? bring_back(job, row) : -ENOMEM;

	if (r < 0) {
		log_error("jobs", "one cannot be brought back", "errno=%s", err_name(r));
		if (job)
			job_free(job);
		return r == -ENOMEM ? r : 0;
	}
	job->known = true;
	job_due_restore(job, &past);
	if (cut_off) {
		r = note_cut_off(loading, job, cut_off);
		if (r == 0 && cut_off->run != row->replaced_run)
			follow_cut_off(job, cut_off);
	}
	job_hold_retry(job);
	if (job->state != JOB_STATE_FINISHED)
		pause_without_memory(job);
	return r;
}

/* A calendar that was read after the start. */
struct recall {
	struct jobs *jobs;
	uint64_t id;
};

static void calendar_made(void *data, int result, struct job_calendar *calendar,
			  const struct refusal *refusal)
{
	struct recall *recall = data;
	struct job *job = id_map_find(&recall->jobs->ids, recall->id);

	(void)refusal;
	if (result != 0)
		log_warning("job", "its calendar cannot be read", "errno=%s",
			    err_name(result < 0 ? result : EINVAL));
	/* It may have been taken over, or dismissed, meanwhile. */
	if (result != 0 || !job || job->setup.calendar || job->state != JOB_STATE_PAUSED) {
		job_calendar_free(calendar);
	} else {
		job->setup.calendar = calendar;
		job_due_recall(job);
	}
	free(recall);
}

static int read_calendar(struct job *job)
{
	struct recall *recall = malloc(sizeof(*recall));
	int r;

	if (!recall)
		return -ENOMEM;
	*recall = (struct recall){ .jobs = job->jobs, .id = job->id };
	r = job_calendar_make(job->jobs->registry, job->setup.calendar_text, calendar_made, recall);
	if (r < 0)
		free(recall);
	return r;
}

/* What the loading itself must not do: the catalogue was busy with it. */
static int finish_loading(struct loading *loading)
{
	struct jobs *jobs = loading->jobs;
	struct list *link;
	int r = 0;

	while ((link = list_take_first(&loading->cut_offs))) {
		struct cut_off *cut_off = container_of(link, struct cut_off, link);

		job_save_record(cut_off->job, &cut_off->record);
		free(cut_off);
	}
	for (size_t i = 0; r == 0 && i < jobs->ids.capacity; i++) {
		struct job *job = jobs->ids.slots[i].object;

		if (job && job->save_again)
			job_save(job);
		if (job && job->setup.calendar_text && job->state == JOB_STATE_PAUSED)
			r = read_calendar(job);
	}
	return r;
}

int jobs_restore(struct jobs *jobs)
{
	struct loading loading = { .jobs = jobs, .cut_offs = LIST_INIT(loading.cut_offs) };
	int r = catalogue_list_jobs(jobs->registry->catalogue, load, &loading);
	int finished = finish_loading(&loading);

	if (r == 0)
		r = finished;
	if (r == 0 && jobs->ids.count > 0)
		log_notice("jobs", "brought back", "count=%zu", jobs->ids.count);
	return r;
}

/* ---- history ---- */

struct history {
	struct catalogue_run_find find;
	job_history_fn done;
	void *data;
};

static void history_found(struct catalogue_request *request)
{
	struct history *history = request->owner;
	size_t count = request->result == 0 ? history->find.count : 0;
	struct job_record *records = calloc(count + 1, sizeof(*records));

	for (size_t i = 0; records && i < count; i++)
		row_to_record(&history->find.list[i], &records[i]);
	history->done(history->data, records ? request->result : -ENOMEM, records,
		      records ? count : 0);
	free(records);
	catalogue_runs_fini(&history->find);
	free(history);
}

int job_history(struct job *job, int64_t limit, job_history_fn done, void *data)
{
	struct history *history = calloc(1, sizeof(*history));
	int r;

	if (!history)
		return -ENOMEM;
	history->done = done;
	history->data = data;
	history->find.request.done = history_found;
	history->find.request.owner = history;
	r = catalogue_find_runs(job->jobs->registry->catalogue, (int64_t)job->id, limit,
				&history->find);
	if (r < 0)
		free(history);
	return r;
}
