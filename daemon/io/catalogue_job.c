/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/catalogue_job.h"

/*
 * Every column of a row is one line of a table here: what it is called, and where the struct
 * has it. Statements are made from these tables, so that none of them can be in disorder.
 */

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STATEMENT_BYTES 4096

enum kind {
	KIND_NUMBER,
	KIND_TEXT,
	KIND_BYTES, /* a number that follows in the struct says how many */
};

struct column {
	const char *name;
	enum kind kind;
	size_t at;
};

#define JOB_AT(field) offsetof(struct catalogue_job, field)
#define RUN_AT(field) offsetof(struct catalogue_run, field)
#define NUMBER(name, at)                                                                           \
	{                                                                                          \
		name, KIND_NUMBER, at                                                              \
	}
#define TEXT(name, at)                                                                             \
	{                                                                                          \
		name, KIND_TEXT, at                                                                \
	}

static const struct column job_columns[] = {
	NUMBER("id", JOB_AT(id)),
	NUMBER("owner", JOB_AT(owner)),
	NUMBER("created_usec", JOB_AT(created_usec)),
	TEXT("name", JOB_AT(name)),
	{ "labels", KIND_BYTES, JOB_AT(labels) },
	NUMBER("buffer", JOB_AT(buffer)),
	NUMBER("buffer_bytes", JOB_AT(buffer_bytes)),
	NUMBER("first_byte", JOB_AT(offset)),
	NUMBER("length", JOB_AT(length)),
	TEXT("store", JOB_AT(store)),
	TEXT("path", JOB_AT(path)),
	TEXT("open", JOB_AT(open)),
	NUMBER("mode", JOB_AT(mode)),
	TEXT("ack", JOB_AT(ack)),
	NUMBER("at_usec", JOB_AT(at_usec)),
	NUMBER("after_usec", JOB_AT(after_usec)),
	NUMBER("every_usec", JOB_AT(every_usec)),
	TEXT("calendar", JOB_AT(calendar)),
	NUMBER("on_change", JOB_AT(on_change)),
	NUMBER("jitter_usec", JOB_AT(jitter_usec)),
	NUMBER("settle_usec", JOB_AT(settle_usec)),
	TEXT("missed", JOB_AT(missed)),
	TEXT("consistency", JOB_AT(consistency)),
	NUMBER("only_if_changed", JOB_AT(only_if_changed)),
	TEXT("steps", JOB_AT(steps)),
	TEXT("checksum", JOB_AT(checksum)),
	NUMBER("side_file", JOB_AT(side_file)),
	NUMBER("keep_last", JOB_AT(keep_last)),
	NUMBER("keep_usec", JOB_AT(keep_usec)),
	NUMBER("maximum_bytes", JOB_AT(maximum_bytes)),
	NUMBER("minimum_free_bytes", JOB_AT(minimum_free_bytes)),
	NUMBER("timeout_usec", JOB_AT(timeout_usec)),
	NUMBER("retries", JOB_AT(retries)),
	NUMBER("retry_delay_usec", JOB_AT(retry_delay_usec)),
	NUMBER("auto_dismiss", JOB_AT(auto_dismiss)),
	TEXT("state", JOB_AT(state)),
	NUMBER("next_usec", JOB_AT(next_usec)),
	NUMBER("runs", JOB_AT(runs)),
	NUMBER("failures", JOB_AT(failures)),
	NUMBER("skips", JOB_AT(skips)),
	NUMBER("attempts", JOB_AT(attempts)),
	NUMBER("retry_usec", JOB_AT(retry_usec)),
	NUMBER("retry_scheduled_usec", JOB_AT(retry_scheduled_usec)),
	NUMBER("replaced_run", JOB_AT(replaced_run)),
	NUMBER("handled_usec", JOB_AT(handled_usec)),
	NUMBER("seed", JOB_AT(seed)),
	NUMBER("at_done", JOB_AT(at_done)),
	NUMBER("after_done", JOB_AT(after_done)),
	NUMBER("last_run", JOB_AT(last_run)),
	TEXT("last_result", JOB_AT(last_result)),
	NUMBER("last_start_usec", JOB_AT(last_start_usec)),
	NUMBER("last_end_usec", JOB_AT(last_end_usec)),
	TEXT("last_path", JOB_AT(last_path)),
	TEXT("content", JOB_AT(content)),
	TEXT("fault_operation", JOB_AT(fault_operation)),
	NUMBER("fault_errno", JOB_AT(fault_errno)),
	TEXT("fault_path", JOB_AT(fault_path)),
	NUMBER("fault_offset", JOB_AT(fault_offset)),
};

