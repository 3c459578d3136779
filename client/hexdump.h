/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_HEXDUMP_H
#define FOREBAY_CLIENT_HEXDUMP_H

/*
 * Bytes and numbers for people to look at. Both come in pieces of any size, so that no view
 * needs the memory of what it shows; the caller embeds the struct and owns the file. Pure but
 * for what is printed: nothing fails here, and the file keeps its error (ferror()).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HEXDUMP_LINE_BYTES 16

/*
 * As `hexdump -C` shows them: the offset in hex, sixteen bytes in two groups of eight, and the
 * text, in which all but printable ASCII is a point. Lines that repeat the one before are one
 * asterisk, and the last line is the offset behind the last byte.
 */
struct hexdump {
	FILE *file;
	uint64_t offset; /* of the line that is filled */
	unsigned char line[HEXDUMP_LINE_BYTES];
	size_t line_bytes;
	unsigned char last[HEXDUMP_LINE_BYTES];
	bool has_last;
	bool is_repeating; /* the asterisk stands there */
};

/* offset is that of the first byte. */
void hexdump_init(struct hexdump *dump, uint64_t offset, FILE *file);
void hexdump_write(struct hexdump *dump, const void *bytes, size_t length);

/* What is left, and the last line; nothing at all if there was no byte. */
void hexdump_end(struct hexdump *dump);

/*
 * Numbers as they lie one behind another: each with its offset, in decimal, since that is how
 * it is given back to be set. The columns are as wide as the widest so far, and the headings
 * come with the first number, bold if asked for.
 */
struct number_table {
	FILE *file;
	uint64_t offset; /* of the next number */
	size_t number_bytes;
	int offset_width;
	int value_width;
	bool bold;
	bool has_heading;
};

void number_table_init(struct number_table *table, uint64_t offset, size_t number_bytes, FILE *file,
		       bool bold);
void number_table_write(struct number_table *table, const char *const *texts, size_t count);

#endif
