/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

#include "daemon/ctl/call.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/param.h"
#include "daemon/ctl/service.h"
#include "daemon/objects/buffer_number.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/refusal.h"
#include "proto/args.h"

/* GetNumber and SetNumber of io.forebay.buffer. */

/* What a reply to GetNumber has besides the texts, generously; and a text besides itself. */
#define TEXTS_ENVELOPE_BYTES 256
#define TEXT_ENVELOPE_BYTES 3

/* One call can bring about as many back: messages have a bound on values, too. */
#define NUMBERS_MAX 8192

static int parse_numbers(struct call *call, struct buffer **ret_buffer,
			 struct buffer_numbers *numbers, struct refusal *refusal)
{
	const cJSON *args = call_args(call);
	const char *type = "";
	int r = param_buffer(call, "id", ret_buffer, refusal);

	(void)args_get_string(args, "type", &type);
	if (r == 0 && !number_type_from_name(type, &numbers->type))
		r = refuse_text(refusal, REFUSAL_PARAMETER, "type");
	(void)args_get_int(args, "offset", &numbers->offset);
	return r;
}

static void got(void *data, int result, char (*texts)[NUMBER_TEXT_BYTES], size_t count,
		const struct refusal *refusal)
{
	struct call *call = data;
	struct args args, list;

	if (result) {
		call_fail(call, result, refusal);
		return;
	}
	args_init(&args);
	args_begin_array(&args, "texts", &list);
	for (size_t i = 0; i < count; i++)
		args_add_string(&list, NULL, texts[i]);
	free(texts);
	call_reply(call, &args);
}

static int64_t most_numbers(struct call *call)
{
	size_t bytes = call_service(call)->limits.message_bytes - TEXTS_ENVELOPE_BYTES;
	int64_t most = (int64_t)bytes / (NUMBER_TEXT_BYTES + TEXT_ENVELOPE_BYTES);

	return most < NUMBERS_MAX ? most : NUMBERS_MAX;
}

int cmd_buffer_get_number(struct call *call, struct refusal *refusal)
{
	struct buffer_numbers numbers = { .count = 1, .count_max = most_numbers(call) };
	struct buffer *buffer;
	int r = parse_numbers(call, &buffer, &numbers, refusal);

	(void)args_get_int(call_args(call), "count", &numbers.count);
	return r ? r : buffer_get_numbers(buffer, &numbers, got, call, refusal);
}

static void set(void *data, int result, int64_t value, const struct refusal *refusal)
{
	cmd_buffer_reply_int(data, result, "nextOffset", value, refusal);
}

int cmd_buffer_set_number(struct call *call, struct refusal *refusal)
{
	struct buffer_numbers numbers = { .count_max = INT64_MAX };
	const cJSON *list = NULL, *item;
	struct buffer *buffer;
	const char **texts;
	int r = parse_numbers(call, &buffer, &numbers, refusal);

	if (r)
		return r;
	(void)args_get_array(call_args(call), "texts", &list);
	texts = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*texts));
	if (!texts)
		return -ENOMEM;
	cJSON_ArrayForEach(item, list)
		texts[numbers.count++] = item->valuestring;
	numbers.texts = texts;
	r = buffer_set_numbers(buffer, &numbers, set, call, refusal);
	free(texts);
	return r;
}
