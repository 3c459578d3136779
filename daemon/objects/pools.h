/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_POOLS_H
#define FOREBAY_OBJECTS_POOLS_H

/*
 * Pools: one sealed, preallocated memfd each, owned by one user and shared with nobody else,
 * with a second memfd for its version words (proto/versions.h). The table of what is where
 * in it lives in the daemon's private memory (core/allocator), so nothing that a client
 * writes into a pool is believed.
 *
 * Making and unmapping go to workers; everything else is at once. Loop thread only.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "daemon/base/list.h"
#include "daemon/core/allocator.h"
#include "daemon/core/labels.h"
#include "daemon/core/slab.h"
#include "daemon/io/memfd.h"
#include "daemon/io/sigbus.h"
#include "daemon/objects/refusal.h"

struct holder;
struct registry;
struct user;

enum pool_lifetime {
	POOL_LIFETIME_CONNECTION,
	POOL_LIFETIME_DAEMON,
};

#define POOL_NAME_BYTES 128
#define POOL_DEFAULT_NAME "default"
#define POOL_SIZE_DEFAULT_BYTES (UINT64_C(64) * 1024 * 1024)

/* Each backing begins on a page, so that large buffers can be written with O_DIRECT. */
#define POOL_GRANULE_BYTES 4096

/* Of one user, so that nobody can use up the descriptors of all. */
#define POOLS_MAX 512

struct pool {
	struct list user_link;	 /* user::pools; user::new_pools while it is being made */
	struct list holder_link; /* holder::pools; on none: daemon lifetime, or lingering */
	struct user *user;
	uint64_t id;
	char name[POOL_NAME_BYTES];
	uint64_t size_bytes;
	bool huge_pages;
	bool own_for_buffer; /* made for one large buffer, goes with it */
	bool lingering;	     /* its connection is gone; goes when nothing uses it */
	bool destroyed;	     /* on no list; its memory goes when nothing uses it */
	enum pool_lifetime lifetime;
	struct labels labels;

	int memory_fd;
	int version_fd;
	struct mapping memory;
	struct mapping versions;
	struct sigbus_watch memory_watch;
	struct sigbus_watch version_watch;
	struct allocator allocator; /* in POOL_GRANULE_BYTES */
	struct slabs slabs;	    /* each in a backing */
	struct list buffers;	    /* buffer::pool_link */
	uint32_t buffer_count;
	uint32_t stream_pins; /* writes of streams that use a range of this pool */
	uint32_t job_count;   /* jobs that name a buffer of it */
	uint32_t uses;	      /* by operations under way: pool_use() */
	uint64_t used_bytes;
	uint64_t peak_bytes;
	uint64_t generation;   /* 1 for a new pool */
	uint64_t created_usec; /* wall clock */
};

/* What Create is asked for. The labels are moved out on success. */
struct pool_request {
	const char *name;
	uint64_t size_bytes; /* rounded up to whole pages; 0: POOL_SIZE_DEFAULT_BYTES */
	bool huge_pages;
	bool own_for_buffer; /* its name is made up */
	enum pool_lifetime lifetime;
	struct labels labels;
};

/*
 * Called once, from the loop, when an object has been made or could not be: `result` is 0,
 * REFUSED with `refusal`, or a negative errno. Never called inside the function that took it.
 */
typedef void (*pool_done_fn)(void *data, int result, struct pool *pool,
			     const struct refusal *refusal);

/* 0: `done` will be called. Otherwise it will not. */
int must_check pool_create(struct holder *holder, struct pool_request *request, pool_done_fn done,
			   void *data, struct refusal *refusal);

/* "default" is made on first use; `name` NULL means it. Else as pool_create(). */
int must_check pool_get(struct holder *holder, const char *name, pool_done_fn done, void *data,
			struct refusal *refusal);

/* The pool of that name of the owner, if this user may use it; else REFUSAL_NO_SUCH_POOL. */
int must_check pool_find(struct user *user, uid_t owner_uid, const char *name,
			 struct pool **ret_pool, struct refusal *refusal);

/* Two descriptors for the client, the caller's to close. */
int must_check pool_acquire(struct pool *pool, bool read_only, int *ret_memory_fd,
			    int *ret_version_fd);

/*
 * Without force, REFUSAL_POOL_BUSY while any buffer is pinned by a stream or named by a job.
 * With force those streams fail and those jobs pause (operation "destroy", ECANCELED), and the
 * memory goes once the writes in hand are over. The name is free at once.
 */
int must_check pool_destroy(struct pool *pool, bool force, uint64_t *ret_freed_buffers,
			    struct refusal *refusal);

/* The same by force, where nobody asked: a buffer's own pool goes with it. */
void pool_drop(struct pool *pool);

/* For holder_gone(): the pool goes now, or as soon as no stream uses it. */
void pool_abandon(struct pool *pool);

/* While it is in use, the pool is there and its memory stays mapped, even if destroyed. */
void pool_use(struct pool *pool);
/* May free the pool. */
void pool_unuse(struct pool *pool);

/*
 * Whether a page of it was lost: then it is destroyed, with a line in the log, and what its
 * buffers held is not to be trusted. For whoever has just read or written there.
 */
bool pool_check_damage(struct pool *pool);

/* At shutdown, with nothing under way any more: destroys every pool of every user. */
void pool_destroy_all(struct registry *registry);

#endif
