/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/buffer_loading.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/fd.h"
#include "daemon/io/clock.h"
#include "daemon/objects/pool_memory.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/registry.h"

#define PROGRESS_NS UINT64_C(100000000)
#define NS_PER_USEC 1000

/* ---- the end ---- */

static int run_drop(struct errand *errand)
{
	struct buffer_loading *loading = errand->owner;

	file_pass_fini(&loading->pass);
	return 0;
}

static void on_dropped(struct errand *errand, int result)
{
	struct buffer_loading *loading = errand->owner;

	(void)result;
	file_pass_fini(&loading->pass);
	catalogue_files_fini(&loading->find.found);
	fd_close(loading->file.file_fd);
	free(loading->file.absolute_path);
	free(loading->expected);
	free(loading->pool);
	free(loading->path);
	free(loading);
}

/* What steps hold may be large: a worker frees it. */
void buffer_loading_free(struct buffer_loading *loading)
{
	loading->errand = (struct errand){
		.name = "loadEnd",
		.run = run_drop,
		.done = on_dropped,
		.owner = loading,
	};
	if (loading->pass.chain)
		errand_start(loading->registry, &loading->errand);
	else
		on_dropped(&loading->errand, 0);
}

/* After that the holder may go. */
static void answer(struct buffer_loading *loading, int result, const struct buffer_loaded *loaded)
{
	user_discharge(loading->holder->user, QUOTA_STAGING_BYTES, loading->charged_bytes);
	loading->hooks.done(loading->hooks.data, result, loaded, &loading->refusal);
	buffer_loading_free(loading);
}

static uint64_t read_bytes(const struct buffer_loading *loading)
{
	return loading->passed_bytes + file_pass_done_bytes(&loading->pass);
}

void buffer_loading_end(struct buffer_loading *loading, int result)
{
	const struct buffer_loaded loaded = {
		.fault = &loading->fault,
		.absolute_path = loading->file.absolute_path,
		.start_usec = loading->start_usec,
		.end_usec = (int64_t)(clock_real_ns() / NS_PER_USEC),
		.read_bytes = read_bytes(loading),
	};

	if (loading->buffer)
		buffer_take_back(loading->buffer);
	answer(loading, result, &loaded);
}

int buffer_loading_fail(struct buffer_loading *loading, const char *operation, int error)
{
	fault_set(&loading->fault, operation, -error,
		  loading->file.absolute_path ? loading->file.absolute_path : loading->path,
		  loading->file.absolute_path ? (int64_t)loading->pass.position : -1);
	return BUFFER_LOAD_E_FAILED;
}

/* 0, or why there is no going on. */
static int check_wanted(struct buffer_loading *loading)
{
	if (loading->holder->gone)
		return -ECANCELED;
	if (loading->registry->lifecycle != LIFECYCLE_SERVING)
		return refuse(&loading->refusal, REFUSAL_SHUTTING_DOWN);
	if (loading->buffer && loading->buffer->pool->destroyed)
		return refuse_text(&loading->refusal, REFUSAL_NO_SUCH_POOL,
				   loading->buffer->pool->name);
	return 0;
}

/* ---- passages ---- */

/* The digest comes first: where that is wrong, it is why all else is. */
static int judge_digest(struct buffer_loading *loading, char got[static DIGEST_TEXT_BYTES])
{
	got[0] = '\0';
	if (!loading->expected || !file_pass_is_digested(&loading->pass))
		return 0;
	digest_text(loading->pass.digest, got);
	if (got[0] == '\0')
		return -ENOMEM;
	if (!loading->must_agree || strcmp(loading->expected, got) == 0)
		return 0;
	return refuse_digest(&loading->refusal, loading->expected, got);
}

