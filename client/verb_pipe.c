/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "client/context_fields.h"
#include "client/context_rows.h"
#include "client/forebay.h"
#include "client/forebay_readable.h"
#include "client/pipe_end.h"
#include "client/print.h"
#include "client/progress.h"
#include "client/report.h"
#include "proto/units.h"

#define STEPS "gzip|gunzip|zstd|unzstd"

const struct option_row verb_pipe_options[] = {
	{ "step", OPTION_STEPS, "STEP[:LEVEL]", STEPS, NULL,
	  "gzip, gunzip, zstd or unzstd; as often as wanted, in this order" },
	{ "steps", OPTION_STEPS, "STEP,...", STEPS, NULL, "several of them at once" },
	{ "source-store", OPTION_TEXT, "NAME", NULL, NULL,
	  "the store to read from, if not the default one" },
	{ "offset", OPTION_SIZE, "N", NULL, NULL, "read from here in the file or buffer" },
	{ "length", OPTION_SIZE, "N", NULL, NULL, "so much of it" },
	{ "sink-offset", OPTION_SIZE, "N", NULL, NULL, "write from here in the buffer" },
	{ "mark", OPTION_SIZE, "N", NULL, NULL, "no part holds more than this, 64K if not told" },
	CONTEXT_ROWS,
	{ "timeout", OPTION_SPAN, "TIME", NULL, NULL, "give up after so long" },
	{ NULL, OPTION_FLAG, NULL, NULL, NULL, NULL },
};

struct piping {
	struct verb_call *call;
	struct pipe_end source;
	struct pipe_end sink;
	char *steps;   /* JSON text, or NULL */
	char *context; /* the same */
	struct progress progress;
};

static int make_text(cJSON *value, char **ret_text)
{
	*ret_text = cJSON_PrintUnformatted(value);
	return *ret_text ? 0 : -ENOMEM;
}

/* --step and --steps in the order in which they were given. */
static int build_steps(struct piping *piping)
{
	const struct options *options = &piping->call->options;
	cJSON *steps = cJSON_CreateArray();
	int r = steps ? 0 : -ENOMEM;

	for (size_t i = 0; i < options->count && r == 0; i++)
		if (options->values[i].row->kind == OPTION_STEPS)
			r = context_fields_add_steps(steps, options->values[i].text);
	if (r == 0 && cJSON_GetArraySize(steps) > 0)
		r = make_text(steps, &piping->steps);
	cJSON_Delete(steps);
	return r;
}

/* What makes no file cannot be published; what is said to a buffer is for the daemon to refuse. */
static int build_context(struct piping *piping)
{
	cJSON *context = cJSON_CreateObject();
	int r = context ? 0 : -ENOMEM;

	if (r == 0 && piping->sink.path)
		(void)cJSON_AddStringToObject(context, "ack", "published");
	if (r == 0)
		r = context_fields_add(&piping->call->options, context);
	if (r == 0 && (context->child || !piping->sink.buffer))
		r = make_text(context, &piping->context);
	cJSON_Delete(context);
	return r;
}

/* What can be known to be wrong without opening anything. */
static enum verb_status check_usage(const struct options *options)
{
	const char *source = options->arguments[0], *sink = options->arguments[1];
	enum pipe_end_kind source_kind = pipe_end_classify(source);
	enum pipe_end_kind sink_kind = pipe_end_classify(sink);

	if (options_has(options, "source-store") && source_kind != PIPE_END_STORE)
		return report_usage("--source-store: \"%s\" is in no store", source);
	if (options_has(options, "store") && sink_kind != PIPE_END_STORE)
		return report_usage("--store: \"%s\" is in no store", sink);
	if (options_has(options, "sink-offset") && sink_kind != PIPE_END_BUFFER)
		return report_usage("--sink-offset: \"%s\" is no buffer", sink);
	if ((options_has(options, "offset") || options_has(options, "length")) &&
	    (source_kind == PIPE_END_STANDARD || source_kind == PIPE_END_OUTSIDE))
		return report_usage("--offset and --length: \"%s\" is read from where it stands",
				    source);
	return VERB_DONE;
}

static int draw(const struct forebay_pipe_progress *progress, void *data)
{
	struct piping *piping = data;
	struct progress_state state = { .done_bytes = progress->bytes_read };

	if (progress->total_bytes > 0)
		piping->progress.total_bytes = (uint64_t)progress->total_bytes;
	progress_update(&piping->progress, &state);
	return 0;
}

/* Where the bytes themselves go to standard output, nothing else goes there. */
static void show_result(const struct piping *piping, const struct forebay_pipe_progress *result)
{
	const bool is_output = piping->sink.kind == PIPE_END_STANDARD;
	char read[UNITS_TEXT_BYTES], written[UNITS_TEXT_BYTES];

	if (piping->call->json) {
		print_json_line(result->parameters, is_output ? stderr : stdout);
		return;
	}
	if (is_output)
		return;
	(void)units_format_size(result->bytes_read, read);
	(void)units_format_size(result->bytes_written, written);
	(void)printf("%s read, %s written: ", read, written);
	print_text(result->path ? result->path : piping->call->options.arguments[1], stdout);
	(void)fputc('\n', stdout);
}

