/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/stream_marks.h"

#include <assert.h>

#include "daemon/io/digest.h"

static uint32_t index_of(const struct stream_marks *marks, uint32_t number)
{
	return (marks->first + number) % STREAM_MARKS_MAX;
}

int stream_marks_init(struct stream_marks *marks, enum stream_checksum checksum)
{
	marks->checksum = checksum;
	marks->base.boundary = true;
	return checksum == STREAM_CHECKSUM_NONE ? 0 : digest_new(checksum, &marks->base.digest);
}

void stream_marks_fini(struct stream_marks *marks)
{
	digest_free(marks->base.digest);
	for (int i = 0; i < STREAM_MARKS_MAX; i++)
		digest_free(marks->mark[i].digest);
}

bool stream_marks_are_full(const struct stream_marks *marks)
{
	return marks->count == STREAM_MARKS_MAX;
}

const struct stream_mark *stream_marks_last(const struct stream_marks *marks)
{
	return marks->count > 0 ? &marks->mark[index_of(marks, marks->count - 1)] : &marks->base;
}

int stream_marks_snapshot(struct stream_marks *marks, struct digest **ret_digest)
{
	struct stream_mark *next = &marks->mark[index_of(marks, marks->count)];
	int r = 0;

	if (marks->checksum != STREAM_CHECKSUM_NONE && !next->digest)
		r = digest_new(marks->checksum, &next->digest);
	if (r == 0)
		*ret_digest = next->digest;
	return r;
}

void stream_marks_add(struct stream_marks *marks, uint64_t position, uint64_t stored, bool boundary)
{
	struct stream_mark *next = &marks->mark[index_of(marks, marks->count)];

	assert(!stream_marks_are_full(marks));
	next->position = position;
	next->stored = stored;
	next->boundary = boundary;
	marks->count++;
}

uint64_t stream_marks_reached(const struct stream_marks *marks, uint64_t stored_end,
			      uint64_t written)
{
	for (uint32_t i = 0; i < marks->count; i++) {
		const struct stream_mark *mark = &marks->mark[index_of(marks, i)];

		if (mark->stored > stored_end)
			break;
		written = mark->position;
	}
	return written;
}

void stream_marks_pass(struct stream_marks *marks, uint64_t position)
{
	while (marks->count > 0 && marks->mark[marks->first].position <= position) {
		struct stream_mark passed = marks->mark[marks->first];

		/* Its place is used again, with the digest that the base had. */
		marks->mark[marks->first] = (struct stream_mark){ .digest = marks->base.digest };
		marks->base = passed;
		marks->first = index_of(marks, 1);
		marks->count--;
	}
}

void stream_marks_drop(struct stream_marks *marks)
{
	marks->count = 0;
}
