/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <cjson/cJSON.h>

#include "daemon/base/list.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/errmap.h"
#include "daemon/ctl/service.h"
#include "daemon/io/clock.h"
#include "daemon/objects/refusal.h"
#include "proto/args.h"
#include "proto/idl.h"

/*
 * org.varlink.certification, the public conformance test. A client calls Start, Test01 to
 * Test11 and End in this order and hands each what the one before returned, so a test is a
 * pair of texts: what must come and what is answered.
 */

#define CLIENTS_MAX 100
#define CLIENT_AGE_NS UINT64_C(60000000000)
#define CLIENT_ID_BYTES 33
#define MORE_REPLIES 10

struct client {
	struct list link; /* certification::clients, oldest first */
	char id[CLIENT_ID_BYTES];
	size_t next; /* the step that is to come */
	uint64_t started_ns;
};

struct certification {
	struct list clients;
	size_t count;
};

#define TEXT_SET "{\"set\":{\"one\":{},\"two\":{},\"three\":{}}}"
#define TEXT_VALUES                                                                                \
	"\"bool\":false,\"int\":2,\"float\":3.141592653589793,\"string\":\"a lot of string\""
#define TEXT_MYTYPE                                                                                \
	"{\"mytype\":{"                                                                            \
	"\"object\":{\"method\":\"org.varlink.certification.Test09\","                             \
	"\"parameters\":{\"map\":{\"foo\":\"Foo\",\"bar\":\"Bar\"}}},"                             \
	"\"enum\":\"two\",\"struct\":{\"first\":1,\"second\":\"2\"},"                              \
	"\"array\":[\"one\",\"two\",\"three\"],"                                                   \
	"\"dictionary\":{\"foo\":\"Foo\",\"bar\":\"Bar\"},"                                        \
	"\"stringset\":{\"one\":{},\"two\":{},\"three\":{}},"                                      \
	"\"nullable\":null,\"nullable_array_struct\":null,"                                        \
	"\"interface\":{\"foo\":[null,{\"foo\":\"foo\",\"bar\":\"bar\"},null,"                     \
	"{\"one\":\"foo\",\"two\":\"bar\"}],\"anon\":{\"foo\":true,\"bar\":false}}}}"
#define TEXT_REPLIES                                                                               \
	"{\"last_more_replies\":[\"Reply number 1\",\"Reply number 2\",\"Reply number 3\","        \
	"\"Reply number 4\",\"Reply number 5\",\"Reply number 6\",\"Reply number 7\","             \
	"\"Reply number 8\",\"Reply number 9\",\"Reply number 10\"]}"

/* In the order of the calls; Start is what comes before the first. */
static const struct certification_step {
	const char *member;
	const char *wants;  /* the parameters, without the client's id */
	const char *answer; /* NULL: the ten replies of Test10 */
} steps[] = {
	{ "Test01", "{}", "{\"bool\":true}" },
	{ "Test02", "{\"bool\":true}", "{\"int\":1}" },
	{ "Test03", "{\"int\":1}", "{\"float\":1.0}" },
	{ "Test04", "{\"float\":1.0}", "{\"string\":\"ping\"}" },
	{ "Test05", "{\"string\":\"ping\"}", "{" TEXT_VALUES "}" },
	{ "Test06", "{" TEXT_VALUES "}", "{\"struct\":{" TEXT_VALUES "}}" },
	{ "Test07", "{\"struct\":{" TEXT_VALUES "}}",
	  "{\"map\":{\"foo\":\"Foo\",\"bar\":\"Bar\"}}" },
	{ "Test08", "{\"map\":{\"foo\":\"Foo\",\"bar\":\"Bar\"}}", TEXT_SET },
	{ "Test09", TEXT_SET, TEXT_MYTYPE },
	{ "Test10", TEXT_MYTYPE, NULL },
	{ "Test11", TEXT_REPLIES, "{}" },
	{ "End", "{}", "{\"all_ok\":true}" },
};

#define STEPS (sizeof(steps) / sizeof(steps[0]))

static void client_free(struct certification *certification, struct client *client)
{
	list_remove(&client->link);
	certification->count--;
	free(client);
}

struct certification *cmd_certification_free(struct certification *certification)
{
	struct list *link;

	if (!certification)
		return NULL;
	while ((link = list_first(&certification->clients)))
		client_free(certification, container_of(link, struct client, link));
	free(certification);
	return NULL;
}

/* Those that are too old, and the oldest where there are too many. */
static void drop_clients(struct certification *certification, uint64_t now_ns)
{
	list_for_each(link, &certification->clients) {
		struct client *client = container_of(link, struct client, link);

		if (certification->count >= CLIENTS_MAX ||
		    now_ns - client->started_ns > CLIENT_AGE_NS)
			client_free(certification, client);
	}
}

static struct client *find_client(const struct certification *certification, const char *id)
{
	if (!certification)
		return NULL;
	list_for_each(link, &certification->clients) {
		struct client *client = container_of(link, struct client, link);

		if (strcmp(client->id, id) == 0)
			return client;
	}
	return NULL;
}

static int make_client(struct certification *certification, uint64_t now_ns,
		       struct client **ret_client)
{
	struct client *client;
	uint64_t random[2];

