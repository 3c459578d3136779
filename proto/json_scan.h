/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_JSON_SCAN_H
#define FOREBAY_PROTO_JSON_SCAN_H

/*
 * The strict look at a JSON text before cJSON gets it. cJSON takes ill-formed UTF-8, leading
 * zeros and repeated keys, cuts strings at \u0000, reads 1e400 as null, and needs some forty
 * bytes for each one of a hostile text. What passes here holds none of that.
 *
 * Two kinds of no. MALFORMED: this is not JSON, or no text at all; Varlink closes the
 * connection. REFUSED: it is JSON with something in it that we do not take; the sender can be
 * told which parameter it was. Time is linear in the text but for sorting the keys of each
 * object; memory is eight bytes a key, and at most JSON_DEPTH_MAX levels are kept.
 *
 * Pure: no state beyond the call. Any thread.
 */

#include <stddef.h>

#include "proto/json_string.h"
#include "proto/must_check.h"

#define JSON_DEPTH_MAX 16
#define JSON_VALUES_MAX 10000
#define JSON_PATH_BYTES 256

/* Number tokens beyond this size are refused: cJSON cuts them at 63 bytes. */
#define JSON_NUMBER_BYTES_MAX 60

enum json_scan_outcome {
	JSON_SCAN_E_MALFORMED = 1,
	JSON_SCAN_E_REFUSED,
};

enum json_scan_reason {
	JSON_SCAN_DUPLICATE_KEY = 1,
	JSON_SCAN_TOO_DEEP,
	JSON_SCAN_TOO_MANY_VALUES,
	JSON_SCAN_NUL_CHARACTER,   /* \u0000 in a string */
	JSON_SCAN_LONE_SURROGATE,  /* an escape of half a character */
	JSON_SCAN_INEXACT_INTEGER, /* beyond 2^53, or rounded to an integer */
	JSON_SCAN_NUMBER_RANGE,	   /* beyond a double, or an endless token */
};

struct json_scan {
	enum json_scan_reason reason; /* REFUSED: of the first finding */
	char path[JSON_PATH_BYTES];   /* REFUSED: "parameters.steps[0].name"; cut if longer */
	size_t member_offset;	      /* REFUSED: the span of the value, one level below the */
	size_t member_bytes;	      /*   top, that holds the finding; 0 bytes if it is the top */
	size_t error_offset;	      /* MALFORMED: where */
};

/* One member of the object at the top, as it is written. */
struct json_member {
	struct json_string key;
	const char *value; /* its first byte, which tells its type */
	size_t value_bytes;
};

/* Told of each as soon as it has been read, when nobody knows yet whether all is well-formed. */
struct json_listener {
	void (*member)(void *data, const struct json_member *member);
	void *data;
};

/*
 * text[text_bytes] must be NUL; the listener may be NULL. 0, MALFORMED, REFUSED (which promises
 * well-formed JSON except within what is nested too deep), -ENOMEM. The result is filled in for
 * MALFORMED and REFUSED.
 */
int json_scan(const char *text, size_t text_bytes, size_t values_max,
	      const struct json_listener *listener, struct json_scan *ret_scan) must_check;

#endif