/* The daemon wrote to a file where it stood; whoever writes to it next goes on behind that. */
static void move_output(const struct piping *piping, const struct forebay_pipe_progress *result)
{
	if (piping->sink.kind == PIPE_END_STANDARD)
		(void)lseek(STDOUT_FILENO, (off_t)result->bytes_written, SEEK_CUR);
}

static void fill_source(const struct piping *piping, struct forebay_readable_options *source)
{
	const struct options *options = &piping->call->options;

	source->store = options_text(options, "source-store");
	source->path = piping->source.path;
	source->buffer = piping->source.buffer;
	source->file_fd = piping->source.file_fd;
	source->steps = piping->steps;
	source->offset = options_number(options, "offset", FOREBAY_UNSET);
	source->length = options_number(options, "length", FOREBAY_UNSET);
	source->high_water_mark = options_number(options, "mark", FOREBAY_UNSET);
}

static int run_pipe(struct piping *piping, struct forebay_pipe_progress **ret_result)
{
	const struct options *options = &piping->call->options;
	struct forebay_readable_options source = FOREBAY_READABLE_OPTIONS_INIT;
	struct forebay_stream_options sink = FOREBAY_STREAM_OPTIONS_INIT;
	struct forebay_pipe_options pipe = FOREBAY_PIPE_OPTIONS_INIT;

	fill_source(piping, &source);
	sink.context = piping->context;
	sink.path = piping->sink.path;
	sink.file_fd = piping->sink.file_fd;
	sink.directory_fd = piping->sink.directory_fd;
	pipe.source = &source;
	pipe.sink = piping->context ? &sink : NULL;
	pipe.buffer = piping->sink.buffer;
	pipe.buffer_offset = options_number(options, "sink-offset", FOREBAY_UNSET);
	pipe.timeout_usec = (uint64_t)options_number(options, "timeout", INT64_MAX);
	if (piping->progress.enabled)
		pipe.progress_interval_usec = (int64_t)PROGRESS_INTERVAL_USEC;
	return forebay_pipe(piping->call->connection, &pipe, draw, piping, ret_result);
}

static enum verb_status report_pipe(const struct piping *piping, int error)
{
	if (forebay_error_name(piping->call->connection))
		return report_call(piping->call, error);
	return report_errno(piping->call, "the pipe", error);
}

static enum verb_status report_sink(const struct piping *piping, int error)
{
	(void)report_errno(piping->call, piping->call->options.arguments[1], error);
	return VERB_FAILED;
}

static enum verb_status transfer(struct piping *piping)
{
	struct forebay_pipe_progress *result;
	struct progress_state state = { 0 };
	int r, sink_r;

	progress_start(&piping->progress, stderr, 0);
	/* A bar would stand in the midst of what is shown. */
	if (piping->sink.kind == PIPE_END_STANDARD && isatty(STDOUT_FILENO))
		piping->progress.enabled = false;
	r = run_pipe(piping, &result);
	sink_r = pipe_end_close_sink(&piping->sink);
	/* What became of the device itself is the reason for what became of the pipe. */
	if (r || sink_r) {
		progress_break(&piping->progress);
		if (!r)
			forebay_pipe_progress_free(result);
		return sink_r ? report_sink(piping, sink_r) : report_pipe(piping, r);
	}
	state.done_bytes = result->bytes_read;
	progress_finish(&piping->progress, &state);
	move_output(piping, result);
	show_result(piping, result);
	forebay_pipe_progress_free(result);
	return VERB_DONE;
}

static enum verb_status prepare(struct piping *piping)
{
	const struct options *options = &piping->call->options;
	int r;

	r = pipe_end_open_source(options->arguments[0], &piping->source);
	if (r) {
		(void)report_errno(piping->call, options->arguments[0], r);
		return VERB_FAILED;
	}
	r = pipe_end_open_sink(options->arguments[1], &piping->sink);
	if (r)
		return report_sink(piping, r);
	r = build_steps(piping);
	if (r == 0)
		r = build_context(piping);
	return r ? report_errno(piping->call, "the options", r) : VERB_DONE;
}

enum verb_status verb_pipe(struct verb_call *call)
{
	struct piping piping = {
		.call = call,
		.source = pipe_end_none(),
		.sink = pipe_end_none(),
	};
	enum verb_status status = check_usage(&call->options);

	if (status != VERB_DONE)
		return status;
	status = prepare(&piping);
	if (status == VERB_DONE)
		status = transfer(&piping);
	else if (pipe_end_close_sink(&piping.sink))
		status = VERB_FAILED;
	pipe_end_close_source(&piping.source);
	cJSON_free(piping.steps);
	cJSON_free(piping.context);
	return status;
}
