/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Room on the disk ahead of the writer. A direct write that makes a file longer has the file
 * to itself, so one would wait for the other; so the size of a temporary file is set ahead as
 * well, in steps that grow with what was written. Nobody else sees the file before it is cut
 * to its length. Files written in place are never longer than what is in them.
 *
 * The size is ahead only while whole pages are written directly. Before anything else is
 * written, and before the last sync, the file is cut to the end of the whole pages that were
 * planned. So at any moment what is really there ends at the end of the file, or at its first
 * hole: that is where leftovers.c cuts the file of a daemon that died.
 *
 * A disk that cannot do this, or has no room, is asked once; writing does not depend on it.
 */

#include "config.h"

#include "daemon/io/file.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

/* A stream shorter than this is not worth it. */
#define RESERVE_FROM_BYTES (UINT64_C(4) * 1024 * 1024)
#define RESERVE_STEP_MIN (UINT64_C(16) * 1024 * 1024)
#define RESERVE_STEP_MAX (UINT64_C(256) * 1024 * 1024)

#define PAGE_MASK ((uint64_t)FILE_DIRECT_ALIGNMENT_BYTES - 1)

static int run_reserve(struct io_request *request)
{
	return file_extend(request->fd, request->offset, request->length);
}

static int run_cut(struct io_request *request)
{
	return file_cut(request->fd, request->length);
}

static void settle(struct stream *stream)
{
	struct stream_reserve *reserve = &stream->reserve;

	reserve->busy = false;
	if (reserve->request.result < 0) {
		/* A part of it may be there all the same: `end` stays, so that it is given back. */
		reserve->off = true;
	} else if (reserve->request.run == run_cut) {
		reserve->end = 0;
		reserve->given_back = true;
	}
}

static void request_done(struct io_request *request)
{
	struct stream *stream = request->owner;

	settle(stream);
	if (request->result < 0 && request->run == run_cut && !stream->stopping)
		stream_fail(stream, request->name, (int)request->result, -1);
	stream_publish_go_on(stream);
	stream_pump(stream);
}

static void submit(struct stream *stream, const char *name, int (*run)(struct io_request *))
{
	struct io_request *request = &stream->reserve.request;

	request->operation = IO_RUN;
	request->name = name;
	request->run = run;
	request->done = request_done;
	request->owner = stream;
	request->fd = stream->file_fd;
	request->path = stream->absolute_path;
	request->device = stream->device;
	stream->reserve.busy = true;
	if (engine_submit(stream->registry->engine, request) == ENGINE_DONE)
		settle(stream);
}

static uint64_t step_bytes(uint64_t planned)
{
	if (planned < RESERVE_STEP_MIN)
		return RESERVE_STEP_MIN;
	return planned < RESERVE_STEP_MAX ? planned : RESERVE_STEP_MAX;
}

void stream_reserve_ahead(struct stream *stream)
{
	struct stream_reserve *reserve = &stream->reserve;
	uint64_t planned = stream->base_offset + stream_stored_planned(stream);
	uint64_t known = flow_is_ended(&stream->flow) && !stream->transform ?
				 stream->accepted :
				 (uint64_t)stream->options.size_hint;
	uint64_t step = step_bytes(planned);
	uint64_t from = reserve->end > 0 ? reserve->end : planned & ~PAGE_MASK;
	/* Where the end is known nothing will have to be given back. */
	uint64_t end = planned < known ? known : from + step;

	if (!stream->temporary_name || reserve->busy || reserve->off || stream->stopping ||
	    !stream->direct_now || stream->transfers_busy == 0 || planned < RESERVE_FROM_BYTES ||
	    (planned == stream->accepted && flow_is_ended(&stream->flow)) || end <= from ||
	    planned + step / 2 <= reserve->end)
		return;
	reserve->request.offset = from;
	reserve->request.length = end - from;
	reserve->end = end;
	submit(stream, "allocate", run_reserve);
}

bool stream_reserve_give_back(struct stream *stream)
{
	struct stream_reserve *reserve = &stream->reserve;

	if (!reserve->busy && reserve->end > 0) {
		reserve->request.length =
			(stream->base_offset + stream_stored_planned(stream)) & ~PAGE_MASK;
		submit(stream, "truncate", run_cut);
	}
	return !reserve->busy && reserve->end == 0;
}

bool stream_reserve_is_left(const struct stream *stream)
{
	const struct stream_reserve *reserve = &stream->reserve;
	uint64_t end = stream->base_offset + stream_stored_end(stream);

	return reserve->end > end || stream_stored_most(stream) > stream_stored_end(stream) ||
	       (!reserve->given_back && stream->temporary_name &&
		(uint64_t)stream->options.size_hint > end);
}
