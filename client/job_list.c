/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/forebay_job.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "client/connection.h"
#include "client/forebay.h"
#include "client/job_answer.h"
#include "proto/args.h"

/* What a method answers one by one, as it grows; each item is one block of memory. */
struct collection {
	void **items;
	size_t count;
	size_t capacity;
	const char *field; /* an answer without it has no item */
	int (*make)(const cJSON *parameters, void **ret_item);
};

static void free_all(void **items, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		free(items[i]);
	free(items);
}

static int grow(struct collection *collection)
{
	size_t capacity = collection->capacity ? 2 * collection->capacity : 16;
	void **items;

	if (collection->count < collection->capacity)
		return 0;
	items = reallocarray(collection->items, capacity, sizeof(*items));
	if (!items)
		return -ENOMEM;
	collection->items = items;
	collection->capacity = capacity;
	return 0;
}

static int add_item(struct collection *collection, const char *text)
{
	cJSON *parameters = cJSON_Parse(text);
	int r = 0;

	if (!parameters)
		return -ENOMEM;
	if (cJSON_HasObjectItem(parameters, collection->field)) {
		r = grow(collection);
		if (r == 0)
			r = collection->make(parameters, &collection->items[collection->count]);
		if (r == 0)
			collection->count++;
	}
	cJSON_Delete(parameters);
	return r;
}

/* All answers are taken, also after a failure of ours: the connection is to be of use again. */
static int receive_all(struct forebay_connection *connection, struct collection *collection)
{
	struct forebay_reply reply = { .continues = 1 };
	int result = 0;

	while (reply.continues) {
		int r;

		r = forebay_call_next(connection, connection->timeout_usec, &reply);
		if (r) {
			connection->broken |= r == -ETIMEDOUT;
			return r;
		}
		if (result == 0)
			result = add_item(collection, reply.parameters);
		free(reply.parameters);
		reply.parameters = NULL;
	}
	return result;
}

/* Calls the method and takes its answers. Empties the writer. */
static int collect(struct forebay_connection *connection, const char *method, struct args *args,
		   struct collection *collection)
{
	char *text;
	int r;

	r = args_take_text(args, &text);
	if (r) {
		connection_clear_error(connection);
		return r;
	}
	r = forebay_call_more(connection, method, text);
	cJSON_free(text);
	if (r)
		return r;
	r = receive_all(connection, collection);
	if (r)
		free_all(collection->items, collection->count);
	return r;
}

static int make_job(const cJSON *parameters, void **ret_item)
{
	struct forebay_job *job;
	int r = job_answer_make_job(parameters, &job);

	if (r == 0)
		*ret_item = job;
	return r;
}

static int make_run(const cJSON *parameters, void **ret_item)
{
	struct forebay_run *run;
	int r = job_answer_make_run(parameters, &run);

	if (r == 0)
		*ret_item = run;
	return r;
}

int forebay_job_list(struct forebay_connection *connection, struct forebay_job ***ret_jobs,
		     size_t *ret_count)
{
	struct collection collection = { .field = "id", .make = make_job };
	struct args args;
	int r;

	args_init(&args);
	r = collect(connection, "io.forebay.job.List", &args, &collection);
	if (r)
		return r;
	*ret_jobs = (struct forebay_job **)collection.items;
	*ret_count = collection.count;
	return 0;
}

int forebay_job_history(struct forebay_connection *connection, const char *job, size_t limit,
			struct forebay_run ***ret_runs, size_t *ret_count)
{
	struct collection collection = { .field = "run", .make = make_run };
	struct args args;
	int r;

	args_init(&args);
	args_add_string(&args, "id", job);
	args_add_int(&args, "limit", limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
	r = collect(connection, "io.forebay.job.History", &args, &collection);
	if (r)
		return r;
	*ret_runs = (struct forebay_run **)collection.items;
	*ret_count = collection.count;
	return 0;
}

void forebay_job_list_free(struct forebay_job **jobs, size_t count)
{
	free_all((void **)jobs, count);
}

void forebay_run_list_free(struct forebay_run **runs, size_t count)
{
	free_all((void **)runs, count);
}