	if (getrandom(random, sizeof(random), GRND_NONBLOCK) != (ssize_t)sizeof(random))
		return -EAGAIN;
	client = calloc(1, sizeof(*client));
	if (!client)
		return -ENOMEM;
	(void)snprintf(client->id, sizeof(client->id), "%016llx%016llx",
		       (unsigned long long)random[0], (unsigned long long)random[1]);
	client->started_ns = now_ns;
	list_append(&certification->clients, &client->link);
	certification->count++;
	*ret_client = client;
	return 0;
}

static int start(struct call *call, struct refusal *refusal)
{
	struct service *service = call_service(call);
	struct certification *certification = service->certification_state;
	uint64_t now_ns = clock_monotonic_ns();
	struct client *client;
	struct args args;
	int r;

	(void)refusal;
	if (!certification) {
		certification = calloc(1, sizeof(*certification));
		if (!certification)
			return -ENOMEM;
		list_init(&certification->clients);
		service->certification_state = certification;
	}
	drop_clients(certification, now_ns);
	r = make_client(certification, now_ns, &client);
	if (r)
		return r;
	args_init(&args);
	args_add_string(&args, "client_id", client->id);
	call_reply(call, &args);
	return 0;
}

/* Null and absent are the same for a member of an object, not for an element of an array. */
static void drop_nulls(cJSON *value)
{
	cJSON *child = value->child, *next;

	for (; child; child = next) {
		next = child->next;
		if (cJSON_IsNull(child) && cJSON_IsObject(value))
			cJSON_Delete(cJSON_DetachItemViaPointer(value, child));
		else
			drop_nulls(child);
	}
}

/* 0: equal; 1: not; -ENOMEM. The two values are the caller's to delete. */
static int compare(struct call *call, const struct certification_step *step, cJSON **ret_wants,
		   cJSON **ret_got)
{
	cJSON *wants = cJSON_Parse(step->wants);
	cJSON *got = cJSON_Duplicate(call_args(call), true);

	*ret_wants = wants;
	*ret_got = got;
	if (!wants || !got)
		return -ENOMEM;
	cJSON_DeleteItemFromObjectCaseSensitive(got, "client_id");
	drop_nulls(wants);
	drop_nulls(got);
	return !cJSON_Compare(wants, got, true);
}

static int refuse_parameters(struct call *call, const cJSON *wants, const cJSON *got)
{
	struct wire_error error;
	int r = errmap_certification(wants, got, &error);

	call_error(call, r, &error);
	return 0;
}

/* A call out of its turn: its name is what was not wanted. */
static int refuse_order(struct call *call, const struct client *client)
{
	cJSON *wants = cJSON_CreateObject(), *got = cJSON_CreateObject();
	int r = -ENOMEM;

	if (cJSON_AddStringToObject(wants, "method", steps[client->next].member) &&
	    cJSON_AddStringToObject(got, "method", call->message.method))
		r = refuse_parameters(call, wants, got);
	cJSON_Delete(wants);
	cJSON_Delete(got);
	return r;
}

static int answer_ten(struct call *call)
{
	for (int i = 1; i <= MORE_REPLIES; i++) {
		char text[32];
		struct args args;

		(void)snprintf(text, sizeof(text), "Reply number %d", i);
		args_init(&args);
		args_add_string(&args, "string", text);
		if (i == MORE_REPLIES)
			call_reply(call, &args);
		else if (!call_continue(call, &args))
			break;
	}
	return 0;
}

static int answer(struct call *call, const struct certification_step *step)
{
	cJSON *parameters, *member, *next;
	struct args args;

	if (!step->answer)
		return answer_ten(call);
	parameters = cJSON_Parse(step->answer);
	if (!parameters)
		return -ENOMEM;
	args_init(&args);
	for (member = parameters->child; member; member = next) {
		next = member->next;
		args_add_copy(&args, member->string, member);
	}
	cJSON_Delete(parameters);
	call_reply(call, &args);
	return 0;
}

static int run_step(struct call *call, struct refusal *refusal)
{
	struct certification *certification = call_service(call)->certification_state;
	const struct certification_step *step;
	struct client *client;
	struct wire_error error;
	cJSON *wants, *got;
	const char *id = "";
	int r;

	(void)refusal;
	(void)args_get_string(call_args(call), "client_id", &id);
	client = find_client(certification, id);
	if (!client) {
		r = errmap_client_id(&error);
		call_error(call, r, &error);
		return 0;
	}
	step = &steps[client->next];
	if (strcmp(step->member, call->method->name) != 0 ||
	    (strcmp(step->member, "Test11") == 0 && !call->message.oneway))
		return refuse_order(call, client);
	r = compare(call, step, &wants, &got);
	if (r == 0) {
		client->next++;
		if (client->next == STEPS)
			client_free(certification, client);
		r = answer(call, step);
	} else if (r > 0) {
		r = refuse_parameters(call, wants, got);
	}
	cJSON_Delete(wants);
	cJSON_Delete(got);
	return r;
}

const struct command cmd_certification_table[] = {
	{ "End", run_step, 0 },	   { "Start", start, 0 },     { "Test01", run_step, 0 },
	{ "Test02", run_step, 0 }, { "Test03", run_step, 0 }, { "Test04", run_step, 0 },
	{ "Test05", run_step, 0 }, { "Test06", run_step, 0 }, { "Test07", run_step, 0 },
	{ "Test08", run_step, 0 }, { "Test09", run_step, 0 }, { "Test10", run_step, 0 },
	{ "Test11", run_step, 0 }, { .member = NULL },
};
