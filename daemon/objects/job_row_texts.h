/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_JOB_ROW_TEXTS_H
#define FOREBAY_OBJECTS_JOB_ROW_TEXTS_H

/*
 * How the lists in a job's context are spelt in its row of the catalogue, there and back. For
 * the job*.c files only. Any thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/err.h"

struct labels;
struct stream_options;

#define JOB_STEPS_TEXT_BYTES 128

/* "gzip:6,unzstd"; "" for none. */
void job_steps_to_text(const struct stream_options *options,
		       char text[static JOB_STEPS_TEXT_BYTES]);
/* Adds them to the options, which have none. False: this is no such text. */
bool must_check job_steps_from_text(const char *text, struct stream_options *options);

/* name, NUL, value, NUL, and so on; malloc'd. NULL: no memory. */
char *job_labels_to_bytes(const struct labels *labels, int64_t *ret_bytes);
/* -ENOMEM; -EUCLEAN: these are no such bytes. labels_fini() in any case. */
int must_check job_labels_from_bytes(const char *memory, int64_t bytes, struct labels *labels);

#endif
