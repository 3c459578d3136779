/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "tests/vectors/replay_writable_run.h"

#include <stdlib.h>

#include <cjson/cJSON.h>

#include "tests/vectors/replay.h"

void run_break(struct run *run, const char *what)
{
	if (!run->broken)
		run->broken = what;
}

static int error_number(struct run *run, const char *name)
{
	return case_error_number(&run->errors, name);
}

void run_add_error(const struct run *run, cJSON *object, const char *name, int error)
{
	case_add_error(&run->errors, object, name, error);
}

/* ---- the log ---- */

cJSON *run_log(struct run *run, const char *name, const char *value)
{
	cJSON *entry = cJSON_CreateObject();

	cJSON_AddStringToObject(entry, name, value);
	cJSON_AddItemToArray(run->log, entry);
	return entry;
}

static cJSON *log_op(struct run *run, const char *op)
{
	return run_log(run, "op", op);
}

void run_add_length(const struct run *run, cJSON *entry)
{
	cJSON_AddNumberToObject(entry, "len", (double)flow_length(&run->flow));
}

void run_add_need(const struct run *run, cJSON *entry)
{
	cJSON_AddBoolToObject(entry, "need", flow_needs_drain(&run->flow));
}

static void log_op_full(struct run *run, const char *op)
{
	cJSON *entry = log_op(run, op);

	run_add_length(run, entry);
	run_add_need(run, entry);
}

/* ---- the simulated sink ---- */

static void deliver(struct run *run, struct item *item)
{
	item->delivered = true;
	cJSON_AddItemToArray(run->delivered, cJSON_CreateNumber(item->id));
	for (uint64_t i = 0; i < item->write.bytes; i++) {
		unsigned char byte = (unsigned char)((unsigned int)item->id * 131 + i * 7);

		EVP_DigestUpdate(run->digest, &byte, 1);
	}
}

static struct item *item_of(struct list *link)
{
	return container_of(link, struct item, write.step.link);
}

static void sink_finish(struct run *run, struct flow_sink *sink, int error)
{
	if (error) {
		run->trouble = true;
		flow_fail(&run->flow, sink, error);
		return;
	}
	list_for_each(link, &sink->writes)
		deliver(run, item_of(link));
	flow_complete(&run->flow, sink);
}

static void do_sink(struct run *run, struct flow_sink *sink)
{
	cJSON *entry = run_log(run, "sink", sink->count > 1 ? "writev" : "write");
	cJSON *ids = cJSON_AddArrayToObject(entry, "ids");

	cJSON_AddNumberToObject(entry, "n", (double)sink->bytes);
	list_for_each(link, &sink->writes) {
		struct item *item = item_of(link);

		if (item->attempted || item->order != run->attempted_count++)
			run_break(run, "writes reached the sink out of order");
		item->attempted = true;
		cJSON_AddItemToArray(ids, cJSON_CreateNumber(item->id));
		cJSON_AddItemToArray(run->attempted, cJSON_CreateNumber(item->id));
	}
	run->calls++;
	if (run->outstanding)
		run_break(run, "two sink calls at once");
	if (run->manner == SINK_SYNC)
		sink_finish(run, sink, run->calls == run->fail_at ? error_number(run, "SINK") : 0);
	else
		run->outstanding = sink;
}

static void do_final(struct run *run)
{
	run_log(run, "sink", "final");
	if (case_is(run->final, "manual")) {
		run->final_outstanding = true;
		return;
	}
	run->trouble = run->trouble || case_is(run->final, "fail");
	flow_final_done(&run->flow, case_is(run->final, "fail") ? error_number(run, "FINAL") : 0);
}

