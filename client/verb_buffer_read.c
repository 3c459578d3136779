/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verb_buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "client/file_copy.h"
#include "client/forebay.h"
#include "client/hexdump.h"
#include "client/listing.h"
#include "client/print.h"
#include "client/report.h"
#include "proto/args.h"
#include "proto/encoding.h"
#include "proto/number.h"

enum view {
	VIEW_RAW,
	VIEW_HEXDUMP,
	VIEW_TEXT,
	VIEW_JSON,
};

/* A buffer as it is read, message by message. */
struct reading {
	struct verb_call *call;
	enum view view;
	struct hexdump dump;
	int64_t offset;
	int64_t left;
};

/* Of --raw, --hexdump, --encoding and --as one at most; --json goes with the last two. */
static bool views_agree(const struct options *options)
{
	int bytes = options_has(options, "raw") + options_has(options, "hexdump");
	int texts = options_has(options, "encoding") + options_has(options, "as");

	return bytes + texts <= 1 && !(bytes && options_has(options, "json"));
}

static enum view choose_view(const struct verb_call *call)
{
	if (call->json)
		return VIEW_JSON;
	if (options_has(&call->options, "encoding"))
		return VIEW_TEXT;
	if (options_has(&call->options, "hexdump"))
		return VIEW_HEXDUMP;
	/* Bytes are for programs: on a terminal they could do anything. */
	return !options_has(&call->options, "raw") && isatty(STDOUT_FILENO) ? VIEW_HEXDUMP :
									      VIEW_RAW;
}

static int show_bytes(struct reading *reading, const char *data)
{
	struct encoding_text text = { .utf8 = data, .length = strlen(data) };
	size_t bytes = encoding_decode(ENCODING_BASE64, text, NULL, 0);
	void *decoded = malloc(bytes + 1);
	int r = 0;

	if (!decoded)
		return -ENOMEM;
	bytes = encoding_decode(ENCODING_BASE64, text, decoded, bytes);
	if (reading->view == VIEW_HEXDUMP)
		hexdump_write(&reading->dump, decoded, bytes);
	else
		r = file_write_all(STDOUT_FILENO, decoded, bytes);
	free(decoded);
	return r;
}

static int show_part(struct reading *reading, const char *parameters, const char *data)
{
	if (reading->view == VIEW_JSON) {
		print_json_line(parameters, stdout);
		return 0;
	}
	if (reading->view == VIEW_TEXT)
		return file_write_all(STDOUT_FILENO, data, strlen(data));
	return show_bytes(reading, data);
}

/*
 * One message's worth. How much text that is the daemon decides: it never cuts a character,
 * as a length of ours could.
 */
static enum verb_status read_part(struct reading *reading, int64_t *ret_bytes)
{
	struct verb_call *call = reading->call;
	const char *encoding = options_text(&call->options, "encoding"), *data = "";
	bool cut = !encoding && reading->left > VERB_BUFFER_CHUNK_BYTES;
	struct forebay_reply reply;
	enum verb_status status;
	struct args args;
	cJSON *object;
	int r;

	listing_begin_id(call, &args);
	verb_buffer_add_number(&args, "offset", reading->offset);
	verb_buffer_add_number(&args, "length", cut ? VERB_BUFFER_CHUNK_BYTES : reading->left);
	args_add_string(&args, "encoding", encoding ? encoding : "base64");
	status = listing_call(call, "io.forebay.buffer.Read", &args, &reply);
	if (status != VERB_DONE)
		return status;
	*ret_bytes = 0;
	object = cJSON_Parse(reply.parameters);
	(void)args_get_int(object, "bytesRead", ret_bytes);
	(void)args_get_string(object, "data", &data);
	r = object ? show_part(reading, reply.parameters, data) : -ENOMEM;
	cJSON_Delete(object);
	forebay_reply_fini(&reply);
	if (r) {
		(void)report_errno(call, "standard output", r);
		return VERB_FAILED;
	}
	return VERB_DONE;
}

static enum verb_status read_all(struct reading *reading, int64_t whole)
{
	enum verb_status status;
	int64_t bytes;

	/* At least one call, so that the daemon can say what is wrong with the range. */
	do {
		status = read_part(reading, &bytes);
		if (status != VERB_DONE)
			return status;
		reading->offset += bytes;
		reading->left -= bytes;
	} while (reading->left > 0 && bytes > 0);
	if (reading->left > 0 && reading->offset < whole)
		return report_failure(reading->call, "BadEncoding",
				      reading->call->options.arguments[0],
				      "what comes next is no text");
	return VERB_DONE;
}

static enum verb_status read_numbers(struct verb_call *call, int64_t offset, int64_t whole)
{
	const char *name = options_text(&call->options, "as");
	struct verb_numbers numbers = { .type_name = name, .offset = offset, .as_table = true };
	enum number_type type = NUMBER_INT8;
	int64_t rest = whole - offset;

	if (options_has(&call->options, "length"))
		return report_usage("--length counts bytes; say --count with --as");
	(void)number_type_from_name(name, &type);
	if (rest == 0 && !options_has(&call->options, "count"))
		return VERB_DONE;
	/* If not even one is there, the daemon says so. */
	numbers.count = rest / (int64_t)number_type_bytes(type);
	if (numbers.count < 1)
		numbers.count = 1;
	numbers.count = options_number(&call->options, "count", numbers.count);
	return verb_buffer_show_numbers(call, &numbers);
}

enum verb_status verb_buffer_read(struct verb_call *call)
{
	const struct options *options = &call->options;
	int64_t offset = options_number(options, "offset", 0), whole;
	struct reading reading = { .call = call, .view = choose_view(call), .offset = offset };
	enum verb_status status;

	if (!views_agree(options))
		return report_usage("one of --raw, --hexdump, --encoding, --as; --json with the "
				    "last two only");
	if (options_has(options, "count") && !options_has(options, "as"))
		return report_usage("--count is for --as");
	status = verb_buffer_find_length(call, &whole);
	if (status != VERB_DONE)
		return status;
	if (options_has(options, "as"))
		return read_numbers(call, offset, whole);
	reading.left = options_number(options, "length", whole > offset ? whole - offset : 0);
	hexdump_init(&reading.dump, (uint64_t)offset, stdout);
	status = read_all(&reading, whole);
	if (reading.view == VIEW_HEXDUMP)
		hexdump_end(&reading.dump);
	if (reading.view == VIEW_TEXT && status == VERB_DONE)
		(void)puts("");
	return status;
}
