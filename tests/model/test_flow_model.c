/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/core/flow.h"

/*
 * Long random runs of a flow against a naive model of it: an array of writes in the order in
 * which they were accepted, and counts that are added up afresh each time. What is checked:
 *
 *   - length, queued and need are what the model says, and so is every result of a write;
 *   - the sink gets every write once, in order, as much as the limits allow, and never idles
 *     while it could have more;
 *   - drain comes once for each need, at the right length, and is never forgotten;
 *   - every write is answered once, in order, with the right error; so is every end;
 *   - finish, error and close come at most once, in that order, with nothing behind close.
 *
 * Usage: test_flow_model [SEED [RUNS]]. The seed is printed, and a failing run prints its own.
 */

#define WRITES_MAX 400
#define ENDS_MAX 8
#define OPS_MAX 300

enum place { QUEUED, AT_SINK, RESOLVED, ANSWERED };

struct entry {
	struct flow_write write; /* first, so that an entry can be had from it */
	uint64_t bytes;
	uint64_t call; /* the sink call, while AT_SINK */
	enum place place;
	int error;
};

struct call {
	struct flow_sink *sink;
	uint64_t number;
	bool over;
	int error;
};

static struct flow flow;
static struct flow_config config;
static struct entry entries[WRITES_MAX];
static struct flow_write refused[WRITES_MAX];
static struct flow_end ends[ENDS_MAX];
static bool end_answered[ENDS_MAX];
static struct call calls[FLOW_SINKS_MAX]; /* oldest first */

static struct {
	unsigned int entries;
	unsigned int answered;
	unsigned int refused;
	unsigned int refused_answered;
	unsigned int ends;
	unsigned int calls;
	unsigned int corked;
	uint64_t limit;
	int first_error;
	int told_error;
	int sink_error;
	bool need;
	bool held;
	bool opening;
	bool ended;
	bool destroyed;
	bool stopped;	   /* a sink call failed, seen or not */
	bool over_in_call; /* the next sink call is over inside itself */
	bool used_in_call;
	bool final_given;
	bool final_done;
	bool released_given;
	unsigned int finishes;
	unsigned int errors;
	unsigned int closes;
} model;

static uint64_t run_seed;
static uint64_t random_state;
static uint64_t drains_seen;

static uint64_t random_next(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state * 0x2545f4914f6cdd1dULL;
}

static uint64_t below(uint64_t limit)
{
	return (random_next() >> 20) % limit;
}

static bool chance(uint64_t one_in)
{
	return below(one_in) == 0;
}

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	printf("FAIL seed %llu: %s (phase %s, length %llu, %u accepted, %u answered)\n",
	       (unsigned long long)run_seed, what, flow_phase_name(flow_phase(&flow)),
	       (unsigned long long)flow_length(&flow), model.entries, model.answered);
	exit(1);
}

/* ---- the model, added up afresh ---- */

static uint64_t model_length(void)
{
	uint64_t length = 0;

	for (unsigned int i = 0; i < model.entries; i++)
		if (entries[i].place == QUEUED || entries[i].place == AT_SINK)
			length += entries[i].bytes;
	return length;
}

static struct entry *model_next_queued(void)
{
	for (unsigned int i = 0; i < model.entries; i++)
		if (entries[i].place == QUEUED)
			return &entries[i];
	return NULL;
}

static uint32_t model_queued(void)
{
	uint32_t count = 0;

	for (unsigned int i = 0; i < model.entries; i++)
		count += entries[i].place == QUEUED;
	return count;
}

static bool model_failed(void)
{
	return model.sink_error || model.first_error;
}

static bool model_may_sink(void)
{
	return !model.opening && !model.corked && !model.held && !model.stopped &&
	       !model.destroyed && !model.first_error && model.calls < config.sinks &&
	       model_next_queued();
}

static bool model_drain_due(void)
{
	uint64_t mark = config.low_water_mark < model.limit ? config.low_water_mark : model.limit;

	return model.need && model_length() <= mark && !model.ended && !model.destroyed;
}

/* What happens to a stream that is destroyed already is kept, but no event tells of it. */
static void model_fail(int error)
{
	if (!model.first_error)
		model.first_error = error;
	if (!model.destroyed && !model.told_error)
		model.told_error = error;
}

