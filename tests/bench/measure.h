/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_BENCH_MEASURE_H
#define FOREBAY_TESTS_BENCH_MEASURE_H

/*
 * What the programs of the benchmark share. They measure and print `name value` lines that
 * bench.sh reads; whatever goes wrong ends them with a message and status 1, because a figure
 * of a broken run is worth nothing.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

uint64_t measure_now_ns(void);

noreturn void measure_fail(const char *what, int error);

/* A negative errno ends the program; anything else is handed through. */
int measure_need(const char *what, int result);

/* A number of the command line. */
uint64_t measure_number(const char *text);

/* Sorts, and then any quantile (0 .. 1) can be read. count is at least 1. */
void measure_sort(uint64_t *values, size_t count);
uint64_t measure_quantile(const uint64_t *sorted, size_t count, double quantile);

/* Runs the caller on this CPU only; where that is not allowed it runs where it likes. */
void measure_pin(int cpu);

/* Keeps the figures of one kind of call; memory from calloc, never freed before the end. */
uint64_t *measure_new_values(size_t count);

#endif
