/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/objects/readable.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/base/log.h"
#include "daemon/objects/conduit_source.h"
#include "daemon/objects/readable_parts.h"
#include "daemon/objects/registry.h"

/* Pieces that one sink call may gather. */
#define SINK_WRITES 64

/* Of those that have ended, so many of each connection can be asked how. */
#define ENDED_KEEP_COUNT 16

void readable_set_state(struct readable *readable, enum stream_state state)
{
	if (state == readable->state)
		return;
	assert(stream_state_may_follow(readable->state, state));
	log_debug("readable", "state", "id=%s from=%s to=%s", readable->id_text,
		  stream_state_name(readable->state), stream_state_name(state));
	readable->state = state;
}

/* What counts against the user's limits. */
static void give_back(struct readable *readable)
{
	readable_ring_fini(readable);
	if (readable->charged)
		user_discharge(readable->user, QUOTA_STREAMS, 1);
	readable->charged = false;
	user_discharge(readable->user, QUOTA_RING_BYTES, readable->charged_ring_bytes);
	readable->charged_ring_bytes = 0;
}

static void readable_free(struct readable *readable)
{
	struct user *user = readable->user;

	/* Another connection may have asked for it just now. */
	readable_end_reads(readable);
	conduit_fini(&readable->conduit);
	give_back(readable);
	list_remove(&readable->holder_link);
	list_remove(&readable->registry_link);
	id_map_remove(&user->registry->readable_ids, readable->id);
	free(readable->path);
	free(readable);
	user_release(user);
}

/* ---- what is in hand ---- */

static void take_call(struct readable_hand *hand, unsigned char *to, uint64_t bytes)
{
	hand->bytes -= bytes;
	hand->taken_bytes += bytes;
	while (bytes > 0) {
		const struct conduit_chunk *chunk = conduit_chunk_of_write(hand->cursor);
		uint64_t left = chunk->flow.write.bytes - hand->cursor_bytes;
		uint64_t part = bytes < left ? bytes : left;

		memcpy(to, chunk->bytes + chunk->flow.offset + hand->cursor_bytes, part);
		to += part;
		bytes -= part;
		hand->cursor_bytes += part;
		if (part == left) {
			hand->cursor = hand->cursor->next;
			hand->cursor_bytes = 0;
		}
	}
}

static void take(struct readable_hand *hand, unsigned char *to, uint64_t bytes)
{
	uint64_t carried = bytes < hand->carry_bytes ? bytes : hand->carry_bytes;

	memcpy(to, hand->carry, carried);
	hand->carry_bytes -= carried;
	memmove(hand->carry, hand->carry + carried, hand->carry_bytes);
	take_call(hand, to + carried, bytes - carried);
}

void readable_take(struct readable *readable, unsigned char *to, uint64_t bytes)
{
	take(&readable->hand, to, bytes);
	readable->taken_bytes += bytes;
}

void readable_peek(const struct readable *readable, unsigned char *to, uint64_t bytes)
{
	struct readable_hand hand = readable->hand;

	take(&hand, to, bytes);
}

void readable_carry(struct readable *readable)
{
	struct readable_hand *hand = &readable->hand;
	uint64_t bytes = hand->bytes;

	take_call(hand, hand->carry + hand->carry_bytes, bytes);
	hand->carry_bytes += bytes;
}

uint64_t readable_available(const struct readable *readable)
{
	return readable->hand.carry_bytes + readable->hand.bytes;
}

bool readable_end_write(struct readable *readable)
{
	if (!readable->writing || readable->hand.bytes > 0)
		return false;
	readable->writing = false;
	readable->hand.taken_bytes = 0;
	conduit_wrote(&readable->conduit, 0);
	return true;
}

void readable_finish(struct readable *readable)
{
	readable->finishing = false;
	conduit_finished(&readable->conduit, 0);
}

/* ---- the sink ---- */

static void write_chunks(struct conduit *conduit, struct flow_sink *sink)
{
	struct readable *readable = readable_of(conduit);

	readable->writing = true;
	readable->hand.cursor = list_first(&sink->writes);
	readable->hand.cursor_bytes = 0;
	readable->hand.bytes = sink->bytes;
}

