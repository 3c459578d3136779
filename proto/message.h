/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_MESSAGE_H
#define FOREBAY_PROTO_MESSAGE_H

/*
 * The envelopes of Varlink: calls and replies, from and to JSON text (one frame, without its
 * NUL). Parsing goes through json_scan() first. Building never gives out ill-formed UTF-8.
 *
 * Any thread; nothing is shared.
 */

#include <stdbool.h>
#include <stddef.h>

#include "proto/must_check.h"

struct cJSON;

enum message_outcome {
	MESSAGE_E_MALFORMED = 1, /* close the connection, no reply */
	MESSAGE_E_REFUSED,	 /* answer org.varlink.service.InvalidParameter, unless oneway */
};

struct message_call {
	char *method;			/* "io.forebay.daemon.Ping", whatever the caller wrote */
	const struct cJSON *parameters; /* always an object */
	bool oneway;
	bool more;
	bool upgrade;
	char *refused_parameter; /* after REFUSED: the parameter's path */
	struct cJSON *tree;	 /* owns the parameters; NULL where there are none */
};

struct message_reply {
	const char *error;	  /* NULL for success */
	struct cJSON *parameters; /* always an object */
	bool continues;
	struct cJSON *root;
};

/*
 * text[text_bytes] must be NUL. 0, MALFORMED, REFUSED, -ENOMEM. After 0 and REFUSED the call
 * is filled in and must be given to message_call_fini(); after REFUSED without the parameters.
 */
int message_parse_call(const char *text, size_t text_bytes,
		       struct message_call *ret_call) must_check;
void message_call_fini(struct message_call *call);

/* 0, MALFORMED (also for what the scan refuses, but for integers beyond 2^53), -ENOMEM. */
int message_parse_reply(const char *text, size_t text_bytes,
			struct message_reply *ret_reply) must_check;
void message_reply_fini(struct message_reply *reply);

/*
 * "io.forebay.daemon.Ping" into the length of "io.forebay.daemon" and "Ping". False if there
 * is no dot, or nothing before or behind the last one.
 */
bool message_split_method(const char *method, size_t *ret_interface_bytes, const char **ret_member);

/* What of a call is to be sent; parameters may be NULL for {}. */
struct message_call_flags {
	bool oneway;
	bool more;
	bool upgrade;
};

/* What most methods answer: a reply with nothing in it. */
extern const char message_empty_reply[];

/*
 * These give a text that the caller frees; it ends in a NUL that text_bytes does not count, so
 * the frame is text_bytes + 1 bytes. Parameters are borrowed; NULL is {}. 0, -ENOMEM, -EILSEQ
 * (a string in it is not UTF-8), -EINVAL (flags that exclude each other).
 */
int message_build_call(const char *method, const struct cJSON *parameters,
		       const struct message_call_flags *flags, char **ret_text,
		       size_t *ret_text_bytes) must_check;
int message_build_reply(const struct cJSON *parameters, bool continues, char **ret_text,
			size_t *ret_text_bytes) must_check;
int message_build_error(const char *error, const struct cJSON *parameters, char **ret_text,
			size_t *ret_text_bytes) must_check;

#endif
