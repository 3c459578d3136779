/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_ERRMAP_H
#define FOREBAY_CTL_ERRMAP_H

/*
 * The one place that knows the wire's error names. An error is sent under the interface that
 * declares it: stream methods have their own NoSuchStore and PathRefused, all others use
 * those of io.forebay.store.
 */

#include <stdint.h>

#include "daemon/base/err.h"

struct cJSON;
struct idl_member;
struct job_record;
struct refusal;

/* A whole name, and parameters that the receiver deletes. */
struct wire_error {
	const char *name;
	struct cJSON *parameters;
};

/*
 * `method` is the one that was called, in `interface`; both may be NULL. A parameter that is
 * not one of the method's own is looked for in its `context`, so "highWaterMark" becomes
 * "context.highWaterMark". -ENOMEM.
 */
int must_check errmap_refusal(const struct refusal *refusal, const char *interface,
			      const struct idl_member *method, struct wire_error *ret_error);

/* A run of a job that did not end well, for who has waited for it. 0: no job was made for it. */
int must_check errmap_run_failed(uint64_t job_id, const struct job_record *record,
				 struct wire_error *ret_error);

/* An errno that nobody expected, negative or not. */
int must_check errmap_errno(int error, struct wire_error *ret_error);

/* Errors of the protocol itself, org.varlink.service. */
enum protocol_error {
	PROTOCOL_INTERFACE_NOT_FOUND,
	PROTOCOL_METHOD_NOT_FOUND,
	PROTOCOL_METHOD_NOT_IMPLEMENTED,
	PROTOCOL_INVALID_PARAMETER,
	PROTOCOL_EXPECTED_MORE,
};

/* `text`: the interface, method or parameter; NULL for ExpectedMore. */
int must_check errmap_protocol(enum protocol_error error, const char *text,
			       struct wire_error *ret_error);

int must_check errmap_bad_configuration(const char *file, int64_t line, const char *reason,
					struct wire_error *ret_error);

/* org.varlink.certification; the values are copied. */
int must_check errmap_certification(const struct cJSON *wants, const struct cJSON *got,
				    struct wire_error *ret_error);
int must_check errmap_client_id(struct wire_error *ret_error);

#endif
