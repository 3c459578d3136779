/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/listing.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "client/print.h"
#include "client/report.h"
#include "proto/args.h"

/* Between two answers of a list. */
#define ANSWER_TIMEOUT_USEC (45 * FOREBAY_USEC_PER_SEC)

enum verb_status listing_call(struct verb_call *call, const char *method, struct args *args,
			      struct forebay_reply *ret_reply)
{
	char *text;
	int r;

	r = args_take_text(args, &text);
	if (r)
		return report_errno(call, "the arguments", r);
	r = forebay_call(call->connection, method, text, NULL, ret_reply);
	cJSON_free(text);
	return r ? report_call(call, r) : VERB_DONE;
}

/* A table as it is filled. */
struct filling {
	const struct listing_view *view;
	struct print_table table;
};

/* With nothing to list the one answer there must be is empty. */
static bool is_empty(const cJSON *object)
{
	return !object->child || (cJSON_IsNull(object->child) && !object->child->next);
}

static int add_row(cJSON *object, struct filling *filling)
{
	int r = 0;

	if (filling->view->prepare)
		r = filling->view->prepare(object, filling->view->data);
	return r ? r : print_table_add(&filling->table, object);
}

static int show_answer(const struct verb_call *call, const char *parameters,
		       struct filling *filling)
{
	cJSON *object;
	int r = 0;

	object = cJSON_Parse(parameters);
	if (!object)
		return -ENOMEM;
	if (call->json && !(is_empty(object) && filling->view->skip_empty))
		print_json_line(parameters, stdout);
	else if (!call->json && !is_empty(object))
		r = add_row(object, filling);
	cJSON_Delete(object);
	return r;
}

static enum verb_status collect(struct verb_call *call, struct filling *filling)
{
	struct forebay_reply reply = { .continues = 1 };

	while (reply.continues) {
		int r;

		r = forebay_call_next(call->connection, ANSWER_TIMEOUT_USEC, &reply);
		if (r)
			return report_call(call, r);
		r = show_answer(call, reply.parameters, filling);
		if (r) {
			forebay_reply_fini(&reply);
			return report_errno(call, "the answer", r);
		}
		free(reply.parameters);
		reply.parameters = NULL;
	}
	return VERB_DONE;
}

enum verb_status listing_table(struct verb_call *call, const char *method, struct args *args,
			       const struct print_column *columns)
{
	const struct listing_view view = { .columns = columns };

	return listing_table_with(call, method, args, &view);
}

enum verb_status listing_table_with(struct verb_call *call, const char *method, struct args *args,
				    const struct listing_view *view)
{
	struct filling filling = { .view = view };
	enum verb_status status;
	char *text;
	int r;

	r = args_take_text(args, &text);
	if (r)
		return report_errno(call, "the arguments", r);
	r = forebay_call_more(call->connection, method, text);
	cJSON_free(text);
	if (r)
		return report_call(call, r);
	print_table_init(&filling.table, view->columns);
	status = collect(call, &filling);
	if (status == VERB_DONE)
		print_table_write(&filling.table, stdout, print_may_color(stdout));
	print_table_fini(&filling.table);
	return status;
}

enum verb_status listing_show(struct verb_call *call, const char *method, struct args *args)
{
	struct forebay_reply reply;
	enum verb_status status;
	cJSON *object;

	status = listing_call(call, method, args, &reply);
	if (status != VERB_DONE)
		return status;
	if (call->json) {
		print_json_line(reply.parameters, stdout);
	} else {
		object = cJSON_Parse(reply.parameters);
		print_object(object, stdout);
		cJSON_Delete(object);
	}
	forebay_reply_fini(&reply);
	return VERB_DONE;
}

enum verb_status listing_field(struct verb_call *call, const char *method, struct args *args,
			       const char *field)
{
	struct forebay_reply reply;
	enum verb_status status;
	cJSON *object;
	char *text;

	status = listing_call(call, method, args, &reply);
	if (status != VERB_DONE)
		return status;
	if (call->json) {
		print_json_line(reply.parameters, stdout);
	} else if (field) {
		object = cJSON_Parse(reply.parameters);
		text = print_value(print_find_field(object, field), PRINT_NUMBER);
		print_text(text ? text : "?", stdout);
		(void)fputc('\n', stdout);
		free(text);
		cJSON_Delete(object);
	}
	forebay_reply_fini(&reply);
	return VERB_DONE;
}

void listing_begin_id(struct verb_call *call, struct args *ret_args)
{
	args_init(ret_args);
	args_add_string(ret_args, "id", call->options.arguments[0]);
}
