/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_INLINE_STORE_H
#define FOREBAY_OBJECTS_INLINE_STORE_H

/*
 * The bytes that came inside of Write calls, until they are done: in memfds, so that they can
 * survive the daemon. Each block is filled from its start; a block goes when all that was
 * put into it is done. Charged to the user as stagingBytes. Loop thread only.
 */

#include <stddef.h>
#include <stdint.h>

#include "daemon/base/list.h"
#include "daemon/io/memfd.h"
#include "daemon/objects/refusal.h"

struct user;

struct inline_block {
	struct list link; /* inline_store::blocks */
	int memory_fd;
	struct mapping mapping;
	size_t filled;
	uint32_t uses;
};

struct inline_store {
	struct list blocks;
};

void inline_store_init(struct inline_store *store);
void inline_store_fini(struct inline_store *store, struct user *user);

/* Room for `bytes` (at least 1), to be filled by the caller. 0, REFUSED (LIMIT), -errno. */
int must_check inline_store_reserve(struct inline_store *store, struct user *user, size_t bytes,
				    struct inline_block **ret_block, unsigned char **ret_address,
				    struct refusal *refusal);
void inline_store_release(struct inline_store *store, struct user *user,
			  struct inline_block *block);

#endif
