/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_JOB_ANSWER_H
#define FOREBAY_CLIENT_JOB_ANSWER_H

/*
 * What the daemon answers about jobs, as the structs of forebay_job.h. Each is one block of
 * memory with its texts in it, so that free() is all it needs. Pure, any thread.
 */

#include <stdbool.h>

#include "proto/must_check.h"

struct cJSON;
struct forebay_job;
struct forebay_run;

/*
 * {"id":..,"context":..,"runtime":..}. Without a context the texts of it are NULL. -EPROTO: no id,
 * no runtime, or no state in it; -ENOMEM.
 */
int job_answer_make_job(const struct cJSON *parameters, struct forebay_job **ret_job) must_check;

/* {"run":..}. -EPROTO: no run, or no number in it; -ENOMEM. */
int job_answer_make_run(const struct cJSON *parameters, struct forebay_run **ret_run) must_check;

#endif
