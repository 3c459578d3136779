/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_VERSIONS_H
#define FOREBAY_PROTO_VERSIONS_H

/*
 * The version memfd of a pool, which io.forebay.pool.Acquire hands out beside the pool's
 * memory. By it a program tells when it changes a buffer, so that a job can save the buffer
 * while it is being written to, and never a mixture of two states.
 *
 * Layout: this header, then one 64-bit word for each backing (its slot), then one for each
 * block of block_bytes of the pool. All numbers are unsigned, 64 bits, of the machine's byte
 * order, and aligned. Buffer.versionOffset is the offset in bytes, from the start of this
 * memfd, of the slot of the buffer's backing; slices of one backing share it. The word of the
 * block that holds offset o of the pool lies at blocks_offset + o / block_bytes * 8.
 *
 * A slot is even while nobody updates the backing, odd during an update.
 *
 * begin_update(buffer)
 *	Load the slot. If it is odd, somebody else is updating: EBUSY. Else compare-and-swap
 *	it from that value to the next (acquire and release); if that fails: EBUSY. Full fence
 *	before the first byte is changed. One writer at a time; the daemon's own writes to the
 *	buffer (io.forebay.buffer.Write and the like) take the same way and answer BufferBusy.
 * touch(buffer, offset, length)
 *	Between begin and end, as often as needed, and always before the bytes change: add 1
 *	to the word of every block that the range lies in (an atomic add, since blocks hold
 *	bytes of several buffers), then a full fence. A range that was changed without a touch
 *	may be missing from what a job saves.
 * end_update(buffer)
 *	Full fence, then compare-and-swap the slot from its odd value to the next, which is
 *	even (release). If that fails, another writer took the buffer over: the update is not
 *	complete (ESTALE).
 *
 * A writer that dies in an update leaves the slot odd; versioned jobs fail with that fault
 * until the next complete update. A successor that knows of the death takes over: it
 * compare-and-swaps the odd value to the odd value + 2 in place of begin_update, touches all
 * that it changes or mistrusts, and ends as usual.
 *
 * A reader that wants one state works in passes. It loads the slot (acquire), the words of all
 * blocks of the range, and after an acquire fence the slot again: unless both values are the
 * same even one, it waits and begins this anew, for words that were read during an update may
 * have moved ahead of their bytes. Then it copies the blocks whose words differ from those of
 * the pass in which they were last copied (the first time all), and after an acquire fence it
 * loads the slot once more. Same value as before, or nothing to copy: the copy is the buffer
 * at that version. Else the next pass.
 *
 * The daemon takes all of this as hints about content, never as truth about the memory.
 * There is no form of it without a compare-and-swap: in a language that has none, use the
 * daemon's Write instead.
 */

#include <stddef.h>
#include <stdint.h>

#define FOREBAY_VERSIONS_MAGIC                                                                     \
	UINT64_C(0x7372657679626634) /* "4fbyvers" in memory, little-endian */
#define FOREBAY_VERSIONS_VERSION UINT64_C(1)
#define FOREBAY_VERSIONS_HEADER_BYTES 4096
#define FOREBAY_VERSIONS_BLOCK_BYTES 65536

struct forebay_versions_header {
	/* Written once, before the memory is handed out. */
	uint64_t magic;
	uint64_t version;
	uint64_t slots_offset; /* in bytes, from the start of the memfd */
	uint64_t slots_count;
	uint64_t blocks_offset;
	uint64_t blocks_count;
	uint64_t block_bytes; /* FOREBAY_VERSIONS_BLOCK_BYTES */
	uint64_t unused[505];
};

/* What Buffer.versionOffset is for a slot. */
static inline uint64_t forebay_versions_slot_offset(uint64_t slots_offset, uint64_t slot)
{
	return slots_offset + slot * 8;
}

static inline uint64_t forebay_versions_block_offset(uint64_t blocks_offset, uint64_t pool_offset)
{
	return blocks_offset + pool_offset / FOREBAY_VERSIONS_BLOCK_BYTES * 8;
}

#ifdef __cplusplus
#define FOREBAY_VERSIONS_AT(member, offset)                                                        \
	static_assert(offsetof(struct forebay_versions_header, member) == (offset),                \
		      "the layout is fixed")
#else
#define FOREBAY_VERSIONS_AT(member, offset)                                                        \
	_Static_assert(offsetof(struct forebay_versions_header, member) == (offset),               \
		       "the layout is fixed")
#endif

FOREBAY_VERSIONS_AT(magic, 0);
FOREBAY_VERSIONS_AT(version, 8);
FOREBAY_VERSIONS_AT(slots_offset, 16);
FOREBAY_VERSIONS_AT(slots_count, 24);
FOREBAY_VERSIONS_AT(blocks_offset, 32);
FOREBAY_VERSIONS_AT(blocks_count, 40);
FOREBAY_VERSIONS_AT(block_bytes, 48);
FOREBAY_VERSIONS_AT(unused[505], FOREBAY_VERSIONS_HEADER_BYTES);

#undef FOREBAY_VERSIONS_AT

#endif