/* Calls leave from the oldest on. */
static void model_retire(void)
{
	while (model.calls > 0 && calls[0].over) {
		if (calls[0].error && !model.sink_error)
			model.sink_error = calls[0].error;
		for (unsigned int i = 0; i < model.entries; i++) {
			if (entries[i].place != AT_SINK || entries[i].call != calls[0].number)
				continue;
			entries[i].place = RESOLVED;
			entries[i].error = calls[0].error ? calls[0].error : model.sink_error;
		}
		if (model.sink_error)
			model_fail(model.sink_error);
		memmove(&calls[0], &calls[1], sizeof(calls[0]) * --model.calls);
	}
}

/* ---- performing actions ---- */

static void call_over(unsigned int index, int error)
{
	struct flow_sink *sink = calls[index].sink;

	calls[index].over = true;
	calls[index].error = error;
	if (error)
		model.stopped = true;
	model_retire();
	if (error)
		flow_fail(&flow, sink, error);
	else
		flow_complete(&flow, sink);
}

static void perform_sink(struct flow_sink *sink)
{
	uint64_t bytes = 0;
	uint32_t count = 0;
	struct entry *next;

	check(model_may_sink(), "a sink call that may not be");
	list_for_each(link, &sink->writes) {
		next = model_next_queued();
		check(next && link == &next->write.step.link, "the sink gets writes out of order");
		next->place = AT_SINK;
		next->call = sink->number;
		bytes += next->bytes;
		count++;
	}
	next = model_next_queued();
	check(count > 0 && count == sink->count && bytes == sink->bytes, "a sink call's sums");
	check(count == 1 || (count <= config.sink_writes && bytes <= config.sink_bytes),
	      "a sink call over its limits");
	check(!next || count == config.sink_writes || bytes + next->bytes > config.sink_bytes,
	      "a sink call that could have taken more");
	calls[model.calls++] = (struct call){ .sink = sink, .number = sink->number };
	if (model.over_in_call) {
		model.used_in_call = true;
		call_over(model.calls - 1, 0);
	}
}

static void answer_accepted(struct entry *entry, int error)
{
	bool in_order = entry == &entries[model.answered] ||
			(model.used_in_call && (model.destroyed || model_failed()));

	check(entry->place != ANSWERED, "a write answered twice");
	check(in_order, "a write answered out of order");
	if (entry->place != RESOLVED) {
		check(entry->place == QUEUED && model.calls == 0, "a write answered too early");
		check(model.destroyed || model_failed(), "a write dropped though nothing failed");
		entry->error = model.first_error ? model.first_error : FLOW_ERROR_DESTROYED;
	}
	check(entry->error == error, "a write answered with another error");
	entry->place = ANSWERED;
	model.answered++;
}

static void perform_answer(struct flow_write *write, int error)
{
	if (write >= &refused[0] && write < &refused[WRITES_MAX]) {
		check(error != 0, "a refused write answered well");
		model.refused_answered++;
		return;
	}
	answer_accepted(container_of(write, struct entry, write), error);
}

static void perform_drain(void)
{
	check(model_drain_due(), "a drain that is not due");
	model.need = false;
	model.limit = UINT64_MAX;
	drains_seen++;
}

static void perform(const struct flow_action *action)
{
	check(model.closes == 0 || action->what == FLOW_DO_ANSWER_WRITE ||
		      action->what == FLOW_DO_ANSWER_END,
	      "something after close");
	switch (action->what) {
	case FLOW_DO_SINK:
		perform_sink(action->sink);
		break;
	case FLOW_DO_FINAL:
		check(model.ended && model_length() == 0 && !model.final_given, "final too early");
		model.final_given = true;
		break;
	case FLOW_DO_RELEASE:
		check(model.calls == 0 && !model.opening, "released with work in hand");
		model.destroyed = true;
		model.released_given = true;
		break;
	case FLOW_DO_ANSWER_WRITE:
		perform_answer(action->write, action->error);
		break;
	case FLOW_DO_ANSWER_END:
		check(!end_answered[action->end->tag], "an end answered twice");
		end_answered[action->end->tag] = true;
		break;
	case FLOW_DO_DRAIN:
		perform_drain();
		break;
	case FLOW_DO_FINISH:
		check(model.ended && model.answered == model.entries && !model.sink_error,
		      "finish too early");
		check(model.finishes++ == 0 && model.errors == 0, "finish twice or after error");
		break;
	case FLOW_DO_ERROR:
		check(model.errors++ == 0, "error twice");
		check(action->error == model.told_error, "another error than the first");
		break;
	case FLOW_DO_CLOSE:
		check(model.answered == model.entries, "close before every write was answered");
		check(model.closes++ == 0, "close twice");
		break;
	}
}

