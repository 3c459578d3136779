/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/lifecycle.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/errmap.h"
#include "daemon/ctl/param.h"
#include "daemon/ctl/service.h"
#include "daemon/ctl/view.h"
#include "daemon/objects/ledger.h"
#include "daemon/objects/refusal.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/streams.h"
#include "proto/args.h"

/* io.forebay.daemon */

static int ping(struct call *call, struct refusal *refusal)
{
	(void)refusal;
	call_reply_empty(call);
	return 0;
}

static void add_limits(struct args *args, const struct service *service)
{
	const struct registry *registry = service->registry;
	struct args limits;

	args_begin_object(args, "limits", &limits);
	args_add_int(&limits, "connectionsTotal", service->limits.connections_total);
	view_count(&limits, "messageBytes", service->limits.message_bytes);
	view_count(&limits, "eventQueueBytes", service->limits.event_queue_bytes);
	args_add_int(&limits, "storedDescriptorsTotal", ledger_limit(registry->ledger));
	for (int kind = 0; kind < QUOTA_KINDS; kind++)
		view_count(&limits, quota_name((enum quota_kind)kind),
			   registry->limits.maximum[kind]);
}

static void add_usage(struct args *args, const struct user *user)
{
	struct args usage;

	args_begin_object(args, "usage", &usage);
	for (int kind = 0; kind < QUOTA_KINDS; kind++)
		view_count(&usage, quota_name((enum quota_kind)kind), user->quota.used[kind]);
}

static int describe(struct call *call, struct refusal *refusal)
{
	struct service *service = call_service(call);
	struct args args;

	(void)refusal;
	args_init(&args);
	args_add_string(&args, "version", PACKAGE_VERSION);
	args_add_string(&args, "state", lifecycle_name(service->registry->lifecycle));
	view_count(&args, "startedUSec", service->started_usec);
	args_add_string(&args, "engine", service->engine_name);
	view_count(&args, "loopLongestUSec", service->loop_longest_usec);
	add_limits(&args, service);
	add_usage(&args, call_user(call));
	/* Whoever watches the daemon must not lose its peak because somebody else looked. */
	if (call_is_privileged(call))
		service->loop_longest_usec = 0;
	call_reply(call, &args);
	return 0;
}

static void reload_done(void *data, int result, const struct service_bad_configuration *bad)
{
	struct call *call = data;
	struct wire_error error;
	int r;

	if (result == 0) {
		call_reply_empty(call);
		return;
	}
	if (result == SERVICE_E_BAD_CONFIGURATION)
		r = errmap_bad_configuration(bad->file, bad->line, bad->reason, &error);
	else
		r = errmap_errno(result, &error);
	call_error(call, r, &error);
}

static int reload(struct call *call, struct refusal *refusal)
{
	const struct service_owner *owner = &call_service(call)->owner;

	if (!call_is_privileged(call))
		return refuse(refusal, REFUSAL_PERMISSION);
	owner->reload(owner->data, reload_done, call);
	return 0;
}

/* Not answered when all is over, since nobody would be left to do that. */
static int shut_down(struct call *call, struct refusal *refusal)
{
	const struct service_owner *owner = &call_service(call)->owner;
	const struct registry *registry = call_service(call)->registry;
	int64_t timeout_usec = -1;
	bool drain = false;
	struct args args;
	int r;

	if (!call_is_privileged(call))
		return refuse(refusal, REFUSAL_PERMISSION);
	r = param_number(call_args(call), "timeoutUSec", 0, &timeout_usec, refusal);
	if (r)
		return r;
	(void)args_get_bool(call_args(call), "drain", &drain);
	args_init(&args);
	args_add_int(&args, "pendingStreams", stream_count_pending(registry));
	args_add_int(&args, "pendingRuns", 0);
	call_reply(call, &args);
	owner->shutdown(owner->data, drain, timeout_usec);
	return 0;
}

const struct command cmd_daemon_table[] = {
	{ "Describe", describe, 0 },  { "Ping", ping, 0 }, { "Reload", reload, 0 },
	{ "Shutdown", shut_down, 0 }, { .member = NULL },
};
