/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Where the bytes of a run come from. `live`: the buffer itself, pinned, as it is when its
 * turn comes. `versioned`: a private copy that began and ended on one even version, so that it
 * is the buffer as one update left it; a writer is never stopped, and a copy that it ran into
 * is made again. What is compared with the last file is copied too, so that what was compared
 * is what is written.
 */

#include "config.h"

#include <errno.h>
#include <string.h>

#include "daemon/base/fd.h"
#include "daemon/io/clock.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/job.h"
#include "daemon/objects/pools.h"

/* How often a worker tries before others get their turn, and how long they have it. */
#define TRIES_AT_ONCE 4
#define PAUSE_NS UINT64_C(2000000)

/* Outcome of a try: somebody was writing. */
#define COPY_E_MOVED 1

static int make_memory(struct job_source *source)
{
	int fd, r;

	if (source->copy.bytes || source->bytes == 0)
		return 0;
	r = memfd_make("forebay-staging", source->bytes, 0, &fd);
	if (r < 0)
		return r;
	r = memfd_map(fd, source->bytes, 0, &source->copy);
	fd_close(fd);
	return r;
}

/* On a worker. The buffer is pinned, so its memory and its version word stay where they are. */
static int copy(struct errand *errand)
{
	struct job_run *run = errand->owner;
	struct job_source *source = &run->source;
	bool versioned = run->job->setup.options.consistency == JOB_CONSISTENCY_VERSIONED;
	int r = make_memory(source);

	for (int i = 0; r == 0 && i < TRIES_AT_ONCE; i++) {
		uint64_t before = buffer_version(source->buffer);

		source->odd = before % 2 != 0;
		if (versioned && source->odd)
			return COPY_E_MOVED;
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (source->bytes > 0)
			memcpy(source->copy.bytes, source->memory, source->bytes);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		if (!versioned || buffer_version(source->buffer) == before)
			return 0;
	}
	return r < 0 ? r : COPY_E_MOVED;
}

static void let_go(struct job_source *source)
{
	struct buffer *buffer = source->buffer;

	source->buffer = NULL;
	if (buffer)
		buffer_unpin(buffer);
}

static void copied(struct errand *errand, int result)
{
	struct job_run *run = errand->owner;
	struct job_source *source = &run->source;

	if (result >= 0 && pool_check_damage(source->buffer->pool))
		result = -EFAULT;
	if (result == COPY_E_MOVED && !run->stopped) {
		job_set_due(run->job, JOB_DUE_COPY, clock_boot_ns() + PAUSE_NS);
		return;
	}
	if (result == COPY_E_MOVED)
		result = source->odd ? -EBUSY : -EAGAIN;
	let_go(source);
	/* No bytes have an address too, or there would be nothing to write. */
	if (source->bytes > 0)
		source->memory = source->copy.bytes;
	source->done(run, result);
}

void job_source_again(struct job_run *run)
{
	run->errand = (struct errand){
		.name = "snapshot",
		.run = copy,
		.done = copied,
		.owner = run,
	};
	errand_start(run->job->jobs->registry, &run->errand);
}

static int begin_copy(struct job_run *run)
{
	struct refusal refusal;

	if (user_charge(run->holder.user, QUOTA_STAGING_BYTES, run->source.bytes, &refusal) != 0)
		return -EDQUOT;
	run->source.charged = true;
	job_source_again(run);
	return 0;
}

void job_source_take(struct job_run *run, void (*done)(struct job_run *run, int result))
{
	struct job_source *source = &run->source;
	const struct job *job = run->job;
	const struct job_options *options = &job->setup.options;
	struct refusal refusal;
	int r = -ENXIO;

	source->bytes = (uint64_t)options->length;
	source->done = done;
	if (job->buffer)
		r = buffer_pin(job->buffer, (uint64_t)options->offset, source->bytes,
			       &source->memory, &refusal);
	if (r == 0) {
		source->buffer = job->buffer;
		if (options->consistency == JOB_CONSISTENCY_LIVE && !options->only_if_changed)
			done(run, 0);
		else
			r = begin_copy(run);
	}
	if (r != 0)
		done(run, r < 0 ? r : -ENXIO);
}

void job_source_release(struct job_run *run)
{
	struct job_source *source = &run->source;

	let_go(source);
	if (source->copy.bytes)
		memfd_unmap(&source->copy);
	if (source->charged)
		user_discharge(run->holder.user, QUOTA_STAGING_BYTES, source->bytes);
	source->charged = false;
}
