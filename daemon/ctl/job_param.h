/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_JOB_PARAM_H
#define FOREBAY_CTL_JOB_PARAM_H

/* What Create and Save of io.forebay.job are given. All texts are the parameters' own. */

#include "daemon/base/err.h"

struct call;
struct cJSON;
struct job;
struct job_request;
struct refusal;

/* The labels, to be ended by the caller in any case, must be empty. */
int must_check job_param_request(const struct cJSON *args, struct job_request *request,
				 struct refusal *refusal);

/* The one that the id or name in `id` stands for, if the caller may see it. */
int must_check job_param_find(struct call *call, struct job **ret_job, struct refusal *refusal);

#endif
