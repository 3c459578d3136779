/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/shutdown.h"

#include <errno.h>
#include <stdlib.h>

#include <event2/event.h>

#include "daemon/base/log.h"
#include "daemon/core/id_text.h"
#include "daemon/io/clock.h"
#include "daemon/io/io_engine.h"
#include "daemon/io/notify.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/streams.h"

/* How often is looked whether bytes move, and how much more time is asked for if they do. */
#define TICK_USEC 250000
#define EXTEND_USEC 10000000

struct shutdown {
	struct registry *registry;
	shutdown_done_fn done;
	void *data;
	struct event *tick; /* also: look now */
	struct stream_observer observer;
	uint64_t deadline_ns; /* UINT64_MAX: none */
	uint64_t progress;    /* the last seen */
	bool under_way;
	bool draining;
	bool over;
};

static uint64_t measure_progress(const struct registry *registry)
{
	return registry->counters.bytes_written + engine_progress(registry->engine);
}

/* Every stream as it is now: what is done to one may change the map. NULL: none, no memory. */
static struct stream **list_streams(const struct registry *registry, size_t *ret_count)
{
	struct stream **streams = calloc(registry->streams.count, sizeof(struct stream *));
	size_t count = 0;

	*ret_count = 0;
	if (!streams)
		return NULL;
	for (size_t i = 0; i < registry->streams.capacity; i++)
		if (registry->streams.slots[i].object)
			streams[count++] = registry->streams.slots[i].object;
	*ret_count = count;
	return streams;
}

static bool is_pending(const struct stream *stream, struct stream_runtime *ret_runtime)
{
	stream_get_runtime(stream, ret_runtime);
	return !stream_state_is_terminal(ret_runtime->state);
}

static void stop_streams(struct shutdown *shutdown)
{
	struct stream_runtime runtime;
	size_t count;
	struct stream **streams = list_streams(shutdown->registry, &count);

	for (size_t i = 0; i < count; i++)
		if (is_pending(streams[i], &runtime))
			stream_shutdown(streams[i], shutdown->draining);
	free(streams);
}

static uint32_t name_the_lost(const struct registry *registry)
{
	char id[ID_TEXT_BYTES], path[256];
	struct stream_runtime runtime;
	uint32_t lost = 0;

	for (size_t i = 0; i < registry->streams.capacity; i++) {
		const struct stream *stream = registry->streams.slots[i].object;

		if (!stream || !is_pending(stream, &runtime))
			continue;
		lost++;
		id_format(ID_STREAM, runtime.id, id);
		log_error("shutdown", "stream was not finished in time",
			  "id=%s uid=%u path=%s accepted=%llu synced=%llu", id,
			  (unsigned int)runtime.owner_uid,
			  log_quote(runtime.path ? runtime.path : "", path, sizeof(path)),
			  (unsigned long long)runtime.bytes_accepted,
			  (unsigned long long)runtime.bytes_synced);
	}
	return lost;
}

static void end(struct shutdown *shutdown)
{
	uint32_t lost = name_the_lost(shutdown->registry);

	shutdown->over = true;
	stream_unobserve(&shutdown->observer);
	(void)event_del(shutdown->tick);
	lifecycle_advance(&shutdown->registry->lifecycle, LIFECYCLE_STOPPED);
	shutdown->done(shutdown->data, lost);
}

static void on_tick(evutil_socket_t fd, short what, void *owner)
{
	const struct timeval tick = { .tv_usec = TICK_USEC };
	struct shutdown *shutdown = owner;
	uint64_t progress = measure_progress(shutdown->registry);

	(void)fd;
	(void)what;
	if (shutdown->over)
		return;
	if (stream_count_pending(shutdown->registry) == 0 ||
	    clock_boot_ns() >= shutdown->deadline_ns) {
		end(shutdown);
		return;
	}
	if (progress != shutdown->progress)
		(void)notify_extend_timeout(EXTEND_USEC);
	shutdown->progress = progress;
	(void)event_add(shutdown->tick, &tick);
}

/* Not from within a stream's own doing. */
static void on_stream_event(struct stream_observer *observer, struct stream *stream,
			    enum stream_event event)
{
	struct shutdown *shutdown = observer->owner;

	(void)stream;
	if (event == STREAM_EVENT_CLOSE)
		event_active(shutdown->tick, EV_TIMEOUT, 0);
}

int shutdown_new(struct registry *registry, shutdown_done_fn done, void *data,
		 struct shutdown **ret_shutdown)
{
	struct shutdown *shutdown = calloc(1, sizeof(*shutdown));

	if (!shutdown)
		return -ENOMEM;
	shutdown->tick = event_new(registry->base, -1, 0, on_tick, shutdown);
	if (!shutdown->tick) {
		free(shutdown);
		return -ENOMEM;
	}
	shutdown->registry = registry;
	shutdown->done = done;
	shutdown->data = data;
	shutdown->deadline_ns = UINT64_MAX;
	list_init(&shutdown->observer.link);
	*ret_shutdown = shutdown;
	return 0;
}

struct shutdown *shutdown_free(struct shutdown *shutdown)
{
	if (!shutdown)
		return NULL;
	list_remove(&shutdown->observer.link);
	event_free(shutdown->tick);
	free(shutdown);
	return NULL;
}

void shutdown_start(struct shutdown *shutdown, bool drain, uint64_t timeout_usec)
{
	uint64_t now = clock_boot_ns();
	uint64_t deadline = timeout_usec == 0 || timeout_usec > (UINT64_MAX - now) / 1000 ?
				    UINT64_MAX :
				    now + timeout_usec * 1000;
	bool first = !shutdown->under_way;

	if (deadline < shutdown->deadline_ns)
		shutdown->deadline_ns = deadline;
	if (!first && (drain || !shutdown->draining))
		return;
	shutdown->under_way = true;
	shutdown->draining = drain;
	lifecycle_advance(&shutdown->registry->lifecycle, LIFECYCLE_DRAINING);
	(void)notify_stopping("draining");
	log_notice("shutdown", first ? "began" : "no longer drains", "drain=%d streams=%u", drain,
		   stream_count_pending(shutdown->registry));
	if (first) {
		shutdown->observer.event = on_stream_event;
		shutdown->observer.owner = shutdown;
		stream_observe_all(shutdown->registry, &shutdown->observer);
		shutdown->progress = measure_progress(shutdown->registry);
	}
	stop_streams(shutdown);
	event_active(shutdown->tick, EV_TIMEOUT, 0);
}

bool shutdown_is_under_way(const struct shutdown *shutdown)
{
	return shutdown->under_way;
}
