/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_JSON_NUMBER_H
#define FOREBAY_PROTO_JSON_NUMBER_H

/*
 * One JSON number token: its strict grammar, and whether a double holds what it says. Reading
 * does not depend on the locale. Any thread.
 */

#include <stddef.h>

enum json_number {
	JSON_NUMBER_GOOD,
	JSON_NUMBER_MALFORMED,
	JSON_NUMBER_INEXACT, /* an integer beyond 2^53, or a fraction that would read as an integer */
	JSON_NUMBER_RANGE, /* reads as infinity, or as 0 without being 0, or has too many digits */
};

/*
 * text begins with '-' or a digit and ends in a NUL somewhere. Unless MALFORMED, ret_bytes is
 * the size of the token.
 */
enum json_number json_number_scan(const char *text, size_t *ret_bytes);

#endif
