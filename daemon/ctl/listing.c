/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/ctl/listing.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/ctl/call.h"
#include "daemon/objects/refusal.h"
#include "proto/args.h"

/*
 * Whether a reply has `continues` depends on whether another follows, and that is known only
 * once the next object that is still there was found. So the replies are one behind: what is
 * sent next is ready in `ahead`.
 */
struct listing {
	size_t item_bytes;
	listing_view_fn view;
	void (*release)(void *item);
	char *items;
	size_t count;
	size_t capacity;
	size_t next; /* the first item not looked at */
	int error;
	bool has_ahead;
	struct args ahead;
};

struct listing *listing_new(size_t item_bytes, listing_view_fn view)
{
	struct listing *listing = calloc(1, sizeof(*listing));

	if (!listing)
		return NULL;
	listing->item_bytes = item_bytes;
	listing->view = view;
	return listing;
}

void listing_set_release(struct listing *listing, void (*release)(void *item))
{
	listing->release = release;
}

static void *item_at(struct listing *listing, size_t index)
{
	return listing->items + index * listing->item_bytes;
}

void listing_fail(struct listing *listing, int error)
{
	if (listing->error == 0)
		listing->error = error;
}

void listing_add(struct listing *listing, const void *item)
{
	if (listing->count == listing->capacity) {
		size_t capacity = listing->capacity > 0 ? 2 * listing->capacity : 16;
		char *items = reallocarray(listing->items, capacity, listing->item_bytes);

		if (!items) {
			listing_fail(listing, -ENOMEM);
			if (listing->release)
				listing->release((void *)item);
			return;
		}
		listing->items = items;
		listing->capacity = capacity;
	}
	memcpy(item_at(listing, listing->count), item, listing->item_bytes);
	listing->count++;
}

static void listing_free(struct listing *listing)
{
	if (listing->has_ahead)
		args_fini(&listing->ahead);
	for (size_t i = 0; listing->release && i < listing->count; i++)
		listing->release(item_at(listing, i));
	free(listing->items);
	free(listing);
}

static void cancel(struct call *call)
{
	listing_free(call->data);
}

/* Makes the next reply, of the next object that is still there. */
static bool look_ahead(struct listing *listing, struct call *call)
{
	struct args args;

	while (listing->next < listing->count) {
		args_init(&args);
		if (listing->view(call, item_at(listing, listing->next++), &args)) {
			listing->ahead = args;
			listing->has_ahead = true;
			return true;
		}
		args_fini(&args);
	}
	listing->has_ahead = false;
	return false;
}

/* One reply. */
static void produce(struct call *call)
{
	struct listing *listing = call->data;
	struct args args = listing->ahead;
	bool continues = look_ahead(listing, call);
	struct refusal refusal;
	struct call_text text;
	int r = call_build_text(call, &args, continues, &text, &refusal);

	if (r || !continues) {
		listing_free(listing);
		call->cancel = NULL;
		call->produce = NULL;
	}
	if (r) {
		call_fail(call, r, &refusal);
		return;
	}
	call_send_text(call, &text);
	free(text.bytes);
}

int listing_start(struct listing *listing, struct call *call, struct refusal *refusal)
{
	int r = listing->error;

	if (r == 0 && listing->count > 1 && !call_wants_more(call))
		r = refuse(refusal, REFUSAL_EXPECTED_MORE);
	if (r) {
		listing_free(listing);
		return r;
	}
	if (!look_ahead(listing, call)) {
		listing_free(listing);
		call_reply_empty(call);
		return 0;
	}
	call->data = listing;
	call->cancel = cancel;
	call->produce = produce;
	call_wake(call);
	return 0;
}
