/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_VERBS_H
#define FOREBAY_CLIENT_VERBS_H

/*
 * What forebayctl can do, as rows: each verb has its name, syntax, help and options in one
 * place, and parsing, help and completion are made from them. The functions behind the rows
 * stand in one file for each noun.
 */

#include <stdbool.h>
#include <stddef.h>

#include "client/options.h"

struct forebay_connection;

/* The exit status. */
enum verb_status {
	VERB_DONE = 0,
	VERB_FAILED = 1,
	VERB_USAGE = 2,
	VERB_NO_DAEMON = 3,
	VERB_REFUSED = 4,
	VERB_TIMED_OUT = 5,
};

/* What a verb is run with. */
struct verb_call {
	const struct verb *verb;
	struct forebay_connection *connection;
	struct options options;
	bool json;
};

typedef enum verb_status (*verb_run_fn)(struct verb_call *call);

struct verb {
	const char *noun;	/* "pool"; NULL for a verb that stands alone */
	const char *name;	/* NULL ends the rows */
	const char *syntax;	/* its arguments, "NAME [--force]" without the options */
	const char *help;
	size_t arguments_min;
	size_t arguments_max;
	const struct option_row *options;	/* its own, or NULL */
	const char *completion;	/* "file", "job", the choices for the second argument, or NULL */
	verb_run_fn run;
};

extern const struct verb verbs[];

/* Options that every verb takes. */
extern const struct option_row verb_common_options[];

/*
 * The verb that the words begin with, and how many of them name it. NULL: there is none; then
 * ret_words is 1 if the first is a noun.
 */
const struct verb *verb_find(char *const *words, size_t *ret_words);

/* The rows of a verb and those of all verbs. */
struct option_rows verb_option_rows(const struct verb *verb);

/* How many of an option's or a verb's arguments may be left open. */
#define VERB_ARGUMENTS_ANY OPTIONS_COUNT_MAX

/* The types of numbers in a buffer, as choices. */
#define VERB_NUMBER_TYPES                                                                          \
	"int8|uint8|uint8clamped|int16le|int16be|uint16le|uint16be|int32le|int32be|uint32le|"      \
	"uint32be|int64le|int64be|uint64le|uint64be|float32le|float32be|float64le|float64be"

enum verb_status verb_info(struct verb_call *call);
enum verb_status verb_ping(struct verb_call *call);
enum verb_status verb_shutdown(struct verb_call *call);
enum verb_status verb_reload(struct verb_call *call);
enum verb_status verb_call_method(struct verb_call *call);
enum verb_status verb_events(struct verb_call *call);
enum verb_status verb_write(struct verb_call *call);
enum verb_status verb_read(struct verb_call *call);
enum verb_status verb_pipe(struct verb_call *call);
enum verb_status verb_pool_create(struct verb_call *call);
enum verb_status verb_pool_list(struct verb_call *call);
enum verb_status verb_pool_show(struct verb_call *call);
enum verb_status verb_pool_destroy(struct verb_call *call);
enum verb_status verb_buffer_alloc(struct verb_call *call);
enum verb_status verb_buffer_from(struct verb_call *call);
enum verb_status verb_buffer_list(struct verb_call *call);
enum verb_status verb_buffer_show(struct verb_call *call);
enum verb_status verb_buffer_read(struct verb_call *call);
enum verb_status verb_buffer_write(struct verb_call *call);
enum verb_status verb_buffer_get(struct verb_call *call);
enum verb_status verb_buffer_set(struct verb_call *call);
enum verb_status verb_buffer_fill(struct verb_call *call);
enum verb_status verb_buffer_copy(struct verb_call *call);
enum verb_status verb_buffer_concat(struct verb_call *call);
enum verb_status verb_buffer_compare(struct verb_call *call);
enum verb_status verb_buffer_find(struct verb_call *call);
enum verb_status verb_buffer_swap(struct verb_call *call);
enum verb_status verb_buffer_slice(struct verb_call *call);
enum verb_status verb_buffer_free(struct verb_call *call);
enum verb_status verb_stream_list(struct verb_call *call);
enum verb_status verb_stream_show(struct verb_call *call);
enum verb_status verb_stream_pause(struct verb_call *call);
enum verb_status verb_stream_resume(struct verb_call *call);
enum verb_status verb_stream_abort(struct verb_call *call);
enum verb_status verb_stream_set_rate(struct verb_call *call);
enum verb_status verb_stream_wait(struct verb_call *call);
enum verb_status verb_store_list(struct verb_call *call);
enum verb_status verb_store_files(struct verb_call *call);
enum verb_status verb_store_remove(struct verb_call *call);
enum verb_status verb_store_verify(struct verb_call *call);
enum verb_status verb_job_test_schedule(struct verb_call *call);
enum verb_status verb_save(struct verb_call *call);
enum verb_status verb_load(struct verb_call *call);
enum verb_status verb_job_add(struct verb_call *call);
enum verb_status verb_job_list(struct verb_call *call);
enum verb_status verb_job_show(struct verb_call *call);
enum verb_status verb_job_run(struct verb_call *call);
enum verb_status verb_job_pause(struct verb_call *call);
enum verb_status verb_job_resume(struct verb_call *call);
enum verb_status verb_job_cancel(struct verb_call *call);
enum verb_status verb_job_dismiss(struct verb_call *call);
enum verb_status verb_job_history(struct verb_call *call);

/* The rows of these options are many: they stand with their verbs. */
extern const struct option_row verb_write_options[];
extern const struct option_row verb_pipe_options[];
extern const struct option_row verb_save_options[];
extern const struct option_row verb_load_options[];
extern const struct option_row verb_job_add_options[];

#endif
