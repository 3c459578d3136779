/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "client/print.h"

/* Errors of work that was taken on and then failed. All others mean: not even begun. */
static const char *const failures[] = { "DigestMismatch", "RunFailed", "StreamFailed" };

static const char *last_part(const char *error_name)
{
	const char *dot = strrchr(error_name, '.');

	return dot ? dot + 1 : error_name;
}

/* The run of a RunFailed took longer than its job may. */
static bool is_run_timeout(const char *parameters)
{
	cJSON *object = parameters ? cJSON_Parse(parameters) : NULL;
	const cJSON *result = print_find_field(object, "run.result");
	bool timeout = cJSON_IsString(result) && strcmp(result->valuestring, "timeout") == 0;

	cJSON_Delete(object);
	return timeout;
}

static enum verb_status status_of_error(const char *error_name, const char *parameters)
{
	const char *last = last_part(error_name);
	size_t i;

	if (strcmp(last, "TimedOut") == 0 ||
	    (strcmp(last, "RunFailed") == 0 && is_run_timeout(parameters)))
		return VERB_TIMED_OUT;
	for (i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
		if (strcmp(last, failures[i]) == 0)
			return VERB_FAILED;
	return VERB_REFUSED;
}

static enum verb_status status_of_errno(int error)
{
	switch (error) {
	case -ETIMEDOUT:
		return VERB_TIMED_OUT;
	case -ECONNRESET:
	case -ENOTCONN:
	case -EPIPE:
		return VERB_NO_DAEMON;
	case -EINVAL:
		return VERB_USAGE;
	default:
		return VERB_FAILED;
	}
}

static void print_part(const cJSON *value, const char *before)
{
	char *text;

	if (!value)
		return;
	text = print_value(value, PRINT_NUMBER);
	(void)fputs(before, stderr);
	print_text(text ? text : "?", stderr);
	free(text);
}

/* What failed, where, and why; of other errors each parameter with its name. */
static void print_parameters(const char *parameters)
{
	cJSON *object = parameters ? cJSON_Parse(parameters) : NULL;
	const cJSON *member, *run = print_find_field(object, "run");
	const cJSON *fault = print_find_field(run ? run : object, "fault");
	const char *separator = ": ";

	if (run && !fault) {
		print_part(print_find_field(run, "result"), ": ");
		cJSON_Delete(object);
		return;
	}
	if (fault) {
		print_part(print_find_field(fault, "operation"), ": ");
		print_part(print_find_field(fault, "path"), " ");
		print_part(print_find_field(fault, "message"), ": ");
		cJSON_Delete(object);
		return;
	}
	cJSON_ArrayForEach(member, object) {
		(void)fprintf(stderr, "%s%s", separator, member->string);
		print_part(member, " ");
		separator = ", ";
	}
	cJSON_Delete(object);
}

void report_error_json(const char *name, const char *parameters)
{
	(void)fprintf(stderr, "{\"error\":\"%s\",\"parameters\":", name);
	print_json(parameters, stderr);
	(void)fputs("}\n", stderr);
}

static enum verb_status report_error(bool json, const char *name, const char *parameters)
{
	if (json) {
		report_error_json(name, parameters);
		return status_of_error(name, parameters);
	}
	(void)fputs("forebayctl: ", stderr);
	print_text(last_part(name), stderr);
	print_parameters(parameters);
	(void)fputc('\n', stderr);
	return status_of_error(name, parameters);
}

enum verb_status report_failure(const struct verb_call *call, const char *kind, const char *what,
				const char *reason)
{
	if (call->json) {
		cJSON *object = cJSON_CreateObject();
		char *text;

		(void)cJSON_AddStringToObject(object, "error", kind);
		(void)cJSON_AddStringToObject(object, "what", what);
		(void)cJSON_AddStringToObject(object, "message", reason);
		text = cJSON_PrintUnformatted(object);
		(void)fprintf(stderr, "%s\n", text ? text : "{}");
		cJSON_free(text);
		cJSON_Delete(object);
		return VERB_FAILED;
	}
	(void)fputs("forebayctl: ", stderr);
	print_text(what, stderr);
	(void)fprintf(stderr, ": %s\n", reason);
	return VERB_FAILED;
}

enum verb_status report_errno(const struct verb_call *call, const char *what, int error)
{
	(void)report_failure(call, "errno", what, strerror(-error));
	return status_of_errno(error);
}

enum verb_status report_call(const struct verb_call *call, int error)
{
	const char *name = forebay_error_name(call->connection);

	if (name)
		return report_error(call->json, name, forebay_error_parameters(call->connection));
	return report_errno(call, "the daemon", error);
}

enum verb_status report_stream(const struct verb_call *call, const struct forebay_stream *stream,
			       int error)
{
	const char *name = forebay_stream_error_name(stream);

	if (name)
		return report_error(call->json, name, forebay_stream_error_parameters(stream));
	return report_errno(call, "the stream", error);
}

enum verb_status report_connect(bool json, const char *socket_path, int error)
{
	struct verb_call call = { .json = json };

	(void)report_errno(&call, socket_path ? socket_path : "no daemon", error);
	return VERB_NO_DAEMON;
}

enum verb_status report_usage(const char *format, ...)
{
	va_list arguments;

	(void)fputs("forebayctl: ", stderr);
	va_start(arguments, format);
	(void)vfprintf(stderr, format, arguments);
	va_end(arguments);
	(void)fputs("\nTry --help.\n", stderr);
	return VERB_USAGE;
}
