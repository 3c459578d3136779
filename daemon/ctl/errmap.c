/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/errmap.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "daemon/core/fault.h"
#include "daemon/core/job_state.h"
#include "daemon/core/stream_state.h"
#include "daemon/ctl/view.h"
#include "daemon/objects/refusal.h"
#include "proto/args.h"
#include "proto/idl.h"

#define SERVICE "org.varlink.service."
#define CERTIFICATION "org.varlink.certification."
#define BUFFER "io.forebay.buffer."
#define DAEMON "io.forebay.daemon."
#define JOB "io.forebay.job."
#define POOL "io.forebay.pool."
#define STORE "io.forebay.store."
#define STREAM "io.forebay.stream."

/* Which part of a refusal becomes a parameter. */
enum part {
	PART_NONE,
	PART_PARAMETER, /* text: the path of a parameter */
	PART_TEXT,
	PART_REASON,
	PART_STREAM, /* id; or text, as the client spelt it, where that is no id */
	PART_BUFFER,
	PART_FIRST,
	PART_SECOND,
	PART_STATE,	/* first: enum stream_state */
	PART_JOB,	/* as PART_STREAM */
	PART_JOB_STATE, /* first: enum job_state */
	PART_FAULT,
};

#define PARTS_MAX 3

struct row {
	const char *error;
	const char *stream_error; /* for methods of io.forebay.stream; NULL: the same */
	struct {
		const char *name;
		enum part part;
	} parts[PARTS_MAX];
};

static const struct row rows[] = {
	[REFUSAL_PARAMETER] = { SERVICE "InvalidParameter",
				NULL,
				{ { "parameter", PART_PARAMETER } } },
	[REFUSAL_LIMIT] = { DAEMON "LimitExceeded",
			    NULL,
			    { { "limit", PART_TEXT }, { "maximum", PART_FIRST } } },
	[REFUSAL_PERMISSION] = { SERVICE "PermissionDenied", NULL, { { NULL, PART_NONE } } },
	[REFUSAL_SHUTTING_DOWN] = { DAEMON "ShuttingDown", NULL, { { NULL, PART_NONE } } },
	[REFUSAL_EXPECTED_MORE] = { SERVICE "ExpectedMore", NULL, { { NULL, PART_NONE } } },

	[REFUSAL_NO_SUCH_POOL] = { POOL "NoSuchPool", NULL, { { "name", PART_TEXT } } },
	[REFUSAL_POOL_EXISTS] = { POOL "PoolExists", NULL, { { "name", PART_TEXT } } },
	[REFUSAL_POOL_BUSY] = { POOL "PoolBusy",
				NULL,
				{ { "name", PART_TEXT },
				  { "buffers", PART_FIRST },
				  { "streams", PART_SECOND } } },
	[REFUSAL_POOL_FULL] = { POOL "PoolFull",
				NULL,
				{ { "name", PART_TEXT },
				  { "requestedBytes", PART_FIRST },
				  { "largestFreeBytes", PART_SECOND } } },

	[REFUSAL_NO_SUCH_BUFFER] = { BUFFER "NoSuchBuffer", NULL, { { "id", PART_BUFFER } } },
	[REFUSAL_OUT_OF_RANGE] = { BUFFER "OutOfRange",
				   NULL,
				   { { "parameter", PART_PARAMETER },
				     { "minimum", PART_FIRST },
				     { "maximum", PART_SECOND } } },
	[REFUSAL_BAD_ENCODING] = { BUFFER "BadEncoding",
				   NULL,
				   { { "parameter", PART_PARAMETER },
				     { "encoding", PART_REASON } } },
	[REFUSAL_BUFFER_PINNED] = { BUFFER "BufferPinned",
				    NULL,
				    { { "id", PART_BUFFER }, { "pins", PART_FIRST } } },
	[REFUSAL_BUFFER_BUSY] = { BUFFER "BufferBusy", NULL, { { "id", PART_BUFFER } } },

	[REFUSAL_NO_SUCH_STREAM] = { STREAM "NoSuchStream", NULL, { { "id", PART_STREAM } } },
	[REFUSAL_WRITE_AFTER_END] = { STREAM "WriteAfterEnd", NULL, { { "id", PART_STREAM } } },
	[REFUSAL_STREAM_FAILED] = { STREAM "StreamFailed",
				    NULL,
				    { { "id", PART_STREAM }, { "fault", PART_FAULT } } },
	[REFUSAL_QUEUE_FULL] = { STREAM "QueueFull",
				 NULL,
				 { { "id", PART_STREAM },
				   { "writableLength", PART_FIRST },
				   { "maximum", PART_SECOND } } },
	[REFUSAL_TIMED_OUT] = { STREAM "TimedOut", NULL, { { "id", PART_STREAM } } },
	[REFUSAL_WRONG_STATE] = { STREAM "WrongState",
				  NULL,
				  { { "id", PART_STREAM }, { "state", PART_STATE } } },
	[REFUSAL_PATH_BUSY] = { STREAM "PathBusy", NULL, { { "path", PART_TEXT } } },
	[REFUSAL_PATH_REFUSED] = { STORE "PathRefused",
				   STREAM "PathRefused",
				   { { "path", PART_TEXT }, { "reason", PART_REASON } } },

	[REFUSAL_NO_SUCH_STORE] = { STORE "NoSuchStore",
				    STREAM "NoSuchStore",
				    { { "store", PART_TEXT } } },
	[REFUSAL_NO_SUCH_FILE] = { STORE "NoSuchFile",
				   NULL,
				   { { "store", PART_TEXT }, { "path", PART_REASON } } },

	[REFUSAL_NO_SUCH_JOB] = { JOB "NoSuchJob", NULL, { { "id", PART_JOB } } },
	[REFUSAL_JOB_EXISTS] = { JOB "JobExists", NULL, { { "name", PART_TEXT } } },
	[REFUSAL_JOB_WRONG_STATE] = { JOB "WrongState",
				      NULL,
				      { { "id", PART_JOB }, { "state", PART_JOB_STATE } } },
	[REFUSAL_BAD_SCHEDULE] = { JOB "BadSchedule",
				   NULL,
				   { { "parameter", PART_PARAMETER }, { "reason", PART_REASON } } },
	[REFUSAL_DIGEST_MISMATCH] = { JOB "DigestMismatch",
				      NULL,
				      { { "expected", PART_TEXT }, { "got", PART_REASON } } },
};

