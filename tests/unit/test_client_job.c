/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/job_answer.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/error_map.h"
#include "client/forebay.h"
#include "client/forebay_job.h"
#include "client/job_options.h"
#include "client/sized.h"
#include "proto/args.h"

static int make_job(const char *text, struct forebay_job **ret_job)
{
	cJSON *object = cJSON_Parse(text);
	int r;

	ck_assert_ptr_nonnull(object);
	r = job_answer_make_job(object, ret_job);
	cJSON_Delete(object);
	return r;
}

static int make_run(const char *text, struct forebay_run **ret_run)
{
	cJSON *object = cJSON_Parse(text);
	int r;

	ck_assert_ptr_nonnull(object);
	r = job_answer_make_run(object, ret_run);
	cJSON_Delete(object);
	return r;
}

START_TEST(a_job_is_read_with_all_that_is_told_of_it)
{
	struct forebay_job *job;

	ck_assert_int_eq(
		make_job("{\"id\":\"j1\",\"context\":{\"name\":\"n\",\"buffer\":\"b1\",\"store\":"
			 "\"s\",\"path\":\"p\"},\"runtime\":{\"state\":\"paused\",\"ownerUid\":7,"
			 "\"nextUSec\":1,\"runs\":2,\"failures\":3,\"skips\":4,\"currentRun\":5,"
			 "\"currentBytes\":6,\"totalBytes\":7,\"lastRun\":8,\"lastResult\":"
			 "\"timeout\",\"lastStartUSec\":9,\"lastEndUSec\":\"9007199254740993\","
			 "\"lastPath\":\"/l\",\"fault\":{\"operation\":\"open\",\"path\":\"f\","
			 "\"errno\":2,\"message\":\"m\"}}}",
			 &job),
		0);
	ck_assert_str_eq(job->id, "j1");
	ck_assert_str_eq(job->name, "n");
	ck_assert_str_eq(job->buffer, "b1");
	ck_assert_str_eq(job->store, "s");
	ck_assert_str_eq(job->path, "p");
	ck_assert_int_eq((int)job->state, FOREBAY_JOB_PAUSED);
	ck_assert_uint_eq(job->owner_uid, 7);
	ck_assert_int_eq(job->next_usec, 1);
	ck_assert_uint_eq(job->runs, 2);
	ck_assert_uint_eq(job->failures, 3);
	ck_assert_uint_eq(job->skips, 4);
	ck_assert_uint_eq(job->current_run, 5);
	ck_assert_uint_eq(job->current_bytes, 6);
	ck_assert_uint_eq(job->total_bytes, 7);
	ck_assert_uint_eq(job->last_run, 8);
	ck_assert_int_eq((int)job->last_result, FOREBAY_RUN_TIMEOUT);
	ck_assert_int_eq(job->last_start_usec, 9);
	ck_assert_int_eq(job->last_end_usec, INT64_C(9007199254740993));
	ck_assert_str_eq(job->last_path, "/l");
	ck_assert_int_eq(job->fault.error, -ENOENT);
	ck_assert_str_eq(job->fault.operation, "open");
	ck_assert_str_eq(job->fault.path, "f");
	ck_assert_str_eq(job->fault.message, "m");
	forebay_job_free(job);
}
END_TEST

START_TEST(what_is_not_told_of_a_job_is_unset)
{
	struct forebay_job *job;

	ck_assert_int_eq(make_job("{\"id\":\"j2\",\"runtime\":{\"state\":\"waiting\"}}", &job), 0);
	ck_assert_str_eq(job->id, "j2");
	ck_assert_ptr_null(job->name);
	ck_assert_ptr_null(job->last_path);
	ck_assert_int_eq(job->next_usec, FOREBAY_UNSET);
	ck_assert_int_eq(job->last_end_usec, FOREBAY_UNSET);
	ck_assert_int_eq((int)job->last_result, FOREBAY_RUN_NONE);
	ck_assert_int_eq(job->fault.error, 0);
	forebay_job_free(job);
}
END_TEST

START_TEST(a_run_is_read_with_all_that_is_told_of_it)
{
	struct forebay_run *run;

	ck_assert_int_eq(make_run("{\"run\":{\"run\":1,\"result\":\"skipped\",\"scheduledUSec\":2,"
				  "\"startUSec\":3,\"endUSec\":4,\"bytes\":5,\"path\":\"/p\","
				  "\"digest\":\"d\"}}",
				  &run),
			 0);
	ck_assert_uint_eq(run->number, 1);
	ck_assert_int_eq((int)run->result, FOREBAY_RUN_SKIPPED);
	ck_assert_int_eq(run->scheduled_usec, 2);
	ck_assert_int_eq(run->start_usec, 3);
	ck_assert_int_eq(run->end_usec, 4);
	ck_assert_uint_eq(run->bytes, 5);
	ck_assert_str_eq(run->path, "/p");
	ck_assert_str_eq(run->digest, "d");
	ck_assert_ptr_null(run->fault.operation);
	forebay_run_free(run);
}
END_TEST

static const char *const bad_jobs[] = {
	"{}",
	"{\"id\":\"j\"}",
	"{\"id\":\"j\",\"runtime\":{}}",
	"{\"id\":\"j\",\"runtime\":{\"state\":\"flying\"}}",
	"{\"id\":\"j\",\"runtime\":\"waiting\"}",
	"{\"runtime\":{\"state\":\"waiting\"}}",
};

