/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * One run of a job:
 *
 *	its row, without a result, is on its way to the catalogue
 *	the bytes are taken hold of (job_source.c)
 *	they are compared with those of the last file, where the job asks for that
 *	a stream of the owner's writes them, and closes
 *	its row is completed and the job settles; those who wait, or watch, hear of it once
 *	that is on the disk, so what they hear is what history will say
 *
 * The row of the stream's temporary is asked for after that of the run, and the catalogue
 * takes one after the other: so there is never a file of a run that nobody knows.
 *
 * To stop a run is a wish. It is obeyed between two of these steps, or by the stream, which
 * gives up at once unless its file is being put in place already: then the run is done.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/base/log.h"
#include "daemon/io/catalogue_file.h"
#include "daemon/io/clock.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/job.h"
#include "daemon/objects/retention_sweep.h"

#define NS_PER_USEC UINT64_C(1000)

static int64_t now_usec(void)
{
	return (int64_t)(clock_real_ns() / NS_PER_USEC);
}

void job_run_get_record(const struct job_run *run, struct job_record *ret_record)
{
	bool failed = fault_is_set(&run->fault);

	*ret_record = (struct job_record){
		.run = run->number,
		.result = run->result,
		.scheduled_usec = run->scheduled_usec,
		.start_usec = run->start_usec,
		.end_usec = run->end_usec,
		.bytes = run->bytes,
		.path = run->absolute_path,
		.digest = run->digest[0] != '\0' ? run->digest : NULL,
		.fault_operation = failed ? run->fault.operation : NULL,
		.fault_path = failed && run->fault.path[0] != '\0' ? run->fault.path : NULL,
		.fault_errno = failed ? run->fault.error : 0,
		.fault_offset = failed ? run->fault.offset : -1,
	};
}

static void run_free(struct job_run *run)
{
	job_run_show(run);
	job_source_release(run);
	holder_fini(&run->holder);
	free(run->store);
	free(run->path);
	free(run->absolute_path);
	free(run);
}

void job_run_drop(struct job_run *run)
{
	stream_unobserve(&run->observer);
	run->job->run = NULL;
	run->job->jobs->running--;
	run_free(run);
}

/* ---- the end ---- */

static void tell_waits(uint64_t id, struct list *waits, const struct job_record *record)
{
	struct list *link;

	while ((link = list_take_first(waits))) {
		struct job_wait *wait = container_of(link, struct job_wait, link);

		wait->done(wait, id, record);
	}
}

void job_drop_waits(struct job *job, enum job_result result)
{
	const struct job_record record = {
		.result = result,
		.scheduled_usec = OPTION_UNSET,
		.start_usec = now_usec(),
		.end_usec = OPTION_UNSET,
		.fault_offset = -1,
	};

	tell_waits(job->id, &job->waits, &record);
}

static void sweep(const struct job *job)
{
	const struct retention_rules rules = job_options_retention(&job->setup.options);
	const struct catalogue_template template = {
		.owner = job->owner->user->uid,
		.store = job->setup.store,
		.template_text = job->mark,
	};

	if (job_options_has_retention(&job->setup.options))
		retention_sweep(job->jobs->registry, &template, &rules);
}

/* What the job keeps of it. */
static void take_result(struct job_run *run)
{
	struct job *job = run->job;

	job->last_run = run->number;
	job->last_result = run->result;
	job->last_start_usec = run->start_usec;
	job->last_end_usec = run->end_usec;
	if (run->result == JOB_RESULT_DONE) {
		free(job->last_path);
		job->last_path = take_ptr(run->absolute_path);
		run->absolute_path = job->last_path ? strdup(job->last_path) : NULL;
		if (!run->replaced)
			memcpy(job->content, run->content, sizeof(job->content));
	}
	if (job_result_is_failure((enum job_result)run->result)) {
		job->failures++;
		job_set_fault(job, &run->fault);
	} else if (run->result != JOB_RESULT_CANCELED && !job->pause_wanted) {
		job_set_fault(job, NULL);
	}
}

static void plan_retry(const struct job_run *run)
{
	struct job *job = run->job;
	const struct job_retry_run ended = {
		.result = (enum job_result)run->result,
		.scheduled_usec = run->scheduled_usec,
		.end_usec = run->end_usec,
		.last = job->pause_wanted || job->cancel_wanted,
	};

	/* A run of the job before says nothing of this one. */
	if (run->replaced || !job_retry_follow(&job->retry, &job->setup.options, &ended))
		return;
	job_hold_retry(job);
	job_plan_retry(job);
}

