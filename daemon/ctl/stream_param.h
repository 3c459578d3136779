/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_STREAM_PARAM_H
#define FOREBAY_CTL_STREAM_PARAM_H

/* What Open, Write and End of io.forebay.stream are given. All texts are the parameters' own. */

#include <stdbool.h>

#include "daemon/base/err.h"

struct cJSON;
struct conduit_request;
struct refusal;
struct stream_chunk;
struct stream_options;
struct stream_request;

/*
 * Open, without its descriptors. The labels, to be ended by the caller in any case, must be
 * empty. What forebayd cannot do yet is refused under its own name.
 */
int must_check stream_param_request(const struct cJSON *args, struct stream_request *request,
				    struct refusal *refusal);

/* What a job's context has in common with that of a stream: what the file is to be like. */
int must_check stream_param_file(const struct cJSON *context, struct stream_options *options,
				 struct refusal *refusal);

/*
 * `steps`, wherever they stand. Too many are counted and not kept: the count alone is refused
 * by whoever knows their rules.
 */
void stream_param_steps(const struct cJSON *args, struct stream_options *options);

/* `source`, `steps` and `highWaterMark` of OpenReadable and Pipe; no descriptor. */
int must_check stream_param_source(const struct cJSON *args, struct conduit_request *ret_request,
				   struct refusal *refusal);

/* `required`: there must be a chunk. */
int must_check stream_param_chunk(const struct cJSON *args, bool required,
				  struct stream_chunk *ret_chunk, struct refusal *refusal);

#endif