static void final(struct conduit *conduit)
{
	readable_of(conduit)->finishing = true;
}

static void release(struct conduit *conduit, int error)
{
	struct readable *readable = readable_of(conduit);

	if (readable->finishing) {
		readable->finishing = false;
		conduit_finished(conduit, error ? error : -ECANCELED);
	}
	conduit_released(conduit);
}

static bool turn(struct conduit *conduit)
{
	struct readable *readable = readable_of(conduit);

	/* The rest of what was in hand is nobody's. */
	if (pipe_flow_is_destroyed(&conduit->parts[conduit->flow.count - 1])) {
		readable->hand.bytes = 0;
		return readable_end_write(readable);
	}
	if (readable->state == STREAM_STATE_OPEN && conduit_source_is_at_end(conduit))
		readable_set_state(readable, STREAM_STATE_ENDING);
	return readable->ring.bytes > 0 ? readable_ring_turn(readable) :
					  readable_take_turn(readable);
}

static const struct conduit_sink sink = {
	.flow = {
		.sink_bytes = CONDUIT_PIECE_BYTES,
		.sink_writes = SINK_WRITES,
		.sinks = 1,
		.final = true,
	},
	.write = write_chunks,
	.final = final,
	.release = release,
	.turn = turn,
};

/* ---- the end ---- */

static enum stream_state end_state(const struct readable *readable)
{
	if (readable->aborted)
		return STREAM_STATE_ABORTED;
	return readable->conduit.outcome == 0 ? STREAM_STATE_FINISHED : STREAM_STATE_FAILED;
}

static void keep_ended(struct readable *readable)
{
	struct holder *holder = readable->holder;

	list_remove(&readable->holder_link);
	list_append(&holder->ended_readables, &readable->holder_link);
	if (++holder->ended_readable_count <= ENDED_KEEP_COUNT)
		return;
	holder->ended_readable_count--;
	readable_free(
		container_of(list_first(&holder->ended_readables), struct readable, holder_link));
}

/* What is asked for later is kept, all else is given back. */
static void on_done(struct conduit *conduit)
{
	struct readable *readable = readable_of(conduit);
	const char *path = conduit_source_path(conduit);
	enum stream_state state = end_state(readable);

	if (conduit->outcome != 0)
		conduit_note_fault(conduit, readable->aborted ? "abort" : "read", conduit->outcome,
				   path, -1);
	readable->fault = conduit->fault;
	readable->read_bytes = conduit_read_bytes(conduit);
	readable->total_bytes = conduit_total_bytes(conduit);
	readable->path = path ? strdup(path) : NULL;
	if (state == STREAM_STATE_FINISHED)
		readable_set_state(readable, STREAM_STATE_ENDING);
	readable_set_state(readable, state);
	conduit_fini(conduit);
	readable_ring_tell_end(readable);
	readable_end_reads(readable);
	give_back(readable);
	if (readable->holder)
		keep_ended(readable);
	else
		readable_free(readable);
}

void readable_fail(struct readable *readable, const char *operation, int error)
{
	conduit_note_fault(&readable->conduit, operation, error, NULL, -1);
	conduit_give_up(&readable->conduit, error);
}

void readable_holder_gone(struct readable *readable)
{
	list_remove(&readable->holder_link);
	readable->holder = NULL;
	if (stream_state_is_terminal(readable->state)) {
		readable_free(readable);
	} else if (readable->state != STREAM_STATE_OPENING) {
		readable->aborted = true;
		conduit_give_up(&readable->conduit, -ECANCELED);
	}
}

static bool is_running(const struct readable *readable)
{
	return readable->state != STREAM_STATE_OPENING &&
	       !stream_state_is_terminal(readable->state);
}

static struct readable *find_user_of(const struct registry *registry, const struct pool *pool)
{
	list_for_each(link, &registry->readables) {
		struct readable *readable = container_of(link, struct readable, registry_link);

		if (is_running(readable) && !fault_is_set(&readable->conduit.fault) &&
		    conduit_source_reads(readable->conduit.source, pool))
			return readable;
	}
	return NULL;
}

void readable_fail_users_of(struct registry *registry, const struct pool *pool)
{
	struct readable *readable;

	/* One that ends may take another one with it, so each is looked for anew. */
	while ((readable = find_user_of(registry, pool)))
		readable_fail(readable, "pool", -ECANCELED);
}

