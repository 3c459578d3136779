/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * How a stream comes and goes as an object: made when Open begins, on its user's list while
 * it works, then a while among the ended ones so that it can be asked how it ended.
 */

#include "config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <event2/event.h>

#include "daemon/base/fd.h"
#include "daemon/objects/ledger.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"

/* How long one that has ended can still be asked how, and how many of one user. */
#define ENDED_KEEP_NS (600 * UINT64_C(1000000000))
#define ENDED_KEEP_COUNT 64

static void on_wake(evutil_socket_t unused_fd, short unused_events, void *data)
{
	(void)unused_fd;
	(void)unused_events;
	stream_pump(data);
}

static int make_token(char token[static STREAM_TOKEN_BYTES])
{
	unsigned char random[(STREAM_TOKEN_BYTES - 1) / 2];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return -EIO;
	for (size_t i = 0; i < sizeof(random); i++)
		(void)snprintf(token + 2 * i, 3, "%02x", random[i]);
	return 0;
}

static void init_fields(struct stream *stream)
{
	/* Until the destination is open no write comes; the real marks are known then. */
	static const struct flow_config closed = { .sinks = 1, .sink_writes = 1, .release = true };

	list_init(&stream->user_link);
	list_init(&stream->holder_link);
	list_init(&stream->used_entries);
	list_init(&stream->free_entries);
	list_init(&stream->waits);
	list_init(&stream->observers);
	engine_waiter_init(&stream->room);
	stream_task_init(stream);
	inline_store_init(&stream->inline_store);
	flow_init(&stream->flow, &closed);
	for (int i = 0; i < STREAM_DUES; i++)
		stream->due_ns[i] = STREAM_NEVER;
	stream->file_fd = -1;
	stream->lock_fd = -1;
	stream->direct_fd = -1;
	stream->dir_fd = -1;
	stream->ring.memory_fd = -1;
	stream->ring.signal_fd = -1;
}

int stream_new(struct holder *holder, struct stream **ret_stream)
{
	struct registry *registry = holder->user->registry;
	struct stream *stream = calloc(1, sizeof(*stream));
	int r;

	if (!stream)
		return -ENOMEM;
	init_fields(stream);
	stream->registry = registry;
	stream->user = holder->user;
	stream->user->references++;
	stream->state = STREAM_STATE_OPENING;
	stream->wake = event_new(registry->base, -1, EV_TIMEOUT, on_wake, stream);
	r = stream->wake ? make_token(stream->token) : -ENOMEM;
	if (r == 0)
		r = id_map_reserve(&registry->streams);
	if (r == 0)
		r = registry_new_id(registry, &stream->id);
	if (r < 0) {
		stream_free(stream);
		return r;
	}
	id_format(ID_STREAM, stream->id, stream->id_text);
	id_map_add(&registry->streams, stream->id, stream);
	list_append(&stream->user->streams, &stream->user_link);
	stream->holder = holder;
	list_append(&holder->streams, &stream->holder_link);
	*ret_stream = stream;
	return 0;
}

/* All that is not needed to tell how it ended. */
static void drop_means(struct stream *stream)
{
	list_remove(&stream->holder_link);
	stream->holder = NULL;
	engine_stop_waiting(&stream->room);
	engine_stop_waiting(&stream->task.waiter);
	stream_outlet_fini(stream);
	stream_ring_fini(stream);
	stream_rewrite_fini(stream);
	stream_transform_fini(stream);
	stream_transfers_fini(stream);
	flow_fini(&stream->flow);
	list_for_each(used, &stream->used_entries)
		stream_entry_release(stream, container_of(used, struct stream_entry, link));
	stream_rotate_fini(stream);
	for (struct list *link; (link = list_take_first(&stream->free_entries));)
		free(container_of(link, struct stream_entry, link));
	inline_store_fini(&stream->inline_store, stream->user);
	stream->file_fd = fd_close(stream->file_fd);
	stream->lock_fd = fd_close(stream->lock_fd);
	stream->direct_fd = fd_close(stream->direct_fd);
	stream->dir_fd = fd_close(stream->dir_fd);
	ledger_forget(stream->registry->ledger, ID_STREAM, stream->id);
	if (stream->charged_ring_bytes > 0)
		user_discharge(stream->user, QUOTA_RING_BYTES, stream->charged_ring_bytes);
	stream->charged_ring_bytes = 0;
	if (stream->charged_staging_bytes > 0)
		user_discharge(stream->user, QUOTA_STAGING_BYTES, stream->charged_staging_bytes);
	stream->charged_staging_bytes = 0;
	if (stream->charged)
		user_discharge(stream->user, QUOTA_STREAMS, 1);
	stream->charged = false;
}