static const struct column run_columns[] = {
	NUMBER("job", RUN_AT(job)),
	NUMBER("number", RUN_AT(run)),
	TEXT("result", RUN_AT(result)),
	NUMBER("scheduled_usec", RUN_AT(scheduled_usec)),
	NUMBER("start_usec", RUN_AT(start_usec)),
	NUMBER("end_usec", RUN_AT(end_usec)),
	NUMBER("bytes", RUN_AT(bytes)),
	TEXT("path", RUN_AT(path)),
	TEXT("digest", RUN_AT(digest)),
	TEXT("fault_operation", RUN_AT(fault_operation)),
	NUMBER("fault_errno", RUN_AT(fault_errno)),
	TEXT("fault_path", RUN_AT(fault_path)),
	NUMBER("fault_offset", RUN_AT(fault_offset)),
};

struct table {
	const char *name;
	const char *key;
	const struct column *columns;
	size_t count;
};

static const struct table jobs = { "job", "id", job_columns,
				   sizeof(job_columns) / sizeof(job_columns[0]) };
static const struct table runs = { "run", "job, number", run_columns,
				   sizeof(run_columns) / sizeof(run_columns[0]) };

/* ---- a row and its struct ---- */

static const char **text_at(void *row, const struct column *column)
{
	return (const char **)((char *)row + column->at);
}

static int64_t *number_at(void *row, const struct column *column)
{
	return (int64_t *)((char *)row + column->at);
}

/* The length of bytes stands right behind the pointer. */
static int64_t *length_at(void *row, const struct column *column)
{
	return (int64_t *)((char *)row + column->at + sizeof(const char *));
}

static size_t text_bytes(void *row, const struct column *column)
{
	const char *text = *text_at(row, column);

	if (!text)
		return 0;
	return column->kind == KIND_BYTES ? (size_t)*length_at(row, column) : strlen(text) + 1;
}

/* Copies the texts of a row behind each other to *io_room, and has the row point there. */
static void move_texts(const struct table *table, void *row, char **io_room)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct column *column = &table->columns[i];
		size_t bytes = column->kind == KIND_NUMBER ? 0 : text_bytes(row, column);

		if (bytes == 0)
			continue;
		memcpy(*io_room, *text_at(row, column), bytes);
		*text_at(row, column) = *io_room;
		*io_room += bytes;
	}
}

static size_t count_texts(const struct table *table, void *row)
{
	size_t bytes = 0;

	for (size_t i = 0; i < table->count; i++)
		if (table->columns[i].kind != KIND_NUMBER)
			bytes += text_bytes(row, &table->columns[i]);
	return bytes;
}

static int bind_column(sqlite3_stmt *statement, int index, const struct column *column, void *row)
{
	if (column->kind == KIND_NUMBER) {
		int64_t number = *number_at(row, column);

		return number == CATALOGUE_JOB_UNSET ? sqlite3_bind_null(statement, index) :
						       sqlite3_bind_int64(statement, index, number);
	}
	if (column->kind == KIND_BYTES)
		return sqlite3_bind_blob(statement, index, *text_at(row, column),
					 (int)*length_at(row, column), SQLITE_STATIC);
	return sqlite3_bind_text(statement, index, *text_at(row, column), -1, SQLITE_STATIC);
}

/* The row's texts live until the statement goes on. */
static void read_row(const struct table *table, sqlite3_stmt *statement, int first, void *row)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct column *column = &table->columns[i];
		int index = first + (int)i;
		bool is_null = sqlite3_column_type(statement, index) == SQLITE_NULL;

		if (column->kind == KIND_NUMBER) {
			*number_at(row, column) = is_null ? CATALOGUE_JOB_UNSET :
							    sqlite3_column_int64(statement, index);
		} else if (column->kind == KIND_BYTES) {
			*text_at(row, column) = sqlite3_column_blob(statement, index);
			*length_at(row, column) = sqlite3_column_bytes(statement, index);
		} else {
			*text_at(row, column) = (const char *)sqlite3_column_text(statement, index);
		}
	}
}

/* ---- statements ---- */

struct statement_text {
	char text[STATEMENT_BYTES];
	size_t length;
};

static void add_text(struct statement_text *text, const char *piece)
{
	int length =
		snprintf(text->text + text->length, sizeof(text->text) - text->length, "%s", piece);

	text->length += (size_t)length;
}

