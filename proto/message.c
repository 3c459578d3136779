/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "proto/message.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "proto/encoding.h"
#include "proto/json_scan.h"

/*
 * A client may look at answers larger than any call: they come from a daemon it chose itself,
 * and their size is bounded by the frame.
 */
#define REPLY_VALUES_MAX 1000000

static const char parameters_prefix[] = "parameters.";

const char message_empty_reply[] = "{\"parameters\":{}}";

static int parse_text(const char *text, size_t text_bytes, cJSON **ret_root)
{
	cJSON *root = cJSON_ParseWithLengthOpts(text, text_bytes + 1, NULL, true);

	/* The scan has passed the text, so what is left to fail is memory. */
	if (!root)
		return -ENOMEM;
	if (!cJSON_IsObject(root)) {
		cJSON_Delete(root);
		return MESSAGE_E_MALFORMED;
	}
	*ret_root = root;
	return 0;
}

static int read_flag(const cJSON *value, bool *ret_flag)
{
	if (!cJSON_IsBool(value) && !cJSON_IsNull(value))
		return MESSAGE_E_MALFORMED;
	*ret_flag = cJSON_IsTrue(value);
	return 0;
}

static int read_string(const cJSON *value, const char **ret_text)
{
	if (!cJSON_IsString(value))
		return MESSAGE_E_MALFORMED;
	*ret_text = value->valuestring;
	return 0;
}

static int read_parameters(cJSON *value, cJSON **ret_parameters)
{
	if (cJSON_IsNull(value))
		return 0;
	if (!cJSON_IsObject(value))
		return MESSAGE_E_MALFORMED;
	*ret_parameters = value;
	return 0;
}

/* Keys with a dot are other people's extensions; any other unknown one is a mistake. */
static int read_unknown(const char *key)
{
	return strchr(key, '.') ? 0 : MESSAGE_E_MALFORMED;
}

/* Absent and null parameters become {}, so that nobody else needs to know about it. */
static int complete_parameters(cJSON *root, cJSON **parameters)
{
	if (*parameters)
		return 0;
	cJSON_DeleteItemFromObjectCaseSensitive(root, "parameters");
	*parameters = cJSON_AddObjectToObject(root, "parameters");
	return *parameters ? 0 : -ENOMEM;
}

/*
 * A call is read from what the scan tells of its members. Only parameters become a tree, and
 * only where there are any: making and dropping one costs more than all else of a small call.
 */
struct call_reader {
	struct message_call call; /* its flags */
	struct json_member method;
	struct json_member parameters; /* value NULL: absent, null or {} */
	bool malformed;
};

static const cJSON no_parameters = { .type = cJSON_Object };

static bool take_method(struct call_reader *reader, const struct json_member *member)
{
	reader->method = *member;
	return *member->value == '"';
}

static bool take_parameters(struct call_reader *reader, const struct json_member *member)
{
	if (member->value_bytes > strlen("{}") && *member->value == '{')
		reader->parameters = *member;
	return *member->value == '{' || *member->value == 'n';
}

static bool take_flag(const struct json_member *member, bool *ret_flag)
{
	*ret_flag = *member->value == 't';
	return *member->value == 't' || *member->value == 'f' || *member->value == 'n';
}

/* False: it breaks the envelope. Unknown keys are judged as read_unknown() does. */
static bool take_member(struct call_reader *reader, const struct json_member *member)
{
	const struct json_string *key = &member->key;

	if (json_string_is(key, "method"))
		return take_method(reader, member);
	if (json_string_is(key, "parameters"))
		return take_parameters(reader, member);
	if (json_string_is(key, "oneway"))
		return take_flag(member, &reader->call.oneway);
	if (json_string_is(key, "more"))
		return take_flag(member, &reader->call.more);
	if (json_string_is(key, "upgrade"))
		return take_flag(member, &reader->call.upgrade);
	return json_string_has(key, '.');
}

static void on_member(void *data, const struct json_member *member)
{
	struct call_reader *reader = data;

	if (!take_member(reader, member))
		reader->malformed = true;
}

static int scan_call(const char *text, size_t text_bytes, struct call_reader *ret_reader,
		     struct json_scan *ret_scan)
{
	const struct json_listener listener = { .member = on_member, .data = ret_reader };

