/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_PIPE_END_H
#define FOREBAY_CLIENT_PIPE_END_H

/*
 * What a source or a sink on the command line stands for: "-" for what this program was given as
 * standard input or output, "buffer:ID", "/x" and "./x" for what is opened here and passed, and
 * any other word for a path in a store.
 */

#include <sys/types.h>

#include "proto/must_check.h"

enum pipe_end_kind {
	PIPE_END_STORE,
	PIPE_END_BUFFER,
	PIPE_END_STANDARD,
	PIPE_END_OUTSIDE,
};

struct pipe_end {
	enum pipe_end_kind kind;
	const char *path;	/* in a store or beneath directory_fd; NULL: none */
	const char *buffer;	/* id; NULL: none */
	int file_fd;		/* open for what it is; -1: none */
	int directory_fd;	/* of sinks only; -1: none */
	pid_t relay;		/* of a device; 0: none */
};

/* By the word alone: nothing is opened. */
enum pipe_end_kind pipe_end_classify(const char *word);

/* One that needs no closing. */
struct pipe_end pipe_end_none(void);

/*
 * A negative errno if it cannot be opened. A fifo is waited for, as a shell does. Of a sink that
 * is new or a regular file the directory is opened, so that it can be put in place whole.
 */
int pipe_end_open_source(const char *word, struct pipe_end *ret_end) must_check;
int pipe_end_open_sink(const char *word, struct pipe_end *ret_end) must_check;

/* What was opened. For a sink when all of it is with the daemon: a negative errno of the rest. */
void pipe_end_close_source(struct pipe_end *end);
int pipe_end_close_sink(struct pipe_end *end) must_check;

#endif