static void add_names(struct statement_text *text, const struct table *table, const char *prefix)
{
	for (size_t i = 0; i < table->count; i++) {
		add_text(text, i > 0 ? ", " : "");
		add_text(text, prefix);
		add_text(text, table->columns[i].name);
	}
}

static void build_put(const struct table *table, struct statement_text *text)
{
	*text = (struct statement_text){ .length = 0 };
	add_text(text, "INSERT INTO ");
	add_text(text, table->name);
	add_text(text, " (");
	add_names(text, table, "");
	add_text(text, ") VALUES (");
	for (size_t i = 0; i < table->count; i++)
		add_text(text, i > 0 ? ", ?" : "?");
	add_text(text, ") ON CONFLICT (");
	add_text(text, table->key);
	add_text(text, ") DO UPDATE SET ");
	for (size_t i = 0; i < table->count; i++) {
		add_text(text, i > 0 ? ", " : "");
		add_text(text, table->columns[i].name);
		add_text(text, " = excluded.");
		add_text(text, table->columns[i].name);
	}
}

static int put_row(struct sqlite3 *database, const struct table *table, void *row)
{
	struct statement_text text;
	sqlite3_stmt *statement = NULL;
	int r;

	build_put(table, &text);
	r = sqlite3_prepare_v2(database, text.text, -1, &statement, NULL);
	for (size_t i = 0; r == SQLITE_OK && i < table->count; i++)
		r = bind_column(statement, (int)i + 1, &table->columns[i], row);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	(void)sqlite3_finalize(statement); /* repeats the result of the step */
	return catalogue_errno(r);
}

static int execute(struct sqlite3 *database, const char *text, int64_t first, int64_t second)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(database, text, -1, &statement, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 1, first);
	if (r == SQLITE_OK && sqlite3_bind_parameter_count(statement) > 1)
		r = sqlite3_bind_int64(statement, 2, second);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	(void)sqlite3_finalize(statement); /* repeats the result of the step */
	return catalogue_errno(r);
}

/* ---- to the database ---- */

struct put {
	struct catalogue_job job;
	struct catalogue_run run;
	bool has_run;
	char texts[];
};

static int perform_put(struct catalogue_request *request, struct sqlite3 *database)
{
	struct put *put = request->arguments;
	int r = put_row(database, &jobs, &put->job);

	if (r == 0 && put->has_run)
		r = put_row(database, &runs, &put->run);
	if (r == 0 && put->has_run && put->run.result)
		r = execute(database, "DELETE FROM run WHERE job = ?1 AND number <= ?2",
			    put->run.job, put->run.run - CATALOGUE_JOB_RUNS_KEPT);
	return r;
}

int catalogue_put_job(struct catalogue *catalogue, const struct catalogue_job *job,
		      const struct catalogue_run *run, struct catalogue_request *request)
{
	struct catalogue_job job_row = *job;
	struct catalogue_run run_row = run ? *run : (struct catalogue_run){ 0 };
	size_t bytes = count_texts(&jobs, &job_row) + count_texts(&runs, &run_row);
	struct put *put = malloc(sizeof(*put) + bytes);
	char *room;

	if (!put)
		return -ENOMEM;
	room = put->texts;
	move_texts(&jobs, &job_row, &room);
	move_texts(&runs, &run_row, &room);
	put->job = job_row;
	put->run = run_row;
	put->has_run = run != NULL;
	request->arguments = put;
	request->perform = perform_put;
	catalogue_submit(catalogue, request);
	return 0;
}

static int perform_remove(struct catalogue_request *request, struct sqlite3 *database)
{
	const int64_t *id = request->arguments;
	int r = execute(database, "DELETE FROM run WHERE job = ?1", *id, 0);

	return r < 0 ? r : execute(database, "DELETE FROM job WHERE id = ?1", *id, 0);
}

int catalogue_remove_job(struct catalogue *catalogue, int64_t id, struct catalogue_request *request)
{
	int64_t *arguments = malloc(sizeof(*arguments));

	if (!arguments)
		return -ENOMEM;
	*arguments = id;
	request->arguments = arguments;
	request->perform = perform_remove;
	catalogue_submit(catalogue, request);
	return 0;
}

/* ---- from the database ---- */

struct find_arguments {
	int64_t job;
	int64_t limit;
};

void catalogue_runs_fini(struct catalogue_run_find *find)
{
	/* Each row is the beginning of a piece of memory that its texts are in too. */
	for (size_t i = 0; i < find->count; i++)
		free((char *)find->list[i].path);
	free(find->list);
	find->list = NULL;
	find->count = 0;
}

