/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <stdio.h>

#include "client/deadline.h"
#include "client/forebay.h"
#include "client/listing.h"
#include "client/report.h"
#include "proto/args.h"

enum verb_status verb_info(struct verb_call *call)
{
	struct args args;

	args_init(&args);
	return listing_show(call, "io.forebay.daemon.Describe", &args);
}

enum verb_status verb_ping(struct verb_call *call)
{
	uint64_t start_ns = deadline_now_ns(), taken_usec;
	int r;

	r = forebay_ping(call->connection);
	if (r)
		return report_call(call, r);
	taken_usec = (deadline_now_ns() - start_ns) / 1000;
	if (call->json)
		(void)printf("{\"roundTripUSec\":%llu}\n", (unsigned long long)taken_usec);
	else
		(void)printf("the daemon answered in %llu us\n", (unsigned long long)taken_usec);
	return VERB_DONE;
}

enum verb_status verb_reload(struct verb_call *call)
{
	struct args args;

	args_init(&args);
	return listing_field(call, "io.forebay.daemon.Reload", &args, NULL);
}

enum verb_status verb_shutdown(struct verb_call *call)
{
	int64_t timeout_usec = options_number(&call->options, "timeout", -1);
	struct args args;

	/* The answer may come after all that is drained. */
	forebay_set_timeout(call->connection, FOREBAY_FOREVER);
	args_init(&args);
	if (options_has(&call->options, "drain"))
		args_add_bool(&args, "drain", true);
	if (timeout_usec >= 0)
		args_add_int(&args, "timeoutUSec", timeout_usec);
	return listing_show(call, "io.forebay.daemon.Shutdown", &args);
}
