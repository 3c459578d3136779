/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_SUPPORT_FLOW_BENCH_H
#define FOREBAY_TESTS_SUPPORT_FLOW_BENCH_H

/*
 * A bench for one flow. It performs the actions by writing them down, so that a test reads
 * as a list of calls with what came of each:
 *
 *	S1:2+3	sink call 1 with writes 2 and 3		w2 w2!7	write 2 answered, with error 7
 *	F	FINAL					e1 e1!7	end 1 answered
 *	R R!7	RELEASE					D	drain
 *	FIN	finish			E7	error 7		C	close
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/core/flow.h"

#define BENCH_MANY 64
#define MINE (-7) /* an error of the caller's own */

struct bench {
	struct flow flow;
	struct flow_write writes[BENCH_MANY];
	struct flow_end ends[BENCH_MANY];
	uint64_t write_count;
	uint64_t end_count;
	struct flow_sink *sinks[BENCH_MANY]; /* by number */
	bool sync;			     /* sink calls complete inside the call */
	bool quiet;
	int sync_error;
	char log[4096];
	char taken[4096];
};

extern struct bench bench;

/* What was written down since the last time. */
const char *bench_seen(void);

#define saw(expected) ck_assert_str_eq(bench_seen(), expected)

/* Writes something down that is no action. */
void bench_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Node's rule with a high-water mark; a low one at 4 of 10, and one write a sink call. */
struct flow_config bench_node_rule(uint64_t high);
struct flow_config bench_low_rule(void);

void bench_start(struct flow_config config);

/* The next write or end of the bench, numbered from 1. */
struct flow_write *bench_next_write(uint64_t bytes);
struct flow_end *bench_next_end(void);

/* Perform what the present call, or the whole wake-up, left. */
void bench_now(void);
void bench_later(void);

/* Calls with what they leave. bench_put() says what the producer is told. */
bool bench_put(uint64_t bytes);
void bench_end(void);
void bench_done(unsigned int number);
void bench_fail(unsigned int number, int error);
void bench_destroy(int error);
void bench_released(int error);

#endif
