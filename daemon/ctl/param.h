/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_PARAM_H
#define FOREBAY_CTL_PARAM_H

/*
 * Parameters that several commands take. Types have been checked against the interface; what
 * is looked at here is whether a value makes sense. Each is 0, REFUSED or a negative errno.
 */

#include <stdint.h>

#include "daemon/base/err.h"
#include "proto/encoding.h"

struct buffer;
struct cJSON;
struct call;
struct labels;
struct readable;
struct refusal;
struct stream;

/* The object that the id in the parameter stands for, if the caller may see it. */
int must_check param_buffer(struct call *call, const char *name, struct buffer **ret_buffer,
			    struct refusal *refusal);
int must_check param_stream(struct call *call, const char *name, struct stream **ret_stream,
			    struct refusal *refusal);
int must_check param_readable(struct call *call, const char *name, struct readable **ret_readable,
			      struct refusal *refusal);

/* An id only; text that is none names no object. */
int must_check param_buffer_id(const struct cJSON *args, const char *name, uint64_t *ret_id,
			       struct refusal *refusal);

/* 0..maximum, else OutOfRange with these ends; left alone where it is not given. */
int must_check param_position(const struct cJSON *args, const char *name, uint64_t maximum,
			      uint64_t *position, struct refusal *refusal);

/* At least `minimum`, else InvalidParameter; left alone where it is not given. */
int must_check param_number(const struct cJSON *args, const char *name, int64_t minimum,
			    int64_t *number, struct refusal *refusal);

/* Left alone where it is not given. */
int must_check param_encoding(const struct cJSON *args, enum encoding *encoding,
			      struct refusal *refusal);

/* `labels` of the object, added to an empty set. LIMIT: too many, or too long together. */
int must_check param_labels(const struct cJSON *args, struct labels *labels,
			    struct refusal *refusal);

#endif
