/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/io/shared_syncs.h"

#include <stddef.h>

#include "daemon/io/io_engine.h"

static struct io_request *request_of(struct list *link)
{
	return container_of(link, struct io_request, sync_link);
}

void shared_syncs_init(struct shared_syncs *syncs)
{
	list_init(&syncs->leaders);
}

bool shared_syncs_concern(const struct io_request *request)
{
	return request->operation == IO_SYNC_DIRECTORY && request->directory != 0;
}

void shared_syncs_lead(struct shared_syncs *syncs, struct io_request *request)
{
	list_init(&request->sync_followers);
	list_init(&request->sync_waiting);
	list_append(&syncs->leaders, &request->sync_link);
}

bool shared_syncs_follow(struct shared_syncs *syncs, struct io_request *request)
{
	list_for_each(link, &syncs->leaders) {
		struct io_request *leader = request_of(link);

		if (leader->device != request->device || leader->directory != request->directory)
			continue;
		list_append(&leader->sync_waiting, &request->sync_link);
		return true;
	}
	return false;
}

struct io_request *shared_syncs_end(struct shared_syncs *syncs, struct io_request *request,
				    struct list *ret_answered)
{
	struct list *link = list_take_first(&request->sync_waiting);
	struct io_request *next = link ? request_of(link) : NULL;

	list_remove(&request->sync_link);
	list_splice(ret_answered, &request->sync_followers);
	if (next) {
		shared_syncs_lead(syncs, next);
		list_splice(&next->sync_followers, &request->sync_waiting);
	}
	return next;
}
