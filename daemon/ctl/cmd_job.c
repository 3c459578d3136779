/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/calendar.h"
#include "daemon/core/schedule.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/param.h"
#include "daemon/io/clock.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/refusal.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/zones.h"
#include "proto/args.h"

/* io.forebay.job */

#define COUNT_DEFAULT 10
#define COUNT_MAX 100

/*
 * TestSchedule goes over three steps: the daemon's own zone is read, then the one that the
 * expression names, then the times are looked for. The last is a matter of milliseconds for
 * rare dates, more than the loop has.
 */
struct schedule_test {
	struct call *call;
	struct errand errand;
	struct schedule schedule;
	char *expression; /* NULL: there is no calendar */
	struct held_zone *own_zone;
	struct held_zone *named_zone; /* NULL: none is named, or there is none of that name */
	int64_t from_usec;
	size_t count;

	/* What came of it. */
	struct calendar_error error;
	char *normalized;
	size_t found;
	int64_t next_usec[COUNT_MAX];
};

static void free_test(struct schedule_test *test)
{
	zones_release(test->own_zone);
	zones_release(test->named_zone);
	free(test->normalized);
	free(test->expression);
	free(test);
}

static void fail_test(struct schedule_test *test, int result, const struct refusal *refusal)
{
	struct call *call = test->call;

	free_test(test);
	call_fail(call, result, refusal);
}

static void answer_test(struct schedule_test *test)
{
	struct call *call = test->call;
	struct args args, times;

	args_init(&args);
	args_add_optional_string(&args, "normalized", test->normalized);
	args_begin_array(&args, "nextUSec", &times);
	for (size_t i = 0; i < test->found; i++)
		args_add_int(&times, NULL, test->next_usec[i]);
	free_test(test);
	call_reply(call, &args);
}

static int normalize(struct schedule_test *test, const struct calendar *calendar)
{
	size_t length = calendar_format(calendar, NULL, 0);

	test->normalized = malloc(length + 1);
	if (!test->normalized)
		return -ENOMEM;
	(void)calendar_format(calendar, test->normalized, length + 1);
	return 0;
}

static int look_ahead(struct errand *errand)
{
	struct schedule_test *test = errand->owner;
	struct calendar *calendar = NULL;
	int r = 0;

	if (test->expression)
		r = calendar_new(test->expression, test->own_zone->zone,
				 test->named_zone ? test->named_zone->zone : NULL, &calendar,
				 &test->error);
	if (r == 0 && calendar)
		r = normalize(test, calendar);
	if (r == 0) {
		test->schedule.calendar = calendar;
		test->found = schedule_preview(&test->schedule, test->from_usec, test->next_usec,
					       test->count);
		test->schedule.calendar = NULL;
	}
	(void)calendar_free(calendar);
	return r;
}

static void looked_ahead(struct errand *errand, int result)
{
	struct schedule_test *test = errand->owner;
	struct refusal refusal;
	char reason[256];

	if (result == CALENDAR_E_SYNTAX) {
		if (test->error.position == CALENDAR_NOWHERE)
			(void)snprintf(reason, sizeof(reason), "%s", test->error.reason);
		else
			(void)snprintf(reason, sizeof(reason), "%s, at character %zu",
				       test->error.reason, test->error.position + 1);
		result = refuse_schedule(&refusal, "schedule.calendar", reason);
	}
	if (result)
		fail_test(test, result, &refusal);
	else
		answer_test(test);
}

static void start_look(struct schedule_test *test)
{
	test->errand.name = "schedule";
	test->errand.run = look_ahead;
	test->errand.done = looked_ahead;
	test->errand.owner = test;
	errand_start(call_user(test->call)->registry, &test->errand);
}

static void named_zone_read(void *data, int result, struct held_zone *zone)
{
	struct schedule_test *test = data;

	test->named_zone = zone;
	if (result < 0)
		fail_test(test, result, NULL);
	else
		start_look(test);
}

static void own_zone_read(void *data, int result, struct held_zone *zone)
{
	struct schedule_test *test = data;
	const char *name = NULL;

	test->own_zone = zone;
	if (result == 0)
		name = calendar_zone_name(test->expression, zone->zone);
	if (name)
		result =
			zones_acquire(call_user(test->call)->registry, name, named_zone_read, test);
	if (result)
		fail_test(test, result, NULL);
	else if (!name)
		start_look(test);
}

/* Negative numbers are all the same here: they are refused. */
static void read_number(const struct cJSON *args, const char *name, int64_t *number)
{
	int64_t value;

	if (args_get_int(args, name, &value))
		*number = value < 0 ? -1 : value;
}

static int read_schedule(const struct cJSON *args, struct schedule *schedule, char **ret_expression,
			 struct refusal *refusal)
{
	const struct cJSON *object = NULL;
	const char *parameter, *reason, *expression = NULL;
	char path[64];

	(void)args_get_object(args, "schedule", &object);
	read_number(object, "atUSec", &schedule->at_usec);
	read_number(object, "afterUSec", &schedule->after_usec);
	read_number(object, "everyUSec", &schedule->every_usec);
	if (schedule_check(schedule, &parameter, &reason) != 0) {
		(void)snprintf(path, sizeof(path), "schedule.%s", parameter);
		return refuse_schedule(refusal, path, reason);
	}
	*ret_expression = NULL;
	if (!args_get_string(object, "calendar", &expression))
		return 0;
	*ret_expression = strdup(expression);
	return *ret_expression ? 0 : -ENOMEM;
}

static int read_test(struct schedule_test *test, struct refusal *refusal)
{
	const struct cJSON *args = call_args(test->call);
	int64_t count = COUNT_DEFAULT;
	int r = param_number(args, "fromUSec", 0, &test->from_usec, refusal);

	if (r == 0)
		r = param_number(args, "count", 1, &count, refusal);
	if (r)
		return r;
	if (count > COUNT_MAX)
		return refuse_text(refusal, REFUSAL_PARAMETER, "count");
	/* Nothing lies behind the end, and sums of two times shall have room. */
	if (test->from_usec > CALENDAR_END_USEC)
		test->from_usec = CALENDAR_END_USEC;
	test->count = (size_t)count;
	return read_schedule(args, &test->schedule, &test->expression, refusal);
}

static int test_schedule(struct call *call, struct refusal *refusal)
{
	struct schedule_test *test = calloc(1, sizeof(*test));
	int r;

	if (!test)
		return -ENOMEM;
	test->call = call;
	test->schedule = (struct schedule)SCHEDULE_NONE;
	test->from_usec = (int64_t)(clock_real_ns() / 1000);
	r = read_test(test, refusal);
	if (r == 0 && test->expression)
		r = zones_acquire(call_user(call)->registry, NULL, own_zone_read, test);
	else if (r == 0)
		start_look(test);
	if (r)
		free_test(test);
	return r;
}

const struct command cmd_job_table[] = {
	{ "Cancel", cmd_job_cancel, 0 },      { "Create", cmd_job_create, 0 },
	{ "Describe", cmd_job_describe, 0 },  { "Dismiss", cmd_job_dismiss, 0 },
	{ "History", cmd_job_history, 0 },    { "List", cmd_job_list, 0 },
	{ "Load", cmd_job_load, 0 },	      { "Pause", cmd_job_pause, 0 },
	{ "Resume", cmd_job_resume, 0 },      { "Run", cmd_job_run, 0 },
	{ "Save", cmd_job_save, 0 },	      { "SubscribeEvents", cmd_job_subscribe_events, 0 },
	{ "TestSchedule", test_schedule, 0 }, { .member = NULL },
};