static bool has_field(const struct idl_type *type, const char *name, size_t name_bytes,
		      const struct idl_type **ret_type)
{
	while (type->kind == IDL_NAMED)
		type = type->element;
	if (type->kind != IDL_STRUCT)
		return false;
	for (size_t i = 0; i < type->field_count; i++) {
		const char *here = type->fields[i].name;

		if (strncmp(here, name, name_bytes) == 0 && here[name_bytes] == '\0') {
			*ret_type = type->fields[i].type;
			return true;
		}
	}
	return false;
}

/* Objects know parameters by their own names; the client wrote some of them in a context. */
static void add_parameter(struct args *args, const char *name, const char *parameter,
			  const struct idl_member *method)
{
	size_t first_bytes = strcspn(parameter, ".[");
	const struct idl_type *type;
	char path[512];

	if (method && !has_field(method->input, parameter, first_bytes, &type) &&
	    has_field(method->input, "context", strlen("context"), &type) &&
	    has_field(type, parameter, first_bytes, &type)) {
		(void)snprintf(path, sizeof(path), "context.%s", parameter);
		parameter = path;
	}
	view_text(args, name, parameter);
}

static void add_id(struct args *args, const char *name, enum id_kind kind,
		   const struct refusal *refusal)
{
	if (refusal->id == 0)
		view_text(args, name, refusal->text);
	else
		view_id(args, name, kind, refusal->id);
}

