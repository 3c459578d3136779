/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_REPORT_H
#define FOREBAY_CLIENT_REPORT_H

/*
 * What went wrong, on standard error, and the exit status that says it: a sentence for people,
 * with --json one object.
 */

#include "client/verbs.h"

struct forebay_stream;

/* A failed call on the verb's connection. */
enum verb_status report_call(const struct verb_call *call, int error);

/* The same for a call of a stream. */
enum verb_status report_stream(const struct verb_call *call, const struct forebay_stream *stream,
			       int error);

/* A failure of our own: "what: reason of the errno". */
enum verb_status report_errno(const struct verb_call *call, const char *what, int error);

/* Another one: "what: reason"; with --json the kind is the error's name. */
enum verb_status report_failure(const struct verb_call *call, const char *kind, const char *what,
				const char *reason);

/* {"error":NAME,"parameters":{...}} on a line. */
void report_error_json(const char *name, const char *parameters);

/* No daemon. */
enum verb_status report_connect(bool json, const char *socket_path, int error);

/* Wrong usage, in a sentence. */
enum verb_status report_usage(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
