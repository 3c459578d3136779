/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <stdio.h>
#include <time.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "client/listing.h"
#include "client/moment.h"
#include "client/print.h"
#include "client/report.h"
#include "proto/args.h"

/* {"local":..,"utc":..,"when":..} for the table. */
static cJSON *make_row(int64_t usec, int64_t now)
{
	char local[64], utc[64], when[UNITS_TEXT_BYTES + 8];
	time_t seconds = (time_t)(usec / 1000000);
	cJSON *row = cJSON_CreateObject();
	struct tm broken;

	if (!localtime_r(&seconds, &broken) ||
	    strftime(local, sizeof(local), "%a %Y-%m-%d %H:%M:%S %Z", &broken) == 0 ||
	    !gmtime_r(&seconds, &broken) ||
	    strftime(utc, sizeof(utc), "%Y-%m-%d %H:%M:%S", &broken) == 0 ||
	    !cJSON_AddStringToObject(row, "local", local) ||
	    !cJSON_AddStringToObject(row, "utc", utc) ||
	    !cJSON_AddStringToObject(row, "when", moment_format_distance(usec, now, when))) {
		cJSON_Delete(row);
		return NULL;
	}
	return row;
}

static int show_times(const cJSON *times)
{
	static const struct print_column columns[] = {
		{ "LOCAL TIME", "local", PRINT_TEXT },
		{ "UTC", "utc", PRINT_TEXT },
		{ "WHEN", "when", PRINT_TEXT },
		{ 0 },
	};
	struct print_table table;
	int64_t usec, now = moment_now_usec();
	const cJSON *time;
	int r = 0;

	print_table_init(&table, columns);
	cJSON_ArrayForEach(time, times) {
		cJSON *row = args_value_int(time, &usec) ? make_row(usec, now) : NULL;

		r = row ? print_table_add(&table, row) : -1;
		cJSON_Delete(row);
		if (r)
			break;
	}
	if (r == 0)
		print_table_write(&table, stdout, print_may_color(stdout));
	print_table_fini(&table);
	return r;
}

static enum verb_status show_schedule(const struct verb_call *call, const char *parameters)
{
	cJSON *object = cJSON_Parse(parameters);
	const char *normalized = NULL;
	const cJSON *times = NULL;
	int r = 0;

	if (args_get_string(object, "normalized", &normalized)) {
		(void)fputs("normal form: ", stdout);
		print_text(normalized, stdout);
		(void)fputc('\n', stdout);
	}
	if (!args_get_array(object, "nextUSec", &times) || cJSON_GetArraySize(times) == 0)
		(void)puts("never");
	else
		r = show_times(times);
	cJSON_Delete(object);
	return r ? report_failure(call, "OutOfMemory", "the answer", "it cannot be shown") :
		   VERB_DONE;
}

enum verb_status verb_job_test_schedule(struct verb_call *call)
{
	struct forebay_reply reply;
	struct args args, schedule;
	enum verb_status status;

	args_init(&args);
	args_begin_object(&args, "schedule", &schedule);
	args_add_string(&schedule, "calendar", call->options.arguments[0]);
	if (options_has(&call->options, "from"))
		args_add_int(&args, "fromUSec", options_number(&call->options, "from", 0));
	if (options_has(&call->options, "count"))
		args_add_int(&args, "count", options_number(&call->options, "count", 0));
	status = listing_call(call, "io.forebay.job.TestSchedule", &args, &reply);
	if (status != VERB_DONE)
		return status;
	if (call->json)
		print_json_line(reply.parameters, stdout);
	else
		status = show_schedule(call, reply.parameters);
	forebay_reply_fini(&reply);
	return status;
}
