/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "config.h"

#include "daemon/core/calendar.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/core/calendar_parts.h"

/*
 * An expression is read into a draft with room for the most there can be, brought into normal
 * form, checked, and copied to a calendar of the right size. What is taken and what not is as
 * in systemd, oddities included: who writes one for both must not be surprised.
 */

struct parser {
	struct calendar_draft *draft;
	const char *at;
	const char *end;
	const char *reason; /* why it went wrong, at `at` */
};

static bool fail(struct parser *parser, const char *at, const char *reason)
{
	parser->at = at;
	parser->reason = reason;
	return false;
}

static bool is_one_of(char character, const char *set)
{
	return character == '\0' || strchr(set, character);
}

/* ---- numbers and chains ---- */

/* Up to six digits behind the point; a seventh rounds. */
static bool read_fraction(struct parser *parser, int *usec)
{
	int fraction = 0;

	if (!isdigit((unsigned char)*parser->at))
		return fail(parser, parser->at, "a digit must follow the point");
	for (int i = 0; i < 6; i++) {
		fraction *= 10;
		if (isdigit((unsigned char)*parser->at))
			fraction += *parser->at++ - '0';
	}
	if (*parser->at >= '5' && *parser->at <= '9')
		fraction++;
	while (isdigit((unsigned char)*parser->at))
		parser->at++;
	*usec += fraction;
	return true;
}

static bool read_value(struct parser *parser, bool seconds, int *ret_value)
{
	const char *start = parser->at;
	int most = seconds ? INT_MAX / CALENDAR_USEC_PER_SEC - 1 : INT_MAX / 10 - 1;
	int value = 0;

	if (!isdigit((unsigned char)*start))
		return fail(parser, start, "a number should stand here");
	while (isdigit((unsigned char)*parser->at)) {
		value = value * 10 + (*parser->at++ - '0');
		if (value > most)
			return fail(parser, start, "the number is too large");
	}
	if (seconds) {
		value *= CALENDAR_USEC_PER_SEC;
		/* One point is a decimal point, two are a range. */
		if (parser->at[0] == '.' && parser->at[1] != '.') {
			parser->at++;
			if (!read_fraction(parser, &value))
				return false;
		}
	}
	*ret_value = value;
	return true;
}

static bool read_part(struct parser *parser, bool seconds, struct calendar_part *part)
{
	*part = (struct calendar_part){ .stop = -1 };
	if (!read_value(parser, seconds, &part->start))
		return false;
	if (parser->at[0] == '.' && parser->at[1] == '.') {
		parser->at += 2;
		if (!read_value(parser, seconds, &part->stop))
			return false;
		part->repeat = seconds ? CALENDAR_USEC_PER_SEC : 1;
	}
	if (*parser->at == '/') {
		parser->at++;
		if (!read_value(parser, seconds, &part->repeat))
			return false;
		if (part->repeat == 0)
			return fail(parser, parser->at - 1, "a repetition of 0");
	} else if (seconds && part->stop >= part->start &&
		   part->stop - part->start < CALENDAR_USEC_PER_SEC) {
		return fail(parser, parser->at, "a range of less than a second");
	}
	if (!is_one_of(*parser->at, " ,-~:"))
		return fail(parser, parser->at, "this cannot follow a number");
	return true;
}

static void set_part(struct calendar_draft *draft, enum calendar_field field,
		     struct calendar_part part)
{
	draft->parts[field][0] = part;
	draft->head.chains[field].count = 1;
}

/* "*", or parts with commas between. */
static bool read_chain(struct parser *parser, enum calendar_field field)
{
	struct calendar_chain *chain = &parser->draft->head.chains[field];
	bool seconds = field == CALENDAR_USEC;

	chain->count = 0;
	if (*parser->at == '*') {
		/* Every second: not every microsecond. */
		if (seconds)
			set_part(parser->draft, field,
				 (struct calendar_part){ 0, -1, CALENDAR_USEC_PER_SEC });
		parser->at++;
		return true;
	}
	do {
		if (chain->count > 0)
			parser->at++;
		if (chain->count == CALENDAR_CHAIN_PARTS_MAX)
			return fail(parser, parser->at, "too many values in one place");
		if (!read_part(parser, seconds, &parser->draft->parts[field][chain->count++]))
			return false;
	} while (*parser->at == ',');
	return true;
}

/* ---- weekdays ---- */

static const char *const day_names[] = { "Monday", "Tuesday",  "Wednesday", "Thursday",
					 "Friday", "Saturday", "Sunday" };