static void log_result(const struct job_run *run)
{
	const char *result = job_result_name((enum job_result)run->result);
	char path[256];

	if (fault_is_set(&run->fault))
		log_warning("job", "run ended",
			    "id=%s run=%llu result=%s operation=%s errno=%s path=%s",
			    run->job->id_text, (unsigned long long)run->number, result,
			    run->fault.operation, err_name(run->fault.error),
			    log_quote(run->absolute_path ? run->absolute_path : "", path,
				      sizeof(path)));
	else
		log_info("job", "run ended", "id=%s run=%llu result=%s bytes=%llu path=%s",
			 run->job->id_text, (unsigned long long)run->number, result,
			 (unsigned long long)run->bytes,
			 log_quote(run->absolute_path ? run->absolute_path : "", path,
				   sizeof(path)));
}

static void gone_saved(struct job_save_wait *wait, int result)
{
	(void)result;
	job_run_saved(wait->owner);
}

/* Together with what the job is now: there is no moment at which one is known without the other. */
static void save(struct job_run *run)
{
	if (!run->job->gone) {
		job_save_run_over(run);
		return;
	}
	run->gone_wait.done = gone_saved;
	run->gone_wait.owner = run;
	job_wait_saved(run->job, &run->gone_wait);
}

/* From the loop, with nothing of it under way. */
static void run_over(struct errand *errand, int unused)
{
	struct job_run *run = errand->owner;
	struct job *job = run->job;
	struct jobs *jobs = job->jobs;
	struct job_record record;
	struct refusal refusal;
	struct stream *stream;

	(void)unused;
	job->pause_wanted |= !job->buffer;
	/* Nobody but the run will ask how its stream ended. */
	if (run->stream_id != 0 &&
	    stream_find(run->holder.user, run->stream_id, &stream, &refusal) == 0)
		stream_forget(stream);
	job_run_hold_back(run);
	run->end_usec = now_usec();
	take_result(run);
	plan_retry(run);
	log_result(run);
	job_set_due(job, JOB_DUE_TIMEOUT, JOB_NEVER);
	job->run = NULL;
	jobs->running--;
	if (run->result == JOB_RESULT_DONE)
		sweep(job);
	job_run_get_record(run, &record);
	job_tell(job, JOB_EVENT_RESULT, &record);
	list_splice(&run->waits, &job->waits);
	job_source_release(run);
	job_settle(job);
	save(run);
	jobs_wake(jobs);
}

void job_run_saved(struct job_run *run)
{
	struct job_record record;

	job_run_show(run);
	/* Not by way of the job, which may be gone. */
	jobs_tell_run_saved(run->holder.user->registry->jobs, run->job_id, run->number);
	job_run_get_record(run, &record);
	tell_waits(run->job_id, &run->waits, &record);
	run->told = true;
	/* There was no memory for its last row, and its first is still on its way. */
	if (run->first_row != -EINPROGRESS)
		run_free(run);
}

static int drop_copy(struct errand *errand)
{
	job_source_drop_copy(errand->owner);
	return 0;
}

static void end_later(struct job_run *run, int result)
{
	if (run->over)
		return;
	run->over = true;
	/* What it was stopped for is why it did not succeed. */
	if (run->stopped && result != JOB_RESULT_DONE)
		result = run->stop;
	run->result = result;
	if (result == JOB_RESULT_TIMEOUT && !fault_is_set(&run->fault))
		fault_set(&run->fault, "timeout", ETIMEDOUT, NULL, -1);
	if (result == JOB_RESULT_DONE || result == JOB_RESULT_CANCELED)
		run->fault.operation = NULL;
	/* Nobody reads the copy any more, and it may be large. */
	run->errand = (struct errand){
		.name = "endRun",
		.run = drop_copy,
		.done = run_over,
		.owner = run,
	};
	if (run->source.snapshot)
		errand_start(run->job->jobs->registry, &run->errand);
	else
		errand_start_here(run->job->jobs->registry, &run->errand);
}

static void fail_run(struct job_run *run, const char *operation, int error)
{
	if (!fault_is_set(&run->fault))
		fault_set(&run->fault, operation, error < 0 ? -error : error, run->path, -1);
	end_later(run, JOB_RESULT_FAILED);
}