/* The producer that has just ended it will want to hear how, however many others ended too. */
static void keep_for_producer(struct stream *stream)
{
	struct holder *holder = stream->holder;

	if (!holder)
		return;
	if (holder->last_ended)
		holder->last_ended->last_of = NULL;
	holder->last_ended = stream;
	stream->last_of = holder;
}

void stream_leave_last(struct stream *stream)
{
	if (stream->last_of)
		stream->last_of->last_ended = NULL;
	stream->last_of = NULL;
}

/* The oldest beyond the count, but for the last one of each connection and the newest. */
static void forget_oldest(struct user *user, const struct stream *newest)
{
	list_for_each(link, &user->ended_streams) {
		struct stream *stream = container_of(link, struct stream, user_link);

		if (user->ended_count <= ENDED_KEEP_COUNT)
			return;
		if (!stream->last_of && stream != newest)
			stream_free(stream);
	}
}

void stream_retire(struct stream *stream)
{
	struct user *user = stream->user;

	stream->ended = true;
	keep_for_producer(stream);
	while (list_take_first(&stream->observers))
		;
	drop_means(stream);
	list_remove(&stream->user_link);
	list_append(&user->ended_streams, &stream->user_link);
	user->ended_count++;
	for (int i = 0; i < STREAM_DUES; i++)
		stream_set_due(stream, (enum stream_due)i, STREAM_NEVER);
	stream_set_due(stream, STREAM_DUE_FORGET, stream_now_ns() + ENDED_KEEP_NS);
	stream_arm(stream);

	forget_oldest(user, stream);
}

struct stream *stream_free(struct stream *stream)
{
	struct user *user;

	if (!stream)
		return NULL;
	user = stream->user;
	stream_leave_last(stream);
	stream_waits_drop(stream);
	if (stream->ended)
		user->ended_count--;
	else
		drop_means(stream);
	list_remove(&stream->user_link);
	if (stream->id != 0)
		id_map_remove(&stream->registry->streams, stream->id);
	stream_opening_free(stream->opening);
	labels_fini(&stream->labels);
	free(stream->store);
	free(stream->path);
	free(stream->mark);
	free(stream->base_name);
	free(stream->temporary_name);
	free(stream->absolute_path);
	if (stream->wake)
		event_free(stream->wake);
	free(stream);
	user_release(user);
	return NULL;
}

void stream_forget(struct stream *stream)
{
	stream_free(stream);
}

static void free_list(struct list *streams)
{
	list_for_each(link, streams)
		stream_free(container_of(link, struct stream, user_link));
}

void stream_free_all(struct registry *registry)
{
	list_for_each(link, &registry->users) {
		struct user *user = container_of(link, struct user, registry_link);

		user->references++;
		free_list(&user->streams);
		free_list(&user->ended_streams);
		user_release(user);
	}
}

uint32_t stream_count_pending(const struct registry *registry)
{
	uint32_t count = 0;

	list_for_each(user_link, &registry->users) {
		const struct user *user = container_of(user_link, struct user, registry_link);

		list_for_each(link, &user->streams)
			count++;
	}
	return count;
}