	*ret_reader = (struct call_reader){ 0 };
	return json_scan(text, text_bytes, JSON_VALUES_MAX, &listener, ret_scan);
}

/* Once the scan has passed the text. */
static int read_call(const struct call_reader *reader, struct message_call *ret_call)
{
	struct message_call call = reader->call;
	struct json_string method;

	if (reader->malformed || !reader->method.value ||
	    call.oneway + call.more + call.upgrade > 1)
		return MESSAGE_E_MALFORMED;
	method.text = reader->method.value + 1;
	method.bytes = reader->method.value_bytes - 2;
	call.method = json_string_copy(&method);
	call.parameters = &no_parameters;
	if (reader->parameters.value) {
		call.tree = cJSON_ParseWithLength(reader->parameters.value,
						  reader->parameters.value_bytes);
		call.parameters = call.tree;
	}
	if (!call.method || !call.parameters) {
		message_call_fini(&call);
		return -ENOMEM;
	}
	*ret_call = call;
	return 0;
}

/*
 * The envelope of a call whose parameters hold something that is refused: who is to be
 * answered, and whether at all, stands there. Its parameters are replaced by {} for that.
 */
static int read_refused_call(const char *text, size_t text_bytes, const struct json_scan *scan,
			     struct call_reader *reader, struct message_call *ret_call)
{
	const size_t prefix_bytes = sizeof(parameters_prefix) - 1;
	struct json_scan envelope_scan;
	char *envelope, *end;
	int r;

	if (strncmp(scan->path, parameters_prefix, prefix_bytes) != 0 || scan->member_bytes == 0 ||
	    reader->parameters.value != text + scan->member_offset)
		return MESSAGE_E_MALFORMED;

	envelope = malloc(text_bytes - scan->member_bytes + sizeof("{}"));
	if (!envelope)
		return -ENOMEM;
	end = mempcpy(envelope, text, scan->member_offset);
	end = mempcpy(end, "{}", 2);
	strcpy(end, text + scan->member_offset + scan->member_bytes);

	r = scan_call(envelope, text_bytes - scan->member_bytes + 2, reader, &envelope_scan);
	if (r == 0)
		r = read_call(reader, ret_call);
	free(envelope);
	if (r)
		return r < 0 ? r : MESSAGE_E_MALFORMED;

	ret_call->refused_parameter = strdup(scan->path + prefix_bytes);
	if (!ret_call->refused_parameter) {
		message_call_fini(ret_call);
		return -ENOMEM;
	}
	return MESSAGE_E_REFUSED;
}

int message_parse_call(const char *text, size_t text_bytes, struct message_call *ret_call)
{
	struct call_reader reader;
	struct json_scan scan;
	int r;

	r = scan_call(text, text_bytes, &reader, &scan);
	if (r == JSON_SCAN_E_MALFORMED)
		return MESSAGE_E_MALFORMED;
	if (r == JSON_SCAN_E_REFUSED)
		return read_refused_call(text, text_bytes, &scan, &reader, ret_call);
	if (r)
		return r;
	return read_call(&reader, ret_call);
}

void message_call_fini(struct message_call *call)
{
	free(call->method);
	cJSON_Delete(call->tree);
	free(call->refused_parameter);
	*call = (struct message_call){ 0 };
}

static int read_reply_member(struct message_reply *reply, cJSON *member)
{
	if (strcmp(member->string, "parameters") == 0)
		return read_parameters(member, &reply->parameters);
	if (strcmp(member->string, "continues") == 0)
		return read_flag(member, &reply->continues);
	if (strcmp(member->string, "error") == 0)
		return cJSON_IsNull(member) ? 0 : read_string(member, &reply->error);
	return read_unknown(member->string);
}

static int read_reply(struct message_reply *reply)
{
	cJSON *member;
	int r;

	cJSON_ArrayForEach(member, reply->root) {
		r = read_reply_member(reply, member);
		if (r)
			return r;
	}
	if (reply->error && reply->continues)
		return MESSAGE_E_MALFORMED;
	return complete_parameters(reply->root, &reply->parameters);
}

