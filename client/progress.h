/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CLIENT_PROGRESS_H
#define FOREBAY_CLIENT_PROGRESS_H

/*
 * One line on a terminal that tells how far a transfer has come: bytes, rate, time left if the
 * total is known, and how full the ring is if there is one. On anything but a terminal it prints
 * nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* How often the line is drawn. */
#define PROGRESS_INTERVAL_USEC UINT64_C(200000)

struct progress {
	FILE *file;
	bool enabled;
	bool color;
	bool drawn;
	uint64_t total_bytes;	/* 0: not known; may be set when it is */
	uint64_t start_ns;
	uint64_t last_ns;
};

/* What is to be shown. */
struct progress_state {
	uint64_t taken_bytes;	/* handed to the daemon */
	uint64_t done_bytes;	/* at the ack level */
	uint64_t length_bytes;	/* in the ring */
	uint64_t ring_bytes;	/* 0: none */
	uint64_t elapsed_ns;
	uint64_t total_bytes;
};

void progress_start(struct progress *progress, FILE *file, uint64_t total_bytes);

/* Draws the line if it is time to. */
void progress_update(struct progress *progress, const struct progress_state *state);

/* Draws it a last time, with its end of line. */
void progress_finish(struct progress *progress, const struct progress_state *state);

/* The line itself, no wider than `columns`. Pure. */
void progress_format(const struct progress_state *state, size_t columns, char *line,
		     size_t line_bytes);

/* Ends the line as it is, if one was drawn: what follows is a report. */
void progress_break(struct progress *progress);

#endif
