/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "proto/encoding.h"
#include "proto/idl.h"
#include "proto/interfaces.h"
#include "proto/message.h"
#include "proto/units.h"
#include "tests/fuzz/fuzz.h"

/*
 * One text, given to all that reads text: as a call, which is checked against its interface
 * and must survive being built and read again; as a reply; as an interface definition; as a
 * size and as a span.
 */
#define INTERFACES 8

static struct idl_interface *interfaces[INTERFACES];

static void load_interfaces(void)
{
	struct idl_error error;
	size_t i;

	for (i = 0; i < INTERFACES && !interfaces[i]; i++)
		fuzz_require(idl_parse(interface_texts[i].text, &interfaces[i], &error) == 0);
}

static const struct idl_member *find_method(const char *method)
{
	const char *member;
	size_t bytes, i;

	if (!message_split_method(method, &bytes, &member))
		return NULL;
	for (i = 0; i < INTERFACES; i++)
		if (strlen(interfaces[i]->name) == bytes &&
		    strncmp(interfaces[i]->name, method, bytes) == 0)
			return idl_find(interfaces[i], IDL_METHOD, member);
	return NULL;
}

static void require_path(const char *path)
{
	fuzz_require(encoding_utf8_is_valid(path, strlen(path)));
}

static void check_parameters(const struct message_call *call)
{
	const struct idl_member *method = find_method(call->method);
	struct idl_fault fault;

	if (method && idl_check(method->input, call->parameters, &fault) == IDL_E_PARAMETER) {
		require_path(fault.path);
		fuzz_require(fault.reason != NULL);
	}
}

static void check_round_trip(const struct message_call *call)
{
	struct message_call_flags flags = { call->oneway, call->more, call->upgrade };
	struct message_call again;
	char *text;
	size_t bytes;

	fuzz_require(message_build_call(call->method, call->parameters, &flags, &text, &bytes) ==
		     0);
	fuzz_require(message_parse_call(text, bytes, &again) == 0);
	fuzz_require(strcmp(again.method, call->method) == 0);
	fuzz_require(again.oneway == call->oneway && again.more == call->more);
	fuzz_require(cJSON_Compare(again.parameters, call->parameters, true));
	message_call_fini(&again);
	free(text);
}

/* The envelope is read without a tree: it must come out as if the whole text were one. */
static void check_envelope(const struct message_call *call, const char *text)
{
	cJSON *tree = cJSON_Parse(text);
	const cJSON *parameters = cJSON_GetObjectItemCaseSensitive(tree, "parameters");
	const char *method = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(tree, "method"));

	fuzz_require(method && strcmp(method, call->method) == 0);
	fuzz_require(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "more")) == call->more);
	fuzz_require(cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(tree, "oneway")) ==
		     call->oneway);
	if (cJSON_IsObject(parameters))
		fuzz_require(cJSON_Compare(parameters, call->parameters, true));
	else
		fuzz_require(cJSON_GetArraySize(call->parameters) == 0);
	cJSON_Delete(tree);
}

static void try_call(const char *text, size_t size)
{
	struct message_call call;
	int r = message_parse_call(text, size, &call);

	fuzz_require(r == 0 || r == MESSAGE_E_MALFORMED || r == MESSAGE_E_REFUSED);
	if (r == MESSAGE_E_MALFORMED)
		return;
	fuzz_require(call.method && cJSON_IsObject(call.parameters));
	fuzz_require(call.oneway + call.more + call.upgrade <= 1);
	if (r == MESSAGE_E_REFUSED) {
		fuzz_require(call.refused_parameter != NULL);
		require_path(call.refused_parameter);
	} else {
		check_envelope(&call, text);
		check_parameters(&call);
		check_round_trip(&call);
	}
	message_call_fini(&call);
}

static void try_reply(const char *text, size_t size)
{
	struct message_reply reply;

	if (message_parse_reply(text, size, &reply) != 0)
		return;
	fuzz_require(cJSON_IsObject(reply.parameters));
	fuzz_require(!(reply.error && reply.continues));
	message_reply_fini(&reply);
}

static void try_definition(const char *text)
{
	struct idl_interface *interface;
	struct idl_error error;
	int r = idl_parse(text, &interface, &error);

	if (r == IDL_E_SYNTAX)
		fuzz_require(error.line > 0 && error.message[0] != '\0');
	if (r == 0) {
		fuzz_require(idl_is_interface_name(interface->name, strlen(interface->name)));
		interface = idl_free(interface);
	}
}

static void try_units(const char *text)
{
	char printed[UNITS_TEXT_BYTES];
	uint64_t value, again;

	if (units_parse_size(text, &value) == 0) {
		units_format_size_exact(value, printed);
		fuzz_require(units_parse_size(printed, &again) == 0 && again == value);
	}
	if (units_parse_span(text, &value) == 0) {
		units_format_span(value, printed);
		fuzz_require(units_parse_span(printed, &again) == 0 && again == value);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	load_interfaces();
	try_call(text, size);
	try_reply(text, size);
	try_definition(text);
	try_units(text);
	free(text);
	return 0;
}
