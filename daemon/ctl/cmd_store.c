/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/fd.h"
#include "daemon/base/list.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/listing.h"
#include "daemon/ctl/view.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/store_verify.h"
#include "daemon/objects/stores.h"
#include "proto/args.h"

/* io.forebay.store */

/*
 * List asks each file system how full it is, one after the other, and answers when all have
 * told. Stores stay for as long as the daemon lives.
 */
struct store_row {
	const struct store *store;
	int64_t free_bytes;
	int64_t used_bytes;
};

struct store_survey {
	struct call *call;
	struct listing *listing;
	struct list *next; /* store::link of the store that is being asked */
};

static bool view_row(struct call *call, const void *item, struct args *args)
{
	const struct store_row *row = item;

	(void)call;
	view_store(args, row->store, row->free_bytes, row->used_bytes);
	return true;
}

static void survey_next(struct store_survey *survey);

static void survey_answered(void *data, int64_t free_bytes, int64_t used_bytes)
{
	struct store_survey *survey = data;
	struct store_row row = {
		.store = container_of(survey->next, struct store, link),
		.free_bytes = free_bytes,
		.used_bytes = used_bytes,
	};

	listing_add(survey->listing, &row);
	survey->next = survey->next->next;
	survey_next(survey);
}

/* Whether this user's paths can be in the store at all. */
static bool is_served(struct user *user, const struct store *store)
{
	return store->per_user || user->uid == 0 || user->uid == user->registry->own_uid;
}

static void survey_next(struct store_survey *survey)
{
	struct call *call = survey->call;
	struct user *user = call_user(call);
	struct refusal refusal;
	int r;

	while (survey->next != &user->registry->stores) {
		struct store *store = container_of(survey->next, struct store, link);

		if (is_served(user, store)) {
			r = store_get_space(user, store, survey_answered, survey);
			if (r)
				survey_answered(survey, -1, -1);
			return;
		}
		survey->next = survey->next->next;
	}
	r = listing_start(survey->listing, call, &refusal);
	if (r)
		call_fail(call, r, &refusal);
	free(survey);
}

static int list(struct call *call, struct refusal *refusal)
{
	struct store_survey *survey = calloc(1, sizeof(*survey));
	struct listing *listing = listing_new(sizeof(struct store_row), view_row);

	(void)refusal;
	if (!survey || !listing) {
		free(survey);
		free(listing);
		return -ENOMEM;
	}
	survey->call = call;
	survey->listing = listing;
	survey->next = call_user(call)->registry->stores.next;
	survey_next(survey);
	return 0;
}

/* The store of the call, if this user may have the path in it. */
static int find(struct call *call, const char *path, struct store **ret_store,
		struct refusal *refusal)
{
	const char *name = NULL;

	(void)args_get_string(call_args(call), "store", &name);
	return store_find(call_user(call), name, path, ret_store, refusal);
}

static bool view_file_item(struct call *call, const void *item, struct args *args)
{
	(void)call;
	view_store_file(args, item);
	return true;
}

static void release_file_item(void *item)
{
	struct store_file *file = item;

	free(file->path);
	free((char *)file->digest);
}

static void files_listed(void *data, int result, const struct store_file *files, size_t count,
			 const struct refusal *refusal)
{
	struct call *call = data;
	struct listing *listing;
	struct refusal own;

	if (result) {
		call_fail(call, result, refusal);
		return;
	}
	listing = listing_new(sizeof(struct store_file), view_file_item);
	if (!listing) {
		call_fail(call, -ENOMEM, NULL);
		return;
	}
	listing_set_release(listing, release_file_item);
	for (size_t i = 0; i < count; i++) {
		struct store_file item = files[i];

		item.path = strdup(files[i].path);
		item.digest = files[i].digest ? strdup(files[i].digest) : NULL;
		if (!item.path || (files[i].digest && !item.digest))
			listing_fail(listing, -ENOMEM);
		listing_add(listing, &item);
	}
	result = listing_start(listing, call, &own);
	if (result)
		call_fail(call, result, &own);
}

