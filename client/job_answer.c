/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/job_answer.h"

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "client/forebay_job.h"
#include "proto/args.h"

/* Where a member of a struct comes from. */
struct row {
	const char *name;
	size_t offset;
};

static const struct row context_texts[] = {
	{ "name", offsetof(struct forebay_job, name) },
	{ "buffer", offsetof(struct forebay_job, buffer) },
	{ "store", offsetof(struct forebay_job, store) },
	{ "path", offsetof(struct forebay_job, path) },
	{ NULL, 0 },
};

static const struct row runtime_texts[] = {
	{ "lastPath", offsetof(struct forebay_job, last_path) },
	{ NULL, 0 },
};

static const struct row runtime_counts[] = {
	{ "runs", offsetof(struct forebay_job, runs) },
	{ "failures", offsetof(struct forebay_job, failures) },
	{ "skips", offsetof(struct forebay_job, skips) },
	{ "currentRun", offsetof(struct forebay_job, current_run) },
	{ "currentBytes", offsetof(struct forebay_job, current_bytes) },
	{ "totalBytes", offsetof(struct forebay_job, total_bytes) },
	{ "lastRun", offsetof(struct forebay_job, last_run) },
	{ NULL, 0 },
};

static const struct row runtime_times[] = {
	{ "nextUSec", offsetof(struct forebay_job, next_usec) },
	{ "lastStartUSec", offsetof(struct forebay_job, last_start_usec) },
	{ "lastEndUSec", offsetof(struct forebay_job, last_end_usec) },
	{ NULL, 0 },
};

static const struct row run_texts[] = {
	{ "path", offsetof(struct forebay_run, path) },
	{ "digest", offsetof(struct forebay_run, digest) },
	{ NULL, 0 },
};

static const struct row run_counts[] = {
	{ "run", offsetof(struct forebay_run, number) },
	{ "bytes", offsetof(struct forebay_run, bytes) },
	{ NULL, 0 },
};

static const struct row run_times[] = {
	{ "scheduledUSec", offsetof(struct forebay_run, scheduled_usec) },
	{ "startUSec", offsetof(struct forebay_run, start_usec) },
	{ "endUSec", offsetof(struct forebay_run, end_usec) },
	{ NULL, 0 },
};

static const struct row fault_texts[] = {
	{ "operation", offsetof(struct forebay_fault, operation) },
	{ "path", offsetof(struct forebay_fault, path) },
	{ "message", offsetof(struct forebay_fault, message) },
	{ NULL, 0 },
};

static const char *const states[] = { "waiting", "running", "paused", "finished", NULL };
static const char *const results[] = { "done", "canceled", "timeout", "failed", "skipped", NULL };

/* A block that is filled: first the struct, behind it the texts. */
struct block {
	unsigned char *bytes;
	char *next_text;
};

/* How much room the texts of an object take, which may be NULL. */
static size_t measure_texts(const cJSON *object, const struct row *rows)
{
	const char *text;
	size_t bytes = 0;

	for (; rows->name; rows++)
		if (args_get_string(object, rows->name, &text))
			bytes += strlen(text) + 1;
	return bytes;
}

static const char *put_text(struct block *block, const char *text)
{
	size_t bytes = strlen(text) + 1;
	char *copy = memcpy(block->next_text, text, bytes);

	block->next_text += bytes;
	return copy;
}

/* Into the struct at this place of the block. */
static void put_texts(struct block *block, size_t place, const cJSON *object,
		      const struct row *rows)
{
	const char *text;

	for (; rows->name; rows++) {
		if (!args_get_string(object, rows->name, &text))
			continue;
		text = put_text(block, text);
		memcpy(block->bytes + place + rows->offset, &text, sizeof(text));
	}
}

static void put_counts(struct block *block, const cJSON *object, const struct row *rows)
{
	for (; rows->name; rows++) {
		int64_t value = 0;

		if (args_get_int_within(object, rows->name, 0, INT64_MAX, &value))
			continue;
		memcpy(block->bytes + rows->offset, &value, sizeof(value));
	}
}

