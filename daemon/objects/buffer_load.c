/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/buffer_load.h"

/*
 *	open	the file, by a worker; from now on it is that one, whatever takes its name
 *	recall	the digest that the catalogue has of it, if all of it will be read
 *	count	what comes out of the steps, where that decides how long the buffer is
 *	place	the buffer's memory
 *	fill	it, and take the digest
 *	settle	the digest and the lengths agree: the buffer can be found
 *
 * A buffer cannot grow, and what a compressed file says of its length may be a lie: so its
 * bytes are counted before they get memory, no further than a buffer may be long.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/cleanup.h"
#include "daemon/io/catalogue_file.h"
#include "daemon/io/clock.h"
#include "daemon/io/file_pass.h"
#include "daemon/objects/buffer_place.h"
#include "daemon/objects/buffer_work.h"
#include "daemon/objects/pool_memory.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/store_access.h"
#include "daemon/objects/stores.h"

#define PROGRESS_NS UINT64_C(100000000)
#define NS_PER_USEC 1000

struct load {
	struct holder *holder;
	struct buffer_load_hooks hooks;
	struct errand errand;
	struct catalogue_find find;
	struct buffer_placing placing;
	struct buffer_work work;

	const struct store *store;
	char *path;
	const char *reason; /* a constant, for ROOT_E_REFUSED */
	char *pool;	    /* NULL: not named */
	uint64_t offset;
	uint64_t length;
	struct stream_step steps[STREAM_STEPS_MAX];
	uint32_t steps_count;
	char *expected;	 /* NULL: nothing is */
	bool must_agree; /* or else it is another file that is expected to be like that */
	uint64_t charged_bytes;

	/* A worker's while one is at work. */
	struct store_opened file;
	struct file_pass pass;
	bool touched;

	uint64_t passes;       /* over the whole of it */
	uint64_t passed_bytes; /* by those before this one */
	uint64_t told_ns;
	struct buffer *buffer; /* not settled */
	int64_t start_usec;
	struct fault fault;
	struct refusal refusal;
};

static int64_t now_usec(void)
{
	return (int64_t)(clock_real_ns() / NS_PER_USEC);
}

static bool goes_to_end(const struct load *load)
{
	return load->length == BUFFER_LOAD_REST;
}

/* ---- the end ---- */

static void load_free(struct load *load)
{
	if (load->charged_bytes > 0)
		user_discharge(load->holder->user, QUOTA_STAGING_BYTES, load->charged_bytes);
	file_pass_fini(&load->pass);
	catalogue_files_fini(&load->find.found);
	fd_close(load->file.file_fd);
	free(load->file.absolute_path);
	free(load->expected);
	free(load->pool);
	free(load->path);
	free(load);
}

static uint64_t read_bytes(const struct load *load)
{
	return load->passed_bytes + file_pass_done_bytes(&load->pass);
}

static void end_badly(struct load *load, int result)
{
	const struct buffer_loaded loaded = {
		.fault = &load->fault,
		.absolute_path = load->file.absolute_path,
		.start_usec = load->start_usec,
		.end_usec = now_usec(),
		.read_bytes = read_bytes(load),
	};

	if (load->buffer)
		buffer_take_back(load->buffer);
	load->hooks.done(load->hooks.data, result, &loaded, &load->refusal);
	load_free(load);
}

static int fail(struct load *load, const char *operation, int error)
{
	fault_set(&load->fault, operation, -error,
		  load->file.absolute_path ? load->file.absolute_path : load->path,
		  load->file.absolute_path ? (int64_t)load->pass.position : -1);
	return BUFFER_LOAD_E_FAILED;
}

/* 0, or why there is no going on. */
static int check_wanted(struct load *load)
{
	if (load->holder->gone)
		return -ECANCELED;
	if (load->holder->user->registry->lifecycle != LIFECYCLE_SERVING)
		return refuse(&load->refusal, REFUSAL_SHUTTING_DOWN);
	if (load->buffer && load->buffer->pool->destroyed)
		return refuse_text(&load->refusal, REFUSAL_NO_SUCH_POOL, load->buffer->pool->name);
	return 0;
}

