/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/forebay_job.h"

#include <errno.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "client/connection.h"
#include "client/forebay.h"
#include "client/job_answer.h"
#include "proto/args.h"

/* A subscription, which keeps its connection busy for as long as it lasts. */
struct forebay_job_events {
	struct forebay_connection *connection;
};

void forebay_job_event_free(struct forebay_job_event *event)
{
	if (!event)
		return;
	forebay_job_free(event->job);
	forebay_run_free(event->run);
	free(event);
}

void forebay_job_events_close(struct forebay_job_events *events)
{
	if (!events)
		return;
	forebay_disconnect(events->connection);
	free(events);
}

int forebay_job_events_fd(const struct forebay_job_events *events)
{
	return forebay_connection_fd(events->connection);
}

/* Until the daemon has said that it stands. */
static int subscribe(struct forebay_connection *connection, const char *job)
{
	struct forebay_reply reply;
	struct args args;
	char *text;
	int r;

	args_init(&args);
	args_add_optional_string(&args, "id", job);
	r = args_take_text(&args, &text);
	if (r)
		return r;
	r = forebay_call_more(connection, "io.forebay.job.SubscribeEvents", text);
	cJSON_free(text);
	if (r == 0)
		r = forebay_call_next(connection, connection->timeout_usec, &reply);
	if (r == 0)
		forebay_reply_fini(&reply);
	return r;
}

int forebay_job_events_open(struct forebay_connection *connection, const char *job,
			    struct forebay_job_events **ret_events)
{
	struct forebay_job_events *events = calloc(1, sizeof(*events));
	int r;

	connection_clear_error(connection);
	if (!events)
		return -ENOMEM;
	r = forebay_connect(connection->socket_path, &events->connection);
	if (r) {
		free(events);
		return r;
	}
	events->connection->timeout_usec = connection->timeout_usec;
	r = subscribe(events->connection, job);
	if (r) {
		connection_move_error(connection, events->connection);
		forebay_job_events_close(events);
		return r;
	}
	*ret_events = events;
	return 0;
}

static int fill(struct forebay_job_event *event, const cJSON *parameters)
{
	static const char *const kinds[] = { "state", "progress", "result", "overflow", NULL };
	int64_t lost;
	int kind, r;

	if (!args_get_enum(parameters, "event", kinds, &kind))
		return -EPROTO;
	event->kind = (enum forebay_job_event_kind)(FOREBAY_JOB_EVENT_STATE + kind);
	if (event->kind == FOREBAY_JOB_EVENT_OVERFLOW) {
		if (args_get_int_within(parameters, "lost", 0, INT64_MAX, &lost))
			return -EPROTO;
		event->lost = (uint64_t)lost;
		return 0;
	}
	r = job_answer_make_job(parameters, &event->job);
	if (r == 0 && event->kind == FOREBAY_JOB_EVENT_RESULT)
		r = job_answer_make_run(parameters, &event->run);
	return r;
}

int forebay_job_events_next(struct forebay_job_events *events, uint64_t timeout_usec,
			    struct forebay_job_event **ret_event)
{
	struct forebay_job_event *event;
	struct forebay_reply reply;
	cJSON *parameters;
	int r;

	r = forebay_call_next(events->connection, timeout_usec, &reply);
	if (r)
		return r;
	event = calloc(1, sizeof(*event));
	parameters = cJSON_Parse(reply.parameters);
	forebay_reply_fini(&reply);
	r = event && parameters ? fill(event, parameters) : -ENOMEM;
	cJSON_Delete(parameters);
	if (r) {
		forebay_job_event_free(event);
		return r;
	}
	*ret_event = event;
	return 0;
}
