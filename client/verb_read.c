/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <errno.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "client/decompress.h"
#include "client/file_copy.h"
#include "client/forebay.h"
#include "client/listing.h"
#include "client/report.h"
#include "proto/args.h"

static enum verb_status copy_out(struct verb_call *call, int file_fd)
{
	const char *path = call->options.arguments[0];
	int r = options_has(&call->options, "decompress") ?
			decompress_copy(file_fd, STDOUT_FILENO) :
			file_copy(file_fd, STDOUT_FILENO);

	if (r > 0)
		return report_failure(call, "damaged", path,
				      decompress_outcome_text((enum decompress_outcome)r));
	if (r < 0) {
		(void)report_errno(call, path, r);
		return VERB_FAILED;
	}
	return VERB_DONE;
}

/* The daemon opens the file and hands it over; its bytes come from the file itself. */
enum verb_status verb_read(struct verb_call *call)
{
	struct forebay_reply reply;
	enum verb_status status;
	int64_t index = -1;
	struct args args;
	cJSON *object;

	args_init(&args);
	args_add_optional_string(&args, "store", options_text(&call->options, "store"));
	args_add_string(&args, "path", call->options.arguments[0]);
	status = listing_call(call, "io.forebay.store.OpenFile", &args, &reply);
	if (status != VERB_DONE)
		return status;
	object = cJSON_Parse(reply.parameters);
	(void)args_get_int(object, "fileDescriptorIndex", &index);
	cJSON_Delete(object);
	if (index >= 0 && (uint64_t)index < reply.fd_count) {
		status = copy_out(call, reply.fds[index]);
	} else {
		(void)report_errno(call, call->options.arguments[0], -EPROTO);
		status = VERB_FAILED;
	}
	forebay_reply_fini(&reply);
	return status;
}
