/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/verbs.h"

#include <string.h>

#define LABEL_ROW                                                                                  \
	{                                                                                          \
		"label", OPTION_LABEL, "KEY=VALUE", NULL, "labels", "a label; as often as wanted"  \
	}
#define END_ROW                                                                                    \
	{                                                                                          \
		NULL, OPTION_FLAG, NULL, NULL, NULL, NULL                                          \
	}
#define STORE_ROW                                                                                  \
	{                                                                                          \
		"store", OPTION_TEXT, "NAME", NULL, NULL, "the store, if not the default one"      \
	}
#define TIMEOUT_ROW                                                                                \
	{                                                                                          \
		"timeout", OPTION_SPAN, "TIME", NULL, NULL, "wait no longer than this"             \
	}
#define ENCODINGS "utf8|utf16le|latin1|ascii|hex|base64|base64url"
#define ENCODING_ROW                                                                               \
	{                                                                                          \
		"encoding", OPTION_CHOICE, "NAME", ENCODINGS, NULL,                                \
			"how the text stands for bytes: " ENCODINGS                                \
	}
#define POOL_ROW                                                                                   \
	{                                                                                          \
		"pool", OPTION_TEXT, "NAME", NULL, NULL, "the pool, if not the default one"        \
	}

const struct option_row verb_common_options[] = {
	{ "socket", OPTION_TEXT, "PATH", NULL, NULL, "the daemon's socket" },
	{ "json", OPTION_FLAG, NULL, NULL, NULL, "one JSON object a line" },
	{ "help", OPTION_FLAG, NULL, NULL, NULL, "show this" },
	END_ROW,
};

static const struct option_row shutdown_options[] = {
	{ "drain", OPTION_FLAG, NULL, NULL, NULL, "finish what is under way first" },
	TIMEOUT_ROW,
	END_ROW,
};

static const struct option_row call_options[] = {
	{ "more", OPTION_FLAG, NULL, NULL, NULL, "take more than one answer" },
	TIMEOUT_ROW,
	END_ROW,
};

static const struct option_row events_options[] = {
	{ "stream", OPTION_TEXT, "ID", NULL, NULL, "of this stream only, until it is closed" },
	{ "job", OPTION_TEXT, "JOB", NULL, NULL, "of this job, until it is gone" },
	{ "event", OPTION_TEXT, "NAMES", NULL, NULL, "only these, with commas between" },
	{ "progress-interval", OPTION_SPAN, "TIME", NULL, NULL, "how often to tell progress" },
	END_ROW,
};

static const struct option_row read_options[] = {
	STORE_ROW,
	{ "decompress", OPTION_FLAG, NULL, NULL, NULL, "undo gzip or zstd, if it is either" },
	END_ROW,
};

static const struct option_row pool_create_options[] = {
	{ "size", OPTION_SIZE, "N", NULL, "sizeBytes", "how large" },
	{ "size-bytes", OPTION_SIZE, "N", NULL, "sizeBytes", "the same" },
	{ "huge-pages", OPTION_FLAG, NULL, NULL, "hugePages", "ask for transparent huge pages" },
	{ "lifetime", OPTION_CHOICE, "WHAT", "connection|daemon", "lifetime",
	  "connection or daemon (the default here)" },
	LABEL_ROW,
	END_ROW,
};

static const struct option_row pool_show_options[] = {
	{ "owner-uid", OPTION_NUMBER, "UID", NULL, NULL, "whose pool; for root" },
	END_ROW,
};

static const struct option_row pool_destroy_options[] = {
	{ "force", OPTION_FLAG, NULL, NULL, NULL,
	  "fail the streams and pause the jobs that use it" },
	{ "owner-uid", OPTION_NUMBER, "UID", NULL, NULL, "whose pool; for root" },
	END_ROW,
};

static const struct option_row buffer_alloc_options[] = {
	POOL_ROW,
	{ "unsafe", OPTION_FLAG, NULL, NULL, NULL, "do not clear the memory" },
	{ "fill", OPTION_TEXT, "TEXT", NULL, NULL, "fill it with this, again and again" },
	ENCODING_ROW,
	LABEL_ROW,
	END_ROW,
};

