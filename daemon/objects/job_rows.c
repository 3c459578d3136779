/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Jobs and runs as rows of the catalogue. A job's row is written whenever its state changes;
 * while one is being written further changes wait, and go together. The rows of runs are
 * never put together with others.
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

#define STEPS_TEXT_BYTES 128

/* ---- parts of a row ---- */

static int64_t unset(int64_t number)
{
	return number == OPTION_UNSET ? CATALOGUE_JOB_UNSET : number;
}

/* "gzip:6,unzstd" */
static void steps_to_text(const struct stream_options *options, char text[static STEPS_TEXT_BYTES])
{
	size_t at = 0;

	text[0] = '\0';
	for (uint32_t i = 0; i < options->steps_count; i++) {
		const struct stream_step *step = &options->steps[i];

		at += (size_t)snprintf(text + at, STEPS_TEXT_BYTES - at, "%s%s", i > 0 ? "," : "",
				       stream_step_name(step->kind));
		if (step->level != OPTION_UNSET)
			at += (size_t)snprintf(text + at, STEPS_TEXT_BYTES - at, ":%d",
					       (int)step->level);
	}
}

static bool text_to_steps(const char *text, struct stream_options *options)
{
	char copy[STEPS_TEXT_BYTES], *rest = copy, *word;

	if (strlen(text) >= sizeof(copy))
		return false;
	strcpy(copy, text);
	while ((word = strsep(&rest, ",")) && word[0] != '\0') {
		struct stream_step step = { .level = OPTION_UNSET };
		char *level = strchr(word, ':');
		int64_t kind;

		if (level) {
			*level = '\0';
			step.level = strtol(level + 1, NULL, 10);
		}
		kind = stream_step_parse(word);
		if (kind == OPTION_UNSET || options->steps_count == STREAM_STEPS_MAX)
			return false;
		step.kind = (enum stream_step_kind)kind;
		options->steps[options->steps_count++] = step;
	}
	return true;
}

/* name, NUL, value, NUL, and so on. NULL: no memory. */
static char *labels_to_bytes(const struct labels *labels, int64_t *ret_bytes)
{
	size_t bytes = 0;
	char *memory, *at;

	for (uint32_t i = 0; i < labels->count; i++)
		bytes += strlen(labels->items[i].name) + strlen(labels->items[i].value) + 2;
	memory = malloc(bytes + 1);
	if (!memory)
		return NULL;
	at = memory;
	for (uint32_t i = 0; i < labels->count; i++) {
		at = stpcpy(at, labels->items[i].name) + 1;
		at = stpcpy(at, labels->items[i].value) + 1;
	}
	*ret_bytes = (int64_t)bytes;
	return memory;
}

static int bytes_to_labels(const char *memory, int64_t bytes, struct labels *labels)
{
	const char *at = memory, *end = memory + bytes;

	labels_init(labels);
	if (bytes > 0 && end[-1] != '\0')
		return -EUCLEAN;
	while (at < end) {
		const char *name = at, *value = name + strlen(name) + 1;
		int r;

		if (value >= end)
			return -EUCLEAN;
		r = labels_add(labels, name, value);
		if (r != 0)
			return r < 0 ? r : -EUCLEAN;
		at = value + strlen(value) + 1;
	}
	return 0;
}

/* ---- to the catalogue ---- */

struct row_texts {
	char steps[STEPS_TEXT_BYTES];
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
	row->length = unset(options->length);
	row->store = setup->store;
	row->path = setup->path;
	row->open = stream_open_name(stream->open);
	row->mode = stream->mode;
	row->ack = stream_ack_name(stream->ack);
	row->at_usec = unset(options->at_usec);
	row->after_usec = unset(options->after_usec);
	row->every_usec = unset(options->every_usec);
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
	row->keep_last = unset(options->keep_last);
	row->keep_usec = unset(options->keep_usec);
	row->maximum_bytes = unset(options->maximum_bytes);
	row->minimum_free_bytes = unset(options->minimum_free_bytes);
	row->timeout_usec = options->timeout_usec;
	row->retries = options->retries;
	row->retry_delay_usec = options->retry_delay_usec;
	row->auto_dismiss = options->auto_dismiss;
}

