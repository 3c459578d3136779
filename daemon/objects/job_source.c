/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * Where the bytes of a run come from. `live`: the buffer itself, pinned, as it is when its
 * turn comes. `versioned`: a private copy of it as one update left it, which is made while
 * writers go on (snapshot.h), for as long as it takes or until the run is stopped. What is
 * compared with the last file is copied too, so that what was compared is what is written.
 */

#include "config.h"

#include <errno.h>

#include "daemon/io/clock.h"
#include "daemon/objects/buffers.h"
#include "daemon/objects/job.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/snapshot.h"

static void let_go(struct job_source *source)
{
	struct buffer *buffer = source->buffer;

	source->buffer = NULL;
	if (buffer)
		buffer_unpin(buffer);
}

/* On a worker. The buffer is pinned, so its memory and its version words stay where they are. */
static int copy(struct errand *errand)
{
	const struct job_run *run = errand->owner;

	return snapshot_step(run->source.snapshot);
}

static void take_copy(struct job_run *run)
{
	struct job_source *source = &run->source;

	let_go(source);
	/* No bytes have an address too, or there would be nothing to write. */
	if (source->bytes > 0)
		source->memory = snapshot_bytes(source->snapshot);
	/* What is written is this version, though the run began with an older one. */
	if (!source->live)
		run->job->seen_version = snapshot_version(source->snapshot);
}

static void copied(struct errand *errand, int result)
{
	struct job_run *run = errand->owner;
	struct job_source *source = &run->source;

	if (result >= 0 && pool_check_damage(source->buffer->pool))
		result = -EFAULT;
	if (result > 0 && !run->stopped) {
		if (result == SNAPSHOT_STEP_E_MORE)
			job_source_again(run);
		else
			job_set_due(run->job, JOB_DUE_COPY,
				    clock_boot_ns() + snapshot_rest_ns(source->snapshot));
		return;
	}
	if (result > 0)
		result = snapshot_is_held_up(source->snapshot) ? -EBUSY : -EAGAIN;
	if (result == 0)
		take_copy(run);
	source->done(run, result);
}

void job_source_again(struct job_run *run)
{
	run->errand = (struct errand){
		.name = "snapshot",
		.device = IO_DEVICE_PROCESSOR,
		.run = copy,
		.done = copied,
		.owner = run,
	};
	errand_start(run->job->jobs->registry, &run->errand);
}

static int begin_copy(struct job_run *run)
{
	struct job_source *source = &run->source;
	const struct snapshot_range range = {
		.buffer = source->buffer,
		.offset = (uint64_t)run->job->setup.options.offset,
		.bytes = source->bytes,
		.live = source->live,
	};
	struct refusal refusal;
	int r;

	if (user_charge(run->holder.user, QUOTA_STAGING_BYTES, source->bytes, &refusal) != 0)
		return -EDQUOT;
	source->charged = true;
	r = snapshot_new(&range, source->memory, &source->snapshot);
	if (r == 0)
		job_source_again(run);
	return r;
}

void job_source_take(struct job_run *run, void (*done)(struct job_run *run, int result))
{
	struct job_source *source = &run->source;
	const struct job *job = run->job;
	const struct job_options *options = &job->setup.options;
	struct refusal refusal;
	int r = -ENXIO;

	source->bytes = (uint64_t)options->length;
	source->live = options->consistency == JOB_CONSISTENCY_LIVE;
	source->done = done;
	if (job->buffer)
		r = buffer_pin(job->buffer, (uint64_t)options->offset, source->bytes,
			       &source->memory, &refusal);
	if (r == 0) {
		source->buffer = job->buffer;
		if (source->live && !options->only_if_changed)
			done(run, 0);
		else
			r = begin_copy(run);
	}
	if (r != 0)
		done(run, r < 0 ? r : -ENXIO);
}

void job_source_drop_copy(struct job_run *run)
{
	run->source.snapshot = snapshot_free(run->source.snapshot);
}

void job_source_release(struct job_run *run)
{
	struct job_source *source = &run->source;

	let_go(source);
	job_source_drop_copy(run);
	if (source->charged)
		user_discharge(run->holder.user, QUOTA_STAGING_BYTES, source->bytes);
	source->charged = false;
}
