/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "client/moment.h"
#include "proto/args.h"
#include "proto/units.h"

struct parser {
	struct options *options;
	const struct option_rows *rows;
	char *const *next;
	char *message;
	size_t message_bytes;
};

__attribute__((format(printf, 2, 3))) static int refuse(struct parser *parser, const char *format,
							...)
{
	va_list arguments;

	va_start(arguments, format);
	(void)vsnprintf(parser->message, parser->message_bytes, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static const struct option_row *find_in(const struct option_row *row, const char *name,
					size_t name_bytes)
{
	for (; row && row->name; row++)
		if (strlen(row->name) == name_bytes && memcmp(row->name, name, name_bytes) == 0)
			return row;
	return NULL;
}

const struct option_row *option_row_find(const struct option_rows *rows, const char *name,
					 size_t name_bytes)
{
	const struct option_row *row = find_in(rows->rows, name, name_bytes);

	return row ? row : find_in(rows->more_rows, name, name_bytes);
}

static bool is_choice(const char *choices, const char *text)
{
	size_t text_bytes = strlen(text);

	while (text_bytes > 0) {
		size_t bytes = strcspn(choices, "|");

		if (bytes == text_bytes && memcmp(choices, text, bytes) == 0)
			return true;
		if (choices[bytes] == '\0')
			return false;
		choices += bytes + 1;
	}
	return false;
}

static int read_unit(struct parser *parser, const struct option_row *row, const char *text,
		     int64_t *ret_number)
{
	uint64_t value;
	int r;

	r = row->kind == OPTION_SIZE ? units_parse_size(text, &value) :
				       units_parse_span(text, &value);
	if (r == UNITS_E_SYNTAX)
		return refuse(parser, "--%s: \"%s\" is no %s", row->name, text,
			      row->kind == OPTION_SIZE ? "size" : "time span");
	if (r || value > INT64_MAX)
		return refuse(parser, "--%s: \"%s\" is too large", row->name, text);
	*ret_number = (int64_t)value;
	return 0;
}

static int check_value(struct parser *parser, const struct option_row *row, const char *text,
		       int64_t *ret_number)
{
	switch (row->kind) {
	case OPTION_NUMBER:
		if (!args_parse_int(text, ret_number))
			return refuse(parser, "--%s: \"%s\" is no number", row->name, text);
		return 0;
	case OPTION_SIZE:
	case OPTION_SPAN:
		return read_unit(parser, row, text, ret_number);
	case OPTION_MOMENT:
		if (moment_parse(text, moment_now_usec(), ret_number))
			return refuse(
				parser,
				"--%s: \"%s\" is no time; try 2026-10-25 02:30 or @1700000000",
				row->name, text);
		return 0;
	case OPTION_CHOICE:
		if (!is_choice(row->choices, text))
			return refuse(parser, "--%s: \"%s\" is none of %s", row->name, text,
				      row->choices);
		return 0;
	case OPTION_LABEL:
		if (!strchr(text, '=') || *text == '=')
			return refuse(parser, "--%s: \"%s\" is not KEY=VALUE", row->name, text);
		return 0;
	default:
		return 0;
	}
}

static int take_option(struct parser *parser, const char *word)
{
	struct options *options = parser->options;
	size_t name_bytes = strcspn(word, "=");
	const char *text = word[name_bytes] ? word + name_bytes + 1 : NULL;
	const struct option_row *row = option_row_find(parser->rows, word, name_bytes);
	int64_t number = 0;
	int r;

	if (!row)
		return refuse(parser, "no option --%.*s", (int)name_bytes, word);
	if (row->kind == OPTION_FLAG && text)
		return refuse(parser, "--%s takes no value", row->name);
	if (row->kind != OPTION_FLAG) {
		if (!text && !*parser->next)
			return refuse(parser, "--%s needs a value", row->name);
		if (!text)
			text = *parser->next++;
		r = check_value(parser, row, text, &number);
		if (r)
			return r;
	}
	if (options->count == OPTIONS_COUNT_MAX)
		return refuse(parser, "too many options");
	options->values[options->count++] =
		(struct option_value){ .row = row, .text = text, .number = number };
	return 0;
}

static bool is_number(const char *word)
{
	return strchr("0123456789.", *word) || strcmp(word, "Infinity") == 0;
}

int options_parse(struct options *options, const struct option_rows *rows, char *const *words,
		  char *message, size_t message_bytes)
{
	struct parser parser = {
		.options = options,
		.rows = rows,
		.next = words,
		.message = message,
		.message_bytes = message_bytes,
	};
	bool only_arguments = false;

	options->count = 0;
	options->argument_count = 0;
	while (*parser.next) {
		const char *word = *parser.next++;
		int r;

		if (!only_arguments && strcmp(word, "--") == 0) {
			only_arguments = true;
			continue;
		}
		if (!only_arguments && strncmp(word, "--", 2) == 0) {
			r = take_option(&parser, word + 2);
			if (r)
				return r;
			continue;
		}
		if (!only_arguments && strcmp(word, "-h") == 0) {
			r = take_option(&parser, "help");
			if (r)
				return r;
			continue;
		}
		/* "-" alone is standard input, and a negative number is a number. */
		if (!only_arguments && word[0] == '-' && word[1] && !is_number(word + 1))
			return refuse(&parser, "no option %s", word);
		if (options->argument_count == OPTIONS_COUNT_MAX)
			return refuse(&parser, "too many arguments");
		options->arguments[options->argument_count++] = word;
	}
	return 0;
}

static const struct option_value *find_last(const struct options *options, const char *name)
{
	size_t i;

	for (i = options->count; i > 0; i--)
		if (strcmp(options->values[i - 1].row->name, name) == 0)
			return &options->values[i - 1];
	return NULL;
}

const char *options_text(const struct options *options, const char *name)
{
	const struct option_value *value = find_last(options, name);

	return value ? value->text : NULL;
}

int64_t options_number(const struct options *options, const char *name, int64_t otherwise)
{
	const struct option_value *value = find_last(options, name);

	return value ? value->number : otherwise;
}

bool options_has(const struct options *options, const char *name)
{
	return find_last(options, name) != NULL;
}
