/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <errno.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "client/file_copy.h"
#include "client/forebay.h"
#include "client/listing.h"
#include "client/report.h"
#include "proto/args.h"

/* The daemon opens the file and hands it over; its bytes come from the file itself. */
enum verb_status verb_read(struct verb_call *call)
{
	struct forebay_reply reply;
	enum verb_status status;
	int64_t index = -1;
	struct args args;
	cJSON *object;
	int r = -EPROTO;

	args_init(&args);
	args_add_optional_string(&args, "store", options_text(&call->options, "store"));
	args_add_string(&args, "path", call->options.arguments[0]);
	status = listing_call(call, "io.forebay.store.OpenFile", &args, &reply);
	if (status != VERB_DONE)
		return status;
	object = cJSON_Parse(reply.parameters);
	(void)args_get_int(object, "fileDescriptorIndex", &index);
	cJSON_Delete(object);
	if (index >= 0 && (uint64_t)index < reply.fd_count)
		r = file_copy(reply.fds[index], STDOUT_FILENO);
	forebay_reply_fini(&reply);
	if (r) {
		(void)report_errno(call, call->options.arguments[0], r);
		return VERB_FAILED;
	}
	return VERB_DONE;
}
