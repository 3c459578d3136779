/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/forebay_job.h"

#include <errno.h>

#include <cjson/cJSON.h>

#include "client/connection.h"
#include "client/forebay.h"
#include "client/job_answer.h"
#include "client/job_options.h"
#include "proto/args.h"

/* The times of TestSchedule that fit into one answer. */
#define TIMES_MAX 100

/* Calls a method that answers with a job, which is made of it if anybody wants it. */
static int call_for_job(struct forebay_connection *connection, const char *method,
			struct args *args, struct forebay_job **ret_job)
{
	struct connection_call call = {
		.method = method,
		.timeout_usec = connection->timeout_usec,
	};
	cJSON *parameters;
	int r;

	r = connection_call_args(connection, &call, args, NULL, &parameters);
	if (r)
		return r;
	if (ret_job)
		r = job_answer_make_job(parameters, ret_job);
	cJSON_Delete(parameters);
	return r;
}

/* The same for one that answers with a run. */
static int call_for_run(struct forebay_connection *connection, struct connection_call *call,
			struct args *args, struct forebay_run **ret_run)
{
	cJSON *parameters;
	int r;

	r = connection_call_args(connection, call, args, NULL, &parameters);
	if (r)
		return r;
	if (ret_run)
		r = job_answer_make_run(parameters, ret_run);
	cJSON_Delete(parameters);
	return r;
}

/* {"id":..} to a method whose answer has nothing in it. */
static int call_verb(struct forebay_connection *connection, const char *method, const char *job)
{
	struct connection_call call = {
		.method = method,
		.timeout_usec = connection->timeout_usec,
	};
	struct args args;

	args_init(&args);
	args_add_string(&args, "id", job);
	return connection_call_args(connection, &call, &args, NULL, NULL);
}

/* {"context":..} of what a caller gave. */
static int begin_args(struct forebay_connection *connection,
		      const struct forebay_job_options *given,
		      struct forebay_job_options *ret_options, struct args *ret_args)
{
	int r;

	connection_clear_error(connection);
	r = job_options_read(given, ret_options);
	if (r)
		return r;
	args_init(ret_args);
	r = job_options_build(ret_options, ret_args);
	if (r)
		args_fini(ret_args);
	return r;
}

int forebay_job_create(struct forebay_connection *connection,
		       const struct forebay_job_options *options, struct forebay_job **ret_job)
{
	struct forebay_job_options own;
	struct args args;
	int r;

	r = begin_args(connection, options, &own, &args);
	if (r)
		return r;
	if (own.replace)
		args_add_bool(&args, "replace", true);
	return call_for_job(connection, "io.forebay.job.Create", &args, ret_job);
}

int forebay_job_describe(struct forebay_connection *connection, const char *job,
			 struct forebay_job **ret_job)
{
	struct args args;

	args_init(&args);
	args_add_string(&args, "id", job);
	return call_for_job(connection, "io.forebay.job.Describe", &args, ret_job);
}

int forebay_job_run(struct forebay_connection *connection, const char *job, uint64_t timeout_usec,
		    struct forebay_run **ret_run)
{
	struct connection_call call = {
		.method = "io.forebay.job.Run",
		.timeout_usec = timeout_usec,
	};
	struct args args;

	args_init(&args);
	args_add_string(&args, "id", job);
	return call_for_run(connection, &call, &args, ret_run);
}

int forebay_job_save(struct forebay_connection *connection,
		     const struct forebay_job_options *options, uint64_t timeout_usec,
		     struct forebay_run **ret_run)
{
	struct connection_call call = {
		.method = "io.forebay.job.Save",
		.timeout_usec = timeout_usec,
	};
	struct forebay_job_options own;
	struct args args;
	int r;

	r = begin_args(connection, options, &own, &args);
	return r ? r : call_for_run(connection, &call, &args, ret_run);
}

int forebay_job_pause(struct forebay_connection *connection, const char *job)
{
	return call_verb(connection, "io.forebay.job.Pause", job);
}

int forebay_job_resume(struct forebay_connection *connection, const char *job)
{
	return call_verb(connection, "io.forebay.job.Resume", job);
}

int forebay_job_dismiss(struct forebay_connection *connection, const char *job)
{
	return call_verb(connection, "io.forebay.job.Dismiss", job);
}

int forebay_job_cancel(struct forebay_connection *connection, const char *job, int run_only,
		       int *ret_was_running)
{
	struct connection_call call = {
		.method = "io.forebay.job.Cancel",
		.timeout_usec = connection->timeout_usec,
	};
	bool was_running = false;
	cJSON *parameters;
	struct args args;
	int r;

	args_init(&args);
	args_add_string(&args, "id", job);
	if (run_only)
		args_add_bool(&args, "runOnly", true);
	r = connection_call_args(connection, &call, &args, NULL, &parameters);
	if (r)
		return r;
	(void)args_get_bool(parameters, "wasRunning", &was_running);
	cJSON_Delete(parameters);
	if (ret_was_running)
		*ret_was_running = was_running;
	return 0;
}

static int read_times(const cJSON *parameters, int64_t *times_usec, size_t *count)
{
	const cJSON *times, *time;
	size_t found = 0;

	if (!args_get_array(parameters, "nextUSec", &times))
		return -EPROTO;
	cJSON_ArrayForEach(time, times)
		if (found == *count || !args_value_int(time, &times_usec[found++]))
			return -EPROTO;
	*count = found;
	return 0;
}

int forebay_job_test_schedule(struct forebay_connection *connection,
			      const struct forebay_job_options *options, int64_t from_usec,
			      int64_t *times_usec, size_t *count)
{
	struct connection_call call = {
		.method = "io.forebay.job.TestSchedule",
		.timeout_usec = connection->timeout_usec,
	};
	struct forebay_job_options own;
	cJSON *parameters;
	struct args args;
	int r;

	connection_clear_error(connection);
	r = job_options_read(options, &own);
	if (r || *count > TIMES_MAX)
		return -EINVAL;
	args_init(&args);
	job_options_build_schedule(&own, &args);
	if (from_usec != FOREBAY_UNSET)
		args_add_int(&args, "fromUSec", from_usec);
	args_add_int(&args, "count", (int64_t)*count);
	r = connection_call_args(connection, &call, &args, NULL, &parameters);
	if (r)
		return r;
	r = read_times(parameters, times_usec, count);
	cJSON_Delete(parameters);
	return r;
}