/* ---- opening ---- */

static void answer_open(struct readable *readable, int result, struct stream_ring_fds *fds,
			const struct refusal *refusal)
{
	struct readable_open_answer open = readable->open;
	struct stream_ring_fds none = { .memory_fd = -1, .signal_fd = -1 };

	if (result != 0) {
		readable_free(readable);
		open.done(open.data, result, NULL, &none, refusal);
		return;
	}
	readable_set_state(readable, STREAM_STATE_OPEN);
	open.done(open.data, 0, readable, fds, NULL);
	readable->conduit.sink = &sink;
	readable->conduit.done = on_done;
	conduit_begin(&readable->conduit);
}

static void on_ring(struct errand *errand, int result)
{
	struct readable *readable = errand->owner;
	struct stream_ring_fds fds = { .memory_fd = -1, .signal_fd = -1 };

	if (result == 0 && !readable->holder)
		result = -ECANCELED;
	if (result == 0)
		result = readable_ring_connect(readable, &fds);
	answer_open(readable, result, &fds, NULL);
}

static int run_ring(struct errand *errand)
{
	return readable_ring_make(errand->owner);
}

static void source_opened(struct conduit *conduit, int result, const struct refusal *refusal)
{
	struct readable *readable = readable_of(conduit);
	struct stream_ring_fds none = { .memory_fd = -1, .signal_fd = -1 };
	struct refusal failed;

	if (result == 0 && !readable->holder)
		result = -ECANCELED;
	if (result < 0 && fault_is_set(&conduit->fault)) {
		result = refuse_failed(&failed, readable->id, &conduit->fault);
		refusal = &failed;
	}
	if (result != 0 || readable->ring.bytes == 0) {
		answer_open(readable, result, &none, refusal);
		return;
	}
	readable->errand = (struct errand){
		.name = "ring",
		.run = run_ring,
		.done = on_ring,
		.owner = readable,
	};
	errand_start(readable->user->registry, &readable->errand);
}

static int charge(struct readable *readable, struct refusal *refusal)
{
	int r = user_charge(readable->user, QUOTA_STREAMS, 1, refusal);

	if (r != 0)
		return r;
	readable->charged = true;
	r = user_charge(readable->user, QUOTA_RING_BYTES, readable->ring.bytes, refusal);
	if (r == 0)
		readable->charged_ring_bytes = readable->ring.bytes;
	return r;
}

static int check_ring(const struct readable_request *request, uint64_t *ret_bytes,
		      struct refusal *refusal)
{
	uint64_t bytes = STREAM_RING_BYTES_MIN;

	*ret_bytes = 0;
	if (request->ring_bytes == OPTION_UNSET)
		return 0;
	if (request->ring_bytes < STREAM_RING_BYTES_MIN ||
	    request->ring_bytes > STREAM_RING_BYTES_MAX)
		return refuse_text(refusal, REFUSAL_PARAMETER, "ringBytes");
	while (bytes < (uint64_t)request->ring_bytes)
		bytes *= 2;
	*ret_bytes = bytes;
	return 0;
}

static int new_readable(struct holder *holder, uint64_t ring_bytes, struct readable **ret_readable)
{
	struct registry *registry = holder->user->registry;
	struct readable *readable = calloc(1, sizeof(*readable));
	int r;

	if (!readable)
		return -ENOMEM;
	r = registry_new_id(registry, &readable->id);
	if (r == 0)
		r = id_map_reserve(&registry->readable_ids);
	if (r < 0) {
		free(readable);
		return r;
	}
	id_map_add(&registry->readable_ids, readable->id, readable);
	list_append(&registry->readables, &readable->registry_link);
	id_format(ID_STREAM, readable->id, readable->id_text);
	readable->user = user_acquire(registry, holder->user->uid);
	readable->holder = holder;
	list_append(&holder->readables, &readable->holder_link);
	list_init(&readable->reads);
	readable->state = STREAM_STATE_OPENING;
	readable->ring.bytes = ring_bytes;
	readable->ring.memory_fd = -1;
	readable->ring.signal_fd = -1;
	*ret_readable = readable;
	return 0;
}

