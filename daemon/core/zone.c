/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/zone.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/zone_rule.h"

/*
 * A TZif file has a block with times of 32 bits, which only version 1 ends with; from version 2
 * on a block with times of 64 bits follows, and the rule for the time after. Everything in it
 * is somebody's input: each count is held against the length before anything is read.
 */

#define HEADER_BYTES 44
#define TYPE_BYTES 6
#define TYPES_MAX 256
#define OFFSET_SEC_MAX (26 * 3600)

struct zone_type {
	int32_t offset_sec; /* to the east */
	bool daylight;
	uint8_t abbreviation; /* where it begins in the zone's texts */
};

struct zone {
	size_t transition_count;
	int64_t *transitions; /* ascending */
	uint8_t *kinds;	      /* the type from that transition on */
	size_t type_count;
	struct zone_type *types;
	char *abbreviations; /* ends in a NUL */
	uint8_t first_type;  /* before the first transition */
	bool has_rule;	     /* from the last transition on */
	struct zone_rule rule;
	const char *latest[2]; /* abbreviations; [1]: of daylight saving */
};

static struct zone_type utc_types[] = { { 0, false, 0 } };
static char utc_abbreviation[] = "UTC";
static const struct zone utc = {
	.type_count = 1,
	.types = utc_types,
	.abbreviations = utc_abbreviation,
	.latest = { utc_abbreviation, utc_abbreviation },
};
const struct zone *const zone_utc = &utc;

/* ---- reading ---- */

struct block {
	unsigned int version;
	unsigned int time_bytes; /* 4 or 8 */
	size_t utc_indicators, standard_indicators, leaps, times, types, text_bytes;
	size_t length; /* behind the header */
};