static void do_answer_write(struct run *run, struct flow_write *write, int error)
{
	struct item *item = container_of(write, struct item, write);
	cJSON *entry;

	item->answers++;
	if (item->accepted && !error && !item->delivered)
		run_break(run, "a write was answered well that was not delivered");
	if (item->accepted && error && !run->trouble)
		run_break(run, "a write was answered with an error though nothing failed");
	if (!item->accepted && !error)
		run_break(run, "a refused write was answered well");
	if (!item->cb)
		return;
	entry = run_log(run, "cb", "write");
	cJSON_AddNumberToObject(entry, "id", item->id);
	run_add_error(run, entry, "err", error);
}

static void producer_go_on(struct run *run);

static void do_drain(struct run *run)
{
	run_add_length(run, run_log(run, "ev", "drain"));
	if (run->closes > 0)
		run_break(run, "drain after close");
	if (run->produce)
		producer_go_on(run);
}

static void do_error(struct run *run, int error)
{
	run_add_error(run, run_log(run, "ev", "error"), "err", error);
	if (run->failures++ > 0 || run->closes > 0)
		run_break(run, "error twice or after close");
}

static void perform(struct run *run, const struct flow_action *action)
{
	cJSON *entry;

	switch (action->what) {
	case FLOW_DO_SINK:
		do_sink(run, action->sink);
		break;
	case FLOW_DO_FINAL:
		do_final(run);
		break;
	case FLOW_DO_RELEASE:
		run_add_error(run, run_log(run, "sink", "destroy"), "err", action->error);
		if (run->outstanding)
			run_break(run, "released with a sink call in hand");
		flow_released(&run->flow, 0);
		break;
	case FLOW_DO_ANSWER_WRITE:
		do_answer_write(run, action->write, action->error);
		break;
	case FLOW_DO_ANSWER_END:
		entry = run_log(run, "cb", "end");
		cJSON_AddNumberToObject(entry, "k",
					container_of(action->end, struct waiter, end)->k);
		run_add_error(run, entry, "err", action->error);
		break;
	case FLOW_DO_DRAIN:
		do_drain(run);
		break;
	case FLOW_DO_FINISH:
		run_log(run, "ev", "finish");
		if (run->finishes++ > 0 || run->failures > 0 || run->closes > 0)
			run_break(run, "finish twice, or after error or close");
		break;
	case FLOW_DO_ERROR:
		do_error(run, action->error);
		break;
	case FLOW_DO_CLOSE:
		run_log(run, "ev", "close");
		if (run->closes++ > 0)
			run_break(run, "close twice");
		break;
	}
}

static void perform_all(struct run *run)
{
	struct flow_action action;

	while (flow_next(&run->flow, &action))
		perform(run, &action);
}

/* What Node does once the call stack is empty. */
void run_deferred(struct run *run)
{
	struct flow_action action;
	struct flow_sink *sink;

	for (;;) {
		while (flow_next_deferred(&run->flow, &action))
			perform(run, &action);
		if (run->manner != SINK_TICK || !run->outstanding)
			return;
		sink = run->outstanding;
		run->outstanding = NULL;
		sink_finish(run, sink, run->calls == run->fail_at ? error_number(run, "SINK") : 0);
	}
}

/* ---- the operations ---- */

static struct item *item_new(struct run *run, int id, int bytes, bool cb)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		abort();
	item->id = id;
	item->cb = cb;
	item->write.bytes = (uint64_t)bytes;
	item->write.quiet = !cb;
	item->next = run->items;
	run->items = item;
	return item;
}

static void item_note(struct run *run, struct item *item, bool accepted)
{
	item->accepted = accepted;
	if (accepted)
		item->order = run->accepted++;
}

static bool op_write(struct run *run, int id, int bytes, bool cb)
{
	struct item *item = item_new(run, id, bytes, cb);
	bool go_on;
	cJSON *entry;

	item_note(run, item, flow_write(&run->flow, &item->write));
	perform_all(run);
	go_on = flow_judge(&run->flow);
	entry = log_op(run, "write");
	cJSON_AddNumberToObject(entry, "id", id);
	cJSON_AddNumberToObject(entry, "n", bytes);
	cJSON_AddBoolToObject(entry, "ret", go_on);
	run_add_length(run, entry);
	run_add_need(run, entry);
	return go_on;
}

