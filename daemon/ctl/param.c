/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/param.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "daemon/core/id_text.h"
#include "daemon/core/labels.h"
#include "daemon/ctl/call.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/readable.h"
#include "daemon/objects/refusal.h"
#include "daemon/objects/streams.h"
#include "proto/args.h"

/*
 * Of an object's labels together. They are shown in one message, which may be no longer than
 * 64 KiB, and may spell each byte with six.
 */
#define LABEL_BYTES_MAX 4096

int param_buffer_id(const cJSON *args, const char *name, uint64_t *ret_id, struct refusal *refusal)
{
	const char *text = "";

	(void)args_get_string(args, name, &text);
	if (!id_parse(ID_BUFFER, text, ret_id))
		return refuse_text(refusal, REFUSAL_NO_SUCH_BUFFER, text);
	return 0;
}

int param_buffer(struct call *call, const char *name, struct buffer **ret_buffer,
		 struct refusal *refusal)
{
	uint64_t id;
	int r = param_buffer_id(call_args(call), name, &id, refusal);

	return r ? r : buffer_find(call_user(call), id, ret_buffer, refusal);
}

/* Text that is no id names no stream. */
static int param_stream_id(struct call *call, const char *name, uint64_t *ret_id,
			   struct refusal *refusal)
{
	const char *text = "";

	(void)args_get_string(call_args(call), name, &text);
	return id_parse(ID_STREAM, text, ret_id) ?
		       0 :
		       refuse_text(refusal, REFUSAL_NO_SUCH_STREAM, text);
}

int param_stream(struct call *call, const char *name, struct stream **ret_stream,
		 struct refusal *refusal)
{
	uint64_t id;
	int r = param_stream_id(call, name, &id, refusal);

	return r ? r : stream_find(call_user(call), id, ret_stream, refusal);
}

int param_readable(struct call *call, const char *name, struct readable **ret_readable,
		   struct refusal *refusal)
{
	uint64_t id;
	int r = param_stream_id(call, name, &id, refusal);

	return r ? r : readable_find(call_user(call), id, ret_readable, refusal);
}

int param_position(const cJSON *args, const char *name, uint64_t maximum, uint64_t *position,
		   struct refusal *refusal)
{
	int64_t most = maximum > INT64_MAX ? INT64_MAX : (int64_t)maximum;
	int64_t value;
	int r = args_get_int_within(args, name, 0, most, &value);

	if (r == ARGS_E_RANGE)
		return refuse_range(refusal, name, 0, most);
	if (r == 0)
		*position = (uint64_t)value;
	return 0;
}

int param_number(const cJSON *args, const char *name, int64_t minimum, int64_t *number,
		 struct refusal *refusal)
{
	int r = args_get_int_within(args, name, minimum, INT64_MAX, number);

	return r == ARGS_E_RANGE ? refuse_text(refusal, REFUSAL_PARAMETER, name) : 0;
}

int param_encoding(const cJSON *args, enum encoding *encoding, struct refusal *refusal)
{
	const char *name;

	if (args_get_string(args, "encoding", &name) && !encoding_from_name(name, encoding))
		return refuse_text(refusal, REFUSAL_PARAMETER, "encoding");
	return 0;
}

int param_labels(const cJSON *args, struct labels *labels, struct refusal *refusal)
{
	const cJSON *map, *label;
	size_t bytes = 0;
	int r;

	if (!args_get_object(args, "labels", &map))
		return 0;
	cJSON_ArrayForEach(label, map) {
		bytes += strlen(label->string) + strlen(label->valuestring);
		if (bytes > LABEL_BYTES_MAX)
			return refuse_limit(refusal, "labelBytes", LABEL_BYTES_MAX);
		r = labels_add(labels, label->string, label->valuestring);
		if (r == LABELS_E_FULL)
			return refuse_limit(refusal, "labels", LABELS_MAX);
		if (r)
			return r;
	}
	return 0;
}
