/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/calendar.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "daemon/core/calendar_parts.h"
#include "daemon/core/zone_rule.h"

/* ---- the normal form ---- */

struct writer {
	char *text;
	size_t bytes;
	size_t length;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *writer, const char *format,
						      ...)
{
	size_t room = writer->length < writer->bytes ? writer->bytes - writer->length : 0;
	va_list arguments;
	int length;

	va_start(arguments, format);
	length =
		vsnprintf(room > 0 ? writer->text + writer->length : NULL, room, format, arguments);
	va_end(arguments);
	if (length > 0)
		writer->length += (size_t)length;
}

static void put_weekdays(struct writer *writer, unsigned int weekdays)
{
	static const char *const names[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	const char *comma = "";

	for (int first = 0; first < 7; first++) {
		int last = first;

		if (!(weekdays & 1U << first))
			continue;
		while (last < 6 && (weekdays & 1U << (last + 1)))
			last++;
		put(writer, "%s%s", comma, names[first]);
		if (last > first)
			put(writer, "%s%s", last > first + 1 ? ".." : ",", names[last]);
		comma = ",";
		first = last;
	}
	put(writer, " ");
}

/* Seconds with what they have behind the point. */
static void put_value(struct writer *writer, int width, int value, int unit)
{
	put(writer, "%0*d", width, value / unit);
	if (value % unit > 0)
		put(writer, ".%06d", value % unit);
}

static void put_part(struct writer *writer, int width, const struct calendar_part *part, int unit)
{
	put_value(writer, width, part->start, unit);
	if (part->stop > 0) {
		put(writer, "..");
		put_value(writer, width, part->stop, unit);
	}
	/* A range goes by ones. */
	if (part->repeat > 0 && !(part->stop > 0 && part->repeat == unit)) {
		put(writer, "/");
		put_value(writer, 0, part->repeat, unit);
	}
}

/* Whether it names them all: for seconds, one part of several is enough. */
static bool is_star(const struct calendar_part *parts, size_t count, enum calendar_field field)
{
	for (size_t i = 0; field == CALENDAR_USEC && i < count; i++)
		if (parts[i].start == 0 && parts[i].stop < 0 &&
		    parts[i].repeat == CALENDAR_USEC_PER_SEC)
			return true;
	return count == 0;
}

static void put_chain(struct writer *writer, const struct calendar *calendar,
		      enum calendar_field field)
{
	const struct calendar_chain *chain = &calendar->chains[field];
	const struct calendar_part *parts = calendar->parts + chain->first;
	int unit = field == CALENDAR_USEC ? CALENDAR_USEC_PER_SEC : 1;
	int width = field == CALENDAR_YEAR ? 4 : 2;

	if (is_star(parts, chain->count, field)) {
		put(writer, "*");
		return;
	}
	for (size_t i = 0; i < chain->count; i++) {
		put(writer, "%s", i > 0 ? "," : "");
		put_part(writer, width, &parts[i], unit);
	}
}

size_t calendar_format(const struct calendar *calendar, char *text, size_t text_bytes)
{
	static const char behind[] = { '-', '-', ' ', ':', ':', '\0' };
	struct writer writer = { .text = text, .bytes = text_bytes };

	if (text_bytes > 0)
		text[0] = '\0';
	if (calendar->weekdays != 0)
		put_weekdays(&writer, calendar->weekdays);
	for (enum calendar_field field = CALENDAR_YEAR; field <= CALENDAR_USEC; field++) {
		put_chain(&writer, calendar, field);
		if (field == CALENDAR_MONTH && calendar->end_of_month)
			put(&writer, "~");
		else if (behind[field] != '\0')
			put(&writer, "%c", behind[field]);
	}
	if (calendar->utc)
		put(&writer, " UTC");
	else if (calendar->zone_name[0] != '\0')
		put(&writer, " %s", calendar->zone_name);
	else if (calendar->daylight >= 0)
		put(&writer, " %s", zone_abbreviation(calendar->zone, calendar->daylight));
	return writer.length;
}

/* ---- the next time ---- */

/*
 * A time is built from the year down. In each field the first value that fits, at or after the
 * one there is, is taken; where that is a later one, all smaller fields start anew; where there
 * is none, the next larger field goes on by one and all begins again at the year. After each
 * field the clock is asked whether such a time exists: in a gap, or beyond the end of a month,
 * it moves to where the clock has it, and begins again.
 *
 * What is asked of the clock, and in which order, is as in systemd: in a fold the answer
 * depends on it.
 */

/* systemd's search gives up after as many. */
#define ROUNDS_MAX 1000

struct search {
	const struct calendar *calendar;
	struct zone_memory memory;
	struct zone_local start;
	struct zone_local time;
	int start_usec;
	int usec;	    /* of the second */
	bool keep_daylight; /* once the search had gone back: what the clock says counts */
	bool careful;	    /* not misled as systemd is: see calendar_next() */
};

static int *field_of(struct zone_local *time, enum calendar_field field)
{
	switch (field) {
	case CALENDAR_YEAR:
		return &time->year;
	case CALENDAR_MONTH:
		return &time->month;
	case CALENDAR_DAY:
		return &time->day;
	case CALENDAR_HOUR:
		return &time->hour;
	case CALENDAR_MINUTE:
		return &time->minute;
	default:
		return &time->second;
	}
}

static int first_value(enum calendar_field field)
{
	return field == CALENDAR_MONTH || field == CALENDAR_DAY ? 1 : 0;
}

static void restart_below(struct search *search, enum calendar_field field)
{
	for (enum calendar_field below = field + 1; below <= CALENDAR_USEC; below++)
		*field_of(&search->time, below) = first_value(below);
	search->usec = 0;
}

/* False: no such time, or one before 1970. */
static bool ask_clock(struct search *search, struct zone_local *time)
{
	int64_t utc_sec;

	return zone_to_utc(search->calendar->zone, time, &search->memory, &utc_sec) && utc_sec >= 0;
}

/* The day that is the `back`th from the end of the month; -1: it is not in this month. */
static int day_from_end(struct search *search, int back)
{
	struct zone_memory memory = search->memory;
	struct zone_local time = search->time;
	bool there;

	time.month++;
	time.day = 1 - back;
	there = ask_clock(search, &time);
	if (search->careful)
		search->memory = memory;
	return there && time.month == search->time.month ? time.day : -1;
}

static int round_up(int start, int value, int step)
{
	return start + (value - start + step - 1) / step * step;
}

enum fit {
	FIT_SAME,
	FIT_LATER,
	FIT_NONE,
};

/* The first value at or after *io_value that the field allows. */
static enum fit find_value(struct search *search, enum calendar_field field, int *io_value)
{
	const struct calendar_chain *chain = &search->calendar->chains[field];
	bool from_end = search->calendar->end_of_month && field == CALENDAR_DAY;
	bool found = false;
	int best = 0;

	if (chain->count == 0)
		return FIT_SAME;
	for (size_t i = 0; i < chain->count; i++) {
		struct calendar_part part = search->calendar->parts[chain->first + i];
		int value;

		if (from_end) {
			part.start = day_from_end(search, part.start);
			part.stop = day_from_end(search, part.stop);
			if (part.stop > 0) {
				int first = part.stop;

				part.stop = part.start;
				part.start = first;
			}
		}
		if (part.start >= *io_value)
			value = part.start;
		else if (part.repeat > 0)
			value = round_up(part.start, *io_value, part.repeat);
		else
			continue;
		if (value > part.start && part.stop >= 0 && value > part.stop)
			continue;
		if (!found || value < best)
			best = value;
		found = true;
	}
	if (!found)
		return FIT_NONE;
	if (best == *io_value)
		return FIT_SAME;
	*io_value = best;
	return FIT_LATER;
}

enum place {
	PLACE_THERE, /* the clock shows this time */
	PLACE_MOVED, /* it does not; the time has moved on to one that it shows */
	PLACE_NOWHERE,
};

static enum place find_place(struct search *search)
{
	struct zone_local there = search->time;
	enum calendar_field field = CALENDAR_YEAR;
	int difference;

	if (search->time.year > CALENDAR_YEAR_MAX || !ask_clock(search, &there))
		return PLACE_NOWHERE;
	do
		difference = *field_of(&there, field) - *field_of(&search->time, field);
	while (difference == 0 && ++field <= CALENDAR_USEC);
	if (difference == 0)
		return PLACE_THERE;
	/* Going back could go on for ever. */
	if (difference < 0)
		return PLACE_NOWHERE;
	/* From February 30 to March 2, but March 1 comes before that. */
	if (field < CALENDAR_USEC)
		*field_of(&there, field + 1) = first_value(field + 1);
	/* What was true of the time it moved to need not be of the one it is set to now. */
	if (search->careful)
		there.daylight = search->calendar->daylight;
	search->time = there;
	return PLACE_MOVED;
}

/* One field: true if its value stands; else *ret_over says whether to give up or begin again. */
static bool settle_field(struct search *search, enum calendar_field field, bool *ret_over)
{
	int *value = field_of(&search->time, field);
	enum place place = PLACE_NOWHERE;
	enum fit fit;

	*ret_over = false;
	if (field == CALENDAR_USEC) {
		int with_usec = *value * CALENDAR_USEC_PER_SEC + search->usec;

		fit = find_value(search, field, &with_usec);
		*value = with_usec / CALENDAR_USEC_PER_SEC;
		search->usec = with_usec % CALENDAR_USEC_PER_SEC;
	} else {
		fit = find_value(search, field, value);
		if (fit == FIT_LATER)
			restart_below(search, field);
	}
	if (fit != FIT_NONE)
		place = find_place(search);
	if (place == PLACE_THERE)
		return true;
	if (field == CALENDAR_YEAR) {
		*ret_over = true;
	} else if (place == PLACE_NOWHERE) {
		++*field_of(&search->time, field - 1);
		restart_below(search, field - 1);
	}
	return false;
}

static bool fits_weekday(struct search *search)
{
	unsigned int weekdays = search->calendar->weekdays;
	struct zone_local time = search->time;
	int weekday;

	if (weekdays == 0)
		return true;
	if (!ask_clock(search, &time))
		return false;
	weekday = zone_weekday(zone_days(time.year, time.month, time.day));
	return weekdays & 1U << (weekday + 6) % 7;
}

/* All fields, or as many as stand. True: all do. */
static bool settle(struct search *search, bool *ret_over)
{
	for (enum calendar_field field = CALENDAR_YEAR; field <= CALENDAR_USEC; field++) {
		if (!settle_field(search, field, ret_over))
			return false;
		if (field == CALENDAR_DAY && !fits_weekday(search)) {
			search->time.day++;
			restart_below(search, CALENDAR_DAY);
			return false;
		}
	}
	return true;
}

/* Less than 0 if what was found is, by the clock on the wall, before where the search began. */
static int compare_with_start(struct search *search)
{
	for (enum calendar_field field = CALENDAR_YEAR; field <= CALENDAR_USEC; field++) {
		int difference = *field_of(&search->time, field) - *field_of(&search->start, field);

		if (difference != 0)
			return difference;
	}
	return search->usec - search->start_usec;
}

static void begin_search(struct search *search, const struct calendar *calendar, int64_t from_usec)
{
	*search = (struct search){ .calendar = calendar };
	zone_to_local(calendar->zone, from_usec / CALENDAR_USEC_PER_SEC, &search->start,
		      &search->memory);
	search->start_usec = (int)(from_usec % CALENDAR_USEC_PER_SEC);
	search->time = search->start;
	search->usec = search->start_usec;
}

enum found {
	FOUND,
	FOUND_NOTHING, /* there is none until the end */
	FOUND_STUCK,   /* the search went round and round */
};

static enum found find_next(struct search *search, int64_t *ret_usec)
{
	const struct calendar *calendar = search->calendar;
	int64_t utc_sec;
	bool over = false;

	for (int round = 0; round < ROUNDS_MAX; round++) {
		/* Brings all into range; where that fails, so will what follows. */
		(void)ask_clock(search, &search->time);
		if (!search->keep_daylight)
			search->time.daylight = calendar->daylight;
		if (!settle(search, &over)) {
			if (over)
				return FOUND_NOTHING;
			continue;
		}
		if (compare_with_start(search) < 0) {
			/* A gap can throw the search back. It goes on an hour later. */
			search->time.hour++;
			search->keep_daylight = true;
			continue;
		}
		if (!zone_to_utc(calendar->zone, &search->time, &search->memory, &utc_sec) ||
		    utc_sec < 0)
			return FOUND_NOTHING;
		*ret_usec = utc_sec * CALENDAR_USEC_PER_SEC + search->usec;
		return FOUND;
	}
	return FOUND_STUCK;
}

#define ATTEMPTS 4
#define DAY_USEC ((int64_t)ZONE_DAY_SEC * CALENDAR_USEC_PER_SEC)

int calendar_next(const struct calendar *calendar, int64_t after_usec, int64_t *ret_usec)
{
	struct search search;
	int64_t from_usec;

	if (after_usec >= CALENDAR_END_USEC)
		return CALENDAR_E_NEVER;
	from_usec = after_usec < 0 ? 0 : after_usec + 1;
	/*
	 * In a fold the search may take a time for the earlier of its two moments and so answer
	 * with one that has passed, or go round in circles; in systemd it does. A timer that
	 * believed it would never rest, or never fire again. Two things mislead the clock, the
	 * look ahead at the end of the month and daylight saving that belongs to another day: the
	 * search is repeated without them, and, should that not help, from a day later on.
	 */
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		enum found found;
		int64_t next_usec;

		begin_search(&search, calendar, from_usec);
		search.careful = attempt > 0;
		found = find_next(&search, &next_usec);
		if (found == FOUND_NOTHING)
			return CALENDAR_E_NEVER;
		if (found == FOUND && next_usec > after_usec) {
			*ret_usec = next_usec;
			return 0;
		}
		if (attempt > 0)
			from_usec += DAY_USEC;
	}
	return CALENDAR_E_NEVER;
}