void job_run_stop(struct job_run *run, enum job_result result)
{
	struct refusal refusal;
	uint64_t discarded;

	if (run->stopped || run->over)
		return;
	run->stopped = true;
	run->stop = result;
	/* Refused: its file is being put in place. */
	if (run->stream &&
	    stream_abort(run->stream, job_result_name(result), &discarded, &refusal) < 0)
		log_debug("job", "too late to stop", "id=%s", run->job->id_text);
}

/* ---- its stream ---- */

static void read_stream(struct job_run *run, struct stream *stream)
{
	struct stream_runtime runtime;

	stream_get_runtime(stream, &runtime);
	run->bytes = runtime.bytes_written;
	if (runtime.state == STREAM_STATE_FINISHED) {
		run->absolute_path = runtime.path ? strdup(runtime.path) : NULL;
		(void)snprintf(run->digest, sizeof(run->digest), "%s",
			       runtime.digest ? runtime.digest : "");
		end_later(run, JOB_RESULT_DONE);
		return;
	}
	if (runtime.fault)
		run->fault = *runtime.fault;
	/* Somebody has aborted it, by the stream's own id. */
	else if (!run->stopped)
		fault_set(&run->fault, "abort", ECANCELED, run->path, -1);
	end_later(run, JOB_RESULT_FAILED);
}

static void tell_progress(struct job_run *run, struct stream *stream)
{
	struct stream_runtime runtime;

	stream_get_runtime(stream, &runtime);
	run->bytes = runtime.bytes_written;
	if (run->bytes == run->told_bytes)
		return;
	run->told_bytes = run->bytes;
	list_for_each(link, &run->job->waits) {
		struct job_wait *wait = container_of(link, struct job_wait, link);

		if (wait->progress)
			wait->progress(wait, run->bytes, run->source.bytes);
	}
	job_tell(run->job, JOB_EVENT_PROGRESS, NULL);
}

static void on_stream(struct stream_observer *observer, struct stream *stream,
		      enum stream_event event)
{
	struct job_run *run = observer->owner;

	if (event == STREAM_EVENT_PROGRESS)
		tell_progress(run, stream);
	if (event != STREAM_EVENT_CLOSE)
		return;
	run->stream = NULL;
	read_stream(run, stream);
}

static void write_all(struct job_run *run)
{
	const struct stream_chunk chunk = {
		.memory = run->source.memory,
		.memory_bytes = run->source.bytes,
	};
	struct refusal refusal;
	uint64_t length, discarded;
	int r;

	if (run->stopped)
		r = stream_abort(run->stream, job_result_name(run->stop), &discarded, &refusal);
	else
		r = stream_end(run->stream, &run->holder, &chunk, &length, &refusal);
	if (r == 0)
		return;
	/* It is over already, or there is no memory: it ends, and that is heard. */
	if (!fault_is_set(&run->fault))
		fault_set(&run->fault, "write", r < 0 ? -r : ECANCELED, run->path, -1);
	if (stream_abort(run->stream, "not written", &discarded, &refusal) < 0)
		log_debug("job", "its stream is over", "id=%s", run->job->id_text);
}

static void take_refusal(struct job_run *run, const struct refusal *refusal)
{
	switch (refusal->kind) {
	case REFUSAL_STREAM_FAILED:
		run->fault = refusal->fault;
		run->stream_id = refusal->id;
		break;
	case REFUSAL_PATH_BUSY:
		fault_set(&run->fault, "lock", EBUSY, run->path, -1);
		break;
	case REFUSAL_LIMIT:
		fault_set(&run->fault, "limit", EDQUOT, run->path, -1);
		break;
	case REFUSAL_NO_SUCH_STORE:
		fault_set(&run->fault, "open", ENOENT, run->path, -1);
		break;
	case REFUSAL_SHUTTING_DOWN:
		fault_set(&run->fault, "open", ESHUTDOWN, run->path, -1);
		break;
	default:
		fault_set(&run->fault, "open", EACCES, run->path, -1);
	}
}

static void opened(void *data, int result, struct stream *stream, struct stream_ring_fds *ring,
		   const struct refusal *refusal)
{
	struct job_run *run = data;
	struct stream_runtime runtime;

	(void)ring;
	if (result != 0) {
		if (result == REFUSED)
			take_refusal(run, refusal);
		fail_run(run, "open", result < 0 ? result : -EACCES);
		return;
	}
	stream_get_runtime(stream, &runtime);
	run->stream = stream;
	run->stream_id = runtime.id;
	run->observer.event = on_stream;
	run->observer.owner = run;
	stream_observe(stream, &run->observer);
	write_all(run);
}

