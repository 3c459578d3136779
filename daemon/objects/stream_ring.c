/* SPDX-License-Identifier: LGPL-2.1-or-later */

/*
 * The daemon's side of a ring (proto/ring.h). Everything in the header is the producer's to
 * scribble on: its words are read once, checked against the daemon's own copies and used from
 * there; the daemon's words are written and never read back.
 *
 * The daemon asks to be woken (sleeping = 1) only while nothing else will make it look again:
 * as long as writes or syncs of this stream are in flight, their completions do.
 */

#include "config.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include <event2/event.h>

#include "daemon/base/fd.h"
#include "daemon/core/ring_view.h"
#include "daemon/io/file.h"
#include "daemon/objects/errand.h"
#include "daemon/objects/registry.h"
#include "daemon/objects/stream.h"
#include "proto/ring.h"

static uint64_t load(const struct forebay_ring_word *word)
{
	return __atomic_load_n(&word->value, __ATOMIC_ACQUIRE);
}

static void store(struct forebay_ring_word *word, uint64_t value)
{
	__atomic_store_n(&word->value, value, __ATOMIC_RELEASE);
}

static void disconnect(struct stream_ring *ring)
{
	if (ring->signal_event)
		event_free(ring->signal_event);
	ring->signal_event = NULL;
	ring->signal_fd = fd_close(ring->signal_fd);
}

/*
 * What is made of its memory after Open was answered. In order and on one worker: it is faster
 * than a producer, so that one finds huge pages wherever it comes.
 */
struct ring_fill {
	struct errand errand;
	struct stream *stream; /* NULL: its ring is gone */
	int memory_fd;
	uint64_t bytes;
	bool begun;
	atomic_bool stop;
};

static int run_fill(struct errand *errand)
{
	struct ring_fill *fill = container_of(errand, struct ring_fill, errand);
	uint64_t at = STREAM_RING_READY_BYTES;
	int r = 0;

	while (r == 0 && at < fill->bytes && !atomic_load(&fill->stop)) {
		uint64_t left = fill->bytes - at;
		uint64_t part = left < MEMFD_FILL_BYTES ? left : MEMFD_FILL_BYTES;

		r = memfd_fill(fill->memory_fd, at, part);
		at += part;
	}
	return r;
}

static void free_fill(struct ring_fill *fill)
{
	fd_close(fill->memory_fd);
	free(fill);
}

static void fill_done(struct errand *errand, int result)
{
	struct ring_fill *fill = container_of(errand, struct ring_fill, errand);
	struct stream *stream = fill->stream;

	free_fill(fill);
	if (!stream)
		return;
	stream->ring.fill = NULL;
	if (result < 0 && !stream->ring.closed && !stream->stopping)
		stream_fail(stream, "ring", result, -1);
	stream_pump(stream);
}

/* Takes what it needs, so that nothing is missing when it begins. */
static int prepare_fill(struct stream *stream, int memory_fd)
{
	uint64_t bytes = FOREBAY_RING_HEADER_BYTES + (uint64_t)stream->options.ring_bytes;
	struct ring_fill *fill;

	if (bytes <= STREAM_RING_READY_BYTES)
		return 0;
	fill = calloc(1, sizeof(*fill));
	if (!fill)
		return -ENOMEM;
	fill->memory_fd = fd_duplicate(memory_fd);
	if (fill->memory_fd < 0) {
		int error = fill->memory_fd;

		free(fill);
		return error;
	}
	fill->stream = stream;
	fill->bytes = bytes;
	fill->errand.name = "fill";
	fill->errand.device = IO_DEVICE_PROCESSOR;
	fill->errand.run = run_fill;
	fill->errand.done = fill_done;
	stream->ring.fill = fill;
	return 0;
}

void stream_ring_fill(struct stream *stream)
{
	struct ring_fill *fill = stream->ring.fill;

	if (!fill)
		return;
	fill->begun = true;
	errand_start(stream->registry, &fill->errand);
}

