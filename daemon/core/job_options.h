/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_JOB_OPTIONS_H
#define FOREBAY_CORE_JOB_OPTIONS_H

/*
 * What one configures of a job: io.forebay.job.Context as plain values, its defaults and its
 * rules. Texts (name, path, labels) and the buffer are the job's own; when it is to run is
 * told by the schedule.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/core/retention.h"
#include "daemon/core/stream_options.h"

/* After its time was missed. */
#define JOB_MISSED_LIST(X)                                                                         \
	X(SKIP, "skip") /* that run is not made up for */                                          \
	X(ONCE, "once") /* one run makes up for all that were missed */

#define JOB_CONSISTENCY_LIST(X)                                                                    \
	X(LIVE, "live")                                                                            \
	X(VERSIONED, "versioned")

#define JOB_MISSED_ENUM(name, text) JOB_MISSED_##name,
#define JOB_CONSISTENCY_ENUM(name, text) JOB_CONSISTENCY_##name,

enum job_missed { JOB_MISSED_LIST(JOB_MISSED_ENUM) };
enum job_consistency { JOB_CONSISTENCY_LIST(JOB_CONSISTENCY_ENUM) };

/* Every number is OPTION_UNSET until given; the choices hold their enum's value. */
struct job_options {
	struct stream_options stream; /* open, mode, ack, steps, checksum, side_file */
	int64_t offset;		      /* bytes in the buffer */
	int64_t length;		      /* bytes; OPTION_UNSET: to the buffer's end */
	int64_t at_usec;	      /* wall clock */
	int64_t after_usec;
	int64_t every_usec;
	bool on_change;
	bool only_if_changed;
	bool auto_dismiss;
	int64_t jitter_usec;
	int64_t settle_usec;
	int64_t missed;	     /* enum job_missed */
	int64_t consistency; /* enum job_consistency */
	int64_t keep_last;   /* this and the next three: OPTION_UNSET is no such rule */
	int64_t keep_usec;
	int64_t maximum_bytes;
	int64_t minimum_free_bytes;
	int64_t timeout_usec; /* of a run; 0: none */
	int64_t retries;      /* of a scheduled run that failed */
	int64_t retry_delay_usec;
};

/* How often a change may be looked for. */
#define JOB_SETTLE_USEC_MIN 10000

/* Spans are added to times: longer ones than a thousand years are refused. */
#define JOB_SPAN_USEC_MAX (INT64_C(1000) * 366 * 86400 * 1000000)

/* A parameter that breaks a rule: outcome of job_options_resolve(). */
#define JOB_OPTIONS_E_PARAMETER 1

void job_options_init(struct job_options *options);

/*
 * Fills in every default and checks every range, in place. 0, or JOB_OPTIONS_E_PARAMETER with
 * the wire's name ("retention.keepLast") in ret_parameter. The schedule's own numbers are
 * not looked at: that is core/schedule's.
 */
int job_options_resolve(struct job_options *options, const char **ret_parameter);

/* What retention is to go by. */
struct retention_rules job_options_retention(const struct job_options *options);
bool job_options_has_retention(const struct job_options *options);

/* The wire's words; OPTION_UNSET for any other. */
const char *job_missed_name(int64_t value);
const char *job_consistency_name(int64_t value);
int64_t job_missed_parse(const char *text);
int64_t job_consistency_parse(const char *text);

#endif
