/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdlib.h>
#include <string.h>

#include "proto/frame.h"
#include "tests/fuzz/fuzz.h"

/*
 * The input is a script of reads: one byte for how many bytes come (1..64), one for how many
 * descriptors come with them, then the bytes. A naive splitter at every NUL says what must
 * come out. The descriptors are numbers that are counted: none may be lost or come twice.
 */
#define LIMIT 48

struct run {
	struct frame_reader reader;
	struct frame_writer writer;
	unsigned char stream[4096]; /* all bytes received */
	size_t received;
	size_t taken; /* of them, by whole messages */
	int fds_in;
	int fds_out;
};

/* A message must be the next one of the stream, and goes through the writer too. */
static void take_message(struct run *run, const struct frame *frame)
{
	size_t bytes = strlen((const char *)run->stream + run->taken);

	fuzz_require(frame->text_bytes == bytes && bytes <= LIMIT);
	fuzz_require(memcmp(frame->text, run->stream + run->taken, bytes + 1) == 0);
	run->taken += bytes + 1;
	fuzz_require(run->taken <= run->received);
	run->fds_out += (int)frame->fd_count;
	fuzz_require(frame_writer_append(&run->writer, frame->text, frame->text_bytes, frame->fds,
					 frame->fd_count) == 0);
}

static int take_messages(struct run *run)
{
	struct frame frame;
	int r;

	while ((r = frame_reader_next(&run->reader, &frame)) == 0)
		take_message(run, &frame);
	if (r == FRAME_E_NONE)
		fuzz_require(frame_reader_is_started(&run->reader) == (run->taken < run->received));
	return r;
}

/* One read of the script; false when the peer would be dropped. */
static bool receive(struct run *run, const unsigned char *bytes, size_t count, size_t fd_count)
{
	int fds[256];
	void *space;
	size_t room, i;

	if (frame_reader_reserve(&run->reader, &space, &room) != 0)
		return false;
	count = count < room ? count : room;
	memcpy(space, bytes, count);
	for (i = 0; i < fd_count; i++)
		fds[i] = run->fds_in + (int)i;
	if (frame_reader_commit(&run->reader, count, fds, fd_count) != 0)
		return false;
	run->fds_in += (int)fd_count;
	memcpy(run->stream + run->received, bytes, count);
	run->received += count;
	return take_messages(run) == FRAME_E_NONE;
}

/* What the writer gives out is what was taken, and each descriptor leaves with its message. */
static void drain_writer(struct run *run)
{
	struct frame_part part;
	size_t sent = 0, fds = 0;

	while (frame_writer_peek(&run->writer, &part)) {
		size_t step = part.length_bytes / 2 + 1;

		fuzz_require(step <= part.length_bytes);
		fuzz_require(memcmp(part.bytes, run->stream + sent, step) == 0);
		fds += part.fd_count;
		sent += step;
		frame_writer_sent(&run->writer, step);
	}
	fuzz_require(sent == run->taken);
	fuzz_require((int)fds == run->fds_out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = { .received = 0 };
	int fd;

	frame_reader_init(&run.reader, LIMIT);
	frame_writer_init(&run.writer);
	while (size > 2 && run.received + 64 < sizeof(run.stream)) {
		size_t count = data[0] % 64 + 1;
		size_t fd_count = data[1] > 250 ? data[1] : data[1] % 3;

		data += 2;
		size -= 2;
		count = count < size ? count : size;
		if (!receive(&run, data, count, fd_count))
			break;
		data += count;
		size -= count;
	}
	drain_writer(&run);
	while (frame_reader_take_descriptor(&run.reader, &fd))
		run.fds_out++;
	fuzz_require(run.fds_in == run.fds_out);
	frame_reader_fini(&run.reader);
	frame_writer_fini(&run.writer);
	return 0;
}
