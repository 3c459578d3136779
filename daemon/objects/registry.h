/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_REGISTRY_H
#define FOREBAY_OBJECTS_REGISTRY_H

/*
 * All that clients have made, by id and by user, and the services that the objects share.
 * Loop thread only. The registry borrows the services; daemon.c makes and ends them.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/base/list.h"
#include "daemon/core/id_map.h"
#include "daemon/core/lifecycle.h"
#include "daemon/core/quota.h"
#include "daemon/objects/refusal.h"

struct catalogue;
struct event_base;
struct io_engine;
struct jobs;
struct ledger;
struct stream;

/* Totals since the start, for Describe and metrics. */
struct registry_counters {
	uint64_t bytes_accepted;
	uint64_t bytes_written;
	uint64_t drains;
	uint64_t streams_opened;
};

struct registry {
	struct event_base *base;
	struct io_engine *engine;
	struct catalogue *catalogue;
	struct ledger *ledger;

	uid_t own_uid;	   /* the daemon's */
	char instance[17]; /* names this run's temporaries */
	enum lifecycle lifecycle;

	struct quota_limits limits;  /* for each user */
	uint64_t memory_limit_bytes; /* pools, rings and inline data of all users */
	uint64_t memory_bytes;
	uint64_t default_pool_bytes;
	uint32_t descriptor_limit; /* that the ledger keeps */
	uint32_t errands;	   /* under way: while there are, the loop must go on */

	struct list users;  /* user::registry_link */
	struct list stores; /* store::link */
	struct list zones;  /* held_zone::link, those read last come first */
	struct id_map buffers;
	struct id_map streams;
	struct id_map readable_ids;
	struct list readables;	      /* readable::registry_link */
	struct list pipes;	      /* pipe::registry_link */
	struct jobs *jobs;	      /* NULL: none can be made */
	struct list stream_observers; /* stream_observer::link, those of all streams */
	struct registry_counters counters;
};

/* One user's account. It lives while anything is charged to it or a connection refers to it. */
struct user {
	struct list registry_link; /* registry::users */
	struct registry *registry;
	uid_t uid;
	uint32_t references;
	struct quota quota;
	struct list pools;	   /* pool::user_link */
	struct list new_pools;	   /* pool::user_link, those being made */
	uint32_t pool_count;	   /* on either list */
	struct list streams;	   /* stream::user_link, those that have not ended */
	struct list ended_streams; /* stream::user_link, oldest first */
	uint32_t ended_count;
};

/*
 * What one connection holds: it goes, or changes hands, when the connection goes. Its memory
 * must stay until each call that was given it, and answered 0, has called its `done`.
 */
struct holder {
	struct user *user;
	struct list pools;	     /* pool::holder_link, connection lifetime */
	struct list streams;	     /* stream::holder_link */
	struct list readables;	     /* readable::holder_link, those that have not ended */
	struct list ended_readables; /* readable::holder_link, oldest first */
	uint32_t ended_readable_count;
	struct stream *last_ended; /* kept while the connection lives; NULL: none */
	bool gone;		   /* the connection is dead; calls of its may still be going on */
};

void registry_init(struct registry *registry);
/* Everything must have been ended before. */
void registry_fini(struct registry *registry);

/* A random id that no object has. Negative errno where there is no randomness. */
int must_check registry_new_id(struct registry *registry, uint64_t *ret_id);

/* The account of a UID, made where there is none; gives a reference. NULL: no memory. */
struct user *user_acquire(struct registry *registry, uid_t uid);
void user_release(struct user *user);
/* NULL: nobody with this UID holds anything. No reference. */
struct user *user_find(struct registry *registry, uid_t uid);

/* Charges the user, and the daemon's memory for the kinds that are memory. */
int must_check user_charge(struct user *user, enum quota_kind kind, uint64_t amount,
			   struct refusal *refusal);
void user_discharge(struct user *user, enum quota_kind kind, uint64_t amount);

/* May this user see objects of that owner? root may see all. */
bool user_may_use(const struct user *user, uid_t owner_uid);

/* Takes a reference on the account. 0 or -ENOMEM. */
int must_check holder_init(struct holder *holder, struct registry *registry, uid_t uid);

/*
 * The connection is gone: its streams follow their onDisconnect, its pools go, or linger
 * while a stream uses them. Once; the holder's memory must stay until holder_fini().
 */
void holder_gone(struct holder *holder);
void holder_fini(struct holder *holder);

#endif
