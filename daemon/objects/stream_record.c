/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * What the catalogue is told of a file that was put in place, so that its digest can be asked
 * for and held against it later, and so that retention knows what it may remove. The file is there and safe by then: a catalogue that fails
 * takes nothing away from that, it is only logged.
 */

#include "config.h"

#include <errno.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/base/log.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

#define USEC_PER_SEC 1000000
#define NSEC_PER_SEC INT64_C(1000000000)

bool stream_record_is_wanted(const struct stream *stream)
{
	return (stream->digest[0] != '\0' || stream->rotate || stream->mark) &&
	       stream->absolute_path && stream->target == STREAM_TARGET_PATH &&
	       stream->ending == STREAM_ENDING_FINISH;
}

static void recorded(struct stream *stream, int result)
{
	char path[256];

	if (result < 0)
		log_warning("stream", "not recorded", "id=%s errno=%d path=%s", stream->id_text,
			    -result, log_quote(stream->absolute_path, path, sizeof(path)));
	stream->record_done(stream);
}

static void row_added(struct catalogue_request *request)
{
	struct stream *stream = request->owner;

	recorded(stream, request->result);
	stream_pump(stream);
}

static int run_facts(struct io_request *request)
{
	struct stream *stream = request->owner;
	struct catalogue_file *record = &stream->record;
	struct stat facts;
	struct timespec now;

	if (fstat(stream->file_fd, &facts) < 0)
		return -errno;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	record->bytes = (uint64_t)facts.st_size;
	record->inode = facts.st_ino;
	record->mtime_ns = facts.st_mtim.tv_sec * NSEC_PER_SEC + facts.st_mtim.tv_nsec;
	record->published_usec = now.tv_sec * USEC_PER_SEC + now.tv_nsec / 1000;
	return 0;
}

static void facts_known(struct stream *stream, int64_t result)
{
	struct catalogue_file *record = &stream->record;
	int r = (int)result;

	record->owner = stream->user->uid;
	record->store = stream->store ? stream->store : "";
	record->path = stream->absolute_path;
	stream_rotate_record(stream, record);
	record->digest = stream->digest;
	stream->catalogue_request.done = row_added;
	stream->catalogue_request.owner = stream;
	if (r == 0)
		r = catalogue_add_file(stream->registry->catalogue, record,
				       &stream->catalogue_request);
	if (r < 0)
		recorded(stream, r);
}

void stream_record_begin(struct stream *stream, void (*done)(struct stream *stream))
{
	stream->record_done = done;
	stream_task_run(stream, "stat", run_facts, facts_known);
}