/* The day at `text`, in full or its first three letters; -1: none. */
static int find_day(const char *text, size_t *ret_length)
{
	for (int i = 0; i < 7; i++) {
		size_t length = strlen(day_names[i]);

		if (strncasecmp(text, day_names[i], length) != 0)
			length = 3;
		if (strncasecmp(text, day_names[i], length) == 0) {
			*ret_length = length;
			return i;
		}
	}
	return -1;
}

static void skip_spaces(struct parser *parser)
{
	parser->at += strspn(parser->at, " ");
}

/* What joins a day to the next one. Sets *range_from to the day, or to -1 behind a comma. */
static bool read_joint(struct parser *parser, int day, int *range_from)
{
	const char *at = parser->at;

	if (*at == ',') {
		*range_from = -1;
		parser->at++;
		return true;
	}
	if (*range_from >= 0)
		return fail(parser, at, "a range has two ends");
	if (*at == '.' && at[1] != '.')
		return fail(parser, at, "a range is written with two points");
	*range_from = day;
	parser->at += *at == '.' ? 2 : 1;
	return true;
}

static bool add_day(struct parser *parser, const char *start, int day, int range_from)
{
	unsigned int *weekdays = &parser->draft->head.weekdays;

	if (range_from > day)
		return fail(parser, start, "the range goes backwards");
	for (int i = range_from < 0 ? day : range_from; i <= day; i++)
		*weekdays |= 1U << i;
	return true;
}

static bool read_weekdays(struct parser *parser)
{
	int range_from = -1;
	bool first = true;

	for (;;) {
		const char *start = parser->at;
		size_t length;
		int day = find_day(start, &length);

		if (day < 0)
			return first || fail(parser, start, "a weekday should stand here");
		if (!is_one_of(start[length], "-., "))
			return fail(parser, start + length, "this cannot follow a weekday");
		if (!add_day(parser, start, day, range_from))
			return false;
		parser->at += length;
		if (is_one_of(*parser->at, " "))
			break;
		if (!read_joint(parser, day, &range_from))
			return false;
		/* A comma at the end is let pass, a range without an end is not. */
		if (is_one_of(*parser->at, " ")) {
			if (range_from >= 0)
				return fail(parser, parser->at, "a range has two ends");
			break;
		}
		first = false;
	}
	skip_spaces(parser);
	return true;
}

/* ---- date and time ---- */

/* "@" and seconds since 1970: that one moment. */
static bool read_epoch(struct parser *parser)
{
	const char *start = parser->at++;
	int64_t seconds = 0;
	struct zone_memory memory;
	struct zone_local local;

	if (!isdigit((unsigned char)*parser->at))
		return fail(parser, parser->at, "a number should stand here");
	while (isdigit((unsigned char)*parser->at)) {
		seconds = seconds * 10 + (*parser->at++ - '0');
		if (seconds >= CALENDAR_END_USEC / CALENDAR_USEC_PER_SEC)
			return fail(parser, start, "after the year 2199");
	}
	if (*parser->at != '\0')
		return fail(parser, parser->at, "nothing can follow here");
	zone_to_local(zone_utc, seconds, &local, &memory);
	parser->draft->head.utc = true;
	set_part(parser->draft, CALENDAR_YEAR, (struct calendar_part){ local.year, -1, 0 });
	set_part(parser->draft, CALENDAR_MONTH, (struct calendar_part){ local.month, -1, 0 });
	set_part(parser->draft, CALENDAR_DAY, (struct calendar_part){ local.day, -1, 0 });
	set_part(parser->draft, CALENDAR_HOUR, (struct calendar_part){ local.hour, -1, 0 });
	set_part(parser->draft, CALENDAR_MINUTE, (struct calendar_part){ local.minute, -1, 0 });
	set_part(parser->draft, CALENDAR_USEC,
		 (struct calendar_part){ local.second * CALENDAR_USEC_PER_SEC, -1, 0 });
	return true;
}

/* Puts what was read as a year into the month, and a month into the day: "12-24". */
static void shift_date(struct calendar_draft *draft)
{
	static const enum calendar_field order[] = { CALENDAR_DAY, CALENDAR_MONTH };

	for (size_t i = 0; i < 2; i++) {
		enum calendar_field to = order[i], from = to - 1;

		memcpy(draft->parts[to], draft->parts[from], sizeof(draft->parts[to]));
		draft->head.chains[to] = draft->head.chains[from];
	}
	draft->head.chains[CALENDAR_YEAR].count = 0;
}