static void add_part(struct args *args, const char *name, enum part part,
		     const struct refusal *refusal, const struct idl_member *method)
{
	switch (part) {
	case PART_NONE:
		return;
	case PART_PARAMETER:
		add_parameter(args, name, refusal->text, method);
		return;
	case PART_TEXT:
		view_text(args, name, refusal->text);
		return;
	case PART_REASON:
		view_text(args, name, refusal->reason);
		return;
	case PART_STREAM:
		add_id(args, name, ID_STREAM, refusal);
		return;
	case PART_BUFFER:
		add_id(args, name, ID_BUFFER, refusal);
		return;
	case PART_FIRST:
		args_add_int(args, name, refusal->first);
		return;
	case PART_SECOND:
		args_add_int(args, name, refusal->second);
		return;
	case PART_STATE:
		args_add_string(args, name, stream_state_name((enum stream_state)refusal->first));
		return;
	case PART_JOB:
		add_id(args, name, ID_JOB, refusal);
		return;
	case PART_JOB_STATE:
		args_add_string(args, name, job_state_name((enum job_state)refusal->first));
		return;
	case PART_FAULT:
		view_fault(args, name, &refusal->fault);
		return;
	}
}

static int finish(const char *name, struct args *args, struct wire_error *ret_error)
{
	ret_error->name = name;
	return args_take(args, &ret_error->parameters);
}

int errmap_refusal(const struct refusal *refusal, const char *interface,
		   const struct idl_member *method, struct wire_error *ret_error)
{
	const struct row *row = &rows[refusal->kind];
	const char *name = row->error;
	struct args args;

	if (row->stream_error && interface && strcmp(interface, "io.forebay.stream") == 0)
		name = row->stream_error;
	args_init(&args);
	for (size_t i = 0; i < PARTS_MAX; i++)
		add_part(&args, row->parts[i].name, row->parts[i].part, refusal, method);
	return finish(name, &args, ret_error);
}

int errmap_run_failed(uint64_t job_id, const struct job_record *record,
		      struct wire_error *ret_error)
{
	struct args args;

	args_init(&args);
	if (job_id == 0)
		args_add_string(&args, "id", "");
	else
		view_id(&args, "id", ID_JOB, job_id);
	view_record(&args, "run", record);
	return finish(JOB "RunFailed", &args, ret_error);
}

int errmap_errno(int error, struct wire_error *ret_error)
{
	struct args args;

	args_init(&args);
	args_add_string(&args, "origin", "linux");
	args_add_string(&args, "errnoName", err_name(error));
	args_add_int(&args, "errno", abs(error));
	return finish("io.systemd.System", &args, ret_error);
}

int errmap_protocol(enum protocol_error error, const char *text, struct wire_error *ret_error)
{
	static const struct {
		const char *name;
		const char *parameter;
	} protocol_rows[] = {
		[PROTOCOL_INTERFACE_NOT_FOUND] = { SERVICE "InterfaceNotFound", "interface" },
		[PROTOCOL_METHOD_NOT_FOUND] = { SERVICE "MethodNotFound", "method" },
		[PROTOCOL_METHOD_NOT_IMPLEMENTED] = { SERVICE "MethodNotImplemented", "method" },
		[PROTOCOL_INVALID_PARAMETER] = { SERVICE "InvalidParameter", "parameter" },
		[PROTOCOL_EXPECTED_MORE] = { SERVICE "ExpectedMore", NULL },
	};
	struct args args;

	args_init(&args);
	if (protocol_rows[error].parameter)
		view_text(&args, protocol_rows[error].parameter, text);
	return finish(protocol_rows[error].name, &args, ret_error);
}

int errmap_bad_configuration(const char *file, int64_t line, const char *reason,
			     struct wire_error *ret_error)
{
	struct args args;

	args_init(&args);
	view_text(&args, "file", file);
	args_add_int(&args, "line", line);
	view_text(&args, "reason", reason);
	return finish(DAEMON "BadConfiguration", &args, ret_error);
}

int errmap_certification(const cJSON *wants, const cJSON *got, struct wire_error *ret_error)
{
	struct args args;

	args_init(&args);
	args_add_copy(&args, "wants", wants);
	args_add_copy(&args, "got", got);
	return finish(CERTIFICATION "CertificationError", &args, ret_error);
}

int errmap_client_id(struct wire_error *ret_error)
{
	struct args args;

	args_init(&args);
	return finish(CERTIFICATION "ClientIdError", &args, ret_error);
}