static void stop_filling(struct stream_ring *ring)
{
	struct ring_fill *fill = ring->fill;

	if (!fill)
		return;
	ring->fill = NULL;
	fill->stream = NULL;
	atomic_store(&fill->stop, true);
	if (!fill->begun)
		free_fill(fill);
}

int stream_ring_adopt(struct stream *stream, int memory_fd, struct mapping *mapping)
{
	struct stream_ring *ring = &stream->ring;
	struct forebay_ring_header *header = (struct forebay_ring_header *)mapping->bytes;
	int r = prepare_fill(stream, memory_fd);

	if (r == 0)
		r = sigbus_watch(mapping->bytes, mapping->length, &ring->watch);
	if (r < 0)
		return r;
	ring->memory_fd = memory_fd;
	ring->mapping = *mapping;
	*mapping = (struct mapping){ 0 };
	ring->header = header;
	ring->data = ring->mapping.bytes + FOREBAY_RING_HEADER_BYTES;
	ring->bytes = (uint64_t)stream->options.ring_bytes;

	header->magic = FOREBAY_RING_MAGIC;
	header->version = FOREBAY_RING_VERSION;
	header->header_bytes = FOREBAY_RING_HEADER_BYTES;
	header->ring_bytes = ring->bytes;
	header->phase = ring->phase;
	header->high_water_mark = (uint64_t)stream->options.high_water_mark;
	header->low_water_mark = (uint64_t)stream->options.low_water_mark;
	store(&header->state, FOREBAY_RING_OPEN);
	store(&header->sleeping, 1);
	return 0;
}

/* Unmapping takes time in proportion to the size, so it is left to a worker. */
struct unmapping {
	struct errand errand;
	struct mapping mapping;
};

static int run_unmap(struct errand *errand)
{
	memfd_unmap(&container_of(errand, struct unmapping, errand)->mapping);
	return 0;
}

static void unmap_done(struct errand *errand, int unused_result)
{
	struct unmapping *unmapping = container_of(errand, struct unmapping, errand);

	(void)unused_result;
	/* Still mapped where the engine was closing: then nobody is kept waiting any more. */
	memfd_unmap(&unmapping->mapping);
	free(unmapping);
}

void stream_ring_fini(struct stream *stream)
{
	struct stream_ring *ring = &stream->ring;
	struct unmapping *unmapping;

	disconnect(ring);
	stop_filling(ring);
	if (!ring->header)
		return;
	sigbus_unwatch(&ring->watch);
	ring->header = NULL;
	ring->memory_fd = fd_close(ring->memory_fd);
	unmapping = calloc(1, sizeof(*unmapping));
	if (!unmapping) {
		memfd_unmap(&ring->mapping);
		return;
	}
	unmapping->mapping = ring->mapping;
	unmapping->errand.name = "unmap";
	unmapping->errand.run = run_unmap;
	unmapping->errand.done = unmap_done;
	errand_start(stream->registry, &unmapping->errand);
}

/* ---- the signal ---- */

/*
 * More than a handful of bytes means that the producer sends one for each write: the level
 * stays set and the loop comes back after the others.
 */
#define SIGNAL_READ_BYTES 256

static void on_signal(evutil_socket_t signal_fd, short unused_events, void *data)
{
	struct stream *stream = data;
	char bytes[SIGNAL_READ_BYTES];
	ssize_t n = recv((int)signal_fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	(void)unused_events;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		disconnect(&stream->ring);
		stream_producer_gone(stream);
	}
	stream_pump(stream);
}

int stream_ring_connect(struct stream *stream, struct stream_ring_fds *ret_fds)
{
	struct stream_ring *ring = &stream->ring;
	int pair[2];
	int memory_fd;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	memory_fd = fd_duplicate(ring->memory_fd);
	if (memory_fd < 0) {
		fd_close(pair[0]);
		fd_close(pair[1]);
		return memory_fd;
	}
	disconnect(ring);
	ring->signal_fd = pair[0];
	ring->signal_event = event_new(stream->registry->base, ring->signal_fd,
				       EV_READ | EV_PERSIST, on_signal, stream);
	if (!ring->signal_event || event_add(ring->signal_event, NULL) < 0) {
		disconnect(ring);
		fd_close(pair[1]);
		fd_close(memory_fd);
		return -ENOMEM;
	}
	*ret_fds = (struct stream_ring_fds){
		.memory_fd = memory_fd,
		.signal_fd = pair[1],
		.ring_bytes = ring->bytes,
	};
	return 0;
}

