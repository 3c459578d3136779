/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_OPTIONS_H
#define FOREBAY_CLIENT_OPTIONS_H

/*
 * Command lines by rows: a row is an option, with its kind and its help, and the same rows
 * feed parsing, help and completion. Options may stand anywhere before "--"; a value may come
 * as --name=value or as the next word. Texts are borrowed from the command line. Pure but for
 * moments, which are read by the clock and the time zone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/must_check.h"

enum option_kind {
	OPTION_FLAG,
	OPTION_TEXT,
	OPTION_CHOICE,		/* one of `choices` */
	OPTION_NUMBER,		/* an integer, maybe negative */
	OPTION_SIZE,		/* 64M */
	OPTION_SPAN,		/* 5min 20s; becomes microseconds */
	OPTION_MOMENT,		/* 2026-10-25 02:30; becomes microseconds since 1970 */
	OPTION_STEPS,		/* gzip:6,zstd */
	OPTION_LABEL,		/* key=value, as often as wanted */
};

struct option_row {
	const char *name;	/* without the dashes; NULL ends the rows */
	enum option_kind kind;
	const char *argument;	/* what help calls the value; NULL for a flag */
	const char *choices;	/* "a|b|c" for OPTION_CHOICE */
	const char *field;	/* member of the Context that it sets, "rotate.everyBytes"; or NULL */
	const char *help;
};

#define OPTIONS_COUNT_MAX 64

struct option_value {
	const struct option_row *row;
	const char *text;	/* NULL for a flag */
	int64_t number;		/* for NUMBER, SIZE, SPAN and MOMENT */
};

struct options {
	struct option_value values[OPTIONS_COUNT_MAX];
	size_t count;
	const char *arguments[OPTIONS_COUNT_MAX];	/* the words that are no options */
	size_t argument_count;
};

/*
 * rows and more_rows (which may be NULL) are searched in this order. -EINVAL: wrong usage;
 * message has the reason, a sentence of at most message_bytes.
 */
struct option_rows {
	const struct option_row *rows;
	const struct option_row *more_rows;
};

int options_parse(struct options *options, const struct option_rows *rows, char *const *words,
		  char *message, size_t message_bytes) must_check;

/* The row of this name; NULL if there is none. */
const struct option_row *option_row_find(const struct option_rows *rows, const char *name,
					 size_t name_bytes);

/* The last value of an option; NULL and `otherwise` if it was not given. */
const char *options_text(const struct options *options, const char *name);
int64_t options_number(const struct options *options, const char *name, int64_t otherwise);
bool options_has(const struct options *options, const char *name);

#endif
