/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/engine_step.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include "daemon/io/io_engine.h"

/* So many tries in a row that bring nothing, and the last of them is an error. */
#define FRUITLESS_MAX 6

/* An interruption says nothing of the disk; few enough to end. */
#define INTERRUPTIONS_MAX 100

/* What a kernel that is short of something is given after the first; then twice that, .. */
#define FIRST_WAIT_NS 30000000

/* io_uring takes 32 bits of length here. */
#define WRITEBACK_BYTES_MAX (UINT64_C(1) << 30)

static int sum_iov(const struct io_request *request, uint64_t *ret_total)
{
	uint64_t total = 0;

	if (request->iov_count > IO_IOV_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < request->iov_count; i++) {
		if (request->iov[i].iov_len > INT64_MAX - total)
			return -EINVAL;
		total += request->iov[i].iov_len;
	}
	*ret_total = total;
	return 0;
}

int step_prepare(struct io_request *request)
{
	uint64_t total = request->length;
	int r;

	request->result = 0;
	request->bytes_done = 0;
	request->iov_first = 0;
	request->iov_cut = 0;
	request->fruitless = 0;
	request->interruptions = 0;
	if (request->operation == IO_RUN)
		return request->run ? 0 : -EINVAL;
	if (request->operation == IO_WRITE) {
		r = sum_iov(request, &total);
		if (r < 0)
			return r;
	}
	if (request->offset > INT64_MAX || total > INT64_MAX - request->offset)
		return -EFBIG;
	request->total_bytes = total;
	return request->fd < 0 ? -EBADF : 0;
}

bool step_is_empty(struct io_request *request)
{
	switch (request->operation) {
	case IO_WRITE:
	case IO_WRITEBACK:
	case IO_ALLOCATE:
		return request->total_bytes == 0;
	case IO_SYNC_DATA:
	case IO_SYNC_DIRECTORY:
	case IO_TRUNCATE:
	case IO_RUN:
		break;
	}
	return false;
}

static void trim_iov(struct io_step *step, uint64_t limit)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < step->count; i++) {
		bytes += step->iov[i].iov_len;
		if (bytes < limit)
			continue;
		step->trimmed = bytes - limit;
		step->iov[i].iov_len -= step->trimmed;
		step->count = i + 1;
		return;
	}
}

void step_begin(struct io_request *request)
{
	struct io_step step = {
		.offset = request->offset + request->bytes_done,
		.length = request->total_bytes - request->bytes_done,
	};

	if (request->operation == IO_WRITE) {
		step.iov = request->iov + request->iov_first;
		step.count = request->iov_count - request->iov_first;
		step.cut = request->iov_cut;
		step.iov->iov_base = (char *)step.iov->iov_base + step.cut;
		step.iov->iov_len -= step.cut;
		if (request->step_limit > 0)
			trim_iov(&step, request->step_limit);
	} else if (request->operation == IO_WRITEBACK && step.length > WRITEBACK_BYTES_MAX) {
		step.length = WRITEBACK_BYTES_MAX;
	}
	request->step = step;
}

static void restore_iov(struct io_step *step)
{
	if (!step->iov)
		return;
	step->iov[step->count - 1].iov_len += step->trimmed;
	step->iov->iov_base = (char *)step->iov->iov_base - step->cut;
	step->iov->iov_len += step->cut;
}

static void advance_write(struct io_request *request, uint64_t bytes)
{
	request->bytes_done += bytes;
	bytes += request->iov_cut;
	while (request->iov_first < request->iov_count &&
	       bytes >= request->iov[request->iov_first].iov_len)
		bytes -= request->iov[request->iov_first++].iov_len;
	request->iov_cut = bytes;
}

static bool end_write(struct io_request *request, int64_t result)
{
	if ((uint64_t)result > request->total_bytes - request->bytes_done) {
		request->result = -EIO;
		return false;
	}
	request->fruitless = 0;
	request->interruptions = 0;
	advance_write(request, (uint64_t)result);
	if (request->step_error != 0) {
		request->result = -request->step_error;
		return false;
	}
	request->result = (int64_t)request->bytes_done;
	return request->bytes_done < request->total_bytes;
}

/*
 * A sync is never repeated, whatever it said: the kernel tells of a failed page once, marks
 * it clean, and the second sync would say that all is well.
 */
static bool may_repeat(struct io_request *request, int64_t result)
{
	if (request->operation == IO_SYNC_DATA || request->operation == IO_SYNC_DIRECTORY)
		return false;
	if (result == -EINTR)
		return ++request->interruptions < INTERRUPTIONS_MAX;
	return result == -EAGAIN && ++request->fruitless < FRUITLESS_MAX;
}

bool step_end(struct io_request *request, int64_t result)
{
	restore_iov(&request->step);
	/* A write that takes nothing and does not say why may be tried again, as often. */
	if (request->operation == IO_WRITE && result == 0)
		result = -EAGAIN;
	if (may_repeat(request, result))
		return true;
	if (result < 0) {
		request->result = result;
		return false;
	}
	if (request->operation == IO_WRITE)
		return end_write(request, result);
	request->result = 0;
	if (request->operation != IO_WRITEBACK)
		return false;
	request->bytes_done += request->step.length;
	return request->bytes_done < request->total_bytes;
}

static int64_t perform_one(const struct io_request *request)
{
	const struct io_step *step = &request->step;
	off_t offset = (off_t)step->offset;
	off_t length = (off_t)step->length;
	int64_t r = -EINVAL;

	switch (request->operation) {
	case IO_WRITE:
		r = pwritev(request->fd, step->iov, (int)step->count, offset);
		break;
	case IO_SYNC_DATA:
		r = fdatasync(request->fd);
		break;
	case IO_SYNC_DIRECTORY:
		r = fsync(request->fd);
		break;
	case IO_WRITEBACK:
		r = sync_file_range(request->fd, offset, length, SYNC_FILE_RANGE_WRITE);
		break;
	case IO_ALLOCATE:
		r = fallocate(request->fd, FALLOC_FL_KEEP_SIZE, offset, length);
		break;
	case IO_TRUNCATE:
		r = ftruncate(request->fd, length);
		break;
	case IO_RUN:
		return r;
	}
	return r < 0 ? -errno : r;
}

/* All of them together are a second. */
static void wait_a_moment(const struct io_request *request)
{
	struct timespec moment = { .tv_nsec = FIRST_WAIT_NS << (request->fruitless - 1) };

	(void)nanosleep(&moment, NULL);
}

void step_perform(struct io_request *request)
{
	int64_t result;

	if (request->operation == IO_RUN) {
		request->result = request->run(request);
		return;
	}
	for (;;) {
		step_begin(request);
		result = perform_one(request);
		if (!step_end(request, result))
			return;
		if (result == -EAGAIN)
			wait_a_moment(request);
	}
}