static const struct option_row buffer_from_options[] = {
	POOL_ROW,
	{ "text", OPTION_TEXT, "TEXT", NULL, NULL, "from this text, not from a file" },
	ENCODING_ROW,
	LABEL_ROW,
	END_ROW,
};

static const struct option_row buffer_list_options[] = { POOL_ROW, END_ROW };

static const struct option_row buffer_read_options[] = {
	{ "offset", OPTION_SIZE, "N", NULL, NULL, "from here" },
	{ "length", OPTION_SIZE, "N", NULL, NULL, "so much" },
	{ "raw", OPTION_FLAG, NULL, NULL, NULL,
	  "the bytes as they are; a terminal shows a dump without this" },
	{ "hexdump", OPTION_FLAG, NULL, NULL, NULL, "a dump, also where it is no terminal" },
	ENCODING_ROW,
	{ "as", OPTION_CHOICE, "TYPE", VERB_NUMBER_TYPES, NULL,
	  "a table of numbers of this type: " VERB_NUMBER_TYPES },
	{ "count", OPTION_NUMBER, "N", NULL, NULL, "so many numbers, with --as" },
	END_ROW,
};

static const struct option_row buffer_write_options[] = {
	{ "offset", OPTION_SIZE, "N", NULL, NULL, "to here" },
	{ "length", OPTION_SIZE, "N", NULL, NULL, "no more than this" },
	{ "text", OPTION_TEXT, "TEXT", NULL, NULL, "this text, not a file" },
	ENCODING_ROW,
	END_ROW,
};

static const struct option_row buffer_get_options[] = {
	{ "count", OPTION_NUMBER, "N", NULL, NULL, "so many, one if not said" },
	END_ROW,
};

static const struct option_row buffer_fill_options[] = {
	{ "offset", OPTION_SIZE, "N", NULL, NULL, "from here" },
	{ "end", OPTION_SIZE, "N", NULL, NULL, "up to the byte before this" },
	ENCODING_ROW,
	END_ROW,
};

static const struct option_row buffer_copy_options[] = {
	{ "target-start", OPTION_SIZE, "N", NULL, NULL, "to here" },
	{ "source-start", OPTION_SIZE, "N", NULL, NULL, "from here" },
	{ "source-end", OPTION_SIZE, "N", NULL, NULL, "up to the byte before this" },
	END_ROW,
};

static const struct option_row buffer_concat_options[] = {
	{ "total-length", OPTION_SIZE, "N", NULL, NULL, "cut, or filled with zeros, to so much" },
	END_ROW,
};

static const struct option_row buffer_find_options[] = {
	{ "offset", OPTION_NUMBER, "N", NULL, NULL, "begin here; negative: from the end" },
	{ "last", OPTION_FLAG, NULL, NULL, NULL, "the last one that begins no later than there" },
	ENCODING_ROW,
	END_ROW,
};

static const struct option_row buffer_slice_options[] = {
	{ "start", OPTION_NUMBER, "N", NULL, NULL, "first byte; negative: from the end" },
	{ "end", OPTION_NUMBER, "N", NULL, NULL, "byte after the last; negative: from the end" },
	END_ROW,
};

static const struct option_row stream_abort_options[] = {
	{ "reason", OPTION_TEXT, "TEXT", NULL, NULL, "why" },
	END_ROW,
};

static const struct option_row stream_wait_options[] = {
	{ "level", OPTION_CHOICE, "WHAT", "drain|written|synced|published|finish", NULL,
	  "drain, written, synced, published or finish (the default)" },
	TIMEOUT_ROW,
	END_ROW,
};

static const struct option_row job_cancel_options[] = {
	{ "run-only", OPTION_FLAG, NULL, NULL, NULL, "stop the run, keep the job" },
	END_ROW,
};

static const struct option_row job_history_options[] = {
	{ "limit", OPTION_NUMBER, "N", NULL, NULL, "no more than so many" },
	END_ROW,
};

static const struct option_row job_test_schedule_options[] = {
	{ "count", OPTION_NUMBER, "N", NULL, NULL, "how many times to show, 10 if not said" },
	{ "from", OPTION_MOMENT, "TIME", NULL, NULL,
	  "after this time, not after now: 2026-10-25 02:30, @1700000000" },
	END_ROW,
};

static const struct option_row store_options[] = { STORE_ROW, END_ROW };

