/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_VALUE_H
#define FOREBAY_TESTS_VECTORS_REPLAY_VALUE_H

/*
 * What the recorded cases of buffers have in common: bytes and UTF-16 units in hex, positions
 * as JavaScript takes them, and answers to compare. Memory is got in the exact size, so that a
 * sanitizer sees a byte too many; a file that breaks its own format ends the program.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cJSON;

struct value_bytes {
	unsigned char *bytes;
	size_t count;
};

struct value_units {
	uint16_t *units;
	size_t count;
};

/* The member, of that name, of the entry or of the object `got` in it; NULL if it is not there. */
const struct cJSON *value_member(const struct cJSON *entry, const char *name);
const struct cJSON *value_got(const struct cJSON *entry, const char *name);
const char *value_text(const struct cJSON *item);

/* Freed by the caller, as are those of value_bytes_new(). The first: a text as UTF-8. */
struct value_bytes value_utf8(const struct cJSON *item);
struct value_bytes value_hex(const struct cJSON *item);
struct value_units value_units(const struct cJSON *item);
struct value_bytes value_bytes_new(size_t count, unsigned char byte);
uint16_t *value_units_new(size_t count);

/* A number cut to an integer as Node does; null: left out. */
int64_t value_integer(const struct cJSON *item, int64_t left_out, int64_t not_a_number);

/* The byte that a number becomes before it is searched or filled with. */
unsigned char value_byte(const struct cJSON *item);

/* False after a complaint that shows the case. The first: whether Node threw. */
bool value_same_refusal(const struct cJSON *entry, bool refused);
bool value_same_bytes(const struct cJSON *entry, const char *what, const struct cJSON *expected,
		      const void *bytes, size_t count);
bool value_same_units(const struct cJSON *entry, const char *what, const struct cJSON *expected,
		      const uint16_t *units, size_t count);
bool value_same_number(const struct cJSON *entry, const char *what, const struct cJSON *expected,
		       int64_t number);
bool value_same_bool(const struct cJSON *entry, const char *what, const struct cJSON *expected,
		     bool value);
bool value_same_text(const struct cJSON *entry, const char *what, const char *expected,
		     const char *text, size_t count);

#endif
