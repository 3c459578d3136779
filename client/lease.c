/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/buffer.h"
#include "client/forebay.h"
#include "client/forebay_memory.h"
#include "client/pieces.h"
#include "client/pool.h"

struct forebay_lease {
	struct forebay_buffer *buffer;
	unsigned char *memory;
	struct pieces pieces;
};

int lease_new(struct forebay_buffer *buffer, struct forebay_lease **ret_lease)
{
	struct forebay_lease *lease = calloc(1, sizeof(*lease));
	int r;

	if (!lease)
		return -ENOMEM;
	r = pieces_init(&lease->pieces, buffer->length, LEASE_SLAB_BYTES);
	if (r) {
		free(lease);
		return r;
	}
	lease->buffer = buffer;
	lease->memory = forebay_buffer_data(buffer);
	*ret_lease = lease;
	return 0;
}

int forebay_lease_open(struct forebay_connection *connection, struct forebay_pool *pool,
		       size_t bytes, struct forebay_lease **ret_lease)
{
	struct forebay_buffer *buffer;
	int r;

	if (pool->read_only)
		return -EROFS;
	if (bytes < PIECES_ALIGNMENT_BYTES)
		return -EINVAL;
	r = forebay_buffer_alloc(connection, pool, bytes, 1, &buffer);
	if (r)
		return r;
	r = lease_new(buffer, ret_lease);
	if (r && forebay_buffer_free(connection, buffer))
		forebay_buffer_release(buffer);
	return r;
}

static void lease_free(struct forebay_lease *lease)
{
	pieces_fini(&lease->pieces);
	free(lease);
}

int forebay_lease_close(struct forebay_connection *connection, struct forebay_lease *lease)
{
	int r;

	if (!lease)
		return 0;
	r = forebay_buffer_free(connection, lease->buffer);
	if (r)
		return r;
	lease_free(lease);
	return 0;
}

void forebay_lease_release(struct forebay_lease *lease)
{
	if (!lease)
		return;
	forebay_buffer_release(lease->buffer);
	lease_free(lease);
}

struct forebay_buffer *forebay_lease_buffer(const struct forebay_lease *lease)
{
	return lease->buffer;
}

int forebay_lease_alloc(struct forebay_lease *lease, size_t bytes, struct forebay_view *ret_view)
{
	struct piece piece;
	int r;

	r = pieces_take(&lease->pieces, bytes, &piece);
	if (r)
		return r;
	*ret_view = (struct forebay_view){
		.memory = lease->memory + piece.offset,
		.bytes = bytes,
		.buffer = lease->buffer,
		.offset = piece.offset,
		.piece = piece.generation,
	};
	return 0;
}

int forebay_lease_free(struct forebay_lease *lease, const struct forebay_view *view)
{
	if (view->buffer != lease->buffer)
		return -EINVAL;
	return pieces_give(&lease->pieces, (struct piece){ view->offset, view->piece });
}

void forebay_lease_get_numbers(const struct forebay_lease *lease,
			       struct forebay_lease_numbers *ret_numbers, size_t numbers_size)
{
	struct forebay_lease_numbers numbers = {
		.bytes = lease->buffer->length,
		.held_bytes = lease->pieces.held_bytes,
		.pieces = lease->pieces.piece_count,
	};

	memset(ret_numbers, 0, numbers_size);
	memcpy(ret_numbers, &numbers,
	       numbers_size < sizeof(numbers) ? numbers_size : sizeof(numbers));
}
