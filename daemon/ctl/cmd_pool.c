/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <errno.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "daemon/base/fd.h"
#include "daemon/ctl/call.h"
#include "daemon/ctl/cmds.h"
#include "daemon/ctl/listing.h"
#include "daemon/ctl/param.h"
#include "daemon/ctl/view.h"
#include "daemon/objects/pools.h"
#include "daemon/objects/registry.h"
#include "proto/args.h"

/* io.forebay.pool */

static void create_done(void *data, int result, struct pool *pool, const struct refusal *refusal)
{
	struct call *call = data;
	struct args args;

	if (result) {
		call_fail(call, result, refusal);
		return;
	}
	args_init(&args);
	view_pool(&args, pool);
	call_reply(call, &args);
}

static int parse_context(const cJSON *context, struct pool_request *request,
			 struct refusal *refusal)
{
	const char *lifetime = "connection";
	int64_t size = 0;
	int r;

	(void)args_get_string(context, "name", &request->name);
	(void)args_get_bool(context, "hugePages", &request->huge_pages);
	(void)args_get_string(context, "lifetime", &lifetime);
	if (strcmp(lifetime, "daemon") == 0)
		request->lifetime = POOL_LIFETIME_DAEMON;
	r = param_number(context, "sizeBytes", 1, &size, refusal);
	if (r)
		return r;
	request->size_bytes = (uint64_t)size;
	return param_labels(context, &request->labels, refusal);
}

static int create(struct call *call, struct refusal *refusal)
{
	struct pool_request request = { .lifetime = POOL_LIFETIME_CONNECTION };
	const cJSON *context = NULL;
	int r;

	(void)args_get_object(call_args(call), "context", &context);
	labels_init(&request.labels);
	r = parse_context(context, &request, refusal);
	if (r == 0)
		r = pool_create(call_holder(call), &request, create_done, call, refusal);
	labels_fini(&request.labels);
	return r;
}

/* The UID whose pool is meant: somebody else's may be named by root alone. */
static int get_owner(struct call *call, uid_t *ret_uid, struct refusal *refusal)
{
	int64_t uid;
	int r = args_get_int_within(call_args(call), "ownerUid", 0, UINT32_MAX - 1, &uid);

	if (r == ARGS_E_RANGE)
		return refuse_text(refusal, REFUSAL_PARAMETER, "ownerUid");
	if (r == ARGS_E_ABSENT) {
		*ret_uid = call_user(call)->uid;
		return 0;
	}
	if (call_user(call)->uid != 0)
		return refuse(refusal, REFUSAL_PERMISSION);
	*ret_uid = (uid_t)uid;
	return 0;
}

static int find(struct call *call, struct pool **ret_pool, struct refusal *refusal)
{
	const char *name = "";
	uid_t owner_uid = 0;
	int r = get_owner(call, &owner_uid, refusal);

	(void)args_get_string(call_args(call), "name", &name);
	return r ? r : pool_find(call_user(call), owner_uid, name, ret_pool, refusal);
}

struct pool_item {
	uid_t owner_uid;
	char name[POOL_NAME_BYTES];
};

static bool view_item(struct call *call, const void *data, struct args *args)
{
	const struct pool_item *item = data;
	struct refusal refusal;
	struct pool *pool;

	if (pool_find(call_user(call), item->owner_uid, item->name, &pool, &refusal))
		return false;
	view_pool(args, pool);
	return true;
}

static void list_user(struct listing *listing, const struct user *user)
{
	list_for_each(link, &user->pools) {
		const struct pool *pool = container_of(link, struct pool, user_link);
		struct pool_item item = { .owner_uid = user->uid };

		memcpy(item.name, pool->name, sizeof(item.name));
		listing_add(listing, &item);
	}
}

static int list(struct call *call, struct refusal *refusal)
{
	struct listing *listing = listing_new(sizeof(struct pool_item), view_item);
	struct user *me = call_user(call);

	if (!listing)
		return -ENOMEM;
	list_for_each(link, &me->registry->users) {
		const struct user *user = container_of(link, struct user, registry_link);

		if (user_may_use(me, user->uid))
			list_user(listing, user);
	}
	return listing_start(listing, call, refusal);
}

static int describe(struct call *call, struct refusal *refusal)
{
	struct pool *pool;
	struct args args;
	int r = find(call, &pool, refusal);

	if (r)
		return r;
	args_init(&args);
	view_pool(&args, pool);
	call_reply(call, &args);
	return 0;
}

static void acquire_done(void *data, int result, struct pool *pool, const struct refusal *refusal)
{
	struct call *call = data;
	bool read_only = false;
	struct args args;
	int fds[2];

	(void)args_get_bool(call_args(call), "readOnly", &read_only);
	if (result == 0)
		result = pool_acquire(pool, read_only, &fds[0], &fds[1]);
	if (result) {
		call_fail(call, result, refusal);
		return;
	}
	args_init(&args);
	args_add_int(&args, "fileDescriptorIndex", 0);
	args_add_int(&args, "versionFileDescriptorIndex", 1);
	view_count(&args, "sizeBytes", pool->size_bytes);
	view_count(&args, "generation", pool->generation);
	call_reply_fds(call, &args, fds, 2);
}

static int acquire(struct call *call, struct refusal *refusal)
{
	const char *name = NULL;
	int r = call_reserve_descriptors(call, 2, refusal);

	(void)args_get_string(call_args(call), "name", &name);
	return r ? r : pool_get(call_holder(call), name, acquire_done, call, refusal);
}

static int destroy(struct call *call, struct refusal *refusal)
{
	uint64_t freed_buffers;
	struct pool *pool;
	bool force = false;
	struct args args;
	int r = find(call, &pool, refusal);

	(void)args_get_bool(call_args(call), "force", &force);
	if (r == 0)
		r = pool_destroy(pool, force, &freed_buffers, refusal);
	if (r)
		return r;
	args_init(&args);
	view_count(&args, "freedBuffers", freed_buffers);
	call_reply(call, &args);
	return 0;
}

const struct command cmd_pool_table[] = {
	{ "Acquire", acquire, 0 }, { "Create", create, 0 }, { "Describe", describe, 0 },
	{ "Destroy", destroy, 0 }, { "List", list, 0 },	    { .member = NULL },
};