/* "-", or "~" before a day that is counted from the end of the month. */
static bool read_dash(struct parser *parser)
{
	if (*parser->at == '~')
		parser->draft->head.end_of_month = true;
	else if (*parser->at != '-')
		return fail(parser, parser->at, "\"-\", \"~\" or \":\" should stand here");
	parser->at++;
	return true;
}

/* [[year-]month-]day; where it turns out to be a time nothing has been read. */
static bool read_date(struct parser *parser)
{
	struct calendar_draft *draft = parser->draft;
	const char *start = parser->at;

	if (!read_chain(parser, CALENDAR_YEAR))
		return false;
	if (is_one_of(*parser->at, ":")) {
		draft->head.chains[CALENDAR_YEAR].count = 0;
		parser->at = start;
		return true;
	}
	if (!read_dash(parser) || !read_chain(parser, CALENDAR_MONTH))
		return false;
	if (is_one_of(*parser->at, " ")) {
		shift_date(draft);
		skip_spaces(parser);
		return true;
	}
	if (draft->head.end_of_month)
		return fail(parser, parser->at, "\"~\" stands before the day only");
	if (!read_dash(parser) || !read_chain(parser, CALENDAR_DAY))
		return false;
	if (!is_one_of(*parser->at, " "))
		return fail(parser, parser->at, "a space should stand behind the date");
	skip_spaces(parser);
	return true;
}

static bool read_colon(struct parser *parser)
{
	if (*parser->at != ':')
		return fail(parser, parser->at, "\":\" should stand here");
	parser->at++;
	return true;
}

/* hour:minute[:second]; nothing at all is midnight. */
static bool read_time(struct parser *parser)
{
	static const struct calendar_part zero = { 0, -1, 0 };

	set_part(parser->draft, CALENDAR_USEC, zero);
	if (*parser->at == '\0') {
		set_part(parser->draft, CALENDAR_HOUR, zero);
		set_part(parser->draft, CALENDAR_MINUTE, zero);
		return true;
	}
	if (!read_chain(parser, CALENDAR_HOUR) || !read_colon(parser) ||
	    !read_chain(parser, CALENDAR_MINUTE))
		return false;
	if (*parser->at == '\0')
		return true;
	if (!read_colon(parser) || !read_chain(parser, CALENDAR_USEC))
		return false;
	return *parser->at == '\0' ||
	       fail(parser, parser->at, "nothing but a time zone can follow here");
}

static bool read_expression(struct parser *parser)
{
	if (!read_weekdays(parser))
		return false;
	if (*parser->at == '@')
		return read_epoch(parser);
	return (*parser->at == '\0' || read_date(parser)) && read_time(parser);
}

/* ---- the zone at the end ---- */

/* Behind a space at the end, in any case; what comes before it is *ret_length long. */
static bool ends_with(const char *text, const char *word, size_t *ret_length)
{
	size_t length = strlen(text), word_length = strlen(word);

	if (word_length == 0 || length < word_length + 1 || text[length - word_length - 1] != ' ' ||
	    strcasecmp(text + length - word_length, word) != 0)
		return false;
	*ret_length = length - word_length - 1;
	return true;
}

/* UTC, or an abbreviation of the own zone: -1 none, else what `daylight` is to be. */
static int find_known_zone(const char *text, const struct zone *own_zone, bool *ret_utc,
			   size_t *ret_length)
{
	*ret_utc = ends_with(text, "UTC", ret_length);
	if (*ret_utc)
		return -1;
	for (int daylight = 0; daylight <= 1; daylight++)
		/* Nothing before it is no expression; then it may be one itself. */
		if (ends_with(text, zone_abbreviation(own_zone, daylight), ret_length))
			return daylight;
	*ret_length = strlen(text);
	return -1;
}

static bool has_letter(const char *word)
{
	while (*word != '\0')
		if (isalpha((unsigned char)*word++))
			return true;
	return false;
}

const char *calendar_zone_name(const char *text, const struct zone *own_zone)
{
	const char *space = strrchr(text, ' ');
	size_t length;
	bool is_utc;

	if (!space || find_known_zone(text, own_zone, &is_utc, &length) >= 0 || is_utc)
		return NULL;
	return zone_name_is_valid(space + 1) && has_letter(space + 1) ? space + 1 : NULL;
}