static uint32_t read_32(const uint8_t *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static int64_t read_time(const uint8_t *bytes, unsigned int time_bytes)
{
	if (time_bytes == 4)
		return (int32_t)read_32(bytes);
	return (int64_t)((uint64_t)read_32(bytes) << 32 | read_32(bytes + 4));
}

/* The header, and whether all that it counts is there. */
static bool read_header(const uint8_t *bytes, size_t length, unsigned int time_bytes,
			struct block *ret_block)
{
	struct block block = { .time_bytes = time_bytes };

	if (length < HEADER_BYTES || length > ZONE_FILE_BYTES_MAX || memcmp(bytes, "TZif", 4) != 0)
		return false;
	block.version = bytes[4] == '\0' ? 1 : bytes[4] - (unsigned int)'0';
	block.utc_indicators = read_32(bytes + 20);
	block.standard_indicators = read_32(bytes + 24);
	block.leaps = read_32(bytes + 28);
	block.times = read_32(bytes + 32);
	block.types = read_32(bytes + 36);
	block.text_bytes = read_32(bytes + 40);
	if (block.utc_indicators > TYPES_MAX || block.standard_indicators > TYPES_MAX ||
	    block.leaps > length || block.times > length || block.types == 0 ||
	    block.types > TYPES_MAX || block.text_bytes == 0 || block.text_bytes > length)
		return false;
	block.length = block.times * (time_bytes + 1) + block.types * TYPE_BYTES +
		       block.text_bytes + block.leaps * (time_bytes + 4) +
		       block.standard_indicators + block.utc_indicators;
	if (block.length > length - HEADER_BYTES)
		return false;
	*ret_block = block;
	return true;
}

/* One allocation: the zone, the transitions, the types, the bytes. */
static struct zone *allocate(const struct block *block)
{
	size_t bytes = sizeof(struct zone) + block->times * (sizeof(int64_t) + 1) +
		       block->types * sizeof(struct zone_type) + block->text_bytes + 1;
	struct zone *zone = calloc(1, bytes);

	if (!zone)
		return NULL;
	zone->transition_count = block->times;
	zone->transitions = (int64_t *)(void *)(zone + 1);
	zone->type_count = block->types;
	zone->types = (struct zone_type *)(void *)(zone->transitions + block->times);
	zone->kinds = (uint8_t *)(zone->types + block->types);
	zone->abbreviations = (char *)(zone->kinds + block->times);
	return zone;
}

static bool read_types(struct zone *zone, const uint8_t *bytes, size_t text_bytes)
{
	for (size_t i = 0; i < zone->type_count; i++, bytes += TYPE_BYTES) {
		struct zone_type *type = &zone->types[i];

		type->offset_sec = (int32_t)read_32(bytes);
		type->daylight = bytes[4] != 0;
		type->abbreviation = bytes[5];
		if (type->offset_sec < -OFFSET_SEC_MAX || type->offset_sec > OFFSET_SEC_MAX ||
		    bytes[4] > 1 || type->abbreviation >= text_bytes)
			return false;
	}
	return true;
}

static bool read_block(struct zone *zone, const uint8_t *bytes, const struct block *block)
{
	const uint8_t *kinds = bytes + block->times * block->time_bytes;
	const uint8_t *types = kinds + block->times;

	for (size_t i = 0; i < block->times; i++) {
		zone->transitions[i] = read_time(bytes + i * block->time_bytes, block->time_bytes);
		zone->kinds[i] = kinds[i];
		if (kinds[i] >= block->types ||
		    (i > 0 && zone->transitions[i] <= zone->transitions[i - 1]))
			return false;
	}
	memcpy(zone->abbreviations, types + block->types * TYPE_BYTES, block->text_bytes);
	return read_types(zone, types, block->text_bytes);
}

/* "\nCET-1CEST,M3.5.0,M10.5.0/3\n"; nothing between the two: there is no rule. */
static bool read_rule(struct zone *zone, const uint8_t *bytes, size_t length)
{
	const uint8_t *end;

	if (length < 2 || bytes[0] != '\n')
		return false;
	end = memchr(bytes + 1, '\n', length - 1);
	if (!end)
		return false;
	if (end == bytes + 1)
		return true;
	zone->has_rule =
		zone_rule_parse((const char *)bytes + 1, (size_t)(end - bytes - 1), &zone->rule);
	return zone->has_rule;
}

static const char *abbreviation_of(const struct zone *zone, size_t type)
{
	return zone->abbreviations + zone->types[type].abbreviation;
}

/* What the C library has in tzname[], and what it takes to have been before all transitions. */
static void find_latest(struct zone *zone)
{
	while (zone->first_type < zone->type_count && zone->types[zone->first_type].daylight)
		zone->first_type++;
	if (zone->first_type == zone->type_count)
		zone->first_type = 0;
	zone->latest[zone->types[zone->first_type].daylight] =
		abbreviation_of(zone, zone->first_type);
	for (size_t i = 0; i < zone->transition_count; i++)
		zone->latest[zone->types[zone->kinds[i]].daylight] =
			abbreviation_of(zone, zone->kinds[i]);
	for (size_t i = 0; i < 2; i++)
		if (!zone->latest[i])
			zone->latest[i] = zone->latest[!i];
}

int zone_new(const void *bytes, size_t length, struct zone **ret_zone)
{
	const uint8_t *at = bytes;
	const uint8_t *end = at + length;
	struct block block;
	struct zone *zone;

	if (!read_header(at, length, 4, &block))
		return ZONE_E_BAD;
	at += HEADER_BYTES;
	if (block.version >= 2) {
		at += block.length;
		if (!read_header(at, (size_t)(end - at), 8, &block))
			return ZONE_E_BAD;
		at += HEADER_BYTES;
	}
	if (block.leaps > 0)
		return ZONE_E_BAD;
	zone = allocate(&block);
	if (!zone)
		return -ENOMEM;
	if (!read_block(zone, at, &block) ||
	    (block.version >= 2 &&
	     !read_rule(zone, at + block.length, (size_t)(end - at) - block.length))) {
		free(zone);
		return ZONE_E_BAD;
	}
	find_latest(zone);
	*ret_zone = zone;
	return 0;
}

struct zone *zone_free(struct zone *zone)
{
	if (zone != zone_utc)
		free(zone);
	return NULL;
}

const char *zone_abbreviation(const struct zone *zone, bool daylight)
{
	return zone->latest[daylight];
}

bool zone_name_is_valid(const char *name)
{
	size_t length = strlen(name);

	if (length == 0 || length >= ZONE_NAME_BYTES || name[0] == '/' || name[length - 1] == '/')
		return false;
	for (const char *at = name; *at != '\0'; at++) {
		if (!isalnum((unsigned char)*at) && !strchr("-_+/", *at))
			return false;
		if (at[0] == '/' && at[1] == '/')
			return false;
	}
	return true;
}

/* ---- from UTC ---- */

static int32_t offset_at(const struct zone *zone, int64_t utc_sec, bool *ret_daylight)
{
	const struct zone_type *type = &zone->types[zone->first_type];
	size_t low = 0, high = zone->transition_count;

	/* low: how many transitions there were until then. */
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (zone->transitions[middle] <= utc_sec)
			low = middle + 1;
		else
			high = middle;
	}
	if (low > 0 && low == zone->transition_count && zone->has_rule)
		return zone_rule_offset(&zone->rule, utc_sec, ret_daylight);
	if (low > 0)
		type = &zone->types[zone->kinds[low - 1]];
	*ret_daylight = type->daylight;
	return type->offset_sec;
}