static void now(void)
{
	struct flow_action action;

	while (flow_next(&flow, &action))
		perform(&action);
	check(!model_may_sink(), "the sink idles");
	if (model.destroyed || model_failed())
		return;
	check(flow_length(&flow) == model_length(), "length");
	check(flow_queued(&flow) == model_queued(), "queued");
}

static void wake_up_over(void)
{
	struct flow_action action;

	while (flow_next_deferred(&flow, &action))
		perform(&action);
	check(!model_drain_due() || model_failed(), "a drain was forgotten");
	check(model.refused_answered == model.refused, "a refused write not answered");
	check(flow_needs_drain(&flow) == (model.need && !model.ended && !model.destroyed), "need");
	/* What is queued behind a failure is answered once no sink call is in hand. */
	if ((!model.destroyed && !model_failed()) || (model.calls == 0 && !model.opening)) {
		check(flow_length(&flow) == model_length(), "length after the wake-up");
		check(flow_queued(&flow) == model_queued(), "queued after the wake-up");
	}
}

static void later(void)
{
	now();
	wake_up_over();
}

/* ---- the calls ---- */

static void op_write(void)
{
	uint64_t bytes = chance(8) ? 0 : 1 + below(chance(5) ? 100 : 12);
	bool refuse = model.ended || model.destroyed || model.first_error;
	struct entry *entry = &entries[model.entries];
	struct flow_write *write = refuse ? &refused[model.refused] : &entry->write;
	bool room;

	if (model.entries == WRITES_MAX || model.refused == WRITES_MAX)
		return;
	*write = (struct flow_write){ .bytes = bytes };
	if (refuse) {
		model.refused++;
	} else {
		*entry = (struct entry){ .write = *write, .bytes = bytes, .place = QUEUED };
		model.entries++;
	}
	check(flow_write(&flow, write) == !refuse, "a write taken or refused wrongly");
	now();
	room = model_length() < config.high_water_mark || model_length() == 0;
	if (!refuse && !room)
		model.need = true;
	check(flow_judge(&flow) == (room && !refuse && !model.first_error), "go on");
	now();
}

static void op_grow(void)
{
	uint64_t bytes = 1 + below(20);
	uint64_t joined = 0;
	struct entry *last = model.entries > 0 ? &entries[model.entries - 1] : NULL;

	if (last && last->place == QUEUED && last->bytes < config.sink_bytes && !model.ended &&
	    !model.destroyed && !model.first_error) {
		joined = config.sink_bytes - last->bytes;
		if (joined > bytes)
			joined = bytes;
		last->bytes += joined;
	}
	check(flow_grow(&flow, bytes) == joined, "grow");
}

static void op_call_over(bool well)
{
	unsigned int index;

	if (model.calls == 0)
		return;
	index = (unsigned int)below(model.calls);
	if (!calls[index].over)
		call_over(index, well ? 0 : -1 - (int)below(5));
	now();
}

static void op_end(void)
{
	if (model.ends == ENDS_MAX || model.destroyed)
		return;
	ends[model.ends].tag = model.ends;
	flow_end(&flow, NULL, &ends[model.ends]);
	model.ends++;
	model.corked = 0;
	if (!model.first_error)
		model.ended = true;
	now();
}

static void op_destroy(void)
{
	int error = chance(2) ? -20 : 0;

	if (!model.destroyed)
		model_fail(error);
	model.destroyed = true;
	flow_destroy(&flow, error);
	now();
}

static void op_cork(bool cork)
{
	if (cork) {
		model.corked++;
		flow_cork(&flow);
	} else {
		model.corked -= model.corked > 0;
		flow_uncork(&flow);
	}
	now();
}

