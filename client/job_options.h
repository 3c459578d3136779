/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_JOB_OPTIONS_H
#define FOREBAY_CLIENT_JOB_OPTIONS_H

/* The options of a job as parameters of io.forebay.job. Pure, any thread. */

#include "proto/must_check.h"

struct args;
struct forebay_job_options;

/*
 * What a caller gave, in a struct of today's size. -EINVAL: its size is none that any version
 * of this library ever had, or it is larger and uses what we do not know.
 */
int job_options_read(const struct forebay_job_options *given,
		     struct forebay_job_options *ret_options) must_check;

/* Adds "context" to an object that is begun. -EINVAL: options->context is no JSON object. */
int job_options_build(const struct forebay_job_options *options,
		      struct args *parameters) must_check;

/* Adds "schedule", if there is anything in it. */
void job_options_build_schedule(const struct forebay_job_options *options, struct args *args);

#endif