void zone_to_local(const struct zone *zone, int64_t utc_sec, struct zone_local *ret_local,
		   struct zone_memory *ret_memory)
{
	bool daylight;
	int64_t offset_sec = offset_at(zone, utc_sec, &daylight);
	int64_t local_sec = utc_sec + offset_sec;
	int64_t days = local_sec / ZONE_DAY_SEC;
	int64_t in_day = local_sec % ZONE_DAY_SEC;

	if (in_day < 0) {
		in_day += ZONE_DAY_SEC;
		days--;
	}
	zone_date(days, &ret_local->year, &ret_local->month, &ret_local->day);
	ret_local->hour = (int)(in_day / 3600);
	ret_local->minute = (int)(in_day / 60 % 60);
	ret_local->second = (int)(in_day % 60);
	ret_local->daylight = daylight;
	ret_memory->offset_sec = offset_sec;
}

/* ---- to UTC ---- */

/*
 * From a local time there is no formula back. It is guessed with the offset of last time, the
 * guess is turned into local time, and what that is off by corrects the guess, until it fits.
 * In a fold two answers fit, and which of them is met first depends on the guess: so the rules
 * below, down to the number of attempts, are those of the GNU C library, which systemd asks.
 */
#define ATTEMPTS 6

/* When the other kind of time (daylight saving or not) is wanted: how far one looks for it. */
#define STRIDE_SEC 601200
#define LOOK_SEC (457243209 / 2 + STRIDE_SEC)

struct wanted {
	int64_t local_sec; /* as if there were no zones */
	int daylight;	   /* -1: any */
};

static bool is_other_kind(const struct wanted *wanted, bool daylight)
{
	return wanted->daylight >= 0 && (wanted->daylight != 0) != daylight;
}

/* Two guesses that lead to one another: the time is in a gap, and one of them is the answer. */
static bool may_settle(const struct wanted *wanted, bool daylight, bool daylight_before_last)
{
	if (wanted->daylight < 0)
		return daylight_before_last <= daylight;
	return (wanted->daylight != 0) != daylight;
}

/* The nearest time of the kind that is wanted lends its offset; without one an hour is assumed. */
static int64_t find_other_kind(const struct zone *zone, const struct wanted *wanted, int64_t around)
{
	bool daylight;

	for (int64_t distance = STRIDE_SEC; distance < LOOK_SEC; distance += STRIDE_SEC)
		for (int direction = -1; direction <= 1; direction += 2) {
			int32_t offset_sec =
				offset_at(zone, around + distance * direction, &daylight);

			if (!is_other_kind(wanted, daylight))
				return wanted->local_sec - offset_sec;
		}
	return around + (wanted->daylight ? -3600 : 3600);
}

static bool find_utc(const struct zone *zone, const struct wanted *wanted, int64_t guessed_offset,
		     int64_t *ret_utc_sec)
{
	int64_t now = wanted->local_sec - guessed_offset;
	int64_t before = now, before_last = now;
	bool daylight, daylight_before = false;

	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		int64_t off = wanted->local_sec - now - offset_at(zone, now, &daylight);

		if (off == 0) {
			*ret_utc_sec = is_other_kind(wanted, daylight) ?
					       find_other_kind(zone, wanted, now) :
					       now;
			return true;
		}
		if (now == before_last && now != before &&
		    may_settle(wanted, daylight, daylight_before)) {
			*ret_utc_sec = now;
			return true;
		}
		before_last = before;
		before = now;
		now += off;
		daylight_before = daylight;
	}
	return false;
}

bool zone_to_utc(const struct zone *zone, struct zone_local *local, struct zone_memory *memory,
		 int64_t *ret_utc_sec)
{
	/* Seconds beyond the minute are added in the end, as if time then ran straight on. */
	int second = local->second < 0 ? 0 : local->second > 59 ? 59 : local->second;
	int years = (local->month - 1) / 12 - ((local->month - 1) % 12 < 0);
	int month = local->month - years * 12;
	int64_t days = zone_days(local->year + years, month, local->day);
	struct wanted wanted = {
		.local_sec = days * ZONE_DAY_SEC + (int64_t)local->hour * 3600 +
			     (int64_t)local->minute * 60 + second,
		.daylight = local->daylight,
	};
	struct zone_memory unused;
	int64_t utc_sec;

	if (!find_utc(zone, &wanted, memory->offset_sec, &utc_sec))
		return false;
	memory->offset_sec = wanted.local_sec - utc_sec;
	utc_sec += local->second - second;
	zone_to_local(zone, utc_sec, local, &unused);
	*ret_utc_sec = utc_sec;
	return true;
}
