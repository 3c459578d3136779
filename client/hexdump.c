/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/hexdump.h"

#include <inttypes.h>
#include <string.h>

#include "client/print.h"

#define GROUP_BYTES 8

void hexdump_init(struct hexdump *dump, uint64_t offset, FILE *file)
{
	*dump = (struct hexdump){ .file = file, .offset = offset };
}

static void print_line(const struct hexdump *dump)
{
	size_t i;

	(void)fprintf(dump->file, "%08" PRIx64 " ", dump->offset);
	for (i = 0; i < HEXDUMP_LINE_BYTES; i++) {
		if (i % GROUP_BYTES == 0)
			(void)fputc(' ', dump->file);
		if (i < dump->line_bytes)
			(void)fprintf(dump->file, "%02x ", dump->line[i]);
		else
			(void)fputs("   ", dump->file);
	}
	(void)fputs(" |", dump->file);
	for (i = 0; i < dump->line_bytes; i++) {
		unsigned char byte = dump->line[i];

		(void)fputc(byte >= 0x20 && byte < 0x7f ? byte : '.', dump->file);
	}
	(void)fputs("|\n", dump->file);
}

/* A line that is not full is always shown: it is the last, and says how many bytes there are. */
static void show_line(struct hexdump *dump)
{
	bool repeats = dump->has_last && dump->line_bytes == HEXDUMP_LINE_BYTES &&
		       memcmp(dump->line, dump->last, HEXDUMP_LINE_BYTES) == 0;

	if (!repeats)
		print_line(dump);
	else if (!dump->is_repeating)
		(void)fputs("*\n", dump->file);
	dump->is_repeating = repeats;
	dump->has_last = true;
	memcpy(dump->last, dump->line, HEXDUMP_LINE_BYTES);
	dump->offset += dump->line_bytes;
	dump->line_bytes = 0;
}

void hexdump_write(struct hexdump *dump, const void *bytes, size_t length)
{
	const unsigned char *next = bytes;

	while (length > 0) {
		size_t part = HEXDUMP_LINE_BYTES - dump->line_bytes;

		if (part > length)
			part = length;
		memcpy(dump->line + dump->line_bytes, next, part);
		dump->line_bytes += part;
		next += part;
		length -= part;
		if (dump->line_bytes == HEXDUMP_LINE_BYTES)
			show_line(dump);
	}
}

void hexdump_end(struct hexdump *dump)
{
	if (dump->line_bytes > 0)
		show_line(dump);
	if (dump->has_last)
		(void)fprintf(dump->file, "%08" PRIx64 "\n", dump->offset);
	dump->has_last = false;
}

void number_table_init(struct number_table *table, uint64_t offset, size_t number_bytes, FILE *file,
		       bool bold)
{
	*table = (struct number_table){
		.file = file,
		.offset = offset,
		.number_bytes = number_bytes,
		.offset_width = (int)strlen("OFFSET"),
		.value_width = (int)strlen("VALUE"),
		.bold = bold,
	};
}

static void widen(int *width, int wanted)
{
	if (wanted > *width)
		*width = wanted;
}

static void measure(struct number_table *table, const char *const *texts, size_t count)
{
	uint64_t last = table->offset + (count - 1) * table->number_bytes;
	size_t i;

	widen(&table->offset_width, snprintf(NULL, 0, "%" PRIu64, last));
	for (i = 0; i < count; i++)
		widen(&table->value_width, (int)strlen(texts[i]));
}

void number_table_write(struct number_table *table, const char *const *texts, size_t count)
{
	size_t i;

	if (count == 0)
		return;
	measure(table, texts, count);
	if (!table->has_heading)
		(void)fprintf(table->file, "%s%*s  %*s%s\n", table->bold ? "\033[1m" : "",
			      table->offset_width, "OFFSET", table->value_width, "VALUE",
			      table->bold ? "\033[0m" : "");
	table->has_heading = true;
	for (i = 0; i < count; i++) {
		(void)fprintf(table->file, "%*" PRIu64 "  %*s", table->offset_width, table->offset,
			      table->value_width - (int)strlen(texts[i]), "");
		print_text(texts[i], table->file);
		(void)fputc('\n', table->file);
		table->offset += table->number_bytes;
	}
}