static void op_end(struct run *run, const cJSON *op)
{
	struct item *last = NULL;
	struct waiter *waiter = NULL;

	if (case_has(op, "id"))
		last = item_new(run, case_number(op, "id"), case_number(op, "n"), false);
	if (case_has(op, "cb")) {
		waiter = calloc(1, sizeof(*waiter));
		if (!waiter)
			abort();
		waiter->k = case_number(op, "cb");
		waiter->next = run->waiters;
		run->waiters = waiter;
	}
	flow_end(&run->flow, last ? &last->write : NULL, waiter ? &waiter->end : NULL);
	if (last)
		item_note(run, last, last->write.accepted);
	perform_all(run);
	log_op_full(run, "end");
}

static void producer_go_on(struct run *run)
{
	const cJSON *chunks = cJSON_GetObjectItemCaseSensitive(run->produce, "chunks");
	const cJSON *op = run->produce;

	while (run->produced < cJSON_GetArraySize(chunks)) {
		const cJSON *chunk = cJSON_GetArrayItem(chunks, run->produced++);

		if (!op_write(run, cJSON_GetArrayItem(chunk, 0)->valueint,
			      cJSON_GetArrayItem(chunk, 1)->valueint, false))
			return;
	}
	run->produce = NULL;
	if (case_truth(op, "end"))
		op_end(run, NULL);
}

static void op_sink_over(struct run *run, const char *name, const char *error)
{
	struct flow_sink *sink = run->manner == SINK_MANUAL ? run->outstanding : NULL;
	cJSON *entry;

	if (sink) {
		run->outstanding = NULL;
		sink_finish(run, sink, error_number(run, error));
	}
	perform_all(run);
	entry = log_op(run, name);
	cJSON_AddBoolToObject(entry, "had", sink != NULL);
	run_add_length(run, entry);
	run_add_need(run, entry);
}

static void op_final_over(struct run *run, const char *name, const char *error)
{
	bool had = run->final_outstanding;

	run->final_outstanding = false;
	run->trouble = run->trouble || (had && error);
	if (had)
		flow_final_done(&run->flow, error_number(run, error));
	perform_all(run);
	cJSON_AddBoolToObject(log_op(run, name), "had", had);
}

static void op_open_over(struct run *run, const char *name, const char *error)
{
	bool had = run->open_outstanding;

	run->open_outstanding = false;
	run->trouble = run->trouble || (had && error);
	if (had && error)
		flow_open_failed(&run->flow, error_number(run, error));
	else if (had)
		flow_opened(&run->flow);
	perform_all(run);
	cJSON_AddBoolToObject(log_op(run, name), "had", had);
}

static void op_cork(struct run *run, bool cork)
{
	cJSON *entry;

	if (cork)
		flow_cork(&run->flow);
	else
		flow_uncork(&run->flow);
	perform_all(run);
	entry = log_op(run, cork ? "cork" : "uncork");
	cJSON_AddNumberToObject(entry, "corked", flow_corked(&run->flow));
	if (!cork)
		run_add_length(run, entry);
}

static void op_destroy(struct run *run, const char *error)
{
	run->trouble = true;
	flow_destroy(&run->flow, error_number(run, error));
	perform_all(run);
	run_add_length(run, log_op(run, "destroy"));
}