const struct verb verbs[] = {
	{ NULL, "info", "", "what the daemon is, allows and holds", 0, 0, NULL, NULL, verb_info },
	{ NULL, "ping", "", "ask whether the daemon answers", 0, 0, NULL, NULL, verb_ping },
	{ NULL, "shutdown", "", "stop the daemon", 0, 0, shutdown_options, NULL, verb_shutdown },
	{ NULL, "reload", "", "make the daemon read its configuration again", 0, 0, NULL, NULL,
	  verb_reload },
	{ NULL, "call", "METHOD [JSON]", "call any method", 1, 2, call_options, NULL,
	  verb_call_method },
	{ NULL, "events", "", "show what happens to streams, or to a job", 0, 0, events_options,
	  NULL, verb_events },
	{ NULL, "write", "PATH [FILE...]", "standard input or files to PATH", 1, VERB_ARGUMENTS_ANY,
	  verb_write_options, "file", verb_write },
	{ NULL, "read", "PATH", "a stored file to standard output", 1, 1, read_options, NULL,
	  verb_read },
	{ NULL, "pipe", "SOURCE SINK", "from a source through steps to a sink, in the daemon", 2, 2,
	  verb_pipe_options, "file", verb_pipe },
	{ "pool", "create", "NAME", "make a pool", 1, 1, pool_create_options, NULL,
	  verb_pool_create },
	{ "pool", "list", "", "show all pools", 0, 0, NULL, NULL, verb_pool_list },
	{ "pool", "show", "NAME", "all about one pool", 1, 1, pool_show_options, NULL,
	  verb_pool_show },
	{ "pool", "destroy", "NAME", "end a pool and its buffers", 1, 1, pool_destroy_options, NULL,
	  verb_pool_destroy },
	{ "buffer", "alloc", "LENGTH", "make a buffer", 1, 1, buffer_alloc_options, NULL,
	  verb_buffer_alloc },
	{ "buffer", "from", "[FILE]", "make a buffer of standard input, a file or a text", 0, 1,
	  buffer_from_options, "file", verb_buffer_from },
	{ "buffer", "list", "", "show all buffers", 0, 0, buffer_list_options, NULL,
	  verb_buffer_list },
	{ "buffer", "show", "ID", "all about one buffer", 1, 1, NULL, NULL, verb_buffer_show },
	{ "buffer", "read", "ID", "its bytes, as they are, as text, as a dump or as numbers", 1, 1,
	  buffer_read_options, NULL, verb_buffer_read },
	{ "buffer", "write", "ID [FILE]", "standard input, a file or a text into it", 1, 2,
	  buffer_write_options, "file", verb_buffer_write },
	{ "buffer", "get", "ID TYPE OFFSET",
	  "numbers out of it, one a line; types as for read --as", 3, 3, buffer_get_options,
	  VERB_NUMBER_TYPES, verb_buffer_get },
	{ "buffer", "set", "ID TYPE OFFSET VALUE...",
	  "numbers into it; shows the offset behind them", 4, VERB_ARGUMENTS_ANY, NULL,
	  VERB_NUMBER_TYPES, verb_buffer_set },
	{ "buffer", "fill", "ID TEXT", "fill it with a text, again and again", 2, 2,
	  buffer_fill_options, NULL, verb_buffer_fill },
	{ "buffer", "copy", "SOURCE TARGET", "bytes of one into another; shows how many", 2, 2,
	  buffer_copy_options, NULL, verb_buffer_copy },
	{ "buffer", "concat", "ID...", "a buffer of all of them, one behind another", 1,
	  VERB_ARGUMENTS_ANY, buffer_concat_options, NULL, verb_buffer_concat },
	{ "buffer", "compare", "SOURCE TARGET", "-1, 0 or 1: source is before, equal, behind", 2, 2,
	  NULL, NULL, verb_buffer_compare },
	{ "buffer", "find", "ID TEXT", "the offset of a text in it", 2, 2, buffer_find_options,
	  NULL, verb_buffer_find },
	{ "buffer", "swap", "ID WIDTH", "reverse the bytes of each 2, 4 or 8", 2, 2, NULL, NULL,
	  verb_buffer_swap },
	{ "buffer", "slice", "ID", "a buffer that shares a part of its memory", 1, 1,
	  buffer_slice_options, NULL, verb_buffer_slice },
	{ "buffer", "free", "ID...", "free buffers", 1, VERB_ARGUMENTS_ANY, NULL, NULL,
	  verb_buffer_free },
	{ "stream", "list", "", "show all streams, those that are read too", 0, 0, NULL, NULL,
	  verb_stream_list },
	{ "stream", "show", "ID", "all about one stream", 1, 1, NULL, NULL, verb_stream_show },
	{ "stream", "pause", "ID", "let nothing more go to the device", 1, 1, NULL, NULL,
	  verb_stream_pause },
	{ "stream", "resume", "ID", "let it go on", 1, 1, NULL, NULL, verb_stream_resume },
	{ "stream", "abort", "ID", "throw away what is not written", 1, 1, stream_abort_options,
	  NULL, verb_stream_abort },
	{ "stream", "set-rate", "ID RATE", "no more bytes a second than RATE; 0: no limit", 2, 2,
	  NULL, NULL, verb_stream_set_rate },
	{ "stream", "wait", "ID", "wait until what was accepted is done", 1, 1, stream_wait_options,
	  NULL, verb_stream_wait },
	{ "store", "list", "", "show all stores", 0, 0, NULL, NULL, verb_store_list },
	{ "store", "files", "[PREFIX]", "show the files of a store", 0, 1, store_options, NULL,
	  verb_store_files },
	{ "store", "remove", "PATH...", "remove files", 1, VERB_ARGUMENTS_ANY, store_options, NULL,
	  verb_store_remove },
	{ "store", "verify", "PATH", "hold a file against its recorded digest", 1, 1, store_options,
	  NULL, verb_store_verify },
	{ NULL, "save", "BUFFER PATH", "a buffer to PATH, once", 2, 2, verb_save_options, NULL,
	  verb_save },
	{ NULL, "load", "PATH", "a stored file into a new buffer", 1, 1, verb_load_options, NULL,
	  verb_load },
	{ "job", "add", "BUFFER PATH", "keep a buffer at PATH, by a schedule or when asked", 2, 2,
	  verb_job_add_options, NULL, verb_job_add },
	{ "job", "list", "", "show all jobs", 0, 0, NULL, NULL, verb_job_list },
	{ "job", "show", "JOB", "all about one job", 1, 1, NULL, "job", verb_job_show },
	{ "job", "run", "JOB", "have it run now, and wait for that", 1, 1, NULL, "job",
	  verb_job_run },
	{ "job", "pause", "JOB", "let it run only when asked", 1, 1, NULL, "job", verb_job_pause },
	{ "job", "resume", "JOB", "let it go on", 1, 1, NULL, "job", verb_job_resume },
	{ "job", "cancel", "JOB", "end it, and a run that goes on", 1, 1, job_cancel_options, "job",
	  verb_job_cancel },
	{ "job", "dismiss", "JOB", "forget one that is finished", 1, 1, NULL, "job",
	  verb_job_dismiss },
	{ "job", "history", "JOB", "what its runs came to, the newest first", 1, 1,
	  job_history_options, "job", verb_job_history },
	{ "job", "test-schedule", "EXPR", "the next times of a calendar expression", 1, 1,
	  job_test_schedule_options, NULL, verb_job_test_schedule },
	{ NULL, NULL, NULL, NULL, 0, 0, NULL, NULL, NULL },
};

const struct verb *verb_find(char *const *words, size_t *ret_words)
{
	const struct verb *verb;

	*ret_words = 0;
	if (!words[0])
		return NULL;
	for (verb = verbs; verb->name; verb++) {
		if (!verb->noun && strcmp(verb->name, words[0]) == 0) {
			*ret_words = 1;
			return verb;
		}
		if (!verb->noun || strcmp(verb->noun, words[0]) != 0)
			continue;
		*ret_words = 1;
		if (words[1] && strcmp(verb->name, words[1]) == 0) {
			*ret_words = 2;
			return verb;
		}
	}
	return NULL;
}

struct option_rows verb_option_rows(const struct verb *verb)
{
	return (struct option_rows){
		.rows = verb ? verb->options : NULL,
		.more_rows = verb_common_options,
	};
}
