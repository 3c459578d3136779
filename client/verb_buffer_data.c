/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verb_buffer.h"

#include <errno.h>
#include <inttypes.h>
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

/* Bytes as base64 into the buffer; how many of them it had room for. */
static enum verb_status write_chunk(struct verb_call *call, int64_t offset, const void *data,
				    size_t bytes, int64_t *ret_bytes)
{
	size_t text_bytes = encoding_encode_utf8(ENCODING_BASE64, data, bytes, NULL, 0);
	char *text = malloc(text_bytes + 1);
	struct forebay_reply reply;
	enum verb_status status;
	struct args args;
	cJSON *object;

	if (!text)
		return report_errno(call, "the data", -ENOMEM);
	text_bytes = encoding_encode_utf8(ENCODING_BASE64, data, bytes, text, text_bytes);
	listing_begin_id(call, &args);
	verb_buffer_add_number(&args, "offset", offset);
	args_add_string_bytes(&args, "data", text, text_bytes);
	args_add_string(&args, "encoding", "base64");
	free(text);
	status = listing_call(call, "io.forebay.buffer.Write", &args, &reply);
	if (status != VERB_DONE)
		return status;
	if (call->json)
		print_json_line(reply.parameters, stdout);
	object = cJSON_Parse(reply.parameters);
	*ret_bytes = 0;
	(void)args_get_int(object, "bytesWritten", ret_bytes);
	cJSON_Delete(object);
	forebay_reply_fini(&reply);
	return VERB_DONE;
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

/* The daemon takes what there is room for. A file that was cut is nothing to be silent about. */
static enum verb_status report_cut(struct verb_call *call, const char *path, int64_t written)
{
	char reason[96];

	(void)snprintf(reason, sizeof(reason),
		       "longer than the buffer, of which %" PRId64 " bytes were written", written);
	return report_failure(call, "cut", path, reason);
}

static enum verb_status write_from(struct verb_call *call, int input_fd, const char *path)
{
	const int64_t start = options_number(&call->options, "offset", 0);
	int64_t left = options_number(&call->options, "length", INT64_MAX), offset = start;
	static char chunk[VERB_BUFFER_WRITE_BYTES];

	/* At least one call, so that the daemon can say what is wrong with the range. */
	do {
		enum verb_status status;
		int64_t written;
		size_t bytes = 0;
		int r;

		r = read_full(input_fd, chunk,
			      left < (int64_t)sizeof(chunk) ? (size_t)left : sizeof(chunk), &bytes);
		if (r) {
			(void)report_errno(call, path, r);
			return VERB_FAILED;
		}
		if (bytes == 0 && offset > start)
			break;
		status = write_chunk(call, offset, chunk, bytes, &written);
		if (status != VERB_DONE)
			return status;
		offset += written;
		left -= written;
		if (written < (int64_t)bytes)
			return report_cut(call, path, offset - start);
		if (bytes < sizeof(chunk))
			break;
	} while (left > 0);
	return VERB_DONE;
}

static enum verb_status write_text(struct verb_call *call, const char *text)
{
	const struct options *options = &call->options;
	struct args args;

	listing_begin_id(call, &args);
	args_add_string(&args, "data", text);
	verb_buffer_add_number(&args, "offset", options_number(options, "offset", 0));
	verb_buffer_add_position(options, "length", "length", &args);
	args_add_optional_string(&args, "encoding", options_text(options, "encoding"));
	return listing_field(call, "io.forebay.buffer.Write", &args, NULL);
}

enum verb_status verb_buffer_write(struct verb_call *call)
{
	const struct options *options = &call->options;
	const char *path = options->argument_count > 1 ? options->arguments[1] : "-";
	const char *text = options_text(options, "text");
	enum verb_status status;
	int input_fd, r;

	if (text && options->argument_count > 1)
		return report_usage("either FILE or --text");
	if (!text && options_has(options, "encoding"))
		return report_usage("--encoding is for --text");
	if (text)
		return write_text(call, text);
	r = file_open_input(path, &input_fd);
	if (r) {
		(void)report_errno(call, path, r);
		return VERB_FAILED;
	}
	status = write_from(call, input_fd, path);
	file_close_input(input_fd);
	return status;
}