static void open_stream(struct job_run *run)
{
	const struct job *job = run->job;
	struct stream_request request = {
		.options = run->options,
		.store = run->store,
		.path = run->path,
		.destination_fd = -1,
		.directory_fd = -1,
		.mark = job->mark,
	};
	struct refusal refusal;
	int r;

	labels_init(&request.labels);
	request.options.size_hint = 0;
	r = stream_open(&run->holder, &request, opened, run, &refusal);
	if (r == REFUSED)
		take_refusal(run, &refusal);
	if (r != 0)
		fail_run(run, "open", r < 0 ? r : -EACCES);
}

/*
 * What is written in place has no temporary, and so nothing of which the row would follow that
 * of the run: it waits for that one itself.
 */
static void open_when_known(struct job_run *run)
{
	bool in_place = run->options.open == STREAM_OPEN_APPEND ||
			run->options.open == STREAM_OPEN_TRUNCATE;

	if (run->stopped)
		end_later(run, JOB_RESULT_CANCELED);
	else if (!in_place || run->first_row == 0)
		open_stream(run);
	else if (run->first_row == -EINPROGRESS)
		run->waits_for_row = true;
	else
		fail_run(run, "record", run->first_row);
}

void job_run_known(struct job_run *run, int result)
{
	run->first_row = result;
	if (run->told)
		run_free(run);
	else if (run->waits_for_row)
		open_when_known(run);
}

/* ---- whether anything has changed ---- */

static void compared(struct errand *errand, int result)
{
	struct job_run *run = errand->owner;

	if (result < 0)
		fail_run(run, "digest", result);
	else if (result > 0 && !run->stopped)
		end_later(run, JOB_RESULT_SKIPPED);
	else
		open_when_known(run);
}

static void source_taken(struct job_run *run, int result)
{
	if (result < 0) {
		/* Its time was over, but that is not why. */
		if (run->stop == JOB_RESULT_TIMEOUT)
			run->stopped = false;
		fail_run(run, result == -ENXIO || result == -EDQUOT ? "memory" : "snapshot",
			 result);
	} else if (run->only_if_changed && !run->stopped) {
		run->errand = (struct errand){
			.name = "compare",
			.run = job_compare,
			.done = compared,
			.owner = run,
		};
		errand_start(run->job->jobs->registry, &run->errand);
	} else {
		open_when_known(run);
	}
}

/* ---- the beginning ---- */

/* It is not there if there is no memory for it. */
static struct job_run *run_new(struct job *job)
{
	struct job_run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	list_init(&run->observer.link);
	list_init(&run->waits);
	list_init(&run->unsaved_link);
	run->job = job;
	run->job_id = job->id;
	run->options = job->setup.options.stream;
	run->only_if_changed = job->setup.options.only_if_changed;
	if (run->only_if_changed)
		memcpy(run->content, job->content, sizeof(run->content));
	run->store = strdup(job->setup.store);
	run->result = JOB_RESULT_NONE;
	run->first_row = -EINPROGRESS;
	run->start_usec = now_usec();
	run->end_usec = OPTION_UNSET;
	if (!run->store ||
	    holder_init(&run->holder, job->jobs->registry, job->owner->user->uid) < 0) {
		free(run->store);
		free(run);
		return NULL;
	}
	return run;
}

int job_run_begin(struct job *job, int64_t scheduled_usec)
{
	struct job_run *run = run_new(job);
	int64_t timeout_usec = job->setup.options.timeout_usec;
	int r;

	if (!run)
		return -ENOMEM;
	run->number = ++job->runs;
	run->scheduled_usec = scheduled_usec;
	job->run = run;
	job->jobs->running++;
	if (job->buffer)
		job->seen_version = buffer_version(job->buffer);
	job_set_state(job, JOB_STATE_RUNNING);
	if (timeout_usec > 0)
		job_set_due(job, JOB_DUE_TIMEOUT,
			    clock_boot_ns() + (uint64_t)timeout_usec * NS_PER_USEC);
	job_save_run_begun(run);
	r = job_make_path(run);
	if (r < 0)
		fail_run(run, "path", r);
	else
		job_source_take(run, source_taken);
	return 0;
}
