/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/buffer_sizes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "client/print.h"
#include "client/report.h"
#include "proto/args.h"

/* Between two answers of a list. */
#define ANSWER_TIMEOUT_USEC (45 * FOREBAY_USEC_PER_SEC)

struct buffer_size {
	char id[FOREBAY_ID_BYTES];
	int64_t bytes;
};

static int compare(const void *left, const void *right)
{
	return strcmp(((const struct buffer_size *)left)->id,
		      ((const struct buffer_size *)right)->id);
}

static int grow(struct buffer_sizes *sizes)
{
	size_t capacity = sizes->capacity ? 2 * sizes->capacity : 64;
	struct buffer_size *items;

	if (sizes->count < sizes->capacity)
		return 0;
	items = reallocarray(sizes->items, capacity, sizeof(*items));
	if (!items)
		return -ENOMEM;
	sizes->items = items;
	sizes->capacity = capacity;
	return 0;
}

static int add_buffer(struct buffer_sizes *sizes, const char *parameters)
{
	cJSON *object = cJSON_Parse(parameters);
	struct buffer_size size = { .bytes = 0 };
	const cJSON *buffer;
	const char *id;
	int r = 0;

	if (!object)
		return -ENOMEM;
	if (args_get_object(object, "buffer", &buffer) && args_get_string(buffer, "id", &id) &&
	    strlen(id) < sizeof(size.id) && args_get_int(buffer, "length", &size.bytes)) {
		strcpy(size.id, id);
		r = grow(sizes);
		if (r == 0)
			sizes->items[sizes->count++] = size;
	}
	cJSON_Delete(object);
	return r;
}

enum verb_status buffer_sizes_fetch(struct verb_call *call, struct buffer_sizes *ret_sizes)
{
	struct buffer_sizes sizes = { .items = NULL };
	struct forebay_reply reply = { .continues = 1 };
	enum verb_status status = VERB_DONE;
	int r;

	r = forebay_call_more(call->connection, "io.forebay.buffer.List", NULL);
	if (r)
		return report_call(call, r);
	while (reply.continues && status == VERB_DONE) {
		r = forebay_call_next(call->connection, ANSWER_TIMEOUT_USEC, &reply);
		if (r) {
			status = report_call(call, r);
			break;
		}
		r = add_buffer(&sizes, reply.parameters);
		if (r)
			status = report_errno(call, "the answer", r);
		free(reply.parameters);
		reply.parameters = NULL;
	}
	if (status != VERB_DONE) {
		buffer_sizes_fini(&sizes);
		return status;
	}
	if (sizes.count > 0)
		qsort(sizes.items, sizes.count, sizeof(*sizes.items), compare);
	*ret_sizes = sizes;
	return VERB_DONE;
}

void buffer_sizes_fini(struct buffer_sizes *sizes)
{
	free(sizes->items);
	*sizes = (struct buffer_sizes){ .items = NULL };
}

static const struct buffer_size *find(const struct buffer_sizes *sizes, const cJSON *context)
{
	struct buffer_size key;
	const char *id;

	if (sizes->count == 0 || !args_get_string(context, "buffer", &id) ||
	    strlen(id) >= sizeof(key.id))
		return NULL;
	strcpy(key.id, id);
	return bsearch(&key, sizes->items, sizes->count, sizeof(key), compare);
}

int buffer_sizes_add(cJSON *object, void *data)
{
	const cJSON *context = print_find_field(object, "context");
	int64_t bytes, offset = 0;

	if (!args_get_int(context, "length", &bytes)) {
		const struct buffer_size *size = find(data, context);

		if (!size)
			return 0;
		(void)args_get_int(context, "offset", &offset);
		bytes = size->bytes - offset;
	}
	return cJSON_AddNumberToObject(object, "size", (double)bytes) ? 0 : -ENOMEM;
}
