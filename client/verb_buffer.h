/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_VERB_BUFFER_H
#define FOREBAY_CLIENT_VERB_BUFFER_H

/* What the files of the noun buffer share. */

#include <stdbool.h>
#include <stdint.h>

#include "client/verbs.h"
#include "proto/must_check.h"

struct args;
struct options;

/* What is read by one message: with base64's third it stays well below a megabyte. */
#define VERB_BUFFER_CHUNK_BYTES ((int64_t)384 << 10)

/* What is written by one: as base64 it fits 64 KiB, and no daemon's messages are shorter. */
#define VERB_BUFFER_WRITE_BYTES (45 << 10)

/* The options that Alloc and From share: pool, encoding, labels. 0 or a negative errno. */
int verb_buffer_add_common(const struct options *options, struct args *args) must_check;

/* A number of any size: one beyond 2^53 travels as text. */
void verb_buffer_add_number(struct args *args, const char *name, int64_t number);

/* The number of an option as a member of that name; nothing if it was not given. */
void verb_buffer_add_position(const struct options *options, const char *option, const char *name,
			      struct args *args);

/* How long the buffer is that the verb names first. */
enum verb_status verb_buffer_find_length(struct verb_call *call, int64_t *ret_length);

/* Numbers of that buffer, count of them from offset on. */
struct verb_numbers {
	const char *type_name;
	int64_t offset;
	int64_t count;
	bool as_table; /* else one a line */
};

enum verb_status verb_buffer_show_numbers(struct verb_call *call,
					  const struct verb_numbers *numbers);

#endif
