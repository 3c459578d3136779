/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_RING_REPLY_H
#define FOREBAY_CLIENT_RING_REPLY_H

/* The two descriptors of a ring, out of the answer they came with. Any thread. */

#include "proto/must_check.h"

struct cJSON;
struct forebay_reply;

/*
 * parameters: those of the reply, which has a member "ring". Both descriptors are the caller's
 * then, and no longer the reply's. -EPROTO: there is no ring, or a descriptor is missing.
 */
int ring_reply_take(const struct cJSON *parameters, struct forebay_reply *reply, int *ret_memory_fd,
		    int *ret_signal_fd) must_check;

#endif