/* One piece of memory for all texts of the row, which `path` points to in any case. */
static int own_texts(struct catalogue_run *run)
{
	size_t bytes = count_texts(&runs, run);
	char *memory, *room;

	if (!run->path)
		run->path = "";
	memory = malloc(bytes + strlen(run->path) + 1);
	if (!memory)
		return -ENOMEM;
	/* The path goes first: it is what is freed. */
	room = stpcpy(memory, run->path) + 1;
	run->path = NULL;
	move_texts(&runs, run, &room);
	run->path = memory;
	return 0;
}

static int add_run(struct catalogue_run_find *find, const struct catalogue_run *found)
{
	struct catalogue_run *list =
		reallocarray(find->list, find->count + 1, sizeof(struct catalogue_run));
	int r;

	if (!list)
		return -ENOMEM;
	find->list = list;
	list[find->count] = *found;
	r = own_texts(&list[find->count]);
	if (r == 0)
		find->count++;
	return r;
}

static int perform_find(struct catalogue_request *request, struct sqlite3 *database)
{
	struct catalogue_run_find *find = container_of(request, struct catalogue_run_find, request);
	const struct find_arguments *arguments = request->arguments;
	struct statement_text text = { .length = 0 };
	struct catalogue_run run = { 0 };
	sqlite3_stmt *statement = NULL;
	int r, result = 0;

	add_text(&text, "SELECT ");
	add_names(&text, &runs, "");
	add_text(&text, " FROM run WHERE job = ?1 ORDER BY number DESC LIMIT ?2");
	r = sqlite3_prepare_v2(database, text.text, -1, &statement, NULL);
	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 1, arguments->job);
	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 2, arguments->limit);
	while (r == SQLITE_OK && result == 0) {
		r = sqlite3_step(statement);
		if (r != SQLITE_ROW)
			break;
		read_row(&runs, statement, 0, &run);
		result = add_run(find, &run);
		r = SQLITE_OK;
	}
	(void)sqlite3_finalize(statement); /* repeats the result of the step */
	if (result == 0)
		result = catalogue_errno(r);
	if (result < 0)
		catalogue_runs_fini(find);
	return result;
}

int catalogue_find_runs(struct catalogue *catalogue, int64_t job, int64_t limit,
			struct catalogue_run_find *find)
{
	struct find_arguments *arguments = malloc(sizeof(*arguments));

	if (!arguments)
		return -ENOMEM;
	*arguments = (struct find_arguments){ .job = job, .limit = limit };
	find->list = NULL;
	find->count = 0;
	find->request.arguments = arguments;
	find->request.perform = perform_find;
	catalogue_submit(catalogue, &find->request);
	return 0;
}

struct listing {
	struct catalogue_request request;
	int (*each)(const struct catalogue_job *job, const struct catalogue_run *cut_off,
		    void *owner);
	void *owner;
	int outcome; /* of `each` */
};

static int perform_list(struct catalogue_request *request, struct sqlite3 *database)
{
	struct listing *listing = container_of(request, struct listing, request);
	struct statement_text text = { .length = 0 };
	struct catalogue_job job = { 0 };
	struct catalogue_run run = { 0 };
	sqlite3_stmt *statement = NULL;
	int r;

	add_text(&text, "SELECT ");
	add_names(&text, &jobs, "job.");
	add_text(&text, ", ");
	add_names(&text, &runs, "run.");
	add_text(&text, " FROM job LEFT JOIN run ON run.job = job.id AND run.number = job.runs"
			" AND run.result IS NULL ORDER BY job.created_usec, job.id");
	r = sqlite3_prepare_v2(database, text.text, -1, &statement, NULL);
	while (r == SQLITE_OK && listing->outcome == 0) {
		r = sqlite3_step(statement);
		if (r != SQLITE_ROW)
			break;
		read_row(&jobs, statement, 0, &job);
		read_row(&runs, statement, (int)jobs.count, &run);
		listing->outcome = listing->each(&job, run.job == CATALOGUE_JOB_UNSET ? NULL : &run,
						 listing->owner);
		r = SQLITE_OK;
	}
	(void)sqlite3_finalize(statement); /* repeats the result of the step */
	return catalogue_errno(r);
}

int catalogue_list_jobs(struct catalogue *catalogue,
			int (*each)(const struct catalogue_job *job,
				    const struct catalogue_run *cut_off, void *owner),
			void *owner)
{
	struct listing listing = {
		.request.perform = perform_list,
		.each = each,
		.owner = owner,
	};
	int r = catalogue_perform(catalogue, &listing.request);

	return r < 0 ? r : listing.outcome;
}
