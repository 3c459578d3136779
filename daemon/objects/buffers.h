/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_OBJECTS_BUFFERS_H
#define FOREBAY_OBJECTS_BUFFERS_H

/*
 * Buffers: fixed-length ranges of a pool. A slice shares its backing's memory and version
 * word, and so do the small ones of a pool that need not begin zeroed: a slab (core/slab) is
 * their backing. It is free again when the last buffer over it is gone. Anything whose
 * size a client chooses (zeroing, copying, encoding above 256 KiB) goes to workers, in order
 * per backing. Loop thread only.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/base/list.h"
#include "daemon/core/labels.h"
#include "daemon/core/slab.h"
#include "daemon/objects/refusal.h"
#include "proto/encoding.h"

struct buffer_turn;
struct holder;
struct pool;
struct user;

/*
 * Small buffers of a pool share memory of so many bytes. Whole pages, so that a slab of which
 * nothing is left leaves no gap that other buffers could not use.
 */
#define BUFFER_SLAB_BYTES 8192

/* The memory that one or more buffers share. */
struct backing {
	struct slab slab; /* its references: buffers, and operations under way or waiting */
	struct pool *pool;
	uint64_t id;
	uint64_t offset; /* in the pool */
	uint64_t length;
	uint32_t buffers;	  /* that lie over it */
	uint32_t pins;		  /* writes of streams in hand, over all its buffers */
	uint32_t version_slot;	  /* its word in the pool's version memfd */
	struct buffer_turn *turn; /* of the operation that has it to itself; NULL: of none */
	struct list waiting;	  /* buffer_turn::link, those that wait for their turn */
};

struct buffer {
	struct list pool_link; /* pool::buffers; on none while it is being made */
	struct pool *pool;
	struct backing *backing;
	uint64_t id;
	uint64_t offset; /* in the backing */
	uint64_t length;
	uint32_t pins;	  /* writes of streams in hand that use it */
	struct list jobs; /* job::buffer_link, those that name it */
	uint32_t job_count;
	struct labels labels;
};

typedef void (*buffer_done_fn)(void *data, int result, struct buffer *buffer,
			       const struct refusal *refusal);

struct buffer_request {
	const char *pool; /* NULL: default, or a pool of its own for a large one */
	uint64_t length;
	bool unsafe;	      /* whatever bytes this user left there; a small one is in a slab */
	struct labels labels; /* moved out on success */

	/* Alloc with fill: the text to repeat; NULL: zeroes (or nothing, if unsafe). */
	const char *fill;
	enum encoding encoding;
};

int must_check buffer_alloc(struct holder *holder, struct buffer_request *request,
			    buffer_done_fn done, void *data, struct refusal *refusal);

/* A copy of the text's bytes, in a slab if small. length, unsafe and fill are not looked at. */
int must_check buffer_from_text(struct holder *holder, struct buffer_request *request,
				const char *text, buffer_done_fn done, void *data,
				struct refusal *refusal);

/*
 * A copy of the content of a regular file or memfd, from its start, in a slab if small. Takes
 * the descriptor on 0 only. Anything else is REFUSAL_PARAMETER "fileDescriptorIndex".
 */
int must_check buffer_from_fd(struct holder *holder, struct buffer_request *request, int source_fd,
			      buffer_done_fn done, void *data, struct refusal *refusal);

/* Of this user, or any for root; else REFUSAL_NO_SUCH_BUFFER. */
int must_check buffer_find(struct user *user, uint64_t id, struct buffer **ret_buffer,
			   struct refusal *refusal);

/*
 * `text` is NUL-ended, malloc'd, and the callback's to free; `bytes` is how many bytes of the
 * buffer it stands for (fewer than asked where the text, spelt in JSON, would be longer than
 * `limit_bytes`, which has room for some characters: never none of those that were asked for;
 * no character is cut). length UINT64_MAX: to the buffer's end. BAD_ENCODING where the bytes
 * could not come back from the text as they are.
 */
typedef void (*buffer_text_fn)(void *data, int result, char *text, uint64_t bytes,
			       const struct refusal *refusal);

int must_check buffer_read(struct buffer *buffer, uint64_t offset, uint64_t length,
			   enum encoding encoding, uint64_t limit_bytes, buffer_text_fn done,
			   void *data, struct refusal *refusal);

/* `bytes`: how many were written. */
typedef void (*buffer_count_fn)(void *data, int result, uint64_t bytes,
				const struct refusal *refusal);

/*
 * The text is copied before this returns. length UINT64_MAX: as much as there is. No
 * character is written in part. BUFFER_BUSY while a client is updating the buffer.
 */
int must_check buffer_write(struct buffer *buffer, uint64_t offset, uint64_t length,
			    const char *text, enum encoding encoding, buffer_count_fn done,
			    void *data, struct refusal *refusal);

/* Negative positions count from the end; what lies outside is cut, as Node does. */
int must_check buffer_slice(struct holder *holder, struct buffer *buffer, int64_t start,
			    int64_t end, struct buffer **ret_slice, struct refusal *refusal);

/* REFUSAL_BUFFER_PINNED while a stream holds it or a job names it. */
int must_check buffer_free(struct buffer *buffer, uint64_t *ret_freed_bytes,
			   struct refusal *refusal);

/*
 * For streams: the address of a range, which stays mapped and allocated until buffer_unpin().
 * REFUSAL_OUT_OF_RANGE where the range does not lie in the buffer. The bytes are the
 * client's to scribble on: give them to the kernel, never parse them.
 */
int must_check buffer_pin(struct buffer *buffer, uint64_t offset, uint64_t length,
			  const unsigned char **ret_address, struct refusal *refusal);
void buffer_unpin(struct buffer *buffer);

/* For a pool that goes: all of its buffers that no stream has pinned. */
void buffers_drop_all(struct pool *pool);

/* Whether its pool was destroyed under a pin: the stream that holds it must fail. */
bool buffer_is_orphan(const struct buffer *buffer);

/* The version word's value, even when nobody is updating. */
uint64_t buffer_version(const struct buffer *buffer);
/* Where that word lies in the pool's version memfd. */
uint64_t buffer_version_offset(const struct buffer *buffer);

#endif
