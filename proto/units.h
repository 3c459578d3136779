/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_PROTO_UNITS_H
#define FOREBAY_PROTO_UNITS_H

/*
 * Sizes and time spans as people write them. Any thread; nothing is shared; no locale.
 *
 * Sizes: digits, an optional fraction, an optional suffix B, K, M, G, T, P, E, also as KiB or
 * KB, any case; all binary. Spans: as systemd.time(7), "5min 20s", "1.5h", "100ms", a plain
 * number is seconds; "infinity" is UINT64_MAX.
 */

#include <stddef.h>
#include <stdint.h>

#include "proto/must_check.h"

/* Room for every text made here. */
#define UNITS_TEXT_BYTES 96

enum units_outcome {
	UNITS_E_SYNTAX = 1,
	UNITS_E_OVERFLOW,
};

/* 0, UNITS_E_SYNTAX, UNITS_E_OVERFLOW. */
int units_parse_size(const char *text, uint64_t *ret_bytes) must_check;
int units_parse_span(const char *text, uint64_t *ret_usec) must_check;

/* "64M" where that is exact, else one digit behind the point ("1.5G"), for people. Returns text. */
const char *units_format_size(uint64_t bytes, char text[static UNITS_TEXT_BYTES]);

/* Exact, and read back to the same value by units_parse_size(): "64M", "65537". */
const char *units_format_size_exact(uint64_t bytes, char text[static UNITS_TEXT_BYTES]);

/* Exact, "5min 20s", "1h 500us", "0", "infinity". */
const char *units_format_span(uint64_t usec, char text[static UNITS_TEXT_BYTES]);

#endif
