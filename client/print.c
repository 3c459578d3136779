/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/print.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "client/moment.h"
#include "proto/args.h"
#include "proto/encoding.h"
#include "proto/units.h"

#define FIELD_NAME_BYTES 128
#define USEC_PER_SEC 1000000

bool print_may_color(FILE *file)
{
	const char *no_color = getenv("NO_COLOR");

	return isatty(fileno(file)) && !(no_color && *no_color);
}

/* Characters below space, and those of the second control block (U+0080 to U+009F). */
static bool is_control(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0);
}

void print_text(const char *text, FILE *file)
{
	size_t left = strlen(text);

	while (left > 0) {
		uint32_t character = 0;
		size_t skip = 1;
		size_t bytes = encoding_utf8_next(text, left, &character, &skip);

		if (bytes > 0 && !is_control(character)) {
			(void)fwrite(text, 1, bytes, file);
		} else {
			(void)fputc('?', file);
			bytes = bytes > 0 ? bytes : skip;
		}
		text += bytes;
		left -= bytes;
	}
}

/* Columns on the screen: characters, as good as it gets without a locale. */
static size_t text_width(const char *text)
{
	size_t width = 0;

	for (; *text; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

void print_json(const char *json, FILE *file)
{
	for (; *json; json++)
		(void)fputc(*json == '\n' || *json == '\r' ? ' ' : *json, file);
}

void print_json_line(const char *json, FILE *file)
{
	print_json(json, file);
	(void)fputc('\n', file);
}

const cJSON *print_find_field(const cJSON *object, const char *path)
{
	while (object && path) {
		char name[FIELD_NAME_BYTES];
		size_t bytes = strcspn(path, ".");

		if (bytes >= sizeof(name))
			return NULL;
		memcpy(name, path, bytes);
		name[bytes] = '\0';
		object = cJSON_GetObjectItemCaseSensitive(object, name);
		path = path[bytes] ? path + bytes + 1 : NULL;
	}
	return object && !cJSON_IsNull(object) ? object : NULL;
}

static char *format_time(int64_t usec)
{
	time_t seconds = (time_t)(usec / USEC_PER_SEC);
	struct tm broken;
	char text[64];

	if (!localtime_r(&seconds, &broken) ||
	    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &broken) == 0)
		return strdup("?");
	return strdup(text);
}

static char *format_number(int64_t number, enum print_kind kind)
{
	char text[UNITS_TEXT_BYTES + 8];

	if (kind == PRINT_SIZE && number >= 0)
		return strdup(units_format_size((uint64_t)number, text));
	if (kind == PRINT_SPAN && number >= 0)
		return strdup(units_format_span((uint64_t)number, text));
	if (kind == PRINT_TIME)
		return format_time(number);
	if (kind == PRINT_WHEN)
		return strdup(moment_format_when(number, moment_now_usec(), text));
	(void)snprintf(text, sizeof(text), "%" PRId64, number);
	return strdup(text);
}

char *print_value(const cJSON *value, enum print_kind kind)
{
	int64_t number;
	char *text, *copy;

	if (!value)
		return strdup("-");
	if (cJSON_IsString(value))
		return strdup(value->valuestring);
	if (cJSON_IsBool(value))
		return strdup(cJSON_IsTrue(value) ? "yes" : "no");
	if (cJSON_IsNumber(value) && args_value_int(value, &number))
		return format_number(number, kind);
	text = cJSON_PrintUnformatted(value);
	copy = text ? strdup(text) : NULL;
	cJSON_free(text);
	return copy;
}

void print_table_init(struct print_table *table, const struct print_column *columns)
{
	*table = (struct print_table){ .columns = columns };
	while (columns[table->column_count].heading && table->column_count < PRINT_COLUMNS_MAX)
		table->column_count++;
}

void print_table_fini(struct print_table *table)
{
	size_t i;

	for (i = 0; i < table->row_count * table->column_count; i++)
		free(table->cells[i]);
	free(table->cells);
	*table = (struct print_table){ 0 };
}

static int grow_table(struct print_table *table)
{
	size_t capacity = table->row_capacity ? 2 * table->row_capacity : 16;
	char **cells;

	if (table->row_count < table->row_capacity)
		return 0;
	cells = reallocarray(table->cells, capacity * table->column_count, sizeof(*cells));
	if (!cells)
		return -ENOMEM;
	table->cells = cells;
	table->row_capacity = capacity;
	return 0;
}

int print_table_add(struct print_table *table, const cJSON *object)
{
	char **row;
	size_t i;

	if (grow_table(table))
		return -ENOMEM;
	row = table->cells + table->row_count * table->column_count;
	for (i = 0; i < table->column_count; i++) {
		const struct print_column *column = &table->columns[i];

		row[i] = print_value(print_find_field(object, column->field), column->kind);
		if (!row[i]) {
			while (i > 0)
				free(row[--i]);
			return -ENOMEM;
		}
	}
	table->row_count++;
	return 0;
}

static void write_cell(FILE *file, const char *text, size_t width, bool right, bool last)
{
	size_t padding = width - text_width(text);

	if (right)
		(void)fprintf(file, "%*s", (int)padding, "");
	print_text(text, file);
	if (!right && !last)
		(void)fprintf(file, "%*s", (int)padding, "");
	if (!last)
		(void)fputs("  ", file);
}

static void measure(const struct print_table *table, size_t *widths)
{
	size_t i, column;

	for (column = 0; column < table->column_count; column++)
		widths[column] = text_width(table->columns[column].heading);
	for (i = 0; i < table->row_count * table->column_count; i++) {
		size_t width = text_width(table->cells[i]);

		column = i % table->column_count;
		if (width > widths[column])
			widths[column] = width;
	}
}

void print_table_write(const struct print_table *table, FILE *file, bool bold)
{
	const size_t count = table->column_count;
	size_t widths[PRINT_COLUMNS_MAX];
	size_t row, column;

	if (table->row_count == 0)
		return;
	measure(table, widths);
	if (bold)
		(void)fputs("\033[1m", file);
	for (column = 0; column < count; column++) {
		enum print_kind kind = table->columns[column].kind;

		write_cell(file, table->columns[column].heading, widths[column],
			   kind == PRINT_NUMBER || kind == PRINT_SIZE || kind == PRINT_SPAN,
			   column + 1 == count);
	}
	(void)fputs(bold ? "\033[0m\n" : "\n", file);
	for (row = 0; row < table->row_count; row++) {
		for (column = 0; column < count; column++) {
			enum print_kind kind = table->columns[column].kind;

			write_cell(file, table->cells[row * count + column], widths[column],
				   kind == PRINT_NUMBER || kind == PRINT_SIZE || kind == PRINT_SPAN,
				   column + 1 == count);
		}
		(void)fputc('\n', file);
	}
}

/* By the unit that each name of the interfaces ends in. */
static enum print_kind kind_by_name(const char *name)
{
	static const char *const moments[] = { "createdUSec", "startedUSec", "modifiedUSec" };
	size_t length = strlen(name), i;

	for (i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		if (strcmp(name, moments[i]) == 0)
			return PRINT_TIME;
	if (length > 4 && strcmp(name + length - 4, "USec") == 0)
		return PRINT_SPAN;
	return PRINT_NUMBER;
}

static void print_members(const cJSON *object, const char *prefix, FILE *file)
{
	const cJSON *member;

	cJSON_ArrayForEach(member, object) {
		char name[FIELD_NAME_BYTES];
		char *text;

		if (cJSON_IsNull(member))
			continue;
		(void)snprintf(name, sizeof(name), "%s%s%s", prefix, *prefix ? "." : "",
			       member->string);
		if (cJSON_IsObject(member)) {
			print_members(member, name, file);
			continue;
		}
		text = print_value(member, kind_by_name(member->string));
		print_text(name, file);
		(void)fputs(": ", file);
		print_text(text ? text : "?", file);
		(void)fputc('\n', file);
		free(text);
	}
}

void print_object(const cJSON *object, FILE *file)
{
	print_members(object, "", file);
}
