/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/catalogue_schema.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "daemon/io/catalogue.h"

/* From version N (the index) to N + 1. Steps that were released are never changed. */
static const char *const steps[] = {
	"CREATE TABLE temporary ("
	"	row_id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	instance TEXT NOT NULL,"
	"	stream_id TEXT NOT NULL,"
	"	store TEXT NOT NULL,"
	"	directory TEXT NOT NULL,"
	"	temporary_name TEXT NOT NULL,"
	"	final_name TEXT NOT NULL,"
	"	on_disconnect TEXT NOT NULL,"
	"	open_mode TEXT NOT NULL,"
	"	owner INTEGER NOT NULL)",

	"CREATE TABLE file ("
	"	row_id INTEGER PRIMARY KEY AUTOINCREMENT,"
	"	owner INTEGER NOT NULL,"
	"	store TEXT NOT NULL,"
	"	path TEXT NOT NULL UNIQUE,"
	"	template TEXT NOT NULL,"
	"	digest TEXT NOT NULL,"
	"	bytes INTEGER NOT NULL,"
	"	published_usec INTEGER NOT NULL,"
	"	inode INTEGER NOT NULL,"
	"	mtime_ns INTEGER NOT NULL,"
	"	number INTEGER NOT NULL);"
	"CREATE INDEX file_of_template ON file (store, template, owner);"
	"CREATE TABLE template_number ("
	"	store TEXT NOT NULL,"
	"	template TEXT NOT NULL,"
	"	owner INTEGER NOT NULL,"
	"	highest INTEGER NOT NULL,"
	"	PRIMARY KEY (store, template, owner)) WITHOUT ROWID",

	"CREATE TABLE job ("
	"	id INTEGER PRIMARY KEY,"
	"	owner INTEGER NOT NULL,"
	"	created_usec INTEGER NOT NULL,"
	"	name TEXT,"
	"	labels BLOB,"
	"	buffer INTEGER NOT NULL,"
	"	buffer_bytes INTEGER NOT NULL,"
	"	first_byte INTEGER NOT NULL,"
	"	length INTEGER,"
	"	store TEXT,"
	"	path TEXT NOT NULL,"
	"	open TEXT NOT NULL,"
	"	mode INTEGER NOT NULL,"
	"	ack TEXT NOT NULL,"
	"	at_usec INTEGER,"
	"	after_usec INTEGER,"
	"	every_usec INTEGER,"
	"	calendar TEXT,"
	"	on_change INTEGER NOT NULL,"
	"	jitter_usec INTEGER NOT NULL,"
	"	settle_usec INTEGER NOT NULL,"
	"	missed TEXT NOT NULL,"
	"	consistency TEXT NOT NULL,"
	"	only_if_changed INTEGER NOT NULL,"
	"	steps TEXT,"
	"	checksum TEXT NOT NULL,"
	"	side_file INTEGER NOT NULL,"
	"	keep_last INTEGER,"
	"	keep_usec INTEGER,"
	"	maximum_bytes INTEGER,"
	"	minimum_free_bytes INTEGER,"
	"	timeout_usec INTEGER NOT NULL,"
	"	retries INTEGER NOT NULL,"
	"	retry_delay_usec INTEGER NOT NULL,"
	"	auto_dismiss INTEGER NOT NULL,"
	"	state TEXT NOT NULL,"
	"	next_usec INTEGER,"
	"	runs INTEGER NOT NULL,"
	"	failures INTEGER NOT NULL,"
	"	skips INTEGER NOT NULL,"
	"	attempts INTEGER NOT NULL,"
	"	handled_usec INTEGER NOT NULL,"
	"	seed INTEGER NOT NULL,"
	"	at_done INTEGER NOT NULL,"
	"	after_done INTEGER NOT NULL,"
	"	last_run INTEGER,"
	"	last_result TEXT,"
	"	last_start_usec INTEGER,"
	"	last_end_usec INTEGER,"
	"	last_path TEXT,"
	"	content TEXT,"
	"	fault_operation TEXT,"
	"	fault_errno INTEGER,"
	"	fault_path TEXT,"
	"	fault_offset INTEGER);"
	"CREATE TABLE run ("
	"	job INTEGER NOT NULL,"
	"	number INTEGER NOT NULL,"
	"	result TEXT,"
	"	scheduled_usec INTEGER,"
	"	start_usec INTEGER NOT NULL,"
	"	end_usec INTEGER,"
	"	bytes INTEGER NOT NULL,"
	"	path TEXT,"
	"	digest TEXT,"
	"	fault_operation TEXT,"
	"	fault_errno INTEGER,"
	"	fault_path TEXT,"
	"	fault_offset INTEGER,"
	"	PRIMARY KEY (job, number)) WITHOUT ROWID",

	"ALTER TABLE job ADD COLUMN retry_usec INTEGER;"
	"ALTER TABLE job ADD COLUMN retry_scheduled_usec INTEGER;"
	"ALTER TABLE job ADD COLUMN replaced_run INTEGER",
};

#define VERSION ((int)(sizeof(steps) / sizeof(steps[0])))

static int execute(struct sqlite3 *database, const char *text)
{
	return catalogue_errno(sqlite3_exec(database, text, NULL, NULL, NULL));
}

static int get_version(struct sqlite3 *database, int *ret_version)
{
	sqlite3_stmt *statement = NULL;
	int r = sqlite3_prepare_v2(database, "PRAGMA user_version", -1, &statement, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	if (r == SQLITE_ROW)
		*ret_version = sqlite3_column_int(statement, 0);
	(void)sqlite3_finalize(statement);
	return catalogue_errno(r);
}

static int check_pages(struct sqlite3 *database)
{
	sqlite3_stmt *statement = NULL;
	const unsigned char *text;
	int r = sqlite3_prepare_v2(database, "PRAGMA quick_check(1)", -1, &statement, NULL);
	int result;

	if (r == SQLITE_OK)
		r = sqlite3_step(statement);
	result = catalogue_errno(r);
	if (r == SQLITE_ROW) {
		text = sqlite3_column_text(statement, 0);
		result = text && strcmp((const char *)text, "ok") == 0 ? 0 : -EUCLEAN;
	}
	(void)sqlite3_finalize(statement);
	return result;
}

static int apply_step(struct sqlite3 *database, int version)
{
	char set_version[48];
	int r = execute(database, "BEGIN IMMEDIATE");

	if (r < 0)
		return r;
	(void)snprintf(set_version, sizeof(set_version), "PRAGMA user_version = %d", version + 1);
	r = execute(database, steps[version]);
	if (r == 0)
		r = execute(database, set_version);
	if (r == 0)
		r = execute(database, "COMMIT");
	if (r < 0)
		(void)execute(database, "ROLLBACK");	/* r says it all */
	return r;
}

int catalogue_schema_prepare(struct sqlite3 *database)
{
	int version = 0;
	int r;

	/* Reads only, until it is known that the database is whole and ours. */
	r = get_version(database, &version);
	if (r == 0 && version > VERSION)
		return CATALOGUE_SCHEMA_E_NEWER;
	if (r == 0)
		r = check_pages(database);
	if (r == 0)
		r = execute(database, "PRAGMA journal_mode = WAL");
	if (r == 0)
		r = execute(database, "PRAGMA synchronous = FULL");
	if (r == 0)
		r = execute(database, "PRAGMA foreign_keys = ON");
	while (r == 0 && version < VERSION)
		r = apply_step(database, version++);
	return r;
}
