/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_LEASE_H
#define FOREBAY_CLIENT_LEASE_H

/* A lease over a buffer that is there already. Thread: one at a time. */

#include "proto/must_check.h"

struct forebay_buffer;
struct forebay_lease;

/* As those of Node's pool. */
#define LEASE_SLAB_BYTES 8192

/* The buffer is the lease's if this succeeds: forebay_lease_release() lets go of it. */
int lease_new(struct forebay_buffer *buffer, struct forebay_lease **ret_lease) must_check;

#endif
