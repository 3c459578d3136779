/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

/* The catalogue's table of temporary files: what a crash would leave behind. */

#include <errno.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/io/catalogue.h"

#define TEXTS 8

/* The texts in the order of the columns, behind one another in one allocation. */
struct row_copy {
	uid_t owner;
	const char *texts[TEXTS];
	char memory[];
};

static struct row_copy *copy_row(const struct catalogue_temporary *row)
{
	const char *const texts[TEXTS] = {
		row->instance,	     row->stream_id,  row->store,	  row->directory,
		row->temporary_name, row->final_name, row->on_disconnect, row->open_mode,
	};
	struct row_copy *copy;
	size_t bytes = 0;
	char *at;

	for (size_t i = 0; i < TEXTS; i++)
		bytes += strlen(texts[i]) + 1;
	copy = malloc(sizeof(*copy) + bytes);
	if (!copy)
		return NULL;
	copy->owner = row->owner;
	at = copy->memory;
	for (size_t i = 0; i < TEXTS; i++) {
		copy->texts[i] = at;
		at = stpcpy(at, texts[i]) + 1;
	}
	return copy;
}

static int perform_add(struct catalogue_request *request, struct sqlite3 *database)
{
	static const char insert[] =
		"INSERT INTO temporary (instance, stream_id, store, directory, temporary_name,"
		" final_name, on_disconnect, open_mode, owner)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
	const struct row_copy *row = request->arguments;
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(database, insert, -1, &statement, NULL);

	for (int i = 0; r == SQLITE_OK && i < TEXTS; i++)
		r = sqlite3_bind_text(statement, i + 1, row->texts[i], -1, SQLITE_STATIC);
	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, TEXTS + 1, row->owner);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_DONE)
		request->row_id = sqlite3_last_insert_rowid(database);
	(void)sqlite3_finalize(statement);	/* repeats the result of the step */
	return catalogue_errno(r);
}

static int perform_remove(struct catalogue_request *request, struct sqlite3 *database)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(database, "DELETE FROM temporary WHERE row_id = ?1", -1,
				   &statement, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_bind_int64(statement, 1, request->row_id);
	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	(void)sqlite3_finalize(statement);	/* repeats the result of the step */
	return catalogue_errno(r);
}

int catalogue_add_temporary(struct catalogue *catalogue, const struct catalogue_temporary *row,
			    struct catalogue_request *request)
{
	request->arguments = copy_row(row);
	if (!request->arguments)
		return -ENOMEM;
	request->perform = perform_add;
	catalogue_submit(catalogue, request);
	return 0;
}

void catalogue_remove_temporary(struct catalogue *catalogue, int64_t row_id,
				struct catalogue_request *request)
{
	request->arguments = NULL;
	request->row_id = row_id;
	request->perform = perform_remove;
	catalogue_submit(catalogue, request);
}

struct listing {
	struct catalogue_request request;
	int (*each)(const struct catalogue_temporary *row, void *owner);
	void *owner;
	int stopped;	/* what `each` said */
};

static const char *column(sqlite3_stmt *statement, int index)
{
	const unsigned char *text = sqlite3_column_text(statement, index);

	return text ? (const char *)text : "";
}

static int perform_list(struct catalogue_request *request, struct sqlite3 *database)
{
	struct listing *listing = container_of(request, struct listing, request);
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(database,
				   "SELECT row_id, instance, stream_id, store, directory,"
				   " temporary_name, final_name, on_disconnect, open_mode, owner"
				   " FROM temporary ORDER BY row_id",
				   -1, &statement, NULL);

	while (r == SQLITE_OK && listing->stopped == 0) {
		r = sqlite3_step(statement);
		if (r != SQLITE_ROW)
			break;
		const struct catalogue_temporary row = {
			.row_id = sqlite3_column_int64(statement, 0),
			.instance = column(statement, 1),
			.stream_id = column(statement, 2),
			.store = column(statement, 3),
			.directory = column(statement, 4),
			.temporary_name = column(statement, 5),
			.final_name = column(statement, 6),
			.on_disconnect = column(statement, 7),
			.open_mode = column(statement, 8),
			.owner = (uid_t)sqlite3_column_int64(statement, 9),
		};
		listing->stopped = listing->each(&row, listing->owner);
		r = SQLITE_OK;
	}
	(void)sqlite3_finalize(statement);	/* repeats the result of the step */
	return catalogue_errno(r);
}

int catalogue_list_temporaries(struct catalogue *catalogue,
			       int (*each)(const struct catalogue_temporary *row, void *owner),
			       void *owner)
{
	struct listing listing = {
		.request.perform = perform_list,
		.each = each,
		.owner = owner,
	};
	int r = catalogue_perform(catalogue, &listing.request);

	return r < 0 ? r : listing.stopped;
}
