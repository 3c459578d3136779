/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verb_buffer.h"

#include <errno.h>
#include <stdio.h>

#include <cjson/cJSON.h>

#include "client/forebay.h"
#include "client/hexdump.h"
#include "client/listing.h"
#include "client/print.h"
#include "client/report.h"
#include "proto/args.h"
#include "proto/number.h"
#include "proto/units.h"

/* Numbers of one message: their texts fit the smallest that a daemon can be set to, 64 KiB. */
#define CHUNK_COUNT 1024

/* Numbers as they are shown. */
struct showing {
	const struct verb_call *call;
	bool as_table;
	struct number_table table;
	size_t shown;
};

static void show_lines(struct showing *showing, const char *const *texts, size_t count)
{
	size_t i;

	if (showing->as_table) {
		number_table_write(&showing->table, texts, count);
		return;
	}
	for (i = 0; i < count; i++) {
		print_text(texts[i], stdout);
		(void)fputc('\n', stdout);
	}
}

static int show_answer(struct showing *showing, const char *parameters)
{
	const char *texts[CHUNK_COUNT];
	cJSON *object = cJSON_Parse(parameters);
	const cJSON *list, *item;
	size_t count = 0;

	if (!object)
		return -ENOMEM;
	if (args_get_array(object, "texts", &list))
		cJSON_ArrayForEach(item, list) {
			if (cJSON_IsString(item) && count < CHUNK_COUNT)
				texts[count++] = item->valuestring;
		}
	if (showing->call->json)
		print_json_line(parameters, stdout);
	else
		show_lines(showing, texts, count);
	showing->shown = count;
	cJSON_Delete(object);
	return 0;
}

enum verb_status verb_buffer_show_numbers(struct verb_call *call,
					  const struct verb_numbers *numbers)
{
	struct showing showing = { .call = call, .as_table = numbers->as_table };
	int64_t offset = numbers->offset, left = numbers->count;
	enum number_type type = NUMBER_INT8;

	(void)number_type_from_name(numbers->type_name, &type);
	number_table_init(&showing.table, (uint64_t)offset, number_type_bytes(type), stdout,
			  print_may_color(stdout));
	/* At least one call, so that the daemon can say what is wrong with the range. */
	do {
		struct forebay_reply reply;
		enum verb_status status;
		struct args args;
		int r;

		listing_begin_id(call, &args);
		args_add_string(&args, "type", numbers->type_name);
		verb_buffer_add_number(&args, "offset", offset);
		verb_buffer_add_number(&args, "count", left < CHUNK_COUNT ? left : CHUNK_COUNT);
		status = listing_call(call, "io.forebay.buffer.GetNumber", &args, &reply);
		if (status != VERB_DONE)
			return status;
		r = show_answer(&showing, reply.parameters);
		forebay_reply_fini(&reply);
		if (r)
			return report_errno(call, "the answer", r);
		offset += (int64_t)(showing.shown * number_type_bytes(type));
		left -= (int64_t)showing.shown;
	} while (left > 0 && showing.shown > 0);
	return VERB_DONE;
}

/* TYPE and OFFSET, which get and set have behind the id. VERB_USAGE has been reported. */
static enum verb_status read_place(const struct options *options, int64_t *ret_offset)
{
	const char *name = options->arguments[1], *offset = options->arguments[2];
	enum number_type type;
	uint64_t bytes;

	if (!number_type_from_name(name, &type))
		return report_usage("\"%s\" is none of " VERB_NUMBER_TYPES, name);
	/* As it is, also a negative one: the daemon knows what would have been right. */
	if (args_parse_int(offset, ret_offset))
		return VERB_DONE;
	if (units_parse_size(offset, &bytes) || bytes > INT64_MAX)
		return report_usage("\"%s\" is no offset", offset);
	*ret_offset = (int64_t)bytes;
	return VERB_DONE;
}

enum verb_status verb_buffer_get(struct verb_call *call)
{
	struct verb_numbers numbers = {
		.type_name = call->options.arguments[1],
		.count = options_number(&call->options, "count", 1),
	};
	enum verb_status status = read_place(&call->options, &numbers.offset);

	return status == VERB_DONE ? verb_buffer_show_numbers(call, &numbers) : status;
}

enum verb_status verb_buffer_set(struct verb_call *call)
{
	const struct options *options = &call->options;
	enum verb_status status;
	struct args args, texts;
	int64_t offset;
	size_t i;

	status = read_place(options, &offset);
	if (status != VERB_DONE)
		return status;
	listing_begin_id(call, &args);
	args_add_string(&args, "type", options->arguments[1]);
	verb_buffer_add_number(&args, "offset", offset);
	args_begin_array(&args, "texts", &texts);
	for (i = 3; i < options->argument_count; i++)
		args_add_string(&texts, NULL, options->arguments[i]);
	return listing_field(call, "io.forebay.buffer.SetNumber", &args, "nextOffset");
}
