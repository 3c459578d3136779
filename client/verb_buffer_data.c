/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verb_buffer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "client/file_copy.h"
#include "client/forebay.h"
#include "client/listing.h"
#include "client/print.h"
#include "client/report.h"
#include "client/verbs.h"
#include "proto/args.h"
#include "proto/encoding.h"

/* What travels in one message: with base64's third it stays well below a megabyte. */
#define CHUNK_BYTES ((int64_t)384 << 10)

/* A descriptor whose content has a size: the file itself, or a memfd with what a pipe gives. */
static int open_sized(const char *path, int *ret_fd)
{
	struct stat status;
	int input_fd, memory_fd, r;

	r = file_open_input(path, &input_fd);
	if (r)
		return r;
	if (fstat(input_fd, &status) == 0 && S_ISREG(status.st_mode)) {
		*ret_fd = input_fd;
		return 0;
	}
	memory_fd = memfd_create("forebayctl", MFD_CLOEXEC);
	r = memory_fd < 0 ? -errno : file_copy(input_fd, memory_fd);
	file_close_input(input_fd);
	if (r) {
		if (memory_fd >= 0)
			(void)close(memory_fd);
		return r;
	}
	(void)lseek(memory_fd, 0, SEEK_SET);
	*ret_fd = memory_fd;
	return 0;
}

static int call_from(struct verb_call *call, struct args *args, int content_fd,
		     struct forebay_reply *ret_reply)
{
	const struct forebay_fds fds = { .fds = &content_fd, .count = 1 };
	char *text;
	int r = args_take_text(args, &text);

	if (r)
		return r;
	r = forebay_call(call->connection, "io.forebay.buffer.From", text, &fds, ret_reply);
	cJSON_free(text);
	return r;
}

static enum verb_status from_descriptor(struct verb_call *call, struct args *args)
{
	const struct options *options = &call->options;
	const char *path = options->argument_count > 0 ? options->arguments[0] : "-";
	struct forebay_reply reply;
	const char *id = "?";
	int content_fd, r;
	cJSON *object;

	r = open_sized(path, &content_fd);
	if (r) {
		args_fini(args);
		(void)report_errno(call, path, r);
		return VERB_FAILED;
	}
	args_add_int(args, "fileDescriptorIndex", 0);
	r = call_from(call, args, content_fd, &reply);
	file_close_input(content_fd);
	if (r)
		return report_call(call, r);
	if (call->json) {
		print_json_line(reply.parameters, stdout);
	} else {
		object = cJSON_Parse(reply.parameters);
		(void)args_get_string(print_find_field(object, "buffer"), "id", &id);
		(void)printf("%s\n", id);
		cJSON_Delete(object);
	}
	forebay_reply_fini(&reply);
	return VERB_DONE;
}

enum verb_status verb_buffer_from(struct verb_call *call)
{
	const char *text = options_text(&call->options, "text");
	struct args args;
	int r;

	if (text && call->options.argument_count > 0)
		return report_usage("either FILE or --text");
	if (!text && options_has(&call->options, "encoding"))
		return report_usage("--encoding is for --text");
	args_init(&args);
	r = verb_buffer_add_common(&call->options, &args);
	if (r) {
		args_fini(&args);
		return report_errno(call, "the options", r);
	}
	if (!text)
		return from_descriptor(call, &args);
	args_add_string(&args, "data", text);
	return listing_field(call, "io.forebay.buffer.From", &args, "buffer.id");
}

/* Calls and parses the answer, the caller's to cJSON_Delete(). */
static enum verb_status call_parsed(struct verb_call *call, const char *method, struct args *args,
				    cJSON **ret_object)
{
	struct forebay_reply reply;
	enum verb_status status;

	status = listing_call(call, method, args, &reply);
	if (status != VERB_DONE)
		return status;
	*ret_object = cJSON_Parse(reply.parameters);
	forebay_reply_fini(&reply);
	return *ret_object ? VERB_DONE : report_errno(call, "the answer", -ENOMEM);
}

static int write_decoded(const char *data)
{
	struct encoding_text text = { .utf8 = data, .length = strlen(data) };
	size_t bytes = encoding_decode(ENCODING_BASE64, text, NULL, 0);
	void *decoded = malloc(bytes + 1);
	int r;

	if (!decoded)
		return -ENOMEM;
	bytes = encoding_decode(ENCODING_BASE64, text, decoded, bytes);
	r = file_write_all(STDOUT_FILENO, decoded, bytes);
	free(decoded);
	return r;
}

