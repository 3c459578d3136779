/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_CMDS_H
#define FOREBAY_CTL_CMDS_H

/* The commands of each interface. A method that is in none of these is not implemented. */

#include "daemon/ctl/dispatch.h"

struct certification;

extern const struct command cmd_buffer_table[];
extern const struct command cmd_certification_table[];
extern const struct command cmd_daemon_table[];
extern const struct command cmd_job_table[];
extern const struct command cmd_pool_table[];
extern const struct command cmd_service_table[];
extern const struct command cmd_store_table[];
extern const struct command cmd_stream_table[];

/* How far the clients of the conformance test are; at the end. Takes NULL. */
struct certification *cmd_certification_free(struct certification *certification);

#endif
