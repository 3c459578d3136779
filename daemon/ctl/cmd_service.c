/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <string.h>

#include "daemon/ctl/call.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/errmap.h"
#include "daemon/ctl/service.h"
#include "proto/args.h"
#include "proto/idl.h"

/* org.varlink.service: what is served here. */

static int get_info(struct call *call, struct refusal *refusal)
{
	const struct service *service = call_service(call);
	struct args args, interfaces;

	(void)refusal;
	args_init(&args);
	args_add_string(&args, "vendor", PACKAGE_NAME);
	args_add_string(&args, "product", PACKAGE_NAME "d");
	args_add_string(&args, "version", PACKAGE_VERSION);
	args_add_string(&args, "url", "man:" PACKAGE_NAME "d(8)");
	args_begin_array(&args, "interfaces", &interfaces);
	for (size_t i = 0; i < service->interface_count; i++)
		args_add_string(&interfaces, NULL, service->interfaces[i].idl->name);
	call_reply(call, &args);
	return 0;
}

static int get_interface_description(struct call *call, struct refusal *refusal)
{
	const struct service_interface *interface;
	struct wire_error error;
	const char *name = "";
	struct args args;
	int r;

	(void)refusal;
	(void)args_get_string(call_args(call), "interface", &name);
	interface = service_find(call_service(call), name, strlen(name));
	if (!interface) {
		r = errmap_protocol(PROTOCOL_INTERFACE_NOT_FOUND, name, &error);
		call_error(call, r, &error);
		return 0;
	}
	args_init(&args);
	args_add_string(&args, "description", interface->idl->description);
	call_reply(call, &args);
	return 0;
}

const struct command cmd_service_table[] = {
	{ "GetInfo", get_info, 0 },
	{ "GetInterfaceDescription", get_interface_description, 0 },
	{ .member = NULL },
};