/* ---- passages ---- */

/* The digest comes first: where that is wrong, it is why all else is. */
static int judge_digest(struct load *load, char got[static DIGEST_TEXT_BYTES])
{
	got[0] = '\0';
	if (!load->expected || !file_pass_is_digested(&load->pass))
		return 0;
	digest_text(load->pass.digest, got);
	if (got[0] == '\0')
		return -ENOMEM;
	if (!load->must_agree || strcmp(load->expected, got) == 0)
		return 0;
	return refuse_digest(&load->refusal, load->expected, got);
}

/* What a piece came to. 0: go on, unless it is over; then `got` is the digest, if there is one. */
static int judge_piece(struct load *load, int result, char got[static DIGEST_TEXT_BYTES])
{
	int r;

	if (result == 0 && !load->pass.over)
		return check_wanted(load);
	r = judge_digest(load, got);
	if (r != 0 || result == 0)
		return r;
	return fail(load, load->pass.failed ? load->pass.failed : "load", result);
}

static void tell_progress(struct load *load)
{
	uint64_t now_ns = clock_monotonic_ns();

	if (!load->hooks.progress || now_ns - load->told_ns < PROGRESS_NS)
		return;
	load->told_ns = now_ns;
	load->hooks.progress(load->hooks.data, read_bytes(load),
			     load->passes * file_pass_total_bytes(&load->pass));
}

static int begin_pass(struct load *load, const struct file_pass_plan *plan)
{
	struct file_pass_plan whole = *plan;

	load->passed_bytes += file_pass_done_bytes(&load->pass);
	file_pass_fini(&load->pass);
	whole.fd = load->file.file_fd;
	whole.stored_bytes = load->file.identity.bytes;
	whole.steps = load->steps;
	whole.steps_count = load->steps_count;
	whole.begin = load->offset;
	if (load->expected)
		whole.checksum = (enum stream_checksum)digest_text_parse_kind(load->expected);
	return file_pass_init(&load->pass, &whole);
}

/* ---- settle ---- */

static int check_range(struct load *load, uint64_t available)
{
	if (load->offset > available)
		return refuse_range(&load->refusal, "offset", 0, (int64_t)available);
	if (!goes_to_end(load) && load->length > available - load->offset)
		return refuse_range(&load->refusal, "length", 0,
				    (int64_t)(available - load->offset));
	return 0;
}

/* It was counted, or measured, and is not to be cut. */
static int check_made(struct load *load)
{
	if (!goes_to_end(load))
		return check_range(load, load->pass.made_bytes);
	if (load->pass.made_bytes != load->offset + load->buffer->length)
		return fail(load, "read", -ESTALE);
	return 0;
}

static void settle(struct load *load, const char *digest)
{
	struct buffer_loaded loaded = { .buffer = load->buffer };
	int r = check_made(load);

	if (r == 0)
		r = check_wanted(load);
	if (r == 0)
		r = buffer_settle(load->buffer, load->holder, &load->refusal);
	if (r != 0) {
		end_badly(load, r);
		return;
	}
	if (digest[0] != '\0')
		loaded.digest = digest;
	load->hooks.done(load->hooks.data, 0, &loaded, NULL);
	load_free(load);
}

/* ---- fill ---- */

static int run_fill(struct buffer_work *work)
{
	struct load *load = work->owner;

	if (!load->touched)
		pool_memory_touch(work->backing->pool, work->backing->offset,
				  work->backing->length);
	load->touched = true;
	return file_pass_run(&load->pass);
}

static void on_filled(struct buffer_work *work, int result);

static void fill_on(struct load *load)
{
	tell_progress(load);
	load->work = (struct buffer_work){
		.name = "load",
		.bytes = UINT64_MAX, /* a file may be on a disk, however short it is */
		.device = load->steps_count > 0 ? IO_DEVICE_PROCESSOR : 0,
		.path = load->file.absolute_path,
		.run = run_fill,
		.done = on_filled,
		.owner = load,
	};
	buffer_work_submit(load->buffer->backing, &load->work);
}