static void op_hold(void)
{
	model.held = !model.held;
	flow_hold(&flow, model.held);
	now();
}

static void op_want_drain(void)
{
	model.need = true;
	model.limit = chance(2) ? below(40) : UINT64_MAX;
	flow_want_drain(&flow, model.limit);
	now();
}

static void op_opened(void)
{
	if (!model.opening)
		return;
	/* It takes effect deferred, and the model knows no such half way. */
	later();
	model.opening = false;
	flow_opened(&flow);
	wake_up_over();
}

static void op_final_done(void)
{
	int error = chance(10) ? -30 : 0;

	if (!model.final_given || model.final_done || model.released_given)
		return;
	model.final_done = true;
	model_fail(error);
	flow_final_done(&flow, error);
	later();
}

static void op_released(void)
{
	if (!model.released_given || model.closes > 0 || flow_is_closed(&flow))
		return;
	flow_released(&flow, 0);
	now();
}

static void op_any(void)
{
	uint64_t dice = below(1000);

	if (dice < 400)
		op_write();
	else if (dice < 700)
		op_call_over(true);
	else if (dice < 800)
		later();
	else if (dice < 840)
		op_grow();
	else if (dice < 880)
		op_want_drain();
	else if (dice < 920)
		op_cork(chance(3));
	else if (dice < 950)
		op_hold();
	else if (dice < 970)
		op_opened();
	else if (dice < 974)
		op_end();
	else if (dice < 978)
		op_call_over(false);
	else if (dice < 980)
		op_destroy();
}

/* ---- a run ---- */

static void run_begin(void)
{
	static const uint64_t sink_bytes[] = { 8, 50, 400, UINT64_MAX };
	static const uint32_t sink_writes[] = { 1, 2, 5, UINT32_MAX };

	memset(&model, 0, sizeof(model));
	memset(end_answered, 0, sizeof(end_answered));
	model.limit = UINT64_MAX;
	config = (struct flow_config){
		.high_water_mark = chance(10) ? 0 : 1 + below(80),
		.sink_bytes = sink_bytes[below(4)],
		.sink_writes = sink_writes[below(4)],
		.sinks = 1 + (uint32_t)below(8),
		.opening = chance(4),
		.final = chance(3),
		.release = true,
		.announce_close = true,
	};
	if (config.high_water_mark > 0 && chance(2))
		config.low_water_mark = below(config.high_water_mark);
	model.opening = config.opening;
	flow_init(&flow, &config);
}

/* Everything that is held back is let go, until nothing moves any more. */
static void run_finish(void)
{
	op_opened();
	model.held = false;
	flow_hold(&flow, false);
	op_end();
	if (!model.ended)
		op_destroy();
	later();
	while (model.calls > 0) {
		op_call_over(true);
		later();
	}
	op_final_done();
	op_released();
	later();

	check(model.closes == 1, "the stream did not close");
	check(model.answered == model.entries, "a write was lost");
	check(flow_length(&flow) == 0, "bytes are left");
	check(model.finishes + (model.first_error || model.destroyed) >= 1, "no terminal event");
	check(model.errors == (model.told_error != 0), "the error was not told");
	for (unsigned int i = 0; i < model.ends; i++)
		check(end_answered[i], "an end was not answered");
	flow_fini(&flow);
}

static void run(uint64_t seed)
{
	bool in_call;

	run_seed = seed;
	random_state = seed * 0x9e3779b97f4a7c15ULL + 1;
	run_begin();
	in_call = chance(4);
	for (uint64_t i = below(OPS_MAX); i > 0; i--) {
		model.over_in_call = in_call && chance(4);
		op_any();
	}
	model.over_in_call = false;
	run_finish();
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)time(NULL);
	uint64_t runs = argc > 2 ? strtoull(argv[2], NULL, 0) : 20000;

	printf("seed %llu, %llu runs\n", (unsigned long long)seed, (unsigned long long)runs);
	fflush(stdout);
	for (uint64_t i = 0; i < runs; i++)
		run(seed + i);
	if (drains_seen == 0) {
		printf("FAIL: no run saw a drain\n");
		return 1;
	}
	printf("%llu runs hold\n", (unsigned long long)runs);
	return 0;
}