/* What a piece came to. 0: go on, unless it is over; then `got` is the digest, if there is one. */
static int judge_piece(struct buffer_loading *loading, int result,
		       char got[static DIGEST_TEXT_BYTES])
{
	int r;

	if (result == 0 && !loading->pass.over)
		return check_wanted(loading);
	r = judge_digest(loading, got);
	if (r != 0 || result == 0)
		return r;
	return buffer_loading_fail(loading, loading->pass.failed ? loading->pass.failed : "load",
				   result);
}

static void tell_progress(struct buffer_loading *loading)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (!loading->hooks.progress || now_ns - loading->told_ns < PROGRESS_NS)
		return;
	loading->told_ns = now_ns;
	loading->hooks.progress(loading->hooks.data, read_bytes(loading),
				loading->passes * file_pass_total_bytes(&loading->pass));
}

static int begin_pass(struct buffer_loading *loading, const struct file_pass_plan *plan)
{
	struct file_pass_plan whole = *plan;

	loading->passed_bytes += file_pass_done_bytes(&loading->pass);
	file_pass_fini(&loading->pass);
	whole.fd = loading->file.file_fd;
	whole.stored_bytes = loading->file.identity.bytes;
	whole.steps = loading->steps;
	whole.steps_count = loading->steps_count;
	whole.begin = loading->offset;
	if (loading->expected)
		whole.checksum = (enum stream_checksum)digest_text_parse_kind(loading->expected);
	return file_pass_init(&loading->pass, &whole);
}

/* ---- settle ---- */

static int check_range(struct buffer_loading *loading, uint64_t available)
{
	if (loading->offset > available)
		return refuse_range(&loading->refusal, "offset", 0, (int64_t)available);
	if (!buffer_loading_goes_to_end(loading) && loading->length > available - loading->offset)
		return refuse_range(&loading->refusal, "length", 0,
				    (int64_t)(available - loading->offset));
	return 0;
}

/* It was counted, or measured, and is not to be cut. */
static int check_made(struct buffer_loading *loading)
{
	if (!buffer_loading_goes_to_end(loading))
		return check_range(loading, loading->pass.made_bytes);
	if (loading->pass.made_bytes != loading->offset + loading->buffer->length)
		return buffer_loading_fail(loading, "read", -ESTALE);
	return 0;
}

static void settle(struct buffer_loading *loading, const char *digest)
{
	struct buffer_loaded loaded = { .buffer = loading->buffer };
	int r = check_made(loading);

	if (r == 0)
		r = check_wanted(loading);
	if (r == 0)
		r = buffer_settle(loading->buffer, loading->holder, &loading->refusal);
	if (r != 0) {
		buffer_loading_end(loading, r);
		return;
	}
	if (digest[0] != '\0')
		loaded.digest = digest;
	answer(loading, 0, &loaded);
}

/* ---- fill ---- */

static int run_fill(struct buffer_work *work)
{
	struct buffer_loading *loading = work->owner;

	if (!loading->touched)
		pool_memory_touch(work->backing->pool, work->backing->offset,
				  work->backing->length);
	loading->touched = true;
	return file_pass_run(&loading->pass);
}

static void on_filled(struct buffer_work *work, int result);

static void fill_on(struct buffer_loading *loading)
{
	tell_progress(loading);
	loading->work = (struct buffer_work){
		.name = "load",
		.bytes = UINT64_MAX, /* a file may be on a disk, however short it is */
		.device = loading->steps_count > 0 ? IO_DEVICE_PROCESSOR : 0,
		.path = loading->file.absolute_path,
		.run = run_fill,
		.done = on_filled,
		.owner = loading,
	};
	buffer_work_submit(loading->buffer->backing, &loading->work);
}

static void on_filled(struct buffer_work *work, int result)
{
	struct buffer_loading *loading = work->owner;
	char got[DIGEST_TEXT_BYTES];
	int r = judge_piece(loading, result, got);

	if (r != 0)
		buffer_loading_end(loading, r);
	else if (loading->pass.over)
		settle(loading, got);
	else
		fill_on(loading);
}

