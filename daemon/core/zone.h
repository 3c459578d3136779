/* SPDX-License-Identifier: LGPL-2.1-or-later */
#ifndef FOREBAY_CORE_ZONE_H
#define FOREBAY_CORE_ZONE_H

/*
 * A time zone, made from the bytes of a TZif file (RFC 8536, versions 1 to 4): from UTC to
 * local time and back. The C library knows one zone for the whole process and reads files when
 * it likes; this one is handed its bytes and can be had as often as there are names.
 *
 * Times are seconds since 1970, UTC, without leap seconds. A zone does not change once it is
 * made, so any thread may ask it. Pure.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/base/err.h"

#define ZONE_NAME_BYTES 128

/* Files are a few KiB; one beyond this is not read. */
#define ZONE_FILE_BYTES_MAX (256 * 1024)

enum zone_outcome {
	ZONE_E_BAD = 1, /* no TZif file, a damaged one, or one that counts leap seconds */
};

/*
 * Local time, as people write it. For zone_to_utc() a field may be outside of its range and
 * is carried over: day 0 is the last of the month before, month 13 January of the next year.
 */
struct zone_local {
	int year;
	int month; /* 1..12 */
	int day;   /* 1..31 */
	int hour;
	int minute;
	int second;
	int daylight; /* 1: daylight saving, 0: not, -1: not known */
};

/*
 * Where a local time stands for two moments, or for none, the answer depends on the offset
 * that was last in force. Whoever asks several times in a row keeps it here, from
 * zone_to_local() on.
 */
struct zone_memory {
	int64_t offset_sec;
};

struct zone;

/* UTC itself, for which nothing need be read. */
extern const struct zone *const zone_utc;

/* 0, ZONE_E_BAD, -ENOMEM. */
int must_check zone_new(const void *bytes, size_t length, struct zone **ret_zone);
/* Takes NULL and zone_utc; returns NULL. */
struct zone *zone_free(struct zone *zone);

/* Whether this may be the name of a zone at all: "Europe/Berlin", no "..", no leading slash. */
bool zone_name_is_valid(const char *name);

void zone_to_local(const struct zone *zone, int64_t utc_sec, struct zone_local *ret_local,
		   struct zone_memory *ret_memory);

/*
 * Answers as mktime() does: `local` is brought into range, `daylight` is set. In a gap the time
 * is moved on (or back) by its length; in a fold `daylight` chooses, or else the memory. False:
 * no time can be told, in zones with transitions in quick succession.
 */
bool zone_to_utc(const struct zone *zone, struct zone_local *local, struct zone_memory *memory,
		 int64_t *ret_utc_sec);

/* "CET", or with `daylight` "CEST": the latest that the zone had. Never NULL. */
const char *zone_abbreviation(const struct zone *zone, bool daylight);

#endif
