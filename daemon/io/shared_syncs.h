/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_IO_SHARED_SYNCS_H
#define FOREBAY_IO_SHARED_SYNCS_H

/*
 * Many files that get their names in one directory at about the same time need one sync of it,
 * not one each. A sync answers for what was done before it began; so who asks while one of the
 * same directory is under way waits for the next, and that one answers all who wait by then,
 * also with its error. For io_engine.c. Thread: the loop's.
 */

#include <stdbool.h>

#include "daemon/base/list.h"

struct io_request;

struct shared_syncs {
	struct list leaders; /* io_request::sync_link: those that are carried out */
};

void shared_syncs_init(struct shared_syncs *syncs);

/* Whether it can be shared at all: a sync of a directory that is known. */
bool shared_syncs_concern(const struct io_request *request);

/* Where one of its directory is under way it waits for the next. False: there is none. */
bool shared_syncs_follow(struct shared_syncs *syncs, struct io_request *request);
/* It is carried out now. */
void shared_syncs_lead(struct shared_syncs *syncs, struct io_request *request);

/*
 * One that was carried out is over. Those that it answers too come onto `ret_answered` by
 * their sync_link; returned is the one that leads now and is to be carried out, or NULL.
 */
struct io_request *shared_syncs_end(struct shared_syncs *syncs, struct io_request *request,
				    struct list *ret_answered);

#endif
