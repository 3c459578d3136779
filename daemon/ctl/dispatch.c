/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/dispatch.h"

#include <string.h>

#include "daemon/base/log.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/errmap.h"
#include "daemon/ctl/service.h"
#include "daemon/objects/refusal.h"
#include "daemon/objects/registry.h"
#include "proto/idl.h"

static void answer_protocol_error(struct call *call, enum protocol_error protocol, const char *text)
{
	struct wire_error error;
	int r = errmap_protocol(protocol, text, &error);

	call_error(call, r, &error);
}

static const struct command *find_command(const struct service_interface *interface,
					  const char *member)
{
	const struct command *command;

	for (command = interface->commands; command->member; command++)
		if (strcmp(command->member, member) == 0)
			return command;
	return NULL;
}

/* From the method's name to the command; NULL: the call has been answered. */
static const struct command *resolve(struct call *call)
{
	const char *name = call->message.method, *member;
	char interface[256];
	const struct command *command;
	size_t bytes;

	if (!message_split_method(name, &bytes, &member)) {
		answer_protocol_error(call, PROTOCOL_METHOD_NOT_FOUND, name);
		return NULL;
	}
	call->interface = service_find(call_service(call), name, bytes);
	if (!call->interface) {
		if (bytes >= sizeof(interface))
			bytes = sizeof(interface) - 1;
		memcpy(interface, name, bytes);
		interface[bytes] = '\0';
		answer_protocol_error(call, PROTOCOL_INTERFACE_NOT_FOUND, interface);
		return NULL;
	}
	call->method = idl_find(call->interface->idl, IDL_METHOD, member);
	if (!call->method) {
		answer_protocol_error(call, PROTOCOL_METHOD_NOT_FOUND, name);
		return NULL;
	}
	command = find_command(call->interface, member);
	if (!command)
		answer_protocol_error(call, PROTOCOL_METHOD_NOT_IMPLEMENTED, name);
	return command;
}

/* Whether the call is one that the command may see; else it has been answered. */
static bool is_acceptable(struct call *call, const struct command *command)
{
	struct idl_fault fault;
	const char *wrong = NULL;

	if (call->message.refused_parameter)
		wrong = call->message.refused_parameter;
	else if (call->message.upgrade)
		wrong = "upgrade";
	else if (idl_check(call->method->input, call_args(call), &fault))
		wrong = fault.path;
	else if (call->fd_count > 0 && !(command->flags & COMMAND_TAKES_DESCRIPTORS))
		wrong = "fileDescriptorIndex";
	if (wrong) {
		answer_protocol_error(call, PROTOCOL_INVALID_PARAMETER, wrong);
		return false;
	}
	if (call->method->requires_more && !call->message.more) {
		answer_protocol_error(call, PROTOCOL_EXPECTED_MORE, NULL);
		return false;
	}
	return true;
}

void dispatch_call(struct call *call)
{
	const struct command *command = resolve(call);
	struct refusal refusal;
	int r;

	if (!command || !is_acceptable(call, command))
		return;
	r = user_charge(call_user(call), QUOTA_CALLS_IN_FLIGHT, 1, &refusal);
	if (r == 0) {
		call->charged = true;
		r = command->run(call, &refusal);
	}
	if (r)
		call_fail(call, r, &refusal);
}

bool dispatch_is_complete(const struct service *service)
{
	for (size_t i = 0; i < service->interface_count; i++) {
		const struct service_interface *interface = &service->interfaces[i];
		const struct command *command;

		for (command = interface->commands; command->member; command++) {
			if (idl_find(interface->idl, IDL_METHOD, command->member))
				continue;
			log_error("dispatch", "a command without a method",
				  "interface=%s member=%s", interface->idl->name, command->member);
			return false;
		}
	}
	return true;
}
