/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_PRINT_H
#define FOREBAY_CLIENT_PRINT_H

/*
 * Output for people: tables, and descriptions as "name: value" lines. Names and paths are
 * other people's texts; what could steer a terminal in them is shown as '?'.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "proto/must_check.h"

struct cJSON;

enum print_kind {
	PRINT_TEXT,
	PRINT_NUMBER,	/* to the right */
	PRINT_SIZE,	/* 1.5G, to the right */
	PRINT_TIME,	/* microseconds since 1970, as local time */
	PRINT_WHEN,	/* the same, as people say it: in 5min, tomorrow 09:00 */
	PRINT_SPAN,	/* microseconds, as 1min 5s, to the right */
	PRINT_BOOL,
};

/* One column: its heading, and where in the object its value stands ("runtime.usedBytes"). */
struct print_column {
	const char *heading;	/* NULL ends the columns */
	const char *field;
	enum print_kind kind;
};

#define PRINT_COLUMNS_MAX 12

struct print_table {
	const struct print_column *columns;
	size_t column_count;
	char **cells;		/* row by row */
	size_t row_count;
	size_t row_capacity;
};

void print_table_init(struct print_table *table, const struct print_column *columns);
void print_table_fini(struct print_table *table);

/* A row from an object. 0 or -ENOMEM. */
int print_table_add(struct print_table *table, const struct cJSON *object) must_check;

/* Headings and rows; bold headings if asked for. Nothing if there is no row. */
void print_table_write(const struct print_table *table, FILE *file, bool bold);

/* All members, those of nested objects as "runtime.usedBytes". */
void print_object(const struct cJSON *object, FILE *file);

/* The member at a path of names with dots between; NULL if it is not there. */
const struct cJSON *print_find_field(const struct cJSON *object, const char *path);

/* One value as text, the caller's to free(); NULL without memory. */
char *print_value(const struct cJSON *value, enum print_kind kind);

/* A text with nothing in it that a terminal obeys. */
void print_text(const char *text, FILE *file);

/* JSON text without line breaks; print_json_line() ends the line too. */
void print_json(const char *json, FILE *file);
void print_json_line(const char *json, FILE *file);

/* The file is a terminal and the user has not said NO_COLOR. */
bool print_may_color(FILE *file);

#endif