void run_op(struct run *run, const cJSON *op)
{
	const char *name = case_text(op, "op");

	if (case_is(name, "write"))
		op_write(run, case_number(op, "id"), case_number(op, "n"), case_truth(op, "cb"));
	else if (case_is(name, "end"))
		op_end(run, op);
	else if (case_is(name, "cork"))
		op_cork(run, true);
	else if (case_is(name, "uncork"))
		op_cork(run, false);
	else if (case_is(name, "complete"))
		op_sink_over(run, name, NULL);
	else if (case_is(name, "fail"))
		op_sink_over(run, name, case_text(op, "err"));
	else if (case_is(name, "final_ok"))
		op_final_over(run, name, NULL);
	else if (case_is(name, "final_fail"))
		op_final_over(run, name, "FINAL");
	else if (case_is(name, "open_ok"))
		op_open_over(run, name, NULL);
	else if (case_is(name, "open_fail"))
		op_open_over(run, name, "OPEN");
	else if (case_is(name, "destroy"))
		op_destroy(run, case_text(op, "err"));
	else if (case_is(name, "produce")) {
		run->produce = op;
		run->produced = 0;
		producer_go_on(run);
	} else {
		run_break(run, "an operation of another kind");
	}
	perform_all(run);
}

bool run_init(struct run *run, const cJSON *scenario)
{
	const cJSON *opts = cJSON_GetObjectItemCaseSensitive(scenario, "opts");
	const cJSON *hwm = cJSON_GetObjectItemCaseSensitive(opts, "hwm");
	const char *sink = case_text(opts, "sink");
	const char *open = case_text(opts, "open");
	struct flow_config config = {
		.high_water_mark = cJSON_IsNumber(hwm) ? (uint64_t)hwm->valuedouble : 16384,
		.sink_bytes = UINT64_MAX,
		.sink_writes = case_truth(opts, "writev") ? UINT32_MAX : 1,
		.sinks = 1,
		.opening = case_is(open, "manual"),
		.release = case_truth(opts, "autoDestroy"),
		.announce_close = case_truth(opts, "emitClose"),
	};

	*run = (struct run){
		.scenario = scenario,
		.final = case_text(opts, "final"),
		.opens = config.opening,
		.fail_at = case_number(opts, "failAt"),
		.manner = case_is(sink, "sync") ? SINK_SYNC :
			  case_is(sink, "tick") ? SINK_TICK :
						  SINK_MANUAL,
	};
	if (!sink || !open || !run->final || !(cJSON_IsNumber(hwm) || cJSON_IsString(hwm)) ||
	    !cJSON_IsArray(cJSON_GetObjectItemCaseSensitive(scenario, "turns"))) {
		replay_complain(scenario, "not a scenario of this kind");
		return false;
	}
	config.final = !case_is(run->final, "none");
	flow_init(&run->flow, &config);
	run->attempted = cJSON_CreateArray();
	run->delivered = cJSON_CreateArray();
	run->digest = EVP_MD_CTX_new();
	if (!run->digest || !EVP_DigestInit_ex(run->digest, EVP_sha256(), NULL))
		abort();
	return true;
}

void run_fini(struct run *run)
{
	flow_fini(&run->flow);
	while (run->items) {
		struct item *item = run->items;

		run->items = item->next;
		free(item);
	}
	while (run->waiters) {
		struct waiter *waiter = run->waiters;

		run->waiters = waiter->next;
		free(waiter);
	}
	cJSON_Delete(run->attempted);
	cJSON_Delete(run->delivered);
	EVP_MD_CTX_free(run->digest);
}

/* Lets everything come to its end, so that every accepted write must have been answered. */
void run_wind_up(struct run *run)
{
	run->log = cJSON_CreateArray();
	op_open_over(run, "open_ok", NULL);
	while (flow_corked(&run->flow) > 0)
		op_cork(run, false);
	run_deferred(run);
	while (run->outstanding) {
		op_sink_over(run, "complete", NULL);
		run_deferred(run);
	}
	op_final_over(run, "final_ok", NULL);
	run_deferred(run);
	/* Without autoDestroy a stream that could not be opened answers when it is destroyed. */
	if (flow_phase(&run->flow) == FLOW_FAILED) {
		op_destroy(run, NULL);
		run_deferred(run);
	}
	cJSON_Delete(run->log);
}
