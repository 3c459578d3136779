/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Which bytes of a file stream go past the page cache. Whole pages do, straight from the
 * producer's memory, where memory and file are aligned alike (a ring's phase sees to that) and
 * enough of them lie in one run; all else goes through the cache by the ordinary descriptor:
 * the bytes before the first page boundary and after the last one, streams that trickle, and
 * files that cannot do otherwise.
 *
 * Why the two never meet on a page:
 *   - each byte belongs to one transfer, and a direct one covers whole pages; so a page that
 *     two transfers share is written through the cache by both;
 *   - transfers of the two kinds are never in flight together, so no page, however large the
 *     kernel makes it in its cache, is being dirtied while a direct write passes it by. What
 *     went through the cache before is written out and dropped there by the kernel itself, as
 *     part of each direct write to the same range.
 *
 * So that this seldom costs a pause, stream_ring.c hands over whole pages as long as more comes.
 */

#include "config.h"

#include <errno.h>

#include "daemon/io/file.h"
#include "daemon/objects/stream.h"

#define PAGE_MASK ((uint64_t)FILE_DIRECT_ALIGNMENT_BYTES - 1)

bool stream_direct_is_in_use(const struct stream *stream)
{
	return stream->direct_fd >= 0 && !stream->direct_off;
}

static uint64_t offset_in_page(const struct stream *stream, uint64_t position)
{
	return (stream->base_offset + position) & PAGE_MASK;
}

/*
 * Whole pages, in file and memory, from `skip` bytes behind the cursor on. Pieces of memory
 * that do not follow each other must each begin on a page; a piece that does not end on one
 * is the last.
 */
static uint64_t run_bytes(const struct stream *stream, const struct stream_batch *batch,
			  uint64_t skip, uint64_t most)
{
	const struct list *link = batch->cursor;
	uint64_t left = batch->bytes - batch->planned_bytes - skip;
	uint64_t cursor = batch->cursor_bytes + skip;
	const unsigned char *end = NULL;
	uint64_t bytes = 0;
	uint32_t pieces = 0;

	if (most > left)
		most = left;
	while (bytes < most) {
		const struct stream_entry *entry =
			container_of(link, struct stream_entry, write.step.link);
		const unsigned char *address = stream_entry_address(stream, entry, cursor);
		uint64_t piece = entry->write.bytes - cursor;

		if (piece > most - bytes)
			piece = most - bytes;
		if (piece > 0 && address != end) {
			if (((uintptr_t)address | bytes) & PAGE_MASK ||
			    pieces == STREAM_TRANSFER_IOV)
				break;
			pieces++;
		}
		if (piece > 0)
			end = address + piece;
		bytes += piece;
		cursor = 0;
		link = link->next;
	}
	return bytes & ~PAGE_MASK;
}

uint64_t stream_direct_bytes(const struct stream *stream, const struct stream_batch *batch,
			     uint64_t most)
{
	bool under_way = stream->transfers_busy > 0 && stream->direct_now;
	uint64_t bytes;

	if (!stream_direct_is_in_use(stream) ||
	    offset_in_page(stream, batch->position + batch->planned_bytes) != 0)
		return 0;
	bytes = run_bytes(stream, batch, 0, most);
	/* The rest of a long run is not worth a change of ways. */
	return bytes >= STREAM_DIRECT_BYTES_MIN || under_way ? bytes : 0;
}

uint64_t stream_buffered_bytes(const struct stream *stream, const struct stream_batch *batch,
			       uint64_t most)
{
	const struct stream_entry *entry =
		container_of(batch->cursor, struct stream_entry, write.step.link);
	uint64_t in_page = offset_in_page(stream, batch->position + batch->planned_bytes);
	uint64_t head = FILE_DIRECT_ALIGNMENT_BYTES - in_page;

	if (!stream_direct_is_in_use(stream) || in_page == 0 ||
	    entry->write.bytes - batch->cursor_bytes <= head)
		return most;
	if (run_bytes(stream, batch, head, most) < STREAM_DIRECT_BYTES_MIN)
		return most;
	return head < most ? head : most;
}

uint64_t stream_direct_piece(const struct stream *stream, uint64_t position, uint64_t bytes,
			     bool *ret_direct)
{
	uint64_t in_page = offset_in_page(stream, position);
	uint64_t head = in_page ? FILE_DIRECT_ALIGNMENT_BYTES - in_page : 0;
	uint64_t whole = bytes > head ? (bytes - head) & ~PAGE_MASK : 0;
	bool under_way = stream->transfers_busy > 0 && stream->direct_now;

	*ret_direct = false;
	if (!stream_direct_is_in_use(stream) ||
	    (whole < STREAM_DIRECT_BYTES_MIN && (whole == 0 || head > 0 || !under_way)))
		return bytes;
	if (head > 0)
		return head;
	*ret_direct = true;
	return whole;
}

bool stream_direct_must_wait(const struct stream *stream, const struct stream_transfer *transfer)
{
	return stream->transfers_busy > 0 && transfer->direct != stream->direct_now;
}

bool stream_direct_refused(struct stream_transfer *transfer)
{
	struct stream *stream = transfer->stream;

	/* Also after a short write that ended inside of a block. */
	if (!transfer->direct || transfer->request.result != -EINVAL)
		return false;
	stream->direct_off = true;
	transfer->direct = false;
	transfer->request.fd = stream->file_fd;
	return true;
}
