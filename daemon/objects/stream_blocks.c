/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/stream_blocks.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "daemon/io/file.h"

#define PAGE_MASK ((uint64_t)FILE_DIRECT_ALIGNMENT_BYTES - 1)

static struct stream_block *block_at(struct stream_blocks *blocks, uint32_t index)
{
	return &blocks->block[(blocks->first + index) % STREAM_BLOCKS];
}

void stream_blocks_fini(struct stream_blocks *blocks)
{
	for (int i = 0; i < STREAM_BLOCKS; i++) {
		free(blocks->block[i].memory);
		blocks->block[i].memory = NULL;
	}
	blocks->count = 0;
	blocks->made = 0;
}

/* The one that is being filled; NULL: none. */
static struct stream_block *open_block(struct stream_blocks *blocks)
{
	struct stream_block *last = blocks->count ? block_at(blocks, blocks->count - 1) : NULL;

	return last && !last->closed ? last : NULL;
}

bool stream_blocks_need_memory(const struct stream_blocks *blocks)
{
	return !open_block((struct stream_blocks *)blocks) && blocks->count == blocks->made &&
	       blocks->count < STREAM_BLOCKS;
}

/* Memory for the block behind the last one: of one that is not in use, or new. */
static int take_memory(struct stream_blocks *blocks)
{
	struct stream_block *block = block_at(blocks, blocks->count);

	for (uint32_t i = blocks->count + 1; !block->memory && i < STREAM_BLOCKS; i++) {
		block->memory = block_at(blocks, i)->memory;
		block_at(blocks, i)->memory = NULL;
	}
	if (block->memory)
		return 0;
	block->memory = aligned_alloc(FILE_DIRECT_ALIGNMENT_BYTES, STREAM_BLOCK_BYTES);
	if (!block->memory)
		return -ENOMEM;
	blocks->made++;
	return 0;
}

int stream_blocks_open(struct stream_blocks *blocks, uint64_t position, uint64_t file_offset,
		       struct stream_block **ret_block)
{
	struct stream_block *block = open_block(blocks);
	int r;

	*ret_block = block;
	if (block || blocks->count == STREAM_BLOCKS)
		return 0;
	r = take_memory(blocks);
	if (r < 0)
		return r;
	block = block_at(blocks, blocks->count);
	*block = (struct stream_block){
		.memory = block->memory,
		.bytes = block->memory + (file_offset & PAGE_MASK),
		.position = position,
	};
	blocks->count++;
	*ret_block = block;
	return 0;
}

uint64_t stream_block_room(const struct stream_block *block)
{
	return STREAM_BLOCK_BYTES - (uint64_t)(block->bytes - block->memory) - block->length;
}

struct stream_block *stream_blocks_find_unplanned(struct stream_blocks *blocks)
{
	for (uint32_t i = 0; i < blocks->count; i++) {
		struct stream_block *block = block_at(blocks, i);

		if (block->closed && block->planned < block->length)
			return block;
	}
	return NULL;
}

void stream_blocks_release(struct stream_blocks *blocks)
{
	while (blocks->count > 0) {
		const struct stream_block *block = block_at(blocks, 0);

		if (!block->closed || block->planned < block->length || block->in_flight > 0)
			break;
		blocks->first = (blocks->first + 1) % STREAM_BLOCKS;
		blocks->count--;
	}
}

void stream_blocks_drop(struct stream_blocks *blocks)
{
	for (uint32_t i = 0; i < blocks->count; i++)
		assert(block_at(blocks, i)->in_flight == 0);
	blocks->count = 0;
}
