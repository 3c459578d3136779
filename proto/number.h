/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_NUMBER_H
#define FOREBAY_PROTO_NUMBER_H

/*
 * Numbers in memory and as text: each type of the interface's Number in its byte order, with
 * the answers of Node's DataView and TypedArray. (Without the text: number_access.h.) Memory
 * needs no alignment. Every call reads or writes number_type_bytes() bytes once, so memory that
 * another process writes to is safe. Any thread; nothing is shared, and no locale is looked at.
 *
 * What a value becomes when it is set:
 *	int8 .. uint32	cut toward zero, then taken modulo 2^bits; NaN and infinities are 0
 *	uint8clamped	0..255, the nearest, ties to even; NaN is 0
 *	int64, uint64	modulo 2^64; from a double as the smaller ones
 *	float32		rounded to nearest, ties to even, infinity beyond the largest
 *	NaN		of a float: 7fc00000 or 7ff8000000000000, whatever NaN it was
 */

#include <stdbool.h>
#include <stddef.h>

/* In the order of the interface. */
enum number_type {
	NUMBER_INT8,
	NUMBER_UINT8,
	NUMBER_UINT8CLAMPED,
	NUMBER_INT16LE,
	NUMBER_INT16BE,
	NUMBER_UINT16LE,
	NUMBER_UINT16BE,
	NUMBER_INT32LE,
	NUMBER_INT32BE,
	NUMBER_UINT32LE,
	NUMBER_UINT32BE,
	NUMBER_INT64LE,
	NUMBER_INT64BE,
	NUMBER_UINT64LE,
	NUMBER_UINT64BE,
	NUMBER_FLOAT32LE,
	NUMBER_FLOAT32BE,
	NUMBER_FLOAT64LE,
	NUMBER_FLOAT64BE,
};

#define NUMBER_TYPES (NUMBER_FLOAT64BE + 1)

/* The longest text is -0.0000012345678901234567; and some room. */
#define NUMBER_TEXT_BYTES 40

/* As the interface spells it; nothing else is known. */
bool number_type_from_name(const char *name, enum number_type *ret_type);
const char *number_type_name(enum number_type type);

/* 1, 2, 4 or 8. */
size_t number_type_bytes(enum number_type type);

/*
 * As JavaScript prints it: integers in full, floats as the shortest decimal that reads as the
 * same double, "NaN", "Infinity", "-Infinity", and "-0", which JavaScript hides.
 */
void number_to_text(enum number_type type, const void *bytes, char text[static NUMBER_TEXT_BYTES]);

/*
 * A decimal number as JavaScript writes them, of any length: digits with or without a sign, a
 * fraction, an exponent; "NaN", "Infinity" with or without a sign. It becomes the nearest double
 * and is set from that. The 64-bit types take integers only, without fraction or exponent, and
 * all their digits count. -EINVAL: the text is no such number; nothing is written.
 */
int number_from_text(enum number_type type, const char *text, void *bytes);

#endif
