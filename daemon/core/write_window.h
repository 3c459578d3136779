/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_WRITE_WINDOW_H
#define FOREBAY_CORE_WRITE_WINDOW_H

/*
 * How much of a stream is in flight to its device at once, and in pieces of which size. What is
 * in flight can be neither drained nor taken back, so it shall be what the device does in a
 * tenth of a second: on a fast disk that is more than any disk needs to be busy all the time, so
 * there the largest window applies, and on a slow one a drain or an abort does not wait for
 * seconds. Where a request spends longer than half of that on the way, beyond the time in which
 * its bytes are moved (a network far away), it is what the device does in twice as long, or it
 * would stand idle between requests.
 *
 * The rule: how long requests took, from their submission to their end, is averaged over eight
 * of them, or fewer where those fill the window. The window is made larger or smaller by as much
 * as that is below or above the aim, but at most twofold or to a quarter at a time, and larger
 * only if it was what kept bytes back. Requests that were under way at the last change tell of the window before it, and
 * do not count.
 *
 * Only requests that wait for the device tell anything: those that the page cache takes are
 * not to be counted. Times are of any clock that does not go back.
 */

#include <stdbool.h>
#include <stdint.h>

#define WRITE_WINDOW_PIECE_MIN (UINT64_C(256) * 1024)
#define WRITE_WINDOW_PIECE_MAX (UINT64_C(1024) * 1024)
#define WRITE_WINDOW_MIN WRITE_WINDOW_PIECE_MIN
#define WRITE_WINDOW_MAX (16 * WRITE_WINDOW_PIECE_MAX)
#define WRITE_WINDOW_AIM_NS UINT64_C(100000000)

struct write_window {
	uint64_t bytes;	      /* that may be in flight; another piece is submitted below that */
	uint64_t changed_ns;  /* when it became that */
	uint64_t least_ns;    /* what the quickest request took; 0: none was over yet */
	uint64_t least_bytes; /* and how much that was */
	bool kept_back;	      /* there was more to submit since */

	/* The requests that count since then. */
	uint64_t over_bytes;
	uint64_t over_count;
	uint64_t took_ns;
};

void write_window_init(struct write_window *window, uint64_t now_ns);

/* Whether a further piece may be submitted. To be asked when there is one. */
bool write_window_has_room(struct write_window *window, uint64_t in_flight_bytes);

/* The most that one request should take. */
uint64_t write_window_piece_bytes(const struct write_window *window);

/* A request of so many bytes has succeeded. */
void write_window_over(struct write_window *window, uint64_t bytes, uint64_t submitted_ns,
		       uint64_t now_ns);

#endif
