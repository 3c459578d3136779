/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CTL_LISTING_H
#define FOREBAY_CTL_LISTING_H

/*
 * The answer of a List method: one reply for each object. What is kept while the client reads
 * is a small item for each (an id, a name), not its reply; an object that is gone by the time
 * its turn comes is left out. Loop thread only.
 *
 *	struct listing *listing = listing_new(sizeof(uint64_t), view);
 *	... listing_add(listing, &id) for each ...
 *	return listing_start(listing, call, refusal);
 */

#include <stdbool.h>
#include <stddef.h>

#include "daemon/base/err.h"

struct args;
struct call;
struct listing;
struct refusal;

/* Adds the object to the parameters of a reply. False: there is none any more. */
typedef bool (*listing_view_fn)(struct call *call, const void *item, struct args *args);

/* NULL: no memory. */
struct listing *listing_new(size_t item_bytes, listing_view_fn view);

/* For items that own something: called for each of them at the end. */
void listing_set_release(struct listing *listing, void (*release)(void *item));

/* Copies the item; what it owns is the listing's, also where there is no memory for it. */
void listing_add(struct listing *listing, const void *item);
/* The first failure is kept until listing_start(), which returns it. */
void listing_fail(struct listing *listing, int error);

/*
 * Takes the listing and answers the call: without `more`, the one object there is, or an
 * empty reply for none, or REFUSAL_EXPECTED_MORE for several.
 */
int must_check listing_start(struct listing *listing, struct call *call, struct refusal *refusal);

#endif
