/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_VECTORS_REPLAY_WRITABLE_RUN_H
#define FOREBAY_TESTS_VECTORS_REPLAY_WRITABLE_RUN_H

/*
 * One scenario being run: a flow with a simulated sink, which writes a log in Node's words.
 * It checks what may never happen as it goes; `broken` says the first of it.
 */

#include <stdbool.h>
#include <stdint.h>

#include <openssl/evp.h>

#include "daemon/core/flow.h"
#include "tests/vectors/replay_case.h"

struct cJSON;

struct item {
	struct flow_write write;
	struct item *next; /* run::items */
	int id;
	bool cb;
	bool accepted;
	bool attempted;
	bool delivered;
	unsigned int answers;
	unsigned int order; /* among the accepted */
};

struct waiter {
	struct flow_end end;
	struct waiter *next; /* run::waiters */
	int k;
};

enum sink_manner { SINK_MANUAL, SINK_SYNC, SINK_TICK };

struct run {
	const struct cJSON *scenario;
	struct flow flow;
	struct case_errors errors;
	enum sink_manner manner;
	const char *final;
	int fail_at;
	int calls;
	struct flow_sink *outstanding; /* for an op to complete; at a tick sink by itself */
	bool opens;
	bool open_outstanding;
	bool final_outstanding;
	bool trouble; /* something failed or was destroyed: errors are in order */
	struct item *items;
	struct waiter *waiters;
	unsigned int accepted;
	unsigned int attempted_count;
	struct cJSON *log; /* of the present turn */
	struct cJSON *attempted;
	struct cJSON *delivered;
	EVP_MD_CTX *digest;
	const struct cJSON *produce; /* the op, while its producer has something left */
	int produced;
	unsigned int finishes;
	unsigned int failures;
	unsigned int closes;
	const char *broken; /* the first thing that may never happen */
};

/* False, with a complaint, for what is no scenario of this kind. */
bool run_init(struct run *run, const struct cJSON *scenario);
void run_fini(struct run *run);

/* One operation of a turn; what is deferred behind all of them; the very end. */
void run_op(struct run *run, const struct cJSON *op);
void run_deferred(struct run *run);
void run_wind_up(struct run *run);

/* Appends {name: value} to run::log and returns it. */
struct cJSON *run_log(struct run *run, const char *name, const char *value);

/* Add what the flow says now to a log entry or state. */
void run_add_length(const struct run *run, struct cJSON *entry);
void run_add_need(const struct run *run, struct cJSON *entry);
void run_add_error(const struct run *run, struct cJSON *object, const char *name, int error);

/* Notes something that may never happen. */
void run_break(struct run *run, const char *what);

#endif
