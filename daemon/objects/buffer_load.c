/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/buffer_load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/io/clock.h"
#include "daemon/objects/buffer_loading.h"
#include "daemon/objects/registry.h"

#define NS_PER_USEC 1000

/* ---- open and recall ---- */

static void on_recalled(struct catalogue_request *request)
{
	struct buffer_loading *loading = request->owner;
	const struct catalogue_files *found = &loading->find.found;
	int r = request->result;

	if (r == 0 && found->count > 0 &&
	    digest_text_parse_kind(found->list[0].digest) != OPTION_UNSET) {
		loading->expected = strdup(found->list[0].digest);
		loading->must_agree = found->list[0].inode == loading->file.identity.inode;
		r = loading->expected ? 0 : -ENOMEM;
	}
	if (r < 0)
		buffer_loading_end(loading, r);
	else
		buffer_loading_begin(loading);
}

static bool can_recall(const struct buffer_loading *loading)
{
	return !loading->expected && loading->offset == 0 && buffer_loading_goes_to_end(loading);
}

static int judge_open(struct buffer_loading *loading, int result)
{
	int r = store_access_judge(loading->store, loading->path, result, loading->reason,
				   &loading->refusal);

	return r < 0 ? buffer_loading_fail(loading, "open", r) : r;
}

static int run_open(struct errand *errand)
{
	struct buffer_loading *loading = errand->owner;

	return store_access_open(loading->store, loading->holder->user->uid, loading->path,
				 &loading->file, &loading->reason);
}

static void on_opened(struct errand *errand, int result)
{
	struct buffer_loading *loading = errand->owner;
	int r = result == 0 ? 0 : judge_open(loading, result);

	if (r == 0 && can_recall(loading)) {
		loading->find.request.done = on_recalled;
		loading->find.request.owner = loading;
		r = catalogue_find_file(loading->registry->catalogue, loading->file.absolute_path,
					&loading->find);
		if (r == 0)
			return;
	}
	if (r != 0)
		buffer_loading_end(loading, r);
	else
		buffer_loading_begin(loading);
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
		    struct buffer_loading **ret_load)
{
	struct buffer_loading *loading = calloc(1, sizeof(*loading));
	int r;

	if (!loading)
		return -ENOMEM;
	loading->registry = holder->user->registry;
	loading->holder = holder;
	loading->file.file_fd = -1;
	loading->store = request->store;
	loading->offset = request->offset;
	loading->length = request->length;
	memcpy(loading->steps, request->steps, sizeof(loading->steps));
	loading->steps_count = request->steps_count;
	loading->must_agree = true;
	loading->start_usec = (int64_t)(clock_real_ns() / NS_PER_USEC);
	r = copy_text(request->path, &loading->path);
	if (r == 0)
		r = copy_text(request->pool, &loading->pool);
	if (r == 0)
		r = copy_text(request->digest, &loading->expected);
	if (r < 0) {
		buffer_loading_free(loading);
		return r;
	}
	*ret_load = loading;
	return 0;
}

int buffer_load(struct holder *holder, const struct buffer_load_request *request,
		const struct buffer_load_hooks *hooks, struct refusal *refusal)
{
	struct buffer_loading *loading;
	uint64_t bytes;
	int r = check_request(holder, request, refusal);

	if (r == 0)
		r = new_load(holder, request, &loading);
	if (r != 0)
		return r;
	bytes = file_pass_memory_bytes(loading->steps, loading->steps_count);
	r = user_charge(holder->user, QUOTA_STAGING_BYTES, bytes, refusal);
	if (r != 0) {
		buffer_loading_free(loading);
		return r;
	}
	loading->charged_bytes = bytes;
	loading->hooks = *hooks;
	loading->errand = (struct errand){
		.name = "open",
		.path = loading->path,
		.run = run_open,
		.done = on_opened,
		.owner = loading,
	};
	errand_start(loading->registry, &loading->errand);
	return 0;
}
