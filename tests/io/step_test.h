/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_TESTS_IO_STEP_TEST_H
#define FOREBAY_TESTS_IO_STEP_TEST_H

/* What the tests of steps, chains of them and digests share. All of it aborts on failure. */

#include <stddef.h>

#include <check.h>

#include "daemon/io/step.h"

/* Bytes of any number; empty to begin with, freed by bytes_drop(). */
struct bytes {
	unsigned char *data;
	size_t length;
	size_t room; /* of data, if bytes_add() made it */
};

void bytes_add(struct bytes *bytes, const void *data, size_t length);
void bytes_drop(struct bytes *bytes);
void check_same(const struct bytes *found, const struct bytes *wanted);

/* Some of it compresses well, some not at all. */
struct bytes make_content(size_t length);

/* 0 .. below - 1, the same in every run. */
size_t random_below(size_t below);

/* step_run() or step_chain_run(). */
typedef int (*run_fn)(void *what, struct step_data *data, enum step_flush flush);

/* How the bytes are cut up: random pieces of at least 1 and at most so many. */
struct pieces {
	size_t in_most;
	size_t out_most;
};

/* All of `in` in pieces, the last of them with the flush; what comes is added to `out`. */
int run_in_pieces(run_fn run, void *what, const struct bytes *in, enum step_flush flush,
		  const struct pieces *pieces, struct bytes *out);

/* A program of the distribution: `in` for its input; what it prints. Returns its exit code. */
int run_program(const char *const *argv, const struct bytes *in, struct bytes *out);

#endif