static const char *const bad_runs[] = {
	"{}",
	"{\"run\":1}",
	"{\"run\":{}}",
	"{\"run\":{\"run\":-1}}",
	"{\"run\":{\"run\":\"one\"}}",
};

START_TEST(an_answer_that_is_none_is_refused)
{
	struct forebay_job *job = NULL;
	struct forebay_run *run = NULL;
	size_t i;

	for (i = 0; i < sizeof(bad_jobs) / sizeof(bad_jobs[0]); i++)
		ck_assert_msg(make_job(bad_jobs[i], &job) == -EPROTO, "%s", bad_jobs[i]);
	for (i = 0; i < sizeof(bad_runs) / sizeof(bad_runs[0]); i++)
		ck_assert_msg(make_run(bad_runs[i], &run) == -EPROTO, "%s", bad_runs[i]);
	ck_assert_ptr_null(job);
	ck_assert_ptr_null(run);
}
END_TEST

static int try_build(const struct forebay_job_options *options)
{
	struct args args;
	char *text;
	int r;

	args_init(&args);
	r = job_options_build(options, &args);
	if (r) {
		args_fini(&args);
		return r;
	}
	r = args_take_text(&args, &text);
	if (r == 0)
		cJSON_free(text);
	return r;
}

static void check_built(const struct forebay_job_options *options, const char *wanted)
{
	struct args args;
	char *text;

	args_init(&args);
	ck_assert_int_eq(job_options_build(options, &args), 0);
	ck_assert_int_eq(args_take_text(&args, &text), 0);
	ck_assert_str_eq(text, wanted);
	cJSON_free(text);
}

START_TEST(options_that_are_not_given_are_not_sent)
{
	struct forebay_job_options options = FOREBAY_JOB_OPTIONS_INIT;

	check_built(&options, "{\"context\":{}}");
	options.context = " { \"labels\" : {} } ";
	check_built(&options, "{\"context\":{\"labels\" : {} }}");
	options.on_change = 1;
	options.keep_last = 0;
	check_built(&options, "{\"context\":{\"schedule\":{\"onChange\":true},\"retention\":"
			      "{\"keepLast\":0},\"labels\" : {} }}");
	options.path = "\xff";
	options.context = NULL;
	ck_assert_int_eq(try_build(&options), -EILSEQ);
	options.path = NULL;
	options.context = "[]";
	ck_assert_int_eq(try_build(&options), -EINVAL);
	options.context = "{\"a\":}";
	ck_assert_int_eq(try_build(&options), -EINVAL);
}
END_TEST

struct small {
	size_t size;
	int first;
	int second;
};

START_TEST(structs_of_other_versions_are_read_or_refused)
{
	struct {
		struct small known;
		uint64_t later;
	} given = { { sizeof(given), 1, 2 }, 0 };
	struct small result = { 0, 7, 8 };

	ck_assert_int_eq(sized_read(&given, sizeof(size_t), &result, sizeof(result)), 0);
	ck_assert_int_eq(result.second, 2);
	given.later = 1;
	ck_assert_int_eq(sized_read(&given, sizeof(size_t), &result, sizeof(result)), -EINVAL);
	given.known.size = sizeof(size_t) + sizeof(int);
	result = (struct small){ 0, 7, 8 };
	ck_assert_int_eq(sized_read(&given, sizeof(size_t), &result, sizeof(result)), 0);
	ck_assert_int_eq(result.first, 1);
	ck_assert_int_eq(result.second, 8);
	given.known.size = 3;
	ck_assert_int_eq(sized_read(&given, sizeof(size_t), &result, sizeof(result)), -EINVAL);
}
END_TEST

static const struct {
	const char *parameters;
	int error;
} failed_runs[] = {
	{ "{\"run\":{\"result\":\"failed\",\"fault\":{\"errno\":20}}}", -ENOTDIR },
	{ "{\"run\":{\"result\":\"canceled\",\"fault\":{\"errno\":5}}}", -ECANCELED },
	{ "{\"run\":{\"result\":\"timeout\"}}", -ETIMEDOUT },
	{ "{\"run\":{\"result\":\"failed\"}}", -EIO },
	{ "{}", -EIO },
};

START_TEST(a_run_that_failed_has_an_errno)
{
	cJSON *parameters = cJSON_Parse(failed_runs[_i].parameters);

	ck_assert_int_eq(error_map_errno("io.forebay.job.RunFailed", parameters),
			 failed_runs[_i].error);
	cJSON_Delete(parameters);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client_job");
	TCase *all = tcase_create("all");
	SRunner *runner = srunner_create(suite);
	int failed;

	suite_add_tcase(suite, all);
	tcase_add_test(all, a_job_is_read_with_all_that_is_told_of_it);
	tcase_add_test(all, what_is_not_told_of_a_job_is_unset);
	tcase_add_test(all, a_run_is_read_with_all_that_is_told_of_it);
	tcase_add_test(all, an_answer_that_is_none_is_refused);
	tcase_add_test(all, options_that_are_not_given_are_not_sent);
	tcase_add_test(all, structs_of_other_versions_are_read_or_refused);
	tcase_add_loop_test(all, a_run_that_failed_has_an_errno, 0,
			    sizeof(failed_runs) / sizeof(failed_runs[0]));
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