static void on_filled(struct buffer_work *work, int result)
{
	struct load *load = work->owner;
	char got[DIGEST_TEXT_BYTES];
	int r = judge_piece(load, result, got);

	if (r != 0)
		end_badly(load, r);
	else if (load->pass.over)
		settle(load, got);
	else
		fill_on(load);
}

/* ---- place ---- */

static void on_placed(struct buffer_placing *placing, int result, struct buffer *buffer)
{
	struct load *load = placing->owner;
	struct file_pass_plan plan = { .end = FILE_PASS_ALL };

	load->buffer = buffer;
	if (result == REFUSED)
		load->refusal = placing->refusal;
	if (result == 0) {
		plan.memory = backing_address(buffer->backing);
		plan.memory_bytes = buffer->length;
		if (!goes_to_end(load))
			plan.end = load->offset + load->length;
		result = begin_pass(load, &plan);
	}
	if (result != 0)
		end_badly(load, result);
	else
		fill_on(load);
}

static void place(struct load *load, uint64_t length)
{
	int r;

	load->placing.holder = load->holder;
	load->placing.pool = load->pool;
	load->placing.length = length;
	load->placing.done = on_placed;
	load->placing.owner = load;
	r = buffer_place(&load->placing);
	if (r == REFUSED)
		load->refusal = load->placing.refusal;
	if (r != 0)
		end_badly(load, r);
}

/* ---- count ---- */

static uint64_t length_limit(const struct load *load)
{
	return load->holder->user->registry->limits.maximum[QUOTA_POOL_BYTES];
}

static void place_counted(struct load *load)
{
	uint64_t made = load->pass.made_bytes;
	int r = check_range(load, made);

	if (r == 0 && made - load->offset > length_limit(load))
		r = refuse_limit(&load->refusal, quota_name(QUOTA_POOL_BYTES), length_limit(load));
	if (r != 0)
		end_badly(load, r);
	else
		place(load, made - load->offset);
}

static int run_count(struct errand *errand)
{
	struct load *load = errand->owner;

	return file_pass_run(&load->pass);
}

static void on_counted(struct errand *errand, int result);

static void count_on(struct load *load)
{
	tell_progress(load);
	load->errand = (struct errand){
		.name = "load",
		.path = load->file.absolute_path,
		.device = IO_DEVICE_PROCESSOR,
		.run = run_count,
		.done = on_counted,
		.owner = load,
	};
	errand_start(load->holder->user->registry, &load->errand);
}

static void on_counted(struct errand *errand, int result)
{
	struct load *load = errand->owner;
	char got[DIGEST_TEXT_BYTES];
	int r = judge_piece(load, result, got);

	if (r != 0)
		end_badly(load, r);
	else if (load->pass.over)
		place_counted(load);
	else
		count_on(load);
}

static void count(struct load *load)
{
	/* Whether there is more than one may have can be seen by the first byte too many. */
	uint64_t limit = length_limit(load);
	uint64_t most = FILE_PASS_ALL - 1 - load->offset;
	struct file_pass_plan plan = { .end = load->offset + (limit < most ? limit : most) + 1 };
	int r = begin_pass(load, &plan);

	if (r < 0)
		end_badly(load, r);
	else
		count_on(load);
}

/* ---- open and recall ---- */

static void begin(struct load *load)
{
	uint64_t stored = load->file.identity.bytes;
	bool counts = load->steps_count > 0 && goes_to_end(load);
	int r = load->steps_count > 0 ? 0 : check_range(load, stored);

	load->passes = counts ? 2 : 1;
	if (r == 0)
		r = check_wanted(load);
	if (r != 0)
		end_badly(load, r);
	else if (counts)
		count(load);
	else
		place(load, goes_to_end(load) ? stored - load->offset : load->length);
}

static void on_recalled(struct catalogue_request *request)
{
	struct load *load = request->owner;
	const struct catalogue_files *found = &load->find.found;
	int r = request->result;

	if (r == 0 && found->count > 0 &&
	    digest_text_parse_kind(found->list[0].digest) != OPTION_UNSET) {
		load->expected = strdup(found->list[0].digest);
		load->must_agree = found->list[0].inode == load->file.identity.inode;
		r = load->expected ? 0 : -ENOMEM;
	}
	if (r < 0)
		end_badly(load, r);
	else
		begin(load);
}