/* Fills in the zone; *ret_length: of the expression without it. False: there is none such. */
static bool take_zone(struct calendar *head, const char *text, const struct zone *own_zone,
		      const struct zone *named_zone, size_t *ret_length)
{
	const char *name = calendar_zone_name(text, own_zone);

	head->daylight = find_known_zone(text, own_zone, &head->utc, ret_length);
	head->zone = head->utc ? zone_utc : own_zone;
	if (!name)
		return true;
	*ret_length = (size_t)(name - text);
	if (!named_zone)
		return false;
	*ret_length -= 1;
	head->zone = named_zone;
	memcpy(head->zone_name, name, strlen(name) + 1);
	return true;
}

/* ---- all of it ---- */

static const struct {
	const char *name;
	const char *expression;
} shorthands[] = {
	{ "minutely", "*-*-* *:*:00" },
	{ "hourly", "*-*-* *:00:00" },
	{ "daily", "*-*-* 00:00:00" },
	{ "monthly", "*-*-01 00:00:00" },
	{ "weekly", "Mon *-*-* 00:00:00" },
	{ "yearly", "*-01-01 00:00:00" },
	{ "annually", "*-01-01 00:00:00" },
	{ "anually", "*-01-01 00:00:00" }, /* systemd once had it like this */
	{ "quarterly", "*-01,04,07,10-01 00:00:00" },
	{ "semiannually", "*-01,07-01 00:00:00" },
	{ "semi-annually", "*-01,07-01 00:00:00" },
	{ "biannually", "*-01,07-01 00:00:00" },
	{ "bi-annually", "*-01,07-01 00:00:00" },
};

static const char *expand_shorthand(const char *expression)
{
	for (size_t i = 0; i < sizeof(shorthands) / sizeof(shorthands[0]); i++)
		if (strcasecmp(expression, shorthands[i].name) == 0)
			return shorthands[i].expression;
	return expression;
}

/* `expression` is without its zone. */
static bool parse(struct calendar_draft *draft, const char *expression,
		  struct calendar_error *ret_error)
{
	const char *text = expand_shorthand(expression);
	struct parser parser = { .draft = draft, .at = text };
	const char *fault;

	if (*text == '\0') {
		*ret_error =
			(struct calendar_error){ CALENDAR_NOWHERE, "an expression is missing" };
		return false;
	}
	if (!read_expression(&parser)) {
		*ret_error = (struct calendar_error){ (size_t)(parser.at - text), parser.reason };
		return false;
	}
	calendar_draft_normalize(draft);
	fault = calendar_draft_find_fault(draft);
	if (fault)
		*ret_error = (struct calendar_error){ CALENDAR_NOWHERE, fault };
	return !fault;
}

static struct calendar *finish(const struct calendar_draft *draft)
{
	struct calendar *calendar;
	size_t count = 0;

	for (size_t i = 0; i < CALENDAR_FIELDS; i++)
		count += draft->head.chains[i].count;
	calendar = malloc(sizeof(*calendar) + count * sizeof(calendar->parts[0]));
	if (!calendar)
		return NULL;
	*calendar = draft->head;
	count = 0;
	for (size_t i = 0; i < CALENDAR_FIELDS; i++) {
		struct calendar_chain *chain = &calendar->chains[i];

		memcpy(calendar->parts + count, draft->parts[i],
		       chain->count * sizeof(calendar->parts[0]));
		chain->first = count;
		count += chain->count;
	}
	return calendar;
}

int calendar_new(const char *text, const struct zone *own_zone, const struct zone *named_zone,
		 struct calendar **ret_calendar, struct calendar_error *ret_error)
{
	struct calendar_draft draft = { .head.daylight = -1 };
	char expression[CALENDAR_TEXT_BYTES_MAX + 1];
	size_t length;

	if (strlen(text) > CALENDAR_TEXT_BYTES_MAX) {
		*ret_error = (struct calendar_error){ CALENDAR_TEXT_BYTES_MAX, "it is too long" };
		return CALENDAR_E_SYNTAX;
	}
	if (!take_zone(&draft.head, text, own_zone, named_zone, &length)) {
		*ret_error = (struct calendar_error){ length, "there is no such time zone" };
		return CALENDAR_E_SYNTAX;
	}
	memcpy(expression, text, length);
	expression[length] = '\0';
	if (!parse(&draft, expression, ret_error))
		return CALENDAR_E_SYNTAX;
	if (draft.head.utc)
		draft.head.zone = zone_utc;
	*ret_calendar = finish(&draft);
	return *ret_calendar ? 0 : -ENOMEM;
}

struct calendar *calendar_free(struct calendar *calendar)
{
	free(calendar);
	return NULL;
}
