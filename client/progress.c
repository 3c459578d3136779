/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "client/progress.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/deadline.h"
#include "client/print.h"
#include "proto/units.h"

#define NS_PER_SEC UINT64_C(1000000000)
#define BAR_CELLS 20
#define COLUMNS_DEFAULT 80
#define LINE_BYTES 512

void progress_start(struct progress *progress, FILE *file, uint64_t total_bytes)
{
	const char *terminal = getenv("TERM");

	*progress = (struct progress){
		.file = file,
		.enabled = isatty(fileno(file)) && !(terminal && strcmp(terminal, "dumb") == 0),
		.color = print_may_color(file),
		.total_bytes = total_bytes,
		.start_ns = deadline_now_ns(),
	};
}

static void format_left(const struct progress_state *state, char *text, size_t text_bytes)
{
	uint64_t left, seconds;

	if (state->done_bytes == 0) {
		(void)snprintf(text, text_bytes, "--:--");
		return;
	}
	left = state->total_bytes > state->done_bytes ? state->total_bytes - state->done_bytes : 0;
	seconds = (uint64_t)((double)left / (double)state->done_bytes *
			     ((double)state->elapsed_ns / (double)NS_PER_SEC));
	if (seconds >= 3600)
		(void)snprintf(text, text_bytes, "%u:%02u:%02u", (unsigned int)(seconds / 3600),
			       (unsigned int)(seconds / 60 % 60), (unsigned int)(seconds % 60));
	else
		(void)snprintf(text, text_bytes, "%u:%02u", (unsigned int)(seconds / 60),
			       (unsigned int)(seconds % 60));
}

static void format_bar(const struct progress_state *state, char bar[BAR_CELLS + 1])
{
	uint64_t filled = state->done_bytes >= state->total_bytes ?
				  BAR_CELLS :
				  (uint64_t)((double)state->done_bytes * BAR_CELLS /
					     (double)state->total_bytes);

	memset(bar, '.', BAR_CELLS);
	memset(bar, '#', (size_t)filled);
	bar[BAR_CELLS] = '\0';
}

void progress_format(const struct progress_state *state, size_t columns, char *line,
		     size_t line_bytes)
{
	char done[UNITS_TEXT_BYTES], total[UNITS_TEXT_BYTES], rate[UNITS_TEXT_BYTES];
	char bar[BAR_CELLS + 1], left[32], ring[32] = "";
	double elapsed = (double)state->elapsed_ns / (double)NS_PER_SEC;
	uint64_t per_second = elapsed > 0 ? (uint64_t)((double)state->done_bytes / elapsed) : 0;

	if (state->ring_bytes)
		(void)snprintf(ring, sizeof(ring), "  ring %u%%",
			       (unsigned int)(state->length_bytes * 100 / state->ring_bytes));
	(void)units_format_size(state->done_bytes, done);
	(void)units_format_size(per_second, rate);
	if (state->total_bytes) {
		(void)units_format_size(state->total_bytes, total);
		format_bar(state, bar);
		format_left(state, left, sizeof(left));
		(void)snprintf(line, line_bytes, "[%s] %s of %s  %s/s  %s left%s", bar, done, total,
			       rate, left, ring);
	} else {
		(void)snprintf(line, line_bytes, "%s  %s/s%s", done, rate, ring);
	}
	if (strlen(line) > columns)
		line[columns] = '\0';
}

static size_t terminal_columns(FILE *file)
{
	struct winsize size;

	if (ioctl(fileno(file), TIOCGWINSZ, &size) || size.ws_col < 2)
		return COLUMNS_DEFAULT;
	return size.ws_col;
}

static void draw(struct progress *progress, const struct progress_state *state)
{
	struct progress_state shown = *state;
	char line[LINE_BYTES];
	size_t columns = terminal_columns(progress->file);

	shown.total_bytes = progress->total_bytes;
	shown.elapsed_ns = deadline_now_ns() - progress->start_ns;
	/* The last column stays free: some terminals would go to the next line. */
	columns = columns - 1 < sizeof(line) - 1 ? columns - 1 : sizeof(line) - 1;
	progress_format(&shown, columns, line, sizeof(line));
	(void)fprintf(progress->file, progress->color ? "\r\033[36m%s\033[0m\033[K" : "\r%s\033[K",
		      line);
	(void)fflush(progress->file);
	progress->drawn = true;
}

void progress_update(struct progress *progress, const struct progress_state *state)
{
	uint64_t now;

	if (!progress->enabled)
		return;
	now = deadline_now_ns();
	if (progress->drawn && now - progress->last_ns < PROGRESS_INTERVAL_USEC * 1000)
		return;
	progress->last_ns = now;
	draw(progress, state);
}

void progress_finish(struct progress *progress, const struct progress_state *state)
{
	if (!progress->enabled)
		return;
	draw(progress, state);
	(void)fputc('\n', progress->file);
}

void progress_break(struct progress *progress)
{
	if (progress->drawn)
		(void)fputc('\n', progress->file);
}
