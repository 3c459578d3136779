/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/service.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/listener.h"
#include "daemon/ctl/session.h"
#include "daemon/io/clock.h"
#include "proto/idl.h"
#include "proto/interfaces.h"

#define CERTIFICATION_INTERFACE "org.varlink.certification"

/* Of lines that clients cause: so many in so long. */
#define LOG_LINES 20
#define LOG_WINDOW_NS UINT64_C(10000000000)

static const struct command none_table[] = { { .member = NULL } };

static const struct command_table {
	const char *interface;
	const struct command *commands;
} command_tables[] = {
	{ "io.forebay.buffer", cmd_buffer_table },
	{ "io.forebay.daemon", cmd_daemon_table },
	{ "io.forebay.job", cmd_job_table },
	{ "io.forebay.pool", cmd_pool_table },
	{ "io.forebay.store", cmd_store_table },
	{ "io.forebay.stream", cmd_stream_table },
	{ CERTIFICATION_INTERFACE, cmd_certification_table },
	{ "org.varlink.service", cmd_service_table },
};

static const struct command *commands_of(const char *interface)
{
	for (size_t i = 0; i < sizeof(command_tables) / sizeof(command_tables[0]); i++)
		if (strcmp(command_tables[i].interface, interface) == 0)
			return command_tables[i].commands;
	return none_table;
}

static int compile_interfaces(struct service *service)
{
	struct idl_error error;
	size_t count = 0;
	int r;

	while (interface_texts[count].name)
		count++;
	service->interfaces = calloc(count, sizeof(*service->interfaces));
	if (!service->interfaces)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		const struct interface_text *text = &interface_texts[i];
		struct service_interface *interface =
			&service->interfaces[service->interface_count];

		if (strcmp(text->name, CERTIFICATION_INTERFACE) == 0 && !service->certification)
			continue;
		r = idl_parse(text->text, &interface->idl, &error);
		if (r == IDL_E_SYNTAX) {
			log_error("service", "bad interface definition",
				  "interface=%s line=%u reason=\"%s\"", text->name, error.line,
				  error.message);
			return -EINVAL;
		}
		if (r)
			return r;
		interface->commands = commands_of(text->name);
		service->interface_count++;
	}
	return 0;
}

int service_init(struct service *service)
{
	int r;

	service->interfaces = NULL;
	service->interface_count = 0;
	list_init(&service->sessions);
	service->session_count = 0;
	list_init(&service->listeners);
	service->counters = (struct service_counters){ 0 };
	service->started_usec = clock_real_ns() / 1000;
	service->certification_state = NULL;
	service->log_window_ns = 0;
	service->log_count = 0;
	service->log_suppressed = 0;
	r = compile_interfaces(service);
	if (r == 0 && !dispatch_is_complete(service))
		r = -EINVAL;
	if (r)
		service_fini(service);
	return r;
}

void service_fini(struct service *service)
{
	struct list *link;

	while ((link = list_first(&service->listeners)))
		listener_close(container_of(link, struct listener, service_link));
	while ((link = list_first(&service->sessions)))
		session_free_now(container_of(link, struct session, service_link));
	for (size_t i = 0; i < service->interface_count; i++)
		idl_free(service->interfaces[i].idl);
	free(service->interfaces);
	service->interfaces = NULL;
	service->interface_count = 0;
	service->certification_state = cmd_certification_free(service->certification_state);
}

const struct service_interface *service_find(const struct service *service, const char *name,
					     size_t name_bytes)
{
	for (size_t i = 0; i < service->interface_count; i++) {
		const char *here = service->interfaces[i].idl->name;

		if (strncmp(here, name, name_bytes) == 0 && here[name_bytes] == '\0')
			return &service->interfaces[i];
	}
	return NULL;
}

void service_wake_listeners(struct service *service)
{
	list_for_each(link, &service->listeners)
		listener_resume(container_of(link, struct listener, service_link));
}

bool service_may_log(struct service *service)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (service->log_window_ns == 0 || now_ns - service->log_window_ns >= LOG_WINDOW_NS) {
		if (service->log_suppressed > 0)
			log_info("service", "lines about clients left out", "count=%u",
				 service->log_suppressed);
		service->log_window_ns = now_ns;
		service->log_count = 0;
		service->log_suppressed = 0;
	}
	if (service->log_count < LOG_LINES) {
		service->log_count++;
		return true;
	}
	service->log_suppressed++;
	return false;
}