/* One message's worth: as it is in an encoding, or as bytes. */
static enum verb_status read_chunk(struct verb_call *call, int64_t offset, int64_t length,
				   int64_t *ret_bytes)
{
	const char *encoding = options_text(&call->options, "encoding"), *data = "";
	enum verb_status status;
	int64_t bytes = 0;
	struct args args;
	cJSON *object;
	int r;

	listing_begin_id(call, &args);
	args_add_int(&args, "offset", offset);
	args_add_int(&args, "length", length < CHUNK_BYTES ? length : CHUNK_BYTES);
	args_add_string(&args, "encoding", encoding ? encoding : "base64");
	status = call_parsed(call, "io.forebay.buffer.Read", &args, &object);
	if (status != VERB_DONE)
		return status;
	(void)args_get_int(object, "bytesRead", &bytes);
	(void)args_get_string(object, "data", &data);
	r = encoding ? file_write_all(STDOUT_FILENO, data, strlen(data)) : write_decoded(data);
	cJSON_Delete(object);
	if (r) {
		(void)report_errno(call, "standard output", r);
		return VERB_FAILED;
	}
	*ret_bytes = bytes;
	return VERB_DONE;
}

static enum verb_status find_length(struct verb_call *call, int64_t *ret_length)
{
	enum verb_status status;
	struct args args;
	cJSON *object;

	listing_begin_id(call, &args);
	status = call_parsed(call, "io.forebay.buffer.Describe", &args, &object);
	if (status != VERB_DONE)
		return status;
	(void)args_get_int(print_find_field(object, "buffer"), "length", ret_length);
	cJSON_Delete(object);
	return VERB_DONE;
}

enum verb_status verb_buffer_read(struct verb_call *call)
{
	int64_t offset = options_number(&call->options, "offset", 0), whole = 0, left, bytes;
	enum verb_status status;

	status = find_length(call, &whole);
	if (status != VERB_DONE)
		return status;
	left = options_number(&call->options, "length", whole > offset ? whole - offset : 0);
	/* At least one call, so that the daemon can say what is wrong with the range. */
	do {
		status = read_chunk(call, offset, left, &bytes);
		if (status != VERB_DONE)
			return status;
		offset += bytes;
		left -= bytes;
	} while (left > 0 && bytes > 0);
	if (options_has(&call->options, "encoding"))
		(void)puts("");
	return VERB_DONE;
}

/* Bytes as base64 into the buffer; how many arrived. */
static enum verb_status write_chunk(struct verb_call *call, int64_t offset, const void *data,
				    size_t bytes)
{
	size_t text_bytes = encoding_encode_utf8(ENCODING_BASE64, data, bytes, NULL, 0);
	char *text = malloc(text_bytes + 1);
	struct args args;

	if (!text)
		return report_errno(call, "the data", -ENOMEM);
	text_bytes = encoding_encode_utf8(ENCODING_BASE64, data, bytes, text, text_bytes);
	listing_begin_id(call, &args);
	args_add_int(&args, "offset", offset);
	args_add_string_bytes(&args, "data", text, text_bytes);
	args_add_string(&args, "encoding", "base64");
	free(text);
	return listing_call(call, "io.forebay.buffer.Write", &args, NULL);
}

/* As much as there is, up to `bytes`: short only at the end. */
static int read_full(int input_fd, char *chunk, size_t bytes, size_t *ret_bytes)
{
	size_t filled = 0;

	while (filled < bytes) {
		ssize_t n = read(input_fd, chunk + filled, bytes - filled);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		filled += (size_t)n;
	}
	*ret_bytes = filled;
	return 0;
}

static enum verb_status write_from(struct verb_call *call, int input_fd, const char *path)
{
	int64_t offset = options_number(&call->options, "offset", 0);
	static char chunk[CHUNK_BYTES];

	for (;;) {
		enum verb_status status;
		size_t bytes = 0;
		int r;

		r = read_full(input_fd, chunk, sizeof(chunk), &bytes);
		if (r) {
			(void)report_errno(call, path, r);
			return VERB_FAILED;
		}
		if (bytes == 0)
			return VERB_DONE;
		status = write_chunk(call, offset, chunk, bytes);
		if (status != VERB_DONE)
			return status;
		offset += (int64_t)bytes;
	}
}

enum verb_status verb_buffer_write(struct verb_call *call)
{
	const struct options *options = &call->options;
	const char *path = options->argument_count > 1 ? options->arguments[1] : "-";
	const char *text = options_text(options, "text");
	enum verb_status status;
	struct args args;
	int input_fd, r;

	if (text) {
		listing_begin_id(call, &args);
		args_add_string(&args, "data", text);
		args_add_int(&args, "offset", options_number(options, "offset", 0));
		args_add_optional_string(&args, "encoding", options_text(options, "encoding"));
		return listing_field(call, "io.forebay.buffer.Write", &args, NULL);
	}
	r = file_open_input(path, &input_fd);
	if (r) {
		(void)report_errno(call, path, r);
		return VERB_FAILED;
	}
	status = write_from(call, input_fd, path);
	file_close_input(input_fd);
	return status;
}