static void fill_state(const struct job *job, struct catalogue_job *row)
{
	row->state = job_state_name(job->state);
	row->next_usec = unset(job_next_usec(job));
	row->runs = (int64_t)job->runs;
	row->failures = (int64_t)job->failures;
	row->skips = (int64_t)job->skips;
	row->attempts = job->attempts;
	row->handled_usec = job->times.handled_usec;
	row->seed = (int64_t)job->times.seed;
	row->at_done = job->times.next_usec[SCHEDULE_AT] == SCHEDULE_NEVER;
	row->after_done = job->times.next_usec[SCHEDULE_AFTER] == SCHEDULE_NEVER;
	row->last_run = job->last_run > 0 ? (int64_t)job->last_run : CATALOGUE_JOB_UNSET;
	if (job->last_result != JOB_RESULT_NONE)
		row->last_result = job_result_name((enum job_result)job->last_result);
	row->last_start_usec = unset(job->last_start_usec);
	row->last_end_usec = unset(job->last_end_usec);
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

	steps_to_text(&job->setup.options.stream, texts.steps);
	texts.labels = labels_to_bytes(&job->setup.labels, &row.labels_bytes);
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

static void saved(struct catalogue_request *request)
{
	struct job *job = request->owner;

	job->saving = false;
	if (request->result < 0)
		not_saved(job, request->result);
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
		.scheduled_usec = unset(record->scheduled_usec),
		.start_usec = record->start_usec,
		.end_usec = unset(record->end_usec),
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

static void save_record(struct job *job, const struct job_record *record)
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

void job_save_run(struct job_run *run)
{
	struct job_record record;

	job_run_get_record(run, &record);
	save_record(run->job, &record);
}

/* ---- from the catalogue ---- */

void job_row_to_record(const struct catalogue_run *row, struct job_record *ret_record)
{
	*ret_record = (struct job_record){
		.run = (uint64_t)row->run,
		.result = row->result ? job_result_parse(row->result) : JOB_RESULT_NONE,
		.scheduled_usec = unset(row->scheduled_usec),
		.start_usec = row->start_usec,
		.end_usec = unset(row->end_usec),
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
	options->length = unset(row->length);
	options->at_usec = unset(row->at_usec);
	options->after_usec = unset(row->after_usec);
	options->every_usec = unset(row->every_usec);
	options->on_change = row->on_change == 1;
	options->jitter_usec = row->jitter_usec;
	options->settle_usec = row->settle_usec;
	options->missed = job_missed_parse(row->missed);
	options->consistency = job_consistency_parse(row->consistency);
	options->only_if_changed = row->only_if_changed == 1;
	options->keep_last = unset(row->keep_last);
	options->keep_usec = unset(row->keep_usec);
	options->maximum_bytes = unset(row->maximum_bytes);
	options->minimum_free_bytes = unset(row->minimum_free_bytes);
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
	if ((row->steps && !text_to_steps(row->steps, &setup->options.stream)) ||
	    job_options_resolve(&setup->options, &wrong) != 0)
		return -EUCLEAN;
	r = bytes_to_labels(row->labels ? row->labels : "", row->labels_bytes, &setup->labels);
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
	job->attempts = row->attempts;
	job->last_run = row->last_run == CATALOGUE_JOB_UNSET ? 0 : (uint64_t)row->last_run;
	job->last_result = row->last_result ? job_result_parse(row->last_result) : JOB_RESULT_NONE;
	job->last_start_usec = unset(row->last_start_usec);
	job->last_end_usec = unset(row->last_end_usec);
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
	job_row_to_record(row, &cut_off->record);
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
	if (cut_off)
		r = note_cut_off(loading, job, cut_off);
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

		save_record(cut_off->job, &cut_off->record);
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

int job_rows_load(struct jobs *jobs)
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
		job_row_to_record(&history->find.list[i], &records[i]);
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