static void put_times(struct block *block, const cJSON *object, const struct row *rows)
{
	for (; rows->name; rows++) {
		int64_t value = FOREBAY_UNSET;

		(void)args_get_int(object, rows->name, &value);
		memcpy(block->bytes + rows->offset, &value, sizeof(value));
	}
}

static void put_fault(struct block *block, size_t place, const cJSON *object)
{
	struct forebay_fault *fault = (struct forebay_fault *)(block->bytes + place);
	int64_t error;

	if (!object)
		return;
	fault->error = args_get_int_within(object, "errno", 1, 4095, &error) ? -EIO : -(int)error;
	put_texts(block, place, object, fault_texts);
}

static int block_open(struct block *block, size_t struct_bytes, size_t text_bytes)
{
	block->bytes = calloc(1, struct_bytes + text_bytes);
	if (!block->bytes)
		return -ENOMEM;
	block->next_text = (char *)block->bytes + struct_bytes;
	return 0;
}

static enum forebay_run_result read_result(const cJSON *object, const char *name)
{
	int result;

	if (!args_get_enum(object, name, results, &result))
		return FOREBAY_RUN_NONE;
	return (enum forebay_run_result)(FOREBAY_RUN_DONE + result);
}

int job_answer_make_job(const cJSON *parameters, struct forebay_job **ret_job)
{
	const cJSON *context = NULL, *runtime = NULL, *fault = NULL;
	struct forebay_job *job;
	struct block block;
	const char *id;
	int64_t uid = 0;
	int state;

	if (!args_get_object(parameters, "runtime", &runtime) ||
	    !args_get_enum(runtime, "state", states, &state))
		return -EPROTO;
	(void)args_get_object(parameters, "context", &context);
	(void)args_get_object(runtime, "fault", &fault);
	if (!args_get_string(parameters, "id", &id))
		return -EPROTO;
	if (block_open(&block, sizeof(*job),
		       strlen(id) + 1 + measure_texts(context, context_texts) +
			       measure_texts(runtime, runtime_texts) +
			       measure_texts(fault, fault_texts)))
		return -ENOMEM;
	job = (struct forebay_job *)block.bytes;
	job->id = put_text(&block, id);
	put_texts(&block, 0, context, context_texts);
	put_texts(&block, 0, runtime, runtime_texts);
	put_counts(&block, runtime, runtime_counts);
	put_times(&block, runtime, runtime_times);
	put_fault(&block, offsetof(struct forebay_job, fault), fault);
	job->state = (enum forebay_job_state)(FOREBAY_JOB_WAITING + state);
	job->last_result = read_result(runtime, "lastResult");
	if (args_get_int_within(runtime, "ownerUid", 0, UINT32_MAX, &uid) == 0)
		job->owner_uid = (uint32_t)uid;
	*ret_job = job;
	return 0;
}

int job_answer_make_run(const cJSON *parameters, struct forebay_run **ret_run)
{
	const cJSON *object = NULL, *fault = NULL;
	struct forebay_run *run;
	struct block block;
	int64_t number;

	if (!args_get_object(parameters, "run", &object) ||
	    args_get_int_within(object, "run", 0, INT64_MAX, &number))
		return -EPROTO;
	(void)args_get_object(object, "fault", &fault);
	if (block_open(&block, sizeof(*run),
		       measure_texts(object, run_texts) + measure_texts(fault, fault_texts)))
		return -ENOMEM;
	run = (struct forebay_run *)block.bytes;
	run->result = read_result(object, "result");
	put_texts(&block, 0, object, run_texts);
	put_counts(&block, object, run_counts);
	put_times(&block, object, run_times);
	put_fault(&block, offsetof(struct forebay_run, fault), fault);
	*ret_run = run;
	return 0;
}

void forebay_job_free(struct forebay_job *job)
{
	free(job);
}

void forebay_run_free(struct forebay_run *run)
{
	free(run);
}
