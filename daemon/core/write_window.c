/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/write_window.h"

/* Enough to try a device without knowing it: a slow one has that in flight only once. */
#define FIRST_BYTES (8 * WRITE_WINDOW_PIECE_MAX)

/* In flight at once, where the window is neither very small nor very large. */
#define PIECES 4

/* What is averaged over. */
#define ROUND_COUNT 8

/* A device that has become slow is to be noticed before much more is in its queue. */
#define SHRINK_MOST 4
#define GROW_MOST 2

static uint64_t clamp(uint64_t value, uint64_t least, uint64_t most)
{
	if (value < least)
		return least;
	return value < most ? value : most;
}

static void begin_round(struct write_window *window, uint64_t now_ns)
{
	window->changed_ns = now_ns;
	window->kept_back = false;
	window->over_bytes = 0;
	window->over_count = 0;
	window->took_ns = 0;
}

void write_window_init(struct write_window *window, uint64_t now_ns)
{
	*window = (struct write_window){ .bytes = FIRST_BYTES };
	begin_round(window, now_ns);
}

bool write_window_has_room(struct write_window *window, uint64_t in_flight_bytes)
{
	if (in_flight_bytes < window->bytes)
		return true;
	window->kept_back = true;
	return false;
}

uint64_t write_window_piece_bytes(const struct write_window *window)
{
	/* Whole pages, whatever the window is. */
	uint64_t piece = window->bytes / PIECES / WRITE_WINDOW_PIECE_MIN * WRITE_WINDOW_PIECE_MIN;

	return clamp(piece, WRITE_WINDOW_PIECE_MIN, WRITE_WINDOW_PIECE_MAX);
}

/* What the quickest request took beyond the time in which the device moves so many bytes. */
static uint64_t idle_ns(const struct write_window *window, uint64_t round_ns)
{
	uint64_t moved_ns = (uint64_t)((unsigned __int128)window->least_bytes * round_ns /
				       (window->over_bytes > 0 ? window->over_bytes : 1));

	return window->least_ns > moved_ns ? window->least_ns - moved_ns : 0;
}

/* The window that would have taken as long as is aimed at. */
static uint64_t better_bytes(const struct write_window *window, uint64_t round_ns)
{
	uint64_t mean_ns = window->took_ns / window->over_count;
	uint64_t aim_ns = 2 * idle_ns(window, round_ns);
	uint64_t bytes = window->bytes;
	unsigned __int128 wanted;

	if (aim_ns < WRITE_WINDOW_AIM_NS)
		aim_ns = WRITE_WINDOW_AIM_NS;
	wanted = (unsigned __int128)bytes * aim_ns / (mean_ns > 0 ? mean_ns : 1);
	if (wanted > GROW_MOST * bytes)
		wanted = GROW_MOST * bytes;
	bytes = clamp((uint64_t)wanted, bytes / SHRINK_MOST, GROW_MOST * bytes);
	return clamp(bytes, WRITE_WINDOW_MIN, WRITE_WINDOW_MAX);
}

void write_window_over(struct write_window *window, uint64_t bytes, uint64_t submitted_ns,
		       uint64_t now_ns)
{
	uint64_t took_ns = now_ns > submitted_ns ? now_ns - submitted_ns : 1;
	uint64_t better;

	if (window->least_ns == 0 || took_ns < window->least_ns) {
		window->least_ns = took_ns;
		window->least_bytes = bytes;
	}
	if (submitted_ns < window->changed_ns)
		return;
	window->over_bytes += bytes;
	window->over_count++;
	window->took_ns += took_ns;
	if (window->over_count < ROUND_COUNT && window->over_bytes < window->bytes)
		return;
	better = better_bytes(window, now_ns - window->changed_ns);
	if (better < window->bytes || window->kept_back)
		window->bytes = better;
	begin_round(window, now_ns);
}
