/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/stream_state.h"

#define NAME_ROW(name, text) text,
#define BIT(name) (1u << STREAM_STATE_##name)
#define TERMINAL (BIT(FINISHED) | BIT(ABORTED) | BIT(FAILED))

static const char *const names[] = { STREAM_STATE_LIST(NAME_ROW) };

static const unsigned followers[] = {
	[STREAM_STATE_OPENING] = BIT(OPEN) | BIT(ABORTED) | BIT(FAILED),
	[STREAM_STATE_OPEN] = BIT(PAUSED) | BIT(ENDING) | BIT(ABORTED) | BIT(FAILED),
	[STREAM_STATE_PAUSED] = BIT(OPEN) | BIT(ENDING) | BIT(ABORTED) | BIT(FAILED),
	[STREAM_STATE_ENDING] = BIT(PAUSED) | TERMINAL,
	[STREAM_STATE_FINISHED] = 0,
	[STREAM_STATE_ABORTED] = 0,
	[STREAM_STATE_FAILED] = 0,
};

const char *stream_state_name(enum stream_state state)
{
	return names[state];
}

bool stream_state_may_follow(enum stream_state from, enum stream_state to)
{
	return followers[from] & (1u << to);
}

bool stream_state_is_terminal(enum stream_state state)
{
	return (1u << state) & TERMINAL;
}
