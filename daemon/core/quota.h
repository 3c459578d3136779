/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_QUOTA_H
#define FOREBAY_CORE_QUOTA_H

/*
 * What one user may hold at a time, and holds. Everything that a client can make is charged
 * here before it is made and given back when it is gone.
 */

#include <stdint.h>

#include "daemon/base/err.h"

/* The names are those of io.forebay.daemon.Limits. */
#define QUOTA_LIST(X)                                                                              \
	X(CONNECTIONS, "connections")                                                              \
	X(POOL_BYTES, "poolBytes")                                                                 \
	X(RING_BYTES, "ringBytes")                                                                 \
	X(STAGING_BYTES, "stagingBytes")                                                           \
	X(BUFFERS, "buffers")                                                                      \
	X(STREAMS, "streams")                                                                      \
	X(JOBS, "jobs")                                                                            \
	X(CALLS_IN_FLIGHT, "callsInFlight")                                                        \
	X(DESCRIPTORS_IN_FLIGHT, "descriptorsInFlight")

#define QUOTA_ENUM(name, text) QUOTA_##name,

enum quota_kind { QUOTA_LIST(QUOTA_ENUM) QUOTA_KINDS };

struct quota {
	uint64_t used[QUOTA_KINDS];
};

struct quota_limits {
	uint64_t maximum[QUOTA_KINDS];
};

/* Outcome of quota_take(): the limit would be passed; nothing was charged. */
#define QUOTA_E_EXCEEDED 1

int must_check quota_take(struct quota *quota, const struct quota_limits *limits,
			  enum quota_kind kind, uint64_t amount);

/* The amount must have been taken before. */
void quota_give(struct quota *quota, enum quota_kind kind, uint64_t amount);

const char *quota_name(enum quota_kind kind);

#endif
