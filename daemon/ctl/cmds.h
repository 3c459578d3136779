/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_CMDS_H
#define FOREBAY_CTL_CMDS_H

/* The commands of each interface. A method that is in none of these is not implemented. */

#include <stdint.h>

#include "daemon/ctl/dispatch.h"

struct buffer;
struct certification;
struct refusal;

extern const struct command cmd_buffer_table[];
extern const struct command cmd_certification_table[];
extern const struct command cmd_daemon_table[];
extern const struct command cmd_job_table[];
extern const struct command cmd_pool_table[];
extern const struct command cmd_service_table[];
extern const struct command cmd_store_table[];
extern const struct command cmd_stream_table[];

/* What stands in cmd_buffer_table and is done in cmd_buffer_bytes.c. */
int must_check cmd_buffer_fill(struct call *call, struct refusal *refusal);
int must_check cmd_buffer_copy(struct call *call, struct refusal *refusal);
int must_check cmd_buffer_concat(struct call *call, struct refusal *refusal);
int must_check cmd_buffer_compare(struct call *call, struct refusal *refusal);
int must_check cmd_buffer_index_of(struct call *call, struct refusal *refusal);
int must_check cmd_buffer_swap(struct call *call, struct refusal *refusal);

/* The same, in cmd_buffer_number.c. */
int must_check cmd_buffer_get_number(struct call *call, struct refusal *refusal);
int must_check cmd_buffer_set_number(struct call *call, struct refusal *refusal);

/* What stands in cmd_stream_table and is done in cmd_readable.c and cmd_pipe.c. */
int must_check cmd_readable_open(struct call *call, struct refusal *refusal);
int must_check cmd_readable_read(struct call *call, struct refusal *refusal);
int must_check cmd_readable_describe(struct call *call, struct refusal *refusal);
int must_check cmd_readable_list(struct call *call, struct refusal *refusal);
int must_check cmd_pipe(struct call *call, struct refusal *refusal);
/*
 * What the three answer with: a number of that name, or the buffer that was made; with
 * `result`, that. The second is a buffer_done_fn.
 */
void cmd_buffer_reply_int(struct call *call, int result, const char *name, int64_t value,
			  const struct refusal *refusal);
void cmd_buffer_made(void *data, int result, struct buffer *buffer, const struct refusal *refusal);

/* What stands in cmd_job_table and is done in cmd_job_verbs.c. */
int must_check cmd_job_create(struct call *call, struct refusal *refusal);
int must_check cmd_job_run(struct call *call, struct refusal *refusal);
int must_check cmd_job_save(struct call *call, struct refusal *refusal);
int must_check cmd_job_list(struct call *call, struct refusal *refusal);
int must_check cmd_job_describe(struct call *call, struct refusal *refusal);
int must_check cmd_job_history(struct call *call, struct refusal *refusal);
int must_check cmd_job_pause(struct call *call, struct refusal *refusal);
int must_check cmd_job_resume(struct call *call, struct refusal *refusal);
int must_check cmd_job_cancel(struct call *call, struct refusal *refusal);
int must_check cmd_job_dismiss(struct call *call, struct refusal *refusal);
int must_check cmd_job_subscribe_events(struct call *call, struct refusal *refusal);

/* The same, in cmd_job_load.c. */
int must_check cmd_job_load(struct call *call, struct refusal *refusal);

/* How far the clients of the conformance test are; at the end. Takes NULL. */
struct certification *cmd_certification_free(struct certification *certification);

#endif