static bool can_recall(const struct load *load)
{
	return !load->expected && load->offset == 0 && goes_to_end(load);
}

static int judge_open(struct load *load, int result)
{
	int r = store_access_judge(load->store, load->path, result, load->reason, &load->refusal);

	return r < 0 ? fail(load, "open", r) : r;
}

static int run_open(struct errand *errand)
{
	struct load *load = errand->owner;

	return store_access_open(load->store, load->holder->user->uid, load->path, &load->file,
				 &load->reason);
}

static void on_opened(struct errand *errand, int result)
{
	struct load *load = errand->owner;
	int r = result == 0 ? 0 : judge_open(load, result);

	if (r == 0 && can_recall(load)) {
		load->find.request.done = on_recalled;
		load->find.request.owner = load;
		r = catalogue_find_file(load->holder->user->registry->catalogue,
					load->file.absolute_path, &load->find);
		if (r == 0)
			return;
	}
	if (r != 0)
		end_badly(load, r);
	else
		begin(load);
}

/* ---- what is asked for ---- */

/* A step that compresses would make of the file what nobody can have meant. */
static bool are_undoing(const struct buffer_load_request *request)
{
	if (request->steps_count > STREAM_STEPS_MAX)
		return false;
	for (uint32_t i = 0; i < request->steps_count; i++)
		if (stream_step_is_compressing(request->steps[i].kind) ||
		    request->steps[i].level != OPTION_UNSET)
			return false;
	return true;
}

static int check_request(const struct holder *holder, const struct buffer_load_request *request,
			 struct refusal *refusal)
{
	if (holder->user->registry->lifecycle != LIFECYCLE_SERVING)
		return refuse(refusal, REFUSAL_SHUTTING_DOWN);
	if (!are_undoing(request))
		return refuse_text(refusal, REFUSAL_PARAMETER, "steps");
	if (request->digest && digest_text_parse_kind(request->digest) == OPTION_UNSET)
		return refuse_text(refusal, REFUSAL_PARAMETER, "digest");
	return store_access_check_path(request->path, refusal);
}

static int copy_text(const char *text, char **ret_copy)
{
	if (!text)
		return 0;
	*ret_copy = strdup(text);
	return *ret_copy ? 0 : -ENOMEM;
}

static int new_load(struct holder *holder, const struct buffer_load_request *request,
		    struct load **ret_load)
{
	struct load *load = calloc(1, sizeof(*load));
	int r;

	if (!load)
		return -ENOMEM;
	load->holder = holder;
	load->file.file_fd = -1;
	load->store = request->store;
	load->offset = request->offset;
	load->length = request->length;
	memcpy(load->steps, request->steps, sizeof(load->steps));
	load->steps_count = request->steps_count;
	load->must_agree = true;
	load->start_usec = now_usec();
	r = copy_text(request->path, &load->path);
	if (r == 0)
		r = copy_text(request->pool, &load->pool);
	if (r == 0)
		r = copy_text(request->digest, &load->expected);
	if (r < 0) {
		load_free(load);
		return r;
	}
	*ret_load = load;
	return 0;
}

int buffer_load(struct holder *holder, const struct buffer_load_request *request,
		const struct buffer_load_hooks *hooks, struct refusal *refusal)
{
	struct load *load;
	uint64_t bytes;
	int r = check_request(holder, request, refusal);

	if (r == 0)
		r = new_load(holder, request, &load);
	if (r != 0)
		return r;
	bytes = file_pass_memory_bytes(load->steps, load->steps_count);
	r = user_charge(holder->user, QUOTA_STAGING_BYTES, bytes, refusal);
	if (r != 0) {
		load_free(load);
		return r;
	}
	load->charged_bytes = bytes;
	load->hooks = *hooks;
	load->errand = (struct errand){
		.name = "open",
		.path = load->path,
		.run = run_open,
		.done = on_opened,
		.owner = load,
	};
	errand_start(holder->user->registry, &load->errand);
	return 0;
}