void stream_ring_signal(struct stream *stream)
{
	/* EAGAIN: bytes are there to be read already. EPIPE: the hang-up is on its way. */
	if (stream->ring.signal_fd >= 0)
		(void)send(stream->ring.signal_fd, "", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* ---- the words ---- */

static uint64_t ring_state(const struct stream *stream)
{
	switch (stream->state) {
	case STREAM_STATE_OPENING:
	case STREAM_STATE_OPEN:
		return FOREBAY_RING_OPEN;
	case STREAM_STATE_PAUSED:
		/* Who looks wants to know whether to go on writing. */
		return flow_is_ended(&stream->flow) ? FOREBAY_RING_ENDING : FOREBAY_RING_PAUSED;
	case STREAM_STATE_ENDING:
		return FOREBAY_RING_ENDING;
	case STREAM_STATE_FINISHED:
		return FOREBAY_RING_FINISHED;
	case STREAM_STATE_ABORTED:
		return FOREBAY_RING_ABORTED;
	case STREAM_STATE_FAILED:
		break;
	}
	return FOREBAY_RING_FAILED;
}

void stream_ring_tell_state(struct stream *stream)
{
	if (!stream->ring.header)
		return;
	store(&stream->ring.header->state, ring_state(stream));
	stream_ring_signal(stream);
}

void stream_ring_tell(struct stream *stream)
{
	struct forebay_ring_header *header = stream->ring.header;

	if (!header)
		return;
	store(&header->tail, stream_done_position(stream));
	store(&header->progress, stream->synced);
	atomic_thread_fence(memory_order_seq_cst);
}

static uint64_t offset_in_page(const struct stream *stream, uint64_t position)
{
	return (stream->base_offset + position) & (FILE_DIRECT_ALIGNMENT_BYTES - 1);
}

/* A write is at most one sink call, and one of that size ends between two pages of the file. */
static uint64_t write_bytes_max(const struct stream *stream, uint64_t position)
{
	return stream->flow.config.sink_bytes - offset_in_page(stream, position);
}

/* As many as the last write can still take, if it has not gone to the sink. */
static uint64_t join_bytes(struct stream *stream, uint64_t bytes)
{
	struct list *link = list_last(&stream->used_entries);
	struct stream_entry *last;
	uint64_t most;

	if (!link)
		return 0;
	last = container_of(link, struct stream_entry, link);
	most = write_bytes_max(stream, last->position);
	if (last->write.bytes >= most)
		return 0;
	most -= last->write.bytes;
	return flow_grow(&stream->flow, bytes < most ? bytes : most);
}

/* New bytes join the last write that waits, or become writes of at most one sink call each. */
static bool take_bytes(struct stream *stream, uint64_t bytes)
{
	bool cut = stream_rotate_cuts(stream, bytes);
	uint64_t joined;

	if (bytes == 0)
		return true;
	joined = cut ? 0 : join_bytes(stream, bytes);
	stream->accepted += joined;
	for (bytes -= joined; bytes > 0;) {
		uint64_t most = write_bytes_max(stream, stream->accepted);
		struct stream_entry *entry = stream_entry_new(stream);

		if (!entry)
			return false;
		entry->position = stream->accepted;
		entry->write.bytes = bytes < most ? bytes : most;
		entry->write.quiet = true;
		if (cut)
			stream_rotate_cut(stream, entry);
		cut = false;
		bytes -= entry->write.bytes;
		stream->accepted += entry->write.bytes;
		(void)flow_write(&stream->flow, &entry->write);
		stream_perform(stream);
		(void)flow_judge(&stream->flow);
	}
	stream_rotate_accepted(stream);
	return true;
}

static void look_at_need(struct stream *stream, uint64_t need, uint64_t wanted)
{
	struct stream_ring *ring = &stream->ring;

	ring->need = need;
	if (need == ring->need_answered || flow_is_ended(&stream->flow))
		return;
	flow_want_drain(&stream->flow, wanted > ring->bytes ? 0 : ring->bytes - wanted);
	stream_note_need(stream, true);
}

static void look_at_bad_head(struct stream *stream)
{
	stream_note_fault(stream, "ring", EPROTO, (int64_t)stream->accepted);
	stream_producer_gone(stream);
}

/* Writes end, or the engine has room for one that waits: both run the pump. */
static bool will_look_again(const struct stream *stream)
{
	return stream->transfers_busy > 0 || stream_transform_is_busy(stream) ||
	       engine_is_waiting(&stream->room);
}

/* Where others wait for the disk as well, the producer goes on while this one waits its turn. */
static bool gathers(struct stream *stream, uint64_t bytes)
{
	if (!will_look_again(stream) && bytes > 0 && bytes < stream->flow.config.sink_bytes &&
	    stream->target != STREAM_TARGET_OUTLET && !engine_has_turn(&stream->room) &&
	    engine_is_crowded(stream->registry->engine, stream->device))
		stream_wait_for_room(stream, bytes);
	return will_look_again(stream);
}

/*
 * Where a later look is certain, less than a whole batch would only make a small one, which is
 * not worth a write past the page cache, and an odd end would part a page between two writes.
 */
static uint64_t bytes_worth_taking(struct stream *stream, const struct ring_view *view)
{
	uint64_t bytes = view->head - stream->accepted;
	uint64_t odd = offset_in_page(stream, view->head);

	if (view->ended != 0 || view->need != stream->ring.need || !gathers(stream, bytes))
		return bytes;
	if (bytes < stream->flow.config.sink_bytes)
		return 0;
	/* A segment ends where the producer's writes do. */
	return stream->rotate ? bytes : bytes - odd;
}

static bool look(struct stream *stream, bool lazily)
{
	struct stream_ring *ring = &stream->ring;
	struct ring_view view;
	uint64_t before = stream->accepted;
	bool new_need;

	if (!ring->header || ring->closed || stream->stopping)
		return false;

	/* `ended` first: once it is seen, the head behind it is the last one. */
	view.ended = load(&ring->header->ended);
	view.need = load(&ring->header->need);
	view.wanted = load(&ring->header->wanted);
	view.head = load(&ring->header->head);
	if (sigbus_was_hit(&ring->watch)) {
		ring->closed = true;
		stream_fail(stream, "ring", EFAULT, (int64_t)stream->accepted);
		return true;
	}
	if (!ring_view_head_is_good(view.head, stream->accepted, stream_done_position(stream),
				    ring->bytes)) {
		ring->closed = true;
		look_at_bad_head(stream);
		return true;
	}
	if (!take_bytes(stream, lazily ? bytes_worth_taking(stream, &view) :
					 view.head - stream->accepted)) {
		ring->closed = true;
		stream_fail(stream, "ring", ENOMEM, (int64_t)stream->accepted);
		return true;
	}
	stream->registry->counters.bytes_accepted += stream->accepted - before;

	new_need = view.need != ring->need;
	if (new_need)
		look_at_need(stream, view.need, view.wanted);
	if (view.ended != 0) {
		ring->closed = true;
		stream_end_as(stream, STREAM_ENDING_FINISH);
		return true;
	}
	return new_need || stream->accepted != before;
}

bool stream_ring_look(struct stream *stream)
{
	return look(stream, false);
}

bool stream_ring_look_lazily(struct stream *stream)
{
	return look(stream, true);
}

bool stream_ring_sleep(struct stream *stream)
{
	struct stream_ring *ring = &stream->ring;
	bool others_wake = stream->sync_busy || will_look_again(stream);

	if (!ring->header || ring->closed || stream->stopping || stream->ended)
		return false;
	store(&ring->header->sleeping, others_wake ? 0 : 1);
	if (others_wake)
		return false;
	atomic_thread_fence(memory_order_seq_cst);
	return stream_ring_look(stream);
}
