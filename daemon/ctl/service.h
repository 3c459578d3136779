/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_SERVICE_H
#define FOREBAY_CTL_SERVICE_H

/*
 * The Varlink service as a whole: what all its connections share. daemon.c fills in the first
 * part, calls service_init(), adds listeners (ctl/listener.h), and ends it with service_fini()
 * once the engine is idle and before the registry goes. Loop thread only.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/base/err.h"
#include "daemon/base/list.h"

struct certification;
struct command;
struct event_base;
struct idl_interface;
struct registry;

/* Where a configuration file is wrong. */
struct service_bad_configuration {
	const char *file;
	int64_t line;
	const char *reason;
};

/*
 * `result` is 0, a negative errno, or SERVICE_E_BAD_CONFIGURATION with `bad` filled in (which
 * is read before this returns). `call` is what the reload callback was given.
 */
#define SERVICE_E_BAD_CONFIGURATION 1
typedef void (*service_reloaded_fn)(void *call, int result,
				    const struct service_bad_configuration *bad);

/* What only the daemon itself can do. */
struct service_owner {
	/* Reads the configuration again and calls `done` once, at once or later. */
	void (*reload)(void *data, service_reloaded_fn done, void *call);

	/*
	 * Begins to stop. The answer to the call is already on its way, and the loop must go
	 * on for it. timeout_usec -1: the daemon's own default.
	 */
	void (*shutdown)(void *data, bool drain, int64_t timeout_usec);
	void *data;
};

struct service_limits {
	uint32_t connections_total;
	size_t message_bytes;	       /* of one call or reply */
	size_t event_queue_bytes;      /* events that wait for one subscriber */
	uint64_t message_timeout_usec; /* from a message's first byte to its last; 0: default */
};

#define SERVICE_MESSAGE_TIMEOUT_USEC UINT64_C(10000000)

struct service_counters {
	uint64_t connections; /* taken since the start */
	uint64_t calls;
	uint64_t errors; /* calls that were answered with an error */
	uint64_t events_dropped;
	uint64_t clients_dropped; /* for breaking the protocol */
	uint64_t wrong_replies;	  /* that check_replies has found: mistakes of ours */
};

/* An interface that is served: its definition, and the commands there are for it. */
struct service_interface {
	struct idl_interface *idl;
	const struct command *commands; /* ended by one without a member */
};

struct service {
	/* Set by the owner before service_init(); limits may change later. */
	struct event_base *base;
	struct registry *registry;
	struct service_owner owner;
	struct service_limits limits;
	const char *engine_name; /* "uring", "threads" */
	bool certification;	 /* org.varlink.certification is served */
	bool check_replies;	 /* every reply is held against its definition */

	/* Kept up by the owner: the longest the loop was away since this was last set to 0. */
	uint64_t loop_longest_usec;

	/* The service's own. */
	struct service_interface *interfaces;
	size_t interface_count;
	struct list sessions; /* session::service_link */
	uint32_t session_count;
	struct list listeners; /* listener::service_link */
	struct service_counters counters;
	uint64_t started_usec; /* wall clock */
	struct certification *certification_state;
	uint64_t log_window_ns; /* when the current window of bounded lines began */
	uint32_t log_count;	/* lines in it */
	uint32_t log_suppressed;
};

/* -ENOMEM; -EINVAL where a definition of our own is bad or a command is not in it. */
int must_check service_init(struct service *service);

/* Closes every connection, after one last try to send what waits. */
void service_fini(struct service *service);

/* NULL: not served. `name` need not end in a NUL. */
const struct service_interface *service_find(const struct service *service, const char *name,
					     size_t name_bytes);

/* A descriptor was closed: whoever waits for one to accept with may try again. */
void service_wake_listeners(struct service *service);

/* Whether one more line about a client's doing may be logged now. */
bool service_may_log(struct service *service);

#endif