int message_parse_reply(const char *text, size_t text_bytes, struct message_reply *ret_reply)
{
	struct message_reply reply = { 0 };
	struct json_scan scan;
	int r;

	r = json_scan(text, text_bytes, REPLY_VALUES_MAX, NULL, &scan);
	if (r < 0)
		return r;
	/* Services print every digit of an integer; who wants all of them reads the text. */
	if (r && !(r == JSON_SCAN_E_REFUSED && scan.reason == JSON_SCAN_INEXACT_INTEGER))
		return MESSAGE_E_MALFORMED;
	r = parse_text(text, text_bytes, &reply.root);
	if (r)
		return r;
	r = read_reply(&reply);
	if (r) {
		message_reply_fini(&reply);
		return r;
	}
	*ret_reply = reply;
	return 0;
}

void message_reply_fini(struct message_reply *reply)
{
	cJSON_Delete(reply->root);
	*reply = (struct message_reply){ 0 };
}

bool message_split_method(const char *method, size_t *ret_interface_bytes, const char **ret_member)
{
	const char *dot = strrchr(method, '.');

	if (!dot || dot == method || dot[1] == '\0')
		return false;
	*ret_interface_bytes = (size_t)(dot - method);
	*ret_member = dot + 1;
	return true;
}

/* As text, the caller's to cJSON_free(). An object with nothing in it, or none, needs none. */
static int print(const cJSON *value, char **ret_text)
{
	*ret_text = NULL;
	if (!value || (cJSON_IsObject(value) && !value->child))
		return 0;
	*ret_text = cJSON_PrintUnformatted(value);
	return *ret_text ? 0 : -ENOMEM;
}

/* One after the other, in memory of its own. */
static int join(const char *const *pieces, size_t count, char **ret_text, size_t *ret_text_bytes)
{
	size_t bytes = 0;
	char *text, *end;

	for (size_t i = 0; i < count; i++)
		bytes += strlen(pieces[i]);
	text = malloc(bytes + 1);
	if (!text)
		return -ENOMEM;
	end = text;
	for (size_t i = 0; i < count; i++)
		end = stpcpy(end, pieces[i]);
	*ret_text = text;
	*ret_text_bytes = bytes;
	return 0;
}

/*
 * Puts an envelope together: a string member (or none), the parameters, and what follows
 * them. The text is looked at as a whole, since any string in it may come from a file name.
 */
static int build(const char *key, const char *value, const cJSON *parameters, const char *flag,
		 char **ret_text, size_t *ret_text_bytes)
{
	cJSON *string = value ? cJSON_CreateString(value) : NULL;
	char *value_text = NULL, *parameters_text = NULL, *text = NULL;
	size_t bytes;
	int r = value && !string ? -ENOMEM : print(string, &value_text);

	if (r == 0)
		r = print(parameters, &parameters_text);
	if (r == 0) {
		const char *const pieces[] = {
			"{",
			key,
			value_text ? value_text : "",
			value_text ? "," : "",
			"\"parameters\":",
			parameters_text ? parameters_text : "{}",
			flag,
			"}",
		};

		r = join(pieces, sizeof(pieces) / sizeof(pieces[0]), &text, &bytes);
	}
	cJSON_Delete(string);
	cJSON_free(value_text);
	cJSON_free(parameters_text);
	if (r)
		return r;
	if (!encoding_utf8_is_valid(text, bytes)) {
		free(text);
		return -EILSEQ;
	}
	*ret_text = text;
	*ret_text_bytes = bytes;
	return 0;
}

int message_build_call(const char *method, const cJSON *parameters,
		       const struct message_call_flags *flags, char **ret_text,
		       size_t *ret_text_bytes)
{
	const char *flag = "";

	if (flags && flags->oneway + flags->more + flags->upgrade > 1)
		return -EINVAL;
	if (flags && flags->oneway)
		flag = ",\"oneway\":true";
	if (flags && flags->more)
		flag = ",\"more\":true";
	if (flags && flags->upgrade)
		flag = ",\"upgrade\":true";
	return build("\"method\":", method, parameters, flag, ret_text, ret_text_bytes);
}

int message_build_reply(const cJSON *parameters, bool continues, char **ret_text,
			size_t *ret_text_bytes)
{
	return build("", NULL, parameters, continues ? ",\"continues\":true" : "", ret_text,
		     ret_text_bytes);
}

int message_build_error(const char *error, const cJSON *parameters, char **ret_text,
			size_t *ret_text_bytes)
{
	return build("\"error\":", error, parameters, "", ret_text, ret_text_bytes);
}
