/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_VIEW_H
#define FOREBAY_CTL_VIEW_H

/* Objects as clients see them: each adds members to the parameters that are being built. */

#include <stddef.h>
#include <stdint.h>

#include "daemon/core/id_text.h"

struct args;
struct buffer;
struct fault;
struct job;
struct job_record;
struct job_runtime;
struct labels;
struct pool;
struct readable;
struct store;
struct store_file;
struct stream;
struct stream_options;
struct stream_ring_fds;

void view_id(struct args *args, const char *name, enum id_kind kind, uint64_t id);

/* A number that is never negative; what is beyond int64 is shown as the largest. */
void view_count(struct args *args, const char *name, uint64_t value);

/* Text that may come from a file's name: what is no UTF-8 in it is shown as U+FFFD. */
void view_text(struct args *args, const char *name, const char *text);

/* Nothing where there are none. */
void view_labels(struct args *args, const struct labels *labels);

/* io.forebay.stream.Fault. */
void view_fault(struct args *args, const char *name, const struct fault *fault);

/* `context` and `runtime`. */
void view_pool(struct args *args, const struct pool *pool);

void view_buffer(struct args *args, const char *name, const struct buffer *buffer);

void view_stream_context(struct args *args, const struct stream *stream);
void view_stream_runtime(struct args *args, const struct stream *stream);
/* `id`, `context` and `runtime`. */
void view_stream(struct args *args, const struct stream *stream);

/* `readable`; with `id`. */
void view_readable_runtime(struct args *args, const struct readable *readable);
void view_readable(struct args *args, const struct readable *readable);

/* Adds `ring` where there is one, and tells how many descriptors the reply has. */
size_t view_ring(struct args *args, const struct stream_ring_fds *ring, int ret_fds[static 2]);

/* Nothing where there are none. */
void view_steps(struct args *args, const struct stream_options *options);

void view_job_runtime(struct args *args, const struct job_runtime *runtime);
/* `context` and `runtime`. */
void view_job(struct args *args, const struct job *job);
/* io.forebay.job.RunRecord. */
void view_record(struct args *args, const char *name, const struct job_record *record);

/* -1: not known. */
void view_store(struct args *args, const struct store *store, int64_t free_bytes,
		int64_t used_bytes);
void view_store_file(struct args *args, const struct store_file *file);

#endif