/* ---- place ---- */

static void on_placed(struct buffer_placing *placing, int result, struct buffer *buffer)
{
	struct buffer_loading *loading = placing->owner;
	struct file_pass_plan plan = { .end = FILE_PASS_ALL };

	loading->buffer = buffer;
	if (result == REFUSED)
		loading->refusal = placing->refusal;
	if (result == 0) {
		plan.memory = backing_address(buffer->backing);
		plan.memory_bytes = buffer->length;
		if (!buffer_loading_goes_to_end(loading))
			plan.end = loading->offset + loading->length;
		result = begin_pass(loading, &plan);
	}
	if (result != 0)
		buffer_loading_end(loading, result);
	else
		fill_on(loading);
}

static void place(struct buffer_loading *loading, uint64_t length)
{
	int r;

	loading->placing.holder = loading->holder;
	loading->placing.pool = loading->pool;
	loading->placing.length = length;
	loading->placing.done = on_placed;
	loading->placing.owner = loading;
	r = buffer_place(&loading->placing);
	if (r == REFUSED)
		loading->refusal = loading->placing.refusal;
	if (r != 0)
		buffer_loading_end(loading, r);
}

/* ---- count ---- */

static uint64_t length_limit(const struct buffer_loading *loading)
{
	return loading->registry->limits.maximum[QUOTA_POOL_BYTES];
}

static void place_counted(struct buffer_loading *loading)
{
	uint64_t made = loading->pass.made_bytes;
	int r = check_range(loading, made);

	if (r == 0 && made - loading->offset > length_limit(loading))
		r = refuse_limit(&loading->refusal, quota_name(QUOTA_POOL_BYTES),
				 length_limit(loading));
	if (r != 0)
		buffer_loading_end(loading, r);
	else
		place(loading, made - loading->offset);
}

static int run_count(struct errand *errand)
{
	struct buffer_loading *loading = errand->owner;

	return file_pass_run(&loading->pass);
}

static void on_counted(struct errand *errand, int result);

static void count_on(struct buffer_loading *loading)
{
	tell_progress(loading);
	loading->errand = (struct errand){
		.name = "load",
		.path = loading->file.absolute_path,
		.device = IO_DEVICE_PROCESSOR,
		.run = run_count,
		.done = on_counted,
		.owner = loading,
	};
	errand_start(loading->registry, &loading->errand);
}

static void on_counted(struct errand *errand, int result)
{
	struct buffer_loading *loading = errand->owner;
	char got[DIGEST_TEXT_BYTES];
	int r = judge_piece(loading, result, got);

	if (r != 0)
		buffer_loading_end(loading, r);
	else if (loading->pass.over)
		place_counted(loading);
	else
		count_on(loading);
}

static void count(struct buffer_loading *loading)
{
	/* Whether there is more than one may have can be seen by the first byte too many. */
	uint64_t limit = length_limit(loading);
	uint64_t most = FILE_PASS_ALL - 1 - loading->offset;
	struct file_pass_plan plan = { .end = loading->offset + (limit < most ? limit : most) + 1 };
	int r = begin_pass(loading, &plan);

	if (r < 0)
		buffer_loading_end(loading, r);
	else
		count_on(loading);
}

/* ---- the beginning ---- */

void buffer_loading_begin(struct buffer_loading *loading)
{
	uint64_t stored = loading->file.identity.bytes;
	bool counts = loading->steps_count > 0 && buffer_loading_goes_to_end(loading);
	int r = loading->steps_count > 0 ? 0 : check_range(loading, stored);

	loading->passes = counts ? 2 : 1;
	if (r == 0)
		r = check_wanted(loading);
	if (r != 0)
		buffer_loading_end(loading, r);
	else if (counts)
		count(loading);
	else
		place(loading, buffer_loading_goes_to_end(loading) ? stored - loading->offset :
								     loading->length);
}