static int list_files(struct call *call, struct refusal *refusal)
{
	const char *prefix = "";
	struct store *store;
	int r;

	(void)args_get_string(call_args(call), "prefix", &prefix);
	r = find(call, prefix, &store, refusal);
	if (r)
		return r;
	return store_list_files(call_user(call), store, prefix, files_listed, call, refusal);
}

static void file_opened(void *data, int result, int file_fd, const struct store_file *file,
			const struct refusal *refusal)
{
	struct call *call = data;
	struct args args;

	if (result) {
		call_fail(call, result, refusal);
		return;
	}
	args_init(&args);
	args_add_int(&args, "fileDescriptorIndex", 0);
	view_store_file(&args, file);
	call_reply_fds(call, &args, &file_fd, 1);
}

static int open_file(struct call *call, struct refusal *refusal)
{
	const char *path = "";
	struct store *store;
	int r = call_reserve_descriptors(call, 1, refusal);

	(void)args_get_string(call_args(call), "path", &path);
	if (r == 0)
		r = find(call, path, &store, refusal);
	if (r)
		return r;
	return store_open_file(call_user(call), store, path, file_opened, call, refusal);
}

static void removed(void *data, int result, const struct refusal *refusal)
{
	struct call *call = data;

	if (result)
		call_fail(call, result, refusal);
	else
		call_reply_empty(call);
}

static int remove_file(struct call *call, struct refusal *refusal)
{
	const char *path = "";
	struct store *store;
	int r;

	(void)args_get_string(call_args(call), "path", &path);
	r = find(call, path, &store, refusal);
	if (r)
		return r;
	return store_remove(call_user(call), store, path, removed, call, refusal);
}

static void tell_verify_progress(void *data, uint64_t current_bytes, uint64_t total_bytes)
{
	struct call *call = data;
	struct store_verification *verification = call->data;
	struct args args;

	/* Whoever does not read is not told more: the answer at the end says all. */
	if (!call_has_room(call))
		return;
	args_init(&args);
	args_add_bool(&args, "progress", true);
	view_count(&args, "currentBytes", current_bytes);
	view_count(&args, "totalBytes", total_bytes);
	if (!call_continue(call, &args))
		store_verify_cancel(verification);
}

static void verified(void *data, int result, const struct store_verified *verified,
		     const struct refusal *refusal)
{
	struct call *call = data;
	struct args args;

	call->cancel = NULL;
	if (result) {
		call_fail(call, result, refusal);
		return;
	}
	args_init(&args);
	view_count(&args, "currentBytes", verified->current_bytes);
	view_count(&args, "totalBytes", verified->total_bytes);
	if (verified->known)
		args_add_bool(&args, "intact", verified->intact);
	args_add_optional_string(&args, "expected", verified->expected);
	args_add_optional_string(&args, "got", verified->got);
	call_reply(call, &args);
}

static void cancel_verify(struct call *call)
{
	store_verify_cancel(call->data);
}

static int verify(struct call *call, struct refusal *refusal)
{
	const struct store_verify_hooks hooks = {
		.progress = call_wants_more(call) ? tell_verify_progress : NULL,
		.done = verified,
		.data = call,
	};
	struct store_verification *verification;
	const char *path = "";
	struct store *store;
	int r;

	(void)args_get_string(call_args(call), "path", &path);
	r = find(call, path, &store, refusal);
	if (r == 0)
		r = store_verify(call_user(call), store, path, &hooks, &verification, refusal);
	if (r)
		return r;
	call->data = verification;
	call->cancel = cancel_verify;
	return 0;
}

const struct command cmd_store_table[] = {
	{ "List", list, 0 },	      { "ListFiles", list_files, 0 }, { "OpenFile", open_file, 0 },
	{ "Remove", remove_file, 0 }, { "Verify", verify, 0 },	      { .member = NULL },
};