int readable_open(struct holder *holder, struct readable_request *request, readable_open_fn done,
		  void *data, struct refusal *refusal)
{
	struct readable *readable;
	uint64_t ring_bytes;
	int r = check_ring(request, &ring_bytes, refusal);

	if (r == 0)
		r = new_readable(holder, ring_bytes, &readable);
	if (r != 0)
		return r;
	readable->open.done = done;
	readable->open.data = data;
	r = charge(readable, refusal);
	if (r == 0)
		r = conduit_open(&readable->conduit, holder, &request->source, source_opened,
				 refusal);
	if (r != 0)
		readable_free(readable);
	return r;
}

/* ---- verbs ---- */

/* One that nobody was told of yet, or whose connection is gone, is nobody's. */
static bool can_be_found(const struct readable *readable, const struct user *user)
{
	return readable->holder && readable->state != STREAM_STATE_OPENING &&
	       user_may_use(user, readable->user->uid);
}

int readable_find(struct user *user, uint64_t id, struct readable **ret_readable,
		  struct refusal *refusal)
{
	struct readable *readable = id_map_find(&user->registry->readable_ids, id);

	if (!readable || !can_be_found(readable, user))
		return refuse_id(refusal, REFUSAL_NO_SUCH_STREAM, id);
	*ret_readable = readable;
	return 0;
}

static int refuse_state(const struct readable *readable, struct refusal *refusal)
{
	(void)refuse_id(refusal, REFUSAL_WRONG_STATE, readable->id);
	refusal->first = readable->state;
	return REFUSED;
}

int readable_pause(struct readable *readable, struct refusal *refusal)
{
	if (stream_state_is_terminal(readable->state))
		return refuse_state(readable, refusal);
	readable_set_state(readable, STREAM_STATE_PAUSED);
	return 0;
}

int readable_resume(struct readable *readable, struct refusal *refusal)
{
	if (stream_state_is_terminal(readable->state))
		return refuse_state(readable, refusal);
	if (readable->state == STREAM_STATE_PAUSED) {
		readable_set_state(readable, STREAM_STATE_OPEN);
		conduit_schedule(&readable->conduit);
	}
	return 0;
}

static uint64_t readable_length(const struct readable *readable)
{
	uint64_t in_ring = readable->ring.head - readable->ring.tail;
	/* What was taken of the sink call in hand is held until all of it is. */
	uint64_t held = conduit_held_bytes(&readable->conduit) - readable->hand.taken_bytes;

	return in_ring + held + readable->hand.carry_bytes;
}

int readable_abort(struct readable *readable, uint64_t *ret_discarded_bytes,
		   struct refusal *refusal)
{
	if (stream_state_is_terminal(readable->state))
		return refuse_state(readable, refusal);
	*ret_discarded_bytes = readable_length(readable);
	readable->aborted = true;
	conduit_give_up(&readable->conduit, -ECANCELED);
	return 0;
}

void readable_get_runtime(const struct readable *readable, struct readable_runtime *ret_runtime)
{
	bool running = is_running(readable);
	bool paused = running && readable->ring.paused;

	*ret_runtime = (struct readable_runtime){
		.id = readable->id,
		.state = paused ? STREAM_STATE_PAUSED : readable->state,
		.owner_uid = readable->user->uid,
		.high_water_mark = readable->conduit.mark,
		.readable_length = running ? readable_length(readable) : 0,
		.read_bytes =
			running ? conduit_read_bytes(&readable->conduit) : readable->read_bytes,
		.taken_bytes =
			readable->ring.bytes > 0 ? readable->ring.tail : readable->taken_bytes,
		.total_bytes =
			running ? conduit_total_bytes(&readable->conduit) : readable->total_bytes,
		.path = running ? conduit_source_path(&readable->conduit) : readable->path,
		.fault = fault_is_set(&readable->fault) ? &readable->fault : NULL,
	};
}

void readable_for_each(struct user *user, bool (*each)(void *data, struct readable *readable),
		       void *data)
{
	list_for_each(link, &user->registry->readables) {
		struct readable *readable = container_of(link, struct readable, registry_link);

		if (can_be_found(readable, user) && !each(data, readable))
			return;
	}
}
