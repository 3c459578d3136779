/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "client/forebay.h"
#include "client/print.h"
#include "client/report.h"

/* Whatever error it is, the status is 1: scripts read which one from standard error. */
static enum verb_status report(const struct verb_call *call, int error)
{
	const char *name = forebay_error_name(call->connection);

	if (!name)
		return report_call(call, error);
	report_error_json(name, forebay_error_parameters(call->connection));
	return VERB_FAILED;
}

static enum verb_status show_answers(struct verb_call *call, uint64_t timeout_usec)
{
	struct forebay_reply reply = { .continues = 1 };

	while (reply.continues) {
		int continues, r;

		r = forebay_call_next(call->connection, timeout_usec, &reply);
		if (r)
			return report(call, r);
		print_json_line(reply.parameters, stdout);
		(void)fflush(stdout);
		continues = reply.continues;
		forebay_reply_fini(&reply);
		reply.continues = continues;
	}
	return VERB_DONE;
}

enum verb_status verb_call_method(struct verb_call *call)
{
	const struct options *options = &call->options;
	const char *method = options->arguments[0];
	const char *parameters = options->argument_count > 1 ? options->arguments[1] : NULL;
	uint64_t timeout_usec = (uint64_t)options_number(options, "timeout", INT64_MAX);
	struct forebay_reply reply;
	int r;

	if (options_has(options, "more")) {
		r = forebay_call_more(call->connection, method, parameters);
		if (r == 0)
			return show_answers(call, timeout_usec);
	} else {
		forebay_set_timeout(call->connection, timeout_usec);
		r = forebay_call(call->connection, method, parameters, NULL, &reply);
	}
	if (r == -EINVAL && !forebay_error_name(call->connection))
		return report_usage("METHOD must be a name and JSON one object");
	if (r)
		return report(call, r);
	print_json_line(reply.parameters, stdout);
	forebay_reply_fini(&reply);
	return VERB_DONE;
}
